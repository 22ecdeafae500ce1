/* weakmap.c - maps with weak keys or weak values: entries, and who ends them.
 *
 * An entry (struct orr_ephemeron) is listed twice: in its map's roster, by key; and in the cell (weak.h) of the
 * object that it knows weakly, its referent, which is the key of the one kind and the value of the other. It is
 * no object: the value under a weak key is a counted slot in it, which collectors see as a field of the key.
 *
 * Who may touch an entry. T is the lock of weak.c's table, M the map's; T is taken first.
 *
 *     set (T, M)      remove, replaced by set, the map's death (T, M): freed, value released
 *        |           /
 *        v          /
 *     MAPPED ------+       in roster and cell; the value is read under M
 *        |
 *        | orr_ephemerons_clear (T, M): the referent is certain to die, or a collection has found it dead
 *        v                 (there an entry of a map of weak values is freed at once)
 *     UNMAPPED             map null; in the cell alone; belongs to whoever buries the referent
 *        |          \
 *        |           \ orr_ephemerons_reap: a finalizer has saved the referent: freed, value released
 *        v
 *     freed by orr_ephemerons_forget (T), when the referent's memory goes; the value is not released: the
 *     burial has dropped it as it dropped the referent's fields (orr_object_trace)
 *
 * So each value is released once, whoever is first:
 *   key and map die on two threads        T decides. clear first: the burial drops the value, the map's destroy
 *                                         does not find the entry. destroy first: the burial does not find it.
 *   both in one garbage set               all keys are cleared while the world is stopped, before any destroy
 *                                         runs: the key's burial it is. If the value is a member too, it is
 *                                         freed as such; else it is dropped as a reference that leads outside.
 *   the map in garbage, the key not       the value is no garbage either, since the key leads to it: destroy
 *                                         ends the entry and releases the value like any holder
 *   the key in garbage, the map not       as when the key dies alone
 *   the count is zero, clear is to come   still MAPPED. Others may end the entry; upgrades fail.
 *
 * orr_ephemerons_trace walks a cell's list without T: the world is stopped; or the referent is being buried, so
 * its entries are UNMAPPED, and nobody else has a way to them.
 *
 * Locks: nothing is released, allocated from a heap or waited for under T or M, and no safepoint lies there. So
 * in a stopped world all are free: clear may take M in a collection, and fork needs T alone (orr_weaks_lock).
 * Entries leave a map one at a time, because the release of a value may be a safepoint: what is still to be
 * released must be where collectors find it, and not on this stack.
 *
 * Under `tracing` all is the same and releases do nothing: a value lives while its key leads to it.
 *
 * Always   roster.count = entries with this map = the map's size; each in its referent's cell
 *          a value slot is not null exactly in entries of maps of weak keys
 */
#include "runtime/weakmap.h"

#include "runtime/birth.h"
#include "runtime/collector.h"
#include "runtime/roster.h"
#include "runtime/weak.h"

/* What is behind a map object. */
struct map {
    struct orr_mutex lock;
    struct orr_roster roster;
    struct orr_heap *heap;
    struct map *next, **link; /* all maps; T */
};

struct orr_ephemeron {
    struct orr_rostered rostered; /* first: the roster's; valid while map is not null */
    struct orr_slot value;
    struct map *map;
    struct orr_weak_cell *cell;
    struct orr_ephemeron *next, **link; /* in the cell; T */
};

struct weak_map {
    struct orr_object header;
    struct map *map;
};

static struct map *maps; /* T; for the heap's end, when map objects can no longer be read */

/* --- entries ------------------------------------------------------------------------------------------ */

static void
lock_map(struct orr_thread *thread, struct map *map)
{
    if (orr_mutex_try_lock(&map->lock))
        return;
    uint64_t start_ns = orr_clock_ns();
    orr_mutex_lock(&map->lock);
    orr_pause_note(thread, ORR_PAUSE_LOCK, start_ns);
}

static void
unlock_map(struct map *map)
{
    orr_mutex_unlock(&map->lock);
}

/* T held. */
static void
hang(struct orr_ephemeron *entry, struct orr_weak_cell *cell)
{
    entry->cell = cell;
    entry->next = cell->ephemerons;
    if (entry->next)
        entry->next->link = &entry->next;
    entry->link = &cell->ephemerons;
    cell->ephemerons = entry;
}

/* T held. The cell stays, even if nobody needs it any more. */
static void
unhang(struct orr_ephemeron *entry)
{
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
}

