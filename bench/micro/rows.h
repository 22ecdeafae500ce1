/* rows.h - what the files of the program `micro` share: who registers rows, and how a row stands up.
 *
 * Rows are named operation/strategy or operation/heap/strategy. Their loops are bench/loops.h's.
 */
#ifndef ORR_BENCH_MICRO_ROWS_H
#define ORR_BENCH_MICRO_ROWS_H

#include "bench/loops.h"
#include "bench/micro/gbench.h"
#include "bench/stand.h"

/* Operations per step of a benchmark's loop: the step costs as much as one of them. */
enum { ORR_MICRO_BATCH = 256 };

/* Registers the rows of counting, slots and tracing; of allocation and its rivals. */
void orr_micro_operations(void);
void orr_micro_allocations(void);

/* Opens a stand; false: the row has been told why it has no number. */
bool orr_micro_open(struct orr_gbench_state *state, const struct orr_loops *loops, const char *heap,
                    struct orr_stand *stand);

#endif
