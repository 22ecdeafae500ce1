/* gc_log.c - bench/gc_log: the lines, character by character. */
#include "bench/gc_log.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Logs one collection to a file and compares all of it but the first line. */
static void
check(const struct orr_gc_log_collection *collection, const char *expected)
{
    char path[] = "/tmp/orr_gc_log_XXXXXX";
    char text[2048] = "";
    struct orr_gc_log *log;
    const int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    close(descriptor);
    cr_assert_eq(orr_gc_log_open(&log, path, "trial", 5000000000, 5003400000, NULL), ORR_OK);
    orr_gc_log_write(log, collection);
    cr_assert_eq(orr_gc_log_close(log, NULL), ORR_OK);
    FILE *const file = fopen(path, "r");
    cr_assert(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    unlink(path);
    const char *const first = "[0.003s][info][gc] Using trial\n";
    cr_assert_eq(strncmp(text, first, strlen(first)), 0, "%s", text);
    cr_assert_str_eq(text + strlen(first), expected);
}

Test(gc_log, a_pause_with_phases_has_their_lines_before_its_own)
{
    const struct orr_gc_log_phase phases[] = {{"mark", 310400}, {"scan", 4000999}, {"collect", 0}};
    const struct orr_gc_log_collection collection = {
        .number = 7,
        .stop_ns = 6204500000,
        .duration_ns = 974000,
        .is_pause = true,
        .collector = "trial",
        .cause = "count",
        .has_bytes = true,
        .bytes_before = (UINT64_C(5) << 20) - 1,
        .bytes_after = 1 << 20,
        .has_capacity = true,
        .bytes_capacity = 16 << 20,
        .phases = phases,
        .phase_count = 3,
    };
    check(&collection, "[1.204s][info][gc,phases] GC(7) mark 0.310ms\n"
                       "[1.204s][info][gc,phases] GC(7) scan 4.000ms\n"
                       "[1.204s][info][gc,phases] GC(7) collect 0.000ms\n"
                       "[1.204s][info][gc] GC(7) Pause trial (count) 4M->1M(16M) 0.974ms\n");
}

Test(gc_log, what_is_not_known_is_left_out)
{
    struct orr_gc_log_collection collection = {
        .number = 0,
        .stop_ns = 65000000000,
        .duration_ns = 12310000,
        .collector = "stamp",
        .cause = "bytes",
    };
    check(&collection, "[60.000s][info][gc] GC(0) Concurrent stamp (bytes) 12.310ms\n");
    collection.has_bytes = true;
    collection.bytes_before = 20000;
    collection.bytes_after = 1023;
    check(&collection, "[60.000s][info][gc] GC(0) Concurrent stamp (bytes) 19K->1023B 12.310ms\n");
}

Test(gc_log, a_time_before_the_start_is_uptime_zero)
{
    const struct orr_gc_log_collection collection = {
        .stop_ns = 1, .is_pause = true, .collector = "mark", .cause = "manual"};
    check(&collection, "[0.000s][info][gc] GC(0) Pause mark (manual) 0.000ms\n");
}

Test(gc_log, names_cannot_forge_lines)
{
    const struct orr_gc_log_collection collection = {
        .stop_ns = 5000000000, .is_pause = true, .collector = "a\n[9s] GC(1)", .cause = "\x1b[2J"};
    check(&collection, "[0.000s][info][gc] GC(0) Pause a?[9s] GC(1) (?[2J) 0.000ms\n");
}

Test(gc_log, tells_what_cannot_be_opened_or_written)
{
    struct orr_error error;
    struct orr_gc_log *log;
    cr_assert_eq(orr_gc_log_open(&log, "/nowhere/at/all", "trial", 0, 0, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "/nowhere/at/all: No such file"), "%s", error.message);
    cr_assert_eq(orr_gc_log_open(&log, "/dev/full", "trial", 0, 0, &error), ORR_OK);
    cr_assert_eq(orr_gc_log_close(log, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "No space left"), "%s", error.message);
    cr_assert_eq(orr_gc_log_close(NULL, &error), ORR_OK);
}
