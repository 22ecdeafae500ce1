/* asked_again.c - two questions, one after the other, to a thread that was blocked: what is left of asking the first,
 * which somebody has answered for it, does not make it miss the second. It does not block again, so nobody else can
 * answer that. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static uint64_t answers; /* plain: the race detector judges */

static void
question(struct orr_thread *subject, void *argument)
{
    (void)subject;
    (void)argument;
    answers++;
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
        for (unsigned asked = 1; asked <= 2; asked++) {
            orr_handshake(heap, thread, explore_thread(1), question, NULL);
            explore_check(answers == asked);
        }
        return;
    }
    orr_block_enter(thread);
    explore_step();
    orr_block_leave(thread);
    while (answers < 2) {
        orr_poll(thread);
        orr_yield();
    }
}

EXPLORE_SCENARIO(asked_again) = {
    .name = EXPLORE_NAME, .covers = "I1 I14", .fibres = 2, .setup = setup, .body = body};
