/* usage.h - what this process uses, as the kernel counts it: memory and processor time.
 *
 * Source:  Linux: /proc/self/statm, VmHWM of /proc/self/status, /proc/self/smaps_rollup,
 *          /proc/self/clear_refs; getrusage.
 * Owns:    nothing. Threads: any.
 */
#ifndef ORR_BENCH_USAGE_H
#define ORR_BENCH_USAGE_H

#include "bench/measure.h"

/* Memory that is resident now, and at most since the start or the last reset. */
struct orr_measure orr_usage_resident(void);
struct orr_measure orr_usage_resident_peak(void);

/* Memory that is written and nobody else's: in the child of a fork, pages of its own. */
struct orr_measure orr_usage_private_dirty(void);

/* Begins a new peak; false where the kernel does not allow it. */
bool orr_usage_reset_peak(void);

/* Processor time of all threads so far, user and system, nanoseconds (the kernel's step is 1000). */
uint64_t orr_usage_cpu_ns(void);

#endif
