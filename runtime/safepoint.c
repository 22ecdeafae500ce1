/* safepoint.c - stopping the world, handshakes, and what a thread does at a safepoint.
 *
 * A thread's state is one word (thread.h), and every transition that two parties race for is one cas on
 * it, so there is no pair of words whose order would matter, and no fence. (Enter and leave of a blocking
 * region could be plain stores if each stop paid for a membarrier system call; see runtime/README.md for
 * the figures that decided.)
 *
 *             poll, STOP asked                          resume
 *   RUNNING -------------------> PARKED -----------------------------> RUNNING
 *   RUNNING --block_enter--> BLOCKED --stop or hold--> HELD --resume or unhold--> BLOCKED
 *   BLOCKED --block_leave--> RUNNING        (HELD: waits; it counts those who hold, the last unhold ends it)
 *
 * One party stops or asks at a time: world.token. Whoever waits for the token is itself in a blocking
 * region, so two threads that want to stop the world do not wait for one another. During a stop the
 * registry's lock is held: nobody attaches or detaches.
 *
 * Fairness: threads that wait to come back, to attach or to detach take tickets; a stop first waits until the
 * tickets taken before it have been returned, so back-to-back stops let everybody run in between. The token itself
 * is not handed on in order: of two that stop the world for ever, one may wait for ever.
 *
 * sync       publishes                                observes                            then visible
 * parked     park: store, release                     wait_for: load, acquire             all the thread did
 * resumed    resume: store, release                   park: load, acquire                 all that was done meanwhile
 * token      token_release: store, release            token_take: cas, acquire            the last stop's doings
 * asked      handshake: store, release                answer: cas, acquire                the question
 * answered   answer: store, release                   handshake: load, acquire            what the question did
 * arrived    arrival_note, answer: add, acq_rel       wait_for*: load, acquire            why to look once more
 *
 * Progress: blocking. A stop waits for the slowest thread's next poll; there is no limit to that but the
 * program's own polls. Who does not come is told of, if the heap's options ask for it (late.h).
 */
#include "runtime/safepoint.h"

#include "runtime/borrow.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/late.h"
#include "runtime/stop.h"

/* --- pauses, attention, tickets -------------------------------------------------------------------- */

void
orr_pause_note(struct orr_thread *thread, enum orr_pause_cause cause, uint64_t start_ns)
{
    struct orr_listener *listener = &thread->heap->listener;
    if (!listener->pause)
        return;
    struct orr_pause pause = {
        .thread_id = thread->id, .cause = cause, .start_ns = start_ns, .stop_ns = orr_clock_ns()};
    listener->pause(listener->context, &pause);
}

void
orr_attention_set(struct orr_thread *thread, uint8_t bits)
{
    orr_or_release(&thread->attention, bits); /* release: what is asked is written before */
}

static void
attention_clear(struct orr_thread *thread, uint8_t bits)
{
    orr_and_acq_rel(&thread->attention, (uint8_t)~bits); /* acquire: what was asked */
}

void
orr_ticket_take(struct orr_heap *heap)
{
    orr_add_relaxed(&heap->world.tickets_taken, 1); /* relaxed: a count; fairness, not safety */
}

void
orr_ticket_return(struct orr_heap *heap)
{
    orr_add_relaxed(&heap->world.tickets_done, 1); /* relaxed: as above */
}

void
orr_arrival_note(struct orr_thread *thread)
{
    struct orr_world *world = &thread->heap->world;
    /* relaxed: if we miss that someone waits, its park times out and it looks at our state itself */
    if (orr_load_relaxed(&thread->attention) == 0 && orr_load_relaxed(&world->token) == 0)
        return;
    orr_add_acq_rel(&world->arrivals, 1); /* sync:arrived  release: what we did before arriving */
    orr_wake_all(&world->arrivals);
}

