/* gone_owner.c - the owner leaves while two others drop what it owns, through the queue or past it: whoever
 * finds the owner gone merges, one of them. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object, *held;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    explore_attach_one(heap, 3);
    struct orr_thread *owner = explore_thread(3);
    object = explore_new(owner);
    held = explore_new(owner);
    orr_give(owner, object, 0, held);
    orr_retain(owner, object); /* one for each of 0 and 1 */
    explore_detach(3);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    orr_retain(thread, object);
    orr_release(thread, object);
    explore_use(object);
    orr_release(thread, object);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(gone_owner) = {.name = EXPLORE_NAME,
                                .covers = "B1 B2 B8 B14",
                                .fibres = 2,
                                .setup = setup,
                                .body = body,
                                .check = check};
