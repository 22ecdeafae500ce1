/* run_record.c - filling the record of a run; see run_record.h. */
#include "bench/run_record.h"

#include "bench/json.h"

#include <inttypes.h>
#include <stdlib.h>

/* A record with more would be a file of its own; --gc-log has them all. */
enum { COLLECTIONS_LISTED = 4096 };

static const uint64_t mmu_windows_ns[ORR_RUN_WINDOWS] = {UINT64_C(1000000), UINT64_C(10000000),
                                                         UINT64_C(100000000), UINT64_C(1000000000)};

const char *
orr_run_status_name(enum orr_status status)
{
    static const char *const names[] = {
        [ORR_OK] = "done",
        [ORR_CHECK_FAILED] = "check failed",
        [ORR_BAD_INPUT] = "bad input",
        [ORR_NOT_APPLICABLE] = "not applicable",
        [ORR_OUT_OF_MEMORY] = "out of memory",
        [ORR_CRASHED] = "crashed",
    };
    return names[status];
}

/* --- filling ------------------------------------------------------------------------------------- */

static void
name_trigger(struct orr_run_record *record)
{
    const struct orr_trigger *const trigger = &record->plan->heap.trigger;
    const char *const name = orr_plan_trigger_name(record->plan);
    char *const text = record->trigger;
    const size_t size = sizeof record->trigger;
    switch (trigger->kind) {
    case ORR_TRIGGER_count:
    case ORR_TRIGGER_adaptive:
        snprintf(text, size, "%s:%" PRIu64, name, trigger->count);
        break;
    case ORR_TRIGGER_bytes:
        snprintf(text, size, "%s:%" PRIu64, name, trigger->bytes);
        break;
    case ORR_TRIGGER_ratio:
        snprintf(text, size, "%s:%g", name, trigger->ratio);
        break;
    default:
        snprintf(text, size, "%s", name);
    }
    record->record.trigger = text;
}

static bool
fill_settings(struct orr_run_record *record)
{
    const struct orr_plan *const plan = record->plan;
    record->settings = calloc(plan->shown_count + 1, sizeof *record->settings);
    record->setting_names = calloc(plan->shown_count + 1, sizeof *record->setting_names);
    if (!record->settings || !record->setting_names)
        return false;
    for (size_t i = 0; i < plan->shown_count; i++) {
        snprintf(record->setting_names[i], sizeof record->setting_names[i], "%s%s",
                 plan->shown[i].prefix, plan->shown[i].name);
        record->settings[i].name = record->setting_names[i];
        record->settings[i].value = plan->shown[i].value;
    }
    record->record.settings = record->settings;
    record->record.setting_count = plan->shown_count;
    return true;
}

static bool
is_in_window(const struct orr_run_result *result, const struct orr_collection *collection)
{
    return collection->stop_ns > result->window_start_ns &&
           collection->start_ns < result->window_stop_ns;
}

/* A count that the collector does not have stays zero, and zero objects looked at is no visit. */
static struct orr_measure
count_of(uint64_t count)
{
    return (struct orr_measure){count, count != 0};
}

static void
fill_collection(struct orr_run_record *record, struct orr_record_collection *into,
                const struct orr_collection *from, struct orr_record_phase *phases)
{
    const uint64_t start_ns = record->result->start_ns;
    for (uint32_t i = 0; i < from->phase_count; i++)
        phases[i] = (struct orr_record_phase){from->phases[i].name,
                                              from->phases[i].stop_ns - from->phases[i].start_ns};
    *into = (struct orr_record_collection){
        .start_ns = from->start_ns > start_ns ? from->start_ns - start_ns : 0,
        .duration_ns = orr_measured(from->stop_ns - from->start_ns),
        .cause = from->cause,
        .phases = phases,
        .phase_count = from->phase_count,
        .candidates = count_of(from->candidates),
        .nodes_visited = count_of(from->nodes_visited),
        .edges_visited = count_of(from->edges_visited),
        .freed = orr_measured(from->freed),
    };
    if (from->nodes_visited > 0)
        into->ns_per_object = orr_measured_real((double)(from->stop_ns - from->start_ns) /
                                                (double)from->nodes_visited);
}

static bool
fill_collections(struct orr_run_record *record)
{
    const struct orr_probe *const probe = record->result->probe;
    size_t listed = 0;
    for (size_t i = 0; i < probe->collection_count; i++)
        record->collection_count += is_in_window(record->result, &probe->collections[i]);
    listed = record->collection_count < COLLECTIONS_LISTED ? record->collection_count
                                                           : COLLECTIONS_LISTED;
    record->collections = calloc(listed + 1, sizeof *record->collections);
    record->phases = calloc(listed * ORR_PHASES_MAX + 1, sizeof *record->phases);
    if (!record->collections || !record->phases)
        return false;
    size_t filled = 0;
    for (size_t i = 0; filled < listed; i++)
        if (is_in_window(record->result, &probe->collections[i])) {
            fill_collection(record, &record->collections[filled], &probe->collections[i],
                            &record->phases[filled * ORR_PHASES_MAX]);
            filled++;
        }
    record->record.collections = record->collections;
    record->record.collection_count = listed;
    return true;
}

static void
fill_notes(struct orr_run_record *record)
{
    struct orr_record *const into = &record->record;
    for (size_t i = 0; i < record->result->remark_count; i++)
        record->notes[into->note_count++] = record->result->remarks[i];
    if (record->collection_count > COLLECTIONS_LISTED ||
        record->result->probe->collections_unlisted > 0)
        record->notes[into->note_count++] =
            "not every collection is listed: run.collection_count says how many there were";
    into->notes = record->notes;
}

