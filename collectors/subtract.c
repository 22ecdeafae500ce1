/* subtract.c - subtract internal references, whole heap, world stopped.
 *
 * After: CPython's cycle collector, the variant that walks the allocator's pages (papers/reading/subtract.md).
 * An object that has more references than the heap's own objects hold on it is held from outside: a local,
 * a root, whoever. All that such objects reach is alive; the rest is garbage. No candidates, no barrier and
 * no roots are needed: the counts say where the roots are.
 *
 * Differs from CPython: in-degrees are summed in the side table and compared, not subtracted from a copy of
 * the count; the walk is by address, so its misses do not wait for one another; marking what is alive goes
 * through a short queue of fetched objects; nothing is swept when everything was reached.
 *
 * The side table's word: references found in the heap; bit 31 REACHED.
 *
 * Always   between collections the side table is zero
 *          no object has more references found than counted (asserted: a breach of law 1, or a lost retain;
 *          the most productive assertion of CPython's collector)
 * Threads: the collecting thread; others stand still in the first window, and in the second when callbacks
 *          ran in between (parts/garbage.c).
 */
#include "collectors/parts/garbage.h"

#define REACHED 0x80000000u
#define FOUND 0x7fffffffu

enum { QUEUE = 16 }; /* objects between fetch and use; a power of two */

struct subtract {
    struct orr_object_list garbage;
    struct orr_object_list stack; /* reached, not yet looked into */
    /* The present collection. */
    struct orr_heap *heap;
    bool any_frozen;
    uint64_t objects, edges, reached;
};

/* --- first pass: in-degrees ------------------------------------------------------------------------ */

static inline void
count_edge(struct orr_slot *slot, void *argument)
{
    struct subtract *subtract = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child || (subtract->any_frozen && orr_is_frozen_now(child)))
        return;
    _Atomic(uint32_t) *word = orr_scratch(subtract->heap, child);
    /* relaxed, all of this file: the world is stopped */
    orr_store_relaxed(word, orr_load_relaxed(word) + 1);
    subtract->edges++;
}

static void
count_edges_of(struct orr_object *object, void *argument)
{
    struct subtract *subtract = argument;
    if (orr_is_corpse(object) || orr_is_frozen_now(object))
        return;
    subtract->objects++;
    orr_object_trace(object, orr_layout_of(object), count_edge, subtract);
}

/* --- second pass: what is held from outside, and all it reaches -------------------------------------- */

static inline void
reach(struct subtract *subtract, struct orr_object *object)
{
    _Atomic(uint32_t) *word = orr_scratch(subtract->heap, object);
    uint32_t found = orr_load_relaxed(word);
    if (found & REACHED)
        return;
    orr_store_relaxed(word, found | REACHED);
    subtract->reached++;
    orr_list_push(&subtract->stack, (uintptr_t)object);
}

static inline void
reach_slot(struct orr_slot *slot, void *argument)
{
    struct subtract *subtract = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && !(subtract->any_frozen && orr_is_frozen_now(child)))
        reach(subtract, child);
}

/* Empties the stack through a queue: an object is fetched when it enters and looked into when it leaves. */
static void
drain(struct subtract *subtract)
{
    struct orr_object_list *stack = &subtract->stack;
    struct orr_object *queue[QUEUE];
    size_t in = 0, out = 0;
    for (;;) {
        while (in - out < QUEUE && stack->count) {
            struct orr_object *object = (struct orr_object *)stack->items[--stack->count];
            __builtin_prefetch(object);
            queue[in++ % QUEUE] = object;
        }
        if (in == out)
            return;
        struct orr_object *object = queue[out++ % QUEUE];
        orr_object_trace(object, orr_layout_of(object), reach_slot, subtract);
    }
}

static void
refuse_count(const struct orr_object *object, int64_t counted, uint32_t found)
{
    orr_require(
        false,
        "object %p of type %s has %lld references by its count, but %u were found in the heap: "
        "one was released twice or stored without a retain, or a trace reports one twice",
        (const void *)object, orr_type_of(object)->name, (long long)counted, found);
}