/* One look in a wait: spin, then yield, then sleep on arrivals. */
static void
wait_a_little(struct orr_world *world, struct orr_wait *wait, uint32_t arrivals_seen)
{
    if (++wait->looks < ORR_WAIT_SPINS)
        orr_spin_hint();
    else if (wait->looks < ORR_WAIT_SPINS + ORR_WAIT_YIELDS)
        orr_yield();
    else
        orr_park(&world->arrivals, arrivals_seen, ORR_PARK_NS);
}

static uint32_t
id_of(const struct orr_thread *self)
{
    return self ? self->id : 0;
}

/* In a wait for a thread's own doing: who is not running is just coming. relaxed: a picture of a moment, for people */
static void
tell_if_late(struct orr_heap *heap, struct orr_wait *wait, struct orr_thread *thread, uint32_t waiter,
             const char *awaited)
{
    if (wait->looks < ORR_WAIT_SPINS + ORR_WAIT_YIELDS ||
        orr_load_relaxed(&thread->state) != ORR_THREAD_RUNNING || !orr_wait_is_late(heap, wait))
        return;
    orr_wait_tell(heap, wait,
                  (struct orr_late){.thread_id = thread->id,
                                    .os_id = thread->os_id,
                                    .doing = "is running and comes to no safepoint",
                                    .waiter_id = waiter,
                                    .awaited = awaited});
}

/* --- the token ------------------------------------------------------------------------------------- */

static bool
token_try(struct orr_world *world)
{
    uint32_t free = 0;
    return orr_cas_acquire(&world->token, &free, 1); /* sync:token  acquire */
}

static void
tell_if_held_long(struct orr_heap *heap, struct orr_wait *wait, struct orr_thread *self)
{
    struct orr_world *world = &heap->world; /* relaxed, both: a picture of a moment, for people */
    if (!orr_wait_is_late(heap, wait))
        return;
    orr_wait_tell(heap, wait,
                  (struct orr_late){.thread_id = orr_load_relaxed(&world->holder),
                                    .doing = orr_load_relaxed(&world->stopped)
                                                 ? "has stopped the world and does not let it go"
                                                 : "is stopping the world or asking, or has just let it go",
                                    .waiter_id = id_of(self),
                                    .awaited = "for its turn to stop or to ask"});
}

static void
token_take(struct orr_heap *heap, struct orr_thread *self)
{
    struct orr_world *world = &heap->world;
    if (token_try(world)) {
        orr_store_relaxed(&world->holder, id_of(self)); /* relaxed: for people */
        return;
    }
    struct orr_wait wait = {0};
    uint64_t start_ns = orr_clock_ns();
    for (;;) {
        if (self)
            orr_block_enter(self);
        orr_park(&world->token, 1, ORR_PARK_NS);
        tell_if_held_long(heap, &wait, self);
        if (self)
            orr_block_leave(self);
        if (token_try(world))
            break;
    }
    orr_store_relaxed(&world->holder, id_of(self)); /* relaxed: for people */
    if (self)
        orr_pause_note(self, ORR_PAUSE_LOCK, start_ns);
}

static void
token_release(struct orr_world *world)
{
    orr_store_release(&world->token, 0); /* sync:token  release */
    orr_wake_all(&world->token);
}

/* Lets those who waited during the stop before this one come back first. */
static void
honour_tickets(struct orr_world *world)
{
    uint32_t taken = orr_load_relaxed(&world->tickets_taken); /* relaxed: counts; fairness only */
    struct orr_wait wait = {0};
    while ((int32_t)(orr_load_relaxed(&world->tickets_done) - taken) < 0)
        wait_a_little(world, &wait, orr_load_relaxed(&world->arrivals));
}

/* --- stop and resume ------------------------------------------------------------------------------- */

