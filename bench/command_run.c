/* command_run.c - `orrery run`: one run, its record and its files.
 *
 * Standard output has the summary, or with --json - the record alone; nothing of a run is told
 * twice. A record is written for every run that began, whatever became of it.
 *
 * Threads: the first one.
 */
#include "bench/command.h"
#include "bench/json.h"
#include "bench/plan.h"
#include "bench/run_outputs.h"
#include "bench/run_record.h"
#include "bench/run_summary.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

struct run_arguments {
    struct orr_run_request request;
    const char *json, *google, *hgrm, *hlog, *timeline, *gc_log;
    struct orr_error error; /* of the arguments themselves */
};

enum {
    OPTION_SECONDS = 256,
    OPTION_OPERATIONS,
    OPTION_WARMUP,
    OPTION_HEAP_LIMIT,
    OPTION_RELEASE_SLICE,
    OPTION_SEED,
    OPTION_WORKERS,
    OPTION_SET,
    OPTION_VERIFY,
    OPTION_STRESS,
    OPTION_LEDGER,
    OPTION_JSON,
    OPTION_GOOGLE,
    OPTION_HGRM,
    OPTION_HLOG,
    OPTION_TIMELINE,
    OPTION_GC_LOG
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is run; `orrery list` has the names:", 1},
    {"strategy", 's', "NAME", 0, "How references are counted (biased)", 1},
    {"collector", 'c', "NAME", 0, "How cycles are found (trial)", 1},
    {"heap", 'H', "NAME", 0, "Where objects live (blocks)", 1},
    {"trigger", 't', "KIND[:VALUE]", 0, "When a collection starts (the collector's own)", 1},
    {"set", OPTION_SET, "KEY=VALUE", 0,
     "A setting of the workload, or collector.KEY=VALUE; may be repeated", 1},

    {NULL, 0, NULL, 0, "How much of it:", 2},
    {"threads", 'n', "N", 0, "Worker threads (1)", 2},
    {"seconds", OPTION_SECONDS, "S", 0, "Length of the measuring window (2)", 2},
    {"warmup", OPTION_WARMUP, "S", 0, "Before it (a quarter of it, a second at most)", 2},
    {"operations", OPTION_OPERATIONS, "N", 0, "Operations per thread, instead of a time", 2},
    {"seed", OPTION_SEED, "N", 0, "Of the workload's random numbers (2463534242)", 2},

    {NULL, 0, NULL, 0, "Under what conditions:", 3},
    {"heap-limit", OPTION_HEAP_LIMIT, "BYTES", 0, "Most that objects may take; k, M, G, Ki, Mi, Gi",
     3},
    {"release-slice", OPTION_RELEASE_SLICE, "N", 0, "Objects freed per release at most (all)", 3},
    {"workers", OPTION_WORKERS, "N", 0, "Collector threads beside the one that collects", 3},

    {NULL, 0, NULL, 0, "Checks, which make a run slower:", 4},
    {"verify", OPTION_VERIFY, NULL, 0, "Verify the heap before and after each collection", 4},
    {"stress", OPTION_STRESS, "N", 0, "Collect every N allocations of a thread", 4},
    {"ledger", OPTION_LEDGER, NULL, 0, "Follow every object from birth to its one death", 4},

    {NULL, 0, NULL, 0, "Files, `-` being standard output:", 5},
    {"json", OPTION_JSON, "FILE", 0, "The record", 5},
    {"google-benchmark", OPTION_GOOGLE, "FILE", 0, "The record as Google Benchmark writes it", 5},
    {"hgrm", OPTION_HGRM, "PREFIX", 0, "Percentile distributions, PREFIX-pauses.hgrm and others",
     5},
    {"hlog", OPTION_HLOG, "FILE", 0, "Histogram log of HdrHistogram", 5},
    {"timeline", OPTION_TIMELINE, "FILE", 0, "Trace events, for Perfetto", 5},
    {"gc-log", OPTION_GC_LOG, "FILE", 0, "A line per collection; `-` is standard error", 5},
    {0},
};

static void
take_setting(struct run_arguments *arguments, const char *text, struct argp_state *state)
{
    struct orr_run_request *const request = &arguments->request;
    if (request->setting_count == ORR_SETTINGS_MAX)
        argp_error(state, "more than %d --set", ORR_SETTINGS_MAX);
    request->settings[request->setting_count++] = text;
}

/* Where the text of an option goes; null if the option has none. */
static const char **
place_of(struct run_arguments *arguments, int key)
{
    struct orr_run_request *const request = &arguments->request;
    switch (key) {
    case 's':
        return &request->strategy;
    case 'c':
        return &request->collector;
    case 'H':
        return &request->heap;
    case 't':
        return &request->trigger;
    case 'n':
        return &request->threads;
    case OPTION_SECONDS:
        return &request->seconds;
    case OPTION_WARMUP:
        return &request->warmup;
    case OPTION_OPERATIONS:
        return &request->operations;
    case OPTION_SEED:
        return &request->seed;
    case OPTION_HEAP_LIMIT:
        return &request->heap_limit;
    case OPTION_RELEASE_SLICE:
        return &request->release_slice;
    case OPTION_WORKERS:
        return &request->workers;
    case OPTION_STRESS:
        return &request->stress;
    case OPTION_JSON:
        return &arguments->json;
    case OPTION_GOOGLE:
        return &arguments->google;
    case OPTION_HGRM:
        return &arguments->hgrm;
    case OPTION_HLOG:
        return &arguments->hlog;
    case OPTION_TIMELINE:
        return &arguments->timeline;
    case OPTION_GC_LOG:
        return &arguments->gc_log;
    default:
        return NULL;
    }
}

