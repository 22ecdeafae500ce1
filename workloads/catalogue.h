/* catalogue.h - the door of workloads/: what a workload says of itself, and where it is found.
 *
 * workload.h says what the operations mean and how one is written.
 */
#ifndef ORR_WORKLOADS_CATALOGUE_H
#define ORR_WORKLOADS_CATALOGUE_H

#include "runtime/option.h"

struct orr_run;
struct orr_worker;

struct orr_workload {
    const char *name, *summary;
    const struct orr_option *options; /* ends with a row of null key; may be null */
    size_t settings_bytes;            /* of the struct that options fill; run->settings */
    size_t state_bytes;               /* of the workload's own state, zeroed; run->state */
    uint32_t threads_max;             /* 0: any number */
    bool is_job;                      /* a fixed amount of work per round, not a stream of operations: a
                                       * round is one operation, and it is not cut short by the clock */
    enum orr_status (*prepare)(struct orr_worker *worker, struct orr_error *error);
    enum orr_status (*work)(struct orr_worker *worker, struct orr_error *error);
    void (*finish)(struct orr_worker *worker);
    uint64_t (*digest)(struct orr_run *run);
};

/* The workload compiled for that strategy, with linked locals if rooted; null if there is none of that
 * name. A strategy that does not count has linked locals always. */
const struct orr_workload *orr_workload_find(const char *name, const char *strategy, bool rooted);

/* Names and sentences in the order of list.def, ended by a null name. */
struct orr_workload_entry {
    const char *name, *summary;
};
extern const struct orr_workload_entry orr_workload_entries[];

#endif
