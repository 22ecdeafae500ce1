/* plan.h - a run that was asked for, as texts, and the same run resolved: descriptors, numbers in
 * range, settings parsed, and the pair known to work. After orr_plan_resolve nothing is looked up
 * and nothing can change: what the plan says is what is measured and recorded.
 *
 * Owns:    a plan owns the settings it parsed; the texts stay the caller's and must outlive it.
 * Threads: one.
 */
#ifndef ORR_BENCH_PLAN_H
#define ORR_BENCH_PLAN_H

#include "runtime/collector.h"
#include "runtime/error.h"
#include "workloads/catalogue.h"

enum { ORR_SETTINGS_MAX = 64 };

/* Texts as a person gave them; null: not given. */
struct orr_run_request {
    const char *workload, *strategy, *collector, *heap, *trigger;
    const char *threads, *seconds, *operations, *warmup, *heap_limit, *release_slice;
    const char *seed, *workers, *stress;
    const char *settings[ORR_SETTINGS_MAX]; /* KEY=VALUE of the workload, collector.KEY=VALUE */
    size_t setting_count;
    bool verify, ledger;
};

/* One setting as the record shows it, presets included. */
struct orr_plan_setting {
    const char *prefix; /* "collector." or "" */
    const char *name;
    const char *value;
};

struct orr_plan {
    const struct orr_workload *workload; /* the variant of this strategy */
    bool is_rooted;                      /* its locals are linked */
    struct orr_heap_options heap;        /* the listener is left to the runner */
    void *settings;                      /* the workload's, parsed */
    uint32_t threads;
    uint32_t seed;
    uint64_t operations;  /* per thread; 0: by time */
    uint64_t measured_ns; /* the measuring window; 0: by operations */
    uint64_t warmup_ns;
    const char *collector_settings[ORR_SETTINGS_MAX + 1]; /* without their prefix */
    struct orr_plan_setting shown[2 * ORR_SETTINGS_MAX];
    size_t shown_count;
};

/* Errors: ORR_BAD_INPUT, ORR_NOT_APPLICABLE (the sentence says why), ORR_OUT_OF_MEMORY. */
enum orr_status orr_plan_resolve(const struct orr_run_request *request, struct orr_plan *plan,
                                 struct orr_error *error);
void orr_plan_fini(struct orr_plan *plan);

/* The trigger that will rule: the one asked for, or the collector's own. */
const char *orr_plan_trigger_name(const struct orr_plan *plan);

#endif
