/* triggers.c - what starts a collection by itself when thresholds are as large as numbers get, or nought.
 *
 * That triggers go off when they should is tested in conformance/triggers.c.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

enum { CYCLES = 20000 };

static const char *const collectors[] = {"generations", "subtract", "trial", "mark"};

/* Makes garbage; returns how many collections there were after the first `already`. */
static uint64_t
collections_of(struct orr_heap *heap, uint64_t already)
{
    struct orr_thread *thread = small_attach(heap);
    uint64_t number = 0;
    if (already)
        cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    for (int i = 0; i < CYCLES; i++) {
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        cr_assert(pair.ref);
        orr_set(thread, pair.ref, 0, pair.ref);
    }
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        struct orr_gc_stats stats;
        cr_assert_eq(orr_gc_stats(heap, generation, &stats, NULL), ORR_OK);
        number += stats.collections;
    }
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
    return number - already;
}

static struct orr_heap *
heap_with(const char *collector, const uint64_t *thresholds)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, collector, &orr_heap_blocks);
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 1000};
    for (int i = 0; thresholds && i < ORR_GENERATIONS; i++)
        options.thresholds[i] = thresholds[i];
    return small_heap_open(&options);
}

/* No heap has 2^63 births; a number above that is no negative one. */
Test(triggers, a_threshold_that_is_never_reached_starts_nothing)
{
    static const uint64_t never[] = {UINT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1};
    for (size_t c = 0; c < sizeof collectors / sizeof collectors[0]; c++)
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
            struct orr_heap *heap = heap_with(collectors[c], NULL);
            orr_gc_threshold_set(heap, (uint64_t[]){never[i], 10, 10});
            cr_expect_eq(collections_of(heap, 0), 0, "%s, %llx", collectors[c],
                         (unsigned long long)never[i]);
        }
}

Test(triggers, an_adaptive_threshold_does_not_come_round)
{
    for (size_t c = 0; c < sizeof collectors / sizeof collectors[0]; c++)
        for (unsigned bit = 60; bit < 64; bit++) {
            struct orr_heap *heap = heap_with(collectors[c], NULL);
            struct orr_trigger trigger = {.kind = ORR_TRIGGER_adaptive,
                                          .count = UINT64_C(1) << bit};
            orr_gc_trigger_set(heap, &trigger);
            cr_expect_eq(collections_of(heap, 1), 0, "%s, 2^%u", collectors[c], bit);
        }
}

Test(triggers, a_first_threshold_of_nought_among_options_starts_nothing)
{
    for (size_t c = 0; c < sizeof collectors / sizeof collectors[0]; c++)
        cr_expect_eq(collections_of(heap_with(collectors[c], (uint64_t[]){0, 10, 10}), 0), 0, "%s",
                     collectors[c]);
}

Test(triggers, thresholds_of_nought_in_options_leave_the_trigger_alone)
{
    for (size_t c = 0; c < sizeof collectors / sizeof collectors[0]; c++)
        cr_expect_gt(collections_of(heap_with(collectors[c], (uint64_t[]){0, 0, 0}), 0), 1, "%s",
                     collectors[c]);
}

static void
drop_loops(struct orr_thread *thread, int number)
{
    for (int i = 0; i < number; i++) {
        ORR_OWN(thread, loop, orr_new(thread, &small_pair));
        cr_assert(loop.ref);
        orr_set(thread, loop.ref, 0, loop.ref);
    }
}

static uint64_t
limit_after_a_collection(struct orr_heap *heap, struct orr_thread *thread)
{
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    return orr_load_relaxed(&heap->count_limit);
}

Test(triggers, an_adaptive_threshold_falls_where_much_was_garbage_and_rises_where_little_was)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, "subtract", &orr_heap_blocks);
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_adaptive, .count = 3000};
    struct orr_heap *heap = small_heap_open(&options);
    struct orr_thread *thread = small_attach(heap);
    {
        ORR_OWN(thread, living, orr_new(thread, &small_pair));
        cr_assert_eq(limit_after_a_collection(heap, thread), 4500, "nothing was garbage");
        drop_loops(thread, 300);
        cr_assert_eq(limit_after_a_collection(heap, thread), 3000, "nearly all was");
        drop_loops(thread, 1);
        cr_assert_eq(limit_after_a_collection(heap, thread), 2000, "half was");
    }
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

Test(triggers, triggers_and_steps_give_way_to_who_waits_to_collect)
{
    struct orr_heap *heap = heap_with("trial", NULL);
    struct orr_thread *thread = small_attach(heap);
    struct orr_gc_result result;
    orr_store_relaxed(&heap->gc.waiting, 1);
    drop_loops(thread, CYCLES);
    cr_assert_eq(orr_gc_step(thread, 1000000000, &result), ORR_OK);
    cr_assert_eq(result.number, 0);
    cr_assert_eq(orr_load_relaxed(&heap->collections_begun), 0);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.collected, CYCLES, "what a program asks for does not");
    orr_store_relaxed(&heap->gc.waiting, 0);
    drop_loops(thread, CYCLES);
    cr_assert(orr_load_relaxed(&heap->collections_begun) > 1);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}
