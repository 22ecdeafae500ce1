/* child.c - bench/child: whatever a command does, the caller goes on, knows what happened, and nothing
 * of the command is left. */
#include "bench/child.h"

#include "runtime/platform.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const uint64_t second = 1000000000;

static struct orr_child_result
run_for(const char *script, uint64_t timeout_ns, size_t output_bytes_max)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct orr_child_result result;
    struct orr_error error;
    cr_assert_eq(orr_child_run(argv, timeout_ns, output_bytes_max, &result, &error), ORR_OK);
    return result;
}

static struct orr_child_result
run(const char *script)
{
    return run_for(script, 20 * second, 1 << 20);
}

static void
check_verdict(const char *script, enum orr_status status, const char *text)
{
    struct orr_child_result result = run(script);
    struct orr_error error = {0};
    cr_assert_eq(orr_child_verdict(&result, &error), status, "%s: %s", script, error.message);
    cr_assert(strstr(error.message, text), "%s: %s", script, error.message);
    orr_child_result_fini(&result);
}

Test(child, output_and_exit_status_come_back)
{
    struct orr_child_result result = run("echo one; echo two; exit 3");
    cr_assert_str_eq(result.output, "one\ntwo\n");
    cr_assert_eq(result.output_bytes, 8);
    cr_assert_eq(result.exit_status, 3);
    cr_assert_eq(result.signal, 0);
    orr_child_result_fini(&result);
}

Test(child, output_longer_than_a_pipe_comes_back_whole)
{
    struct orr_child_result result = run("head -c 700000 /dev/zero | tr '\\0' x");
    cr_assert_eq(result.exit_status, 0);
    cr_assert_eq(result.output_bytes, 700000);
    cr_assert_eq(strspn(result.output, "x"), 700000);
    orr_child_result_fini(&result);
}

Test(child, standard_input_is_empty)
{
    struct orr_child_result result = run("cat; echo end");
    cr_assert_str_eq(result.output, "end\n");
    orr_child_result_fini(&result);
}

Test(child, the_last_line_of_its_errors_is_its_message)
{
    check_verdict("echo first >&2; echo 'orrery: no such thing' >&2; exit 2", ORR_BAD_INPUT,
                  "no such thing");
    struct orr_child_result result = run("yes noise | head -c 300000 >&2; echo last >&2; exit 1");
    cr_assert_str_eq(result.message, "last");
    orr_child_result_fini(&result);
}

Test(child, each_exit_status_of_ours_keeps_its_meaning)
{
    check_verdict("exit 0", ORR_OK, "");
    check_verdict("echo why >&2; exit 1", ORR_CHECK_FAILED, "why");
    check_verdict("echo why >&2; exit 3", ORR_NOT_APPLICABLE, "why");
    check_verdict("echo why >&2; exit 4", ORR_OUT_OF_MEMORY, "why");
    check_verdict("exit 4", ORR_OUT_OF_MEMORY, "without a word");
}

Test(child, a_crash_is_a_verdict_with_its_signal)
{
    check_verdict("kill -SEGV $$", ORR_CRASHED, "signal 11");
    check_verdict("echo 'x.c:1: it is false' >&2; kill -ABRT $$", ORR_CRASHED, "it is false");
    check_verdict("kill -KILL $$", ORR_CRASHED, "signal 9");
    check_verdict("exit 66", ORR_CRASHED, "exit status 66");
}

Test(child, a_program_that_is_not_there_is_a_crash_not_an_error)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    struct orr_child_result result;
    struct orr_error error;
    cr_assert_eq(orr_child_run(argv, second, 100, &result, &error), ORR_OK);
    cr_assert_eq(orr_child_verdict(&result, &error), ORR_CRASHED);
    orr_child_result_fini(&result);
}

static void
check_killed(const char *script)
{
    const uint64_t start_ns = orr_clock_ns();
    struct orr_child_result result = run_for(script, second / 4, 1 << 20);
    struct orr_error error;
    cr_assert(result.is_timed_out, "%s", script);
    cr_assert(orr_clock_ns() - start_ns < 10 * second, "%s", script);
    cr_assert_eq(orr_child_verdict(&result, &error), ORR_CRASHED);
    cr_assert(strstr(error.message, "too long"), "%s", error.message);
    orr_child_result_fini(&result);
}

Test(child, what_hangs_is_killed_when_its_time_is_up)
{
    check_killed("sleep 600");
    check_killed("while :; do :; done");
    check_killed("trap '' TERM INT HUP; while :; do :; done");
    check_killed("kill -STOP $$");
    check_killed("exec >&- 2>&-; sleep 600");
}

Test(child, what_writes_without_end_is_killed)
{
    struct orr_child_result result = run_for("yes", 20 * second, 100000);
    struct orr_error error;
    cr_assert(result.is_flooding);
    cr_assert_eq(orr_child_verdict(&result, &error), ORR_CRASHED);
    orr_child_result_fini(&result);
}

/* Whether a process whose command line holds the text is there and not a zombie. */
static bool
is_alive(const char *text)
{
    DIR *const processes = opendir("/proc");
    bool is_found = false;
    for (struct dirent *entry; !is_found && (entry = readdir(processes));) {
        char path[300], line[4096] = "";
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *const file = fopen(path, "r");
        if (!file)
            continue;
        const size_t bytes = fread(line, 1, sizeof line - 1, file);
        fclose(file);
        for (size_t i = 0; i < bytes; i++)
            line[i] = line[i] ? line[i] : ' ';
        is_found = strstr(line, text) != NULL;
    }
    closedir(processes);
    return is_found;
}

static bool
ends_within_five_seconds(const char *text)
{
    for (int i = 0; i < 50; i++) {
        if (!is_alive(text))
            return true;
        orr_sleep_ns(second / 10);
    }
    return false;
}

Test(child, grandchildren_do_not_outlive_it)
{
    struct orr_child_result result = run("sleep 61.25 & echo started; exit 0");
    cr_assert_eq(result.exit_status, 0);
    cr_assert_str_eq(result.output, "started\n");
    orr_child_result_fini(&result);
    cr_assert(ends_within_five_seconds("sleep 61.25"));
    check_killed("sleep 61.75 & sleep 61.75");
    cr_assert(ends_within_five_seconds("sleep 61.75"));
}
