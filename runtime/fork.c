/* fork.c - a heap through fork(): a whole copy, and one thread that takes over what the others left.
 *
 * After: CPython's free-threaded build, which stops the world before it forks (its issue 111964), takes its locks
 * or makes them new in the child, and hands the merge queues of threads that are gone to the one that is left.
 *
 * What prepare takes, in this order, and who may hold it while the world stands (threads that are parked or
 * blocked hold no lock of the runtime, but those who attach, or read the books, need not be attached):
 *   turn            one fork at a time in the process; waited for in a blocking region
 *   token, threads  the stop itself
 *   finalizes       the registry (finalize.h); before roots
 *   gc, owners, roots, books, ledger   (an owner's own lock is held by those who attach, whose slot the child
 *                   frees, with a new lock)
 *   weaks, types    of the process; given up while a further heap is stopped, whose threads may need them
 * Locks of heap kinds and collectors are not among them: only running threads take those. jemalloc takes its own
 * around a fork; mimalloc lets threads vanish.
 *
 * In the child the forking thread holds all these locks and unlocks them. What each other thread left:
 *   worklist, deaths put off      joined to the caller's, which buries them
 *   an object under its last callbacks (thread->rites): buried; what was running does not run again
 *   an object under its finalizer (thread->finalizing): the reference that its burial had is dropped
 *   callbacks of weak references that wait   called by the caller
 *   merge queue                   merged; the id is given back, so that foreign releases merge at once
 *   candidates                    orphans, as those of threads that detached
 *   cells, budget, counters       given back, as at a detach
 *   linked locals                 forgotten; their counts stay
 * The caller counts as cascading meanwhile, so that nothing is buried, and no callback runs, before everything
 * stands where it belongs. Then a collection that another thread had under way is ended (collector->forked).
 *
 * A thread that was about to attach or had just left the registry leaves its struct behind, unreachable; a slot of
 * an owner that it had taken is free again.
 *
 * Threads: the forking one.
 */
#include "runtime/fork.h"

#include "runtime/borrow.h"
#include "runtime/cells.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/finalize.h"
#include "runtime/ledger.h"
#include "runtime/owner.h"
#include "runtime/stop.h"
#include "runtime/weak.h"

/* One thread of the process prepares at a time: two that prepared two heaps would wait for one another. */
static struct orr_mutex turn = {PTHREAD_MUTEX_INITIALIZER};
static _Thread_local uint32_t heaps_prepared; /* by this thread; more than 0: the turn is its */
static _Thread_local bool holds_process;      /* it holds the locks of the process */

/* --- locks ----------------------------------------------------------------------------------------- */

static void
take_turn(struct orr_thread *thread)
{
    if (heaps_prepared == 0) {
        orr_block_enter(thread); /* who has the turn may be stopping our world */
        orr_mutex_lock(&turn);
        orr_block_leave(thread);
    }
    heaps_prepared++;
}

static void
return_turn(void)
{
    if (--heaps_prepared == 0)
        orr_mutex_unlock(&turn);
}

static void
unlock_process(void)
{
    if (!holds_process)
        return;
    holds_process = false;
    orr_types_unlock();
    orr_weaks_unlock();
}

static void
lock_process(void)
{
    orr_weaks_lock();
    orr_types_lock();
    holds_process = true;
}

static void
lock_heap(struct orr_heap *heap)
{
    orr_finalizes_lock(heap);
    orr_mutex_lock(&heap->gc.lock);
    orr_mutex_lock(&heap->owners_lock);
    orr_mutex_lock(&heap->roots_lock);
    orr_mutex_lock(&heap->books_lock);
    orr_ledger_lock(heap->ledger);
}

static void
unlock_heap(struct orr_heap *heap)
{
    orr_ledger_unlock(heap->ledger);
    orr_mutex_unlock(&heap->books_lock);
    orr_mutex_unlock(&heap->roots_lock);
    orr_mutex_unlock(&heap->owners_lock);
    orr_mutex_unlock(&heap->gc.lock);
    orr_finalizes_unlock(heap);
}

