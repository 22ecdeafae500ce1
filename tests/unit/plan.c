/* plan.c - bench/plan: what was asked for becomes a plan, or one sentence. */
#include "bench/plan.h"

#include <criterion/criterion.h>

#include <string.h>

static const uint64_t second = 1000000000;

static struct orr_run_request
request_of(const char *strategy, const char *collector)
{
    return (struct orr_run_request){
        .workload = "rings", .strategy = strategy, .collector = collector};
}

static struct orr_plan
resolve(const struct orr_run_request *request)
{
    struct orr_plan plan;
    struct orr_error error;
    cr_assert_eq(orr_plan_resolve(request, &plan, &error), ORR_OK, "%s", error.message);
    return plan;
}

static void
check_refused(const struct orr_run_request *request, enum orr_status status, const char *text)
{
    struct orr_plan plan;
    struct orr_error error;
    cr_assert_eq(orr_plan_resolve(request, &plan, &error), status, "wanted %s", text);
    cr_assert(strstr(error.message, text), "%s", error.message);
    cr_assert_null(strchr(error.message, '\n'));
    cr_assert_null(plan.settings);
}

Test(plan, presets_stand_where_nothing_is_said)
{
    const struct orr_run_request request = request_of(NULL, "none");
    struct orr_plan plan = resolve(&request);
    cr_assert_str_eq(plan.workload->name, "rings");
    cr_assert_str_eq(plan.heap.rc->name, "biased");
    cr_assert_str_eq(plan.heap.kind->name, "blocks");
    cr_assert_str_eq(orr_plan_trigger_name(&plan), "manual");
    cr_assert_eq(plan.threads, 1);
    cr_assert_eq(plan.seed, 2463534242u);
    cr_assert_eq(plan.operations, 0);
    cr_assert_eq(plan.measured_ns, 2 * second);
    cr_assert_eq(plan.warmup_ns, second / 2);
    cr_assert_eq(plan.heap.bytes_limit, 0);
    cr_assert_eq(plan.heap.workers, ORR_WORKERS_AUTO);
    orr_plan_fini(&plan);
}

Test(plan, numbers_are_read_as_people_write_them)
{
    struct orr_run_request request = request_of("atomic", "none");
    request.threads = "3";
    request.seconds = "0.25";
    request.warmup = "0";
    request.heap_limit = "64Mi";
    request.release_slice = "1k";
    request.seed = "7";
    request.workers = "0";
    request.stress = "1e3";
    struct orr_plan plan = resolve(&request);
    cr_assert_eq(plan.threads, 3);
    cr_assert_eq(plan.measured_ns, second / 4);
    cr_assert_eq(plan.warmup_ns, 0);
    cr_assert_eq(plan.heap.bytes_limit, 64u << 20);
    cr_assert_eq(plan.heap.release_slice, 1000);
    cr_assert_eq(plan.seed, 7);
    cr_assert_eq(plan.heap.workers, 0);
    cr_assert_eq(plan.heap.stress_every, 1000);
    orr_plan_fini(&plan);
}

Test(plan, a_long_run_warms_up_for_a_second_at_most)
{
    struct orr_run_request request = request_of("plain", "none");
    request.seconds = "100";
    struct orr_plan plan = resolve(&request);
    cr_assert_eq(plan.warmup_ns, second);
    orr_plan_fini(&plan);
}

Test(plan, a_run_by_operations_has_no_warmup_and_no_window)
{
    struct orr_run_request request = request_of("plain", "none");
    request.operations = "5000";
    struct orr_plan plan = resolve(&request);
    cr_assert_eq(plan.operations, 5000);
    cr_assert_eq(plan.measured_ns, 0);
    cr_assert_eq(plan.warmup_ns, 0);
    orr_plan_fini(&plan);
}

Test(plan, numbers_out_of_range_are_a_sentence)
{
    static const char *const bad[] = {
        "0",  "1e9", "-1",    "nan", "inf", "1025", "2.5x", "",
        " 1", "0x",  "1e400", "1 2", "--",  "1e-9", "1k5",  "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct orr_run_request request = request_of("atomic", "none");
        request.threads = bad[i];
        check_refused(&request, ORR_BAD_INPUT, "--threads");
    }
    static const char *const bad_seconds[] = {"0", "-1", "nan", "inf", "1e9", "", "2s", "0.0001"};
    for (size_t i = 0; i < sizeof bad_seconds / sizeof bad_seconds[0]; i++) {
        struct orr_run_request request = request_of("atomic", "none");
        request.seconds = bad_seconds[i];
        check_refused(&request, ORR_BAD_INPUT, "--seconds");
    }
    struct orr_run_request request = request_of("atomic", "none");
    request.seed = "4294967296";
    check_refused(&request, ORR_BAD_INPUT, "--seed");
    request = request_of("atomic", "none");
    request.heap_limit = "1e30";
    check_refused(&request, ORR_BAD_INPUT, "--heap-limit");
    request = request_of("atomic", "none");
    request.workers = "65";
    check_refused(&request, ORR_BAD_INPUT, "--workers");
}

