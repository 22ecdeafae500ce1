/* two_stops.c - two threads want to stop the world at once while a third comes: one stops at a time, neither
 * waits for the other to poll, and who attaches gets in. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static uint64_t stopped; /* plain: written with the world stopped; the race detector judges */

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
}

static void
body(unsigned fibre)
{
    if (fibre == 2)
        explore_attach_one(heap, 2);
    else {
        orr_world_stop(heap, explore_thread(fibre));
        stopped++;
        orr_world_resume(heap);
    }
    orr_block_enter(explore_thread(fibre)); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(stopped == 2);
}

EXPLORE_SCENARIO(two_stops) = {.name = EXPLORE_NAME,
                               .covers = "I3 I10 I13",
                               .fibres = 3,
                               .setup = setup,
                               .body = body,
                               .check = check};
