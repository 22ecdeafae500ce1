/* run_record.h - the record of a run of this process: what record.h can say, from a plan and a
 * result; and what the runner knows beyond it.
 *
 * Beyond record.h's schema the object has
 *   status    "done", "check failed", "out of memory"; with `error`, a sentence, unless done
 *   run       {warmup_seconds prepare_seconds settle_seconds rooted release_slice workers
 *              stress_every verify ledger collection_count}; what was not asked for is left out
 *   results   what the workload itself reports, by name
 * `trigger` is as `orrery run` takes it, with its value. `collections` are those of the window.
 *
 * Owns:    the arrays behind the record; plan, result and environment must outlive it.
 * Threads: one, after the run.
 */
#ifndef ORR_BENCH_RUN_RECORD_H
#define ORR_BENCH_RUN_RECORD_H

#include "bench/record.h"
#include "bench/runner.h"

enum { ORR_RUN_WINDOWS = 4 };

struct orr_run_record {
    struct orr_record record;
    const struct orr_plan *plan;
    const struct orr_run_result *result;
    size_t collection_count; /* in the window, listed or not */
    char trigger[48];
    struct orr_record_setting *settings;
    char (*setting_names)[64];
    struct orr_record_collection *collections;
    struct orr_record_phase *phases; /* of all collections, one after the other */
    struct orr_mmu mmu[ORR_RUN_WINDOWS];
    const char *notes[ORR_CHECKS_MAX + 1];
};

enum orr_status orr_run_record_init(struct orr_run_record *record, const struct orr_plan *plan,
                                    const struct orr_run_result *result,
                                    const struct orr_environment *environment,
                                    struct orr_error *error);
void orr_run_record_fini(struct orr_run_record *record);

/* The whole object; the caller drops it. */
enum orr_status orr_run_record_json(const struct orr_run_record *record, json_t **object,
                                    struct orr_error *error);

/* "done", "check failed", ... */
const char *orr_run_status_name(enum orr_status status);

#endif
