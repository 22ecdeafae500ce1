/* quickstart.c - any JSON as the records of runs that are compared (bench/quickstart.h): the judgement of
 * their digests, the report for people and the one for programs.
 *
 * Each line of the input is what one process wrote. The records go to the first cells of the table.
 */
#include "bench/quickstart.h"

#include "bench/json.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS = 3, RUNS = 4 };

static size_t
take_records(struct orr_quickstart *quickstart, const uint8_t *data, size_t size)
{
    size_t taken = 0;
    for (size_t at = 0; at < size && taken < CELLS * RUNS;) {
        const uint8_t *const newline = memchr(data + at, '\n', size - at);
        const size_t end = newline ? (size_t)(newline - data) : size;
        json_t *const record =
            json_loadb((const char *)data + at, end - at, JSON_REJECT_DUPLICATES, NULL);
        struct orr_cell *const cell = &quickstart->cells[taken % CELLS];
        if (json_is_object(record)) {
            cell->runs[cell->run_count++] = record;
            taken++;
        } else {
            json_decref(record);
        }
        at = end + 1;
    }
    return taken;
}

static void
check_report(const struct orr_quickstart *quickstart)
{
    char *text = NULL;
    size_t bytes = 0;
    struct orr_error error = {0};
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    const enum orr_status status = orr_quickstart_report(quickstart, file, &error);
    fclose(file);
    if (status != ORR_OK)
        fuzz_refused(status, &error);
    orr_require(strlen(text) == bytes && fuzz_is_printable(text, true),
                "no terminal should see: %s", text);
    free(text);
}

static void
check_json(const struct orr_quickstart *quickstart, size_t records)
{
    struct orr_error error = {0};
    json_t *object;
    char *text = NULL;
    size_t bytes = 0;
    orr_require(orr_quickstart_json(quickstart, &object, &error) == ORR_OK, "%s", error.message);
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    orr_require(orr_json_write(object, file, false, &error) == ORR_OK, "%s", error.message);
    fclose(file);
    json_decref(object);
    object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    orr_require(json_array_size(json_object_get(object, "records")) == records, "records are lost");
    json_decref(object);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_quickstart quickstart;
    struct orr_error error = {0};
    const struct orr_quickstart_options options = {
        .seconds_total = 1, .is_quick = true, .workload = "churn", .program = "orrery"};
    orr_require(orr_quickstart_init(&quickstart, &options, &error) == ORR_OK, "%s", error.message);
    quickstart.cell_count = quickstart.cell_count < CELLS ? quickstart.cell_count : CELLS;
    quickstart.rounds = 2;
    const size_t records = take_records(&quickstart, data, size);
    orr_quickstart_check_digests(&quickstart);
    check_report(&quickstart);
    check_json(&quickstart, records);
    orr_quickstart_fini(&quickstart);
    return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_json(data, size, most, seed);
}
