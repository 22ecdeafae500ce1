/* census.h - how much of a heap is garbage, asked of the heap itself: for runs whose collector finds no
 * cycles, and so cannot say.
 *
 * Source:  CPython's question (Modules/gcmodule.c): what has more references than the heap's own slots
 *          hold is reached from outside, and so is whatever hangs from it; the rest is garbage.
 * Needs:   a walkable heap and a strategy that counts. Nothing is changed but what orr_counts_settle does.
 * Cost:    a table of 32 bytes per object and a visit to each reference.
 *
 * Threads: the stopper's, world stopped.
 */
#ifndef ORR_BENCH_CENSUS_H
#define ORR_BENCH_CENSUS_H

#include "runtime/error.h"
#include "runtime/thread.h"

struct orr_census {
    uint64_t objects, bytes;                 /* of the whole heap */
    uint64_t garbage_objects, garbage_bytes; /* of these, unreachable */
};

/* ORR_OUT_OF_MEMORY: no room for the table. */
enum orr_status orr_census_take(struct orr_thread *thread, struct orr_census *census,
                                struct orr_error *error);

#endif
