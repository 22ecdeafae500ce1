/* timeline.c - any texts as the names in a trace of events (bench/timeline.h): the file stays JSON. */
#include "bench/timeline.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[256];
    struct orr_timeline *timeline;
    struct orr_error error = {0};
    json_error_t trouble;
    char *const text = fuzz_text(data, size);
    const struct orr_timeline_number number = {text, size};
    if (!path[0])
        snprintf(path, sizeof path, "%s", fuzz_path("trace.json"));
    orr_require(orr_timeline_open(&timeline, path, text, 10, &error) == ORR_OK, "%s",
                error.message);
    orr_timeline_name_thread(timeline, 1, text);
    orr_timeline_complete(timeline, 1, text, text, size, size + 5, &number, 1);
    orr_timeline_instant(timeline, 1, text, text, size);
    orr_timeline_counter(timeline, text, size, &number, 1);
    orr_require(orr_timeline_close(timeline, &error) == ORR_OK, "%s", error.message);
    json_t *const events = json_load_file(path, JSON_REJECT_DUPLICATES, &trouble);
    orr_require(json_array_size(events) == 5, "%zu events: %s", json_array_size(events),
                events ? "" : trouble.text);
    json_decref(events);
    free(text);
    return 0;
}
