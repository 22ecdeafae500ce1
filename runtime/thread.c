/* thread.c - a mutator's coming and going, and its blocking regions.
 *
 * Attach and detach change the registry under heap->threads_lock, which a stop holds throughout, so the
 * set of threads does not change while the world stands. A thread that waits for that lock is either not
 * yet registered or in state BLOCKED: a stop never waits for it.
 *
 * Fairness (CPython issue 151518): whoever waits to come back, to attach or to detach takes a ticket; a new stop does
 * not begin before the tickets of the time before have been used. See safepoint.c.
 *
 * sync          publishes                                observes                               then visible
 * block-enter   block_enter: cas, acq_rel                hold, stop: cas, acquire               all the thread did
 * told          hold_or_tell: or, release                block_enter: cas, acq_rel              what is queued for it
 * block-leave   unhold: cas, release                     block_leave: cas, acquire              what was done for it
 *
 * Each of these is a read-modify-write of the same word, so a release stays readable through all that come after it,
 * until the thread parks or is resumed (safepoint.c): plain stores, ordered by the stop.
 */
#include "runtime/thread.h"

#include "runtime/borrow.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/owner.h"
#include "runtime/stop.h"

/* --- attach ---------------------------------------------------------------------------------------- */

static void
set_birth(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    thread->birth_owner = heap->rc->has_owner ? thread->id : 0;
    thread->birth_unclaimed = 0;
    if (heap->wants_candidates)
        thread->birth_unclaimed =
            ORR_UNCLAIMED |
            (heap->rc->has_owner ? (uint64_t)ORR_SHARED_UNCLAIMED << 32 : 0);
    thread->birth_counts = heap->rc->birth_count | thread->birth_unclaimed;
    thread->claimable = heap->wants_newborns ? heap->collector->claimable : UINT8_MAX;
    if (heap->wants_newborns) /* claimed from birth; what is not, dies as slowly, see orr_may_be_claimed */
        thread->birth_unclaimed = ORR_UNCLAIMED;
    thread->birth_counts_green = heap->rc->birth_count;
    thread->hooks = heap->collector->hooks;
    thread->stress_left = heap->options.stress_every;
    thread->unchecked = heap->kind->check_every; /* a short life looks at the trigger too */
    if (heap->options.stress_every)
        thread->hooks |= ORR_HOOK_STRESS;
    if (heap->wants_newborns)
        thread->hooks |= ORR_HOOK_NEWBORN;
    if (heap->options.ledger)
        thread->hooks |= ORR_HOOK_LEDGER;
}

static void
register_locked(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    orr_mutex_lock(&heap->books_lock);
    thread->next = heap->threads;
    if (heap->threads)
        heap->threads->previous = thread;
    heap->threads = thread;
    orr_add_relaxed(&heap->thread_count, 1); /* relaxed: under the lock; others take it as an estimate */
    orr_mutex_unlock(&heap->books_lock);
}

static void
unregister_locked(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (thread->previous)
        thread->previous->next = thread->next;
    else
        heap->threads = thread->next;
    if (thread->next)
        thread->next->previous = thread->previous;
    orr_sub_relaxed(&heap->thread_count, 1); /* relaxed: as above */
}

/* How many attachments the calling system thread has, over all heaps, and the id of the last. */
static _Thread_local uint32_t attached_here, attached_last;

/* Its stops would wait for this thread for ever; better a sentence now. */
static void
check_end(void)
{
    orr_require(attached_here == 0,
                "a system thread ends that is still attached to a heap, last as thread %u: "
                "orr_thread_detach is missing",
                attached_last);
}

static enum orr_status
prepare(struct orr_thread *thread, struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    enum orr_status status = orr_owner_register(thread, error);
    if (status != ORR_OK)
        return status;
    set_birth(thread);
    if (!heap->kind->thread_attach(thread)) {
        orr_owner_unregister(thread);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a thread's cell lists");
    }
    if (heap->collector->thread_bytes) {
        thread->collector_private = orr_allocate(heap->collector->thread_bytes);
        if (!thread->collector_private)
            goto no_memory;
    }
    if (!heap->collector->thread_attach || heap->collector->thread_attach(thread))
        return ORR_OK;
    orr_deallocate(thread->collector_private);
no_memory:
    heap->kind->thread_detach(thread);
    orr_owner_unregister(thread);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a thread's collector state");
}

