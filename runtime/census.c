/* census.c - numbering the objects of a stopped heap, and finding what holds them from outside.
 *
 * Threads: the stopper's.
 */
#include "runtime/census.h"

#include "runtime/collector.h"
#include "runtime/local.h"

/* --- looking ---------------------------------------------------------------------------------- */

struct orr_look
orr_look_begin(struct orr_thread *thread)
{
    orr_require(orr_load_relaxed(&thread->heap->world.stopper) != thread, /* relaxed: own doing */
                "thread %u inspects the heap while it has stopped the world itself", thread->id);
    orr_poll(thread);
    struct orr_look look = {.thread = thread, .start_ns = orr_clock_ns()};
    orr_world_stop(thread->heap, thread);
    orr_counts_settle(thread);
    for (struct orr_thread *other = thread->heap->threads; other; other = other->next)
        look.has_finalizing |= other->finalizing != NULL;
    return look;
}

void
orr_look_end(const struct orr_look *look)
{
    orr_world_resume(look->thread->heap);
    orr_pause_note(look->thread, ORR_PAUSE_STOP, look->start_ns);
}

bool
orr_is_finalizing(const struct orr_heap *heap, const struct orr_object *object)
{
    for (const struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        for (const struct orr_rites *rites = thread->finalizing; rites; rites = rites->outer)
            if (rites->object == object)
                return true;
    return false;
}

enum orr_status
orr_look_check(const struct orr_heap *heap, const char *consequence, struct orr_error *error)
{
    if (heap->kind->is_walkable)
        return ORR_OK;
    return orr_fail(error, ORR_NOT_APPLICABLE,
                    "heap %s cannot enumerate its objects, so %s; choose a walkable heap, such as "
                    "blocks",
                    heap->kind->name, consequence);
}

/* --- edges ------------------------------------------------------------------------------------ */

struct numbering {
    void (*visit)(struct orr_object *child, uint32_t field, void *argument);
    void *argument;
    uint32_t field;
};

static void
visit_own(struct orr_slot *slot, void *argument)
{
    struct numbering *numbering = argument;
    struct orr_object *child = orr_slot_peek(slot);
    uint32_t field = numbering->field++;
    if (child)
        numbering->visit(child, field, numbering->argument);
}

static void
visit_ephemeral(struct orr_slot *slot, void *argument)
{
    struct numbering *numbering = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        numbering->visit(child, ORR_FIELD_WEAK_MAP, numbering->argument);
}

/* orr_object_trace in two halves: values of weak maps have no place among the object's slots. */
void
orr_edges_visit(struct orr_object *object,
                void (*visit)(struct orr_object *child, uint32_t field, void *argument),
                void *argument)
{
    struct numbering numbering = {.visit = visit, .argument = argument};
    struct orr_layout layout = orr_layout_of(object);
    if (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED) /* relaxed: stopped */
        orr_ephemerons_trace(object, visit_ephemeral, &numbering);
    if (layout.flags & ORR_LAYOUT_ODD) {
        orr_object_trace_odd(object, visit_own, &numbering);
        return;
    }
    struct orr_slot *slots = (struct orr_slot *)(object + 1);
    for (uint32_t i = 0; i < layout.references; i++)
        visit_own(&slots[i], &numbering);
}

/* --- numbering -------------------------------------------------------------------------------- */

/* By address: neighbours in the heap are neighbours in the table, which spares most misses. */
enum { GRAIN_SHIFT = 5 }; /* no two objects begin within 32 bytes */

/* A table of more is not asked for: sanitizers and limits on address space would refuse it. */
#define TABLE_BYTES_MAX ((uint64_t)1 << 38)

static uint64_t
place_of(const struct orr_census *census, const struct orr_object *object)
{
    if (__builtin_expect(!census->is_hashed, 1))
        return ((uintptr_t)object - census->base) >> GRAIN_SHIFT;
    uint64_t mask = census->places - 1;
    uint64_t i = ((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 20 & mask;
    while (census->table[i] && census->objects[census->table[i] - 1] != object)
        i = (i + 1) & mask;
    return i;
}

uint32_t
orr_census_number(const struct orr_census *census, const struct orr_object *object)
{
    uint64_t place = place_of(census, object);
    if (__builtin_expect(place >= census->places, 0)) /* claimed, and beyond all that are not */
        return ORR_CENSUS_NONE;
    return census->table[place] - 1; /* 0 - 1: none */
}

static_assert((uint32_t)(0u - 1) == ORR_CENSUS_NONE, "an empty place is no number");

struct counting {
    const struct orr_look *look;
    uint64_t count;
    uintptr_t lowest, highest;
};

static void
count_object(struct orr_object *object, void *argument)
{
    struct counting *counting = argument;
    if (orr_is_hidden(counting->look, object))
        return;
    counting->count++;
    if ((uintptr_t)object < counting->lowest)
        counting->lowest = (uintptr_t)object;
    if ((uintptr_t)object > counting->highest)
        counting->highest = (uintptr_t)object;
}

static void
number_object(struct orr_object *object, void *argument)
{
    struct orr_census *census = argument;
    if (orr_is_hidden(census->look, object))
        return;
    uint64_t place = place_of(census, object);
    census->objects[census->count] = object;
    census->table[place] = ++census->count;
}

static bool
make_table(struct orr_census *census, const struct counting *counting)
{
    uint64_t span = counting->count ? counting->highest - counting->lowest : 0;
    census->base = counting->lowest;
    census->places = (span >> GRAIN_SHIFT) + 1;
    if (census->places <= TABLE_BYTES_MAX / sizeof *census->table)
        census->table = orr_pages_reserve(census->places * sizeof *census->table);
    if (census->table)
        return true;
    census->is_hashed = true;
    for (census->places = 64; census->places < counting->count + counting->count / 2;)
        census->places *= 2;
    census->table = orr_allocate(census->places * sizeof *census->table);
    return census->table != NULL;
}

bool
orr_census_take(struct orr_census *census, const struct orr_look *look)
{
    struct orr_heap *heap = look->thread->heap;
    struct counting counting = {.look = look, .lowest = UINTPTR_MAX};
    *census = (struct orr_census){.look = look};
    heap->kind->walk(heap, 0, 1, count_object, &counting);
    uint64_t count = counting.count;
    if (count <= ORR_CENSUS_MOST) {
        census->objects = orr_allocate((count + 1) * sizeof *census->objects);
        census->references = orr_allocate((count + 1) * sizeof *census->references);
        census->hold = orr_allocate(count + 1);
    }
    if (!census->objects || !census->references || !census->hold ||
        !make_table(census, &counting)) {
        orr_census_end(census);
        return false;
    }
    heap->kind->walk(heap, 0, 1, number_object, census);
    return true;
}

void
orr_census_end(struct orr_census *census)
{
    orr_deallocate(census->objects);
    orr_deallocate(census->references);
    orr_deallocate(census->hold);
    if (census->is_hashed)
        orr_deallocate(census->table);
    else if (census->table)
        orr_pages_release(census->table, census->places * sizeof *census->table);
    *census = (struct orr_census){0};
}

/* --- what is held from outside ---------------------------------------------------------------- */

struct finding {
    struct orr_census *census;
    enum orr_hold hold;
    const struct orr_slot *own; /* does not count; may be null */
};

static void
count_reference(struct orr_slot *slot, void *argument)
{
    struct orr_census *census = argument;
    const struct orr_object *child = orr_slot_peek(slot);
    uint32_t number = child ? orr_census_number(census, child) : ORR_CENSUS_NONE;
    if (number != ORR_CENSUS_NONE)
        census->references[number]++;
}

/* The first to hold an object names the hold: callers come in order of what says most. */
static void
note_hold(struct orr_slot *slot, void *argument)
{
    struct finding *finding = argument;
    const struct orr_object *child = orr_slot_peek(slot);
    if (!child || slot == finding->own)
        return;
    uint32_t number = orr_census_number(finding->census, child);
    if (number != ORR_CENSUS_NONE && finding->census->hold[number] == ORR_NOT_HELD)
        finding->census->hold[number] = (uint8_t)finding->hold;
}

static void
note_roots(struct finding *finding)
{
    struct orr_heap *heap = finding->census->look->thread->heap;
    finding->hold = ORR_HOLD_ROOT;
    orr_mutex_lock(&heap->roots_lock); /* who is not attached does not stand still */
    for (struct orr_root *root = heap->roots; root; root = root->next)
        note_hold(&root->slot, finding);
    orr_mutex_unlock(&heap->roots_lock);
    finding->hold = ORR_HOLD_LOCAL;
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        for (struct orr_own *local = thread->locals; local; local = local->previous)
            note_hold(&local->slot, finding);
    finding->hold = ORR_HOLD_OUTSIDE;
    orr_roots_visit(heap, note_hold, finding); /* the rest: what the dying refer to, and the like */
}

static void
note_counted(struct orr_census *census, const struct orr_object *own)
{
    for (uint32_t i = 0; i < census->count; i++) {
        const struct orr_object *object = census->objects[i];
        int64_t inside = (int64_t)census->references[i] + (object == own);
        if (census->hold[i] == ORR_NOT_HELD && orr_count_stopped(object) > inside)
            census->hold[i] = ORR_HOLD_OUTSIDE;
    }
}

static const struct orr_slot *
newest_local(const struct orr_thread *thread, const struct orr_object *object)
{
    for (const struct orr_own *local = thread->locals; local; local = local->previous)
        if (local->ref == object)
            return &local->slot;
    return NULL;
}

void
orr_census_find_holds(struct orr_census *census, struct orr_object *own)
{
    const struct orr_thread *thread = census->look->thread;
    for (uint32_t i = 0; i < census->count; i++) {
        struct orr_object *object = census->objects[i];
        census->hold[i] = orr_is_immortal(object) ? ORR_HOLD_IMMORTAL : ORR_NOT_HELD;
        orr_object_trace(object, orr_layout_of(object), count_reference, census);
    }
    struct finding finding = {.census = census, .own = own ? newest_local(thread, own) : NULL};
    note_roots(&finding);
    if (thread->heap->rc->counts)
        note_counted(census, own);
}