Test(plan, a_run_ends_by_time_or_by_operations)
{
    struct orr_run_request request = request_of("plain", "none");
    request.operations = "5000";
    request.seconds = "1";
    check_refused(&request, ORR_BAD_INPUT, "one of them");
    request.seconds = NULL;
    request.warmup = "1";
    check_refused(&request, ORR_BAD_INPUT, "--warmup");
}

Test(plan, unknown_names_are_listed_and_the_nearest_is_suggested)
{
    struct orr_run_request request = request_of("atomik", "none");
    check_refused(&request, ORR_BAD_INPUT, "did you mean 'atomic'?");
    request = request_of("atomic", "nune");
    check_refused(&request, ORR_BAD_INPUT, "did you mean 'none'?");
    request = request_of("atomic", "none");
    request.workload = "ring";
    check_refused(&request, ORR_BAD_INPUT, "did you mean 'rings'?");
    request = request_of("atomic", "none");
    request.heap = "bloks";
    check_refused(&request, ORR_BAD_INPUT, "did you mean 'blocks'?");
    request = request_of("atomic", "none");
    request.trigger = "bites:5";
    check_refused(&request, ORR_BAD_INPUT, "did you mean 'bytes'?");
}

Test(plan, triggers_take_their_value_after_a_colon)
{
    struct orr_run_request request = request_of("atomic", "none");
    request.trigger = "count:700";
    struct orr_plan plan = resolve(&request);
    cr_assert_eq(plan.heap.trigger.kind, ORR_TRIGGER_count);
    cr_assert_eq(plan.heap.trigger.count, 700);
    orr_plan_fini(&plan);
    request.trigger = "bytes:1Mi";
    plan = resolve(&request);
    cr_assert_eq(plan.heap.trigger.kind, ORR_TRIGGER_bytes);
    cr_assert_eq(plan.heap.trigger.bytes, 1u << 20);
    orr_plan_fini(&plan);
    request.trigger = "ratio:0.5";
    plan = resolve(&request);
    cr_assert_eq(plan.heap.trigger.kind, ORR_TRIGGER_ratio);
    cr_assert(plan.heap.trigger.ratio == 0.5);
    orr_plan_fini(&plan);
    request.trigger = "ratio"; /* a value of its own */
    plan = resolve(&request);
    cr_assert(plan.heap.trigger.ratio > 0);
    orr_plan_fini(&plan);
}

Test(plan, a_trigger_without_sense_is_a_sentence)
{
    static const char *const bad[] = {"count:0", "count:",  "ratio:nan", "ratio:-1", "manual:5",
                                      "",        "bytes:x", ":",         "count:1:2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct orr_run_request request = request_of("atomic", "none");
        request.trigger = bad[i];
        check_refused(&request, ORR_BAD_INPUT, "trigger");
    }
}

Test(plan, settings_reach_the_workload_and_are_shown_with_the_presets)
{
    struct orr_run_request request = request_of("atomic", "none");
    request.settings[request.setting_count++] = "live=5";
    request.settings[request.setting_count++] = "live=1000";
    struct orr_plan plan = resolve(&request);
    cr_assert_eq(((uint64_t *)plan.settings)[0], 1000); /* `live` is the first of rings */
    bool is_live_shown = false, is_touch_shown = false;
    for (size_t i = 0; i < plan.shown_count; i++) {
        is_live_shown |=
            strcmp(plan.shown[i].name, "live") == 0 && strcmp(plan.shown[i].value, "1000") == 0;
        is_touch_shown |=
            strcmp(plan.shown[i].name, "touch") == 0 && strcmp(plan.shown[i].value, "1") == 0;
    }
    cr_assert(is_live_shown);
    cr_assert(is_touch_shown);
    orr_plan_fini(&plan);
}

Test(plan, a_setting_that_is_not_there_is_a_sentence)
{
    struct orr_run_request request = request_of("atomic", "none");
    request.settings[request.setting_count++] = "lives=5";
    check_refused(&request, ORR_BAD_INPUT, "lives");
    request.settings[0] = "live";
    check_refused(&request, ORR_BAD_INPUT, "KEY=VALUE");
    request.settings[0] = "live=-5";
    check_refused(&request, ORR_BAD_INPUT, "live");
}

Test(plan, what_cannot_work_says_why)
{
    struct orr_run_request request = request_of("tracing", "none");
    check_refused(&request, ORR_NOT_APPLICABLE, "nothing would ever be freed");
    request = request_of("plain", "none");
    request.threads = "2";
    check_refused(&request, ORR_NOT_APPLICABLE, "1 thread at most, not 2");
}
