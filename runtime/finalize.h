/* finalize.h - the registry of finalizers that do not belong to a type: Python's weakref.finalize.
 *
 * An entry watches one object. Its function is called once: when the object dies, when the program calls the
 * entry, or when the heap is finished (finish.h), then in reverse order of registration. Entries keep
 * themselves alive; the object is not kept. Rule 61.
 *
 *     struct orr_finalize *entry = orr_finalize_add(thread, session, remove_directory, path);
 *     // ...
 *     orr_finalize_detach(thread, entry); // the directory stays
 *
 * Threads: any attached, running thread; the functions run on the thread that found the death, called, or
 * finishes the heap.
 */
#ifndef ORR_RUNTIME_FINALIZE_H
#define ORR_RUNTIME_FINALIZE_H

#include "runtime/thread.h"

struct orr_finalize;

/* May do what a finalizer may. Errors: raise them (raise.h); they do not stop the rest. */
typedef void orr_finalizer(struct orr_thread *thread, void *argument);

/* Registers; the caller holds the object. The entry belongs to the registry and stays readable until the heap
 * is destroyed or orr_finalize_forget. Null: no memory, or the object is a weak reference. */
struct orr_finalize *orr_finalize_add(struct orr_thread *thread, struct orr_object *object,
                                      orr_finalizer *function, void *argument);

/* Calls the function now, if it has not been called or detached; true: it was called. */
bool orr_finalize_call(struct orr_thread *thread, struct orr_finalize *entry);

/* Cancels; true: it was neither called nor detached before. */
bool orr_finalize_detach(struct orr_thread *thread, struct orr_finalize *entry);

/* Whether the function is still to be called. */
bool orr_finalize_is_alive(const struct orr_finalize *entry);

/* Whether the function is called when the heap is finished; it is, unless this says no. */
void orr_finalize_at_exit(struct orr_finalize *entry, bool at_exit);

/* Detaches, and gives the entry back: it must not be used any more. The entry's own function may do this. Entries
 * that are not forgotten take memory until the heap is destroyed, called or not. */
void orr_finalize_forget(struct orr_thread *thread, struct orr_finalize *entry);

/* For finish.h: calls what is alive and wants it, newest first, until none is left. Returns how many. */
uint64_t orr_finalize_all(struct orr_thread *thread);
/* For finish.h: detaches what is left. */
void orr_finalize_detach_all(struct orr_thread *thread);
/* For the heap's end: frees the registry. */
void orr_finalizes_close(struct orr_heap *heap);
/* Brackets a fork (fork.h), world stopped: nobody is inside the registry meanwhile. */
void orr_finalizes_lock(struct orr_heap *heap);
void orr_finalizes_unlock(struct orr_heap *heap);

#endif
