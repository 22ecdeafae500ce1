/* record.c - bench/record: what was measured is there under its name, and nothing else is. */
#include "bench/record.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const causes[] = {"stop", "lock"};

/* Everything that hangs from a full record. */
struct fixture {
    struct orr_record record;
    struct orr_pauses *pauses;
    struct orr_histogram *histogram;
    struct orr_environment environment;
};

static const struct orr_record_phase phases[] = {{"mark", 300}, {"scan", 200}, {"mark", 50}};

static const struct orr_record_collection collections[] = {
    {
        .start_ns = 1000,
        .duration_ns = {600, true},
        .cause = "count",
        .phases = phases,
        .phase_count = 3,
        .candidates = {10, true},
        .nodes_visited = {40, true},
        .edges_visited = {80, true},
        .freed = {20, true},
        .ns_per_object = {15, true},
    },
    {.start_ns = 5000},
};

static const struct orr_mmu mmu[] = {{1000000, true, 0.25, 0.5}, {1000000000, false, 1, 1}};

static const struct orr_record_setting settings[] = {{"depth", "14"}, {"share", "0.5"}};

static const char *const notes[] = {"no performance counters: \xff"};

static const struct orr_record full = {
    .workload = "trees",
    .strategy = "plain",
    .collector = "trial",
    .heap = "blocks",
    .trigger = "count",
    .settings = settings,
    .setting_count = 2,
    .threads = {4, true},
    .seed = {INT64_MAX, true},
    .digest = {0xabc, true},
    .operations = {3000, true},
    .seconds = {1.5, true},
    .mmu = mmu,
    .mmu_count = 2,
    .cpu_ns_mutator = {1000000000, true},
    .cpu_ns_collector = {500000000, true},
    .rss_bytes_peak = {1 << 20, true},
    .heap_bytes_live = {0, true},
    .heap_bytes_peak = {7000, true},
    .heap_bytes_limit = {9000, true},
    .objects_allocated = {100, true},
    .objects_freed = {90, true},
    .objects_live = {10, true},
    .uncollected_objects_peak = {5, true},
    .uncollected_bytes_peak = {500, true},
    .rc_ops_local = {1, true},
    .rc_ops_shared = {2, true},
    .rc_ops_queued = {3, true},
    .rc_ops_skipped = {4, true},
    .collections = collections,
    .collection_count = 2,
    .notes = notes,
    .note_count = 1,
};

static void
fill(struct fixture *fixture)
{
    fixture->record = full;
    cr_assert_eq(orr_pauses_create(&fixture->pauses, causes, 2, 10, NULL), ORR_OK);
    cr_assert_eq(orr_histogram_create(&fixture->histogram, NULL), ORR_OK);
    orr_pauses_record(fixture->pauses, 1, 0, 0, 1000);
    orr_pauses_record(fixture->pauses, 1, 0, 0, 1500);
    for (uint64_t i = 1; i <= 1000; i++)
        orr_histogram_record(fixture->histogram, i);
    orr_histogram_record(fixture->histogram, UINT64_C(1) << 50);
    fixture->record.pauses = fixture->pauses;
    fixture->record.time_to_safepoint = fixture->histogram;
    fixture->record.latency = fixture->histogram;
    fixture->record.metered_latency = fixture->histogram;
    fixture->record.reclaim_delay = fixture->histogram;
    orr_environment_collect(&fixture->environment, "");
    fixture->record.environment = &fixture->environment;
}

static void
drop(struct fixture *fixture)
{
    orr_histogram_destroy(fixture->histogram);
    orr_pauses_destroy(fixture->pauses);
}

static json_t *
build(const struct orr_record *record)
{
    struct orr_error error = {ORR_OK, ""};
    json_t *object;
    cr_assert_eq(orr_record_build(record, &object, &error), ORR_OK, "%s", error.message);
    return object;
}

