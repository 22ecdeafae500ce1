/* ledger.c - an open-addressing table from address to serial, deletion by backward shift. */
#include "runtime/ledger.h"

#include "runtime/object.h"
#include "runtime/platform.h"

struct entry {
    struct orr_object *object; /* null: empty */
    uint64_t serial;
    const void *site; /* where it was made; null: not known */
};

struct orr_ledger {
    struct orr_mutex lock; /* everything below */
    struct entry *entries;
    uint64_t mask; /* entries - 1 */
    uint64_t used;
    uint64_t births, deaths;
};

enum { LEDGER_FIRST = 1024 };

struct orr_ledger *
orr_ledger_create(void)
{
    struct orr_ledger *ledger = orr_allocate(sizeof *ledger);
    if (!ledger)
        return NULL;
    ledger->entries = orr_allocate(LEDGER_FIRST * sizeof *ledger->entries);
    if (!ledger->entries) {
        orr_deallocate(ledger);
        return NULL;
    }
    ledger->mask = LEDGER_FIRST - 1;
    orr_mutex_init(&ledger->lock);
    return ledger;
}

void
orr_ledger_destroy(struct orr_ledger *ledger)
{
    if (!ledger)
        return;
    orr_mutex_fini(&ledger->lock);
    orr_deallocate(ledger->entries);
    orr_deallocate(ledger);
}

static uint64_t
home_of(const struct orr_ledger *ledger, const struct orr_object *object)
{
    return ((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 20 & ledger->mask;
}

/* The entry of the object, or the empty one where it would go. */
static uint64_t
find_locked(const struct orr_ledger *ledger, const struct orr_object *object)
{
    uint64_t i = home_of(ledger, object);
    while (ledger->entries[i].object && ledger->entries[i].object != object)
        i = (i + 1) & ledger->mask;
    return i;
}

/* Without memory the table fills up beyond half; its last place stays empty, because searches end there. */
static bool
grow_locked(struct orr_ledger *ledger)
{
    struct entry *old = ledger->entries, *fresh;
    uint64_t old_count = ledger->mask + 1;
    fresh = orr_allocate(old_count * 2 * sizeof *fresh);
    if (!fresh)
        return ledger->used < ledger->mask;
    ledger->entries = fresh;
    ledger->mask = old_count * 2 - 1;
    for (uint64_t i = 0; i < old_count; i++)
        if (old[i].object)
            ledger->entries[find_locked(ledger, old[i].object)] = old[i];
    orr_deallocate(old);
    return true;
}

bool
orr_ledger_born_at(struct orr_ledger *ledger, struct orr_object *object, const void *site)
{
    orr_mutex_lock(&ledger->lock);
    if (ledger->used * 2 > ledger->mask && !grow_locked(ledger)) {
        orr_mutex_unlock(&ledger->lock);
        return false;
    }
    struct entry *entry = &ledger->entries[find_locked(ledger, object)];
    orr_require(!entry->object, "object %p is born where object number %lu still lives",
                (void *)object, (unsigned long)entry->serial);
    entry->object = object;
    entry->serial = ++ledger->births;
    entry->site = site;
    ledger->used++;
    orr_mutex_unlock(&ledger->lock);
    return true;
}

bool
orr_ledger_born(struct orr_ledger *ledger, struct orr_object *object)
{
    return orr_ledger_born_at(ledger, object, NULL);
}

/* Closes the gap at i, so that searches need no tombstones. */
static void
remove_locked(struct orr_ledger *ledger, uint64_t i)
{
    uint64_t gap = i;
    for (;;) {
        i = (i + 1) & ledger->mask;
        if (!ledger->entries[i].object)
            break;
        uint64_t home = home_of(ledger, ledger->entries[i].object);
        if (((i - home) & ledger->mask) >= ((i - gap) & ledger->mask)) {
            ledger->entries[gap] = ledger->entries[i];
            gap = i;
        }
    }
    ledger->entries[gap].object = NULL;
    ledger->used--;
}

void
orr_ledger_died(struct orr_ledger *ledger, struct orr_object *object)
{
    orr_mutex_lock(&ledger->lock);
    uint64_t i = find_locked(ledger, object);
    orr_require(ledger->entries[i].object, "object %p dies but is not alive in the ledger",
                (void *)object);
    remove_locked(ledger, i);
    ledger->deaths++;
    orr_mutex_unlock(&ledger->lock);
}

const void *
orr_ledger_site(struct orr_ledger *ledger, const struct orr_object *object)
{
    orr_mutex_lock(&ledger->lock);
    const struct entry *entry = &ledger->entries[find_locked(ledger, object)];
    const void *site = entry->object ? entry->site : NULL;
    orr_mutex_unlock(&ledger->lock);
    return site;
}

void
orr_ledger_totals(struct orr_ledger *ledger, uint64_t *births, uint64_t *deaths)
{
    orr_mutex_lock(&ledger->lock);
    *births = ledger->births;
    *deaths = ledger->deaths;
    orr_mutex_unlock(&ledger->lock);
}

void
orr_ledger_each(struct orr_ledger *ledger, void (*visit)(struct orr_object *, uint64_t, void *),
                void *argument)
{
    orr_mutex_lock(&ledger->lock);
    for (uint64_t i = 0; i <= ledger->mask; i++)
        if (ledger->entries[i].object)
            visit(ledger->entries[i].object, ledger->entries[i].serial, argument);
    orr_mutex_unlock(&ledger->lock);
}

void
orr_ledger_each_site(struct orr_ledger *ledger,
                     void (*visit)(struct orr_object *, const void *, void *), void *argument)
{
    orr_mutex_lock(&ledger->lock);
    for (uint64_t i = 0; i <= ledger->mask; i++)
        if (ledger->entries[i].object)
            visit(ledger->entries[i].object, ledger->entries[i].site, argument);
    orr_mutex_unlock(&ledger->lock);
}

void
orr_ledger_lock(struct orr_ledger *ledger)
{
    if (ledger)
        orr_mutex_lock(&ledger->lock);
}

void
orr_ledger_unlock(struct orr_ledger *ledger)
{
    if (ledger)
        orr_mutex_unlock(&ledger->lock);
}
