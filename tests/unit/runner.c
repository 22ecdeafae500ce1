/* runner.c - bench/runner and run_record: one run gives one honest record, whatever became of it. */
#include "bench/run_record.h"
#include "collectors/catalogue.h"
#include "workloads/run.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

/* A run and everything that came of it. */
struct trial {
    struct orr_plan plan;
    struct orr_run_result *result;
    struct orr_run_record record;
    json_t *json;
};

static struct trial
run(struct orr_run_request request)
{
    struct trial trial;
    struct orr_error error = {0};
    const struct orr_runner_options how = {.wants_timeline = true};
    request.workload = request.workload ? request.workload : "rings";
    request.settings[request.setting_count++] =
        strcmp(request.workload, "rings") == 0 ? "live=1000" : "depth=8";
    cr_assert_eq(orr_plan_resolve(&request, &trial.plan, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_runner_run(&trial.plan, &how, &trial.result, &error), ORR_OK, "%s",
                 error.message);
    cr_assert_eq(orr_run_record_init(&trial.record, &trial.plan, trial.result, NULL, &error),
                 ORR_OK, "%s", error.message);
    cr_assert_eq(orr_run_record_json(&trial.record, &trial.json, &error), ORR_OK, "%s",
                 error.message);
    return trial;
}

static void
drop(struct trial *trial)
{
    json_decref(trial->json);
    orr_run_record_fini(&trial->record);
    orr_run_result_destroy(trial->result);
    orr_plan_fini(&trial->plan);
}

static const json_t *
find(const struct trial *trial, const char *key)
{
    return json_object_get(trial->json, key);
}

static double
number(const struct trial *trial, const char *object, const char *key)
{
    const json_t *const value = json_object_get(object ? find(trial, object) : trial->json, key);
    cr_assert(json_is_number(value), "no number at %s.%s", object ? object : "", key);
    return json_number_value(value);
}

static const char *
text(const struct trial *trial, const char *key)
{
    const char *const value = json_string_value(find(trial, key));
    cr_assert(value, "no text at %s", key);
    return value;
}

Test(runner, a_run_by_operations_does_exactly_these)
{
    struct trial trial =
        run((struct orr_run_request){.collector = "none", .threads = "3", .operations = "5000"});
    cr_assert_str_eq(text(&trial, "status"), "done");
    cr_assert(number(&trial, NULL, "operations") == 15000);
    cr_assert(number(&trial, NULL, "seconds") > 0);
    const double rate = number(&trial, NULL, "throughput_ops_per_s");
    cr_assert(fabs(rate * number(&trial, NULL, "seconds") - 15000) < 1);
    cr_assert(number(&trial, NULL, "threads") == 3);
    cr_assert(number(&trial, "objects", "allocated") >= 3 * 4 * 5000);
    drop(&trial);
}

Test(runner, the_window_of_a_timed_run_is_as_long_as_was_asked)
{
    struct trial trial =
        run((struct orr_run_request){.collector = "none", .seconds = "0.2", .warmup = "0.1"});
    const double seconds = number(&trial, NULL, "seconds");
    cr_assert(seconds >= 0.2, "%g", seconds);
    cr_assert(seconds < 1.0, "%g", seconds); /* the machine may be busy */
    const uint64_t warm_ns = trial.result->window_start_ns - trial.result->start_ns;
    cr_assert(warm_ns >= 100000000);
    /* One latency per operation of the window, and none of the warm-up, which is half as long. */
    const double latencies = number(&trial, "latency_ns", "count");
    const double operations = number(&trial, NULL, "operations");
    cr_assert(latencies < 1.2 * operations && latencies > 0.8 * operations, "%g latencies of %g",
              latencies, operations);
    drop(&trial);
}

Test(runner, the_digest_does_not_depend_on_how_long_it_ran)
{
    struct trial brief = run(
        (struct orr_run_request){.strategy = "plain", .collector = "none", .operations = "2000"});
    struct trial timed =
        run((struct orr_run_request){.strategy = "atomic", .collector = "none", .seconds = "0.1"});
    cr_assert_str_eq(text(&brief, "digest"), text(&timed, "digest"));
    struct trial other = run((struct orr_run_request){
        .strategy = "plain", .collector = "none", .operations = "2000", .seed = "99"});
    cr_assert_str_neq(text(&brief, "digest"), text(&other, "digest"));
    drop(&brief);
    drop(&timed);
    drop(&other);
}

Test(runner, a_job_is_measured_in_whole_rounds)
{
    struct trial trial = run((struct orr_run_request){
        .workload = "trees", .strategy = "plain", .collector = "none", .operations = "3"});
    cr_assert(number(&trial, NULL, "operations") == 3);
    cr_assert(number(&trial, "results", "ns_per_node") > 0);
    drop(&trial);
    trial = run((struct orr_run_request){.workload = "trees",
                                         .strategy = "atomic",
                                         .collector = "none",
                                         .threads = "2",
                                         .seconds = "0.05"});
    cr_assert(number(&trial, NULL, "operations") >= 1);
    cr_assert(number(&trial, NULL, "throughput_ops_per_s") > 0);
    drop(&trial);
}

Test(runner, the_record_has_what_was_measured_and_nothing_else)
{
    struct trial trial =
        run((struct orr_run_request){.collector = "none", .seconds = "0.05", .warmup = "0"});
    static const char *const keys[] = {"schema_version", "workload",
                                       "strategy",       "collector",
                                       "heap",           "trigger",
                                       "settings",       "threads",
                                       "seed",           "digest",
                                       "status",         "operations",
                                       "seconds",        "throughput_ops_per_s",
                                       "pause_ns",       "time_to_safepoint_ns",
                                       "latency_ns",     "mmu",
                                       "cpu_ns",         "heap_bytes",
                                       "objects",        "uncollected",
                                       "collections",    "run",
                                       "rss_bytes_peak"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        cr_assert_not_null(find(&trial, keys[i]), "%s is absent", keys[i]);
    static const char *const absent[] = {"error", "reclaim_delay_ns", "metered_latency_ns",
                                         "environment", "results"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cr_assert_null(find(&trial, absent[i]), "%s was not measured", absent[i]);
    cr_assert_null(json_object_get(find(&trial, "heap_bytes"), "limit"));
    cr_assert_null(json_object_get(find(&trial, "rc_ops"), "local"));
    cr_assert(number(&trial, "cpu_ns", "mutator") > 0);
    drop(&trial);
}

Test(runner, the_books_of_every_heap_balance)
{
    static const char *const heaps[] = {"blocks", "jemalloc", "libc", "mimalloc"};
    for (size_t i = 0; i < sizeof heaps / sizeof heaps[0]; i++) {
        struct trial trial = run((struct orr_run_request){
            .collector = "none", .heap = heaps[i], .threads = "2", .operations = "3000"});
        cr_assert_eq(trial.result->status, ORR_OK, "%s: %s", heaps[i], trial.result->error.message);
        const double allocated = number(&trial, "objects", "allocated");
        const double freed = number(&trial, "objects", "freed");
        cr_assert(allocated - freed == number(&trial, "objects", "live"));
        drop(&trial);
    }
}

/* Each operation makes a ring of four; those in the tables live, and so does the tree beside them. */
Test(runner, what_counting_leaves_is_counted_without_what_lives)
{
    static const char *const strategies[] = {"plain", "atomic", "biased"};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        struct orr_run_request request = {.strategy = strategies[i],
                                          .collector = "none",
                                          .operations = "10000",
                                          .settings = {"table=1"},
                                          .setting_count = 1};
        struct trial trial = run(request);
        /* The worker's table ends with its work, and the last ring with it. */
        cr_assert(number(&trial, "uncollected", "objects_peak") == 4 * 10000, "%s: %g",
                  strategies[i], number(&trial, "uncollected", "objects_peak"));
        cr_assert(number(&trial, "uncollected", "bytes_peak") >= 4 * 10000 * 48);
        drop(&trial);
    }
}

Test(runner, over_the_heap_limit_the_record_says_so_and_claims_no_speed)
{
    struct trial trial = run((struct orr_run_request){
        .collector = "none", .heap_limit = "2Mi", .seconds = "5", .threads = "2"});
    cr_assert_eq(trial.result->status, ORR_OUT_OF_MEMORY);
    cr_assert_str_eq(text(&trial, "status"), "out of memory");
    cr_assert(strlen(text(&trial, "error")) > 10);
    cr_assert_null(find(&trial, "throughput_ops_per_s"));
    cr_assert_null(find(&trial, "digest"));
    cr_assert(number(&trial, "heap_bytes", "limit") == 2 << 20);
    drop(&trial);
}

Test(runner, a_run_by_operations_that_ends_early_claims_no_speed_either)
{
    struct trial trial = run((struct orr_run_request){
        .collector = "none", .heap_limit = "4Mi", .operations = "10000000"});
    cr_assert_eq(trial.result->status, ORR_OUT_OF_MEMORY);
    cr_assert_null(find(&trial, "throughput_ops_per_s"));
    cr_assert_null(find(&trial, "operations"));
    cr_assert_not_null(find(&trial, "pause_ns")); /* what it waited for was measured */
    drop(&trial);
}

Test(runner, a_heap_too_small_to_build_on_is_over_the_limit_too)
{
    struct trial trial =
        run((struct orr_run_request){.collector = "none", .heap_limit = "1", .seconds = "1"});
    cr_assert_eq(trial.result->status, ORR_OUT_OF_MEMORY);
    cr_assert_null(find(&trial, "pause_ns")); /* there was no window */
    drop(&trial);
}

Test(runner, a_timeline_has_samples_of_memory)
{
    struct trial trial = run((struct orr_run_request){.collector = "none", .seconds = "0.2"});
    cr_assert(trial.result->sample_count >= 3);
    cr_assert(trial.result->samples[0].heap_bytes > 0);
    cr_assert(trial.result->samples[0].rss_bytes > 0);
    drop(&trial);
}

/* Every collector that finds garbage leaves none behind, and its collections are in the record. */
Test(runner, collections_are_recorded_with_their_cause)
{
    for (size_t i = 0; orr_collectors[i]; i++) {
        if (!orr_collectors[i]->collect || orr_collectors[i]->completeness == 0)
            continue;
        struct trial trial = run((struct orr_run_request){.strategy = "atomic",
                                                          .collector = orr_collectors[i]->name,
                                                          .stress = "2000",
                                                          .trigger = "manual",
                                                          .verify = true,
                                                          .threads = "2",
                                                          .operations = "3000"});
        cr_assert_eq(trial.result->status, ORR_OK, "%s: %s", orr_collectors[i]->name,
                     trial.result->error.message);
        const json_t *const collections = find(&trial, "collections");
        cr_assert(json_array_size(collections) >= 2, "%s", orr_collectors[i]->name);
        for (size_t k = 0; k < json_array_size(collections); k++) { /* no census, no settling */
            const json_t *const cause = json_object_get(json_array_get(collections, k), "cause");
            cr_assert_str_eq(json_string_value(cause), "stress");
        }
        const json_t *const first = json_array_get(collections, 0);
        cr_assert(json_is_string(json_object_get(first, "cause")));
        cr_assert(json_integer_value(json_object_get(first, "duration_ns")) > 0);
        cr_assert(number(&trial, "objects", "live") == 0);
        cr_assert(number(&trial, "cpu_ns", "collector") > 0);
        drop(&trial);
    }
}
