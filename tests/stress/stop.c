/* stop.c - stops and handshakes back to back, against threads that run, block, come and go.
 *
 * Two threads, one attached and one not, stop the world and ask questions without a pause in between.
 *
 *   - while one of them has stopped the world, nobody else has, and no thread moves: every mutator bumps
 *     a plain counter between its polls, and the stopper sees none of them change. Plain, so that a
 *     ThreadSanitizer build proves that a stop also orders what mutators wrote.
 *   - a question is answered once by each thread that is asked, and not by others.
 *   - fairness: whoever blocks, attaches or detaches gets on in the middle of it.
 */
#include "tests/stress/stress.h"

enum {
    RUNNERS = 2,
    STAYERS = RUNNERS + 1, /* the blocker too is attached throughout */
    QUOTA = 50,            /* block leaves and attachments that must complete during the storm */
    STARVED_S = 30         /* who has not got on by then is starved, even on a busy machine */
};

/* Bumped by its thread while that may run; on a cache line of its own. */
struct meter {
    uint64_t moves;
    char padding[56];
};

struct storm {
    struct orr_heap *heap;
    struct meter meters[STAYERS + 1];    /* runners, blocker, visitor */
    struct orr_thread *stayers[STAYERS]; /* written before `ready` */
    _Atomic(uint32_t) ready;             /* how many stayers are there */
    _Atomic(uint32_t) is_asked_out;      /* the stopper outside asks stayers by name: it leaves before them */
    _Atomic(uint32_t) is_over;
    _Atomic(uint32_t) inside;         /* stoppers that have the world; never two */
    _Atomic(uint64_t) leaves, visits; /* done since the storm began */
    _Atomic(uint64_t) stops, questions;
};

/* A mutator's or a stopper's view of the storm. */
struct member {
    struct storm *storm;
    unsigned index;
    uint64_t chance;
};

static bool
is_over(struct storm *storm)
{
    return orr_load_acquire(&storm->is_over) != 0;
}

/* --- those who are stopped ------------------------------------------------------------------------- */

static struct orr_thread *
stay(struct member *member)
{
    struct storm *const storm = member->storm;
    struct orr_thread *const thread = stress_attach(storm->heap);
    storm->stayers[member->index] = thread;
    orr_add_acq_rel(&storm->ready, 1);
    return thread;
}

static void *
run(void *argument)
{
    struct member *const member = argument;
    struct orr_thread *const thread = stay(member);
    while (!is_over(member->storm)) {
        member->storm->meters[member->index].moves++;
        orr_poll(thread);
    }
    orr_thread_detach(thread);
    return NULL;
}

static void *
block(void *argument)
{
    struct member *const member = argument;
    struct storm *const storm = member->storm;
    struct orr_thread *const thread = stay(member);
    while (!is_over(storm)) {
        orr_block_enter(thread);
        if (stress_below(&member->chance, 4) == 0)
            orr_sleep_ns(stress_below(&member->chance, 50000));
        orr_block_leave(thread);
        for (uint32_t i = stress_below(&member->chance, 8); i > 0; i--)
            storm->meters[member->index].moves++;
        orr_add_relaxed(&storm->leaves, 1); /* relaxed: a tally */
    }
    orr_thread_detach(thread);
    return NULL;
}

static void *
visit(void *argument)
{
    struct member *const member = argument;
    struct storm *const storm = member->storm;
    while (!is_over(storm)) {
        struct orr_thread *const thread = stress_attach(storm->heap);
        for (uint32_t i = stress_below(&member->chance, 8); i > 0; i--) {
            storm->meters[member->index].moves++;
            orr_poll(thread);
        }
        storm->meters[member->index].moves++;
        orr_thread_detach(thread);
        orr_add_relaxed(&storm->visits, 1); /* relaxed: a tally */
    }
    return NULL;
}

/* --- those who stop -------------------------------------------------------------------------------- */

static void
stop_once(struct member *member, struct orr_thread *self)
{
    struct storm *const storm = member->storm;
    uint64_t moves[STAYERS + 1];
    orr_world_stop(storm->heap, self);
    stress_check(orr_add_acq_rel(&storm->inside, 1) == 0, "two threads have stopped the world");
    stress_check(orr_world_is_stopped(storm->heap), "the world does not say that it is stopped");
    for (unsigned i = 0; i <= STAYERS; i++)
        moves[i] = storm->meters[i].moves;
    if (stress_below(&member->chance, 16) == 0)
        orr_sleep_ns(100000); /* long enough for one that should stand to be scheduled */
    else
        orr_yield();
    for (unsigned i = 0; i <= STAYERS; i++)
        stress_check(storm->meters[i].moves == moves[i], "thread %u moved in a stopped world", i);
    orr_sub_acq_rel(&storm->inside, 1);
    orr_world_resume(storm->heap);
    orr_add_relaxed(&storm->stops, 1); /* relaxed: a tally */
}

/* Answers by slot of the subject's id. Plain: one party answers for one thread, and the asker reads after. */
struct question {
    uint32_t answers[ORR_OWNERS_MAX];
};