enum orr_status
orr_thread_attach(struct orr_heap *heap, struct orr_thread **thread, struct orr_error *error)
{
    struct orr_thread *fresh = orr_allocate(sizeof *fresh);
    if (!fresh)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to attach a thread");
    fresh->heap = heap;
    fresh->given_up = UINT64_MAX; /* none: the first collection is number 0 while it begins */
    fresh->os_self = orr_os_thread_self();
    fresh->os_id = orr_os_thread_id();
    enum orr_status status = prepare(fresh, error);
    if (status != ORR_OK) {
        orr_deallocate(fresh);
        return status;
    }
    orr_ticket_take(heap);
    orr_mutex_lock(&heap->threads_lock);
    uint32_t most = heap->rc->threads_max;
    bool admitted = most == 0 || orr_load_relaxed(&heap->thread_count) < most;
    if (admitted)
        register_locked(fresh); /* state 0 is RUNNING, and no stop is under way while we hold the lock */
    orr_mutex_unlock(&heap->threads_lock);
    orr_ticket_return(heap);
    if (!admitted) {
        fresh->finishing = true;
        if (heap->collector->thread_detach)
            heap->collector->thread_detach(fresh);
        orr_deallocate(fresh->collector_private);
        heap->kind->thread_detach(fresh);
        orr_owner_unregister(fresh);
        orr_deallocate(fresh);
        return orr_fail(error, ORR_NOT_APPLICABLE, "strategy %s allows %u thread%s per heap",
                        heap->rc->name, most, most == 1 ? "" : "s");
    }
    attached_here++;
    attached_last = fresh->id;
    orr_os_thread_at_end(check_end);
    *thread = fresh;
    return ORR_OK;
}

/* --- detach ---------------------------------------------------------------------------------------- */

static void
add_counter(_Atomic(uint64_t) *sum, _Atomic(uint64_t) *part)
{
    orr_add_relaxed(sum, orr_load_relaxed(part)); /* relaxed: under books_lock */
}

void
orr_counters_hand_over(struct orr_thread *thread)
{
    struct orr_thread_counters *gone = &thread->heap->gone, *mine = &thread->counters;
    add_counter(&gone->allocated, &mine->allocated);
    add_counter(&gone->freed, &mine->freed);
    add_counter(&gone->merge_queued, &mine->merge_queued);
    add_counter(&gone->merged, &mine->merged);
    add_counter(&gone->candidates, &mine->candidates);
    add_counter(&gone->candidates_lost, &mine->candidates_lost);
    add_counter(&gone->rc_shared, &mine->rc_shared);
}

void
orr_thread_detach(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    orr_require(thread->locals == NULL, "thread %u detaches while a function still owns references",
                thread->id);
    orr_poll_slow(thread);
    orr_cascade_all(thread, 0);
    /* From here on nobody may queue for this thread, and it counts nothing any more. */
    if (heap->rc->detach)
        heap->rc->detach(thread);
    else
        orr_owner_unregister(thread);
    orr_assert(!thread->dead);
    thread->finishing = true;
    if (ORR_IS_CHECKED)
        orr_borrows_end(thread);
    orr_live_tell(thread);
    if (heap->collector->thread_detach)
        heap->collector->thread_detach(thread);
    /* BLOCKED while we wait for the registry: a stop may be under way and must not wait for us. */
    orr_block_enter(thread);
    orr_ticket_take(heap);
    orr_mutex_lock(&heap->threads_lock);
    orr_ticket_return(heap); /* while the heap is certain to be there */
    heap->kind->thread_detach(thread);
    orr_buffer_append(&heap->orphans, &thread->candidates);
    orr_store_relaxed(&heap->orphan_count, heap->orphans.total); /* relaxed: an estimate */
    orr_mutex_lock(&heap->books_lock);
    orr_counters_hand_over(thread);
    unregister_locked(thread);
    orr_mutex_unlock(&heap->books_lock);
    orr_mutex_unlock(&heap->threads_lock);
    orr_buffer_clear(&thread->borrowed);
    orr_deallocate(thread->collector_private);
    orr_deallocate(thread);
    attached_here--;
}

