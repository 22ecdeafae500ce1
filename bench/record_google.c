/* record_google.c - runs in Google Benchmark's JSON schema, for its compare.py; see record.h.
 *
 * Source: the schema is that of Google Benchmark 1.7: context{}, benchmarks[] with name, run_name,
 * run_type, repetitions, repetition_index, threads, iterations, real_time, cpu_time, time_unit, and
 * counters as further fields. An iteration is an operation; real_time is wall time per operation,
 * cpu_time the processor time of all threads, collectors included, per operation.
 */
#include "bench/json.h"
#include "bench/record.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 512 };

/* workload/strategy/collector/heap/trigger/threads:4/setting:value; what was not said is left out. */
static void
name_run(char *name, const struct orr_record *record)
{
    const char *const parts[] = {record->workload, record->strategy, record->collector,
                                 record->heap, record->trigger};
    size_t used = 0;
    name[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && used < NAME_BYTES; i++)
        if (parts[i] && parts[i][0])
            used +=
                (size_t)snprintf(name + used, NAME_BYTES - used, "%s%s", used ? "/" : "", parts[i]);
    if (record->threads.is_measured && used < NAME_BYTES)
        used += (size_t)snprintf(name + used, NAME_BYTES - used, "/threads:%llu",
                                 (unsigned long long)record->threads.value);
    for (size_t i = 0; i < record->setting_count && used < NAME_BYTES; i++)
        used += (size_t)snprintf(name + used, NAME_BYTES - used, "/%s:%s", record->settings[i].name,
                                 record->settings[i].value);
}

static bool
is_comparable(const struct orr_record *record)
{
    return record->operations.is_measured && record->operations.value > 0 &&
           record->seconds.is_measured &&
           (record->cpu_ns_mutator.is_measured || record->cpu_ns_collector.is_measured);
}

static void
put_ratio(struct orr_json_fault *fault, json_t *object, const char *key, double value,
          const struct orr_record *record)
{
    orr_json_put_real(fault, object, key,
                      orr_measured_real(value / (double)record->operations.value));
}

static void
put_times(struct orr_json_fault *fault, json_t *object, const struct orr_record *record)
{
    const uint64_t mutator = record->cpu_ns_mutator.is_measured ? record->cpu_ns_mutator.value : 0;
    const uint64_t collector =
        record->cpu_ns_collector.is_measured ? record->cpu_ns_collector.value : 0;
    orr_json_put_measure(fault, object, "iterations", record->operations);
    put_ratio(fault, object, "real_time", record->seconds.value * 1e9, record);
    put_ratio(fault, object, "cpu_time", (double)mutator + (double)collector, record);
    orr_json_put_text(fault, object, "time_unit", "ns");
    orr_json_put_real(fault, object, "items_per_second",
                      orr_measured_real((double)record->operations.value / record->seconds.value));
}

static void
put_counter(struct orr_json_fault *fault, json_t *object, const char *key,
            struct orr_measure measure)
{
    orr_json_put_real(fault, object, key,
                      (struct orr_real){(double)measure.value, measure.is_measured});
}

static void
put_pause_counters(struct orr_json_fault *fault, json_t *object, const struct orr_pauses *pauses)
{
    struct orr_histogram *all;
    if (!pauses)
        return;
    const enum orr_status status = orr_histogram_create(&all, fault->error);
    if (status != ORR_OK) {
        fault->status = status;
        return;
    }
    orr_pauses_merge_causes(pauses, all);
    put_counter(fault, object, "pauses", orr_measured(all->count));
    put_counter(fault, object, "pause_ns_total", orr_measured(all->total_ns));
    if (all->count > 0) {
        put_counter(fault, object, "pause_ns_p50", orr_measured(orr_histogram_percentile(all, 50)));
        put_counter(fault, object, "pause_ns_p99", orr_measured(orr_histogram_percentile(all, 99)));
        put_counter(fault, object, "pause_ns_max", orr_measured(all->max_ns));
    }
    orr_histogram_destroy(all);
}

static json_t *
run_json(struct orr_json_fault *fault, const struct orr_record *record, const char *name)
{
    json_t *const object = orr_json_object();
    orr_json_put_text(fault, object, "name", name);
    orr_json_put_text(fault, object, "run_name", name);
    orr_json_put_text(fault, object, "run_type", "iteration");
    orr_json_put_number(fault, object, "threads",
                        record->threads.is_measured ? record->threads.value : 1);
    put_times(fault, object, record);
    put_pause_counters(fault, object, record->pauses);
    put_counter(fault, object, "rss_bytes_peak", record->rss_bytes_peak);
    put_counter(fault, object, "heap_bytes_peak", record->heap_bytes_peak);
    put_counter(fault, object, "uncollected_bytes_peak", record->uncollected_bytes_peak);
    return object;
}

