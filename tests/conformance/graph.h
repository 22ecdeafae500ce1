/* graph.h - an object graph as plain data, and what must become of it: the model that heaps are held to.
 *
 * A graph knows nothing of objects. Its edges and held nodes say what must be alive after everything else
 * was dropped: by counting alone, and after a collector that promises completeness has settled.
 *
 * The zoo (graph_<shape>) holds the shapes that cycle collectors have been wrong about.
 * One thread; a graph is freed by graph_free.
 */
#ifndef ORR_TESTS_CONFORMANCE_GRAPH_H
#define ORR_TESTS_CONFORMANCE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

struct edge {
    uint32_t from, to;
};

struct graph {
    uint32_t nodes, edges;
    struct edge *edge; /* sorted by from, once graph_finish has run */
    uint32_t *first;   /* edges of node i: edge[first[i]] to edge[first[i + 1] - 1] */
    bool *held;        /* by a root */
    bool *green;       /* of a type that is on no cycle */
    uint32_t room;     /* of edge */
};

struct graph *graph_new(uint32_t nodes);
void graph_link(struct graph *graph, uint32_t from, uint32_t to);
/* Sorts the edges; afterwards the graph is complete. Returns it. */
struct graph *graph_finish(struct graph *graph);
void graph_free(struct graph *graph);

/* Fills alive[nodes]: what counting alone leaves when only the held nodes are held (with none_held: not
 * even those). */
void graph_counting(const struct graph *graph, bool none_held, bool *alive);
/* Fills alive[nodes]: what can be reached from the held nodes. */
void graph_reachable(const struct graph *graph, bool *alive);

struct shape {
    const char *name;
    struct graph *(*make)(void);
};

extern const struct shape graph_zoo[]; /* ends with a null name */

/* Every graph of `nodes` nodes with two slots each (a slot: null, or any node), and every subset of nodes
 * held: instance i of graph_small_count(nodes). A graph of the `count` instances from `from` on, side by
 * side. */
uint32_t graph_small_count(uint32_t nodes);
struct graph *graph_small(uint32_t nodes, uint32_t from, uint32_t count);

/* A random graph with random held nodes. */
struct graph *graph_random(uint64_t seed, uint32_t nodes, uint32_t edges, uint32_t held);

#endif
