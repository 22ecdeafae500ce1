/* import_roots.c - which objects of an imported graph are held from outside.
 *
 * A dump tells some of its roots. Objects that these do not reach were alive all the same, held by
 * what the dump could not see; a replay would free them at once. So roots are added until every node
 * is reached, and as few as that takes: one per strongly connected component that no other component
 * of the unreached rest points into.
 *
 * How: a depth-first walk over the unreached nodes notes the order in which they are finished; then,
 * from the last finished to the first, each one still unreached becomes a root and what it reaches is
 * marked. That this meets each source component first is the lemma of Kosaraju and Sharir's
 * algorithm; it needs the edges in one direction only. No recursion: the graph may be a list.
 */
#include "bench/import_graph.h"

#include <stdlib.h>

/* The bits of a node's mark. */
enum { IS_ROOT = 1, IS_REACHED = 2, IS_WALKED = 4 };

struct root_search {
    const struct orr_heap_graph *graph;
    unsigned char *marks; /* per node */
    /* The walk's stack grows from the front, the finished nodes from the back: together they are
     * never more than all nodes. */
    uint32_t *nodes;
    uint64_t *next_edge;     /* per entry of the walk's stack */
    uint32_t first_finished; /* nodes[first_finished ..] is the order, last finished first */
};

/* Marks everything that `root` reaches. `stack` has room for every node. */
static void
mark_from(struct root_search *search, uint32_t root, uint32_t *stack)
{
    const struct orr_heap_graph *graph = search->graph;
    uint64_t height = 0;
    stack[height++] = root;
    search->marks[root] |= IS_REACHED;
    while (height > 0) {
        const uint32_t node = stack[--height];
        for (uint64_t k = graph->first_edge[node]; k < graph->first_edge[node + 1]; k++) {
            const uint32_t target = graph->edges[k];
            if (!(search->marks[target] & IS_REACHED)) {
                search->marks[target] |= IS_REACHED;
                stack[height++] = target;
            }
        }
    }
}

static void
walk_from(struct root_search *search, uint32_t start)
{
    const struct orr_heap_graph *graph = search->graph;
    uint32_t height = 0;
    search->marks[start] |= IS_WALKED;
    search->nodes[height] = start;
    search->next_edge[height++] = graph->first_edge[start];
    while (height > 0) {
        const uint32_t node = search->nodes[height - 1];
        const uint64_t edge = search->next_edge[height - 1]++;
        if (edge == graph->first_edge[node + 1]) {
            height--;
            search->nodes[--search->first_finished] = node;
            continue;
        }
        const uint32_t target = graph->edges[edge];
        if (!(search->marks[target] & (IS_REACHED | IS_WALKED))) {
            search->marks[target] |= IS_WALKED;
            search->nodes[height] = target;
            search->next_edge[height++] = graph->first_edge[target];
        }
    }
}

/* Adds roots for what is unreached; returns how many. */
static uint64_t
choose_roots(struct root_search *search, uint32_t *stack)
{
    const uint32_t node_count = search->graph->node_count;
    uint64_t chosen = 0;
    search->first_finished = node_count;
    for (uint32_t i = 0; i < node_count; i++) {
        if (!(search->marks[i] & (IS_REACHED | IS_WALKED))) {
            walk_from(search, i);
        }
    }
    for (uint32_t i = search->first_finished; i < node_count; i++) {
        const uint32_t node = search->nodes[i];
        if (!(search->marks[node] & IS_REACHED)) {
            search->marks[node] |= IS_ROOT;
            chosen++;
            mark_from(search, node, stack);
        }
    }
    return chosen;
}

static uint64_t
mark_from_roots(struct root_search *search, uint32_t *stack)
{
    uint64_t roots = 0;
    for (uint32_t i = 0; i < search->graph->node_count; i++) {
        search->marks[i] = search->marks[i] ? IS_ROOT : 0;
        roots += search->marks[i] & IS_ROOT;
    }
    for (uint32_t i = 0; i < search->graph->node_count; i++) {
        if ((search->marks[i] & (IS_ROOT | IS_REACHED)) == IS_ROOT) {
            mark_from(search, i, stack);
        }
    }
    return roots;
}

static enum orr_status
list_roots(struct orr_import *import, const unsigned char *marks, uint64_t roots)
{
    struct orr_heap_graph *graph = &import->graph;
    uint64_t room = 0;
    const enum orr_status status =
        orr_import_grow(import, &graph->roots, &room, roots, sizeof *graph->roots);
    for (uint32_t i = 0; status == ORR_OK && i < graph->node_count; i++) {
        if (marks[i] & IS_ROOT) {
            graph->roots[graph->root_count++] = i;
        }
    }
    return status;
}

enum orr_status
orr_import_finish_roots(struct orr_import *import, unsigned char *is_root)
{
    const struct orr_heap_graph *graph = &import->graph;
    struct root_search search = {.graph = graph, .marks = is_root};
    uint32_t *stack = NULL;
    uint64_t stack_room = 0, nodes_room = 0, edge_room = 0, roots = 0, chosen = 0;
    enum orr_status status =
        orr_import_grow(import, &stack, &stack_room, graph->node_count, sizeof *stack);
    if (status == ORR_OK) {
        status = orr_import_grow(import, &search.nodes, &nodes_room, graph->node_count,
                                 sizeof *search.nodes);
    }
    if (status == ORR_OK) {
        status = orr_import_grow(import, &search.next_edge, &edge_room, graph->node_count,
                                 sizeof *search.next_edge);
    }
    if (status == ORR_OK) {
        roots = mark_from_roots(&search, stack);
        chosen = choose_roots(&search, stack);
        status = list_roots(import, is_root, roots + chosen);
    }
    orr_import_note(import, ORR_IMPORT_ROOTS, "chosen", chosen,
                    "chosen, one per group of objects that nothing else reaches");
    orr_import_drop(import, search.next_edge, edge_room, sizeof *search.next_edge);
    orr_import_drop(import, search.nodes, nodes_room, sizeof *search.nodes);
    orr_import_drop(import, stack, stack_room, sizeof *stack);
    return status;
}
