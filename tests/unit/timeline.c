/* timeline.c - bench/timeline: always JSON, exact times, and useful even when cut off. */
#include "bench/timeline.h"

#include <criterion/criterion.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/orr_timeline_XXXXXX";

static struct orr_timeline *
open_timeline(const char *process_name)
{
    struct orr_timeline *timeline;
    const int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    cr_assert_eq(orr_timeline_open(&timeline, path, process_name, 1000000, NULL), ORR_OK);
    return timeline;
}

static char *
read_text(void)
{
    char *const text = calloc(1, 1 << 16);
    FILE *const file = fopen(path, "r");
    cr_assert(text && file);
    cr_assert(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    unlink(path);
    return text;
}

/* Closes the timeline and returns its parsed events. */
static json_t *
close_and_parse(struct orr_timeline *timeline)
{
    json_error_t error;
    cr_assert_eq(orr_timeline_close(timeline, NULL), ORR_OK);
    char *const text = read_text();
    json_t *const events = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    cr_assert(events, "%s\n%s", error.text, text);
    cr_assert(json_is_array(events));
    free(text);
    return events;
}

static const char *
text_of(const json_t *events, size_t index, const char *key)
{
    const char *const text = json_string_value(json_object_get(json_array_get(events, index), key));
    cr_assert(text, "event %zu has no %s", index, key);
    return text;
}

Test(timeline, a_run_without_events_names_its_process)
{
    json_t *const events = close_and_parse(open_timeline("orrery trees"));
    cr_assert_eq(json_array_size(events), 1);
    cr_assert_str_eq(text_of(events, 0, "ph"), "M");
    cr_assert_str_eq(text_of(events, 0, "name"), "process_name");
    json_decref(events);
}

Test(timeline, writes_each_kind_of_event)
{
    struct orr_timeline *const timeline = open_timeline("orrery");
    const struct orr_timeline_number numbers[] = {{"freed", 12}, {"live", UINT64_MAX / 2}};
    orr_timeline_name_thread(timeline, 3, "mutator 3");
    orr_timeline_complete(timeline, 3, "pause", "stop", 1001234, 3001239, numbers, 2);
    orr_timeline_complete(timeline, 3, "pause", "lock", 4000000, 4000000, NULL, 0);
    orr_timeline_instant(timeline, 3, "trigger", "count", 5000001);
    orr_timeline_counter(timeline, "heap", 6000000, numbers, 2);
    json_t *const events = close_and_parse(timeline);
    cr_assert_eq(json_array_size(events), 6);
    const char *const phases[] = {"M", "M", "X", "X", "i", "C"};
    for (size_t i = 0; i < 6; i++)
        cr_assert_str_eq(text_of(events, i, "ph"), phases[i]);
    const json_t *const pause = json_array_get(events, 2);
    cr_assert_str_eq(text_of(events, 2, "name"), "stop");
    cr_assert_str_eq(text_of(events, 2, "cat"), "pause");
    cr_assert_eq(json_integer_value(json_object_get(pause, "tid")), 3);
    const json_t *const arguments = json_object_get(pause, "args");
    cr_assert_eq(json_integer_value(json_object_get(arguments, "freed")), 12);
    cr_assert_eq(json_integer_value(json_object_get(arguments, "live")), INT64_MAX);
    cr_assert_str_eq(text_of(events, 4, "s"), "t");
    json_decref(events);
}

Test(timeline, times_are_microseconds_with_exact_nanoseconds)
{
    struct orr_timeline *const timeline = open_timeline("orrery");
    orr_timeline_complete(timeline, 1, "a", "b", 1001234, 3001239, NULL, 0);
    orr_timeline_instant(timeline, 1, "a", "before the origin", 998999);
    orr_timeline_instant(timeline, 1, "a", "late", 1000000 + UINT64_C(9007199254740993));
    cr_assert_eq(orr_timeline_close(timeline, NULL), ORR_OK);
    char *const text = read_text();
    cr_assert(strstr(text, "\"ts\":1.234,\"dur\":2000.005}"), "%s", text);
    cr_assert(strstr(text, "\"ts\":-1.001,"), "%s", text);
    cr_assert(strstr(text, "\"ts\":9007199254740.993,"), "%s", text);
    free(text);
}

Test(timeline, any_name_becomes_json)
{
    const char *const names[] = {"quote \" backslash \\ newline \n tab \t nul-like \x01",
                                 "broken \xff\xc3 utf-8", "whole \xc3\xa9 utf-8", ""};
    struct orr_timeline *const timeline = open_timeline(names[0]);
    for (uint32_t i = 0; i < 4; i++) {
        orr_timeline_name_thread(timeline, i, names[i]);
        orr_timeline_complete(timeline, i, names[i], names[i], 2000000, 3000000, NULL, 0);
    }
    json_t *const events = close_and_parse(timeline);
    cr_assert_str_eq(text_of(events, 2, "name"), names[0]);
    cr_assert_str_eq(text_of(events, 4, "name"), "broken \xef\xbf\xbd\xef\xbf\xbd utf-8");
    cr_assert_str_eq(text_of(events, 6, "cat"), names[2]);
    json_decref(events);
}

Test(timeline, a_file_cut_after_a_line_is_whole_but_for_its_bracket)
{
    struct orr_timeline *const timeline = open_timeline("orrery");
    for (uint64_t i = 0; i < 10; i++)
        orr_timeline_instant(timeline, 1, "a", "b", 2000000 + i);
    cr_assert_eq(orr_timeline_close(timeline, NULL), ORR_OK);
    char *const text = read_text();
    char *line = text;
    for (unsigned i = 0; i < 5; i++)
        line = strchr(line, '\n') + 1;
    strcpy(line - 2, "]"); /* over the comma and the newline */
    json_t *const events = json_loads(text, 0, NULL);
    cr_assert_eq(json_array_size(events), 4);
    json_decref(events);
    free(text);
}

Test(timeline, a_bar_that_ends_before_it_begins_is_left_out_and_told)
{
    struct orr_error error;
    struct orr_timeline *const timeline = open_timeline("orrery");
    orr_timeline_complete(timeline, 1, "a", "backwards", 3000000, 2999999, NULL, 0);
    cr_assert_eq(orr_timeline_close(timeline, &error), ORR_CHECK_FAILED);
    cr_assert(strstr(error.message, "1 bars"), "%s", error.message);
    char *const text = read_text();
    cr_assert(!strstr(text, "backwards"));
    free(text);
}

Test(timeline, tells_what_cannot_be_opened_or_written)
{
    struct orr_error error;
    struct orr_timeline *timeline;
    cr_assert_eq(orr_timeline_open(&timeline, "/nowhere/at/all", "orrery", 0, &error),
                 ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "/nowhere/at/all: No such file"), "%s", error.message);
    cr_assert_null(timeline);
    cr_assert_eq(orr_timeline_open(&timeline, "/dev/full", "orrery", 0, &error), ORR_OK);
    cr_assert_eq(orr_timeline_close(timeline, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "No space left"), "%s", error.message);
    cr_assert_eq(orr_timeline_close(NULL, &error), ORR_OK);
}
