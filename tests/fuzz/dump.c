/* dump.c - what an importer owes, whatever the format; see dump.h. */
#include "tests/fuzz/dump.h"

#include "bench/import.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"
#include "workloads/parts/input_file.h"

#include <string.h>

/* What opening takes, whatever follows: the window, gzip's, and the struct; see import_graph.c. */
#define MEMORY_TO_BEGIN (UINT64_C(8) << 20)

static void
check_report(const struct orr_import *import)
{
    orr_require(import->format && import->nodes_read >= import->graph.node_count,
                "an import that counts fewer objects than it made");
    for (unsigned i = 0; i < import->note_count; i++)
        orr_require(import->notes[i].key && import->notes[i].sentence, "a note without words");
    for (uint32_t i = 0; i < import->graph.type_count; i++)
        orr_require(fuzz_is_printable(import->graph.type_names[i], false),
                    "a name that no terminal should see");
}

void
fuzz_import(const uint8_t *data, size_t size, const char *format)
{
    static struct orr_import import;
    struct orr_error error = {0};
    const char *const path = fuzz_file(data, size);
    fuzz_memory_mark();
    const uint64_t before = fuzz_memory_now();
    const uint64_t limit = orr_input_memory_limit(size) + MEMORY_TO_BEGIN;
    const enum orr_status status = orr_import_read(&import, path, format, &error);
    orr_require(fuzz_memory_peak() - before <= limit, "%llu bytes of memory for a dump of %zu",
                (unsigned long long)(fuzz_memory_peak() - before), size);
    if (status == ORR_OK) {
        check_report(&import);
        fuzz_graph_comes_back(&import.graph);
    } else {
        /* Offsets of what was packed are those of the unpacked text. */
        const bool is_packed = size > 1 && data[0] == 0x1f && data[1] == 0x8b;
        fuzz_refused_at(status, &error, is_packed ? orr_input_memory_limit(size) : size);
    }
    orr_import_fini(&import, NULL);
    orr_require(fuzz_memory_now() <= before, "an import left %llu bytes behind",
                (unsigned long long)(fuzz_memory_now() - before));
}
