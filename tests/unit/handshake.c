/* handshake.c - runtime/safepoint's handshakes: who is asked, by whom the question is answered, and how often.
 *
 * Many of them at once, against stops, attachments and blocking regions, are in stress/stop.c.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "tests/unit/small_heap.h"

#include <pthread.h>
#include <signal.h>

enum { OTHERS = 3 };

/* One that runs and polls, or is in a blocking region, until it may go. */
struct other {
    pthread_t system;
    struct orr_thread *thread;
    bool blocks;
    _Atomic(uint32_t) is_there, may_go, answers;
    pthread_t answered_by;
};

static struct orr_heap *heap;
static struct orr_thread *me;
static struct other others[OTHERS];

static void *
live(void *argument)
{
    struct other *other = argument;
    other->thread = small_attach(heap);
    if (other->blocks)
        orr_block_enter(other->thread);
    orr_store_release(&other->is_there, 1);
    while (!orr_load_acquire(&other->may_go)) {
        if (!other->blocks)
            orr_poll(other->thread);
        orr_yield();
    }
    if (other->blocks)
        orr_block_leave(other->thread);
    orr_thread_detach(other->thread);
    return NULL;
}

struct arrival {
    uint32_t thread_id;
    uint64_t requested_ns, reached_ns;
};
static struct arrival arrivals[OTHERS + 1];
static unsigned arrived;

static void
note_arrival(void *context, uint32_t thread_id, uint64_t requested_ns, uint64_t reached_ns)
{
    (void)context;
    cr_assert(arrived <= OTHERS);
    arrivals[arrived++] = (struct arrival){thread_id, requested_ns, reached_ns};
}

/* The second of the three is in a blocking region. */
static void
open_heap(void)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    options.listener.safepoint = note_arrival;
    heap = small_heap_open(&options);
    me = small_attach(heap);
    for (int i = 0; i < OTHERS; i++) {
        others[i].blocks = i == 1;
        cr_assert_eq(pthread_create(&others[i].system, NULL, live, &others[i]), 0);
        while (!orr_load_acquire(&others[i].is_there))
            orr_yield();
    }
}

static void
close_heap(void)
{
    for (int i = 0; i < OTHERS; i++)
        orr_store_release(&others[i].may_go, 1);
    orr_block_enter(me);
    for (int i = 0; i < OTHERS; i++)
        pthread_join(others[i].system, NULL);
    orr_block_leave(me);
    orr_thread_detach(me);
    orr_heap_destroy(heap);
}

TestSuite(handshake, .init = open_heap, .fini = close_heap, .timeout = 60);

static void
question(struct orr_thread *subject, void *argument)
{
    cr_assert_eq(argument, heap, "the argument goes with the question");
    cr_assert_neq(subject, me, "who asks is not asked");
    for (int i = 0; i < OTHERS; i++)
        if (others[i].thread == subject) {
            others[i].answered_by = pthread_self();
            orr_add_acq_rel(&others[i].answers, 1);
        }
}

static void
expect_answers(uint32_t first, uint32_t second, uint32_t third)
{
    const uint32_t expected[OTHERS] = {first, second, third};
    for (int i = 0; i < OTHERS; i++)
        cr_assert_eq(orr_load_acquire(&others[i].answers), expected[i], "thread %d: %u, not %u", i,
                     orr_load_acquire(&others[i].answers), expected[i]);
}

Test(handshake, each_other_thread_answers_once_before_it_returns)
{
    for (uint32_t i = 1; i <= 100; i++) {
        orr_handshake(heap, me, NULL, question, heap);
        expect_answers(i, i, i);
    }
}

Test(handshake, a_running_thread_answers_itself_and_for_a_blocked_one_the_asker_does)
{
    orr_handshake(heap, me, NULL, question, heap);
    cr_assert(pthread_equal(others[0].answered_by, others[0].system));
    cr_assert(pthread_equal(others[1].answered_by, pthread_self()));
    cr_assert(pthread_equal(others[2].answered_by, others[2].system));
}

Test(handshake, one_thread_can_be_asked_alone)
{
    orr_handshake(heap, me, others[2].thread, question, heap);
    expect_answers(0, 0, 1);
    orr_handshake(heap, me, others[1].thread, question, heap);
    expect_answers(0, 1, 1);
}

Test(handshake, who_is_not_attached_may_ask)
{
    orr_block_enter(me); /* who asks is not this thread, which does not poll */
    orr_handshake(heap, NULL, others[0].thread, question, heap);
    orr_block_leave(me);
    expect_answers(1, 0, 0);
}

Test(handshake, a_blocking_region_entered_twice_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_block_enter(me);
    orr_block_enter(me);
}

Test(handshake, a_blocking_region_left_twice_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_block_enter(me);
    orr_block_leave(me);
    orr_block_leave(me);
}

static bool
has_arrived(const struct orr_thread *thread)
{
    unsigned times = 0;
    for (unsigned i = 0; i < arrived; i++)
        times += arrivals[i].thread_id == thread->id;
    cr_assert(times <= 1);
    return times != 0;
}

Test(handshake, a_stop_tells_of_those_who_had_to_come_to_a_safepoint_and_when_they_did)
{
    const uint64_t begun_ns = orr_clock_ns();
    orr_world_stop(heap, me);
    const uint64_t stopped_ns = orr_clock_ns();
    orr_world_resume(heap);
    cr_assert(has_arrived(others[0].thread) && has_arrived(others[2].thread));
    cr_assert(!has_arrived(others[1].thread), "it was blocked");
    cr_assert(!has_arrived(me), "it stopped the others");
    for (unsigned i = 0; i < arrived; i++)
        cr_assert(begun_ns <= arrivals[i].requested_ns && arrivals[i].requested_ns <= arrivals[i].reached_ns &&
                  arrivals[i].reached_ns <= stopped_ns);
}
