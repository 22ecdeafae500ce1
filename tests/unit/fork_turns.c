/* fork_turns.c - runtime/fork: two threads that fork take turns, and so do those of their children; whoever waits for
 * his turn can be stopped.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "tests/unit/fork_stage.h"

TestSuite(fork_turns, .disabled = UNDER_TSAN);

enum { TURNS = 20 };

static _Atomic(uint32_t) is_attached;

static void *
fork_in_turn(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    orr_store_release(&is_attached, 1);
    for (int i = 0; i < TURNS; i++)
        fork_once(actor, NULL);
    orr_thread_detach(actor);
    return NULL;
}

static void *
fork_again(void *unused)
{
    struct orr_thread *actor;
    (void)unused;
    expect_eq(orr_thread_attach(heap, &actor, NULL), ORR_OK);
    fork_once(actor, NULL);
    orr_thread_detach(actor);
    return NULL;
}

static struct orr_thread *forking_last; /* in the child */

/* Another thread of the child forks. */
static void
fork_on(void)
{
    struct orr_os_thread actor;
    expect(orr_os_thread_start(&actor, fork_again, NULL, 0), "it starts");
    orr_block_enter(forking_last);
    orr_os_thread_join(&actor);
    orr_block_leave(forking_last);
}

Test(fork_turns, two_threads_fork_in_turns_and_so_do_those_of_their_children, .timeout = 90)
{
    struct orr_os_thread actor;
    stage_open("none");
    forking_last = thread;
    cr_assert(orr_os_thread_start(&actor, fork_in_turn, NULL, 0));
    spin_until(&is_attached);
    for (int i = 0; i < TURNS; i++)
        fork_once(thread, i == 0 ? fork_on : NULL);
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    stage_close();
}

static struct orr_heap *second;
static struct orr_thread *waiter;
static _Atomic(uint32_t) may_fork;

static void *
fork_the_second(void *unused)
{
    waiter = small_attach(second);
    orr_store_release(&is_attached, 1);
    while (!orr_load_acquire(&may_fork))
        orr_poll(waiter);
    fork_once(waiter, NULL);
    orr_thread_detach(waiter);
    return unused;
}

/* Whoever has the turn may yet stop the world of those who wait for it. */
Test(fork_turns, who_waits_for_his_turn_can_be_stopped, .timeout = 90)
{
    const struct orr_heap_options options = small_options(&orr_rc_biased, "none", &orr_heap_blocks);
    struct orr_os_thread actor;
    stage_open("none");
    second = small_heap_open(&options);
    struct orr_thread *const in_second = small_attach(second);
    cr_assert(orr_os_thread_start(&actor, fork_the_second, NULL, 0));
    spin_until(&is_attached);
    orr_fork_prepare(thread);
    orr_store_release(&may_fork, 1);
    while (orr_load_acquire(&waiter->state) != ORR_THREAD_BLOCKED)
        orr_yield(); /* only to wait for its turn does it block */
    orr_fork_prepare(in_second);
    orr_fork_parent(in_second);
    orr_fork_parent(thread);
    orr_block_enter(in_second);
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    orr_block_leave(in_second);
    orr_thread_detach(in_second);
    orr_heap_destroy(second);
    stage_close();
}
