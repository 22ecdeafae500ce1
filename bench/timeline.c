/* timeline.c - writing Trace-Event JSON event by event; see timeline.h. */
#include "bench/timeline.h"

#include "bench/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct orr_timeline {
    FILE *file;
    uint64_t origin_ns; /* what the file calls 0 */
    uint64_t negative;  /* bars left out because they end before they begin */
    bool has_events;    /* whether the next one needs a comma before it */
    char path[256];     /* for messages; cut if longer */
};

static void
write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (size_t left = strlen(text); left > 0;) {
        uint32_t code_point;
        const size_t bytes = orr_utf8_next(text, left, &code_point);
        if (code_point == '"' || code_point == '\\')
            fprintf(file, "\\%c", (int)code_point);
        else if (code_point < 0x20 || code_point == ORR_UTF8_REPLACEMENT)
            fprintf(file, "\\u%04" PRIx32, code_point);
        else
            fwrite(text, 1, bytes, file);
        text += bytes;
        left -= bytes;
    }
    fputc('"', file);
}

/* Nanoseconds as microseconds; the difference of two unsigned times, so that what happened before
 * the origin (a thread's start, perhaps) has a negative time and not an absurd one. */
static void
write_microseconds(FILE *file, uint64_t from_ns, uint64_t to_ns)
{
    const bool is_negative = to_ns < from_ns;
    const uint64_t ns = is_negative ? from_ns - to_ns : to_ns - from_ns;
    fprintf(file, "%s%" PRIu64 ".%03u", is_negative ? "-" : "", ns / 1000, (unsigned)(ns % 1000));
}

/* The process is always 1: a file is one run, and a real number would make equal runs differ. */
static void
begin_event(struct orr_timeline *timeline, char phase, uint32_t thread, const char *name)
{
    FILE *const file = timeline->file;
    fprintf(file, "%s{\"ph\":\"%c\",\"pid\":1,\"tid\":%" PRIu32 ",\"name\":",
            timeline->has_events ? ",\n" : "", phase, thread);
    write_string(file, name);
    timeline->has_events = true;
}

static void
write_time(const struct orr_timeline *timeline, uint64_t time_ns)
{
    fputs(",\"ts\":", timeline->file);
    write_microseconds(timeline->file, timeline->origin_ns, time_ns);
}

static void
write_category(const struct orr_timeline *timeline, const char *category)
{
    fputs(",\"cat\":", timeline->file);
    write_string(timeline->file, category);
}

static void
write_numbers(const struct orr_timeline *timeline, const struct orr_timeline_number *numbers,
              size_t count)
{
    fputs(",\"args\":{", timeline->file);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            fputc(',', timeline->file);
        write_string(timeline->file, numbers[i].name);
        fprintf(timeline->file, ":%" PRIu64, numbers[i].value);
    }
    fputc('}', timeline->file);
}

static void
write_name(struct orr_timeline *timeline, const char *what, uint32_t thread, const char *name)
{
    begin_event(timeline, 'M', thread, what);
    fputs(",\"args\":{\"name\":", timeline->file);
    write_string(timeline->file, name);
    fputs("}}", timeline->file);
}

enum orr_status
orr_timeline_open(struct orr_timeline **result, const char *path, const char *process_name,
                  uint64_t origin_ns, struct orr_error *error)
{
    struct orr_timeline *const timeline = calloc(1, sizeof *timeline);
    *result = NULL;
    if (!timeline)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a timeline");
    timeline->file = fopen(path, "we");
    if (!timeline->file) {
        free(timeline);
        return orr_fail(error, ORR_BAD_INPUT, "cannot open the timeline %.200s: %s", path,
                        strerror(errno));
    }
    timeline->origin_ns = origin_ns;
    orr_utf8_clean(timeline->path, sizeof timeline->path, path);
    fputs("[\n", timeline->file);
    write_name(timeline, "process_name", 0, process_name);
    *result = timeline;
    return ORR_OK;
}

void
orr_timeline_name_thread(struct orr_timeline *timeline, uint32_t thread, const char *name)
{
    write_name(timeline, "thread_name", thread, name);
}

void
orr_timeline_complete(struct orr_timeline *timeline, uint32_t thread, const char *category,
                      const char *name, uint64_t start_ns, uint64_t stop_ns,
                      const struct orr_timeline_number *numbers, size_t count)
{
    if (stop_ns < start_ns) {
        timeline->negative++;
        return;
    }
    begin_event(timeline, 'X', thread, name);
    write_category(timeline, category);
    write_time(timeline, start_ns);
    fputs(",\"dur\":", timeline->file);
    write_microseconds(timeline->file, start_ns, stop_ns);
    if (count > 0)
        write_numbers(timeline, numbers, count);
    fputc('}', timeline->file);
}

void
orr_timeline_instant(struct orr_timeline *timeline, uint32_t thread, const char *category,
                     const char *name, uint64_t time_ns)
{
    begin_event(timeline, 'i', thread, name);
    write_category(timeline, category);
    write_time(timeline, time_ns);
    fputs(",\"s\":\"t\"}", timeline->file); /* "t": the mark spans its thread's row only */
}

void
orr_timeline_counter(struct orr_timeline *timeline, const char *name, uint64_t time_ns,
                     const struct orr_timeline_number *numbers, size_t count)
{
    begin_event(timeline, 'C', 0, name);
    write_time(timeline, time_ns);
    write_numbers(timeline, numbers, count);
    fputc('}', timeline->file);
}

enum orr_status
orr_timeline_close(struct orr_timeline *timeline, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    if (!timeline)
        return ORR_OK;
    fputs("\n]\n", timeline->file);
    const bool is_written = fflush(timeline->file) == 0 && !ferror(timeline->file);
    const int reason = errno; /* before fclose can change it */
    const bool is_closed = fclose(timeline->file) == 0;
    if (!is_written || !is_closed)
        status = orr_fail(error, ORR_BAD_INPUT, "cannot write the timeline %s: %s", timeline->path,
                          strerror(is_written ? errno : reason));
    else if (timeline->negative > 0)
        status = orr_fail(error, ORR_CHECK_FAILED,
                          "%" PRIu64 " bars of the timeline %s end before they begin",
                          timeline->negative, timeline->path);
    free(timeline);
    return status;
}
