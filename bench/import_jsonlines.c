/* import_jsonlines.c - reads an object graph as JSON lines ("pygraph", see workloads/heaps).
 *
 * First line: {"format":"pygraph","version":1,"nodes":N}. Then one object per line:
 *   id    0 to N - 1, each once, in any order
 *   type  its name
 *   size  in bytes, header and references included
 *   refs  the ids it refers to, in order, repeated where it holds several references
 *   rc    its reference count as the runtime keeps it; may be absent
 *   gc    whether the runtime's cycle collector tracks it; may be absent
 *
 * The format tells no roots. An object whose count is above the references that the dump holds to it
 * is held from outside: by a stack, by C code, by the runtime. The recorder, too, held every object
 * when it asked for the counts, and older dumps contain that share. It is the same for all, and most
 * objects are held by nothing else from outside, so the surplus that most objects have is the
 * recorder's, and a root is an object with more.
 *
 * Invariant: edges lie in the order in which the lines came, start[id] tells where those of an object
 * begin; they are put into the order of the ids at the end, when the lines were not.
 */
#include "bench/import_graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* From here on a count is not a count: CPython marks immortal objects by 999,999,999 (before 3.12),
 * 2^30 or more. Half of the smallest, because a few references come and go. */
#define IMMORTAL_COUNT UINT32_C(500000000)

#define UNSEEN UINT64_MAX

/* A larger share of the recorder would be a recorder's bug; it held an object a few times at most. */
#define SURPLUS_MAX 64u

/* The fields of an object, as bits. */
enum { HAS_ID = 1, HAS_TYPE = 2, HAS_SIZE = 4, HAS_REFS = 8, HAS_COUNT = 16, HAS_TRACKED = 32 };
enum { HAS_NEEDED = HAS_ID | HAS_TYPE | HAS_SIZE | HAS_REFS };

struct line_reader {
    struct orr_import *import;
    struct orr_json_scanner *scanner;
    uint64_t nodes_declared;

    /* Per id. */
    uint64_t *start;  /* its first edge in the order of arrival, or UNSEEN */
    uint32_t *degree; /* its edges */
    uint32_t *count;  /* its reference count, at most IMMORTAL_COUNT; that too when unknown */
    uint64_t start_room, degree_room, count_room;
    uint64_t reached; /* ids below have a start */

    uint64_t seen;    /* objects so far */
    bool is_in_order; /* so far every line had the next id */
    uint64_t tracked, told_tracked, immortal, told_count;
};

/* The object of the current line. */
struct line {
    unsigned fields;
    uint64_t id, size, count;
    uint16_t type;
    bool is_tracked;
    uint64_t first_edge, edges;
};

static bool
refuse(struct line_reader *reader, const char *reason)
{
    orr_json_fail(reader->scanner, ORR_BAD_INPUT, "%s", reason);
    return false;
}

static bool
read_integer(struct line_reader *reader, uint64_t most, uint64_t *value, const char *reason)
{
    const struct orr_json_scanner *scanner = reader->scanner;
    if (orr_json_next(reader->scanner) != ORR_JSON_INTEGER || scanner->is_negative ||
        scanner->integer > most) {
        return refuse(reader, reason);
    }
    *value = scanner->integer;
    return true;
}

/* --- the first line --------------------------------------------------------------------------- */

static bool
read_header_field(struct line_reader *reader, unsigned *seen)
{
    struct orr_json_scanner *scanner = reader->scanner;
    uint64_t version = 0;
    if (orr_json_text_is(scanner, "format")) {
        *seen |= 1;
        return (orr_json_next(scanner) == ORR_JSON_STRING &&
                orr_json_text_is(scanner, "pygraph")) ||
               refuse(reader, "the format is not \"pygraph\"");
    }
    if (orr_json_text_is(scanner, "version")) {
        *seen |= 2;
        return read_integer(reader, UINT64_MAX, &version, "expected the version of the format") &&
               (version == 1 || refuse(reader, "this version of the format is not known"));
    }
    if (orr_json_text_is(scanner, "nodes")) {
        *seen |= 4;
        return read_integer(reader, ORR_HEAP_NODES_MAX, &reader->nodes_declared,
                            "expected the number of objects");
    }
    return orr_json_skip(scanner);
}

