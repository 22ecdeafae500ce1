/* freeze.c - runtime/freeze: when nothing can be frozen, and what becomes of newborns that are.
 *
 * What freezing means for collections is in conformance/rules; for forks, in unit/fork.c.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

static struct orr_heap *heap;
static struct orr_thread *thread;

static void
open_heap(const char *collector, const struct orr_heap_kind *kind)
{
    const struct orr_heap_options options = small_options(&orr_rc_atomic, collector, kind);
    heap = small_heap_open(&options);
    thread = small_attach(heap);
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static void
expect_sound(void)
{
    struct orr_error error = {0};
    orr_world_stop(heap, thread);
    cr_assert(orr_heap_verify(heap, thread, &error), "%s", error.message);
    orr_world_resume(heap);
}

Test(freeze, a_heap_that_cannot_be_walked_freezes_nothing)
{
    open_heap("none", &orr_heap_mimalloc);
    {
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        cr_assert(!orr_gc_freeze(thread));
        cr_assert_eq(orr_gc_freeze_count(thread), 0);
        orr_gc_unfreeze(thread);
    }
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

static void
try_to_freeze(struct orr_thread *caller, const struct orr_gc_event *event, void *froze)
{
    if (event->phase == ORR_GC_STOP)
        *(bool *)froze = orr_gc_freeze(caller);
}

Test(freeze, nothing_is_frozen_within_a_collection)
{
    bool froze = true;
    open_heap("subtract", &orr_heap_blocks);
    cr_assert(orr_gc_callback_add(heap, try_to_freeze, &froze));
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    cr_assert(!froze);
    cr_assert_eq(orr_gc_freeze_count(thread), 0);
    close_heap();
}

/* Frozen a second time, they are as frozen as before: each counts once. */
Test(freeze, to_freeze_again_adds_what_is_new)
{
    open_heap("generations", &orr_heap_blocks);
    {
        ORR_OWN(thread, old, orr_new(thread, &small_pair));
        cr_assert(orr_gc_freeze(thread));
        cr_assert_eq(orr_gc_freeze_count(thread), 1);
        ORR_OWN(thread, fresh, orr_new(thread, &small_pair));
        cr_assert(orr_gc_freeze(thread));
        cr_assert_eq(orr_gc_freeze_count(thread), 2);
        cr_assert_eq(orr_load_relaxed(&heap->gc.frozen), 2);
    }
    cr_assert_eq(orr_gc_freeze_count(thread), 0, "the dead are not counted");
    close_heap();
}

enum { BORN = 100 };
static struct orr_object *survivors[BORN / 2];

/* Every second one dies at once, and leaves its shell in the buffer of newborns. */
static void
give_birth(struct orr_thread *mother, const struct orr_gc_event *event, void *times)
{
    if (event->phase != ORR_GC_STOP || (*(int *)times)++ != 0)
        return;
    for (int i = 0; i < BORN; i++) {
        struct orr_object *object = orr_new(mother, &small_pair);
        cr_assert(object);
        if (i % 2)
            orr_release(mother, object);
        else
            survivors[i / 2] = object;
    }
}

/* Born by a callback of the very collection that precedes the freezing. */
Test(freeze, newborns_are_frozen_like_everything_else_and_are_newborns_no_more)
{
    int times = 0;
    open_heap("generations", &orr_heap_blocks);
    cr_assert(orr_gc_callback_add(heap, give_birth, &times));
    cr_assert(orr_gc_freeze(thread));
    cr_assert_eq(times, 1);
    cr_assert_eq(orr_gc_freeze_count(thread), BORN / 2);
    cr_assert_eq(thread->candidates.total, 0, "no buffer names what is frozen");
    cr_assert_eq(heap->parked.total, 0);
    expect_sound();
    for (int i = 0; i < BORN / 4; i++) /* frozen ones die by their last release */
        orr_release(thread, survivors[i]);
    cr_assert_eq(orr_gc_freeze_count(thread), BORN / 4);
    for (int i = BORN / 4; i < BORN / 2; i++) { /* and no collection looks at them */
        orr_set(thread, survivors[i], 0, survivors[i]);
        orr_release(thread, survivors[i]);
    }
    struct orr_gc_result result;
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.unreachable, 0);
    orr_gc_unfreeze(thread);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.collected, BORN / 4);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

/* All that is not frozen is garbage, so nothing that a collector has reached is outside of it; the frozen are. */
Test(freeze, garbage_alone_in_the_heap_gives_back_what_it_held_of_the_frozen)
{
    static const char *const collectors[] = {"generations", "subtract", "trial", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        struct orr_gc_result result;
        open_heap(collectors[i], &orr_heap_blocks);
        {
            ORR_OWN(thread, frozen, orr_new(thread, &small_pair));
            cr_assert(orr_gc_freeze(thread));
            {
                ORR_OWN(thread, loop, orr_new(thread, &small_pair));
                orr_set(thread, loop.ref, 0, loop.ref);
                orr_set(thread, loop.ref, 1, frozen.ref);
            }
            cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
            cr_assert_eq(result.collected, 1, "%s", collectors[i]);
            orr_gc_unfreeze(thread);
        }
        cr_assert_eq(small_live(heap), 0, "%s: it is counted once too often", collectors[i]);
        close_heap();
    }
}

