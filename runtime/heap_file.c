/* heap_file.c - what a heap graph is, apart from its file: validity, memory, names, end. */
#include "runtime/heap_file.h"

#include "runtime/heap_file_layout.h"
#include "runtime/platform.h"

#include <string.h>

const char orr_heap_section_tags[HEAP_SECTIONS][5] = {"TYPE", "NTYP", "SIZE",
                                                      "DEGR", "EDGE", "ROOT"};

#define MEMORY_FLOOR_BYTES (UINT64_C(64) << 20)
#define MEMORY_PER_FILE_BYTE 64
#define MEMORY_CEILING_BYTES (UINT64_C(1) << 48) /* no machine has more: sums of it cannot wrap */

uint64_t
orr_heap_file_memory_limit(uint64_t file_bytes)
{
    if (file_bytes > MEMORY_CEILING_BYTES / MEMORY_PER_FILE_BYTE) {
        return MEMORY_CEILING_BYTES;
    }
    const uint64_t limit = file_bytes * MEMORY_PER_FILE_BYTE;
    return limit > MEMORY_FLOOR_BYTES ? limit : MEMORY_FLOOR_BYTES;
}

/* Pointer, allocator's overhead and letters of a name, at most. */
#define TYPE_MEMORY_MAX (sizeof(char *) + 16 + ORR_HEAP_TYPE_NAME_MAX + 1)

uint64_t
orr_heap_graph_memory(const struct orr_heap_graph *counts)
{
    const uint64_t per_node = sizeof(uint16_t) + sizeof(uint32_t) + sizeof(uint64_t);
    const uint64_t fixed = counts->node_count * per_node + sizeof(uint64_t) +
                           counts->root_count * (uint64_t)sizeof(uint32_t) +
                           counts->type_count * (uint64_t)TYPE_MEMORY_MAX + 4 * HEAP_WINDOW_BYTES;
    uint64_t edges = 0, sum = 0;
    if (__builtin_mul_overflow(counts->edge_count, sizeof(uint32_t), &edges) ||
        __builtin_add_overflow(edges, fixed, &sum)) {
        return UINT64_MAX;
    }
    return sum;
}

void
orr_heap_graph_fini(struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; graph->type_names && i < graph->type_count; i++) {
        orr_deallocate(graph->type_names[i]);
    }
    orr_deallocate(graph->type_names);
    orr_deallocate(graph->node_type);
    orr_deallocate(graph->node_bytes);
    orr_deallocate(graph->first_edge);
    orr_deallocate(graph->edges);
    orr_deallocate(graph->roots);
    *graph = (struct orr_heap_graph){0};
}

bool
orr_heap_type_name_is_valid(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)name[i];
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return length <= ORR_HEAP_TYPE_NAME_MAX;
}

static bool
names_are_valid(const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->type_count; i++) {
        if (!orr_heap_type_name_is_valid(graph->type_names[i], strlen(graph->type_names[i]))) {
            return false;
        }
    }
    return true;
}

static bool
nodes_are_valid(const struct orr_heap_graph *graph)
{
    if (graph->first_edge[0] != 0 || graph->first_edge[graph->node_count] != graph->edge_count) {
        return false;
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (graph->node_type[i] >= graph->type_count ||
            graph->first_edge[i] > graph->first_edge[i + 1] ||
            graph->first_edge[i + 1] - graph->first_edge[i] > UINT32_MAX) {
            return false;
        }
    }
    for (uint64_t i = 0; i < graph->edge_count; i++) {
        if (graph->edges[i] >= graph->node_count) {
            return false;
        }
    }
    return true;
}

static bool
roots_are_valid(const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->root_count; i++) {
        if (graph->roots[i] >= graph->node_count ||
            (i > 0 && graph->roots[i] <= graph->roots[i - 1])) {
            return false;
        }
    }
    return true;
}

bool
orr_heap_graph_is_valid(const struct orr_heap_graph *graph)
{
    return graph->node_count > 0 && graph->node_count <= ORR_HEAP_NODES_MAX &&
           graph->type_count > 0 && graph->type_count <= ORR_HEAP_TYPES_MAX &&
           names_are_valid(graph) && nodes_are_valid(graph) && roots_are_valid(graph);
}