void
orr_fork_prepare(struct orr_thread *thread)
{
    take_turn(thread);
    unlock_process();
    orr_world_stop(thread->heap, thread);
    lock_heap(thread->heap);
    lock_process();
}

void
orr_fork_parent(struct orr_thread *thread)
{
    unlock_process();
    unlock_heap(thread->heap);
    orr_world_resume(thread->heap);
    return_turn();
}

/* --- the child: what one thread left, world stopped ------------------------------------------------- */

/* Puts a list of dead, linked through counts, in front of another. */
static void
join_dead(struct orr_object **list, struct orr_object **dead)
{
    struct orr_object *last = *dead;
    if (!last)
        return;
    while (orr_cell_next(last))
        last = orr_cell_next(last);
    orr_store_relaxed(&last->counts, (uint64_t)*list); /* relaxed, all here: nobody is there */
    *list = *dead;
    *dead = NULL;
}

/* Weak references whose callbacks are still to run, in front of ours. */
static void
join_called(struct orr_thread *thread, struct orr_thread *gone)
{
    struct orr_slot *last = &gone->called_weaks;
    while (orr_slot_peek(last))
        last = &((struct orr_weak *)orr_slot_peek(last))->pending;
    orr_slot_put(last, orr_slot_peek(&thread->called_weaks));
    orr_slot_put(&thread->called_weaks, orr_slot_peek(&gone->called_weaks));
    orr_slot_put(&gone->called_weaks, NULL);
}

static void
drop_slot(struct orr_slot *slot, void *thread)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        orr_drop(thread, child);
}

/* Buries what was under its last callbacks; a destroy that had not begun waits until callbacks may run. Members
 * of a collection's garbage are that one's. */
static void
finish_rites(struct orr_thread *thread, struct orr_rites *rites)
{
    struct orr_object *object = rites->object;
    uint8_t flags = orr_load_relaxed(&object->flags);
    if (orr_load_relaxed(&object->colour) == ORR_COLOUR_GARBAGE)
        return;
    if (orr_type_of(object)->destroy && !rites->destroys) {
        orr_store_relaxed(&object->flags, (uint8_t)(flags | ORR_FLAG_FINALIZED));
        orr_store_relaxed(&object->counts, (uint64_t)thread->postponed);
        thread->postponed = object;
        return;
    }
    orr_object_trace(object, orr_layout_of(object), drop_slot, thread);
    orr_store_relaxed(&thread->counters.freed, orr_load_relaxed(&thread->counters.freed) + 1);
    orr_emptied_slow(thread, object, flags);
}

/* What was under its finalizer loses the reference that it was held by. If it dies of that, green or not, its
 * finalizer has had its turn. */
static void
finish_finalizing(struct orr_thread *thread, struct orr_object *object)
{
    if (orr_count_stopped(object) == 1)
        orr_or_relaxed(&object->flags, ORR_FLAG_FINALIZED);
    orr_drop(thread, object);
}

/* Merges what is queued for it and gives its id back. A thread that was detaching has done so itself. */
static void
end_ownership(struct orr_thread *thread, struct orr_thread *gone)
{
    if (orr_owner_of(thread->heap, gone->id)->thread != gone)
        return;
    do {
        if (thread->heap->rc->drain)
            thread->heap->rc->drain(thread, gone);
    } while (!orr_owner_unregister(gone));
}

static void
take_over(struct orr_thread *thread, struct orr_thread *gone)
{
    struct orr_heap *heap = thread->heap;
    if (ORR_IS_CHECKED)
        orr_borrows_end(gone);
    gone->locals = NULL;
    join_dead(&thread->dead, &gone->dead);
    join_dead(&thread->postponed, &gone->postponed);
    join_called(thread, gone);
    end_ownership(thread, gone);
    for (struct orr_rites *rites = gone->rites; rites; rites = rites->outer)
        finish_rites(thread, rites);
    for (struct orr_rites *rites = gone->finalizing; rites; rites = rites->outer)
        finish_finalizing(thread, rites->object);
    orr_buffer_append(&heap->orphans, &gone->candidates);
    orr_store_relaxed(&heap->orphan_count, heap->orphans.total);
}

