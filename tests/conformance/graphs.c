/* graphs.c - every shape of the zoo, every small graph, and random ones: what is reachable lives untouched,
 * what hangs from nothing dies at once, what only holds itself dies when the collector promises it.
 */
#include "tests/conformance/world.h"

#include <stdio.h>
#include <string.h>

static void
try_zoo(const struct orr_heap_options *options)
{
    struct world world = {NULL, NULL};
    for (const struct shape *shape = graph_zoo; shape->name; shape++) {
        /* What a collector does not promise to find would be in the way of the next shape. */
        if (!world.heap)
            world = world_open(options);
        struct graph *const graph = shape->make();
        world_try_graph(&world, graph, shape->name);
        graph_free(graph);
        if (!is_complete(options->collector)) {
            world_close(&world);
            world.heap = NULL;
        }
    }
    if (world.heap)
        world_close(&world);
}

/* Many small graphs side by side in one heap: they do not touch one another, and a collection costs what
 * they cost together. */
static void
try_small_of(const struct orr_heap_options *options, uint32_t nodes)
{
    enum { BATCH = UNDER_SANITIZER ? 1024 : 4096 };
    const uint32_t count = graph_small_count(nodes);
    struct world world = world_open(options);
    /* Sanitizers look for other things than wrong deaths: a part will do. */
    for (uint32_t from = 0; from < count; from += UNDER_SANITIZER ? 8 * BATCH : BATCH) {
        struct graph *const graph =
            graph_small(nodes, from, count - from < BATCH ? count - from : BATCH);
        char name[60];
        snprintf(name, sizeof name, "graphs of %u nodes from %u on", nodes, from);
        if (!is_complete(options->collector) && from) {
            world_close(&world);
            world = world_open(options);
        }
        world_try_graph(&world, graph, name);
        graph_free(graph);
    }
    world_close(&world);
}

/* There are a hundred graphs of three nodes for each one of two: two kinds of heap will do for them. */
static void
try_small(const struct orr_heap_options *options)
{
    const bool is_main = options->kind == &orr_heap_blocks || options->kind == &orr_heap_libc;
    for (uint32_t nodes = 1; nodes <= (is_main ? 3 : 2); nodes++)
        try_small_of(options, nodes);
}

static void
try_random(const struct orr_heap_options *options)
{
    /* From sparse, where most is acyclic, to dense, where one node holds nearly all. */
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint32_t nodes = 400, edges = (uint32_t)seed * 80;
        struct graph *const graph = graph_random(seed, nodes, edges, (uint32_t)seed % 5);
        struct world world = world_open(options);
        char name[60];
        snprintf(name, sizeof name, "random graph, seed %u", (unsigned)seed);
        world_try_graph(&world, graph, name);
        world_close(&world);
        graph_free(graph);
    }
}

#define COLLECTOR(collector, summary)                                                              \
    Test(zoo, collector)                                                                           \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_zoo);                                 \
    }                                                                                              \
    Test(small_graphs, collector)                                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_small);                               \
    }                                                                                              \
    Test(random_graphs, collector)                                                                 \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_random);                              \
    }
#include "collectors/list.def"
#undef COLLECTOR
