/* shells.c - an object that a candidate buffer names loses its last references on two threads while one of them
 * collects: the shell stays until the buffer has let it go, and its cell is given back once. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    object = explore_new(thread);
    orr_retain(thread, object); /* for 1 */
    orr_retain(thread, object);
    orr_release(explore_thread(1), object); /* names it, in one buffer or the other */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    orr_release(thread, object);
    if (fibre == 1)
        orr_collect(thread, "scenario");
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    orr_block_leave(explore_thread(1));
    orr_collect(explore_thread(1), "scenario"); /* what was named after the first */
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(shells) = {.name = EXPLORE_NAME,
                            .covers = "B11 B12 H11",
                            .fibres = 2,
                            .setup = setup,
                            .body = body,
                            .check = check};
