/* import_graph.h - the graph under construction while a dump is read.
 *
 * Owns the scanner over the dump, the growing graph, the names of its types and the account of the
 * memory all that takes. The importers fill it, one each per format; one thread.
 *
 * Invariant: memory_used never exceeds memory_max, so a dump that asks for more than its size
 * warrants is refused before the memory is asked for.
 */
#ifndef ORR_BENCH_IMPORT_GRAPH_H
#define ORR_BENCH_IMPORT_GRAPH_H

#include "bench/json_scanner.h"
#include "runtime/error.h"
#include "workloads/parts/heap_file.h"

#include <stdbool.h>
#include <stdint.h>

/* What a reference and a header take in the rebuilt object; the rest of its size is payload. */
#define ORR_IMPORT_REFERENCE_BYTES 8u
#define ORR_IMPORT_HEADER_BYTES 16u

#define ORR_IMPORT_NOTES_MAX 16u
#define ORR_IMPORT_TYPE_CACHE 256u

/* What a note speaks of; the name of its object in JSON. */
enum orr_import_subject { ORR_IMPORT_SKIPPED, ORR_IMPORT_ROOTS, ORR_IMPORT_NOTED };

/* A count, and what it counts: one row of the report. */
struct orr_import_note {
    enum orr_import_subject subject;
    const char *key;      /* its name in JSON */
    const char *sentence; /* what follows the number for people */
    uint64_t count;
};

struct orr_import {
    struct orr_json_scanner scanner;
    struct orr_heap_graph graph;

    /* What the dump holds, as its own tools would count it. */
    const char *format;
    uint64_t nodes_read;
    uint64_t edges_read;
    uint64_t bytes_read;
    struct orr_import_note notes[ORR_IMPORT_NOTES_MAX];
    unsigned note_count;

    uint64_t memory_max;
    uint64_t memory_used;
    /* Room in the arrays of the graph, in items. */
    uint64_t node_type_room, node_bytes_room, first_edge_room, edge_room, type_name_room;
    uint64_t oversized; /* objects whose size was cut to 32 bits */
    const struct orr_import_type *type_cache[ORR_IMPORT_TYPE_CACHE]; /* by a hash of the name */
    void *type_tree; /* of struct orr_import_type; see import_graph.c */
};

/* Opens the dump; end it with orr_import_fini in either case. */
enum orr_status orr_import_init(struct orr_import *import, const char *path,
                                enum orr_json_layout layout, struct orr_error *error);

/* Frees everything but the graph, which is moved to *graph, or freed when graph is null. */
void orr_import_fini(struct orr_import *import, struct orr_heap_graph *graph);

/* Makes room for `items` items and accounts for it. `array` is the address of the pointer to them,
 * whatever their type; *room is how many it has room for, 0 at first. */
enum orr_status orr_import_grow(struct orr_import *import, void *array, uint64_t *room,
                                uint64_t items, size_t item_bytes);

/* Frees an array that orr_import_grow made. */
void orr_import_drop(struct orr_import *import, void *array, uint64_t room, size_t item_bytes);

/* Makes room for node `index`; does not change node_count. */
enum orr_status orr_import_reach_node(struct orr_import *import, uint64_t index);

/* Appends one edge. */
enum orr_status orr_import_add_edge(struct orr_import *import, uint32_t target);

/* The number of the type of this name, new or known. The name is cleaned: names that differ only in
 * characters that cannot be printed are one type. */
enum orr_status orr_import_find_type(struct orr_import *import, const char *name, uint16_t *type);

/* Sets the size of an object as the dump tells it, cut to what the graph can hold. */
void orr_import_set_size(struct orr_import *import, uint32_t node, uint64_t bytes);

/* Turns sizes into payloads, once all edges are known. */
void orr_import_finish_sizes(struct orr_import *import);

/* Makes the roots of the graph: the marked nodes (is_root[node] != 0), and as few others as it takes
 * to reach every node. is_root becomes scratch. See import_roots.c. */
enum orr_status orr_import_finish_roots(struct orr_import *import, unsigned char *is_root);

/* Adds a row to the report. */
void orr_import_note(struct orr_import *import, enum orr_import_subject subject, const char *key,
                     uint64_t count, const char *sentence);

/* The importers: each reads the whole dump and leaves a valid graph. */
enum orr_status orr_import_v8(struct orr_import *import);
enum orr_status orr_import_jsonlines(struct orr_import *import);

#endif
