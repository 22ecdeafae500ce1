/* import_v8.c - reads a V8 heap snapshot (.heapsnapshot, as node, Chrome and Deno write it).
 *
 * Source: the layout that the file itself declares in snapshot.meta; field names and enumerations as
 * in V8's heap-snapshot-generator.cc. The strings, which come last, are read over: types are V8's
 * coarse ones (object, closure, ...).
 *
 * The nodes and then the edges are two flat arrays of integers. Edges tell no source: node i owns the
 * next edge_count(i) of them. What becomes of them:
 *
 *   edge                                       becomes
 *   weak                                       nothing: it keeps nothing alive
 *   from a synthetic node (and from node 0)    its target is a root
 *   to a synthetic node                        nothing: these are no objects
 *   any other                                  a reference
 *
 * Invariant: while edges are read, `source` is the node that owns the next one, and first_edge is
 * final for every object up to it.
 */
#include "bench/import_graph.h"
#include "bench/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 32u      /* V8 has at most 7 */
#define NODE_TYPES_MAX 256u /* V8 has 16 */
#define NOT_AN_OBJECT UINT32_MAX
#define TYPE_UNUSED UINT32_MAX
#define POSITION_NONE UINT32_MAX

enum node_field { NODE_TYPE, NODE_SIZE, NODE_EDGES, NODE_FIELDS };
enum edge_field { EDGE_TYPE, EDGE_TARGET, EDGE_FIELDS };

/* One of the two arrays: how wide a row is, and where in it is what we want. */
struct row_layout {
    unsigned width;
    unsigned position[NODE_FIELDS]; /* by enum node_field or enum edge_field */
    unsigned wanted;                /* how many of them */
    bool has_enumeration;
    unsigned enumeration_position; /* the field whose values the enumeration names */
    unsigned enumeration_count;
};

struct type_name {
    char name[ORR_HEAP_TYPE_NAME_MAX + 1];
    uint32_t type; /* in the graph, or TYPE_UNUSED */
};

struct v8_reader {
    struct orr_import *import;
    struct orr_json_scanner *scanner;
    struct row_layout node, edge;
    struct type_name *node_types; /* NODE_TYPES_MAX */
    uint64_t synthetic_type;      /* UINT64_MAX when the file has none */
    uint64_t weak_type;           /* likewise */
    bool has_snapshot, has_nodes, has_edges;
    bool has_node_count, has_edge_count;
    uint64_t node_count_declared, edge_count_declared;

    /* Per node of the dump. */
    uint32_t *object; /* its index in the graph, or NOT_AN_OBJECT */
    uint32_t *degree; /* edges that it owns */
    uint64_t object_room, degree_room;

    unsigned char *is_root; /* per node of the graph */
    uint64_t root_room;
    uint64_t source;      /* the node that owns the next edge */
    uint64_t source_left; /* edges that it still owns */
    uint64_t weak_edges, root_edges, synthetic_edges, synthetic_nodes;
};

static bool
refuse(struct v8_reader *reader, const char *reason)
{
    orr_json_fail(reader->scanner, ORR_BAD_INPUT, "%s", reason);
    return false;
}

static bool
expect(struct v8_reader *reader, enum orr_json_token token, const char *reason)
{
    return orr_json_next(reader->scanner) == token || refuse(reader, reason);
}

/* --- snapshot.meta ---------------------------------------------------------------------------- */

/* An array of names: finds the position of each wanted one, and counts all. */
static bool
read_fields(struct v8_reader *reader, struct row_layout *layout, const char *const *names,
            unsigned wanted)
{
    if (layout->width != 0) {
        return refuse(reader, "the fields are declared twice");
    }
    if (!expect(reader, ORR_JSON_ARRAY_BEGIN, "expected an array of field names")) {
        return false;
    }
    layout->wanted = wanted;
    for (unsigned i = 0; i < wanted; i++) {
        layout->position[i] = POSITION_NONE;
    }
    enum orr_json_token token;
    while ((token = orr_json_next(reader->scanner)) == ORR_JSON_STRING) {
        if (layout->width == FIELDS_MAX) {
            return refuse(reader, "too many fields");
        }
        for (unsigned i = 0; i < wanted; i++) {
            if (!orr_json_text_is(reader->scanner, names[i])) {
                continue;
            }
            if (layout->position[i] != POSITION_NONE) {
                return refuse(reader, "a field is declared twice");
            }
            layout->position[i] = layout->width;
        }
        layout->width++;
    }
    return token == ORR_JSON_ARRAY_END || refuse(reader, "expected the name of a field");
}

