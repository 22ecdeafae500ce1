/* census.c - one walk enters every object, one subtracts, one marks; see census.h. */
#include "bench/census.h"

#include "runtime/collector.h"

#include <stdlib.h>

enum { ROOM_LEAST = 1024 };

/* An object and what is known of it; open addressing, linear. */
struct subject {
    struct orr_object *object; /* null: empty */
    int64_t outside;           /* references from outside of the heap; REACHED once it is marked */
};

#define REACHED INT64_MIN

struct table {
    struct subject *subjects;
    uint64_t mask, used;
    struct orr_object **pending; /* reached, and not yet looked into */
    uint64_t pending_count;
    bool is_full; /* no memory: the table is incomplete */
};

static struct subject *
find(const struct table *table, const struct orr_object *object)
{
    /* Fibonacci's hash of the cell's number: its high bits are the mixed ones. */
    uint64_t i = (((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & table->mask;
    while (table->subjects[i].object && table->subjects[i].object != object)
        i = (i + 1) & table->mask;
    return &table->subjects[i];
}

static bool
make_room(struct table *table)
{
    const struct table old = *table;
    if (table->subjects && 2 * table->used <= table->mask)
        return true;
    const uint64_t room = table->subjects ? 2 * (table->mask + 1) : ROOM_LEAST;
    table->subjects = calloc(room, sizeof *table->subjects);
    table->mask = room - 1;
    if (!table->subjects) {
        *table = old;
        return false;
    }
    for (uint64_t i = 0; old.subjects && i <= old.mask; i++)
        if (old.subjects[i].object)
            *find(table, old.subjects[i].object) = old.subjects[i];
    free(old.subjects);
    return true;
}

static void
enter_object(struct orr_object *object, void *argument)
{
    struct table *const table = argument;
    if (orr_load_relaxed(&object->flags) & ORR_FLAG_SHELL) /* relaxed: the world is stopped */
        return;
    if (table->is_full || !make_room(table)) {
        table->is_full = true;
        return;
    }
    struct subject *const subject = find(table, object);
    subject->object = object;
    subject->outside = orr_is_immortal(object) ? INT64_MAX : orr_count_stopped(object);
    table->used++;
}

static void
subtract_reference(struct orr_slot *slot, void *argument)
{
    struct orr_object *const child = orr_slot_peek(slot);
    struct subject *const subject = child ? find(argument, child) : NULL;
    if (subject && subject->object && subject->outside != INT64_MAX)
        subject->outside--;
}

static void
reach(struct orr_slot *slot, void *argument)
{
    struct table *const table = argument;
    struct orr_object *const child = orr_slot_peek(slot);
    struct subject *const subject = child ? find(table, child) : NULL;
    if (!subject || !subject->object || subject->outside == REACHED)
        return;
    subject->outside = REACHED;
    table->pending[table->pending_count++] = child; /* once per object: it has room */
}

static void
trace(struct orr_object *object, orr_visit_slot *visit, struct table *table)
{
    orr_object_trace(object, orr_layout_of(object), visit, table);
}

static void
subtract_all(struct table *table)
{
    for (uint64_t i = 0; i <= table->mask; i++)
        if (table->subjects[i].object)
            trace(table->subjects[i].object, subtract_reference, table);
}

static void
reach_all(struct table *table)
{
    for (uint64_t i = 0; i <= table->mask; i++) {
        struct subject *const subject = &table->subjects[i];
        if (!subject->object || subject->outside <= 0)
            continue;
        subject->outside = REACHED;
        table->pending[table->pending_count++] = subject->object;
        while (table->pending_count > 0)
            trace(table->pending[--table->pending_count], reach, table);
    }
}

static void
count(const struct table *table, struct orr_census *census)
{
    for (uint64_t i = 0; i <= table->mask; i++) {
        const struct subject *const subject = &table->subjects[i];
        if (!subject->object)
            continue;
        const uint64_t bytes = orr_object_bytes(subject->object);
        const bool is_garbage = subject->outside != REACHED;
        census->objects++;
        census->bytes += bytes;
        census->garbage_objects += is_garbage;
        census->garbage_bytes += is_garbage ? bytes : 0;
    }
}

enum orr_status
orr_census_take(struct orr_thread *thread, struct orr_census *census, struct orr_error *error)
{
    struct table table = {0};
    *census = (struct orr_census){0};
    orr_counts_settle(thread);
    table.is_full = !make_room(&table);
    thread->heap->kind->walk(thread->heap, 0, 1, enter_object, &table);
    table.pending = calloc(table.used + 1, sizeof *table.pending);
    const bool has_memory = !table.is_full && table.pending;
    if (has_memory) {
        subtract_all(&table);
        reach_all(&table);
        count(&table, census);
    }
    free(table.pending);
    free(table.subjects);
    return has_memory ? ORR_OK
                      : orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to count what is garbage");
}
