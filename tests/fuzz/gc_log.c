/* gc_log.c - any texts as the names in a collection log (bench/gc_log.h): three lines stay three lines. */
#include "bench/gc_log.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static char *
read_file(const char *path)
{
    char *text = NULL;
    size_t room = 0;
    FILE *const file = fopen(path, "r");
    orr_require(file && getdelim(&text, &room, '\0', file) > 0, "the log is not there");
    fclose(file);
    return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[256];
    struct orr_gc_log *log;
    struct orr_error error = {0};
    uint64_t number = 0;
    char *const text = fuzz_text(data, size);
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    const struct orr_gc_log_phase phase = {text, number};
    const struct orr_gc_log_collection collection = {.number = number,
                                                     .stop_ns = number,
                                                     .duration_ns = number,
                                                     .is_pause = size % 2,
                                                     .collector = text,
                                                     .cause = text,
                                                     .has_bytes = size % 3,
                                                     .bytes_before = number,
                                                     .bytes_after = number >> 20,
                                                     .has_capacity = size % 5,
                                                     .bytes_capacity = number >> 7,
                                                     .phases = &phase,
                                                     .phase_count = 1};
    if (!path[0])
        snprintf(path, sizeof path, "%s", fuzz_path("gc.log"));
    orr_require(orr_gc_log_open(&log, path, text, 5, number, &error) == ORR_OK, "%s",
                error.message);
    orr_gc_log_write(log, &collection);
    orr_require(orr_gc_log_close(log, &error) == ORR_OK, "%s", error.message);
    char *const written = read_file(path);
    unsigned lines = 0;
    for (const char *at = written; (at = strchr(at, '\n')); at++)
        lines++;
    orr_require(lines == 3 && fuzz_is_printable(written, true), "%u lines: %s", lines, written);
    free(written);
    free(text);
    return 0;
}