static bool
keep_node_type(struct v8_reader *reader, unsigned index)
{
    const struct orr_json_scanner *scanner = reader->scanner;
    if (index == NODE_TYPES_MAX) {
        return refuse(reader, "too many types of nodes");
    }
    orr_utf8_clean(reader->node_types[index].name, sizeof reader->node_types[index].name,
                   scanner->text);
    reader->node_types[index].type = TYPE_UNUSED;
    if (orr_json_text_is(scanner, "synthetic")) {
        reader->synthetic_type = index;
    }
    return true;
}

static bool
keep_edge_type(struct v8_reader *reader, unsigned index)
{
    if (orr_json_text_is(reader->scanner, "weak")) {
        reader->weak_type = index;
    }
    return true;
}

/* The names of the values of one field. */
static bool
read_enumeration(struct v8_reader *reader, struct row_layout *layout,
                 bool (*keep)(struct v8_reader *, unsigned))
{
    enum orr_json_token token;
    while ((token = orr_json_next(reader->scanner)) == ORR_JSON_STRING) {
        if (!keep(reader, layout->enumeration_count)) {
            return false;
        }
        layout->enumeration_count++;
    }
    return token == ORR_JSON_ARRAY_END || refuse(reader, "expected the name of a type");
}

/* node_types or edge_types: per field the name of its kind, or an array that enumerates its values. */
static bool
read_field_types(struct v8_reader *reader, struct row_layout *layout,
                 bool (*keep)(struct v8_reader *, unsigned))
{
    if (!expect(reader, ORR_JSON_ARRAY_BEGIN, "expected an array of field types")) {
        return false;
    }
    for (unsigned i = 0;; i++) {
        switch (orr_json_next(reader->scanner)) {
        case ORR_JSON_ARRAY_END:
            return true;
        case ORR_JSON_STRING:
            break;
        case ORR_JSON_ARRAY_BEGIN:
            if (layout->has_enumeration) {
                return refuse(reader, "more than one field is enumerated");
            }
            layout->has_enumeration = true;
            layout->enumeration_position = i;
            if (!read_enumeration(reader, layout, keep)) {
                return false;
            }
            break;
        default:
            return refuse(reader, "expected the type of a field");
        }
    }
}

static bool
read_meta(struct v8_reader *reader)
{
    static const char *const node_names[] = {
        [NODE_TYPE] = "type", [NODE_SIZE] = "self_size", [NODE_EDGES] = "edge_count"};
    static const char *const edge_names[] = {[EDGE_TYPE] = "type", [EDGE_TARGET] = "to_node"};
    struct orr_json_scanner *scanner = reader->scanner;
    if (!expect(reader, ORR_JSON_OBJECT_BEGIN, "expected the object snapshot.meta")) {
        return false;
    }
    enum orr_json_token token;
    while ((token = orr_json_next(scanner)) == ORR_JSON_KEY) {
        bool is_read;
        if (orr_json_text_is(scanner, "node_fields")) {
            is_read = read_fields(reader, &reader->node, node_names, NODE_FIELDS);
        } else if (orr_json_text_is(scanner, "edge_fields")) {
            is_read = read_fields(reader, &reader->edge, edge_names, EDGE_FIELDS);
        } else if (orr_json_text_is(scanner, "node_types")) {
            is_read = read_field_types(reader, &reader->node, keep_node_type);
        } else if (orr_json_text_is(scanner, "edge_types")) {
            is_read = read_field_types(reader, &reader->edge, keep_edge_type);
        } else {
            is_read = orr_json_skip(scanner);
        }
        if (!is_read) {
            return false;
        }
    }
    return token == ORR_JSON_OBJECT_END;
}

static bool
read_count(struct v8_reader *reader, bool *is_declared, uint64_t *count)
{
    const struct orr_json_scanner *scanner = reader->scanner;
    if (!expect(reader, ORR_JSON_INTEGER, "expected a count")) {
        return false;
    }
    if (scanner->is_negative) {
        return refuse(reader, "a negative count");
    }
    *is_declared = true;
    *count = scanner->integer;
    return true;
}

