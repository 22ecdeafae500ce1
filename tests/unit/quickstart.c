/* quickstart.c - bench/quickstart: one bad cell is a row with its reason, the others are there, and no
 * digest that differs goes unnamed. The program that is run is a script that misbehaves on demand. */
#include "bench/quickstart.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t second = 1000000000;

/* What every pair does that has no case of its own: answers with a record. */
static const char good[] =
    "echo "
    "'{\"throughput_ops_per_s\":100,\"digest\":\"00000000000000aa\",\"rss_bytes_peak\":1048576,"
    "\"pause_ns\":{\"stop\":{\"count\":2,\"p50\":1000000,\"p99\":2000000,\"p999\":2000000,"
    "\"max\":3000000}}}'";

struct trial {
    char folder[64], script[96];
    struct orr_quickstart_options options;
    struct orr_quickstart quickstart;
    char *report;
    size_t report_bytes;
};

/* Runs the comparison of `counting` with a program that is that text in a case over "pair threads". */
static struct trial
compare(const char *cases)
{
    struct trial trial = {.folder = "/tmp/orrery-quickstart-XXXXXX"};
    struct orr_error error;
    cr_assert_not_null(mkdtemp(trial.folder));
    snprintf(trial.script, sizeof trial.script, "%s/program", trial.folder);
    FILE *const file = fopen(trial.script, "w");
    fprintf(file,
            "#!/bin/sh\n# run WORKLOAD --strategy S --collector C --threads N ...\n"
            "case \"$4/$6 $8\" in\n%s\n*) %s ;;\nesac\n",
            cases, good);
    fclose(file);
    chmod(trial.script, 0700);
    trial.options = (struct orr_quickstart_options){
        .seconds_total = 1, .is_quick = true, .workload = "counting", .timeout_ns = 20 * second};
    cr_assert_eq(orr_quickstart_init(&trial.quickstart, &trial.options, &error), ORR_OK);
    return trial;
}

static void
run(struct trial *trial)
{
    struct orr_error error;
    trial->options.program = trial->script;
    cr_assert_eq(orr_quickstart_run(&trial->quickstart, &trial->options, &error), ORR_OK);
    orr_quickstart_check_digests(&trial->quickstart);
    FILE *const file = open_memstream(&trial->report, &trial->report_bytes);
    cr_assert_eq(orr_quickstart_report(&trial->quickstart, file, &error), ORR_OK);
    fclose(file);
}

static void
drop(struct trial *trial)
{
    unlink(trial->script);
    rmdir(trial->folder);
    free(trial->report);
    orr_quickstart_fini(&trial->quickstart);
}

static const struct orr_cell *
find(const struct trial *trial, const char *strategy, const char *collector, uint32_t threads)
{
    for (size_t i = 0; i < trial->quickstart.cell_count; i++) {
        const struct orr_cell *const cell = &trial->quickstart.cells[i];
        if (cell->threads == threads && !cell->is_control &&
            strcmp(cell->strategy, strategy) == 0 && strcmp(cell->collector, collector) == 0)
            return cell;
    }
    cr_assert_fail("no cell %s/%s on %u threads", strategy, collector, threads);
    return NULL;
}

static size_t
count_failed(const struct trial *trial)
{
    size_t failed = 0;
    for (size_t i = 0; i < trial->quickstart.cell_count; i++)
        failed += trial->quickstart.cells[i].status != ORR_OK;
    return failed;
}

static void
check_run_twice(const struct trial *trial)
{
    for (size_t i = 0; i < trial->quickstart.cell_count; i++) {
        const struct orr_cell *const cell = &trial->quickstart.cells[i];
        cr_assert_eq(cell->run_count, 2, "%s/%s, %u threads: %zu runs: %s", cell->strategy,
                     cell->collector, cell->threads, cell->run_count, cell->reason);
    }
}

Test(quickstart, every_cell_is_run_in_every_round)
{
    struct trial trial = compare("");
    run(&trial);
    cr_assert_eq(trial.quickstart.rounds, 2);
    check_run_twice(&trial);
    cr_assert_eq(orr_quickstart_status(&trial.quickstart), ORR_OK);
    cr_assert(strstr(trial.report, "plain/none again"));
    cr_assert(strstr(trial.report, "1.00/2.00/2.00/3.00 ms"));
    cr_assert_null(strstr(trial.report, "failed"));
    drop(&trial);
}

Test(quickstart, the_baseline_comes_first_and_its_control_second)
{
    struct trial trial = compare("");
    const struct orr_cell *const cells = trial.quickstart.cells;
    cr_assert(!cells[0].is_control && cells[1].is_control);
    cr_assert_str_eq(cells[0].strategy, cells[1].strategy);
    cr_assert_str_eq(cells[0].collector, cells[1].collector);
    size_t controls = 0;
    for (size_t i = 0; i < trial.quickstart.cell_count; i++)
        controls += cells[i].is_control;
    cr_assert_eq(controls, 2); /* one per block */
    drop(&trial);
}

