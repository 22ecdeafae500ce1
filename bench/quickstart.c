/* quickstart.c - laying out the cells and running them; see quickstart.h. */
#include "bench/quickstart.h"

#include "bench/axes.h"
#include "bench/child.h"
#include "bench/utf8.h"
#include "collectors/catalogue.h"
#include "runtime/platform.h"
#include "workloads/catalogue.h"
#include "workloads/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_LEAST = 2,
    ROUNDS_WANTED = 3,           /* what the length of the window is chosen for */
    OUTPUT_BYTES_MAX = 64 << 20, /* of one record */
    THREADS_SECOND_BLOCK = 2,
    ARGUMENTS_MAX = 40
};

#define SECONDS_LEAST 0.03
#define SECONDS_MOST 5.0
#define SHARE_MEASURED 0.55 /* of a run's time; the rest is warm-up, building, settling, starting */
/* Counting alone leaks what it cannot free: that must not take the machine. */
#define HEAP_LIMIT "4Gi"
#define REAL_WORKLOAD "replay" /* the heap of a real program */

/* Sizes at which a round of a job, or a heap, fits into a fraction of a second; and windows long enough
 * for a large heap to be collected more than once. */
static const struct tuning {
    const char *workload;
    const char *setting; /* KEY=VALUE; null: its presets */
    double weight;       /* length of its window */
} tunings[] = {
    {REAL_WORKLOAD, NULL, 3},       {"trees", "depth=12", 1},        {"rings", "live=50000", 1},
    {"graphs", "objects=50000", 1}, {"counting", "pairs=200000", 1}, {"cache", "capacity=10000", 1},
};

static const struct tuning *
tuning_of(const char *workload)
{
    static const struct tuning presets = {NULL, NULL, 1};
    for (size_t i = 0; i < sizeof tunings / sizeof tunings[0]; i++)
        if (strcmp(tunings[i].workload, workload) == 0)
            return &tunings[i];
    return &presets;
}

/* What the second block, of several threads, looks at, unless one workload was asked for. */
static const char *const shared_workloads[] = {REAL_WORKLOAD, "cache"};

/* --- layout -------------------------------------------------------------------------------------- */

static bool
never_gives_back(const struct orr_collector *collector)
{
    return strcmp(collector->name, "quarantine") == 0;
}

static void
add_cell(struct orr_quickstart *quickstart, const char *workload, const struct orr_rc *rc,
         const struct orr_collector *collector, uint32_t threads, bool is_control)
{
    if (quickstart->cell_count == ORR_CELLS_MAX)
        return;
    quickstart->cells[quickstart->cell_count++] = (struct orr_cell){
        .workload = workload,
        .strategy = rc->name,
        .collector = collector->name,
        .threads = threads,
        .is_control = is_control,
        .is_brief = never_gives_back(collector),
    };
}

static void
exclude(struct orr_quickstart *quickstart, const struct orr_rc *rc,
        const struct orr_collector *collector, uint32_t threads, const char *reason)
{
    if (quickstart->exclusion_count == ORR_EXCLUSIONS_MAX)
        return;
    struct orr_exclusion *const one = &quickstart->exclusions[quickstart->exclusion_count++];
    *one = (struct orr_exclusion){rc->name, collector->name, threads, ""};
    snprintf(one->reason, sizeof one->reason, "%s", reason);
}

/* The cells of one workload; what does not apply is noted once, with the block's first workload. */
static void
add_workload(struct orr_quickstart *quickstart, const char *workload, uint32_t threads,
             bool is_first)
{
    bool has_baseline = false;
    for (size_t i = 0; orr_rcs[i]; i++)
        for (size_t k = 0; orr_collectors[k]; k++) {
            struct orr_error reason;
            if (!orr_pair_applies(orr_rcs[i], orr_collectors[k], &orr_heap_blocks, threads,
                                  &reason)) {
                if (is_first)
                    exclude(quickstart, orr_rcs[i], orr_collectors[k], threads, reason.message);
                continue;
            }
            add_cell(quickstart, workload, orr_rcs[i], orr_collectors[k], threads, false);
            if (!has_baseline)
                add_cell(quickstart, workload, orr_rcs[i], orr_collectors[k], threads, true);
            has_baseline = true;
        }
}

static bool
is_shared_workload(const char *name)
{
    for (size_t i = 0; i < sizeof shared_workloads / sizeof shared_workloads[0]; i++)
        if (strcmp(name, shared_workloads[i]) == 0)
            return true;
    return false;
}

static bool
is_wanted(const struct orr_quickstart_options *options, const char *workload, uint32_t threads)
{
    if (options->workload)
        return strcmp(options->workload, workload) == 0;
    return threads == 1 || is_shared_workload(workload);
}

/* The heap of a real program comes first, then the others in the order of their list. */
static void
add_block(struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
          uint32_t threads)
{
    bool is_first = true;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; orr_workload_entries[i].name; i++) {
            const char *const name = orr_workload_entries[i].name;
            const bool is_real = strcmp(name, REAL_WORKLOAD) == 0;
            if (is_real != (pass == 0) || !is_wanted(options, name, threads))
                continue;
            add_workload(quickstart, name, threads, is_first);
            is_first = false;
        }
}