static void
reach_if_held(struct orr_object *object, void *argument)
{
    struct subtract *subtract = argument;
    if (orr_is_corpse(object) || orr_is_frozen_now(object))
        return;
    uint32_t found = orr_load_relaxed(orr_scratch(subtract->heap, object));
    int64_t counted = orr_count_stopped(object);
    if (ORR_IS_CHECKED && counted < (int64_t)(found & FOUND) && !orr_is_immortal(object) &&
        !orr_is_saturated(orr_load_relaxed(&object->shared)))
        refuse_count(object, counted, found & FOUND);
    if (found & REACHED)
        return;
    if (counted != (int64_t)found || orr_is_immortal(object)) {
        reach(subtract, object);
        drain(subtract);
    }
}

/* --- third pass: the rest --------------------------------------------------------------------------- */

static void
gather(struct orr_object *object, void *argument)
{
    struct subtract *subtract = argument;
    if (orr_is_corpse(object) || orr_is_frozen_now(object) ||
        (orr_load_relaxed(orr_scratch(subtract->heap, object)) & REACHED))
        return;
    orr_garbage_mark(object);
    orr_list_push(&subtract->garbage, (uintptr_t)object);
}

/* --- one collection --------------------------------------------------------------------------------- */

static void
collect(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct subtract *subtract = heap->collector_private;
    subtract->heap = heap;
    subtract->any_frozen = orr_any_frozen(heap);
    subtract->objects = subtract->edges = subtract->reached = 0;

    orr_phase_begin(collection, "stop");
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    orr_phase_end(collection);

    orr_phase_begin(collection, "subtract");
    heap->kind->walk(heap, 0, 1, count_edges_of, subtract);
    orr_phase_end(collection);

    orr_phase_begin(collection, "reach");
    heap->kind->walk(heap, 0, 1, reach_if_held, subtract);
    orr_phase_end(collection);

    orr_phase_begin(collection, "gather");
    if (subtract->reached != subtract->objects)
        heap->kind->walk(heap, 0, 1, gather, subtract);
    orr_garbage_clear_scratch(heap);
    orr_list_rest(&subtract->stack);
    bool kept = orr_garbage_close(thread, &subtract->garbage, collection);
    orr_world_resume(heap);
    orr_phase_end(collection);
    collection->nodes_visited = subtract->objects;
    collection->edges_visited = subtract->edges;

    orr_phase_begin(collection, "free");
    bool has_outside = subtract->reached != 0 || subtract->any_frozen || kept;
    orr_garbage_free(thread, &subtract->garbage, has_outside, NULL, collection);
    orr_phase_end(collection);
}

static enum orr_status
heap_init(struct orr_heap *heap, struct orr_error *error)
{
    struct subtract *subtract = heap->collector_private;
    if (orr_list_open(&subtract->garbage) && orr_list_open(&subtract->stack))
        return ORR_OK;
    orr_list_close(&subtract->garbage);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the lists of subtraction");
}

static void
heap_fini(struct orr_heap *heap)
{
    struct subtract *subtract = heap->collector_private;
    orr_list_close(&subtract->garbage);
    orr_list_close(&subtract->stack);
}

static void
forked(struct orr_thread *thread, bool abandoned)
{
    struct subtract *subtract = thread->heap->collector_private;
    if (abandoned)
        orr_garbage_forked(thread, &subtract->garbage);
}

extern const struct orr_collector orr_collector_subtract;
const struct orr_collector orr_collector_subtract = {
    .name = "subtract",
    .summary = "CPython's: subtract internal references over the whole heap, in two windows",
    .paper = "subtract",
    .needs = ORR_NEEDS_COUNTS | ORR_NEEDS_WALK | ORR_NEEDS_SCRATCH,
    .completeness = 1,
    .trigger = {.kind = ORR_TRIGGER_ratio, .count = 10000, .bytes = 32 << 20, .ratio = 0.5},
    .heap_bytes = sizeof(struct subtract),
    .heap_init = heap_init,
    .heap_fini = heap_fini,
    .collect = collect,
    .forked = forked,
};
