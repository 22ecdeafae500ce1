/* held_twice.c - a thread goes into a blocking region for good while a second asks it something and a third
 * queues for it: whoever comes first, both are served without it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;
static _Atomic(uint32_t) answers;

static void
question(struct orr_thread *subject, void *argument)
{
    explore_check(subject == explore_thread(0) && argument == &answers);
    orr_add_acq_rel(&answers, 1);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 3; fibre++)
        explore_attach_one(heap, fibre);
    object = explore_new(explore_thread(0)); /* for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 1)
        orr_handshake(heap, thread, explore_thread(0), question, &answers);
    else if (fibre == 2)
        orr_release(thread, object);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(*(uint32_t *)&answers == 1);
    explore_all_dead(heap); /* nothing waits for the owner to come back */
}

EXPLORE_SCENARIO(held_twice) = {.name = EXPLORE_NAME,
                                .covers = "B6 I1 I14",
                                .fibres = 3,
                                .setup = setup,
                                .body = body,
                                .check = check};
