/* woken.c - who asks or stops a thread that polls, and who is stopped, sleep until they are woken, never until their
 * time is over: what a wait looks at is seen with the word that it sleeps on. (A thread that blocks may miss that
 * somebody waits: safepoint.c, orr_arrival_note.) */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static _Atomic(uint32_t) is_over;

static void
question(struct orr_thread *subject, void *argument)
{
    (void)subject;
    (void)argument;
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
        orr_handshake(heap, thread, NULL, question, NULL);
        orr_world_stop(heap, thread);
        orr_world_resume(heap);
        orr_store_release(&is_over, 1);
        return;
    }
    while (!orr_load_acquire(&is_over)) {
        orr_poll(thread);
        orr_yield();
    }
}

static void
check(void)
{
    explore_check(explore_timeouts() == 0);
}

EXPLORE_SCENARIO(woken) = {
    .name = EXPLORE_NAME, .covers = "I15", .fibres = 2, .setup = setup, .body = body, .check = check};
