/* graph.c - the model: shapes, and which nodes survive. */
#include "tests/conformance/graph.h"

#include <stdlib.h>
#include <string.h>

static void *
allocate(size_t count, size_t bytes)
{
    void *const block = calloc(count ? count : 1, bytes);
    if (!block)
        abort();
    return block;
}

struct graph *
graph_new(uint32_t nodes)
{
    struct graph *const graph = allocate(1, sizeof *graph);
    graph->nodes = nodes;
    graph->first = allocate(nodes + 1, sizeof *graph->first);
    graph->held = allocate(nodes, sizeof *graph->held);
    graph->green = allocate(nodes, sizeof *graph->green);
    return graph;
}

void
graph_link(struct graph *graph, uint32_t from, uint32_t to)
{
    if (graph->edges == graph->room) {
        graph->room = graph->room ? graph->room * 2 : 16;
        graph->edge = realloc(graph->edge, graph->room * sizeof *graph->edge);
        if (!graph->edge)
            abort();
    }
    graph->edge[graph->edges++] = (struct edge){from, to};
}

struct graph *
graph_finish(struct graph *graph)
{
    /* By counting; edges of one node keep their order. */
    struct edge *const sorted = allocate(graph->edges, sizeof *sorted);
    uint32_t *const next = allocate(graph->nodes + 1, sizeof *next);
    for (uint32_t i = 0; i < graph->edges; i++)
        graph->first[graph->edge[i].from + 1]++;
    for (uint32_t i = 0; i < graph->nodes; i++)
        graph->first[i + 1] += graph->first[i];
    memcpy(next, graph->first, graph->nodes * sizeof *next);
    for (uint32_t i = 0; i < graph->edges; i++)
        sorted[next[graph->edge[i].from]++] = graph->edge[i];
    free(graph->edge);
    free(next);
    graph->edge = sorted;
    return graph;
}

void
graph_free(struct graph *graph)
{
    free(graph->edge);
    free(graph->first);
    free(graph->held);
    free(graph->green);
    free(graph);
}

/* --- who survives ---------------------------------------------------------------------------------- */

void
graph_counting(const struct graph *graph, bool none_held, bool *alive)
{
    uint32_t *const count = allocate(graph->nodes, sizeof *count);
    uint32_t *const dead = allocate(graph->nodes, sizeof *dead);
    uint32_t deaths = 0;
    for (uint32_t i = 0; i < graph->edges; i++)
        count[graph->edge[i].to]++;
    for (uint32_t i = 0; i < graph->nodes; i++) {
        count[i] += graph->held[i] && !none_held;
        alive[i] = count[i] != 0;
        if (!alive[i])
            dead[deaths++] = i;
    }
    while (deaths) {
        const uint32_t i = dead[--deaths];
        for (uint32_t k = graph->first[i]; k < graph->first[i + 1]; k++) {
            const uint32_t child = graph->edge[k].to;
            if (--count[child] == 0) {
                alive[child] = false;
                dead[deaths++] = child;
            }
        }
    }
    free(count);
    free(dead);
}

void
graph_reachable(const struct graph *graph, bool *alive)
{
    uint32_t *const stack = allocate(graph->nodes, sizeof *stack);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < graph->nodes; i++) {
        alive[i] = graph->held[i];
        if (alive[i])
            stack[depth++] = i;
    }
    while (depth) {
        const uint32_t i = stack[--depth];
        for (uint32_t k = graph->first[i]; k < graph->first[i + 1]; k++) {
            const uint32_t child = graph->edge[k].to;
            if (!alive[child]) {
                alive[child] = true;
                stack[depth++] = child;
            }
        }
    }
    free(stack);
}

/* --- the zoo --------------------------------------------------------------------------------------- */

static void
ring(struct graph *graph, uint32_t from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        graph_link(graph, from + i, from + (i + 1) % count);
}

static struct graph *
make_empty(void)
{
    return graph_finish(graph_new(0));
}

static struct graph *
make_self_loop(void)
{
    struct graph *const graph = graph_new(2);
    graph_link(graph, 0, 0);
    graph_link(graph, 1, 1);
    graph->held[1] = true;
    return graph_finish(graph);
}

static struct graph *
make_ring(void)
{
    struct graph *const graph = graph_new(1000 + 2 + 3);
    ring(graph, 0, 1000);
    ring(graph, 1000, 2);
    ring(graph, 1002, 3);
    graph->held[1003] = true;
    return graph_finish(graph);
}