static bool
check_layout(struct v8_reader *reader, const struct row_layout *layout, const char *what)
{
    for (unsigned i = 0; i < layout->wanted; i++) {
        if (layout->position[i] == POSITION_NONE) {
            orr_json_fail(reader->scanner, ORR_BAD_INPUT,
                          "snapshot.meta does not say where the %s have their type, size or target",
                          what);
            return false;
        }
    }
    /* The first of the wanted fields is the type, in both arrays. */
    if (layout->wanted == 0 || !layout->has_enumeration ||
        layout->enumeration_position != layout->position[0]) {
        orr_json_fail(reader->scanner, ORR_BAD_INPUT,
                      "snapshot.meta does not describe the types of %s", what);
        return false;
    }
    return true;
}

static bool
read_snapshot(struct v8_reader *reader)
{
    struct orr_json_scanner *scanner = reader->scanner;
    if (reader->has_snapshot) {
        return refuse(reader, "a second snapshot");
    }
    if (!expect(reader, ORR_JSON_OBJECT_BEGIN, "expected the object snapshot")) {
        return false;
    }
    enum orr_json_token token;
    while ((token = orr_json_next(scanner)) == ORR_JSON_KEY) {
        bool is_read;
        if (orr_json_text_is(scanner, "meta")) {
            is_read = read_meta(reader);
        } else if (orr_json_text_is(scanner, "node_count")) {
            is_read = read_count(reader, &reader->has_node_count, &reader->node_count_declared);
        } else if (orr_json_text_is(scanner, "edge_count")) {
            is_read = read_count(reader, &reader->has_edge_count, &reader->edge_count_declared);
        } else {
            is_read = orr_json_skip(scanner);
        }
        if (!is_read) {
            return false;
        }
    }
    reader->has_snapshot = true;
    return token == ORR_JSON_OBJECT_END && check_layout(reader, &reader->node, "nodes") &&
           check_layout(reader, &reader->edge, "edges");
}

/* --- rows ------------------------------------------------------------------------------------- */

enum row_result { ROW_READ, ROWS_END, ROW_REFUSED };

/* One row of integers. A negative one becomes a number that no check of a wanted field lets pass. */
static enum row_result
read_row(struct v8_reader *reader, const struct row_layout *layout, uint64_t *values)
{
    struct orr_json_scanner *scanner = reader->scanner;
    for (unsigned i = 0; i < layout->width; i++) {
        const enum orr_json_token token = orr_json_next(scanner);
        if (token == ORR_JSON_ARRAY_END && i == 0) {
            return ROWS_END;
        }
        if (token != ORR_JSON_INTEGER) {
            refuse(reader, token == ORR_JSON_ARRAY_END ? "the array ends within a row"
                                                       : "expected an integer");
            return ROW_REFUSED;
        }
        values[i] = scanner->is_negative ? UINT64_MAX : scanner->integer;
    }
    return ROW_READ;
}

static bool
grow_nodes(struct v8_reader *reader, uint64_t nodes)
{
    struct orr_import *import = reader->import;
    return orr_import_grow(import, &reader->object, &reader->object_room, nodes,
                           sizeof *reader->object) == ORR_OK &&
           orr_import_grow(import, &reader->degree, &reader->degree_room, nodes,
                           sizeof *reader->degree) == ORR_OK;
}

/* The graph's number of a type, made when its first object comes. */
static bool
find_type(struct v8_reader *reader, struct type_name *name, uint16_t *type)
{
    if (name->type == TYPE_UNUSED) {
        if (orr_import_find_type(reader->import, name->name, type) != ORR_OK) {
            return false;
        }
        name->type = *type;
    }
    *type = (uint16_t)name->type;
    return true;
}

static bool
add_object(struct v8_reader *reader, uint64_t type_value, uint64_t size, uint32_t *object)
{
    struct orr_import *import = reader->import;
    const uint32_t node = import->graph.node_count;
    if (orr_import_reach_node(import, node) != ORR_OK ||
        !find_type(reader, &reader->node_types[type_value], &import->graph.node_type[node])) {
        return false;
    }
    orr_import_set_size(import, node, size);
    import->graph.node_count++;
    *object = node;
    return true;
}

