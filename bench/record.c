/* record.c - the JSON object of a run, field by field in the order of the schema; see record.h. */
#include "bench/record.h"

#include "bench/json.h"

#include <inttypes.h>

static void
put_percentile(struct orr_json_fault *fault, json_t *object, const char *key,
               const struct orr_histogram *histogram, double percentile)
{
    orr_json_put_number(fault, object, key, orr_histogram_percentile(histogram, percentile));
}

/* Null is a distribution that was not measured. */
static void
put_distribution(struct orr_json_fault *fault, json_t *parent, const char *key,
                 const struct orr_histogram *histogram)
{
    if (!histogram)
        return;
    json_t *const object = orr_json_object();
    orr_json_put_number(fault, object, "count", histogram->count);
    orr_json_put_number(fault, object, "total", histogram->total_ns);
    if (histogram->count > 0) {
        put_percentile(fault, object, "p50", histogram, 50);
        put_percentile(fault, object, "p90", histogram, 90);
        put_percentile(fault, object, "p99", histogram, 99);
        put_percentile(fault, object, "p999", histogram, 99.9);
        put_percentile(fault, object, "p9999", histogram, 99.99);
        orr_json_put_number(fault, object, "max", histogram->max_ns);
    }
    if (histogram->clipped > 0)
        orr_json_put_number(fault, object, "clipped", histogram->clipped);
    orr_json_put(fault, parent, key, object);
}

static void
put_pauses(struct orr_json_fault *fault, json_t *parent, const struct orr_pauses *pauses)
{
    struct orr_histogram *all;
    if (!pauses)
        return;
    const enum orr_status status = orr_histogram_create(&all, fault->error);
    if (status != ORR_OK) {
        fault->status = status;
        return;
    }
    json_t *const object = orr_json_object();
    orr_pauses_merge_causes(pauses, all);
    put_distribution(fault, object, "all", all);
    orr_histogram_destroy(all);
    for (unsigned cause = 0; cause < pauses->cause_count; cause++)
        put_distribution(fault, object, pauses->cause_names[cause], pauses->by_cause[cause]);
    orr_json_put(fault, parent, "pause_ns", object);
}

/* 1ms, 10ms, 1.5ms: the window as a key. */
static void
name_window(char *name, size_t size, uint64_t window_ns)
{
    snprintf(name, size, "%.6gms", (double)window_ns / 1e6);
}

static void
put_mmu(struct orr_json_fault *fault, json_t *parent, const struct orr_record *record)
{
    json_t *const object = orr_json_object();
    json_t *const any = orr_json_object();
    json_t *const worst = orr_json_object();
    for (size_t i = 0; i < record->mmu_count; i++) {
        const struct orr_mmu *const mmu = &record->mmu[i];
        char name[32];
        name_window(name, sizeof name, mmu->window_ns);
        const struct orr_real any_thread = {mmu->any_thread, mmu->is_measured};
        const struct orr_real worst_thread = {mmu->worst_thread, mmu->is_measured};
        orr_json_put_real(fault, any, name, any_thread);
        orr_json_put_real(fault, worst, name, worst_thread);
    }
    orr_json_put_fields(fault, object, "any_thread", any);
    orr_json_put_fields(fault, object, "worst_thread", worst);
    orr_json_put_fields(fault, parent, "mmu", object);
}

static void
put_digest(struct orr_json_fault *fault, json_t *object, struct orr_measure digest)
{
    char text[24];
    if (!digest.is_measured)
        return;
    snprintf(text, sizeof text, "%016" PRIx64, digest.value);
    orr_json_put_text(fault, object, "digest", text);
}

static void
put_throughput(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    struct orr_real throughput = {0, record->operations.is_measured && record->seconds.is_measured};
    if (throughput.is_measured) /* over no seconds it is infinite, and absent */
        throughput.value = (double)record->operations.value / record->seconds.value;
    orr_json_put_measure(fault, object, "operations", record->operations);
    orr_json_put_real(fault, object, "seconds", record->seconds);
    orr_json_put_real(fault, object, "throughput_ops_per_s", throughput);
}

static void
put_identity(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    json_t *const settings = orr_json_object();
    orr_json_put_text(fault, object, "workload", record->workload);
    orr_json_put_text(fault, object, "strategy", record->strategy);
    orr_json_put_text(fault, object, "collector", record->collector);
    orr_json_put_text(fault, object, "heap", record->heap);
    orr_json_put_text(fault, object, "trigger", record->trigger);
    for (size_t i = 0; i < record->setting_count; i++)
        orr_json_put_text(fault, settings, record->settings[i].name, record->settings[i].value);
    orr_json_put_fields(fault, object, "settings", settings);
    orr_json_put_measure(fault, object, "threads", record->threads);
    orr_json_put_measure(fault, object, "seed", record->seed);
}

static void
put_waits(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    put_pauses(fault, object, record->pauses);
    put_distribution(fault, object, "time_to_safepoint_ns", record->time_to_safepoint);
    put_distribution(fault, object, "latency_ns", record->latency);
    put_distribution(fault, object, "metered_latency_ns", record->metered_latency);
    put_mmu(fault, object, record);
}

