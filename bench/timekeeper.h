/* timekeeper.h - the clock of a run: opens the measuring window after the warm-up, closes it, tells
 * the workers to stop; between, it samples memory and shows progress, if either is wanted.
 *
 * It is a thread of its own, not attached to the heap, that sleeps but for these moments.
 *
 * A worker's window is a pair of moments and the operations done at each. For a stream of operations
 * they are the keeper's two readings of the clock. A job is cut at ends of rounds only: its window
 * begins at the first end of a round after the warm-up, as seen every millisecond, and ends when the
 * worker returns.
 *
 * sync         publishes                                  observes                     then visible
 * keeper-over  orr_timekeeper_join: store, release        wait_until: load, acquire    all have ended
 *
 * Threads: start and join on the first thread. Windows: the keeper's until the join, but for end_ns
 * and end_operations of a job or of a run by operations, which the first thread fills in then;
 *          likewise end_cpu_ns.
 */
#ifndef ORR_BENCH_TIMEKEEPER_H
#define ORR_BENCH_TIMEKEEPER_H

#include "bench/plan.h"
#include "bench/probe.h"
#include "bench/runner.h"
#include "workloads/run.h"

struct orr_window {
    uint64_t begin_ns, end_ns; /* 0: not reached */
    uint64_t begin_operations, end_operations;
};

struct orr_timekeeper {
    const struct orr_plan *plan;
    const struct orr_runner_options *options;
    struct orr_run *run;
    struct orr_probe *probe;
    struct orr_worker *const *workers;
    struct orr_window *windows; /* one per worker */
    uint64_t start_ns;
    uint64_t begin_cpu_ns, end_cpu_ns; /* of the process, when measuring began and ended */

    struct orr_run_sample *samples; /* null unless a timeline is wanted */
    size_t sample_count;

    struct orr_os_thread thread;
    _Atomic(uint32_t) over; /* the first thread: every worker has ended */
};

/* Begins at start_ns, with everything above `samples` filled in. False: no thread to be had. */
bool orr_timekeeper_start(struct orr_timekeeper *keeper);
void orr_timekeeper_join(struct orr_timekeeper *keeper);

/* Whether the workers' windows end when they return, and not by the clock. */
bool orr_timekeeper_ends_by_worker(const struct orr_plan *plan);

#endif
