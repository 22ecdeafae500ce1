/* safepoint.h - where a mutator can be asked to stand still or to answer: polls, stops, handshakes.
 *
 * A poll is one load and one branch. Put one at each loop edge and in functions that recurse; allocation
 * polls in its slow half. A blocking region (thread.h) counts as standing still.
 */
#ifndef ORR_RUNTIME_SAFEPOINT_H
#define ORR_RUNTIME_SAFEPOINT_H

#include "runtime/heap.h"

/* Answers whatever is asked; ends borrows. May park (a pause of cause stop), merge, run a handshake,
 * free a slice of the dead, collect. */
void orr_poll_slow(struct orr_thread *thread);

/* A safepoint: borrowed references end here. */
static inline void
orr_poll(struct orr_thread *thread)
{
    /* relaxed: a request is seen sooner or later; what it means is read with acquire in the slow half */
    if (__builtin_expect(orr_load_relaxed(&thread->attention) != 0, 0) || ORR_IS_CHECKED)
        orr_poll_slow(thread);
}

/* Makes every other mutator of the heap stand at a safepoint or in a blocking region, and keeps new ones
 * out. `self` is the calling thread, attached and running, or null for a thread that is not attached.
 * Waits for its turn (stoppable itself). Stops do not nest. A thread that never polls and never blocks makes it wait
 * for ever; with late_ms (heap.h) that thread is named. */
void orr_world_stop(struct orr_heap *heap, struct orr_thread *self);
void orr_world_resume(struct orr_heap *heap);
/* Whether the calling context may look at everything. */
bool orr_world_is_stopped(struct orr_heap *heap);

/* Runs question(thread, argument) once for every attached thread but `self`, each at its own safepoint, or
 * here on behalf of threads that are in a blocking region. Returns when all have answered. A question
 * must not ask, stop, allocate or release objects. With `only` not null, that thread alone is asked. */
void orr_handshake(struct orr_heap *heap, struct orr_thread *self, struct orr_thread *only,
                   void (*question)(struct orr_thread *subject, void *argument), void *argument);

/* Collects on the calling thread (running). If another thread is collecting, waits; returns after a
 * collection that began after the call and did what was asked for. cause is a static string. */
void orr_collect(struct orr_thread *thread, const char *cause);

/* Collects until no garbage known to the collector remains. */
void orr_settle(struct orr_thread *thread);

/* Sets bits of another thread's attention. */
void orr_attention_set(struct orr_thread *thread, uint8_t bits);

/* Reports a pause of this thread, from start_ns until now. */
void orr_pause_note(struct orr_thread *thread, enum orr_pause_cause cause, uint64_t start_ns);

/* Holds a blocked thread, so that its affairs can be settled for it; false if it is not blocked. */
bool orr_thread_hold(struct orr_thread *thread);
void orr_thread_unhold(struct orr_thread *thread);
/* Sets bits of its attention, and holds it if it is blocked. False: it is running, and will see the bits before it
 * is blocked. */
bool orr_thread_hold_or_tell(struct orr_thread *thread, uint8_t bits);

#endif
