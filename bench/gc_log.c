/* gc_log.c - formatting the lines of a collection log; see gc_log.h. */
#include "bench/gc_log.h"

#include "bench/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orr_gc_log {
    FILE *file;
    uint64_t start_ns; /* uptime 0 */
    bool owns_file;
};

/* Names are cut here; a longer one would not be read in a log line. */
enum { NAME_BYTES = 64 };

static void
write_decorations(struct orr_gc_log *log, uint64_t now_ns, const char *tags)
{
    const uint64_t uptime_ns = now_ns > log->start_ns ? now_ns - log->start_ns : 0;
    fprintf(log->file, "[%" PRIu64 ".%03us][info][%s] ", uptime_ns / 1000000000,
            (unsigned)(uptime_ns / 1000000 % 1000), tags);
}

/* HotSpot's rule: whole units, rounded down; below a megabyte kilobytes, and then bytes. */
static void
write_bytes(FILE *file, uint64_t bytes)
{
    if (bytes >= UINT64_C(1) << 20)
        fprintf(file, "%" PRIu64 "M", bytes >> 20);
    else if (bytes >= UINT64_C(1) << 10)
        fprintf(file, "%" PRIu64 "K", bytes >> 10);
    else
        fprintf(file, "%" PRIu64 "B", bytes);
}

static void
write_milliseconds(FILE *file, uint64_t ns)
{
    fprintf(file, " %" PRIu64 ".%03ums\n", ns / 1000000, (unsigned)(ns / 1000 % 1000));
}

enum orr_status
orr_gc_log_open(struct orr_gc_log **result, const char *path, const char *collector,
                uint64_t start_ns, uint64_t now_ns, struct orr_error *error)
{
    struct orr_gc_log *const log = calloc(1, sizeof *log);
    char name[NAME_BYTES];
    *result = NULL;
    if (!log)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a collection log");
    log->owns_file = strcmp(path, "-") != 0;
    log->file = log->owns_file ? fopen(path, "we") : stderr;
    log->start_ns = start_ns;
    if (!log->file) {
        free(log);
        return orr_fail(error, ORR_BAD_INPUT, "cannot open the collection log %.200s: %s", path,
                        strerror(errno));
    }
    write_decorations(log, now_ns, "gc");
    fprintf(log->file, "Using %s\n", orr_utf8_clean(name, sizeof name, collector));
    *result = log;
    return ORR_OK;
}

static void
write_phases(struct orr_gc_log *log, const struct orr_gc_log_collection *collection)
{
    for (size_t i = 0; i < collection->phase_count; i++) {
        char name[NAME_BYTES];
        write_decorations(log, collection->stop_ns, "gc,phases");
        fprintf(log->file, "GC(%" PRIu64 ") %s", collection->number,
                orr_utf8_clean(name, sizeof name, collection->phases[i].name));
        write_milliseconds(log->file, collection->phases[i].duration_ns);
    }
}

static void
write_heap(FILE *file, const struct orr_gc_log_collection *collection)
{
    if (!collection->has_bytes)
        return;
    fputc(' ', file);
    write_bytes(file, collection->bytes_before);
    fputs("->", file);
    write_bytes(file, collection->bytes_after);
    if (!collection->has_capacity)
        return;
    fputc('(', file);
    write_bytes(file, collection->bytes_capacity);
    fputc(')', file);
}

void
orr_gc_log_write(struct orr_gc_log *log, const struct orr_gc_log_collection *collection)
{
    char collector[NAME_BYTES];
    char cause[NAME_BYTES];
    write_phases(log, collection);
    write_decorations(log, collection->stop_ns, "gc");
    fprintf(log->file, "GC(%" PRIu64 ") %s %s (%s)", collection->number,
            collection->is_pause ? "Pause" : "Concurrent",
            orr_utf8_clean(collector, sizeof collector, collection->collector),
            orr_utf8_clean(cause, sizeof cause, collection->cause));
    write_heap(log->file, collection);
    write_milliseconds(log->file, collection->duration_ns);
}

enum orr_status
orr_gc_log_close(struct orr_gc_log *log, struct orr_error *error)
{
    if (!log)
        return ORR_OK;
    bool is_written = fflush(log->file) == 0 && !ferror(log->file);
    int reason = errno; /* before fclose can change it */
    if (log->owns_file && fclose(log->file) != 0 && is_written) {
        is_written = false;
        reason = errno;
    }
    free(log);
    if (!is_written)
        return orr_fail(error, ORR_BAD_INPUT, "cannot write the collection log: %s",
                        strerror(reason));
    return ORR_OK;
}