/* T held. The cell may be gone afterwards. */
static void
unhang_and_settle(struct orr_ephemeron *entry)
{
    struct orr_weak_cell *cell = entry->cell;
    unhang(entry);
    if (!cell->ephemerons)
        orr_weak_cell_settle(cell);
}

/* M held. */
static struct orr_ephemeron *
find(const struct map *map, uint64_t number)
{
    return (struct orr_ephemeron *)orr_roster_find(&map->roster, number);
}

static inline void
note_write(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
           struct orr_object *value)
{
    if (__builtin_expect(thread->hooks & ORR_HOOK_WRITE, 0))
        thread->heap->collector->write(thread, holder, slot, value);
}

/* Frees an entry that is in no list and lets its value go; may be a safepoint. */
static void
discard(struct orr_thread *thread, struct orr_ephemeron *entry)
{
    struct orr_object *value = orr_slot_peek(&entry->value);
    if (value)
        note_write(thread, NULL, &entry->value, NULL);
    orr_deallocate(entry);
    if (value)
        thread->heap->rc->release(thread, value);
}

/* --- maps --------------------------------------------------------------------------------------------- */

static void destroy(struct orr_thread *thread, struct orr_object *object);

static uint16_t keys_index, values_index;

/* Green: values hang from keys, so a map refers to nothing. */
const struct orr_type orr_weak_keys_type = {.name = "weak-key map",
                                            .bytes = sizeof(struct weak_map),
                                            .flags = ORR_TYPE_ACYCLIC,
                                            .destroy = destroy,
                                            .index = &keys_index};
const struct orr_type orr_weak_values_type = {.name = "weak-value map",
                                              .bytes = sizeof(struct weak_map),
                                              .flags = ORR_TYPE_ACYCLIC,
                                              .destroy = destroy,
                                              .index = &values_index};

static struct map *
map_of(const struct orr_object *object, const struct orr_type *type)
{
    orr_require(orr_type_of(object) == type, "the object %p is no %s", (const void *)object,
                type->name);
    return ((const struct weak_map *)object)->map;
}

static struct map *
map_of_any(const struct orr_object *object)
{
    bool has_values = orr_type_of(object) == &orr_weak_values_type;
    return map_of(object, has_values ? &orr_weak_values_type : &orr_weak_keys_type);
}

static void
free_map(struct map *map)
{
    orr_roster_clear(&map->roster);
    orr_mutex_fini(&map->lock);
    orr_deallocate(map);
}

static void
enlist(struct map *map)
{
    orr_weaks_lock();
    map->next = maps;
    if (maps)
        maps->link = &map->next;
    map->link = &maps;
    maps = map;
    orr_weaks_unlock();
}

/* T held. */
static void
delist(struct map *map)
{
    *map->link = map->next;
    if (map->next)
        map->next->link = map->link;
}

static struct orr_object *
new_map(struct orr_thread *thread, const struct orr_type *type)
{
    struct map *map = NULL;
    if (orr_type_register(type, NULL) != ORR_OK || !(map = orr_allocate(sizeof *map)))
        return NULL;
    struct weak_map *object = (struct weak_map *)orr_new(thread, type);
    if (!object) {
        orr_deallocate(map);
        return NULL;
    }
    orr_mutex_init(&map->lock);
    map->heap = thread->heap;
    object->map = map;
    enlist(map);
    return &object->header;
}

/* Takes some entry out of a map that nobody else holds; null: there is none. */
static struct orr_ephemeron *
take_any(struct orr_thread *thread, struct map *map, uint64_t *cursor)
{
    orr_weaks_lock();
    lock_map(thread, map);
    struct orr_ephemeron *entry = (struct orr_ephemeron *)orr_roster_next(&map->roster, cursor);
    if (entry) {
        orr_roster_leave(&map->roster, &entry->rostered);
        unhang_and_settle(entry);
    }
    unlock_map(map);
    orr_weaks_unlock();
    return entry;
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    struct map *map = map_of_any(object);
    struct orr_ephemeron *entry;
    uint64_t cursor = 0;
    if (!map) /* its birth was under way in another thread, and we are the child of a fork */
        return;
    while ((entry = take_any(thread, map, &cursor)))
        discard(thread, entry);
    orr_assert(map->roster.count == 0);
    orr_weaks_lock();
    delist(map);
    orr_weaks_unlock();
    free_map(map);
}

/* --- what both kinds do ------------------------------------------------------------------------------- */

/* T and M held. The entry comes in place of what was there (*old, in no list then; or null). False: no memory,
 * nothing done. */