static bool
read_header(struct line_reader *reader)
{
    if (orr_json_next(reader->scanner) != ORR_JSON_OBJECT_BEGIN) {
        return refuse(reader, "expected a first line that tells the format");
    }
    unsigned seen = 0;
    while (orr_json_next(reader->scanner) == ORR_JSON_KEY) {
        if (!read_header_field(reader, &seen)) {
            return false;
        }
    }
    return (seen == 7 && reader->nodes_declared > 0) ||
           refuse(reader, "the first line must tell format, version and a number of nodes above 0");
}

/* --- a line ----------------------------------------------------------------------------------- */

static bool
read_references(struct line_reader *reader, struct line *line)
{
    struct orr_json_scanner *scanner = reader->scanner;
    line->first_edge = reader->import->graph.edge_count;
    if (orr_json_next(scanner) != ORR_JSON_ARRAY_BEGIN) {
        return refuse(reader, "expected an array of ids");
    }
    enum orr_json_token token;
    while ((token = orr_json_next(scanner)) == ORR_JSON_INTEGER) {
        if (scanner->is_negative || scanner->integer >= reader->nodes_declared) {
            return refuse(reader, "a reference to an id that no object of this file has");
        }
        if (orr_import_add_edge(reader->import, (uint32_t)scanner->integer) != ORR_OK) {
            return false;
        }
    }
    line->edges = reader->import->graph.edge_count - line->first_edge;
    return (token == ORR_JSON_ARRAY_END && line->edges <= UINT32_MAX) ||
           refuse(reader, "expected the id of an object");
}

static bool
read_type(struct line_reader *reader, struct line *line)
{
    const struct orr_json_scanner *scanner = reader->scanner;
    if (orr_json_next(reader->scanner) != ORR_JSON_STRING) {
        return refuse(reader, "expected the name of a type");
    }
    return orr_import_find_type(reader->import, scanner->text, &line->type) == ORR_OK;
}

static bool
read_tracked(struct line_reader *reader, struct line *line)
{
    const enum orr_json_token token = orr_json_next(reader->scanner);
    line->is_tracked = token == ORR_JSON_TRUE;
    return token == ORR_JSON_TRUE || token == ORR_JSON_FALSE ||
           refuse(reader, "expected true or false");
}

static unsigned
find_field(const struct orr_json_scanner *scanner)
{
    static const struct {
        const char *name;
        unsigned field;
    } fields[] = {{"id", HAS_ID},      {"type", HAS_TYPE}, {"size", HAS_SIZE},
                  {"gc", HAS_TRACKED}, {"rc", HAS_COUNT},  {"refs", HAS_REFS}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (orr_json_text_is(scanner, fields[i].name)) {
            return fields[i].field;
        }
    }
    return 0;
}

static bool
read_field(struct line_reader *reader, struct line *line)
{
    const unsigned field = find_field(reader->scanner);
    if (line->fields & field) {
        return refuse(reader, "a field is given twice");
    }
    line->fields |= field;
    switch (field) {
    case HAS_ID:
        return read_integer(reader, reader->nodes_declared - 1, &line->id,
                            "expected an id below the number of nodes");
    case HAS_TYPE:
        return read_type(reader, line);
    case HAS_SIZE:
        return read_integer(reader, INT64_MAX, &line->size, "expected a size in bytes");
    case HAS_COUNT:
        return read_integer(reader, UINT64_MAX, &line->count, "expected a reference count");
    case HAS_TRACKED:
        return read_tracked(reader, line);
    case HAS_REFS:
        return read_references(reader, line);
    default:
        return orr_json_skip(reader->scanner);
    }
}

