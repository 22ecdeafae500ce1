/* selfcheck.c - does the harness count and report what a benchmark did?
 *
 * Registers rows whose truth is known, runs them into a JSON report, and reads the report back. With
 * arguments it is an ordinary benchmark program, so that its treatment of options can be tried.
 *
 * Threads: rows of two threads write into cells of their own; main reads them after the joins.
 * Exit status: 0 all as it should be; 1 the first thing that is not, in one sentence.
 */
#include "bench/micro/gbench.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the last call of a benchmark saw, one per thread. */
struct seen {
    int64_t batch;      /* what the loop asks for each time; given */
    int64_t executed;   /* bodies that ran */
    int64_t done;       /* what the harness says has run */
    int64_t value;      /* of the row's first value */
    int threads, calls; /* of the row; of the function by this thread */
    char padding[88];   /* cells of two threads share no cache line */
};

static struct seen single = {.batch = 1}, batched = {.batch = 64}, timed = {.batch = 256};
static struct seen pair[2] = {{.batch = 50}, {.batch = 50}};

static void
fail(const char *what)
{
    fprintf(stderr, "gbench_selfcheck: %s\n", what);
    exit(1);
}

static void
check(bool fact, const char *what)
{
    if (!fact)
        fail(what);
}

static void
count(struct orr_gbench_state *state, struct seen *seen)
{
    seen->executed = 0;
    if (seen->batch == 1)
        while (orr_gbench_next(state))
            seen->executed++;
    else
        while (orr_gbench_next_batch(state, seen->batch))
            seen->executed += seen->batch;
    seen->done = orr_gbench_done(state);
    seen->threads = orr_gbench_thread_count(state);
    seen->calls++;
}

static void
run_one(struct orr_gbench_state *state, void *seen)
{
    count(state, seen);
}

static void
run_value(struct orr_gbench_state *state, void *argument)
{
    struct seen *seen = argument;
    count(state, seen);
    orr_gbench_keep(seen);
    seen->value = orr_gbench_value(state, 0);
    orr_gbench_counter(state, "plain", 7, 0);
    orr_gbench_counter(state, "mean", (double)seen->executed, ORR_GBENCH_PER_ITERATION);
    orr_gbench_counter(state, "inverse", 4, ORR_GBENCH_INVERSE);
    orr_gbench_counter(state, "times", 2, ORR_GBENCH_EACH_ITERATION);
    orr_gbench_label(state, "a label");
}

static void
run_pair(struct orr_gbench_state *state, void *argument)
{
    struct seen *cells = argument;
    count(state, &cells[orr_gbench_thread(state)]);
    orr_gbench_items(state, 500);
    orr_gbench_bytes(state, 8 * 500);
    orr_gbench_counter(state, "sum", 1, 0);
    orr_gbench_counter(state, "average", 3, ORR_GBENCH_PER_THREAD);
}

static void
run_manual(struct orr_gbench_state *state, void *argument)
{
    (void)argument;
    while (orr_gbench_next(state))
        orr_gbench_spent(state, 0.25);
}

/* Sleeps outside the clock: 10 ms in each of 3 iterations. */
static void
run_paused(struct orr_gbench_state *state, void *argument)
{
    (void)argument;
    while (orr_gbench_next(state)) {
        orr_gbench_pause(state);
        usleep(10000);
        orr_gbench_resume(state);
    }
}

static void
run_error(struct orr_gbench_state *state, void *argument)
{
    (void)argument;
    orr_gbench_error(state, "it cannot be measured");
    while (orr_gbench_next_batch(state, 8))
        fail("the loop ran on after an error");
}

static void
register_rows(void)
{
    static const char *const names[] = {"size"};
    int64_t size = 4096;
    orr_gbench_iterations(orr_gbench_register("single", run_one, &single), 1000);
    struct orr_gbench *bench = orr_gbench_register("batched", run_value, &batched);
    orr_gbench_values(orr_gbench_value_names(bench, names, 1), &size, 1);
    orr_gbench_iterations(bench, 1000);
    orr_gbench_seconds_min(orr_gbench_register("timed", run_one, &timed), 0.01);
    bench = orr_gbench_threads(orr_gbench_register("pair", run_pair, pair), 2);
    orr_gbench_clock(orr_gbench_iterations(bench, 500), ORR_GBENCH_WALL);
    bench = orr_gbench_clock(orr_gbench_register("manual", run_manual, NULL), ORR_GBENCH_MANUAL);
    orr_gbench_repetitions(orr_gbench_iterations(bench, 10), 2);
    bench = orr_gbench_clock(orr_gbench_register("paused", run_paused, NULL), ORR_GBENCH_WALL);
    orr_gbench_iterations(bench, 3);
    orr_gbench_register("error", run_error, NULL);
}