static bool
enter(struct orr_thread *thread, struct map *map, struct orr_ephemeron *entry, uint64_t number,
      struct orr_object *referent, struct orr_ephemeron **old)
{
    *old = find(map, number);
    if (!*old && !orr_roster_reserve(&map->roster))
        return false;
    struct orr_weak_cell *cell = orr_weak_cell_obtain(thread, referent);
    if (!cell)
        return false;
    entry->map = map;
    hang(entry, cell);
    if (*old) {
        orr_roster_replace(&map->roster, &(*old)->rostered, &entry->rostered);
        unhang_and_settle(*old);
    } else
        orr_roster_enter(&map->roster, &entry->rostered, number);
    return true;
}

/* Room for one more, made under M alone: a large roster moves without holding everybody up. */
static bool
reserve(struct orr_thread *thread, struct map *map)
{
    lock_map(thread, map);
    bool reserved = orr_roster_reserve(&map->roster);
    unlock_map(map);
    return reserved;
}

static bool
set(struct orr_thread *thread, struct map *map, uint64_t number, struct orr_object *referent,
    struct orr_object *value)
{
    struct orr_ephemeron *entry, *old = NULL;
    orr_require(referent && !orr_is_weak(referent), "a weak reference cannot be known weakly");
    orr_assert(map->heap == thread->heap);
    if (!reserve(thread, map) || !(entry = orr_allocate(sizeof *entry)))
        return false;
    if (value) {
        thread->heap->rc->retain(thread, value);
        note_write(thread, referent, &entry->value, value);
        orr_slot_put(&entry->value, value);
    }
    thread->heap->rc->publish(thread, referent);
    orr_weaks_lock();
    lock_map(thread, map);
    bool entered = enter(thread, map, entry, number, referent, &old);
    unlock_map(map);
    orr_weaks_unlock();
    struct orr_ephemeron *spare = entered ? old : entry;
    if (spare)
        discard(thread, spare);
    return entered;
}

static bool
remove_entry(struct orr_thread *thread, struct map *map, uint64_t number)
{
    orr_weaks_lock();
    lock_map(thread, map);
    struct orr_ephemeron *entry = find(map, number);
    if (entry) {
        orr_roster_leave(&map->roster, &entry->rostered);
        unhang_and_settle(entry);
    }
    unlock_map(map);
    orr_weaks_unlock();
    if (entry)
        discard(thread, entry);
    return entry != NULL;
}

static uint64_t
size(struct orr_thread *thread, struct map *map)
{
    lock_map(thread, map);
    uint64_t count = map->roster.count;
    unlock_map(map);
    return count;
}

/* M held, so an entry's cell stays: a counted reference to the referent; null: it is dead or dying. */
static struct orr_object *
upgrade(struct orr_thread *thread, const struct orr_ephemeron *entry)
{
    return orr_weak_upgrade(thread, entry->cell);
}

/* M held. A counted reference to the value under a weak key, which the slot keeps alive meanwhile. */
static struct orr_object *
hold_value(struct orr_thread *thread, const struct orr_ephemeron *entry)
{
    struct orr_object *value = orr_slot_peek(&entry->value);
    thread->heap->rc->retain(thread, value);
    return value;
}

bool
orr_weak_map_next(struct orr_thread *thread, struct orr_object *object, uint64_t *cursor,
                  struct orr_object **key, uint64_t *number, struct orr_object **value)
{
    struct map *map = map_of_any(object);
    struct orr_object *referent = NULL;
    struct orr_ephemeron *entry;
    bool has_keys = orr_type_of(object) == &orr_weak_keys_type;
    lock_map(thread, map);
    do
        entry = (struct orr_ephemeron *)orr_roster_next(&map->roster, cursor);
    while (entry && !(referent = upgrade(thread, entry)));
    if (entry) {
        *key = has_keys ? referent : NULL;
        *value = has_keys ? hold_value(thread, entry) : referent;
        *number = has_keys ? 0 : entry->rostered.number;
    }
    unlock_map(map);
    return entry != NULL;
}

/* --- weak keys ---------------------------------------------------------------------------------------- */

static uint64_t
number_of(const struct orr_object *key)
{
    return (uintptr_t)key;
}

struct orr_object *
orr_weak_keys_new(struct orr_thread *thread)
{
    return new_map(thread, &orr_weak_keys_type);
}

