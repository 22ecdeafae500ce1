/* verified_queue.c - there is no memory to queue a reference for its owner; while the releaser waits for its turn to
 * stop the world, another thread verifies the heap and finds nothing wrong with it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/verify.h"

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
    struct orr_error error = {.status = ORR_OK};
    if (fibre == 0) {
        orr_world_stop(heap, thread);
        bool sound = orr_heap_verify(heap, thread, &error);
        orr_world_resume(heap);
        if (!sound && error.status != ORR_OUT_OF_MEMORY)
            explore_fail("%s", error.message);
    } else {
        orr_fail_allocation(1, false);
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

EXPLORE_SCENARIO(verified_queue) = {.name = EXPLORE_NAME,
                                    .covers = "B9 J5",
                                    .fibres = 2,
                                    .setup = setup,
                                    .body = body,
                                    .check = check};
