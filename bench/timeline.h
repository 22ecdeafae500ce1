/* timeline.h - a run as a Trace-Event JSON file: threads as rows, pauses and phases as bars.
 *
 * Source:  the Trace Event Format of Chromium's trace viewer, which Perfetto and speedscope read:
 *          `M` names processes and threads, `X` is a complete event, `i` an instant, `C` a counter.
 * Form:    one JSON array, one event per line. The array form is chosen because its readers accept
 *          it with the closing bracket missing (speedscope 1.25 does): of a run that crashed,
 *          everything before the last, unfinished line can still be looked at.
 *          After orr_timeline_close it is JSON without exception, whatever the names were.
 * Times:   microseconds since origin_ns with the nanoseconds as three decimals; written from
 *          integers, so none is rounded. A complete event is written when it is over: a bar
 *          follows the bars within it, and readers sort.
 * Owns:    the file it opened. Memory does not grow with the run.
 * Threads: one at a time.
 */
#ifndef ORR_BENCH_TIMELINE_H
#define ORR_BENCH_TIMELINE_H

#include "runtime/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct orr_timeline;

/* One number beside an event ("freed": 12), or one series of a counter. */
struct orr_timeline_number {
    const char *name;
    uint64_t value;
};

enum orr_status orr_timeline_open(struct orr_timeline **result, const char *path,
                                  const char *process_name, uint64_t origin_ns,
                                  struct orr_error *error);

/* Names the row of a thread; call it once per thread, at any time. */
void orr_timeline_name_thread(struct orr_timeline *timeline, uint32_t thread, const char *name);

/* A bar from start_ns to stop_ns. One that ends before it begins is left out and counted; close
 * refuses then. Numbers may be null if count is 0. */
void orr_timeline_complete(struct orr_timeline *timeline, uint32_t thread, const char *category,
                           const char *name, uint64_t start_ns, uint64_t stop_ns,
                           const struct orr_timeline_number *numbers, size_t count);

/* A mark at one moment of one thread. */
void orr_timeline_instant(struct orr_timeline *timeline, uint32_t thread, const char *category,
                          const char *name, uint64_t time_ns);

/* The values, from this moment on, of the series of one graph. */
void orr_timeline_counter(struct orr_timeline *timeline, const char *name, uint64_t time_ns,
                          const struct orr_timeline_number *numbers, size_t count);

/* Ends the array and closes the file. This is where a full disk is told; the timeline is gone in
 * any case. Null is allowed and is ORR_OK. */
enum orr_status orr_timeline_close(struct orr_timeline *timeline, struct orr_error *error);

#endif
