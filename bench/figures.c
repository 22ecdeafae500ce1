/* figures.c - the program: measures the figures that the project promises, each beside its bar, and writes
 * them down. bench/figures.md is its output, with --output.
 */
#include "bench/command.h"
#include "bench/environment.h"
#include "bench/figure.h"
#include "bench/suggest.h"
#include "bench/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_PRESET = 15, CELLS = 7, CELL_BYTES = 96, FIGURES_MAX = 64 };

static const char help[] =
    "Usage: figures [--only NAME]... [--rounds N] [--small] [--output FILE] [--list]\n\n"
    "Measures what the project promises. The arms of a figure are measured in turn, N times; a "
    "number is\n"
    "the median, with an interval that covers it in 95 of 100 cases (from six rounds on). The "
    "control is\n"
    "the same code under two labels: what a ratio shows where there is no difference.\n\n"
    "  --only NAME    this figure; may be given more than once\n"
    "  --rounds N     rounds, 15 if nothing is said\n"
    "  --small        small sizes: shows that everything works, and no figure\n"
    "  --output FILE  the same as Markdown, with machine and build\n"
    "  --list         the names\n\n"
    "Exit status: 0 done; 1 a bar was missed; 2 usage; 3 a figure is absent here.\n";

struct options {
    const char *only[FIGURES_MAX];
    size_t only_count;
    unsigned rounds;
    bool is_small;
    const char *output;
};

/* --- the command line ------------------------------------------------------------------------------- */

static enum orr_status
add_only(const char *name, struct options *options, struct orr_error *error)
{
    const char *known[FIGURES_MAX];
    size_t count = 0;
    for (; orr_figures[count].name; count++) {
        known[count] = orr_figures[count].name;
        if (strcmp(name, known[count]) != 0 || options->only_count == FIGURES_MAX)
            continue;
        options->only[options->only_count++] = known[count];
        return ORR_OK;
    }
    return orr_suggest_unknown("figure", name, known, count, error);
}

static enum orr_status
take_value(const char *name, const char *value, struct options *options, struct orr_error *error)
{
    uint64_t rounds;
    if (!value)
        return orr_fail(error, ORR_BAD_INPUT, "%s needs a value; see --help", name);
    if (strcmp(name, "--only") == 0)
        return add_only(value, options, error);
    if (strcmp(name, "--output") == 0) {
        options->output = value;
        return orr_command_writable(name, value, error);
    }
    enum orr_status status = orr_command_number(name, value, 1, ORR_FIGURE_ROUNDS, &rounds, error);
    if (status == ORR_OK)
        options->rounds = (unsigned)rounds;
    return status;
}

static enum orr_status
read_options(int argc, char **argv, struct options *options, struct orr_error *error)
{
    for (int i = 1; i < argc; i++) {
        enum orr_status status = ORR_OK;
        if (strcmp(argv[i], "--small") == 0)
            options->is_small = true;
        else if (strcmp(argv[i], "--only") == 0 || strcmp(argv[i], "--rounds") == 0 ||
                 strcmp(argv[i], "--output") == 0) {
            status = take_value(argv[i], i + 1 < argc ? argv[i + 1] : NULL, options, error);
            i++;
        } else
            status =
                orr_fail(error, ORR_BAD_INPUT, "figures has no option %s; see --help", argv[i]);
        if (status != ORR_OK)
            return status;
    }
    return ORR_OK;
}

static bool
is_wanted(const struct options *options, const char *name)
{
    for (size_t i = 0; i < options->only_count; i++)
        if (strcmp(options->only[i], name) == 0)
            return true;
    return options->only_count == 0;
}

/* --- cells ------------------------------------------------------------------------------------------ */

static void
write_number(char *cell, double value)
{
    if (value >= 1000)
        snprintf(cell, CELL_BYTES, "%.0f", value);
    else
        snprintf(cell, CELL_BYTES, "%.3g", value);
}

static void
write_interval(char *cell, const struct orr_interval *interval)
{
    char low[CELL_BYTES], high[CELL_BYTES];
    write_number(low, interval->low);
    write_number(high, interval->high);
    snprintf(cell, CELL_BYTES, "%.40s .. %.40s%s", low, high, interval->is_known ? "" : " (range)");
}

