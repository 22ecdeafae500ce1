/* quickstart_report.c - the comparison as people and programs read it; see quickstart.h.
 *
 * One table of all workloads on one thread, a second, small one on several. A row is a pair; a pair
 * that pauses for several causes has a row for each. A figure is the median of the cell's runs, a
 * maximum that of all of them.
 */
#include "bench/json.h"
#include "bench/quantity.h"
#include "bench/quickstart.h"
#include "bench/table.h"
#include "runtime/events.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMN_WORKLOAD,
    COLUMN_PAIR,
    COLUMN_RATE,
    COLUMN_RATIO,
    COLUMN_EACH,
    COLUMN_CAUSE,
    COLUMN_PAUSES,
    COLUMN_SAFEPOINT,
    COLUMN_MEMORY,
    COLUMN_GARBAGE,
    COLUMN_DIGEST,
    COLUMNS
};

static const struct orr_column columns[COLUMNS] = {
    [COLUMN_WORKLOAD] = {"workload", false},
    [COLUMN_PAIR] = {"pair", false},
    [COLUMN_RATE] = {"ops/s", true},
    [COLUMN_RATIO] = {"ratio", true},
    [COLUMN_EACH] = {"ns each", true},
    [COLUMN_CAUSE] = {"pauses", false},
    [COLUMN_PAUSES] = {"p50/p99/p99.9/max", true},
    [COLUMN_SAFEPOINT] = {"safepoint p50/max", true},
    [COLUMN_MEMORY] = {"memory", true},
    [COLUMN_GARBAGE] = {"garbage", true},
    [COLUMN_DIGEST] = {"digest", false},
};

enum { CELL_BYTES = 64 };

/* A line of the table before it is one. */
struct row {
    char texts[COLUMNS][CELL_BYTES];
};

/* --- figures ------------------------------------------------------------------------------------- */

/* A number of a record by its path of keys; false if it is absent. */
static bool
find_number(const json_t *run, const char *const *path, double *number)
{
    const json_t *value = run;
    for (; *path; path++)
        value = json_object_get(value, *path);
    if (!json_is_number(value))
        return false;
    *number = json_number_value(value);
    return true;
}

static int
compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The numbers of all runs that have it, in order; returns how many. */
static size_t
gather(const struct orr_cell *cell, const char *const *path, double numbers[ORR_ROUNDS_MAX])
{
    size_t count = 0;
    for (size_t run = 0; run < cell->run_count; run++)
        if (find_number(cell->runs[run], path, &numbers[count]))
            count++;
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    return count;
}

static struct orr_real
median(const struct orr_cell *cell, const char *const *path)
{
    double numbers[ORR_ROUNDS_MAX];
    const size_t count = gather(cell, path, numbers);
    if (count == 0)
        return (struct orr_real){0};
    return orr_measured_real((numbers[(count - 1) / 2] + numbers[count / 2]) / 2);
}

static struct orr_real
greatest(const struct orr_cell *cell, const char *const *path)
{
    double numbers[ORR_ROUNDS_MAX];
    const size_t count = gather(cell, path, numbers);
    return count ? orr_measured_real(numbers[count - 1]) : (struct orr_real){0};
}

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- cells of the table -------------------------------------------------------------------------- */

/* Three digits of a number that is not much greater than a thousand. */
static int
decimals_of(double value)
{
    return value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
}

/* Durations that share the unit of the greatest, as 0.01/0.43/1.20 ms. */
static void
write_durations(char text[CELL_BYTES], const double *ns, size_t count)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
    size_t unit = 0, used = 0;
    while (unit < 3 && ns[count - 1] < units[unit].ns)
        unit++;
    for (size_t i = 0; i < count && used < CELL_BYTES; i++) {
        const double value = ns[i] / units[unit].ns;
        const int decimals = unit == 3 ? 0 : decimals_of(value); /* no parts of a nanosecond */
        used += (size_t)snprintf(text + used, CELL_BYTES - used, "%s%.*f", i ? "/" : "", decimals,
                                 value);
    }
    if (used < CELL_BYTES)
        snprintf(text + used, CELL_BYTES - used, " %s", units[unit].name);
}

static void
write_pauses(struct row *row, const struct orr_cell *cell, const char *cause)
{
    static const char *const keys[] = {"p50", "p99", "p999"};
    double ns[4] = {0};
    char text[ORR_QUANTITY_BYTES];
    const double count = median(cell, PATH("pause_ns", cause, "count")).value;
    for (size_t i = 0; i < 3; i++)
        ns[i] = median(cell, PATH("pause_ns", cause, keys[i])).value;
    ns[3] = greatest(cell, PATH("pause_ns", cause, "max")).value;
    /* Between two runs the median may be a half. */
    if (count < 10 && count != floor(count))
        snprintf(text, sizeof text, "%.1f", count);
    else
        orr_quantity_count(text, count);
    snprintf(row->texts[COLUMN_CAUSE], CELL_BYTES, "%s x%s", cause, text);
    write_durations(row->texts[COLUMN_PAUSES], ns, 4);
}