/* The n-th row of that name in the report. */
static json_t *
find_row(json_t *report, const char *name, int n)
{
    size_t i;
    json_t *row, *rows = json_object_get(report, "benchmarks");
    json_array_foreach(
        rows, i, row) if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0 &&
                          n-- == 0) return row;
    fprintf(stderr, "gbench_selfcheck: the report has no row %s\n", name);
    exit(1);
}

static double
number(json_t *row, const char *key)
{
    json_t *found = json_object_get(row, key);
    check(json_is_number(found), "a column is missing from the report");
    return json_number_value(found);
}

static bool
has_text(json_t *row, const char *key, const char *value)
{
    json_t *text = json_object_get(row, key);
    return json_is_string(text) && strcmp(json_string_value(text), value) == 0;
}

static void
check_counts(void)
{
    check(single.executed == 1000 && single.done == 1000, "a loop of single steps lost count");
    check(batched.executed == 1024 && batched.done == 1024,
          "1000 iterations in batches of 64 are not 16 whole batches");
    check(batched.value == 4096, "a row's value did not arrive");
    check(timed.calls > 1, "a timed row was not calibrated");
    check(timed.executed > 0 && timed.executed == timed.done, "a timed, batched loop lost count");
    for (int i = 0; i < 2; i++) {
        check(pair[i].calls == 1 && pair[i].threads == 2, "a thread of a pair did not run once");
        check(pair[i].executed == 500 && pair[i].done == 500, "a thread of a pair lost count");
    }
}

static void
check_report(json_t *report)
{
    json_t *row = find_row(report, "batched/size:4096/iterations:1000", 0);
    check(number(row, "iterations") == 1024, "the report has other iterations than ran");
    check(number(row, "plain") == 7, "a counter is not reported as given");
    check(number(row, "mean") == 1, "a counter per iteration is wrong");
    check(number(row, "inverse") == 0.25, "an inverse counter is wrong");
    check(number(row, "times") == 2048, "a counter of each iteration is wrong");
    check(has_text(row, "label", "a label"), "a label is lost");
    row = find_row(report, "pair/iterations:500/real_time/threads:2", 0);
    check(number(row, "iterations") == 1000, "iterations of two threads are not added up");
    check(number(row, "sum") == 2, "counters of two threads are not added up");
    check(number(row, "average") == 3, "a counter per thread is wrong");
    check(number(row, "bytes_per_second") > number(row, "items_per_second"), "a rate is wrong");
    row = find_row(report, "paused/iterations:3/real_time", 0);
    check(number(row, "real_time") < 5e6, "a paused clock went on");
    row = find_row(report, "manual/iterations:10/repeats:2/manual_time", 1);
    check(number(row, "real_time") == 0.25e9, "manual time is not what was told");
    row = find_row(report, "error", 0);
    check(has_text(row, "error_message", "it cannot be measured"), "an error's message is lost");
    check(has_text(json_object_get(report, "context"), "heap", "none"), "a context line is lost");
}

int
main(int argc, char **argv)
{
    register_rows();
    if (argc > 1)
        return orr_gbench_main(argc, argv);

    char path[] = "/tmp/gbench_selfcheck.XXXXXX", out[64];
    int file = mkstemp(path);
    check(file >= 0, "no file for the report could be made in /tmp");
    snprintf(out, sizeof out, "--benchmark_out=%s", path);
    char *arguments[] = {argv[0], out, NULL};
    orr_gbench_context("heap", "none");
    int status = orr_gbench_main(2, arguments);

    json_error_t error;
    json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    close(file);
    unlink(path);
    check(report != NULL, "the report is not JSON");
    check(status == 1, "a row that ended in an error did not end the program with 1");
    check_counts();
    check_report(report);
    json_decref(report);
    puts("gbench_selfcheck: the harness counts and reports what ran");
    return 0;
}