static error_t
parse_option(int key, char *text, struct argp_state *state)
{
    struct run_arguments *const arguments = state->input;
    const char **const place = place_of(arguments, key);
    if (place) {
        *place = text;
        return 0;
    }
    switch (key) {
    case OPTION_SET:
        take_setting(arguments, text, state);
        return 0;
    case OPTION_VERIFY:
        arguments->request.verify = true;
        return 0;
    case OPTION_LEDGER:
        arguments->request.ledger = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->request.workload)
            argp_error(state, "one workload at a time: %s or %s", arguments->request.workload,
                       text);
        arguments->request.workload = text;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->request.workload)
            argp_error(state, "name a workload; `orrery list workloads` has them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .args_doc = "WORKLOAD",
    .doc = "Runs one workload under one strategy and one collector, and reports what it measured."
           "\v" ORR_COMMAND_STATUS " A run that breaks an assertion of the program dies of it.",
};

/* --- before the run ------------------------------------------------------------------------------ */

static enum orr_status
check_files(const struct run_arguments *arguments, struct orr_error *error)
{
    const struct {
        const char *name, *path;
    } files[] = {
        {"--json", arguments->json},     {"--google-benchmark", arguments->google},
        {"--hlog", arguments->hlog},     {"--timeline", arguments->timeline},
        {"--gc-log", arguments->gc_log},
    };
    const char *to_stdout = NULL;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!files[i].path)
            continue;
        const enum orr_status status = orr_command_writable(files[i].name, files[i].path, error);
        if (status != ORR_OK)
            return status;
        const bool is_log = files[i].path == arguments->gc_log;
        if (strcmp(files[i].path, "-") != 0 || is_log)
            continue;
        if (i >= 2)
            return orr_fail(error, ORR_BAD_INPUT, "%s needs the name of a file", files[i].name);
        if (to_stdout)
            return orr_fail(error, ORR_BAD_INPUT, "%s and %s cannot both be standard output",
                            to_stdout, files[i].name);
        to_stdout = files[i].name;
    }
    return ORR_OK;
}

/* --- after the run ------------------------------------------------------------------------------- */

static enum orr_status
write_json(const void *thing, FILE *file, struct orr_error *error)
{
    json_t *object;
    enum orr_status status = orr_run_record_json(thing, &object, error);
    if (status != ORR_OK)
        return status;
    status = orr_json_write(object, file, false, error);
    json_decref(object);
    return status;
}

static enum orr_status
write_google(const void *thing, FILE *file, struct orr_error *error)
{
    const struct orr_run_record *const record = thing;
    return orr_record_write_google_benchmark(&record->record, 1, file, error);
}

static enum orr_status
write_files(const struct run_arguments *arguments, const struct orr_run_record *record,
            struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    if (arguments->json)
        status = orr_command_write(arguments->json, record, write_json, error);
    if (status == ORR_OK && arguments->google && record->result->status == ORR_OK)
        status = orr_command_write(arguments->google, record, write_google, error);
    if (status == ORR_OK && arguments->hgrm)
        status = orr_run_write_hgrm(record->result, arguments->hgrm, error);
    if (status == ORR_OK && arguments->hlog)
        status = orr_run_write_hlog(record->result, arguments->hlog, error);
    if (status == ORR_OK && arguments->timeline)
        status = orr_run_write_timeline(record->plan, record->result, arguments->timeline, error);
    if (status == ORR_OK && arguments->gc_log)
        status = orr_run_write_gc_log(record->plan, record->result, arguments->gc_log, error);
    return status;
}

static bool
writes_to_stdout(const struct run_arguments *arguments)
{
    return (arguments->json && strcmp(arguments->json, "-") == 0) ||
           (arguments->google && strcmp(arguments->google, "-") == 0);
}

static enum orr_status
report(const struct run_arguments *arguments, const struct orr_plan *plan,
       const struct orr_run_result *result, const struct orr_environment *environment,
       struct orr_error *error)
{
    struct orr_run_record record;
    enum orr_status status = orr_run_record_init(&record, plan, result, environment, error);
    if (status != ORR_OK)
        return status;
    if (!writes_to_stdout(arguments))
        orr_run_summary_write(&record, stdout);
    status = write_files(arguments, &record, error);
    orr_run_record_fini(&record);
    return status;
}

static enum orr_status
perform(const struct run_arguments *arguments, struct orr_error *error)
{
    struct orr_environment environment;
    struct orr_plan plan;
    struct orr_run_result *result;
    const struct orr_runner_options how = {
        .wants_timeline = arguments->timeline != NULL,
        .shows_progress = isatty(STDERR_FILENO) != 0,
    };
    enum orr_status status = check_files(arguments, error);
    if (status == ORR_OK)
        status = orr_plan_resolve(&arguments->request, &plan, error);
    if (status != ORR_OK)
        return status;
    orr_environment_collect(&environment, "");
    orr_environment_time_clock(&environment, orr_clock_ns);
    status = orr_runner_run(&plan, &how, &result, error);
    if (status == ORR_OK) {
        if (result->status != ORR_BAD_INPUT) /* then it did not begin */
            status = report(arguments, &plan, result, &environment, error);
        if (status == ORR_OK && result->status != ORR_OK) {
            *error = result->error;
            status = error->status = result->status;
        }
        orr_run_result_destroy(result);
    }
    orr_plan_fini(&plan);
    return status;
}

int
orr_command_run(int argc, char **argv)
{
    struct run_arguments arguments = {0};
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    if (perform(&arguments, &arguments.error) == ORR_OK)
        return ORR_OK;
    fflush(stdout); /* what was reported comes before what is wrong with it */
    return orr_command_refuse(&arguments.error);
}