enum orr_status
orr_quickstart_init(struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
                    struct orr_error *error)
{
    size_t position;
    *quickstart = (struct orr_quickstart){0};
    if (options->workload) {
        const enum orr_status status =
            orr_axis_find(ORR_AXIS_WORKLOADS, options->workload, &position, error);
        if (status != ORR_OK)
            return status;
    }
    orr_environment_collect(&quickstart->environment, "");
    quickstart->cells = calloc(ORR_CELLS_MAX, sizeof *quickstart->cells);
    quickstart->exclusions = calloc(ORR_EXCLUSIONS_MAX, sizeof *quickstart->exclusions);
    if (!quickstart->cells || !quickstart->exclusions) {
        orr_quickstart_fini(quickstart);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a comparison");
    }
    add_block(quickstart, options, 1);
    add_block(quickstart, options, THREADS_SECOND_BLOCK);
    return ORR_OK;
}

void
orr_quickstart_fini(struct orr_quickstart *quickstart)
{
    for (size_t i = 0; quickstart->cells && i < quickstart->cell_count; i++)
        for (size_t run = 0; run < quickstart->cells[i].run_count; run++)
            json_decref(quickstart->cells[i].runs[run]);
    free(quickstart->cells);
    free(quickstart->exclusions);
    *quickstart = (struct orr_quickstart){0};
}

/* --- one run ------------------------------------------------------------------------------------- */

/* The command line of a run; what is formatted lies beside it. */
struct command {
    const char *argv[ARGUMENTS_MAX + 1];
    size_t count;
    char threads[16], length[32];
};

static void
add_argument(struct command *command, const char *text)
{
    orr_require(command->count < ARGUMENTS_MAX, "a run with more than %d arguments", ARGUMENTS_MAX);
    command->argv[command->count++] = text;
}

static void
add_option(struct command *command, const char *name, const char *value)
{
    add_argument(command, name);
    add_argument(command, value);
}

/* Few operations: as many as the digest covers, or one round of a job. */
static uint64_t
brief_operations(const struct orr_cell *cell)
{
    const struct orr_workload *const workload =
        orr_workload_find(cell->workload, cell->strategy, false);
    return workload->is_job ? 1 : ORR_DIGEST_OPERATIONS;
}

static void
build_command(struct command *command, const struct orr_quickstart *quickstart,
              const struct orr_quickstart_options *options, const struct orr_cell *cell)
{
    *command = (struct command){0};
    snprintf(command->threads, sizeof command->threads, "%" PRIu32, cell->threads);
    if (cell->is_brief)
        snprintf(command->length, sizeof command->length, "%" PRIu64, brief_operations(cell));
    else
        snprintf(command->length, sizeof command->length, "%.3f",
                 orr_quickstart_window(quickstart, cell->workload));
    add_argument(command, options->program);
    add_argument(command, "run");
    add_argument(command, cell->workload);
    add_option(command, "--strategy", cell->strategy);
    add_option(command, "--collector", cell->collector);
    add_option(command, "--threads", command->threads);
    add_option(command, cell->is_brief ? "--operations" : "--seconds", command->length);
    add_option(command, "--heap-limit", HEAP_LIMIT);
    if (tuning_of(cell->workload)->setting)
        add_option(command, "--set", tuning_of(cell->workload)->setting);
    add_option(command, "--json", "-");
}

/* A failed check is worse than a crash: it may be a wrong answer that looked right. */
static int
gravity(enum orr_status status)
{
    static const int gravities[] = {
        [ORR_OK] = 0,        [ORR_NOT_APPLICABLE] = 1, [ORR_OUT_OF_MEMORY] = 2,
        [ORR_BAD_INPUT] = 3, [ORR_CRASHED] = 4,        [ORR_CHECK_FAILED] = 5,
    };
    return gravities[status];
}

static void
mark(struct orr_cell *cell, enum orr_status status, const char *reason)
{
    if (gravity(status) <= gravity(cell->status))
        return;
    cell->status = status;
    orr_utf8_clean(cell->reason, sizeof cell->reason, reason); /* it may quote a record */
}

/* Takes in what the child wrote: one record, and nothing else. */
static void
take_record(struct orr_cell *cell, const struct orr_child_result *child)
{
    json_error_t trouble;
    json_t *const record =
        json_loadb(child->output, child->output_bytes, JSON_REJECT_DUPLICATES, &trouble);
    if (!json_is_object(record)) {
        json_decref(record);
        mark(cell, ORR_CRASHED, "ended well, but without a record");
        return;
    }
    cell->runs[cell->run_count++] = record;
}