static bool
add_node(struct v8_reader *reader, const uint64_t *values)
{
    const unsigned *position = reader->node.position;
    const uint64_t type = values[position[NODE_TYPE]], size = values[position[NODE_SIZE]];
    const uint64_t edges = values[position[NODE_EDGES]];
    const uint64_t node = reader->import->nodes_read;
    if (type >= reader->node.enumeration_count) {
        return refuse(reader, "a node of a type that snapshot.meta does not name");
    }
    if (size > INT64_MAX || edges > UINT32_MAX) {
        return refuse(reader, "a node of an impossible size or number of edges");
    }
    if (!grow_nodes(reader, node + 1)) {
        return false;
    }
    reader->degree[node] = (uint32_t)edges;
    reader->object[node] = NOT_AN_OBJECT;
    reader->import->nodes_read++;
    reader->import->bytes_read += size;
    if (node == 0 || type == reader->synthetic_type) {
        reader->synthetic_nodes++;
        return true;
    }
    return add_object(reader, type, size, &reader->object[node]);
}

static bool
read_nodes(struct v8_reader *reader)
{
    uint64_t values[FIELDS_MAX];
    if (!reader->has_snapshot || reader->has_nodes) {
        return refuse(reader, reader->has_nodes ? "a second array of nodes"
                                                : "the nodes come before the snapshot's meta");
    }
    reader->has_nodes = true;
    if (!expect(reader, ORR_JSON_ARRAY_BEGIN, "expected the array of nodes")) {
        return false;
    }
    enum row_result result;
    while ((result = read_row(reader, &reader->node, values)) == ROW_READ) {
        if (!add_node(reader, values)) {
            return false;
        }
    }
    if (result == ROWS_END && reader->import->graph.node_count == 0) {
        return refuse(reader, "the snapshot holds no objects");
    }
    if (result == ROWS_END && reader->has_node_count &&
        reader->node_count_declared != reader->import->nodes_read) {
        return refuse(reader, "the number of nodes is not the one that the snapshot declares");
    }
    return result == ROWS_END;
}

/* --- edges ------------------------------------------------------------------------------------ */

/* Steps to node `source`, whose edges come next. */
static void
begin_source(struct v8_reader *reader, uint64_t source)
{
    struct orr_heap_graph *graph = &reader->import->graph;
    reader->source = source;
    reader->source_left = reader->degree[source];
    if (reader->object[source] != NOT_AN_OBJECT) {
        graph->first_edge[reader->object[source]] = graph->edge_count;
    }
}

/* Steps over nodes that own no (more) edges. False when there is no further node. */
static bool
find_source(struct v8_reader *reader)
{
    while (reader->source_left == 0) {
        if (reader->source + 1 == reader->import->nodes_read) {
            return false;
        }
        begin_source(reader, reader->source + 1);
    }
    return true;
}

static bool
add_edge(struct v8_reader *reader, const uint64_t *values)
{
    const uint64_t type = values[reader->edge.position[EDGE_TYPE]];
    const uint64_t target = values[reader->edge.position[EDGE_TARGET]];
    const uint64_t width = reader->node.width;
    if (!find_source(reader)) {
        return refuse(reader, "more edges than the nodes own");
    }
    if (type >= reader->edge.enumeration_count) {
        return refuse(reader, "an edge of a type that snapshot.meta does not name");
    }
    if (target % width != 0 || target / width >= reader->import->nodes_read) {
        return refuse(reader, "an edge to where no node begins");
    }
    reader->source_left--;
    reader->import->edges_read++;
    const uint32_t from = reader->object[reader->source], to = reader->object[target / width];
    if (type == reader->weak_type) {
        reader->weak_edges++;
    } else if (to == NOT_AN_OBJECT) {
        reader->synthetic_edges++;
    } else if (from == NOT_AN_OBJECT) {
        reader->root_edges++;
        reader->is_root[to] = 1;
    } else {
        return orr_import_add_edge(reader->import, to) == ORR_OK;
    }
    return true;
}

static bool
begin_edges(struct v8_reader *reader)
{
    struct orr_import *import = reader->import;
    if (!reader->has_nodes || reader->has_edges) {
        return refuse(reader, reader->has_edges ? "a second array of edges"
                                                : "the edges come before the nodes");
    }
    reader->has_edges = true;
    if (orr_import_grow(import, &reader->is_root, &reader->root_room, import->graph.node_count,
                        1) != ORR_OK) {
        return false;
    }
    memset(reader->is_root, 0, import->graph.node_count);
    begin_source(reader, 0);
    return expect(reader, ORR_JSON_ARRAY_BEGIN, "expected the array of edges");
}

