/* pairs.h - which strategy, collector and heap work together, as the program tells it.
 *
 * The answer is orr_pair_applies' (runtime/heap.h); here it is laid out: one row per strategy and
 * collector, one column per heap, and under the table every reason once.
 *
 * Threads: any.
 */
#ifndef ORR_BENCH_PAIRS_H
#define ORR_BENCH_PAIRS_H

#include "bench/json.h"
#include "runtime/error.h"

#include <stdio.h>

enum orr_status orr_pairs_write(FILE *file, struct orr_error *error);

/* [{strategy collector heap applies reason?}...] */
json_t *orr_pairs_json(struct orr_json_fault *fault);

#endif
