/* trial.c - collectors/trial: a candidate that reaches too much is put aside, without a trace and not for ever. */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

enum { BUDGET = 300, LARGE = 1000, SMALL = 5 };

static struct orr_heap *heap;
static struct orr_thread *thread;
static const struct orr_collection *last; /* of the listener */
static struct orr_collection last_told;

static void
keep_collection(void *context, const struct orr_collection *collection)
{
    (void)context;
    last_told = *collection;
    last = &last_told;
}

static void
open_heap(const char *budget, struct orr_trigger trigger)
{
    static const char *settings[2];
    struct orr_heap_options options = small_options(&orr_rc_atomic, "trial", &orr_heap_blocks);
    settings[0] = budget;
    options.settings = settings;
    options.trigger = trigger;
    options.listener.collection = keep_collection;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
    last = NULL;
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

/* A ring, held by the reference that is returned. References are moved, so that no member is a candidate. */
static struct orr_object *
new_ring(int members)
{
    struct orr_object *const first = orr_new(thread, &small_pair);
    struct orr_object *last_member = first;
    cr_assert(first);
    for (int i = 1; i < members; i++) {
        struct orr_object *const next = orr_new(thread, &small_pair);
        cr_assert(next);
        orr_slot_put(&((struct small_pair *)last_member)->slots[0], next);
        last_member = next;
    }
    orr_retain(thread, first);
    orr_slot_put(&((struct small_pair *)last_member)->slots[0], first);
    return first;
}

/* A decrement to non-zero, by which the object becomes a candidate. */
static void
touch(struct orr_object *object)
{
    orr_retain(thread, object);
    orr_release(thread, object);
}

static struct orr_gc_result
collect(void)
{
    struct orr_gc_result result;
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    return result;
}

static void
expect_sound(void)
{
    struct orr_error error = {0};
    orr_world_stop(heap, thread);
    cr_assert(orr_heap_verify(heap, thread, &error), "%s", error.message);
    orr_world_resume(heap);
}

static const struct orr_trigger manual = {.kind = ORR_TRIGGER_manual};

Test(trial, what_reaches_too_much_is_put_aside_and_what_reaches_little_is_not)
{
    open_heap("budget=300", manual);
    orr_release(thread, new_ring(LARGE));
    orr_release(thread, new_ring(SMALL));
    orr_release(thread, new_ring(LARGE));
    orr_release(thread, new_ring(SMALL));
    cr_assert_eq(collect().collected, 2 * SMALL);
    cr_assert_eq(heap->parked.total, 2);
    cr_assert_eq(small_live(heap), 2 * LARGE);
    expect_sound();
    cr_assert_eq(collect().collected, 0, "asked for again, it puts them aside no less");
    cr_assert_eq(heap->parked.total, 2, "and names each once");
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0, "who wants all garbage to go gets it");
    cr_assert_eq(heap->parked.total, 0);
    close_heap();
}