static void
write_safepoint(struct row *row, const struct orr_cell *cell)
{
    const struct orr_real p50 = median(cell, PATH("time_to_safepoint_ns", "p50"));
    const struct orr_real most = greatest(cell, PATH("time_to_safepoint_ns", "max"));
    if (p50.is_measured && most.is_measured)
        write_durations(row->texts[COLUMN_SAFEPOINT], (const double[]){p50.value, most.value}, 2);
}

/* The ratio to the baseline, and half the distance between the cell's extremes beside it. */
static void
write_rate(struct row *row, const struct orr_cell *cell, const struct orr_cell *baseline)
{
    double rates[ORR_ROUNDS_MAX];
    const char *const *const path = PATH("throughput_ops_per_s");
    const struct orr_real rate = median(cell, path), base = median(baseline, path);
    const size_t count = gather(cell, path, rates);
    if (!rate.is_measured || cell->is_brief)
        return;
    orr_quantity_count(row->texts[COLUMN_RATE], rate.value);
    if (!base.is_measured || base.value <= 0)
        return;
    snprintf(row->texts[COLUMN_RATIO], CELL_BYTES, "%.2f ±%.0f%%", rate.value / base.value,
             100 * (rates[count - 1] - rates[0]) / 2 / rate.value);
}

/* A workload's own figure, where it has one of the form ns_per_something. */
static void
write_each(struct row *row, const struct orr_cell *cell)
{
    const char *name;
    json_t *value;
    if (cell->run_count == 0)
        return;
    json_object_foreach(json_object_get(cell->runs[0], "results"), name, value)
    {
        const struct orr_real ns = median(cell, PATH("results", name));
        if (strncmp(name, "ns_per_", 7) != 0 || !ns.is_measured)
            continue;
        snprintf(row->texts[COLUMN_EACH], CELL_BYTES, "%.*f", decimals_of(ns.value), ns.value);
        return;
    }
}

static const char *
verdict_on(const struct orr_cell *cell)
{
    switch (cell->status) {
    case ORR_OK:
        return "equal";
    case ORR_CHECK_FAILED:
        return "WRONG";
    case ORR_OUT_OF_MEMORY:
        return "no memory";
    case ORR_NOT_APPLICABLE:
        return "not appl.";
    default:
        return "CRASHED";
    }
}

static void
write_name(char text[CELL_BYTES], const struct orr_cell *cell)
{
    snprintf(text, CELL_BYTES, "%s/%s%s%s", cell->strategy, cell->collector,
             cell->is_control ? " again" : "", cell->is_brief ? " *" : "");
}

static void
write_row(struct row *row, const struct orr_cell *cell, const struct orr_cell *baseline)
{
    const struct orr_real memory = greatest(cell, PATH("rss_bytes_peak"));
    const struct orr_real garbage = greatest(cell, PATH("uncollected", "objects_peak"));
    *row = (struct row){0};
    if (cell == baseline)
        snprintf(row->texts[COLUMN_WORKLOAD], CELL_BYTES, "%s", cell->workload);
    write_name(row->texts[COLUMN_PAIR], cell);
    write_rate(row, cell, baseline);
    write_each(row, cell);
    write_safepoint(row, cell);
    if (memory.is_measured)
        orr_quantity_bytes(row->texts[COLUMN_MEMORY], memory.value);
    if (garbage.is_measured)
        orr_quantity_count(row->texts[COLUMN_GARBAGE], garbage.value);
    snprintf(row->texts[COLUMN_DIGEST], CELL_BYTES, "%s", verdict_on(cell));
}

/* --- the table ----------------------------------------------------------------------------------- */

