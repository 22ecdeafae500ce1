/* import_graph.c - memory, types and sizes of a graph that is being imported. */
#define _XOPEN_SOURCE 700

#include "bench/import_graph.h"

#include "bench/utf8.h"
#include "runtime/assert.h"
#include "workloads/parts/input_file.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* What the program itself, its libraries and the windows onto the files take. */
#define MEMORY_OF_PROGRAM (UINT64_C(8) << 20)

/* Arrays that grow leave their former places behind, and the allocator holds on to those for a while:
 * a fifth of what is in use at the most, as measured with jemalloc. */
#define MEMORY_IN_USE(limit) ((limit) / 4 * 3)

/* The first allocation of an array; growing by half from there keeps copying linear. */
#define ROOM_FIRST 1024u

/* Found through libc's red-black tree: the names come from the dump, and a tree that balances itself
 * has no worst case that a hostile dump could choose. The cache before it is for speed alone. */
struct orr_import_type {
    const char *name; /* the graph's */
    uint16_t type;
};

/* A tree node, an entry, and the overhead of three allocations. */
#define TYPE_ENTRY_MEMORY 128u

enum orr_status
orr_import_init(struct orr_import *import, const char *path, enum orr_json_layout layout,
                struct orr_error *error)
{
    memset(import, 0, sizeof *import);
    const enum orr_status status = orr_json_scanner_open(&import->scanner, path, layout, error);
    import->memory_max = MEMORY_IN_USE(orr_input_memory_limit(import->scanner.source.file_bytes));
    import->memory_used = MEMORY_OF_PROGRAM;
    return status;
}

static int
compare_names(const void *one, const void *other)
{
    const struct orr_import_type *a = one, *b = other;
    return strcmp(a->name, b->name);
}

void
orr_import_fini(struct orr_import *import, struct orr_heap_graph *graph)
{
    while (import->type_tree) {
        struct orr_import_type *entry = *(struct orr_import_type **)import->type_tree;
        tdelete(entry, &import->type_tree, compare_names);
        free(entry);
    }
    if (graph) {
        *graph = import->graph;
    } else {
        orr_heap_graph_fini(&import->graph);
    }
    orr_json_scanner_close(&import->scanner);
}

/* --- memory ----------------------------------------------------------------------------------- */

static enum orr_status
charge(struct orr_import *import, uint64_t bytes)
{
    if (bytes > import->memory_max - import->memory_used) {
        const struct orr_byte_source *source = &import->scanner.source;
        return orr_json_fail(&import->scanner, ORR_BAD_INPUT,
                             "reading on would take more than %" PRIu64
                             " bytes of memory, too much for a file of %" PRIu64 " bytes%s",
                             import->memory_max, source->file_bytes,
                             source->is_packed ? "; if you trust it, unpack it first" : "");
    }
    import->memory_used += bytes;
    return ORR_OK;
}

static enum orr_status
refuse_memory(struct orr_import *import)
{
    return orr_json_fail(&import->scanner, ORR_OUT_OF_MEMORY, "no memory for reading on");
}

enum orr_status
orr_import_grow(struct orr_import *import, void *array, uint64_t *room, uint64_t items,
                size_t item_bytes)
{
    if (items <= *room) {
        return ORR_OK;
    }
    uint64_t wanted = *room + *room / 2;
    wanted = wanted > ROOM_FIRST ? wanted : ROOM_FIRST;
    wanted = wanted > items ? wanted : items;
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(wanted, item_bytes, &bytes)) {
        bytes = UINT64_MAX;
    }
    /* While it moves, the array is there twice. */
    const enum orr_status status = charge(import, bytes);
    if (status != ORR_OK) {
        return status;
    }
    void *items_now; /* copied as bytes: the pointer's own type is the caller's */
    memcpy(&items_now, array, sizeof items_now);
    items_now = realloc(items_now, bytes);
    if (items_now == NULL) {
        return refuse_memory(import);
    }
    memcpy(array, &items_now, sizeof items_now);
    import->memory_used -= *room * item_bytes;
    *room = wanted;
    return ORR_OK;
}

void
orr_import_drop(struct orr_import *import, void *array, uint64_t room, size_t item_bytes)
{
    free(array);
    import->memory_used -= room * item_bytes;
}

/* --- nodes and edges -------------------------------------------------------------------------- */

