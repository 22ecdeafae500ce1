/* leaving.c - one thread stops the world while another leaves the heap: it is stopped, or gone, and what it did last is
 * seen. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static uint64_t world; /* plain: written by the one who leaves, read by the stopper; the race detector judges */

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
    if (fibre == 0) {
        orr_world_stop(heap, explore_thread(0));
        uint64_t seen = world;
        explore_step();
        explore_check(seen == world);
        orr_world_resume(heap);
    } else
        world = 1;
    explore_detach(fibre);
}

static void
check(void)
{
    explore_check(heap->threads == NULL && world == 1);
}

EXPLORE_SCENARIO(leaving) = {.name = EXPLORE_NAME,
                             .covers = "I4",
                             .fibres = 2,
                             .setup = setup,
                             .body = body,
                             .check = check};