/* --- blocking regions ------------------------------------------------------------------------------ */

/* Callbacks that the poll itself put off (a finalizer collected, and the collection found others dead) would wait as
 * long as the thread is blocked: they run first. Within a callback they belong to the cascade that called it; what a
 * slice leaves of the worklist waits for the thread in any case. */
static void
enter(struct orr_thread *thread)
{
    if (!thread->finishing)
        do
            orr_poll_slow(thread);
        while (thread->postponed && !thread->cascading);
    uint32_t state = ORR_THREAD_RUNNING;
    /* sync:block-enter  release: whoever holds us sees all we did */
    bool entered = orr_cas_acq_rel(&thread->state, &state, ORR_THREAD_BLOCKED);
    orr_require(entered, "thread %u enters a blocking region in state %u", thread->id, state);
    orr_arrival_note(thread);
}

/* What is queued for a blocked thread would wait as long as it does: whoever queued while it went has told it, and
 * it comes back to see to it. relaxed: sync:told made the bits visible, if they were set before we went */
void
orr_block_enter(struct orr_thread *thread)
{
    enter(thread);
    while ((orr_load_relaxed(&thread->attention) & ORR_ATTENTION_MERGE) && !thread->finishing) {
        orr_block_leave(thread);
        enter(thread);
    }
}

static bool
is_held(uint32_t state)
{
    return state % ORR_THREAD_HOLDER == ORR_THREAD_HELD;
}

void
orr_block_leave(struct orr_thread *thread)
{
    if (ORR_IS_CHECKED)
        orr_own_thread_or_abort(thread);
    uint32_t state = ORR_THREAD_BLOCKED;
    /* sync:block-leave  acquire: what was done on our behalf. One word and one cas: there is no moment
     * between looking and coming back in which a stop could be missed. */
    if (orr_cas_acquire(&thread->state, &state, ORR_THREAD_RUNNING))
        return;
    uint64_t start_ns = orr_clock_ns();
    orr_ticket_take(thread->heap);
    do {
        orr_require(is_held(state) || state == ORR_THREAD_BLOCKED,
                    "thread %u leaves a blocking region in state %u", thread->id, state);
        if (is_held(state))
            orr_park(&thread->state, state, ORR_PARK_NS);
        state = ORR_THREAD_BLOCKED;
    } while (!orr_cas_acquire(&thread->state, &state, ORR_THREAD_RUNNING)); /* sync:block-leave  as above */
    orr_ticket_return(thread->heap);
    orr_pause_note(thread, ORR_PAUSE_STOP, start_ns);
}

/* Who stops or asks, and who has the thread's slot locked, may both hold it: what the second has come for must not
 * wait for the thread, which sees nothing until it leaves its region. */
bool
orr_thread_hold(struct orr_thread *thread)
{
    uint32_t state = orr_load_relaxed(&thread->state); /* relaxed: re-checked by the cas */
    uint32_t held;
    do {
        if (state != ORR_THREAD_BLOCKED && !is_held(state))
            return false;
        held = state == ORR_THREAD_BLOCKED ? (uint32_t)ORR_THREAD_HELD : state + ORR_THREAD_HOLDER;
        /* sync:block-enter  acquire: all the thread did before it blocked */
    } while (!orr_cas_weak_acquire(&thread->state, &state, held));
    return true;
}

bool
orr_thread_hold_or_tell(struct orr_thread *thread, uint8_t bits)
{
    orr_attention_set(thread, bits);
    /* sync:told  release: the bits. A write and not a look: either it comes before the thread's own step to BLOCKED,
     * which then has the bits, or it comes after, and we hold it. */
    orr_or_release(&thread->state, 0u);
    return orr_thread_hold(thread);
}

void
orr_thread_unhold(struct orr_thread *thread)
{
    uint32_t state = orr_load_relaxed(&thread->state); /* relaxed: re-checked by the cas */
    uint32_t left;
    do
        left = state == ORR_THREAD_HELD ? (uint32_t)ORR_THREAD_BLOCKED : state - ORR_THREAD_HOLDER;
    while (!orr_cas_weak_release(&thread->state, &state, left)); /* sync:block-leave  release: what we did for it */
    orr_wake_all(&thread->state);
}