static bool
read_edges(struct v8_reader *reader)
{
    struct orr_heap_graph *graph = &reader->import->graph;
    uint64_t values[FIELDS_MAX];
    if (!begin_edges(reader)) {
        return false;
    }
    enum row_result result;
    while ((result = read_row(reader, &reader->edge, values)) == ROW_READ) {
        if (!add_edge(reader, values)) {
            return false;
        }
    }
    if (result == ROW_REFUSED) {
        return false;
    }
    if (find_source(reader) ||
        (reader->has_edge_count && reader->edge_count_declared != reader->import->edges_read)) {
        return refuse(reader, "fewer edges than the nodes own, or not as many as declared");
    }
    graph->first_edge[graph->node_count] = graph->edge_count;
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool
read_document(struct v8_reader *reader)
{
    struct orr_json_scanner *scanner = reader->scanner;
    if (!expect(reader, ORR_JSON_OBJECT_BEGIN, "expected a snapshot, which begins with '{'")) {
        return false;
    }
    enum orr_json_token token;
    while ((token = orr_json_next(scanner)) == ORR_JSON_KEY) {
        bool is_read;
        if (orr_json_text_is(scanner, "snapshot")) {
            is_read = read_snapshot(reader);
        } else if (orr_json_text_is(scanner, "nodes")) {
            is_read = read_nodes(reader);
        } else if (orr_json_text_is(scanner, "edges")) {
            is_read = read_edges(reader);
        } else {
            is_read = orr_json_skip(scanner);
        }
        if (!is_read) {
            return false;
        }
    }
    if (token == ORR_JSON_OBJECT_END && !reader->has_edges) {
        return refuse(reader, "the file has no edges");
    }
    return token == ORR_JSON_OBJECT_END && orr_json_next(scanner) == ORR_JSON_END;
}

static void
report(struct v8_reader *reader)
{
    struct orr_import *import = reader->import;
    uint64_t roots = 0;
    for (uint32_t i = 0; i < import->graph.node_count; i++) {
        roots += reader->is_root[i];
    }
    import->format = "v8";
    orr_import_note(import, ORR_IMPORT_SKIPPED, "weak_edges", reader->weak_edges,
                    "weak edges: they keep nothing alive");
    orr_import_note(import, ORR_IMPORT_SKIPPED, "synthetic_nodes", reader->synthetic_nodes,
                    "synthetic nodes: they are lists of roots, not objects");
    orr_import_note(import, ORR_IMPORT_SKIPPED, "root_edges", reader->root_edges,
                    "edges from synthetic nodes: they say what is a root");
    orr_import_note(import, ORR_IMPORT_SKIPPED, "synthetic_edges", reader->synthetic_edges,
                    "edges to synthetic nodes");
    orr_import_note(import, ORR_IMPORT_ROOTS, "told", roots, "told by the snapshot");
}

enum orr_status
orr_import_v8(struct orr_import *import)
{
    struct v8_reader reader = {.import = import,
                               .scanner = &import->scanner,
                               .synthetic_type = UINT64_MAX,
                               .weak_type = UINT64_MAX};
    enum orr_status status = ORR_OK;
    reader.node_types = calloc(NODE_TYPES_MAX, sizeof *reader.node_types);
    if (reader.node_types == NULL) {
        status = orr_json_fail(reader.scanner, ORR_OUT_OF_MEMORY, "no memory for reading");
    } else if (!read_document(&reader)) {
        status = orr_json_fail(reader.scanner, ORR_BAD_INPUT, "expected a key");
    }
    orr_import_drop(import, reader.object, reader.object_room, sizeof *reader.object);
    orr_import_drop(import, reader.degree, reader.degree_room, sizeof *reader.degree);
    if (status == ORR_OK) {
        report(&reader);
        orr_import_finish_sizes(import);
        status = orr_import_finish_roots(import, reader.is_root);
    }
    orr_import_drop(import, reader.is_root, reader.root_room, 1);
    free(reader.node_types);
    return status;
}
