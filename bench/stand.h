/* stand.h - a heap and one attached thread to measure on, where no workload runs.
 *
 * Threads: the caller's, which opens and closes it.
 */
#ifndef ORR_BENCH_STAND_H
#define ORR_BENCH_STAND_H

#include "runtime/heap.h"

struct orr_stand {
    struct orr_heap *heap;
    struct orr_thread *thread;
};

/* Names as on the command line; a collector of null: `none`, or `mark` where nothing is counted. The
 * trigger is manual. Errors: ORR_BAD_INPUT, ORR_NOT_APPLICABLE, ORR_OUT_OF_MEMORY. */
enum orr_status orr_stand_open(struct orr_stand *stand, const char *strategy, const char *collector,
                               const char *heap, struct orr_error *error);
/* Objects that are alive go with the heap. */
void orr_stand_close(struct orr_stand *stand);

#endif