/* --- the child: the heap ---------------------------------------------------------------------------- */

/* The registry is the caller alone; the others are returned, linked by next. */
static struct orr_thread *
take_the_others(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (thread->previous)
        thread->previous->next = thread->next;
    else
        heap->threads = thread->next;
    if (thread->next)
        thread->next->previous = thread->previous;
    struct orr_thread *gone = heap->threads;
    thread->next = thread->previous = NULL;
    heap->threads = thread;
    orr_store_relaxed(&heap->thread_count, 1);
    return gone;
}

/* Slots of owners that were taken by threads not yet in the registry. */
static void
free_owners(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    for (uint32_t i = 0; i < heap->owners_used; i++) {
        struct orr_owner *owner = heap->owners[i];
        if (!owner->is_taken || owner->thread == thread)
            continue;
        orr_assert(owner->queue.total == 0);
        owner->id = 0;
        owner->thread = NULL;
        owner->is_taken = false;
        orr_mutex_init(&owner->lock);
    }
}

/* Ends the stop, of which nobody else knows. */
static void
reset_world(struct orr_thread *thread)
{
    struct orr_world *world = &thread->heap->world;
    orr_store_relaxed(&world->stopped, 0);
    orr_store_relaxed(&world->stopper, NULL);
    orr_store_relaxed(&world->tickets_done, orr_load_relaxed(&world->tickets_taken));
    orr_mutex_unlock(&thread->heap->threads_lock);
    orr_store_relaxed(&world->token, 0);
}

static void
discard(struct orr_thread *gone)
{
    struct orr_heap *heap = gone->heap;
    if (!gone->finishing) { /* else it was waiting to leave the registry, and has done so */
        gone->finishing = true;
        orr_live_tell(gone);
        if (heap->collector->thread_detach)
            heap->collector->thread_detach(gone);
    }
    heap->kind->thread_detach(gone);
    orr_counters_hand_over(gone);
    orr_buffer_clear(&gone->borrowed);
    orr_deallocate(gone->collector_private);
    orr_deallocate(gone);
}

/* Ends a collection that went with its thread; the collector looks after its threads in any case. */
static void
settle_collection(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    bool abandoned = orr_load_relaxed(&heap->collecting) && !thread->collecting;
    orr_store_relaxed(&heap->gc.waiting, 0); /* relaxed, all: there are no others */
    if (!abandoned) {
        if (heap->collector->forked)
            heap->collector->forked(thread, false);
        return;
    }
    thread->collecting = true; /* in its place */
    if (heap->collector->forked)
        heap->collector->forked(thread, true);
    thread->collecting = false;
    orr_store_relaxed(&heap->gc.finalizers_pending, 0);
    orr_store_relaxed(&heap->gc.taken_at_complete, heap->gc.taken_before); /* as before it */
    orr_store_relaxed(&heap->collections_done, orr_load_relaxed(&heap->collections_begun));
    orr_store_relaxed(&heap->collecting, ORR_COLLECTING_NOBODY);
}

void
orr_fork_child(struct orr_thread *thread)
{
    struct orr_object *called = orr_slot_peek(&thread->called_weaks);
    bool cascading = thread->cascading;
    unlock_process();
    unlock_heap(thread->heap);
    thread->cascading = true;
    thread->os_id = orr_os_thread_id();
    struct orr_thread *gone = take_the_others(thread);
    for (struct orr_thread *other = gone; other; other = other->next)
        take_over(thread, other);
    free_owners(thread);
    reset_world(thread);
    for (struct orr_thread *other = gone, *next; other; other = next) {
        next = other->next;
        discard(other);
    }
    return_turn();
    thread->cascading = cascading;
    settle_collection(thread);
    if (cascading)
        orr_attention_set(thread, ORR_ATTENTION_CASCADE); /* for what was postponed */
    orr_cascade_all(thread, 0);
    orr_weak_call_all(thread, called);
}
