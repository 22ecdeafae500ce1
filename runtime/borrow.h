/* borrow.h - checked builds: catching a borrowed reference that is used too long.
 *
 * A borrow is noted in the thread and marks its object. If the object dies before the thread's next
 * safepoint, its cell is kept out of use until then, so that every operation on it finds a corpse and
 * says so, instead of finding whatever moved in. Release builds contain none of this.
 *
 * Threads: the log is its thread's own. The mark is set by read-modify-write: the object may be shared.
 */
#ifndef ORR_RUNTIME_BORROW_H
#define ORR_RUNTIME_BORROW_H

#include "runtime/thread.h"

/* Aborts when another system thread than the one that attached it uses the thread. */
void orr_own_thread_or_abort(const struct orr_thread *thread);
/* Aborts when the object is dead; or as above. */
void orr_alive_or_abort(struct orr_thread *thread, const struct orr_object *object);
/* Notes that the thread borrows the object. */
void orr_borrow_note(struct orr_thread *thread, struct orr_object *object);
/* Keeps the cell of a dead object that was borrowed; false: nobody keeps it, free it. */
bool orr_borrow_keep(struct orr_thread *thread, struct orr_object *object);
/* Safepoint: all borrows of this thread end; kept cells are given back. */
void orr_borrows_end(struct orr_thread *thread);

#endif
