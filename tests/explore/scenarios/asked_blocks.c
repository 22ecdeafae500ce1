/* asked_blocks.c - a question that goes into a blocking region while it is answered: who asks does not answer it
 * a second time on behalf of the blocked. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static _Atomic(uint32_t) answers;

static void
question(struct orr_thread *subject, void *argument)
{
    (void)argument;
    explore_check(orr_add_acq_rel(&answers, 1) == 0);
    if (explore_self() != 1) /* on behalf of one who is blocked */
        return;
    orr_block_enter(subject);
    explore_step();
    orr_block_leave(subject);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_handshake(heap, thread, explore_thread(1), question, NULL);
        explore_check(orr_load_acquire(&answers) == 1);
    } else
        orr_poll(thread);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(*(uint32_t *)&answers == 1);
}

EXPLORE_SCENARIO(asked_blocks) = {.name = EXPLORE_NAME,
                                  .covers = "I1 I9 I27",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
