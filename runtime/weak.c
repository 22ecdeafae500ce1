/* weak.c - weak references: the table of cells, their life, clearing, callbacks.
 *
 * A cell is found through a hash table by its referent's address; the table and all that is not atomic in
 * cells is guarded by one lock, under which nothing is allocated from a heap, released, or waited for. A cell is
 * in the table from its first weak reference (or weak map entry) until its referent is certain to die; it is
 * freed when no weak reference names it either.
 *
 * Always   a cell in the table has a live referent, or one whose death is under way and holds it up
 *          a referent with a cell is published (rc.h), and carries ORR_FLAG_PUBLISHED
 *          weak references are published too: whoever clears their cell may retain them
 *          a weak reference is in its cell's list from birth until its own count is zero
 *
 * Death by the last release, for the published, in this order:
 *   suspend  where another thread could look: before the count words become a link. The cell says "dying"; a
 *            weak reference leaves its cell. (plain: a link is told from a count by its upper half)
 *   resume   its finalizer is going to run: it is alive
 *   clear    it stays dead: cell out of the table, referent null, callbacks gathered; then they run
 *   end      its cell (of the heap) is given back: values of weak maps with it
 * In a collection: clear with the world stopped, callbacks afterwards, end.
 *
 * In a cell for entries of weak maps, clear makes the entries leave their maps; the cell stays in the table
 * until end, so that a burial finds the values.
 */
#include "runtime/weak.h"

#include "runtime/birth.h"
#include "runtime/collector.h"
#include "runtime/gc.h"
#include "runtime/local.h"
#include "runtime/raise.h"
#include "runtime/slot.h"

static uint16_t weak_index;

const struct orr_type orr_weak_type = {
    .name = "weak reference",
    .bytes = sizeof(struct orr_weak),
    .references = 1,
    .index = &weak_index,
};

/* --- the table --------------------------------------------------------------------------------------- */

enum { BUCKETS_LEAST = 64 };

static struct {
    struct orr_mutex lock;
    struct orr_weak_cell **buckets; /* a power of two of them; null before the first cell */
    uint64_t mask, count;
    struct orr_weak_cell *cleared; /* out of the table, still named by weak references */
} table = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

static _Atomic(bool) any;

bool
orr_weaks_any(void)
{
    return orr_load_relaxed(
        &any); /* relaxed: whoever asks has stopped whoever could have said so */
}

void
orr_weaks_lock(void)
{
    orr_mutex_lock(&table.lock);
}

void
orr_weaks_unlock(void)
{
    orr_mutex_unlock(&table.lock);
}