/* A second candidate of the same ring meets no word that the first one left. */
Test(trial, putting_aside_leaves_nothing_behind)
{
    open_heap("budget=300", manual);
    {
        ORR_OWN(thread, alive, new_ring(LARGE));
        struct orr_object *candidate = alive.ref;
        for (int i = 0; i < 10; i++) {
            touch(candidate);
            candidate = orr_slot_peek(&((struct small_pair *)candidate)->slots[0]);
        }
        for (int times = 0; times < 3; times++) {
            cr_assert_eq(collect().unreachable, 0);
            expect_sound(); /* counts as they were; the side table is judged by the next collection */
            touch(alive.ref);
        }
        cr_assert_eq(small_live(heap), LARGE);
    }
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* What it subtracted from objects that others had visited before is given back: else those would be garbage to it. */
Test(trial, putting_aside_gives_back_what_was_subtracted_from_others)
{
    open_heap("budget=300", manual);
    {
        ORR_OWN(thread, large, new_ring(LARGE));
        orr_slot_put(&((struct small_pair *)large.ref)->slots[1], new_ring(SMALL)); /* moved */
        touch(orr_slot_peek(&((struct small_pair *)large.ref)->slots[1]));
        touch(large.ref);
        cr_assert_eq(collect().unreachable, 0);
        cr_assert_eq(heap->parked.total, 1, "the large ring alone");
        cr_assert_eq(small_live(heap), LARGE + SMALL);
        expect_sound();
    }
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* However often it fails before, a small ring gets the least that a candidate is given. */
Test(trial, failures_make_it_stingy_but_never_blind)
{
    enum { FAILURES = 20 };
    open_heap("budget=300", manual);
    for (int i = 0; i < FAILURES; i++)
        orr_release(thread, new_ring(LARGE));
    orr_release(thread, new_ring(SMALL));
    cr_assert_eq(collect().collected, SMALL);
    cr_assert_eq(heap->parked.total, FAILURES);
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* One table with more elements than the budget is too large before it is looked at. */
Test(trial, a_wide_array_is_put_aside_by_its_length)
{
    static uint16_t array_index;
    static const struct orr_type array_type = {.name = "array",
                                               .bytes = sizeof(struct orr_array),
                                               .flags = ORR_TYPE_ARRAY,
                                               .index = &array_index};
    open_heap("budget=300", manual);
    cr_assert_eq(orr_type_register(&array_type, NULL), ORR_OK);
    {
        ORR_OWN(thread, array, orr_new_array(thread, &array_type, 10 * BUDGET, 0));
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        orr_set_slot(thread, array.ref, orr_element(array.ref, 7), pair.ref);
        orr_set(thread, pair.ref, 0, array.ref);
    }
    cr_assert_eq(collect().collected, 0);
    cr_assert_eq(heap->parked.total, 2, "the pair reaches it too");
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* The heap has grown by half, and by enough to matter: then collections that start by themselves are complete. */
Test(trial, what_was_put_aside_is_looked_at_when_the_heap_has_grown)
{
    enum { HELD = 300000 };
    open_heap("budget=300", (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 100});
    struct orr_object *chain = NULL;
    orr_release(thread, new_ring(LARGE));
    orr_collect(thread, "test");
    for (int i = 0; i < 200; i++) /* automatic ones put it aside */
        orr_release(thread, new_ring(SMALL));
    cr_assert(last);
    cr_assert_eq(heap->parked.total, 1);
    cr_assert_geq(small_live(heap), LARGE);
    for (int i = 0; i < HELD; i++) {
        struct orr_object *const next = orr_new(thread, &small_pair);
        cr_assert(next);
        orr_slot_put(&((struct small_pair *)next)->slots[0], chain); /* moved */
        chain = next;
    }
    for (int i = 0; i < 200; i++)
        orr_release(thread, new_ring(SMALL));
    cr_assert_eq(heap->parked.total, 0);
    cr_assert_lt(small_live(heap), HELD + LARGE, "the large ring has gone");
    orr_release(thread, chain);
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* Collections that start by themselves put all of it aside: none is the complete one that the bound asks for. */
Test(trial, what_is_put_aside_counts_against_the_bound)
{
    enum { BOUND = 1 << 19, RINGS = 200 };
    open_heap("budget=300", (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 3});
    orr_gc_bound_set(heap, BOUND);
    for (int i = 0; i < RINGS; i++)
        orr_release(thread, new_ring(LARGE));
    cr_assert(last && orr_load_relaxed(&heap->collections_done) > RINGS / 4, "the trigger goes off");
    const uint64_t used = orr_load_relaxed(&heap->bytes_used);
    cr_assert(used < 2 * BOUND, "%lu bytes", (unsigned long)used);
    const uint64_t most = orr_load_relaxed(&heap->garbage_bytes_peak);
    cr_assert(most <= BOUND, "%lu bytes of garbage", (unsigned long)most);
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* What waits because it is frozen was not too large: collections that start by themselves are complete. */
Test(trial, what_is_frozen_does_not_count_as_put_aside)
{
    open_heap("budget=300", manual);
    {
        ORR_OWN(thread, frozen, orr_new(thread, &small_pair));
        cr_assert(orr_gc_freeze(thread));
        touch(frozen.ref);
        cr_assert_eq(collect().collected, 0);
        cr_assert_eq(heap->parked.total, 1);
        cr_assert(last && !last->is_partial);
        orr_release(thread, new_ring(LARGE));
        collect();
        cr_assert(last->is_partial);
        collect();
        cr_assert(last->is_partial, "it is still aside");
        orr_settle(thread);
        cr_assert(!last->is_partial);
        orr_gc_unfreeze(thread);
    }
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* Else the edges that it had would be taken for the references from outside that a living candidate has. */
Test(trial, putting_aside_takes_its_edges_out_of_the_sums)
{
    enum { WIDE = 10 * BUDGET };
    static uint16_t array_index;
    static const struct orr_type array_type = {.name = "array",
                                               .bytes = sizeof(struct orr_array),
                                               .flags = ORR_TYPE_ARRAY,
                                               .index = &array_index};
    open_heap("budget=300", manual);
    cr_assert_eq(orr_type_register(&array_type, NULL), ORR_OK);
    {
        ORR_OWN(thread, array, orr_new_array(thread, &array_type, WIDE, 0));
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        ORR_OWN(thread, alive, orr_new(thread, &small_pair));
        orr_set(thread, pair.ref, 0, array.ref); /* one edge, and then it is too wide */
        touch(pair.ref);
        touch(alive.ref); /* one reference */
        cr_assert_eq(collect().unreachable, 0);
        cr_assert_eq(small_live(heap), 3);
    }
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

Test(trial, putting_aside_gives_nothing_back_to_what_outsiders_refer_to)
{
    open_heap("budget=300", manual);
    {
        ORR_OWN(thread, large, new_ring(LARGE));
        ORR_OWN(thread, outside, orr_new(thread, &small_pair));
        ORR_OWN(thread, beyond, orr_new(thread, &small_pair));
        cr_assert(orr_immortalise(thread, outside.ref));
        orr_set(thread, outside.ref, 0, beyond.ref);
        orr_set(thread, large.ref, 1, outside.ref);
        touch(large.ref);
        collect();
        cr_assert_eq(heap->parked.total, 1);
        cr_assert_eq(orr_load_relaxed(orr_scratch(heap, beyond.ref)), 0);
    }
    orr_settle(thread);
    close_heap();
}

static void
cry(struct orr_thread *crier, struct orr_object *object)
{
    (void)crier, (void)object;
}

/* What the list of garbage has no memory for is named again, though no decrement does so. */
static void
lose_memory_for(uint32_t debug)
{
    static uint16_t legacy_index;
    static const struct orr_type legacy_type = {.name = "legacy",
                                                .bytes = sizeof(struct small_pair),
                                                .references = 2,
                                                .flags = ORR_TYPE_LEGACY,
                                                .finalize = cry,
                                                .index = &legacy_index};
    const struct orr_type *const type = debug ? &small_pair : &legacy_type;
    for (uint64_t n = 1; n <= 6; n++) {
        open_heap("budget=300", manual);
        cr_assert_eq(orr_type_register(&legacy_type, NULL), ORR_OK);
        orr_gc_debug_set(heap, debug);
        {
            ORR_OWN(thread, loop, orr_new(thread, type));
            orr_set(thread, loop.ref, 0, loop.ref);
        }
        orr_fail_allocation(n, false);
        collect();
        orr_fail_allocation(0, false);
        collect();
        cr_assert_eq(orr_gc_garbage_count(heap), 1, "without the allocation %u", (unsigned)n);
        expect_sound();
        close_heap();
    }
}

Test(trial, uncollectable_garbage_that_the_list_has_no_memory_for_is_found_again)
{
    lose_memory_for(0);
}

Test(trial, saved_garbage_that_the_list_has_no_memory_for_is_found_again)
{
    lose_memory_for(ORR_DEBUG_SAVEALL);
}
