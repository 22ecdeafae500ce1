/* pending.c - one thread's collection has come to a finalizer that waits for another thread, which wants a collection
 * too: that is told not to wait, and how many finalizers are pending. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *ring;
static _Atomic(uint32_t) is_told;

static void
finalizer(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
    while (explore_self() == 0 && !orr_load_relaxed(&is_told)) /* relaxed: nothing is passed on by it */
        orr_yield();
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    ring = explore_new_finalized(explore_thread(0), finalizer);
    orr_set(explore_thread(0), ring, 0, ring);
    orr_release(explore_thread(0), ring);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        struct orr_gc_result result = {0};
        explore_check(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, &result, NULL) == ORR_OK);
        explore_check(result.number != 0 || result.finalizers_pending != 0);
        orr_store_relaxed(&is_told, 1); /* relaxed: as above */
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_finalized(ring) == 1);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(pending) = {.name = EXPLORE_NAME,
                             .covers = "I11",
                             .fibres = 2,
                             .setup = setup,
                             .body = body,
                             .check = check};
