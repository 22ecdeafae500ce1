/* mmu.h - minimum mutator utilisation: the smallest share of any window of a run that was left to
 * the program.
 *
 * Source:  Cheng and Blelloch, PLDI 2001: MMU(w) is the minimum over t of (mutator time within
 *          [t, t + w]) / w. It is exact: the share is a piecewise linear function of t, and a
 *          window in which it is least begins where a pause begins.
 * Cost:    O(P log P) for P pauses: one sort, then one binary search per pause and window width.
 * Owns:    nothing; it works on a copy of the list.
 * Threads: any; nothing is shared.
 *
 * Two answers, since a program is slowed by either: `any_thread` takes the union of all threads'
 * pauses (some thread stood still), `worst_thread` is the lowest figure of one thread alone.
 * Pauses of one thread may overlap and nest (a stop within an allocation); time is counted once.
 */
#ifndef ORR_BENCH_MMU_H
#define ORR_BENCH_MMU_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orr_pause_interval {
    uint64_t start_ns; /* on the clock of the run */
    uint64_t stop_ns;  /* never before start_ns */
    uint32_t thread;   /* any number that tells threads apart */
    uint32_t cause;    /* index into the names of the collection it belongs to */
};

struct orr_mmu {
    uint64_t window_ns;  /* the question */
    bool is_measured;    /* false if the run was shorter than the window */
    double any_thread;   /* 0..1 over the union of all threads' pauses */
    double worst_thread; /* 0..1 for the thread that was left least */
};

/* Answers every window of answers[0..windows), whose window_ns (> 0) the caller has set, for the
 * run [run_start_ns, run_stop_ns]. Pauses are cut to the run: what happened in warm-up is outside. */
enum orr_status orr_mmu_compute(const struct orr_pause_interval *pauses, size_t count,
                                uint64_t run_start_ns, uint64_t run_stop_ns,
                                struct orr_mmu *answers, size_t windows, struct orr_error *error);

#endif