static enum orr_status
add_row(struct orr_table *table, const struct row *row, struct orr_error *error)
{
    const char *texts[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        texts[i] = row->texts[i];
    return orr_table_add(table, texts, error);
}

/* The row of a cell; a further one for every further cause. */
static enum orr_status
add_cell(struct orr_table *table, const struct orr_cell *cell, const struct orr_cell *baseline,
         struct orr_error *error)
{
    struct row row;
    bool is_open = true;
    enum orr_status status = ORR_OK;
    write_row(&row, cell, baseline);
    for (unsigned cause = 0; status == ORR_OK && cause < ORR_PAUSE_CAUSE_COUNT; cause++) {
        const char *const name = orr_pause_names[cause];
        if (median(cell, PATH("pause_ns", name, "count")).value <= 0)
            continue;
        write_pauses(&row, cell, name);
        status = add_row(table, &row, error);
        row = (struct row){0};
        is_open = false;
    }
    return is_open && status == ORR_OK ? add_row(table, &row, error) : status;
}

static bool
is_first_of_group(const struct orr_quickstart *quickstart, size_t i)
{
    const struct orr_cell *const cell = &quickstart->cells[i];
    return i == 0 || cell[-1].threads != cell->threads ||
           strcmp(cell[-1].workload, cell->workload) != 0;
}

static enum orr_status
fill_table(struct orr_table *table, const struct orr_quickstart *quickstart, uint32_t threads,
           struct orr_error *error)
{
    static const struct row empty;
    const struct orr_cell *baseline = NULL;
    enum orr_status status = ORR_OK;
    for (size_t i = 0; status == ORR_OK && i < quickstart->cell_count; i++) {
        const struct orr_cell *const cell = &quickstart->cells[i];
        if (cell->threads != threads)
            continue;
        if (is_first_of_group(quickstart, i)) {
            if (baseline)
                status = add_row(table, &empty, error);
            baseline = cell;
        }
        if (status == ORR_OK)
            status = add_cell(table, cell, baseline, error);
    }
    return status;
}

static enum orr_status
write_block(const struct orr_quickstart *quickstart, uint32_t threads, FILE *file,
            struct orr_error *error)
{
    struct orr_table *table;
    enum orr_status status = orr_table_create(&table, columns, COLUMNS, error);
    if (status != ORR_OK)
        return status;
    status = fill_table(table, quickstart, threads, error);
    fprintf(file, "\n%u thread%s\n\n", threads, threads == 1 ? "" : "s");
    if (status == ORR_OK)
        status = orr_table_write(table, file, orr_terminal_of(file), error);
    orr_table_destroy(table);
    return status;
}

/* --- around the table ---------------------------------------------------------------------------- */

static size_t
count_pairs(const struct orr_quickstart *quickstart)
{
    size_t pairs = 0;
    for (size_t i = 0; i < quickstart->cell_count; i++)
        if (strcmp(quickstart->cells[i].workload, quickstart->cells[0].workload) == 0 &&
            quickstart->cells[i].threads == quickstart->cells[0].threads)
            pairs += !quickstart->cells[i].is_control;
    return pairs;
}

static size_t
count_workloads(const struct orr_quickstart *quickstart)
{
    size_t workloads = 0;
    for (size_t i = 0; i < quickstart->cell_count; i++)
        if (quickstart->cells[i].threads == quickstart->cells[0].threads)
            workloads += is_first_of_group(quickstart, i);
    return workloads;
}

/* Ends the line with the workloads whose windows are longer. */
static void
write_long_windows(const struct orr_quickstart *quickstart, FILE *file)
{
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        const struct orr_cell *const cell = &quickstart->cells[i];
        const double seconds = orr_quickstart_window(quickstart, cell->workload);
        if (cell->threads == quickstart->cells[0].threads && is_first_of_group(quickstart, i) &&
            seconds > quickstart->window_seconds)
            fprintf(file, ", %s %.2f s", cell->workload, seconds);
    }
    fputc('\n', file);
}

static void
write_heading(const struct orr_quickstart *quickstart, FILE *file)
{
    const struct orr_environment *const now = &quickstart->environment;
    fprintf(file, "orrery %s (%s, %s, %s) on %s, %u processors, %s, %s\n",
            now->commit[0] ? now->commit : "of no known commit", now->build, now->compiler,
            now->flags, now->cpu_model, now->cores_usable, now->kernel, now->date);
    fprintf(
        file,
        "%zu pairs of strategy/collector on %zu workload%s, heap blocks; %zu rounds, each run in "
        "a process of its own, windows of %.2f s",
        count_pairs(quickstart), count_workloads(quickstart),
        count_workloads(quickstart) == 1 ? "" : "s", quickstart->rounds,
        quickstart->window_seconds);
    write_long_windows(quickstart, file);
    if (now->is_checked || !now->is_optimized || now->sanitizers[0])
        fputs("NOT A MEASUREMENT: this build is checked or not optimized\n", file);
    if (now->load[0].is_measured && now->load[0].value > 0.5)
        fprintf(file, "the machine is busy (load %.1f): ratios near 1 say nothing\n",
                now->load[0].value);
}

static void
write_failures(const struct orr_quickstart *quickstart, FILE *file)
{
    bool is_first = true;
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        const struct orr_cell *const cell = &quickstart->cells[i];
        char name[CELL_BYTES];
        if (cell->status == ORR_OK)
            continue;
        write_name(name, cell);
        fprintf(file, "%s  %s %s, %u thread%s: %s\n", is_first ? "\nfailed\n" : "", cell->workload,
                name, cell->threads, cell->threads == 1 ? "" : "s", cell->reason);
        is_first = false;
    }
}