static void
write_bar(char *cell, const struct orr_figure_bar *bar)
{
    if (bar->relation == ORR_REPORTED)
        snprintf(cell, CELL_BYTES, "-");
    else
        snprintf(cell, CELL_BYTES, "%s %g %s",
                 bar->relation == ORR_AT_MOST ? "<=" : ">=", bar->limit,
                 bar->is_ratio ? "x" : bar->unit);
}

static void
write_measured(char *cell, const struct orr_figure_bar *bar, double median)
{
    char number[CELL_BYTES];
    write_number(number, median);
    snprintf(cell, CELL_BYTES, "%.40s %s", number, bar->is_ratio ? "x" : bar->unit);
}

/* Figure, what, bar, measured, interval, control, verdict. */
static void
fill_cells(char cells[CELLS][CELL_BYTES], const struct orr_figure *figure,
           const struct orr_figure_bar *bar, const struct orr_figure_verdict *verdict)
{
    for (size_t i = 0; i < CELLS; i++)
        cells[i][0] = '\0';
    snprintf(cells[0], CELL_BYTES, "%s", figure->name);
    snprintf(cells[1], CELL_BYTES, "%s", bar->name);
    write_bar(cells[2], bar);
    snprintf(cells[6], CELL_BYTES, "%s", verdict->word);
    if (verdict->reason)
        return;
    write_measured(cells[3], bar, verdict->measured.median);
    write_interval(cells[4], &verdict->measured);
    if (bar->is_ratio)
        write_interval(cells[5], &verdict->control);
}

/* --- a report --------------------------------------------------------------------------------------- */

static const struct orr_column columns[CELLS] = {
    {"figure", false},       {"what", false},   {"bar", true},      {"measured", true},
    {"95 % interval", true}, {"control", true}, {"verdict", false},
};

struct report {
    struct orr_table *table;
    FILE *markdown; /* may be null */
    char reasons[4096];
    bool has_miss, has_absence;
};

static void
add_reason(struct report *report, const struct orr_figure *figure, const struct orr_figure_bar *bar,
           const char *reason)
{
    const size_t used = strlen(report->reasons);
    snprintf(report->reasons + used, sizeof report->reasons - used, "%s, %s: absent, because %s\n",
             figure->name, bar->name, reason);
}

static enum orr_status
add_row(struct report *report, const struct orr_figure *figure, const struct orr_figure_bar *bar,
        const struct orr_figure_verdict *verdict, struct orr_error *error)
{
    char cells[CELLS][CELL_BYTES];
    const char *texts[CELLS];
    fill_cells(cells, figure, bar, verdict);
    for (size_t i = 0; i < CELLS; i++)
        texts[i] = cells[i];
    if (verdict->reason)
        add_reason(report, figure, bar, verdict->reason);
    report->has_miss = report->has_miss || verdict->is_missed;
    report->has_absence = report->has_absence || verdict->reason;
    if (report->markdown)
        fprintf(report->markdown, "| %s | %s | %s | %s | %s | %s |\n", cells[1], cells[2], cells[3],
                cells[4], cells[5], cells[6]);
    return orr_table_add(report->table, texts, error);
}

static enum orr_status
report_figure(struct report *report, const struct orr_figure *figure,
              const struct orr_figure_result *result, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    if (report->markdown)
        fprintf(report->markdown,
                "\n## %s\n\n%s. Rounds: %u.\n\n"
                "| what | bar | measured | 95 %% interval | control | verdict |\n"
                "|---|---|---|---|---|---|\n",
                figure->name, figure->title, result->rounds);
    for (size_t i = 0; i < ORR_FIGURE_BARS && figure->bars[i].name && status == ORR_OK; i++) {
        const struct orr_figure_verdict verdict = orr_figure_judge(&figure->bars[i], result);
        status = add_row(report, figure, &figure->bars[i], &verdict, error);
    }
    return status;
}

/* Why nothing here is a figure; empty if it is. */
static const char *
find_caveat(const struct options *options, const struct orr_environment *facts)
{
    if (options->is_small)
        return "Small sizes: these are no figures.";
    if (facts->is_checked || facts->sanitizers[0] || !facts->is_optimized)
        return "A checked, sanitized or unoptimized build: these are no figures.";
    return "";
}