static struct orr_weak_cell **
bucket_of(const struct orr_object *object)
{
    return &table.buckets[((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 32 & table.mask];
}

/* Lock held. */
static struct orr_weak_cell *
find(const struct orr_object *object, unsigned kind)
{
    if (!table.buckets)
        return NULL;
    struct orr_weak_cell *cell = *bucket_of(object);
    while (cell && (cell->key != object || cell->kind != kind))
        cell = cell->next;
    return cell;
}

struct orr_weak_cell *
orr_weak_cell_find(const struct orr_object *object)
{
    return find(object, ORR_WEAK_CELL_ENTRIES);
}

/* Lock held. */
static void
link_cell(struct orr_weak_cell **list, struct orr_weak_cell *cell)
{
    cell->next = *list;
    if (cell->next)
        cell->next->link = &cell->next;
    cell->link = list;
    *list = cell;
}

/* Lock held. */
static void
unlink_cell(struct orr_weak_cell *cell)
{
    *cell->link = cell->next;
    if (cell->next)
        cell->next->link = cell->link;
}

/* Lock held. False: no memory, which matters only for the first buckets. */
static bool
grow(void)
{
    if (table.buckets && table.count <= table.mask)
        return true;
    uint64_t size = table.buckets ? (table.mask + 1) * 2 : BUCKETS_LEAST;
    struct orr_weak_cell **fresh = orr_allocate(size * sizeof(struct orr_weak_cell *)),
                         **old = table.buckets;
    if (!fresh)
        return old != NULL;
    uint64_t old_size = old ? table.mask + 1 : 0;
    table.buckets = fresh;
    table.mask = size - 1;
    for (uint64_t i = 0; i < old_size; i++)
        for (struct orr_weak_cell *cell = old[i], *next; cell; cell = next) {
            next = cell->next;
            link_cell(bucket_of(cell->key), cell);
        }
    orr_deallocate(old);
    return true;
}

/* Lock held, the caller holds the object, which is published. Finds or makes; null: no memory. */
static struct orr_weak_cell *
obtain(struct orr_thread *thread, struct orr_object *object, enum orr_weak_cell_kind kind)
{
    struct orr_weak_cell *cell = find(object, kind);
    if (!cell) {
        if (!grow() || !(cell = orr_allocate(sizeof *cell)))
            return NULL;
        cell->heap = thread->heap;
        cell->key = object;
        cell->kind = kind;
        link_cell(bucket_of(object), cell);
        table.count++;
        orr_store_relaxed(&any, true);
        orr_slot_unlock(&cell->referent, object); /* sync:weak-cell */
    }
    /* Only the owner says so: while it runs, nobody merges what is its. relaxed: read by the owner alone */
    if (thread->heap->rc->has_owner && orr_load_relaxed(&object->owner) == thread->id)
        orr_store_relaxed(&cell->owner, thread->id);
    return cell;
}

struct orr_weak_cell *
orr_weak_cell_obtain(struct orr_thread *thread, struct orr_object *object)
{
    return obtain(thread, object, ORR_WEAK_CELL_ENTRIES);
}

/* Lock held. Frees the cell if nobody names it. */
static void
dispose(struct orr_weak_cell *cell)
{
    if (cell->key || cell->weaks)
        return;
    unlink_cell(cell);
    orr_deallocate(cell);
}

/* Lock held. Dispose of it next. */
static void
take_out(struct orr_weak_cell *cell)
{
    unlink_cell(cell);
    link_cell(&table.cleared, cell);
    cell->key = NULL;
    table.count--;
}

void
orr_weak_cell_settle(struct orr_weak_cell *cell)
{
    if (cell->key && !cell->weaks && !cell->ephemerons)
        take_out(cell);
    dispose(cell);
}

uint64_t
orr_weak_cells(struct orr_heap *heap)
{
    uint64_t cells = 0;
    orr_weaks_lock();
    for (uint64_t i = 0; table.buckets && i <= table.mask; i++)
        for (const struct orr_weak_cell *cell = table.buckets[i]; cell; cell = cell->next)
            cells += cell->heap == heap;
    orr_weaks_unlock();
    return cells;
}

/* Lock held. Frees the heap's cells of a list; returns how many. */
static uint64_t
close_cells(struct orr_weak_cell *list, const struct orr_heap *heap)
{
    uint64_t closed = 0;
    for (struct orr_weak_cell *next; list; list = next) {
        next = list->next;
        if (list->heap != heap)
            continue;
        unlink_cell(list);
        orr_ephemerons_close(list);
        orr_deallocate(list);
        closed++;
    }
    return closed;
}

/* No object of the heap is looked at: its memory may be gone. */
void
orr_weaks_close(struct orr_heap *heap)
{
    orr_weaks_lock();
    for (uint64_t i = 0; table.buckets && i <= table.mask; i++)
        table.count -= close_cells(table.buckets[i], heap);
    close_cells(table.cleared, heap);
    if (table.count == 0) {
        orr_deallocate(table.buckets);
        table.buckets = NULL;
        table.mask = 0;
    }
    orr_weak_maps_close(heap);
    orr_weaks_unlock();
}

/* --- weak references --------------------------------------------------------------------------------- */

bool
orr_is_weak(const struct orr_object *object)
{
    return orr_type_of(object) == &orr_weak_type;
}

bool
orr_weak_is_unborn(const struct orr_object *object)
{
    return orr_is_weak(object) && !((const struct orr_weak *)object)->cell;
}

static enum orr_weak_cell_kind
kind_for(const struct orr_object *referent, orr_weak_callback *callback)
{
    return (orr_type_of(referent)->flags & ORR_TYPE_CLASS) && !callback ? ORR_WEAK_CELL_LATE
                                                                        : ORR_WEAK_CELL;
}

/* Lock held. The shared weak reference of a cell, retained; null: there is none that lives. */
static struct orr_weak *
take_shared(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    for (struct orr_weak *weak = cell ? cell->weaks : NULL; weak && weak->is_shared;
         weak = weak->next)
        if (thread->heap->rc->try_retain(thread, &weak->header))
            return weak;
    return NULL;
}

/* Lock held. The shared one (and former ones that are dying) in front: it is asked for again and again, and
 * there may be a million others. */
static void
enter(struct orr_weak *weak, struct orr_weak_cell *cell)
{
    struct orr_weak **link = &cell->weaks;
    while (!weak->is_shared && *link && (*link)->is_shared)
        link = &(*link)->next;
    weak->cell = cell;
    weak->next = *link;
    if (weak->next)
        weak->next->link = &weak->next;
    weak->link = link;
    *link = weak;
}

/* The cell of those that have none, or have left theirs: garbage that a finalizer resurrects (rule 47). */
static struct orr_weak_cell nothing;

/* Lock held; nobody upgrades the weak reference, for nobody can reach it. */
static void
leave(struct orr_weak *weak)
{
    struct orr_weak_cell *cell = weak->cell;
    if (!weak->link)
        return;
    *weak->link = weak->next;
    if (weak->next)
        weak->next->link = weak->link;
    weak->link = NULL;
    weak->cell = &nothing;
    if (!cell->weaks)
        orr_weak_cell_settle(cell);
}

static void
fill(struct orr_thread *thread, struct orr_weak *weak, orr_weak_callback *callback, void *argument,
     struct orr_object *context)
{
    weak->cell = &nothing; /* until it enters one; who comes too late to share, and is not counted, stays so */
    weak->callback = callback;
    weak->argument = argument;
    weak->is_shared = !callback;
    if (context) {
        thread->heap->rc->retain(thread, context);
        orr_slot_put(&weak->context, context);
    }
    thread->heap->rc->publish(thread, &weak->header);
}

struct orr_object *
orr_weak_new(struct orr_thread *thread, struct orr_object *referent, orr_weak_callback *callback,
             void *argument, struct orr_object *context)
{
    const struct orr_rc *rc = thread->heap->rc;
    struct orr_weak *shared = NULL;
    enum orr_weak_cell_kind kind = kind_for(referent, callback);
    if (orr_is_weak(referent))
        return NULL;
    if (!callback) {
        context = NULL;
        orr_weaks_lock();
        shared = take_shared(thread, find(referent, kind));
        orr_weaks_unlock();
        if (shared)
            return &shared->header;
    }
    struct orr_weak *weak =
        (struct orr_weak *)orr_new(thread, &orr_weak_type); /* may collect: rule 52 */
    if (!weak)
        return NULL;
    fill(thread, weak, callback, argument, context);
    rc->publish(thread, referent);
    orr_weaks_lock();
    struct orr_weak_cell *cell = obtain(thread, referent, kind);
    if (cell && !callback)
        shared = take_shared(thread, cell); /* somebody was faster */
    if (cell && !shared)
        enter(weak, cell);
    orr_weaks_unlock();
    if (cell && !shared)
        return &weak->header;
    rc->release(thread, &weak->header);
    return shared ? &shared->header : NULL;
}

struct orr_object *
orr_weak_get_any(struct orr_thread *thread, struct orr_object *weak)
{
    return orr_weak_upgrade(thread, ((struct orr_weak *)weak)->cell);
}

struct orr_object *
orr_weak_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    struct orr_object *object = orr_slot_lock(&cell->referent); /* sync:weak-cell */
    if (!object)
        return NULL;
    /* While the bit is ours, whoever lets the object die waits for it: its header is readable. */
    bool held =
        !((uintptr_t)object & ORR_WEAK_DYING) && thread->heap->rc->try_retain(thread, object);
    orr_slot_unlock(&cell->referent, object);
    return held ? object : NULL;
}

uint64_t
orr_weak_count(struct orr_thread *thread, struct orr_object *referent)
{
    return orr_weak_list(thread, referent, NULL, 0);
}

uint64_t
orr_weak_list(struct orr_thread *thread, struct orr_object *referent, struct orr_object **weaks,
              uint64_t most)
{
    uint64_t count = 0;
    orr_weaks_lock();
    for (unsigned kind = 0; kind < ORR_WEAK_CELL_ENTRIES; kind++) {
        struct orr_weak_cell *cell = find(referent, kind);
        for (struct orr_weak *weak = cell ? cell->weaks : NULL; weak; weak = weak->next) {
            if (count < most) {
                if (!thread->heap->rc->try_retain(thread, &weak->header))
                    continue;
                weaks[count] = &weak->header;
            }
            count++;
        }
    }
    orr_weaks_unlock();
    return count;
}

/* --- death ------------------------------------------------------------------------------------------- */

/* Lock held. Waits for upgrades that are under way. */
static void
set_referent(struct orr_weak_cell *cell, uintptr_t word)
{
    if (orr_slot_lock(&cell->referent))
        orr_store_release(&cell->referent.word,
                          word); /* sync:weak-cell  release: the object's revival */
}

void
orr_weak_suspend(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_weaks_lock();
    if (orr_is_weak(object))
        leave((struct orr_weak *)object);
    else
        for (unsigned kind = 0; kind < ORR_WEAK_CELL_KINDS; kind++) {
            struct orr_weak_cell *cell = find(object, kind);
            if (cell)
                set_referent(cell, (uintptr_t)object | ORR_WEAK_DYING);
        }
    orr_weaks_unlock();
}

void
orr_weak_resume(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_weaks_lock();
    for (unsigned kind = 0; kind < ORR_WEAK_CELL_KINDS; kind++) {
        struct orr_weak_cell *cell = find(object, kind);
        if (cell)
            set_referent(cell, (uintptr_t)object);
    }
    orr_weaks_unlock();
}

void
orr_weak_disown(struct orr_object *object)
{
    orr_weaks_lock();
    for (unsigned kind = 0; kind < ORR_WEAK_CELL_KINDS; kind++) {
        struct orr_weak_cell *cell = find(object, kind);
        if (cell)
            orr_store_relaxed(&cell->owner,
                              0); /* relaxed: read by the owner, for whom we work or who we are */
    }
    orr_weaks_unlock();
}

/* Lock held. Holds the live weak references of a cell that have a callback. */
static void
gather_callbacks(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    for (struct orr_weak *weak = cell->weaks; weak; weak = weak->next) {
        /* relaxed: only a collection that has stopped the world gives this colour */
        bool is_garbage = orr_load_relaxed(&weak->header.colour) == ORR_COLOUR_GARBAGE;
        if (!weak->callback || is_garbage || !thread->heap->rc->try_retain(thread, &weak->header))
            continue;
        orr_slot_put(&weak->pending, orr_slot_peek(&thread->called_weaks));
        orr_slot_put(&thread->called_weaks, &weak->header);
    }
}

/* Lock held. */
static void
clear_cell(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    set_referent(cell, 0);
    orr_store_relaxed(&cell->owner, 0); /* relaxed: the owner clears it, or stands still */
    gather_callbacks(thread, cell);
    take_out(cell);
    dispose(cell);
}

/* Lock held. What has a value to be dropped stays in the cell. */
static void
clear_entries(const struct orr_object *object)
{
    struct orr_weak_cell *cell = find(object, ORR_WEAK_CELL_ENTRIES);
    if (!cell)
        return;
    orr_ephemerons_clear(cell);
    if (!cell->ephemerons)
        orr_weak_cell_settle(cell);
}

void
orr_weak_clear(struct orr_thread *thread, struct orr_object *object, bool classes)
{
    orr_weaks_lock();
    if (orr_is_weak(object))
        leave((struct orr_weak *)object);
    else {
        for (unsigned kind = ORR_WEAK_CELL; kind <= (classes ? ORR_WEAK_CELL_LATE : ORR_WEAK_CELL);
             kind++) {
            struct orr_weak_cell *cell = find(object, kind);
            if (cell)
                clear_cell(thread, cell);
        }
        clear_entries(object);
    }
    orr_weaks_unlock();
}

void
orr_weak_end(struct orr_object *object)
{
    orr_weaks_lock();
    struct orr_weak_cell *cell = find(object, ORR_WEAK_CELL_ENTRIES);
    if (cell) {
        orr_ephemerons_forget(cell);
        orr_weak_cell_settle(cell);
    }
    /* Weak references that its last callbacks have made: their own callbacks come too late. */
    for (unsigned kind = ORR_WEAK_CELL; kind <= ORR_WEAK_CELL_LATE; kind++)
        if ((cell = find(object, kind))) {
            set_referent(cell, 0);
            orr_store_relaxed(&cell->owner, 0); /* relaxed: as in clear_cell */
            take_out(cell);
            dispose(cell);
        }
    orr_weaks_unlock();
}

void
orr_weak_call_all(struct orr_thread *thread, struct orr_object *until)
{
    struct orr_object *called;
    while ((called = orr_slot_peek(&thread->called_weaks)) && called != until) {
        struct orr_weak *weak = (struct orr_weak *)called;
        struct orr_error saved;
        struct orr_own own = {.ref = called, .thread = thread, .previous = thread->locals};
        orr_slot_put(&thread->called_weaks, orr_slot_peek(&weak->pending));
        orr_slot_put(&weak->pending, NULL);
        orr_weak_callback *callback = weak->callback;
        weak->callback = NULL; /* rule 46: it has been */
        thread->locals = &own;
        orr_raise_save(thread, &saved);
        orr_gc_calls(thread);
        callback(thread, called, weak->argument);
        orr_raise_restore(thread, &saved, "a weak reference's callback");
        thread->locals = own.previous;
        thread->heap->rc->release(thread, called);
    }
}