/* Two rings that share one node. */
static struct graph *
make_figure_eight(void)
{
    struct graph *const graph = graph_new(2 * 9);
    for (uint32_t i = 0; i < 18; i += 9) {
        ring(graph, i, 5);
        for (uint32_t k = 5; k < 8; k++)
            graph_link(graph, i + k, i + k + 1);
        graph_link(graph, i, i + 5);
        graph_link(graph, i + 8, i);
    }
    graph->held[9 + 7] = true;
    return graph_finish(graph);
}

static struct graph *
make_ladder(void)
{
    const uint32_t rungs = 200;
    struct graph *const graph = graph_new(2 * rungs);
    for (uint32_t i = 0; i < rungs; i++) {
        graph_link(graph, i, rungs + i);
        graph_link(graph, rungs + i, i);
        if (i + 1 < rungs) {
            graph_link(graph, i, i + 1);
            graph_link(graph, rungs + i + 1, rungs + i);
        }
    }
    return graph_finish(graph);
}

static struct graph *
make_clique(void)
{
    struct graph *const graph = graph_new(2 * 24);
    for (uint32_t k = 0; k < 48; k += 24)
        for (uint32_t i = 0; i < 24; i++)
            for (uint32_t j = 0; j < 24; j++)
                graph_link(graph, k + i, k + j); /* to itself too */
    graph->held[40] = true;
    return graph_finish(graph);
}

static struct graph *
make_tree_with_parents(void)
{
    const uint32_t nodes = 1023;
    struct graph *const graph = graph_new(2 * nodes);
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t i = 1; i < nodes; i++) {
            graph_link(graph, k * nodes + (i - 1) / 2, k * nodes + i);
            graph_link(graph, k * nodes + i, k * nodes + (i - 1) / 2);
        }
    graph->held[nodes + 900] = true; /* a leaf holds the second tree */
    return graph_finish(graph);
}

static struct graph *
make_doubly_linked_list(void)
{
    const uint32_t length = 1500;
    struct graph *const graph = graph_new(2 * length);
    for (uint32_t i = 0; i + 1 < 2 * length; i++)
        if (i + 1 != length) {
            graph_link(graph, i, i + 1);
            graph_link(graph, i + 1, i);
        }
    graph->held[2 * length - 1] = true;
    return graph_finish(graph);
}

/* The tail is held; when the cycle goes, the tail loses one reference and lives. */
static struct graph *
make_garbage_cycle_to_live_tail(void)
{
    struct graph *const graph = graph_new(3 + 20);
    ring(graph, 0, 3);
    graph_link(graph, 1, 3);
    for (uint32_t i = 3; i + 1 < 23; i++)
        graph_link(graph, i, i + 1);
    graph->held[3] = true;
    return graph_finish(graph);
}

/* Looks like garbage to whoever starts inside: it is held from far away only. */
static struct graph *
make_live_to_garbage_looking_cycle(void)
{
    struct graph *const graph = graph_new(30 + 10);
    for (uint32_t i = 0; i < 30; i++)
        graph_link(graph, i, i + 1);
    ring(graph, 30, 10);
    graph->held[0] = true;
    return graph_finish(graph);
}

/* A chain of cycles, each of which holds the last reference into the next; three chains: one held at its
 * head, one in the middle, one not at all. */
static struct graph *
make_cycle_of_cycles(void)
{
    const uint32_t rings = 12, length = 4;
    struct graph *const graph = graph_new(3 * rings * length);
    for (uint32_t chain = 0; chain < 3; chain++)
        for (uint32_t i = 0; i < rings; i++) {
            const uint32_t from = (chain * rings + i) * length;
            ring(graph, from, length);
            if (i + 1 < rings)
                graph_link(graph, from + 2, from + length);
        }
    graph->held[0] = true;
    graph->held[(rings + rings / 2) * length] = true;
    return graph_finish(graph);
}

static struct graph *
make_duplicate_edges(void)
{
    struct graph *const graph = graph_new(4);
    for (uint32_t i = 0; i < 4; i += 2)
        for (uint32_t k = 0; k < 7; k++) {
            graph_link(graph, i, i + 1);
            graph_link(graph, i + 1, i);
            graph_link(graph, i + 1, i + 1);
        }
    graph->held[3] = true;
    return graph_finish(graph);
}

