/* command_quickstart.c - `orrery quickstart`: every pair, on this machine, in two minutes.
 *
 * Threads: the first one.
 */
#include "bench/command.h"
#include "bench/json.h"
#include "bench/quickstart.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

struct quickstart_arguments {
    const char *seconds_total, *workload, *json;
    bool is_quick;
};

/* No run of ours takes a tenth of it: what does is hanging. */
#define TIMEOUT_NS UINT64_C(60000000000)

enum { OPTION_SECONDS_TOTAL = 256, OPTION_QUICK, OPTION_WORKLOAD, OPTION_JSON };

static const struct argp_option options[] = {
    {"seconds-total", OPTION_SECONDS_TOTAL, "S", 0, "Time for everything, about (120; --quick: 30)",
     0},
    {"quick", OPTION_QUICK, NULL, 0, "Two short rounds: whether it works, not how fast", 0},
    {"workload", OPTION_WORKLOAD, "NAME", 0, "This workload alone (all)", 0},
    {"json", OPTION_JSON, "FILE", 0, "All records too; `-`: alone, on standard output", 0},
    {0},
};

static error_t
parse_option(int key, char *text, struct argp_state *state)
{
    struct quickstart_arguments *const arguments = state->input;
    switch (key) {
    case OPTION_SECONDS_TOTAL:
        arguments->seconds_total = text;
        return 0;
    case OPTION_QUICK:
        arguments->is_quick = true;
        return 0;
    case OPTION_WORKLOAD:
        arguments->workload = text;
        return 0;
    case OPTION_JSON:
        arguments->json = text;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "it takes no argument: %s", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .doc = "Compares every pair of a strategy and a collector on every workload, each run in a "
           "process of its own, and prints one table.\v" ORR_COMMAND_STATUS,
};

static enum orr_status
write_json(const void *thing, FILE *file, struct orr_error *error)
{
    json_t *object;
    enum orr_status status = orr_quickstart_json(thing, &object, error);
    if (status != ORR_OK)
        return status;
    status = orr_json_write(object, file, false, error);
    json_decref(object);
    return status;
}

static enum orr_status
report(const struct orr_quickstart *quickstart, const char *json, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    if (!json || strcmp(json, "-") != 0)
        status = orr_quickstart_report(quickstart, stdout, error);
    if (status == ORR_OK && json)
        status = orr_command_write(json, quickstart, write_json, error);
    return status;
}

/* The first cell of that status speaks for all. */
static void
name_failure(const struct orr_quickstart *quickstart, enum orr_status worst,
             struct orr_error *error)
{
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        const struct orr_cell *const cell = &quickstart->cells[i];
        if (cell->status != worst)
            continue;
        orr_fail(error, worst, "%s %s/%s, %u threads: %s", cell->workload, cell->strategy,
                 cell->collector, cell->threads, cell->reason);
        return;
    }
}

static enum orr_status
compare(const struct quickstart_arguments *arguments, struct orr_error *error)
{
    struct orr_quickstart_options how = {
        .seconds_total = arguments->is_quick ? 30 : 120,
        .is_quick = arguments->is_quick,
        .workload = arguments->workload,
        .program = "/proc/self/exe",
        .timeout_ns = TIMEOUT_NS,
        .shows_progress = isatty(STDERR_FILENO) != 0,
    };
    struct orr_quickstart quickstart;
    enum orr_status status = ORR_OK;
    if (arguments->seconds_total)
        status = orr_command_real("--seconds-total", arguments->seconds_total, 1, 86400,
                                  &how.seconds_total, error);
    if (status == ORR_OK && arguments->json)
        status = orr_command_writable("--json", arguments->json, error);
    if (status == ORR_OK)
        status = orr_quickstart_init(&quickstart, &how, error);
    if (status != ORR_OK)
        return status;
    status = orr_quickstart_run(&quickstart, &how, error);
    orr_quickstart_check_digests(&quickstart);
    if (status == ORR_OK)
        status = report(&quickstart, arguments->json, error);
    if (status == ORR_OK) {
        status = orr_quickstart_status(&quickstart);
        name_failure(&quickstart, status, error);
    }
    orr_quickstart_fini(&quickstart);
    return status;
}

int
orr_command_quickstart(int argc, char **argv)
{
    struct quickstart_arguments arguments = {0};
    struct orr_error error;
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    if (compare(&arguments, &error) == ORR_OK)
        return ORR_OK;
    fflush(stdout);
    return orr_command_refuse(&error);
}
