/* run_summary.h - what a person reads after one run. Absent numbers are absent lines.
 *
 * Threads: one, after the run.
 */
#ifndef ORR_BENCH_RUN_SUMMARY_H
#define ORR_BENCH_RUN_SUMMARY_H

#include "bench/run_record.h"

#include <stdio.h>

void orr_run_summary_write(const struct orr_run_record *record, FILE *file);

#endif