/* Waits until the thread stands still. */
static void
wait_for(struct orr_heap *heap, struct orr_thread *self, struct orr_thread *thread)
{
    struct orr_world *world = &heap->world;
    struct orr_wait wait = {0};
    for (;;) {
        uint32_t arrivals = orr_load_acquire(&world->arrivals); /* sync:arrived  acquire */
        /* sync:parked  acquire: all the thread did before it parked */
        if (orr_load_acquire(&thread->state) == ORR_THREAD_PARKED || orr_thread_hold(thread))
            return;
        wait_a_little(world, &wait, arrivals);
        tell_if_late(heap, &wait, thread, id_of(self), "to stop the world");
    }
}

static void
note_safepoint(struct orr_heap *heap, struct orr_thread *thread)
{
    struct orr_listener *listener = &heap->listener;
    uint64_t requested_ns = heap->world.requested_ns, parked_ns = thread->parked_ns;
    /* Only those that had to come to a safepoint: a blocked thread was at one already. (Between two threads a clock
     * that is put back may lose a millisecond.) relaxed: stopped */
    if (listener->safepoint && orr_load_relaxed(&thread->state) == ORR_THREAD_PARKED)
        listener->safepoint(listener->context, thread->id, requested_ns,
                            parked_ns > requested_ns ? parked_ns : requested_ns);
}

void
orr_world_stop(struct orr_heap *heap, struct orr_thread *self)
{
    struct orr_world *world = &heap->world;
    orr_require(!self || orr_load_relaxed(&world->stopper) != self, /* relaxed: our own doing */
                "thread %u stops a world that it has stopped", self->id);
    token_take(heap, self);
    honour_tickets(world);
    orr_mutex_lock(&heap->threads_lock); /* held until resume; its users are short or BLOCKED */
    orr_store_relaxed(&world->stopper, self); /* relaxed: read by ourselves, and by assertions */
    world->requested_ns = orr_clock_ns();
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        if (thread != self)
            orr_attention_set(thread, ORR_ATTENTION_STOP);
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        if (thread != self) {
            wait_for(heap, self, thread);
            note_safepoint(heap, thread);
        }
    orr_store_relaxed(&world->stopped, 1); /* relaxed: read by the stopper, and for assertions */
}

void
orr_world_resume(struct orr_heap *heap)
{
    struct orr_world *world = &heap->world;
    orr_store_relaxed(&world->stopped, 0); /* relaxed: as above */
    struct orr_thread *self = orr_load_relaxed(&world->stopper); /* relaxed: our own doing */
    orr_store_relaxed(&world->stopper, NULL);
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next) {
        if (thread == self)
            continue;
        attention_clear(thread, ORR_ATTENTION_STOP);
        if (orr_load_relaxed(&thread->state) != ORR_THREAD_PARKED) { /* relaxed: it stands still */
            orr_thread_unhold(thread);
            continue;
        }
        /* sync:resumed  release: all we did comes before it goes on */
        orr_store_release(&thread->state, ORR_THREAD_RUNNING);
        orr_wake_all(&thread->state);
    }
    orr_mutex_unlock(&heap->threads_lock);
    token_release(world);
}

bool
orr_world_is_stopped(struct orr_heap *heap)
{
    return orr_load_relaxed(&heap->world.stopped) != 0; /* relaxed: meant for the stopper itself */
}

/* This thread parks until it is resumed. */
static void
park(struct orr_thread *thread)
{
    uint64_t start_ns = orr_clock_ns();
    thread->parked_ns = start_ns;
    orr_store_release(&thread->state, ORR_THREAD_PARKED); /* sync:parked  release: all we did */
    orr_arrival_note(thread);
    /* sync:resumed  acquire: what was done while we stood */
    while (orr_load_acquire(&thread->state) == ORR_THREAD_PARKED)
        orr_park(&thread->state, ORR_THREAD_PARKED, ORR_PARK_NS);
    orr_pause_note(thread, ORR_PAUSE_STOP, start_ns);
}

/* --- handshakes ------------------------------------------------------------------------------------ */