static enum orr_status
fill_waits(struct orr_run_record *record, struct orr_error *error)
{
    const struct orr_run_result *const result = record->result;
    const struct orr_probe *const probe = result->probe;
    struct orr_record *const into = &record->record;
    if (result->window_start_ns == 0 || result->window_stop_ns <= result->window_start_ns)
        return ORR_OK; /* nothing was measured */
    into->pauses = probe->is_incomplete ? NULL : probe->pauses;
    into->time_to_safepoint = probe->time_to_safepoint;
    into->latency = probe->latency->count > 0 ? probe->latency : NULL;
    for (size_t i = 0; i < ORR_RUN_WINDOWS; i++)
        record->mmu[i].window_ns = mmu_windows_ns[i];
    into->mmu = record->mmu;
    into->mmu_count = ORR_RUN_WINDOWS;
    return orr_pauses_mmu(probe->pauses, result->window_start_ns, result->window_stop_ns,
                          record->mmu, ORR_RUN_WINDOWS, error);
}

static void
fill_costs(struct orr_run_record *record)
{
    const struct orr_run_result *const result = record->result;
    struct orr_record *const into = &record->record;
    into->cpu_ns_mutator = result->cpu_ns_mutator;
    into->cpu_ns_collector = result->cpu_ns_collector;
    into->rss_bytes_peak = result->rss_bytes_peak;
    into->heap_bytes_live = result->heap_bytes_live;
    into->heap_bytes_peak = result->heap_bytes_peak;
    into->heap_bytes_limit = count_of(record->plan->heap.bytes_limit);
    into->objects_allocated = orr_measured(result->totals.allocated);
    into->objects_freed = orr_measured(result->totals.freed);
    into->objects_live = orr_measured(result->totals.live);
    into->uncollected_objects_peak = result->uncollected_objects_peak;
    into->uncollected_bytes_peak = result->uncollected_bytes_peak;
    if (!record->plan->heap.rc->has_owner)
        return; /* nobody counts on another thread's object apart */
    into->rc_ops_shared = orr_measured(result->totals.rc_shared);
    into->rc_ops_queued = orr_measured(result->totals.merge_queued);
}

enum orr_status
orr_run_record_init(struct orr_run_record *record, const struct orr_plan *plan,
                    const struct orr_run_result *result, const struct orr_environment *environment,
                    struct orr_error *error)
{
    *record = (struct orr_run_record){.plan = plan, .result = result};
    record->record = (struct orr_record){
        .workload = plan->workload->name,
        .strategy = plan->heap.rc->name,
        .collector = plan->heap.collector->name,
        .heap = plan->heap.kind->name,
        .threads = orr_measured(plan->threads),
        .seed = orr_measured(plan->seed),
        .digest = result->digest,
        .operations = result->operations,
        .seconds = result->seconds,
        .environment = environment,
    };
    name_trigger(record);
    enum orr_status status = ORR_OK;
    if (!fill_settings(record) || !fill_collections(record))
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the record of a run");
    if (status == ORR_OK)
        status = fill_waits(record, error);
    if (status != ORR_OK) {
        orr_run_record_fini(record);
        return status;
    }
    fill_costs(record);
    fill_notes(record);
    return ORR_OK;
}

void
orr_run_record_fini(struct orr_run_record *record)
{
    free(record->settings);
    free(record->setting_names);
    free(record->collections);
    free(record->phases);
    *record = (struct orr_run_record){0};
}

/* --- the object ---------------------------------------------------------------------------------- */

static json_t *
run_json(struct orr_json_fault *fault, const struct orr_run_record *record)
{
    const struct orr_plan *const plan = record->plan;
    const struct orr_heap_options *const heap = &plan->heap;
    json_t *const object = orr_json_object();
    if (plan->operations == 0)
        orr_json_put_real(fault, object, "warmup_seconds",
                          orr_measured_real((double)plan->warmup_ns / 1e9));
    orr_json_put_real(fault, object, "prepare_seconds", record->result->prepare_seconds);
    orr_json_put_real(fault, object, "settle_seconds", record->result->settle_seconds);
    orr_json_put(fault, object, "rooted", json_boolean(plan->is_rooted));
    if (heap->workers != ORR_WORKERS_AUTO)
        orr_json_put_number(fault, object, "workers", heap->workers);
    orr_json_put_measure(fault, object, "release_slice", count_of(heap->release_slice));
    orr_json_put_measure(fault, object, "stress_every", count_of(heap->stress_every));
    if (heap->verify)
        orr_json_put(fault, object, "verify", json_true());
    if (heap->ledger)
        orr_json_put(fault, object, "ledger", json_true());
    orr_json_put_number(fault, object, "collection_count",
                        record->collection_count + record->result->probe->collections_unlisted);
    return object;
}

static json_t *
results_json(struct orr_json_fault *fault, const struct orr_run_result *result)
{
    json_t *const object = orr_json_object();
    for (size_t i = 0; i < result->note_count; i++)
        orr_json_put_real(fault, object, result->notes[i].name,
                          orr_measured_real(result->notes[i].value));
    return object;
}

enum orr_status
orr_run_record_json(const struct orr_run_record *record, json_t **result, struct orr_error *error)
{
    json_t *object;
    struct orr_json_fault fault = {ORR_OK, error};
    const enum orr_status status = orr_record_build(&record->record, &object, error);
    if (status != ORR_OK)
        return status;
    orr_json_put_text(&fault, object, "status", orr_run_status_name(record->result->status));
    if (record->result->status != ORR_OK)
        orr_json_put_text(&fault, object, "error", record->result->error.message);
    orr_json_put(&fault, object, "run", run_json(&fault, record));
    orr_json_put_fields(&fault, object, "results", results_json(&fault, record->result));
    return orr_json_finish(&fault, object, result);
}