static void
answer(struct orr_thread *subject, void *argument)
{
    struct question *const question = argument;
    question->answers[subject->id % ORR_OWNERS_MAX]++;
}

static uint32_t
answers_of(const struct question *question, const struct orr_thread *thread)
{
    return question->answers[thread->id % ORR_OWNERS_MAX];
}

/* Asks everybody, or one of the stayers. */
static void
ask_once(struct member *member, struct orr_thread *self, struct question *question)
{
    struct storm *const storm = member->storm;
    const uint32_t pick = stress_below(&member->chance, 2 * STAYERS);
    struct orr_thread *const only = pick < STAYERS ? storm->stayers[pick] : NULL;
    memset(question, 0, sizeof *question);
    orr_handshake(storm->heap, self, only, answer, question);
    for (unsigned i = 0; i < STAYERS; i++) {
        const uint32_t expected = !only || only == storm->stayers[i];
        const uint32_t found = answers_of(question, storm->stayers[i]);
        stress_check(found == expected, "thread %u answered %u times, not %u", i, found, expected);
    }
    if (self)
        stress_check(answers_of(question, self) == 0, "the asker answered its own question");
    for (unsigned i = 0; i < ORR_OWNERS_MAX; i++)
        stress_check(question->answers[i] <= 1, "slot %u answered %u times", i,
                     question->answers[i]);
    orr_add_relaxed(&storm->questions, 1); /* relaxed: a tally */
}

static void
storm_on(struct member *member, struct orr_thread *self)
{
    static _Thread_local struct question question;
    if (stress_below(&member->chance, 4) == 0)
        ask_once(member, self, &question);
    else
        stop_once(member, self);
}

/* The stopper that is not attached. */
static void *
storm_outside(void *argument)
{
    struct member *const member = argument;
    while (!orr_load_acquire(&member->storm->is_asked_out))
        storm_on(member, NULL);
    return NULL;
}

/* --- the storm ------------------------------------------------------------------------------------- */

/* relaxed, both: tallies */
static bool
quota_is_met(struct storm *storm)
{
    return orr_load_relaxed(&storm->leaves) >= QUOTA && orr_load_relaxed(&storm->visits) >= QUOTA;
}

/* The attached stopper storms until the time is over and everybody has got on; false: somebody starves. */
static bool
storm_inside(struct member *member, struct orr_thread *self)
{
    const uint64_t deadline_ns = stress_deadline_ns(1);
    const uint64_t starved_ns = deadline_ns + STARVED_S * 1000000000ull;
    for (;;) {
        storm_on(member, self);
        const uint64_t now_ns = orr_clock_ns();
        if (now_ns >= deadline_ns && quota_is_met(member->storm))
            return true;
        if (now_ns >= starved_ns)
            return false;
    }
}

int
main(int count, char **arguments)
{
    static struct storm storm;
    static void *(*const bodies[])(void *) = {run, run, block, visit, storm_outside};
    enum { TEAM = sizeof bodies / sizeof *bodies };
    struct member members[TEAM + 1];
    struct orr_os_thread team[TEAM];
    stress_begin(count, arguments);
    const struct orr_heap_options options = {.rc = orr_rc_find("biased"),
                                             .collector = orr_collector_find("none"),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    storm.heap = stress_heap(&options);
    stress_check(storm.heap, "there is no heap");
    for (unsigned i = 0; i <= TEAM; i++)
        members[i] = (struct member){&storm, i, stress.seed + i};
    for (unsigned i = 0; i < STAYERS; i++)
        stress_start(&team[i], bodies[i], &members[i]);
    while (orr_load_acquire(&storm.ready) < STAYERS)
        orr_yield();

    struct orr_thread *const self = stress_attach(storm.heap);
    for (unsigned i = STAYERS; i < TEAM; i++)
        stress_start(&team[i], bodies[i], &members[i]);
    orr_store_relaxed(&storm.leaves,
                      0); /* relaxed: a tally; what was before the storm does not count */
    const bool all_got_on = storm_inside(&members[TEAM], self);
    const uint64_t leaves = orr_load_relaxed(&storm.leaves); /* relaxed, all: tallies */
    const uint64_t visits = orr_load_relaxed(&storm.visits);
    const uint64_t stops = orr_load_relaxed(&storm.stops);
    fprintf(stderr, "%llu stops, %llu questions, %llu block leaves, %llu attachments\n",
            (unsigned long long)stops, (unsigned long long)orr_load_relaxed(&storm.questions),
            (unsigned long long)leaves, (unsigned long long)visits);
    stress_check(all_got_on, "%llu stops let %llu block leaves and %llu attachments happen",
                 (unsigned long long)stops, (unsigned long long)leaves, (unsigned long long)visits);
    orr_store_release(&storm.is_asked_out, 1);
    stress_join(&team[TEAM - 1], 1, self);
    orr_store_release(&storm.is_over, 1);
    stress_join(team, TEAM - 1, self);
    orr_thread_detach(self);
    orr_heap_destroy(storm.heap);
    return 0;
}
