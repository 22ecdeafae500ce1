/* verify.h - the heap verifier: a walk of a stopped heap that believes nothing.
 *
 * Each assertion has a name, which begins the message, so that a test can break exactly that and see it
 * reported:
 *
 *   type          the type index is not registered
 *   flags         a living object carries a flag of the dead
 *   slot-locked   a slot's lock bit is set although nobody runs
 *   edge          a slot refers to something that is no living object of this heap
 *   root          a root or linked local does
 *   count-zero    a living object has no references
 *   count-low     fewer references are counted than exist
 *   count-high    more are counted than exist (exact form only)
 *   owner         owner, its half and the shared state contradict each other
 *   claim         claims and entries of candidate buffers do not match
 *   shell         a shell that no candidate buffer names and no borrower keeps
 *   scratch       the side table is not clean between collections
 *   conservation  allocated - freed is not what the walk finds
 *   ledger        the death ledger and the walk differ
 */
#ifndef ORR_RUNTIME_VERIFY_H
#define ORR_RUNTIME_VERIFY_H

#include "runtime/heap.h"

/* World stopped by `thread`, which is attached. Merges queues and finishes worklists first, then checks.
 * True: the heap is sound. False: *error says what is wrong with which object (ORR_CHECK_FAILED), or that
 * it could not be checked (ORR_OUT_OF_MEMORY; ORR_NOT_APPLICABLE where the heap cannot be walked). */
bool orr_heap_verify(struct orr_heap *heap, struct orr_thread *thread, struct orr_error *error);

/* The same, and counts must be equal to the references found. The caller vouches that every reference held
 * outside objects lies in a registered root or a linked local. */
bool orr_heap_verify_exact(struct orr_heap *heap, struct orr_thread *thread,
                           struct orr_error *error);

#endif
