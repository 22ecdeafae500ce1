/* full_queue.c - there is no memory to queue a reference for its owner, who polls: the world is stopped and the object
 * merged, nothing is lost. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *objects[2];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 3; fibre++)
        explore_attach_one(heap, fibre);
    for (unsigned i = 0; i < 2; i++)
        objects[i] = explore_new(explore_thread(0)); /* one for 1, one for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_poll(thread);
    else {
        orr_fail_allocation(1, true); /* both set it, and nobody unsets it before the check */
        orr_release(thread, objects[fibre - 1]);
    }
    explore_detach(fibre);
}

static void
check(void)
{
    orr_fail_allocation(0, false);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(full_queue) = {.name = EXPLORE_NAME,
                                .covers = "B9 J5",
                                .fibres = 3,
                                .setup = setup,
                                .body = body,
                                .check = check};
