/* full_queue.c - there is no memory to queue a reference for its owner, who polls: the world is stopped and the object
 * merged, nothing is lost. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    object = explore_new(explore_thread(0)); /* for 1 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_poll(thread);
    else {
        orr_fail_allocation(1, true);
        orr_release(thread, object);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    orr_fail_allocation(0, false);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(full_queue) = {.name = EXPLORE_NAME,
                                .covers = "B9 J5",
                                .fibres = 2,
                                .setup = setup,
                                .body = body,
                                .check = check};
