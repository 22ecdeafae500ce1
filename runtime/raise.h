/* raise.h - errors that callbacks leave behind, and where they go.
 *
 * A finalizer or a callback has no caller who could take a status. It raises an error: the thread then has
 * a pending one. The runtime looks after each callback: what is pending then goes to the heap's error sink
 * (listener.failed, or standard error), and what was pending before is pending again. So an error that a
 * program carries is neither lost nor replaced by whatever a release sets off.
 *
 *     static void
 *     close_log(struct orr_thread *thread, struct orr_object *object)
 *     {
 *         if (fclose(log_of(object)->file) != 0)
 *             orr_raise(thread, ORR_BAD_INPUT, "cannot close the log: %s", strerror(errno));
 *     }
 *
 * Source: PyErr_WriteUnraisable and the saved error of PyGC_Collect. Rules 17, 39, 58, 66.
 * Threads: each function works on the calling thread's own error.
 */
#ifndef ORR_RUNTIME_RAISE_H
#define ORR_RUNTIME_RAISE_H

#include "runtime/thread.h"

/* Makes the error pending; one that is pending already is replaced. */
void orr_raise(struct orr_thread *thread, enum orr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The pending error, or null. Valid until the next raise or clear. */
const struct orr_error *orr_raised(const struct orr_thread *thread);

/* Nothing is pending afterwards. */
void orr_raise_clear(struct orr_thread *thread);

/* Brackets a callback: puts the pending error away; sends what the callback left to the sink, named by
 * `where`, and puts the old one back. *saved belongs to the caller in between. For the runtime. */
void orr_raise_save(struct orr_thread *thread, struct orr_error *saved);
void orr_raise_restore(struct orr_thread *thread, const struct orr_error *saved, const char *where);

#endif
