/* import.c - recognises a dump, has it read, writes the heap and the report. */
#define _XOPEN_SOURCE 700

#include "bench/import.h"

#include "bench/command.h"
#include "bench/json.h"
#include "workloads/parts/input_file.h"

#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump_format {
    const char *name;
    const char *first_key; /* in the first object of the file: what it is recognised by */
    enum orr_json_layout layout;
    enum orr_status (*read)(struct orr_import *);
};

static const struct dump_format formats[] = {
    {"v8", "snapshot", ORR_JSON_DOCUMENT, orr_import_v8},
    {"pygraph", "format", ORR_JSON_LINES, orr_import_jsonlines},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static const struct dump_format *
find_format(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

/* --- recognition ------------------------------------------------------------------------------ */

/* Beginnings that are known not to be JSON, and what to say about them. */
static const struct {
    const char *bytes;
    size_t length;
    const char *sentence;
} strangers[] = {
    {"\xef\xbb\xbf", 3, "the file begins with a byte order mark; save it as plain UTF-8"},
    {"\xff\xfe", 2, "the file is UTF-16; save it as plain UTF-8"},
    {"\xfe\xff", 2, "the file is UTF-16; save it as plain UTF-8"},
    {"\x89ORH", 4, "this is a native heap file already; give it to `orrery run replay`"},
    {"JAVA PROFILE", 12, "this is a Java heap dump (HPROF), which cannot be imported"},
};

static enum orr_status
refuse_strangers(const char *path, struct orr_error *error)
{
    struct orr_byte_source source;
    unsigned char bytes[16];
    size_t got = 0;
    enum orr_status status = orr_byte_source_open(&source, path, error);
    if (status != ORR_OK) {
        return status;
    }
    status = orr_byte_source_read(&source, bytes, sizeof bytes, &got);
    orr_byte_source_close(&source);
    if (status == ORR_OK && got == 0) {
        return orr_input_fail(error, ORR_BAD_INPUT, path, 0, "the file holds nothing");
    }
    for (size_t i = 0; status == ORR_OK && i < sizeof strangers / sizeof strangers[0]; i++) {
        const size_t length = strangers[i].length;
        if (got >= length && memcmp(bytes, strangers[i].bytes, length) == 0) {
            status = orr_input_fail(error, ORR_BAD_INPUT, path, 0, "%s", strangers[i].sentence);
        }
    }
    return status;
}

/* Looks at the keys of the first object. */
static const struct dump_format *
recognise_object(struct orr_json_scanner *scanner)
{
    if (orr_json_next(scanner) != ORR_JSON_OBJECT_BEGIN) {
        orr_json_fail(scanner, ORR_BAD_INPUT, "expected a dump, which begins with '{'");
        return NULL;
    }
    while (orr_json_next(scanner) == ORR_JSON_KEY) {
        for (size_t i = 0; i < FORMATS; i++) {
            if (orr_json_text_is(scanner, formats[i].first_key)) {
                return &formats[i];
            }
        }
        if (!orr_json_skip(scanner)) {
            return NULL;
        }
    }
    orr_json_fail(scanner, ORR_BAD_INPUT,
                  "neither a V8 heap snapshot nor an object graph in JSON lines");
    return NULL;
}

static enum orr_status
recognise(const char *path, const struct dump_format **format, struct orr_error *error)
{
    struct orr_json_scanner scanner;
    enum orr_status status = orr_json_scanner_open(&scanner, path, ORR_JSON_LINES, error);
    if (status != ORR_OK) {
        return status;
    }
    *format = recognise_object(&scanner);
    status = scanner.status;
    orr_json_scanner_close(&scanner);
    return status;
}

enum orr_status
orr_import_read(struct orr_import *import, const char *path, const char *format_name,
                struct orr_error *error)
{
    const struct dump_format *format = format_name ? find_format(format_name) : NULL;
    memset(import, 0, sizeof *import);
    import->scanner.source.descriptor = -1;
    if (format_name && !format) {
        return orr_fail(error, ORR_BAD_INPUT, "unknown format; known are v8 and pygraph");
    }
    enum orr_status status = refuse_strangers(path, error);
    if (status == ORR_OK && !format) {
        status = recognise(path, &format, error);
    }
    if (status == ORR_OK) {
        status = orr_import_init(import, path, format->layout, error);
    }
    return status == ORR_OK ? format->read(import) : status;
}

/* --- report ----------------------------------------------------------------------------------- */

static const char *const subjects[] = {
    [ORR_IMPORT_SKIPPED] = "skipped", [ORR_IMPORT_ROOTS] = "roots", [ORR_IMPORT_NOTED] = "noted"};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static uint64_t
payload_bytes(const struct orr_heap_graph *graph)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        sum += graph->node_bytes[i];
    }
    return sum;
}

