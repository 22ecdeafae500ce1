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
