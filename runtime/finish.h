/* finish.h - the end of a heap: last collection, last finalizers, and what is left.
 *
 *     struct orr_leaks leaks;
 *     orr_heap_finish(thread, &leaks);
 *     orr_leaks_print(&leaks, stderr);
 *     orr_leaks_free(&leaks);
 *     orr_thread_detach(thread);
 *     orr_heap_destroy(heap);
 *
 * In order: what was frozen is looked at again; the finalize registry, newest entry first (rule 61); a complete
 * collection, which runs the finalizers of what still lies in cycles; both again while something was freed, 16
 * times at most; the registry's other entries are detached; a warning if the garbage list is not empty, through
 * listener.report or on standard error (rule 21); the leak report. Rule 42.
 *
 * Immortal objects are no leaks and are not in the report; what they alone hold is.
 *
 * Threads: the calling thread is attached and running, the only one left (others may be attached and blocked).
 */
#ifndef ORR_RUNTIME_FINISH_H
#define ORR_RUNTIME_FINISH_H

#include "runtime/heap.h"

#include <stdio.h>

/* Objects that are still there, by type and by where they were made. Sites are known where the heap was created
 * with options.sites. */
struct orr_leak {
    const struct orr_type *type;
    const void *site; /* an address in the call that allocated; null: not known */
    uint64_t objects, bytes;
};

struct orr_leaks {
    uint64_t objects, bytes;     /* of all kinds; bytes 0 where nothing can enumerate the objects */
    uint64_t finalizers_run;     /* registry entries called */
    uint64_t garbage;            /* length of the garbage list when the last collection had ended */
    struct orr_leak *kinds;      /* most bytes first; null where the heap has no ledger and cannot be walked */
    uint64_t kind_count;
};

/* *leaks may be null: no report. ORR_OUT_OF_MEMORY: everything was done, but the report has no kinds. */
enum orr_status orr_heap_finish(struct orr_thread *thread, struct orr_leaks *leaks);
/* A table for people, "nothing is left" when so. Sites as symbol+offset, where the program exports its symbols
 * (-rdynamic), and as file+offset, which `addr2line -fe file offset` turns into a line. */
void orr_leaks_print(const struct orr_leaks *leaks, FILE *file);
void orr_leaks_free(struct orr_leaks *leaks);

#endif