static void
print_text(const struct orr_import *import, const char *output)
{
    const struct orr_heap_graph *graph = &import->graph;
    printf("format   %s%s\n", import->format,
           import->scanner.source.is_packed ? ", packed by gzip" : "");
    printf("nodes    %" PRIu64 "\n", import->nodes_read);
    printf("edges    %" PRIu64 "\n", import->edges_read);
    printf("bytes    %" PRIu64 "\n", import->bytes_read);
    printf("types    %" PRIu32 "\n", graph->type_count);
    for (unsigned subject = 0; subject < SUBJECTS; subject++) {
        for (unsigned i = 0; i < import->note_count; i++) {
            const struct orr_import_note *note = &import->notes[i];
            if (note->subject == subject) {
                printf("%-8s %" PRIu64 " %s\n", subjects[subject], note->count, note->sentence);
            }
        }
    }
    printf("heap     %" PRIu32 " nodes, %" PRIu64 " edges, %" PRIu32 " roots, %" PRIu64
           " bytes of payload\n",
           graph->node_count, graph->edge_count, graph->root_count, payload_bytes(graph));
    printf("written  %s\n", output);
}

static json_t *
notes_object(struct orr_json_fault *fault, const struct orr_import *import, unsigned subject)
{
    json_t *notes = orr_json_object();
    for (unsigned i = 0; i < import->note_count; i++) {
        const struct orr_import_note *note = &import->notes[i];
        if (note->subject == subject) {
            orr_json_put_number(fault, notes, note->key, note->count);
        }
    }
    return notes;
}

static json_t *
heap_object(struct orr_json_fault *fault, const struct orr_heap_graph *graph)
{
    json_t *heap = orr_json_object();
    orr_json_put_number(fault, heap, "nodes", graph->node_count);
    orr_json_put_number(fault, heap, "edges", graph->edge_count);
    orr_json_put_number(fault, heap, "roots", graph->root_count);
    orr_json_put_number(fault, heap, "payload_bytes", payload_bytes(graph));
    return heap;
}

static enum orr_status
print_json(const struct orr_import *import, struct orr_error *error)
{
    struct orr_json_fault fault = {ORR_OK, error};
    json_t *report = orr_json_object();
    orr_json_put_number(&fault, report, "schema_version", 1);
    orr_json_put_text(&fault, report, "format", import->format);
    orr_json_put_text(&fault, report, "packing", import->scanner.source.is_packed ? "gzip" : "");
    orr_json_put_number(&fault, report, "nodes", import->nodes_read);
    orr_json_put_number(&fault, report, "edges", import->edges_read);
    orr_json_put_number(&fault, report, "bytes", import->bytes_read);
    orr_json_put_number(&fault, report, "types", import->graph.type_count);
    for (unsigned subject = 0; subject < SUBJECTS; subject++) {
        orr_json_put_fields(&fault, report, subjects[subject],
                            notes_object(&fault, import, subject));
    }
    orr_json_put_fields(&fault, report, "heap", heap_object(&fault, &import->graph));
    enum orr_status status = orr_json_finish(&fault, report, &report);
    if (status == ORR_OK) {
        status = orr_json_write(report, stdout, false, error);
        json_decref(report);
    }
    return status;
}

/* --- the sub-command -------------------------------------------------------------------------- */

struct import_options {
    const char *input;
    const char *output;
    const char *format; /* null: recognise */
    bool is_json;
};

static const struct argp_option options[] = {
    {"output", 'o', "OUT.heap", 0, "Write the heap here; replaced only when all of it is written",
     0},
    {"format", 'f', "FORMAT", 0, "What FILE is: v8 or pygraph (default: seen from its content)", 0},
    {"json", 'j', NULL, 0, "Print the report as JSON", 0},
    {0},
};

static error_t
parse_option(int key, char *value, struct argp_state *state)
{
    struct import_options *chosen = state->input;
    switch (key) {
    case 'o':
        chosen->output = value;
        return 0;
    case 'f':
        if (!find_format(value) && strcmp(value, "auto") != 0) {
            argp_error(state, "unknown format '%s'; known are v8 and pygraph", value);
        }
        chosen->format = find_format(value) ? value : NULL;
        return 0;
    case 'j':
        chosen->is_json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (chosen->input) {
            argp_error(state, "one FILE at a time");
        }
        chosen->input = value;
        return 0;
    case ARGP_KEY_END:
        if (!chosen->input || !chosen->output) {
            argp_error(state, "expected FILE -o OUT.heap");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum orr_status
import_file(const struct import_options *chosen, struct orr_error *error)
{
    struct orr_import *import = malloc(sizeof *import);
    if (import == NULL) {
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to begin with");
    }
    enum orr_status status = orr_import_read(import, chosen->input, chosen->format, error);
    if (status == ORR_OK) {
        status = orr_heap_graph_write(chosen->output, &import->graph, error);
    }
    if (status == ORR_OK && chosen->is_json) {
        status = print_json(import, error);
    } else if (status == ORR_OK) {
        print_text(import, chosen->output);
    }
    orr_import_fini(import, NULL);
    free(import);
    return status;
}

int
orr_command_import(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE",
        .doc =
            "Turn the heap dump of a real program into a heap that `orrery run replay` rebuilds."
            "\vFILE is a V8 heap snapshot (node, Chrome) or an object graph in JSON lines (Python, "
            "by workloads/heaps/record_python.py), as it is or packed by "
            "gzip.\n" ORR_COMMAND_STATUS};
    struct import_options chosen = {0};
    struct orr_error error = {0};
    argp_err_exit_status = ORR_BAD_INPUT;
    if (argp_parse(&parser, argc, argv, 0, NULL, &chosen) != 0) {
        return ORR_BAD_INPUT;
    }
    const enum orr_status status = import_file(&chosen, &error);
    return status == ORR_OK ? ORR_OK : orr_command_refuse(&error);
}
