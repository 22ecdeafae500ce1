/* runner.h - one run in this process: a heap, the threads of a workload on it, and what came of it.
 *
 * The course of a run
 *   prepare   on the calling thread, which is worker 0: a strategy that gives objects an owner then
 *             sees what it would see in a program, a thread that works on what it built
 *   begin     the other workers attach, and all begin together
 *   warm-up   counts for the digest, for nothing else
 *   window    what is measured: operations, pauses, latencies
 *   end       all are told to stop; the calling thread waits for the others in a blocking region
 *   census    one collection, or a count (census.h), so that the garbage that had piled up is known
 *   finish    the workload drops everything; then the heap is settled, the books are checked, the
 *             digest is taken, and the heap is destroyed
 *
 * The window of a stream of operations is cut by the clock. A job (workloads/catalogue.h) is never
 * cut: each worker's window runs from the end of a round to the end of a round.
 *
 * Threads: the caller's becomes worker 0; others are started and joined here.
 */
#ifndef ORR_BENCH_RUNNER_H
#define ORR_BENCH_RUNNER_H

#include "bench/measure.h"
#include "bench/plan.h"
#include "bench/probe.h"

enum { ORR_RESULTS_MAX = 64, ORR_CHECKS_MAX = 16 };

/* A number that the workload itself reports. */
struct orr_run_note {
    char name[48];
    double value;
};

/* One moment of a run's memory, for the timeline. */
struct orr_run_sample {
    uint64_t time_ns;
    uint64_t heap_bytes;
    uint64_t rss_bytes; /* 0: not read */
};

struct orr_run_result {
    enum orr_status status; /* ORR_OK, ORR_CHECK_FAILED, ORR_OUT_OF_MEMORY */
    struct orr_error error; /* its sentence, unless ORR_OK */

    uint64_t opened_ns; /* when the heap was made, on orr_clock_ns */
    uint64_t start_ns;  /* when the workers began */
    uint64_t start_unix_ns;
    uint64_t window_start_ns, window_stop_ns;
    struct orr_probe *probe; /* merged */

    struct orr_measure digest;
    struct orr_measure operations; /* in the window */
    struct orr_real seconds;       /* that they took */
    struct orr_measure cpu_ns_mutator, cpu_ns_collector;
    struct orr_measure rss_bytes_peak;
    struct orr_measure heap_bytes_live, heap_bytes_peak; /* when the workers had ended */
    struct orr_measure uncollected_objects_peak, uncollected_bytes_peak;
    struct orr_heap_totals totals; /* after settling */
    struct orr_real prepare_seconds, settle_seconds;

    struct orr_run_note notes[ORR_RESULTS_MAX];
    size_t note_count;
    const char *remarks[ORR_CHECKS_MAX]; /* what is missing, and why; static sentences */
    size_t remark_count;
    struct orr_run_sample *samples;
    size_t sample_count;
};

struct orr_runner_options {
    bool wants_timeline; /* samples of memory, pauses outside of the window */
    bool shows_progress; /* a line on standard error, rewritten */
};

/* Runs the plan. A run that began has a result, whatever its status; *result is null, and the
 * status is an error, if it could not begin. */
enum orr_status orr_runner_run(const struct orr_plan *plan,
                               const struct orr_runner_options *options,
                               struct orr_run_result **result, struct orr_error *error);
void orr_run_result_destroy(struct orr_run_result *result);

#endif