static enum orr_status
run_cell(struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
         struct orr_cell *cell, struct orr_error *error)
{
    struct command command;
    struct orr_child_result child;
    struct orr_error verdict;
    if (cell->status != ORR_OK)
        return ORR_OK; /* it would fail again, at the cost of the others' time */
    build_command(&command, quickstart, options, cell);
    enum orr_status status =
        orr_child_run(command.argv, options->timeout_ns, OUTPUT_BYTES_MAX, &child, error);
    if (status != ORR_OK)
        return status;
    status = orr_child_verdict(&child, &verdict);
    if (status == ORR_OK)
        take_record(cell, &child);
    else
        mark(cell, status, verdict.message);
    orr_child_result_fini(&child);
    return ORR_OK;
}

/* --- rounds -------------------------------------------------------------------------------------- */

static void
show_progress(const struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
              const struct orr_cell *cell, size_t done)
{
    if (options->shows_progress)
        fprintf(stderr, "\rround %zu: %zu of %zu  %s %s/%s\033[K", quickstart->rounds + 1, done + 1,
                quickstart->cell_count, cell->workload, cell->strategy, cell->collector);
}

/* Another order every round, the same in every quickstart. */
static void
shuffle(size_t *order, size_t count, uint32_t seed)
{
    uint32_t random = orr_seed_of(seed, 1);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        const size_t k = orr_random(&random) % i;
        const size_t kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

static enum orr_status
run_round(struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
          struct orr_error *error)
{
    size_t order[ORR_CELLS_MAX];
    shuffle(order, quickstart->cell_count, (uint32_t)quickstart->rounds + 1);
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        struct orr_cell *const cell = &quickstart->cells[order[i]];
        show_progress(quickstart, options, cell, i);
        const enum orr_status status = run_cell(quickstart, options, cell, error);
        if (status != ORR_OK)
            return status;
    }
    quickstart->rounds++;
    return ORR_OK;
}

double
orr_quickstart_window(const struct orr_quickstart *quickstart, const char *workload)
{
    return quickstart->window_seconds * tuning_of(workload)->weight;
}

static double
choose_window(const struct orr_quickstart *quickstart, const struct orr_quickstart_options *options)
{
    const size_t rounds = options->is_quick ? ROUNDS_LEAST : ROUNDS_WANTED;
    double weights = 1; /* and never zero */
    for (size_t i = 0; i < quickstart->cell_count; i++)
        weights += tuning_of(quickstart->cells[i].workload)->weight;
    const double window = options->seconds_total / (double)rounds / weights * SHARE_MEASURED;
    if (window < SECONDS_LEAST)
        return SECONDS_LEAST;
    return window < SECONDS_MOST ? window : SECONDS_MOST;
}

enum orr_status
orr_quickstart_run(struct orr_quickstart *quickstart, const struct orr_quickstart_options *options,
                   struct orr_error *error)
{
    const uint64_t start_ns = orr_clock_ns();
    double last = 0, spent = 0;
    enum orr_status status = ORR_OK;
    quickstart->window_seconds = choose_window(quickstart, options);
    while (status == ORR_OK && quickstart->rounds < ORR_ROUNDS_MAX) {
        const bool has_time = !options->is_quick && spent + last <= options->seconds_total;
        if (quickstart->rounds >= ROUNDS_LEAST && !has_time)
            break;
        status = run_round(quickstart, options, error);
        last = (double)(orr_clock_ns() - start_ns) / 1e9 - spent;
        spent += last;
    }
    if (options->shows_progress)
        fputs("\r\033[K", stderr);
    return status;
}

/* --- judgement ----------------------------------------------------------------------------------- */

static const char *
digest_of(const json_t *run)
{
    return json_string_value(json_object_get(run, "digest"));
}

/* What the others of its workload and threads say: the digest of the first run among them. */
static const char *
expected_digest(const struct orr_quickstart *quickstart, const struct orr_cell *cell)
{
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        const struct orr_cell *const other = &quickstart->cells[i];
        if (other->threads == cell->threads && strcmp(other->workload, cell->workload) == 0 &&
            other->run_count > 0 && digest_of(other->runs[0]))
            return digest_of(other->runs[0]);
    }
    return NULL;
}

void
orr_quickstart_check_digests(struct orr_quickstart *quickstart)
{
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        struct orr_cell *const cell = &quickstart->cells[i];
        const char *const expected = expected_digest(quickstart, cell);
        for (size_t run = 0; run < cell->run_count; run++) {
            char reason[160];
            const char *const digest = digest_of(cell->runs[run]);
            if (digest && expected && strcmp(digest, expected) == 0)
                continue;
            snprintf(reason, sizeof reason, "digest %s, where the first pair has %s",
                     digest ? digest : "absent", expected ? expected : "none");
            mark(cell, ORR_CHECK_FAILED, reason);
        }
    }
}

enum orr_status
orr_quickstart_status(const struct orr_quickstart *quickstart)
{
    enum orr_status worst = ORR_OK;
    for (size_t i = 0; i < quickstart->cell_count; i++)
        if (gravity(quickstart->cells[i].status) > gravity(worst))
            worst = quickstart->cells[i].status;
    return worst;
}