/* Runs the present question for a thread. False: somebody has, or is doing it. */
static bool
answer(struct orr_thread *subject)
{
    struct orr_world *world = &subject->heap->world;
    uint32_t unanswered = 1;
    /* sync:asked  acquire: the question; the cas lets one party answer */
    if (!orr_cas_acquire(&subject->handshake_pending, &unanswered, 2))
        return false;
    world->question(subject, world->question_argument);
    /* sync:answered  release: what the question did */
    orr_store_release(&subject->handshake_pending, 0);
    orr_add_acq_rel(&world->arrivals, 1);
    orr_wake_all(&world->arrivals);
    return true;
}

/* Answers for one who is blocked. False: it is not, or it blocks within the question, which it goes on answering. */
static bool
answer_for(struct orr_thread *subject)
{
    if (!orr_thread_hold(subject))
        return false;
    bool answered = answer(subject);
    orr_thread_unhold(subject);
    return answered;
}

static void
wait_for_answer(struct orr_heap *heap, struct orr_thread *self, struct orr_thread *subject)
{
    struct orr_world *world = &heap->world;
    struct orr_wait wait = {0};
    for (;;) {
        uint32_t arrivals = orr_load_acquire(&world->arrivals); /* sync:arrived  acquire */
        if (orr_load_acquire(&subject->handshake_pending) == 0) /* sync:answered  acquire */
            return;
        if (answer_for(subject))
            return;
        wait_a_little(world, &wait, arrivals);
        tell_if_late(heap, &wait, subject, id_of(self), "to have an answer");
    }
}

void
orr_handshake(struct orr_heap *heap, struct orr_thread *self, struct orr_thread *only,
              void (*question)(struct orr_thread *, void *), void *argument)
{
    struct orr_world *world = &heap->world;
    token_take(heap, self);
    orr_mutex_lock(&heap->threads_lock); /* nobody comes or goes while we ask */
    world->question = question;
    world->question_argument = argument;
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        if (thread != self && (!only || thread == only)) {
            orr_store_release(&thread->handshake_pending, 1); /* sync:asked  release: the question */
            orr_attention_set(thread, ORR_ATTENTION_HANDSHAKE);
        }
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        if (thread != self && (!only || thread == only))
            wait_for_answer(heap, self, thread);
    orr_mutex_unlock(&heap->threads_lock);
    token_release(world);
}

/* --- a safepoint ----------------------------------------------------------------------------------- */

void
orr_poll_slow(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (ORR_IS_CHECKED) {
        orr_own_thread_or_abort(thread);
        orr_borrows_end(thread);
    }
    /* relaxed: who clears a bit sees what it stands for; what a stop is for is seen at its end (sync:resumed) */
    uint8_t asked = orr_load_relaxed(&thread->attention);
    if (asked & ORR_ATTENTION_STOP)
        park(thread);
    if (asked & ORR_ATTENTION_HANDSHAKE) {
        uint64_t start_ns = orr_clock_ns();
        attention_clear(thread, ORR_ATTENTION_HANDSHAKE);
        answer(thread);
        orr_pause_note(thread, ORR_PAUSE_HANDSHAKE, start_ns);
    }
    if (asked & ORR_ATTENTION_MERGE) {
        attention_clear(thread, ORR_ATTENTION_MERGE);
        heap->rc->drain(thread, thread);
    }
    if ((asked & ORR_ATTENTION_CASCADE) && !thread->cascading) { /* else it stays asked for */
        attention_clear(thread, ORR_ATTENTION_CASCADE);
        orr_cascade_all(thread, heap->options.release_slice);
    }
    if ((asked & ORR_ATTENTION_COLLECT) && !thread->cascading && !thread->finishing) {
        attention_clear(thread, ORR_ATTENTION_COLLECT);
        orr_collect_if_due(thread);
    }
    if (heap->collector->poll)
        heap->collector->poll(thread);
}