static void
put_costs(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    json_t *const cpu = orr_json_object();
    json_t *const heap = orr_json_object();
    json_t *const objects = orr_json_object();
    json_t *const uncollected = orr_json_object();
    orr_json_put_measure(fault, cpu, "mutator", record->cpu_ns_mutator);
    orr_json_put_measure(fault, cpu, "collector", record->cpu_ns_collector);
    orr_json_put_measure(fault, heap, "live", record->heap_bytes_live);
    orr_json_put_measure(fault, heap, "peak", record->heap_bytes_peak);
    orr_json_put_measure(fault, heap, "limit", record->heap_bytes_limit);
    orr_json_put_measure(fault, objects, "allocated", record->objects_allocated);
    orr_json_put_measure(fault, objects, "freed", record->objects_freed);
    orr_json_put_measure(fault, objects, "live", record->objects_live);
    orr_json_put_measure(fault, uncollected, "objects_peak", record->uncollected_objects_peak);
    orr_json_put_measure(fault, uncollected, "bytes_peak", record->uncollected_bytes_peak);
    orr_json_put_fields(fault, object, "cpu_ns", cpu);
    orr_json_put_measure(fault, object, "rss_bytes_peak", record->rss_bytes_peak);
    orr_json_put_fields(fault, object, "heap_bytes", heap);
    orr_json_put_fields(fault, object, "objects", objects);
    orr_json_put_fields(fault, object, "uncollected", uncollected);
    put_distribution(fault, object, "reclaim_delay_ns", record->reclaim_delay);
}

/* A collector may enter a phase twice, and a key occurs once: equal names are added up. */
static json_t *
phases_json(struct orr_json_fault *fault, const struct orr_record_collection *collection)
{
    json_t *const phases = orr_json_object();
    for (size_t i = 0; i < collection->phase_count; i++) {
        const struct orr_record_phase *const phase = &collection->phases[i];
        const json_t *const earlier = json_object_get(phases, phase->name);
        const uint64_t before = earlier ? (uint64_t)json_integer_value(earlier) : 0;
        orr_json_put_number(fault, phases, phase->name, before + phase->duration_ns);
    }
    return phases;
}

static json_t *
collection_json(struct orr_json_fault *fault, const struct orr_record_collection *collection)
{
    json_t *const object = orr_json_object();
    orr_json_put_number(fault, object, "start_ns", collection->start_ns);
    orr_json_put_measure(fault, object, "duration_ns", collection->duration_ns);
    orr_json_put_text(fault, object, "cause", collection->cause);
    orr_json_put_fields(fault, object, "phases", phases_json(fault, collection));
    orr_json_put_measure(fault, object, "candidates", collection->candidates);
    orr_json_put_measure(fault, object, "nodes_visited", collection->nodes_visited);
    orr_json_put_measure(fault, object, "edges_visited", collection->edges_visited);
    orr_json_put_measure(fault, object, "freed", collection->freed);
    orr_json_put_real(fault, object, "ns_per_object", collection->ns_per_object);
    return object;
}

static void
put_collections(struct orr_json_fault *fault, json_t *parent, const struct orr_record *record)
{
    if (!record->collections)
        return;
    json_t *const collections = orr_json_array();
    for (size_t i = 0; i < record->collection_count; i++)
        orr_json_append(fault, collections, collection_json(fault, &record->collections[i]));
    orr_json_put(fault, parent, "collections", collections);
}

static void
put_counts(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    json_t *const operations = orr_json_object();
    orr_json_put_measure(fault, operations, "local", record->rc_ops_local);
    orr_json_put_measure(fault, operations, "shared", record->rc_ops_shared);
    orr_json_put_measure(fault, operations, "queued", record->rc_ops_queued);
    orr_json_put_measure(fault, operations, "skipped", record->rc_ops_skipped);
    orr_json_put_fields(fault, object, "rc_ops", operations);
}

static void
put_notes(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    if (record->note_count == 0)
        return;
    json_t *const notes = orr_json_array();
    for (size_t i = 0; i < record->note_count; i++)
        orr_json_append_text(fault, notes, record->notes[i]);
    orr_json_put(fault, object, "notes", notes);
}

enum orr_status
orr_record_build(const struct orr_record *record, json_t **result, struct orr_error *error)
{
    struct orr_json_fault fault = {ORR_OK, error};
    json_t *const object = orr_json_object();
    orr_json_put_number(&fault, object, "schema_version", ORR_RECORD_SCHEMA);
    put_identity(&fault, object, record);
    put_digest(&fault, object, record->digest);
    put_throughput(&fault, object, record);
    put_waits(&fault, object, record);
    put_costs(&fault, object, record);
    put_collections(&fault, object, record);
    put_counts(&fault, object, record);
    if (record->environment)
        orr_json_put(&fault, object, "environment", orr_environment_json(record->environment));
    put_notes(&fault, object, record);
    return orr_json_finish(&fault, object, result);
}

enum orr_status
orr_record_write(const struct orr_record *record, FILE *file, struct orr_error *error)
{
    json_t *object;
    enum orr_status status = orr_record_build(record, &object, error);
    if (status != ORR_OK)
        return status;
    status = orr_json_write(object, file, false, error);
    json_decref(object);
    return status;
}
