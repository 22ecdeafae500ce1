/* pauses.h - the pauses of a run: one histogram per cause and a bounded list of intervals.
 *
 * A pause is a maximal interval in which a thread wanted to run and the memory manager did not let
 * it. Who measured it hands it in with its thread and its cause; the causes are small integers and
 * their names come from whoever defines them.
 *
 * Owns:    the histograms and the list, both taken whole at creation, so that recording can neither
 *          fail nor allocate; pages that are never used are never touched.
 * Threads: one at a time. Give every thread its own and merge after the join, or hold a lock.
 *
 * Invariants:
 *   sum over causes of count = listed + unlisted
 *   every listed interval has start_ns <= stop_ns and cause < cause_count
 *   a pause that ends before it begins, or whose cause has no name, is refused and counted: it is
 *   a broken clock or a broken caller, and must not become a huge number
 */
#ifndef ORR_BENCH_PAUSES_H
#define ORR_BENCH_PAUSES_H

#include "bench/histogram.h"
#include "bench/mmu.h"

#include <stdio.h>

struct orr_pauses {
    const char *const *cause_names;       /* the caller's; must outlive this */
    unsigned cause_count;                 /* causes 0..cause_count-1 have names */
    struct orr_histogram **by_cause;      /* one histogram per cause */
    struct orr_pause_interval *intervals; /* in the order of recording */
    size_t listed;                        /* how many intervals are in the list */
    size_t capacity;                      /* how many it can hold */
    uint64_t unlisted;                    /* recorded in a histogram, but the list was full */
    uint64_t refused;                     /* recorded nowhere: no such cause, or negative */
};

enum orr_status orr_pauses_create(struct orr_pauses **result, const char *const *cause_names,
                                  unsigned cause_count, size_t capacity, struct orr_error *error);
void orr_pauses_destroy(struct orr_pauses *pauses);

void orr_pauses_record(struct orr_pauses *pauses, uint32_t thread, uint32_t cause,
                       uint64_t start_ns, uint64_t stop_ns);

/* Adds all of `from` to `into`. Both must have the same causes, else all of `from` is refused. */
void orr_pauses_merge(struct orr_pauses *into, const struct orr_pauses *from);

/* Adds the pauses of every cause to `into`. Where causes nest, both are in it. */
void orr_pauses_merge_causes(const struct orr_pauses *pauses, struct orr_histogram *into);

/* MMU over the list. If the list is incomplete (unlisted, refused) no window is measured: the missing
 * pauses could only have made the figures worse. */
enum orr_status orr_pauses_mmu(const struct orr_pauses *pauses, uint64_t run_start_ns,
                               uint64_t run_stop_ns, struct orr_mmu *answers, size_t windows,
                               struct orr_error *error);

/* The whole run as one interval of a histogram log: first all causes together, untagged, then every
 * cause that occurred, tagged with its name. */
enum orr_status orr_pauses_write_hlog(const struct orr_pauses *pauses, FILE *file,
                                      double start_unix_seconds, double length_seconds,
                                      struct orr_error *error);

/* The percentile distribution of all causes together, in milliseconds. */
enum orr_status orr_pauses_write_hgrm(const struct orr_pauses *pauses, FILE *file,
                                      struct orr_error *error);

#endif
