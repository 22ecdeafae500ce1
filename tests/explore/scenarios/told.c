/* told.c - an owner goes into a blocking region for good, comes back once before, while two others queue for it:
 * what they queued is merged by it or for it, and waits for nothing. */
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
        objects[i] = explore_new(explore_thread(0)); /* for 1 and 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre != 0)
        orr_release(thread, objects[fibre - 1]);
    orr_block_enter(thread);
    if (fibre != 0)
        return;
    orr_block_leave(thread);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(told) = {.name = EXPLORE_NAME,
                          .covers = "B6 B12 I14",
                          .fibres = 3,
                          .setup = setup,
                          .body = body,
                          .check = check};
