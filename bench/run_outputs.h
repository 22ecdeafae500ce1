/* run_outputs.h - the files a run can leave behind for other programs to read.
 *
 *   hgrm       PREFIX-pauses.hgrm, PREFIX-safepoint.hgrm, PREFIX-latency.hgrm: percentile
 *              distributions in milliseconds, for HdrHistogram's plotter; what has no value is not
 *              written
 *   hlog       the same as one histogram log, pauses tagged by cause
 *   timeline   Trace-Event JSON: threads with their pauses, collections with their phases, memory
 *   gc_log     a line per collection
 *
 * All are written after the run, from what was kept, so that no run pays for its files.
 *
 * Threads: one, after the run.
 */
#ifndef ORR_BENCH_RUN_OUTPUTS_H
#define ORR_BENCH_RUN_OUTPUTS_H

#include "bench/runner.h"

enum orr_status orr_run_write_hgrm(const struct orr_run_result *result, const char *prefix,
                                   struct orr_error *error);
enum orr_status orr_run_write_hlog(const struct orr_run_result *result, const char *path,
                                   struct orr_error *error);
enum orr_status orr_run_write_timeline(const struct orr_plan *plan,
                                       const struct orr_run_result *result, const char *path,
                                       struct orr_error *error);
enum orr_status orr_run_write_gc_log(const struct orr_plan *plan,
                                     const struct orr_run_result *result, const char *path,
                                     struct orr_error *error);

#endif