bool
orr_weak_keys_set(struct orr_thread *thread, struct orr_object *map, struct orr_object *key,
                  struct orr_object *value)
{
    orr_require(value, "an entry has a value; remove the entry instead");
    return set(thread, map_of(map, &orr_weak_keys_type), number_of(key), key, value);
}

struct orr_object *
orr_weak_keys_get(struct orr_thread *thread, struct orr_object *object, struct orr_object *key)
{
    struct map *map = map_of(object, &orr_weak_keys_type);
    lock_map(thread, map);
    const struct orr_ephemeron *entry = find(map, number_of(key));
    struct orr_object *value = entry ? hold_value(thread, entry) : NULL;
    unlock_map(map);
    return value;
}

bool
orr_weak_keys_remove(struct orr_thread *thread, struct orr_object *map, struct orr_object *key)
{
    return remove_entry(thread, map_of(map, &orr_weak_keys_type), number_of(key));
}

uint64_t
orr_weak_keys_size(struct orr_thread *thread, struct orr_object *map)
{
    return size(thread, map_of(map, &orr_weak_keys_type));
}

/* --- weak values -------------------------------------------------------------------------------------- */

struct orr_object *
orr_weak_values_new(struct orr_thread *thread)
{
    return new_map(thread, &orr_weak_values_type);
}

bool
orr_weak_values_set(struct orr_thread *thread, struct orr_object *map, uint64_t key,
                    struct orr_object *value)
{
    return set(thread, map_of(map, &orr_weak_values_type), key, value, NULL);
}

struct orr_object *
orr_weak_values_get(struct orr_thread *thread, struct orr_object *object, uint64_t key)
{
    struct map *map = map_of(object, &orr_weak_values_type);
    lock_map(thread, map);
    const struct orr_ephemeron *entry = find(map, key);
    struct orr_object *value = entry ? upgrade(thread, entry) : NULL;
    unlock_map(map);
    return value;
}

bool
orr_weak_values_remove(struct orr_thread *thread, struct orr_object *map, uint64_t key)
{
    return remove_entry(thread, map_of(map, &orr_weak_values_type), key);
}

uint64_t
orr_weak_values_size(struct orr_thread *thread, struct orr_object *map)
{
    return size(thread, map_of(map, &orr_weak_values_type));
}

/* --- for weak.c and collectors ------------------------------------------------------------------------ */

void
orr_ephemerons_trace(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    orr_weaks_lock();
    struct orr_weak_cell *cell = orr_weak_cell_find(object);
    struct orr_ephemeron *entry = cell ? cell->ephemerons : NULL;
    orr_weaks_unlock();
    for (; entry; entry = entry->next)
        if (orr_slot_peek(&entry->value))
            visit(&entry->value, argument);
}

/* T held. The entry leaves its map; of no more use if it has no value to be dropped. */
static void
unmap(struct orr_ephemeron *entry)
{
    struct map *map = entry->map;
    orr_mutex_lock(&map->lock);
    orr_roster_leave(&map->roster, &entry->rostered);
    orr_mutex_unlock(&map->lock);
    entry->map = NULL;
    if (orr_slot_peek(&entry->value))
        return;
    unhang(entry);
    orr_deallocate(entry);
}

void
orr_ephemerons_clear(struct orr_weak_cell *cell)
{
    for (struct orr_ephemeron *entry = cell->ephemerons, *next; entry; entry = next) {
        next = entry->next;
        if (entry->map)
            unmap(entry);
    }
}

void
orr_ephemerons_forget(struct orr_weak_cell *cell)
{
    orr_ephemerons_clear(cell);
    orr_ephemerons_close(cell);
}

void
orr_ephemerons_reap(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_ephemeron *entry;
    do {
        orr_weaks_lock();
        struct orr_weak_cell *cell = orr_weak_cell_find(object);
        entry = cell ? cell->ephemerons : NULL;
        while (entry && entry->map)
            entry = entry->next;
        if (entry)
            unhang_and_settle(entry);
        orr_weaks_unlock();
        if (entry)
            discard(thread, entry);
    } while (entry);
}

void
orr_ephemerons_close(struct orr_weak_cell *cell)
{
    for (struct orr_ephemeron *entry = cell->ephemerons, *next; entry; entry = next) {
        next = entry->next;
        orr_deallocate(entry);
    }
    cell->ephemerons = NULL;
}

void
orr_weak_maps_close(struct orr_heap *heap)
{
    for (struct map *map = maps, *next; map; map = next) {
        next = map->next;
        if (map->heap != heap)
            continue;
        delist(map);
        free_map(map);
    }
}