static struct orr_root born_late;

/* Called after the collection that precedes the freezing, and before its right to collect is taken. */
static void
collect_the_young(struct orr_thread *caller, struct orr_object *object)
{
    (void)object;
    struct orr_object *const pair = orr_new(caller, &small_pair);
    cr_assert(pair);
    orr_release(caller, orr_exchange_slot(caller, NULL, &born_late.slot, pair));
    cr_assert_eq(orr_gc_collect(caller, 0, NULL, NULL), ORR_OK);
}

Test(freeze, what_the_last_young_collection_kept_is_frozen_and_named_nowhere)
{
    enum { CHAIN = 10 };
    static uint16_t tail_index;
    static const struct orr_type tail_type = {.name = "tail",
                                              .bytes = sizeof(struct small_pair),
                                              .references = 2,
                                              .finalize = collect_the_young,
                                              .index = &tail_index};
    struct orr_heap_options options = small_options(&orr_rc_atomic, "generations", &orr_heap_blocks);
    options.release_slice = 1;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
    cr_assert_eq(orr_type_register(&tail_type, NULL), ORR_OK);
    orr_root_add(heap, &born_late);
    struct orr_object *chain = orr_new(thread, &tail_type);
    for (int i = 0; i < CHAIN; i++) {
        struct orr_object *const next = orr_new(thread, &small_pair);
        orr_init(thread, next, 0, chain);
        chain = next;
    }
    orr_release(thread, chain); /* of which the tail is dropped last, in a stopped world */
    cr_assert(orr_gc_freeze(thread));
    cr_assert(orr_slot_peek(&born_late.slot), "its finalizer has run");
    cr_assert_eq(heap->parked.total, 0);
    cr_assert_eq(orr_gc_freeze_count(thread), 1);
    expect_sound();
    orr_release(thread, orr_exchange_slot(thread, NULL, &born_late.slot, NULL));
    for (int generation = 0; generation < ORR_GENERATIONS; generation++)
        cr_assert_eq(orr_gc_collect(thread, generation, NULL, NULL), ORR_OK);
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    orr_root_remove(heap, &born_late);
    close_heap();
}

/* The young one is held by the frozen alone; it was looked at, and passed by, when both were in use or frozen. */
Test(freeze, a_dead_cycle_through_the_frozen_is_found_when_they_are_no_more)
{
    static const char *const collectors[] = {"generations", "subtract", "trial", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        struct orr_gc_result result;
        open_heap(collectors[i], &orr_heap_blocks);
        {
            ORR_OWN(thread, old, orr_new(thread, &small_pair));
            cr_assert(orr_gc_freeze(thread));
            ORR_OWN(thread, young, orr_new(thread, &small_pair));
            orr_set(thread, old.ref, 0, young.ref);
            orr_give(thread, young.ref, 0, orr_take(&old)); /* no decrement ever names it */
        }
        cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
        cr_assert_eq(result.collected, 0, "%s", collectors[i]);
        orr_gc_unfreeze(thread);
        expect_sound();
        cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
        cr_assert_eq(result.collected, 2, "%s", collectors[i]);
        cr_assert_eq(small_live(heap), 0, "%s", collectors[i]);
        close_heap();
    }
}

/* Those that were candidates when they were frozen, or became some while they were, wait aside; and a budget is for
 * each candidate, of which there may now be as many as objects. */
Test(freeze, what_waited_frozen_is_looked_at_by_whichever_collection_comes_next)
{
    enum { RING = 1000 };
    static const char *const settings[] = {"budget=64", NULL};
    struct orr_heap_options options = small_options(&orr_rc_atomic, "trial", &orr_heap_blocks);
    struct orr_gc_result result;
    options.settings = settings;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
    {
        ORR_OWN(thread, first, orr_new(thread, &small_pair));
        struct orr_object *last = first.ref;
        for (int i = 1; i < RING; i++) {
            struct orr_object *const next = orr_new(thread, &small_pair);
            orr_give(thread, last, 0, next);
            last = next;
        }
        orr_set(thread, last, 0, first.ref);
        cr_assert(orr_gc_freeze(thread));
    }
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.collected, 0);
    cr_assert_eq(heap->parked.total, 1);
    orr_gc_unfreeze(thread);
    cr_assert_eq(heap->parked.total, RING, "each is named once");
    expect_sound();
    cr_assert_eq(orr_gc_step(thread, 1, &result), ORR_OK); /* has no time for them, and leaves them to the next */
    cr_assert_eq(result.collected, 0);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.collected, RING);
    cr_assert_eq(heap->parked.total, 0);
    close_heap();
}