static const char preface[] =
    "# Figures\n\n"
    "What this project promises, measured by `figures`, which wrote this page. %s\n\n"
    "The arms of a figure are measured in turn, in an order drawn anew in each round. A number is\n"
    "the median over rounds; a ratio is taken within each round. The control is the same code "
    "under\n"
    "two labels, so what it differs from 1 by is noise. A verdict is \"not sure\" where the "
    "interval\n"
    "holds the bar.\n\n";

static void
begin_markdown(FILE *file, const struct orr_environment *facts, const char *caveat)
{
    fprintf(file, preface, caveat);
    fprintf(file, "| | |\n|---|---|\n| date | %s |\n| processor | %s, %u usable |\n", facts->date,
            facts->cpu_model, facts->cores_usable);
    fprintf(file, "| kernel | %s |\n| commit | %s |\n| build | %s, %s, `%s` |\n", facts->kernel,
            facts->commit, facts->build, facts->compiler, facts->flags);
    fprintf(file, "| jemalloc, mimalloc | %s, %s |\n", facts->jemalloc, facts->mimalloc);
}

static enum orr_status
measure_all(const struct options *options, struct report *report, struct orr_error *error)
{
    struct orr_figure_result *const result = calloc(1, sizeof *result);
    enum orr_status status = ORR_OK;
    if (!result)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the samples");
    for (size_t i = 0; orr_figures[i].name && status == ORR_OK; i++) {
        if (!is_wanted(options, orr_figures[i].name))
            continue;
        orr_figure_measure(&orr_figures[i], options->rounds, options->is_small, result);
        status = report_figure(report, &orr_figures[i], result, error);
    }
    free(result);
    return status;
}

static enum orr_status
write_report(const struct report *report, const char *caveat, struct orr_error *error)
{
    const enum orr_status status =
        orr_table_write(report->table, stdout, orr_terminal_of(stdout), error);
    if (status == ORR_OK && report->reasons[0])
        printf("\n%s", report->reasons);
    if (status == ORR_OK && caveat[0])
        printf("\n%s\n", caveat);
    if (report->markdown && report->reasons[0])
        fprintf(report->markdown, "\n## Absent\n\n```\n%s```\n", report->reasons);
    return status;
}

static enum orr_status
run(const struct options *options, struct orr_error *error)
{
    static struct report report;
    static struct orr_environment environment;
    orr_environment_collect(&environment, "");
    const char *const caveat = find_caveat(options, &environment);
    enum orr_status status = orr_table_create(&report.table, columns, CELLS, error);
    if (status != ORR_OK)
        return status;
    if (options->output && !(report.markdown = fopen(options->output, "w")))
        status = orr_fail(error, ORR_BAD_INPUT, "%s cannot be written", options->output);
    if (report.markdown)
        begin_markdown(report.markdown, &environment, caveat);
    if (status == ORR_OK)
        status = measure_all(options, &report, error);
    if (status == ORR_OK)
        status = write_report(&report, caveat, error);
    if (report.markdown && fclose(report.markdown) != 0 && status == ORR_OK)
        status = orr_fail(error, ORR_BAD_INPUT, "%s cannot be written", options->output);
    orr_table_destroy(report.table);
    if (status != ORR_OK || options->is_small)
        return status;
    if (report.has_miss)
        return orr_fail(error, ORR_CHECK_FAILED, "a bar was missed");
    return report.has_absence
               ? orr_fail(error, ORR_NOT_APPLICABLE, "a figure could not be measured here")
               : ORR_OK;
}

int
main(int argc, char **argv)
{
    struct options options = {.rounds = ROUNDS_PRESET};
    struct orr_error error;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return orr_command_finish(ORR_OK);
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; orr_figures[i].name; i++)
            printf("%-14s %s\n", orr_figures[i].name, orr_figures[i].title);
        return orr_command_finish(ORR_OK);
    }
    enum orr_status status = read_options(argc, argv, &options, &error);
    if (status == ORR_OK)
        status = run(&options, &error);
    return orr_command_finish(status == ORR_OK ? ORR_OK : orr_command_refuse(&error));
}