/* Green leaves on live and on dead cycles; one leaf belongs to both. */
static struct graph *
make_green_leaves(void)
{
    const uint32_t length = 50;
    struct graph *const graph = graph_new(2 * length + 2 * length + 1);
    ring(graph, 0, length);
    ring(graph, length, length);
    for (uint32_t i = 0; i < 2 * length; i++) {
        graph_link(graph, i, 2 * length + i);
        graph_link(graph, i, 4 * length);
        graph->green[2 * length + i] = true;
    }
    graph->green[4 * length] = true;
    graph->held[length] = true;
    return graph_finish(graph);
}

/* Acyclic, and much shared: counting alone must free all that is not held. */
static struct graph *
make_lattice(void)
{
    const uint32_t side = 30;
    struct graph *const graph = graph_new(side * side);
    for (uint32_t i = 0; i < side; i++)
        for (uint32_t k = 0; k < side; k++) {
            if (i + 1 < side)
                graph_link(graph, i * side + k, (i + 1) * side + k);
            if (k + 1 < side)
                graph_link(graph, i * side + k, i * side + k + 1);
        }
    graph->held[side * side / 2 + side / 2] = true;
    return graph_finish(graph);
}

/* All in one node's edges, and all edges into one node. */
static struct graph *
make_star(void)
{
    const uint32_t points = 3000;
    struct graph *const graph = graph_new(points + 2);
    for (uint32_t i = 0; i < points; i++) {
        graph_link(graph, points, i);
        graph_link(graph, i, points + 1);
    }
    graph_link(graph, points + 1, points);
    return graph_finish(graph);
}

/* Many small cycles: a dead one beside each live one. */
static struct graph *
make_pairs(void)
{
    const uint32_t pairs = 1500;
    struct graph *const graph = graph_new(2 * pairs);
    for (uint32_t i = 0; i < pairs; i++) {
        ring(graph, 2 * i, 2);
        graph->held[2 * i] = i % 2 == 0;
    }
    return graph_finish(graph);
}

const struct shape graph_zoo[] = {
    {"empty", make_empty},
    {"self_loop", make_self_loop},
    {"ring", make_ring},
    {"figure_eight", make_figure_eight},
    {"ladder", make_ladder},
    {"clique", make_clique},
    {"tree_with_parents", make_tree_with_parents},
    {"doubly_linked_list", make_doubly_linked_list},
    {"garbage_cycle_to_live_tail", make_garbage_cycle_to_live_tail},
    {"live_to_garbage_looking_cycle", make_live_to_garbage_looking_cycle},
    {"cycle_of_cycles", make_cycle_of_cycles},
    {"duplicate_edges", make_duplicate_edges},
    {"green_leaves", make_green_leaves},
    {"lattice", make_lattice},
    {"star", make_star},
    {"pairs", make_pairs},
    {NULL, NULL},
};

/* --- all small graphs ------------------------------------------------------------------------------ */

static uint32_t
power(uint32_t base, uint32_t exponent)
{
    uint32_t value = 1;
    while (exponent-- > 0)
        value *= base;
    return value;
}

uint32_t
graph_small_count(uint32_t nodes)
{
    return power(nodes + 1, 2 * nodes) << nodes;
}

struct graph *
graph_small(uint32_t nodes, uint32_t from, uint32_t count)
{
    struct graph *const graph = graph_new(nodes * count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = (from + i) >> nodes;
        for (uint32_t k = 0; k < nodes; k++)
            graph->held[i * nodes + k] = (from + i) >> k & 1;
        for (uint32_t slot = 0; slot < 2 * nodes; slot++) {
            const uint32_t to = code % (nodes + 1);
            code /= nodes + 1;
            if (to != nodes)
                graph_link(graph, i * nodes + slot / 2, i * nodes + to);
        }
    }
    return graph_finish(graph);
}

/* --- random graphs --------------------------------------------------------------------------------- */

static uint32_t
draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

struct graph *
graph_random(uint64_t seed, uint32_t nodes, uint32_t edges, uint32_t held)
{
    struct graph *const graph = graph_new(nodes);
    uint64_t state = seed;
    for (uint32_t i = 0; i < edges; i++) {
        const uint32_t from = draw(&state, nodes);
        graph_link(graph, from, draw(&state, nodes));
    }
    for (uint32_t i = 0; i < held; i++)
        graph->held[draw(&state, nodes)] = true;
    return graph_finish(graph);
}
