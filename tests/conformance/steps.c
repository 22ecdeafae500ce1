/* steps.c - collecting a little, and the bound on uncollected garbage, under every collector.
 */
#include "tests/conformance/world.h"

#include "runtime/gc.h"

enum { RINGS = 400, RING = 25, BOUND = 1 << 19, TAKEN = 6 << 20 };

static void
drop_ring(struct orr_thread *thread)
{
    ORR_OWN(thread, first, orr_new(thread, &type_node));
    ORR_OWN(thread, last, NULL);
    cr_assert(first.ref);
    payload_set(first.ref, 0);
    for (uint32_t i = 1; i < RING; i++) {
        ORR_OWN(thread, next, orr_new(thread, &type_node));
        cr_assert(next.ref);
        payload_set(next.ref, i);
        orr_set(thread, next.ref, 0, last.ref ? last.ref : first.ref);
        orr_own_set(&last, orr_take(&next));
    }
    orr_set(thread, first.ref, 0, last.ref);
}

/* Steps with more and more time, until nothing is left; none of them may end with garbage and without more. */
static void
step_by_step(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_gc_result result = {.more = true};
    uint64_t collected = 0;
    for (uint32_t i = 0; i < RINGS; i++)
        drop_ring(world.thread);
    orr_poll(world.thread);
    for (uint64_t budget_ns = 20000; result.more && budget_ns < 20000000000;
         budget_ns += budget_ns / 2) {
        cr_assert_eq(orr_gc_step(world.thread, budget_ns, &result), ORR_OK);
        cr_assert(result.number != 0 || result.more, "%s: nothing done, and nothing left",
                  world_name(&world));
        collected += result.collected;
    }
    cr_assert(!result.more, "%s: a step of 20 s is not enough", world_name(&world));
    if (is_complete(options->collector))
        cr_assert_eq(collected, RINGS * RING, "%s: %lu collected", world_name(&world),
                     (unsigned long)collected);
    world_close(&world);
}

/* A program that loses rings all the time, with nothing but the bound to start collections. */
static void
within_bounds(const struct orr_heap_options *options)
{
    struct orr_heap_options bounded = *options;
    bounded.garbage_bound = BOUND;
    struct world world = world_open(&bounded);
    const uint64_t ring_bytes = RING * type_node.bytes;
    for (uint64_t taken = 0; taken < TAKEN; taken += ring_bytes)
        drop_ring(world.thread);
    if (is_complete(options->collector)) {
        struct orr_gc_stats stats;
        cr_assert_eq(orr_gc_stats(world.heap, ORR_GENERATION_OLDEST, &stats, NULL), ORR_OK);
        const uint64_t most = orr_load_relaxed(&world.heap->garbage_bytes_peak);
        cr_assert(most <= BOUND, "%s: %lu bytes of garbage", world_name(&world),
                  (unsigned long)most);
        cr_assert(stats.collections >= TAKEN / BOUND, "%s: %lu collections", world_name(&world),
                  (unsigned long)stats.collections);
        cr_assert(orr_load_relaxed(&world.heap->bytes_peak) < 8 * BOUND, "%s: %lu bytes at most",
                  world_name(&world), (unsigned long)orr_load_relaxed(&world.heap->bytes_peak));
    }
    orr_gc_disable(world.heap); /* then nobody keeps it */
    const uint64_t begun = orr_load_relaxed(&world.heap->collections_begun);
    for (uint64_t taken = 0; taken < 2 * BOUND; taken += ring_bytes)
        drop_ring(world.thread);
    cr_assert_eq(orr_load_relaxed(&world.heap->collections_begun), begun, "%s", world_name(&world));
    world_close(&world);
}

/* Large ones, each a cycle by itself: a look at every sixty-fourth allocation would be too late. Cells that a thread
 * has in hand are not taken anew, so there may be a batch of them more. */
static void
within_bounds_by(const struct orr_heap_options *options, uint32_t raw, uint64_t bound)
{
    struct orr_heap_options bounded = *options;
    bounded.garbage_bound = bound;
    struct world world = world_open(&bounded);
    for (uint64_t taken = 0; taken < 16 * bound; taken += raw) {
        ORR_OWN(world.thread, loop, orr_new_array(world.thread, &type_plain, 1, raw));
        cr_assert(loop.ref);
        orr_set_slot(world.thread, loop.ref, orr_element(loop.ref, 0), loop.ref);
    }
    const uint64_t most = orr_load_relaxed(&world.heap->garbage_bytes_peak);
    if (is_complete(options->collector))
        cr_assert(most != 0 && most <= bound + bound / 8, "%s: %lu bytes of garbage", world_name(&world),
                  (unsigned long)most);
    world_close(&world);
}

static void
within_bounds_of_the_large(const struct orr_heap_options *options)
{
    within_bounds_by(options, 300000, 1 << 20);
    within_bounds_by(options, 8000, 1 << 18);
}

#define COLLECTOR(collector, summary)                                                              \
    Test(steps, collector)                                                                         \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, step_by_step);                            \
    }                                                                                              \
    Test(bound, collector)                                                                         \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, within_bounds);                           \
    }                                                                                              \
    Test(bound_of_the_large, collector)                                                            \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, within_bounds_of_the_large);              \
    }
#include "collectors/list.def"
#undef COLLECTOR