/* Reasons of the second block that the first has given are not repeated. */
static bool
is_told(const struct orr_quickstart *quickstart, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(quickstart->exclusions[k].reason, quickstart->exclusions[i].reason) == 0)
            return true;
    return false;
}

static void
write_exclusions(const struct orr_quickstart *quickstart, FILE *file)
{
    bool is_first = true;
    for (size_t i = 0; i < quickstart->exclusion_count; i++) {
        const struct orr_exclusion *const one = &quickstart->exclusions[i];
        if (is_told(quickstart, i))
            continue;
        fprintf(file, "%s  %s/%s, %u thread%s: %s\n", is_first ? "\nnot applicable\n" : "",
                one->strategy, one->collector, one->threads, one->threads == 1 ? "" : "s",
                one->reason);
        is_first = false;
    }
}

static void
write_legend(const struct orr_quickstart *quickstart, FILE *file)
{
    bool has_brief = false;
    for (size_t i = 0; i < quickstart->cell_count; i++)
        has_brief = has_brief || quickstart->cells[i].is_brief;
    fputs(
        "\nratio      median throughput over that of the first pair of the workload, ± half its "
        "range; `again` is that pair once more: its ratio is noise\n"
        "pauses     cause x number per run; of p50, p99, p99.9 the median of the runs, of max the "
        "greatest; safepoint: from asking for a stop to standing\n"
        "ns each    what the workload itself reports: per node, pair, object\n"
        "memory     resident, peak; garbage: objects not yet collected, peak; digest: equal for "
        "all pairs of a workload, or WRONG\n",
        file);
    if (has_brief)
        fputs("*          never gives memory back: it does few operations, too few for a rate\n",
              file);
}

static bool
has_block(const struct orr_quickstart *quickstart, uint32_t threads)
{
    for (size_t i = 0; i < quickstart->cell_count; i++)
        if (quickstart->cells[i].threads == threads)
            return true;
    return false;
}

enum orr_status
orr_quickstart_report(const struct orr_quickstart *quickstart, FILE *file, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    write_heading(quickstart, file);
    for (uint32_t threads = 1; status == ORR_OK && threads <= 2; threads++)
        if (has_block(quickstart, threads))
            status = write_block(quickstart, threads, file, error);
    if (status != ORR_OK)
        return status;
    write_failures(quickstart, file);
    write_exclusions(quickstart, file);
    write_legend(quickstart, file);
    return ORR_OK;
}

/* --- for programs -------------------------------------------------------------------------------- */

static json_t *
failure_json(struct orr_json_fault *fault, const struct orr_cell *cell)
{
    json_t *const object = orr_json_object();
    orr_json_put_text(fault, object, "workload", cell->workload);
    orr_json_put_text(fault, object, "strategy", cell->strategy);
    orr_json_put_text(fault, object, "collector", cell->collector);
    orr_json_put_number(fault, object, "threads", cell->threads);
    orr_json_put_number(fault, object, "exit_status", (uint64_t)cell->status);
    orr_json_put_text(fault, object, "reason", cell->reason);
    return object;
}

static json_t *
exclusion_json(struct orr_json_fault *fault, const struct orr_exclusion *one)
{
    json_t *const object = orr_json_object();
    orr_json_put_text(fault, object, "strategy", one->strategy);
    orr_json_put_text(fault, object, "collector", one->collector);
    orr_json_put_number(fault, object, "threads", one->threads);
    orr_json_put_text(fault, object, "reason", one->reason);
    return object;
}

enum orr_status
orr_quickstart_json(const struct orr_quickstart *quickstart, json_t **result,
                    struct orr_error *error)
{
    struct orr_json_fault fault = {ORR_OK, error};
    json_t *const object = orr_json_object();
    json_t *const records = orr_json_array();
    json_t *const failures = orr_json_array();
    json_t *const exclusions = orr_json_array();
    for (size_t i = 0; i < quickstart->cell_count; i++) {
        const struct orr_cell *const cell = &quickstart->cells[i];
        for (size_t run = 0; run < cell->run_count; run++)
            orr_json_append(&fault, records, json_incref(cell->runs[run]));
        if (cell->status != ORR_OK)
            orr_json_append(&fault, failures, failure_json(&fault, cell));
    }
    for (size_t i = 0; i < quickstart->exclusion_count; i++)
        orr_json_append(&fault, exclusions, exclusion_json(&fault, &quickstart->exclusions[i]));
    orr_json_put(&fault, object, "records", records);
    orr_json_put(&fault, object, "failures", failures);
    orr_json_put(&fault, object, "not_applicable", exclusions);
    return orr_json_finish(&fault, object, result);
}
