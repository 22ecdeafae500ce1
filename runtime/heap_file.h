/* heap_file.h - the native heap file: the object graph of a real program, ready to be rebuilt.
 *
 * Owns the in-memory graph, which orr_heap_dump (inspect.h) and `orrery import` fill and the `replay` workload
 * reads, and the writing of its file. Reading is workloads/parts/heap_file.h.
 * Any thread may call, one thread per graph.
 *
 * The file, version 1, little-endian, sections in this order with nothing between or after them:
 *
 *      0   8  magic 89 'O' 'R' 'H' 0d 0a 1a 0a (a transfer as text breaks it, and shows)
 *      8   4  version
 *     12   4  number of sections: 6
 *     16   4  node_count
 *     20   4  type_count
 *     24   8  edge_count
 *     32   4  root_count
 *     36   4  zero
 *     40 240  per section: tag (4 letters), encoding (0 as it is, 1 zlib), offset (8),
 *             stored bytes (8), raw bytes (8), CRC-32 of the stored bytes, zero
 *    280   4  CRC-32 of all the above
 *
 *     TYPE  per type: length, then the letters
 *     NTYP  per node: its type
 *     SIZE  per node: its payload in bytes
 *     DEGR  per node: how many references it holds
 *     EDGE  per reference: target minus the previous target of the same node; the first one minus
 *           the node itself; zigzag
 *     ROOT  per root: node minus the one after the previous root
 *
 * Numbers in sections are LEB128 in their shortest form. Differences, because a reference mostly
 * leads to a neighbour: the graph of a Python program takes about a byte per reference.
 *
 * Invariants of a file that was accepted: every index is in range, roots ascend, names hold no
 * control character, and the graph takes no more memory than orr_heap_file_memory_limit(file size).
 * The writer keeps the last one too: a graph so regular that it compresses beyond it is stored as it
 * is, for a reader could not tell it from a bomb.
 */
#ifndef ORR_RUNTIME_HEAP_FILE_H
#define ORR_RUNTIME_HEAP_FILE_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORR_HEAP_TYPES_MAX 65536u           /* node_type is 16 bits */
#define ORR_HEAP_TYPE_NAME_MAX 255u         /* bytes */
#define ORR_HEAP_NODES_MAX (UINT32_MAX - 1) /* the largest number stays free as a mark */

/* The arrays come from malloc, be it through orr_allocate or directly. */
struct orr_heap_graph {
    uint32_t node_count;  /* objects; at least one in a valid graph */
    uint64_t edge_count;  /* references */
    uint32_t root_count;  /* objects held from outside */
    uint32_t type_count;  /* at least one in a valid graph */
    char **type_names;    /* type_count; without control characters; may repeat */
    uint16_t *node_type;  /* node_count: index into type_names */
    uint32_t *node_bytes; /* node_count: payload bytes beside the references */
    uint64_t *first_edge; /* node_count + 1; edges of node i: [first_edge[i], first_edge[i + 1]) */
    uint32_t *edges;      /* edge_count targets, in the order of the fields */
    uint32_t *roots;      /* root_count node indices, ascending, so that none repeats */
};

/* Writes a valid graph to path: a temporary file beside it, synchronised, then renamed, so that
 * under the name there is the old file or the whole new one. */
enum orr_status orr_heap_graph_write(const char *path, const struct orr_heap_graph *graph,
                                     struct orr_error *error);

/* Frees what the graph holds and empties it. An empty graph may be freed again. */
void orr_heap_graph_fini(struct orr_heap_graph *graph);

/* Whether every promise of the struct above holds; costs one pass over the graph. */
bool orr_heap_graph_is_valid(const struct orr_heap_graph *graph);

/* Whether a type may have this name: at most ORR_HEAP_TYPE_NAME_MAX bytes, none of them a control
 * character. That it is UTF-8 is not promised. */
bool orr_heap_type_name_is_valid(const char *name, size_t length);

/* The most memory that reading a file of this size may take: max(64 MiB, 64 x size), below any
 * overflow. What a file holds is worth some tens of bytes per byte; more is a bomb. */
uint64_t orr_heap_file_memory_limit(uint64_t file_bytes);

#endif