/* Compares one part of a record with the JSON it must be. */
static void
check_part(const json_t *record, const char *key, const char *expected)
{
    char *const text = json_dumps(json_object_get(record, key), JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert_str_eq(text ? text : "absent", expected, "%s: %s", key, text);
    free(text);
}

static void
check_keys(const json_t *object, const char *expected)
{
    char keys[600] = "";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
        snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s ", key);
    cr_assert_str_eq(keys, expected);
}

Test(record, of_nothing_has_its_schema_version_alone)
{
    const struct orr_record nothing = {0};
    json_t *const object = build(&nothing);
    check_keys(object, "schema_version ");
    check_part(object, "schema_version", "1");
    json_decref(object);
}

Test(record, of_everything_has_every_field_in_order)
{
    struct fixture fixture;
    fill(&fixture);
    json_t *const object = build(&fixture.record);
    check_keys(object,
               "schema_version workload strategy collector heap trigger settings threads seed "
               "digest operations seconds throughput_ops_per_s pause_ns "
               "time_to_safepoint_ns latency_ns metered_latency_ns mmu cpu_ns "
               "rss_bytes_peak heap_bytes objects uncollected reclaim_delay_ns collections "
               "rc_ops environment notes ");
    json_decref(object);
    drop(&fixture);
}

Test(record, fields_hold_what_was_measured)
{
    json_t *const object = build(&full);
    check_part(object, "workload", "\"trees\"");
    check_part(object, "settings", "{\"depth\":\"14\",\"share\":\"0.5\"}");
    check_part(object, "threads", "4");
    check_part(object, "seed", "9223372036854775807");
    check_part(object, "digest", "\"0000000000000abc\"");
    check_part(object, "operations", "3000");
    check_part(object, "seconds", "1.5");
    check_part(object, "throughput_ops_per_s", "2000.0");
    check_part(object, "cpu_ns", "{\"mutator\":1000000000,\"collector\":500000000}");
    check_part(object, "rss_bytes_peak", "1048576");
    check_part(object, "heap_bytes", "{\"live\":0,\"peak\":7000,\"limit\":9000}");
    check_part(object, "objects", "{\"allocated\":100,\"freed\":90,\"live\":10}");
    check_part(object, "uncollected", "{\"objects_peak\":5,\"bytes_peak\":500}");
    check_part(object, "rc_ops", "{\"local\":1,\"shared\":2,\"queued\":3,\"skipped\":4}");
    check_part(object, "mmu", "{\"any_thread\":{\"1ms\":0.25},\"worst_thread\":{\"1ms\":0.5}}");
    check_part(object, "collections",
               "[{\"start_ns\":1000,\"duration_ns\":600,\"cause\":\"count\","
               "\"phases\":{\"mark\":350,\"scan\":200},\"candidates\":10,\"nodes_visited\":40,"
               "\"edges_visited\":80,\"freed\":20,\"ns_per_object\":15.0},{\"start_ns\":5000}]");
    check_part(object, "notes", "[\"no performance counters: ?\"]");
    json_decref(object);
}

Test(record, distributions_have_percentiles_only_of_something)
{
    struct fixture fixture;
    fill(&fixture);
    json_t *const object = build(&fixture.record);
    check_part(object, "pause_ns",
               "{\"all\":{\"count\":2,\"total\":2500,\"p50\":1000,\"p90\":1500,\"p99\":1500,"
               "\"p999\":1500,\"p9999\":1500,\"max\":1500},"
               "\"stop\":{\"count\":2,\"total\":2500,\"p50\":1000,\"p90\":1500,\"p99\":1500,"
               "\"p999\":1500,\"p9999\":1500,\"max\":1500},"
               "\"lock\":{\"count\":0,\"total\":0}}");
    check_part(object, "latency_ns",
               "{\"count\":1001,\"total\":1125899907343124,\"p50\":501,\"p90\":901,\"p99\":991,"
               "\"p999\":1000,\"p9999\":1125899906842624,\"max\":1125899906842624,\"clipped\":1}");
    json_decref(object);
    drop(&fixture);
}

Test(record, a_measured_zero_is_there_and_an_unmeasured_one_is_not)
{
    const struct orr_record record = {
        .objects_live = {0, true}, .cpu_ns_mutator = {7, false}, .collections = collections};
    json_t *const object = build(&record);
    check_keys(object, "schema_version objects collections ");
    check_part(object, "objects", "{\"live\":0}");
    check_part(object, "collections", "[]");
    json_decref(object);
}

Test(record, what_is_not_finite_was_not_measured)
{
    const struct orr_record record = {.operations = {5, true}, .seconds = {0, true}};
    json_t *object = build(&record);
    check_part(object, "throughput_ops_per_s", "absent");
    json_decref(object);
    const struct orr_record nan_record = {.seconds = {NAN, true}};
    object = build(&nan_record);
    check_keys(object, "schema_version ");
    json_decref(object);
}

Test(record, refuses_an_integer_that_json_readers_cannot_hold)
{
    const struct orr_record record = {.seed = {(uint64_t)INT64_MAX + 1, true}};
    struct orr_error error;
    json_t *object;
    cr_assert_eq(orr_record_build(&record, &object, &error), ORR_BAD_INPUT);
    cr_assert_null(object);
    cr_assert_str_eq(error.message, "seed is 9223372036854775808, which does not fit JSON's "
                                    "integers; the greatest is 2^63 - 1");
}

Test(record, is_written_as_one_line)
{
    struct fixture fixture;
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    fill(&fixture);
    cr_assert_eq(orr_record_write(&fixture.record, file, NULL), ORR_OK);
    fclose(file);
    cr_assert_eq(strchr(text, '\n'), text + size - 1);
    json_t *const object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(object);
    json_decref(object);
    free(text);
    drop(&fixture);
}

Test(record, tells_when_the_disk_is_full)
{
    struct orr_error error;
    FILE *const file = fopen("/dev/full", "w");
    cr_assert_eq(orr_record_write(&full, file, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "No space left"), "%s", error.message);
    fclose(file);
}

static unsigned allocations_left;

static void *
allocate_some(size_t size)
{
    return allocations_left > 0 && allocations_left-- ? malloc(size) : NULL;
}

Test(record, survives_the_failure_of_any_allocation)
{
    struct fixture fixture;
    unsigned failures = 0;
    enum orr_status status = ORR_OUT_OF_MEMORY;
    fill(&fixture);
    FILE *const sink = fopen("/dev/null", "w");
    json_set_alloc_funcs(allocate_some, free);
    for (; status != ORR_OK; failures++) {
        json_t *object;
        allocations_left = failures;
        status = orr_record_build(&fixture.record, &object, NULL);
        cr_assert(status == ORR_OK || (status == ORR_OUT_OF_MEMORY && !object));
        json_decref(object);
    }
    cr_assert(failures > 100, "%u", failures);
    for (status = ORR_OUT_OF_MEMORY, failures = 0; status != ORR_OK; failures++) {
        allocations_left = failures;
        status = orr_record_write_google_benchmark(&fixture.record, 1, sink, NULL);
    }
    cr_assert(failures > 50, "%u", failures);
    fclose(sink);
    drop(&fixture);
}

static json_t *
write_google(const struct orr_record *records, size_t count)
{
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    cr_assert_eq(orr_record_write_google_benchmark(records, count, file, NULL), ORR_OK);
    fclose(file);
    json_t *const object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(object, "%s", text);
    free(text);
    return object;
}

Test(record, in_google_benchmark_form_has_times_per_operation)
{
    struct fixture fixture;
    fill(&fixture);
    json_t *const object = write_google(&fixture.record, 1);
    const json_t *const run = json_array_get(json_object_get(object, "benchmarks"), 0);
    check_part(run, "name", "\"trees/plain/trial/blocks/count/threads:4/depth:14/share:0.5\"");
    check_part(run, "run_type", "\"iteration\"");
    check_part(run, "iterations", "3000");
    check_part(run, "real_time", "500000.0");
    check_part(run, "cpu_time", "500000.0");
    check_part(run, "time_unit", "\"ns\"");
    check_part(run, "items_per_second", "2000.0");
    check_part(run, "pause_ns_max", "1500.0");
    check_part(run, "repetitions", "1");
    check_part(run, "repetition_index", "0");
    const json_t *const context = json_object_get(object, "context");
    cr_assert(json_is_string(json_object_get(context, "date")));
    cr_assert(json_is_integer(json_object_get(context, "num_cpus")));
    cr_assert(json_is_array(json_object_get(context, "caches")));
    cr_assert(json_is_array(json_object_get(context, "load_avg")));
    cr_assert(json_is_string(json_object_get(context, "library_build_type")));
    json_decref(object);
    drop(&fixture);
}

Test(record, runs_of_one_name_become_repetitions)
{
    struct orr_record records[4] = {full, full, full, full};
    records[1].collector = "mark";
    json_t *const object = write_google(records, 4);
    const json_t *const runs = json_object_get(object, "benchmarks");
    const char *const families[] = {"0", "1", "0", "0"};
    const char *const repetitions[] = {"3", "1", "3", "3"};
    const char *const indexes[] = {"0", "0", "1", "2"};
    for (size_t i = 0; i < 4; i++) {
        check_part(json_array_get(runs, i), "family_index", families[i]);
        check_part(json_array_get(runs, i), "repetitions", repetitions[i]);
        check_part(json_array_get(runs, i), "repetition_index", indexes[i]);
    }
    json_decref(object);
}

Test(record, in_google_benchmark_form_needs_its_times)
{
    struct orr_record record = full;
    struct orr_error error;
    record.seconds.is_measured = false;
    cr_assert_eq(orr_record_write_google_benchmark(&record, 1, stderr, &error), ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, "the run trees/plain/trial"), "%s", error.message);
}