/* Makes room for an id, with every id up to it unseen. */
static bool
reach_id(struct line_reader *reader, uint64_t id)
{
    struct orr_import *import = reader->import;
    if (orr_import_reach_node(import, id) != ORR_OK ||
        orr_import_grow(import, &reader->start, &reader->start_room, id + 1,
                        sizeof *reader->start) != ORR_OK ||
        orr_import_grow(import, &reader->degree, &reader->degree_room, id + 1,
                        sizeof *reader->degree) != ORR_OK ||
        orr_import_grow(import, &reader->count, &reader->count_room, id + 1,
                        sizeof *reader->count) != ORR_OK) {
        return false;
    }
    for (; reader->reached <= id; reader->reached++) {
        reader->start[reader->reached] = UNSEEN;
    }
    return true;
}

static bool
add_object(struct line_reader *reader, const struct line *line)
{
    const bool has_count = line->fields & HAS_COUNT;
    if ((line->fields & HAS_NEEDED) != HAS_NEEDED) {
        return refuse(reader, "an object needs id, type, size and refs");
    }
    if (!reach_id(reader, line->id)) {
        return false;
    }
    if (reader->start[line->id] != UNSEEN) {
        return refuse(reader, "an id that an earlier object has");
    }
    reader->start[line->id] = line->first_edge;
    reader->degree[line->id] = (uint32_t)line->edges;
    reader->count[line->id] =
        has_count && line->count < IMMORTAL_COUNT ? (uint32_t)line->count : IMMORTAL_COUNT;
    reader->import->graph.node_type[line->id] = line->type;
    orr_import_set_size(reader->import, (uint32_t)line->id, line->size);
    reader->import->bytes_read += line->size;
    reader->is_in_order &= line->id == reader->seen;
    reader->seen++;
    reader->told_count += has_count;
    reader->immortal += has_count && line->count >= IMMORTAL_COUNT;
    reader->told_tracked += (line->fields & HAS_TRACKED) != 0;
    reader->tracked += line->is_tracked;
    return true;
}

static bool
read_object(struct line_reader *reader)
{
    struct line line = {0};
    enum orr_json_token token;
    while ((token = orr_json_next(reader->scanner)) == ORR_JSON_KEY) {
        if (!read_field(reader, &line)) {
            return false;
        }
    }
    return token == ORR_JSON_OBJECT_END && add_object(reader, &line);
}

static bool
read_lines(struct line_reader *reader)
{
    enum orr_json_token token;
    if (!read_header(reader)) {
        return false;
    }
    while ((token = orr_json_next(reader->scanner)) == ORR_JSON_OBJECT_BEGIN) {
        if (!read_object(reader)) {
            return false;
        }
    }
    if (token != ORR_JSON_END) {
        return refuse(reader, "expected an object");
    }
    if (reader->seen != reader->nodes_declared) {
        orr_json_fail(reader->scanner, ORR_BAD_INPUT,
                      "the file ends after %" PRIu64 " of %" PRIu64 " objects", reader->seen,
                      reader->nodes_declared);
        return false;
    }
    return true;
}

/* --- the graph -------------------------------------------------------------------------------- */

/* Brings the edges into the order of the ids. */
static enum orr_status
finish_edges(struct line_reader *reader)
{
    struct orr_import *import = reader->import;
    struct orr_heap_graph *graph = &import->graph;
    uint32_t *sorted = NULL;
    uint64_t sorted_room = 0;
    graph->node_count = (uint32_t)reader->seen;
    uint64_t next = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        graph->first_edge[i] = next;
        next += reader->degree[i];
    }
    graph->first_edge[graph->node_count] = next;
    if (reader->is_in_order || next == 0) {
        return ORR_OK;
    }
    const enum orr_status status =
        orr_import_grow(import, &sorted, &sorted_room, next, sizeof *sorted);
    if (status != ORR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        memcpy(sorted + graph->first_edge[i], graph->edges + reader->start[i],
               reader->degree[i] * sizeof *sorted);
    }
    orr_import_drop(import, graph->edges, import->edge_room, sizeof *graph->edges);
    graph->edges = sorted;
    import->edge_room = sorted_room;
    return ORR_OK;
}

