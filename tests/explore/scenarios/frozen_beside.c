/* frozen_beside.c - one thread freezes while another collects: whoever collects in the end, it is not refused. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *held;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "blocks");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    held = explore_new(explore_thread(1));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        explore_check(orr_gc_freeze(thread));
        explore_check(orr_gc_freeze_count(thread) == 1);
        orr_gc_unfreeze(thread);
        orr_release(thread, held);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(frozen_beside) = {.name = EXPLORE_NAME,
                                   .covers = "I10",
                                   .fibres = 2,
                                   .setup = setup,
                                   .body = body,
                                   .check = check};