enum orr_status
orr_import_reach_node(struct orr_import *import, uint64_t index)
{
    struct orr_heap_graph *graph = &import->graph;
    if (index >= ORR_HEAP_NODES_MAX) {
        return orr_json_fail(&import->scanner, ORR_BAD_INPUT, "more than %u objects",
                             ORR_HEAP_NODES_MAX);
    }
    enum orr_status status = orr_import_grow(import, &graph->node_type, &import->node_type_room,
                                             index + 1, sizeof *graph->node_type);
    if (status == ORR_OK) {
        status = orr_import_grow(import, &graph->node_bytes, &import->node_bytes_room, index + 1,
                                 sizeof *graph->node_bytes);
    }
    if (status == ORR_OK) {
        status = orr_import_grow(import, &graph->first_edge, &import->first_edge_room, index + 2,
                                 sizeof *graph->first_edge);
    }
    return status;
}

enum orr_status
orr_import_add_edge(struct orr_import *import, uint32_t target)
{
    struct orr_heap_graph *graph = &import->graph;
    const enum orr_status status = orr_import_grow(import, &graph->edges, &import->edge_room,
                                                   graph->edge_count + 1, sizeof *graph->edges);
    if (status == ORR_OK) {
        graph->edges[graph->edge_count++] = target;
    }
    return status;
}

void
orr_import_set_size(struct orr_import *import, uint32_t node, uint64_t bytes)
{
    if (bytes > UINT32_MAX) {
        import->oversized++;
        bytes = UINT32_MAX;
    }
    import->graph.node_bytes[node] = (uint32_t)bytes;
}

void
orr_import_finish_sizes(struct orr_import *import)
{
    struct orr_heap_graph *graph = &import->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const uint64_t references = graph->first_edge[i + 1] - graph->first_edge[i];
        const uint64_t taken = ORR_IMPORT_HEADER_BYTES + ORR_IMPORT_REFERENCE_BYTES * references;
        const uint32_t bytes = graph->node_bytes[i];
        graph->node_bytes[i] = bytes > taken ? (uint32_t)(bytes - taken) : 0;
    }
    if (import->oversized > 0) {
        orr_import_note(import, ORR_IMPORT_NOTED, "sizes_cut", import->oversized,
                        "objects of more than 4 GiB, cut to that size");
    }
}

/* --- types ------------------------------------------------------------------------------------ */

static enum orr_status
add_type(struct orr_import *import, const char *name, uint16_t *type)
{
    struct orr_heap_graph *graph = &import->graph;
    if (graph->type_count == ORR_HEAP_TYPES_MAX) {
        return orr_json_fail(&import->scanner, ORR_BAD_INPUT, "more than %u types",
                             ORR_HEAP_TYPES_MAX);
    }
    enum orr_status status = charge(import, TYPE_ENTRY_MEMORY + strlen(name));
    if (status == ORR_OK) {
        status = orr_import_grow(import, &graph->type_names, &import->type_name_room,
                                 graph->type_count + UINT64_C(1), sizeof *graph->type_names);
    }
    if (status != ORR_OK) {
        return status;
    }
    char *copy = strdup(name);
    struct orr_import_type *entry = malloc(sizeof *entry);
    if (copy && entry) {
        *entry = (struct orr_import_type){.name = copy, .type = (uint16_t)graph->type_count};
    }
    if (!copy || !entry || !tsearch(entry, &import->type_tree, compare_names)) {
        free(copy);
        free(entry);
        return refuse_memory(import);
    }
    *type = entry->type;
    graph->type_names[graph->type_count++] = copy;
    return ORR_OK;
}

static unsigned
hash_name(const char *name)
{
    unsigned hash = 0;
    for (; *name; name++) {
        hash = hash * 31 + (unsigned char)*name;
    }
    return hash % ORR_IMPORT_TYPE_CACHE;
}

enum orr_status
orr_import_find_type(struct orr_import *import, const char *name, uint16_t *type)
{
    const struct orr_import_type **cached = &import->type_cache[hash_name(name)];
    if (*cached && strcmp((*cached)->name, name) == 0) {
        *type = (*cached)->type;
        return ORR_OK;
    }
    char clean[ORR_HEAP_TYPE_NAME_MAX + 1];
    const struct orr_import_type key = {.name = orr_utf8_clean(clean, sizeof clean, name)};
    struct orr_import_type *const *found = tfind(&key, &import->type_tree, compare_names);
    if (!found) {
        return add_type(import, clean, type);
    }
    *cached = *found;
    *type = (*found)->type;
    return ORR_OK;
}

/* --- report ----------------------------------------------------------------------------------- */

void
orr_import_note(struct orr_import *import, enum orr_import_subject subject, const char *key,
                uint64_t count, const char *sentence)
{
    orr_require(import->note_count < ORR_IMPORT_NOTES_MAX, "raise ORR_IMPORT_NOTES_MAX");
    import->notes[import->note_count++] = (struct orr_import_note){
        .subject = subject, .key = key, .sentence = sentence, .count = count};
}