/* Takes the references that the dump holds off the counts: what remains came from outside. */
static void
subtract_references(struct line_reader *reader)
{
    const struct orr_heap_graph *graph = &reader->import->graph;
    for (uint64_t i = 0; i < graph->edge_count; i++) {
        uint32_t *count = &reader->count[graph->edges[i]];
        if (*count > 0 && *count < IMMORTAL_COUNT) {
            --*count;
        }
    }
}

/* The surplus that most objects have: what the recorder itself held. */
static uint32_t
find_recorder_share(const struct line_reader *reader)
{
    uint64_t objects[SURPLUS_MAX + 1] = {0};
    uint32_t share = 0;
    for (uint64_t i = 0; i < reader->seen; i++) {
        if (reader->count[i] <= SURPLUS_MAX) {
            objects[reader->count[i]]++;
        }
    }
    for (uint32_t surplus = 1; surplus <= SURPLUS_MAX; surplus++) {
        if (objects[surplus] > objects[share]) {
            share = surplus;
        }
    }
    return share;
}

static void
report(struct line_reader *reader, uint32_t share, uint64_t roots)
{
    struct orr_import *import = reader->import;
    import->format = "pygraph";
    import->nodes_read = reader->seen;
    import->edges_read = import->graph.edge_count;
    if (reader->told_tracked > 0) {
        orr_import_note(import, ORR_IMPORT_NOTED, "tracked", reader->tracked,
                        "objects that the collector of the runtime tracked");
    }
    if (reader->told_count > 0) {
        orr_import_note(import, ORR_IMPORT_NOTED, "recorder_share", share,
                        "references to each object that its recorder held: not counted");
        orr_import_note(import, ORR_IMPORT_NOTED, "immortal", reader->immortal,
                        "immortal objects, whose counts say nothing");
        orr_import_note(import, ORR_IMPORT_ROOTS, "held_from_outside", roots,
                        "held from outside: counted more often than the dump refers to them");
    }
}

static enum orr_status
finish_roots(struct line_reader *reader)
{
    struct orr_import *import = reader->import;
    unsigned char *is_root = NULL;
    uint64_t is_root_room = 0, roots = 0;
    enum orr_status status = orr_import_grow(import, &is_root, &is_root_room, reader->seen, 1);
    if (status != ORR_OK) {
        return status;
    }
    subtract_references(reader);
    const uint32_t share = find_recorder_share(reader);
    for (uint64_t i = 0; i < reader->seen; i++) {
        is_root[i] = reader->count[i] > share && reader->count[i] < IMMORTAL_COUNT;
        roots += is_root[i];
    }
    report(reader, share, roots);
    status = orr_import_finish_roots(import, is_root);
    orr_import_drop(import, is_root, is_root_room, 1);
    return status;
}

enum orr_status
orr_import_jsonlines(struct orr_import *import)
{
    struct line_reader reader = {
        .import = import, .scanner = &import->scanner, .is_in_order = true};
    enum orr_status status = ORR_OK;
    if (!read_lines(&reader)) {
        status = orr_json_fail(reader.scanner, ORR_BAD_INPUT, "expected a key");
    }
    if (status == ORR_OK) {
        status = finish_edges(&reader);
    }
    if (status == ORR_OK) {
        orr_import_finish_sizes(import);
        status = finish_roots(&reader);
    }
    orr_import_drop(import, reader.start, reader.start_room, sizeof *reader.start);
    orr_import_drop(import, reader.degree, reader.degree_room, sizeof *reader.degree);
    orr_import_drop(import, reader.count, reader.count_room, sizeof *reader.count);
    return status;
}
