/* blocked_owner.c - two threads drop references to an object whose owner goes into a blocking region, comes back and
 * drops its own: it is merged on the owner's behalf, or by the owner when it comes, and dies once; nothing waits
 * for the owner to come back. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;
static _Atomic(uint32_t) dropped; /* by the others */

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    object = explore_new(explore_thread(0));
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_block_enter(thread);
        /* Both references of the others are gone and nothing else is: then it is dead, though the owner sleeps. */
        while (orr_load_acquire(&dropped) != 2)
            orr_yield();
        explore_check(explore_deaths(object) == 1);
        orr_block_leave(thread);
        return;
    }
    orr_release(thread, object);
    orr_add_acq_rel(&dropped, 1);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(blocked_owner) = {.name = EXPLORE_NAME,
                                   .covers = "B6 B12 I1",
                                   .fibres = 3,
                                   .setup = setup,
                                   .body = body,
                                   .check = check};