static bool
has_name(const json_t *run, const char *name)
{
    const char *const other = json_string_value(json_object_get(run, "name"));
    return other && strcmp(other, name) == 0;
}

/* Numbers the runs of one name 0, 1, 2, ..., and tells each how many there are; names are families,
 * numbered as they first occur. */
static void
number_repetitions(struct orr_json_fault *fault, json_t *runs)
{
    const size_t count = json_array_size(runs);
    uint64_t families = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *const run = json_array_get(runs, i);
        const char *const name = json_string_value(json_object_get(run, "name"));
        uint64_t same = 0;
        uint64_t before = 0;
        uint64_t family = families;
        for (size_t j = 0; j < count && name; j++) {
            const json_t *const other = json_array_get(runs, j);
            if (!has_name(other, name))
                continue;
            same++;
            if (j < i) {
                before++;
                family = (uint64_t)json_integer_value(json_object_get(other, "family_index"));
            }
        }
        families += before == 0;
        orr_json_put_number(fault, run, "family_index", family);
        orr_json_put_number(fault, run, "per_family_instance_index", 0);
        orr_json_put_number(fault, run, "repetitions", same);
        orr_json_put_number(fault, run, "repetition_index", before);
    }
}

static json_t *
caches_json(struct orr_json_fault *fault, const struct orr_environment *environment)
{
    json_t *const caches = orr_json_array();
    for (unsigned i = 0; i < environment->cache_count; i++) {
        const struct orr_cache *const cache = &environment->caches[i];
        json_t *const object = orr_json_object();
        orr_json_put_text(fault, object, "type", cache->type);
        orr_json_put_number(fault, object, "level", cache->level);
        orr_json_put_number(fault, object, "size", cache->bytes);
        orr_json_put_number(fault, object, "num_sharing", cache->sharing);
        orr_json_append(fault, caches, object);
    }
    return caches;
}

static void
put_machine(struct orr_json_fault *fault, json_t *context,
            const struct orr_environment *environment)
{
    json_t *const load = orr_json_array();
    orr_json_put_text(fault, context, "date", environment->date);
    orr_json_put_text(fault, context, "host_name", environment->host);
    if (environment->cores > 0)
        orr_json_put_number(fault, context, "num_cpus", environment->cores);
    if (environment->cpu_mhz > 0)
        orr_json_put_number(fault, context, "mhz_per_cpu", environment->cpu_mhz);
    if (environment->governor[0])
        orr_json_put(fault, context, "cpu_scaling_enabled",
                     json_boolean(strcmp(environment->governor, "performance") != 0));
    orr_json_put(fault, context, "caches", caches_json(fault, environment));
    for (unsigned i = 0; i < 3; i++)
        if (environment->load[i].is_measured)
            orr_json_append(fault, load, json_real(environment->load[i].value));
    orr_json_put(fault, context, "load_avg", load);
    orr_json_put_text(fault, context, "orrery_build", environment->build);
    orr_json_put_text(fault, context, "orrery_commit", environment->commit);
    orr_json_put_text(fault, context, "orrery_compiler", environment->compiler);
}

static json_t *
context_json(struct orr_json_fault *fault, const struct orr_environment *environment)
{
    json_t *const context = orr_json_object();
    orr_json_put_text(fault, context, "executable", "orrery");
    if (environment) {
        const bool is_release =
            environment->is_optimized && !environment->is_checked && !environment->sanitizers[0];
        put_machine(fault, context, environment);
        orr_json_put_text(fault, context, "library_build_type", is_release ? "release" : "debug");
    }
    return context;
}

static json_t *
runs_json(struct orr_json_fault *fault, const struct orr_record *records, size_t count)
{
    json_t *const runs = orr_json_array();
    for (size_t i = 0; i < count && fault->status == ORR_OK; i++) {
        char name[NAME_BYTES];
        name_run(name, &records[i]);
        if (is_comparable(&records[i]))
            orr_json_append(fault, runs, run_json(fault, &records[i], name));
        else
            fault->status = orr_fail(fault->error, ORR_NOT_APPLICABLE,
                                     "the run %.200s has no operations, no seconds or no processor "
                                     "time, which Google Benchmark's schema cannot do without",
                                     name);
    }
    number_repetitions(fault, runs);
    return runs;
}

enum orr_status
orr_record_write_google_benchmark(const struct orr_record *records, size_t count, FILE *file,
                                  struct orr_error *error)
{
    struct orr_json_fault fault = {ORR_OK, error};
    json_t *const object = orr_json_object();
    json_t *result;
    orr_json_put(&fault, object, "context",
                 context_json(&fault, count ? records[0].environment : NULL));
    orr_json_put(&fault, object, "benchmarks", runs_json(&fault, records, count));
    enum orr_status status = orr_json_finish(&fault, object, &result);
    if (status == ORR_OK) {
        status = orr_json_write(result, file, true, error);
        json_decref(result);
    }
    return status;
}
