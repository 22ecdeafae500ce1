/* owner.h - thread ids, and what others hand back to an owner: the merge queue of biased counting.
 *
 * An owner is a slot that threads use one after the other; the id is slot | generation << 12, so that the
 * slot is found from the id without a search and an id names one thread for ever. A slot's lock guards
 * who is there (id, thread) and the queue; it is held for a few instructions, never while objects die.
 *
 * Always: thread is null exactly when id is 0, and then the queue is empty: the last owner drained it
 * under the same lock under which it left.
 *
 * Progress: blocking, under a lock per owner.
 */
#ifndef ORR_RUNTIME_OWNER_H
#define ORR_RUNTIME_OWNER_H

#include "runtime/heap.h"

struct orr_owner {
    struct orr_mutex lock;
    uint32_t id;               /* of the thread here now; 0: nobody. Under lock */
    uint32_t generation;       /* of the next one. Under heap->owners_lock */
    bool is_taken;             /* under heap->owners_lock */
    struct orr_thread *thread; /* under lock */
    struct orr_buffer queue;   /* objects whose last foreign reference waits for the owner. Under lock */
};

enum { ORR_OWNER_GENERATIONS = (1 << 20) - 1 }; /* the last one is never used: its ids touch IMMORTAL */

/* Finds an id for the thread and registers it. ORR_OUT_OF_MEMORY: no memory, or every id is used up. */
enum orr_status orr_owner_register(struct orr_thread *thread, struct orr_error *error);

/* The slot of an id (not 0, not immortal). */
static inline struct orr_owner *
orr_owner_of(struct orr_heap *heap, uint32_t id)
{
    return heap->owners[id % ORR_OWNERS_MAX];
}

/* Takes the whole queue of a thread. */
void orr_owner_take_queue(struct orr_thread *thread, struct orr_buffer *queue);

/* Ends the registration if the queue is empty; else false, and the caller drains again. */
bool orr_owner_unregister(struct orr_thread *thread);

/* Whether something is queued for the thread. World stopped, or the thread itself. */
bool orr_owner_has_queue(struct orr_thread *thread);

/* Frees all slots. No threads. */
void orr_owners_free(struct orr_heap *heap);

#endif
