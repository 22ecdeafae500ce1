/* handshakes.c - a question is asked of a thread that polls and of one that is blocked: each answers once, the blocked
 * one through the asker; what the asked did before is seen by who answers, what the answer did by asker and asked. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static uint64_t answers[3]; /* plain, both: by fibre; the race detector judges */
static uint64_t work[3];    /* done before the first poll or blocking region */

static void
question(struct orr_thread *subject, void *argument)
{
    (void)argument;
    for (unsigned fibre = 0; fibre < 3; fibre++)
        if (explore_thread(fibre) == subject) {
            explore_check(work[fibre] == 1);
            answers[fibre]++;
        }
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 3; fibre++)
        explore_attach_one(heap, fibre);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    work[fibre] = 1;
    if (fibre == 0) {
        orr_handshake(heap, thread, NULL, question, NULL);
        explore_check(answers[0] == 0 && answers[1] == 1 && answers[2] == 1);
    } else if (fibre == 1) {
        while (answers[1] == 0) {
            orr_poll(thread);
            orr_yield();
        }
    } else {
        orr_block_enter(thread);
        explore_step();
        orr_block_leave(thread);
        while (answers[2] == 0) {
            orr_poll(thread);
            orr_yield();
        }
    }
}

static void
check(void)
{
    explore_check(answers[1] == 1 && answers[2] == 1);
}

EXPLORE_SCENARIO(handshakes) = {.name = EXPLORE_NAME,
                                .covers = "I1 I14",
                                .fibres = 3,
                                .setup = setup,
                                .body = body,
                                .check = check};