Test(quickstart, bad_cells_have_their_reasons_and_the_others_their_runs)
{
    struct trial trial = compare("\"atomic/none 1\") echo boom >&2; kill -SEGV $$ ;;\n"
                                 "\"biased/none 1\") exit 0 ;;\n"
                                 "\"atomic/none 2\") echo '[1,2' ;;\n"
                                 "\"biased/none 2\") echo 'orrery: over the limit' >&2; exit 4 ;;");
    run(&trial);
    const struct orr_cell *cell = find(&trial, "atomic", "none", 1);
    cr_assert_eq(cell->status, ORR_CRASHED);
    cr_assert(strstr(cell->reason, "signal 11"), "%s", cell->reason);
    cr_assert(strstr(cell->reason, "boom"), "%s", cell->reason);
    cell = find(&trial, "biased", "none", 1);
    cr_assert_eq(cell->status, ORR_CRASHED);
    cr_assert(strstr(cell->reason, "without a record"), "%s", cell->reason);
    cr_assert_eq(find(&trial, "atomic", "none", 2)->status, ORR_CRASHED);
    cr_assert_eq(find(&trial, "biased", "none", 2)->status, ORR_OUT_OF_MEMORY);
    cr_assert_eq(count_failed(&trial), 5); /* atomic/none is the baseline of two threads: twice */
    cr_assert_eq(orr_quickstart_status(&trial.quickstart), ORR_CRASHED);
    cr_assert_eq(find(&trial, "plain", "none", 1)->run_count, 2);
    cr_assert(strstr(trial.report, "counting biased/none, 2 threads: over the limit"));
    cr_assert(strstr(trial.report, "CRASHED"));
    cr_assert(strstr(trial.report, "no memory"));
    drop(&trial);
}

Test(quickstart, a_run_that_hangs_is_killed_and_not_tried_again)
{
    struct trial trial = compare("\"atomic/none 1\") sleep 600 ;;");
    trial.options.timeout_ns = second / 5;
    run(&trial);
    const struct orr_cell *const cell = find(&trial, "atomic", "none", 1);
    cr_assert_eq(cell->status, ORR_CRASHED);
    cr_assert(strstr(cell->reason, "too long"), "%s", cell->reason);
    cr_assert_eq(count_failed(&trial), 1);
    drop(&trial);
}

Test(quickstart, a_digest_that_differs_is_named_and_is_the_worst)
{
    struct trial trial = compare("\"atomic/none 1\") echo '{\"digest\":\"00000000000000bb\"}' ;;\n"
                                 "\"biased/none 1\") echo '{\"throughput_ops_per_s\":1}' ;;\n"
                                 "\"biased/none 2\") kill -KILL $$ ;;");
    run(&trial);
    cr_assert_eq(find(&trial, "atomic", "none", 1)->status, ORR_CHECK_FAILED);
    cr_assert_eq(find(&trial, "biased", "none", 1)->status, ORR_CHECK_FAILED); /* it has none */
    cr_assert_eq(find(&trial, "plain", "none", 1)->status, ORR_OK);
    cr_assert_eq(count_failed(&trial), 3);
    cr_assert_eq(orr_quickstart_status(&trial.quickstart), ORR_CHECK_FAILED);
    cr_assert(strstr(trial.report, "WRONG"));
    cr_assert(strstr(trial.report, "counting atomic/none, 1 thread: digest 00000000000000bb"));
    drop(&trial);
}

Test(quickstart, all_records_and_failures_are_in_the_json)
{
    struct trial trial = compare("\"atomic/none 1\") echo '{\"digest\":\"00000000000000bb\"}' ;;");
    struct orr_error error;
    json_t *object;
    run(&trial);
    check_run_twice(&trial);
    cr_assert_eq(orr_quickstart_json(&trial.quickstart, &object, &error), ORR_OK);
    cr_assert_eq(json_array_size(json_object_get(object, "records")),
                 2 * trial.quickstart.cell_count);
    const json_t *const failures = json_object_get(object, "failures");
    cr_assert_eq(json_array_size(failures), 1);
    const json_t *const failure = json_array_get(failures, 0);
    cr_assert_str_eq(json_string_value(json_object_get(failure, "strategy")), "atomic");
    cr_assert_eq(json_integer_value(json_object_get(failure, "exit_status")), ORR_CHECK_FAILED);
    cr_assert(json_array_size(json_object_get(object, "not_applicable")) > 0);
    json_decref(object);
    drop(&trial);
}
