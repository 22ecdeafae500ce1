/* ids.c - an owner leaves and a new thread comes, which may get its slot, while a third drops the last foreign
 * reference: the new thread never takes the object for its own, nor is it queued for it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
    object = explore_new(explore_thread(0));
    orr_retain(explore_thread(0), object); /* for 1 */
    orr_retain(explore_thread(0), object); /* for whoever comes */
}

static void
body(unsigned fibre)
{
    if (fibre == 2)
        explore_attach_one(heap, 2);
    struct orr_thread *thread = explore_thread(fibre);
    explore_use(object);
    orr_release(thread, object);
    if (fibre == 1)
        orr_block_enter(thread);
    else
        explore_detach(fibre);
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(ids) = {.name = EXPLORE_NAME,
                         .covers = "B1 B2 B7 B13",
                         .fibres = 3,
                         .setup = setup,
                         .body = body,
                         .check = check};
