/* late.h - telling who keeps the world waiting: a wait for another thread that lasts longer than the heap's late_ms is
 * told, with the name of that thread, to listener.late or on standard error; again whenever it has doubled.
 *
 * Owns: struct orr_wait, on the stack of who waits. Threads: the one that waits.
 */
#ifndef ORR_RUNTIME_LATE_H
#define ORR_RUNTIME_LATE_H

#include "runtime/heap.h"

/* Starts as zeroes. */
struct orr_wait {
    unsigned looks;             /* so far */
    uint64_t start_ns, tell_ns; /* when the clock was first looked at; when the next telling is due */
};

/* Whether the wait is to be told now. One branch where nothing is to be told. */
bool orr_wait_is_late(const struct orr_heap *heap, struct orr_wait *wait);

/* Tells it; `late` without waited_ns. */
void orr_wait_tell(const struct orr_heap *heap, const struct orr_wait *wait, struct orr_late late);

#endif
