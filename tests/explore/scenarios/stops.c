/* stops.c - one thread stops the world while another works and polls, goes into a blocking region and comes back: while
 * the world stands, nobody touches it; and what the others did before is seen. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static uint64_t world[2]; /* plain: written by whoever runs, read by the stopper; the race detector judges */

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 3; fibre++)
        explore_attach_one(heap, fibre);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_world_stop(heap, thread);
        uint64_t seen = world[0] + world[1];
        explore_step();
        explore_check(seen == world[0] + world[1]);
        world[0]++; /* on behalf of those who stand */
        world[1]++;
        orr_world_resume(heap);
    } else if (fibre == 1) {
        world[0]++;
        orr_poll(thread);
        world[0]++;
    } else {
        world[1]++;
        orr_block_enter(thread);
        explore_step();
        orr_block_leave(thread);
        world[1]++;
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(world[0] == 3 && world[1] == 3);
}

EXPLORE_SCENARIO(stops) = {.name = EXPLORE_NAME,
                           .covers = "I1 I14 I26",
                           .fibres = 3,
                           .setup = setup,
                           .body = body,
                           .check = check};
