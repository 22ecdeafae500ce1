/* figure_list.c - the figures and their bars.
 *
 * A run of a workload is one job of it, on a heap of its own. Where nothing is said of counting, it is
 * `biased`; of a heap, `blocks`.
 */
#include "bench/figure.h"

#define WORKLOAD(name) .measure = orr_measure_workload, .workload = name

/* One pair counted by one thread; sizes are pairs. */
#define COUNTING(which, text, rc)                                                                  \
    {                                                                                              \
        .label = text, WORKLOAD("counting"), .strategy = rc, .collector = "none",                  \
        .settings = {"case=" which, "sharing=none"}, .size_key = "pairs", .size = 5000000,         \
        .small_size = 50000, .note = "ns_per_pair"                                                 \
    }

#define COUNTING_ARMS(which)                                                                       \
    {                                                                                              \
        COUNTING(which, "biased", "biased"), COUNTING(which, "biased again", "biased"),            \
            COUNTING(which, "plain", "plain"), COUNTING(which, "atomic", "atomic"),                \
    }

#define COUNTING_BARS                                                                              \
    {                                                                                              \
        {.name = "biased", .relation = ORR_REPORTED, .unit = "ns"},                                \
            {.name = "biased / plain", .limit = 1.5, .is_ratio = true, .rival = 2, .control = 1},  \
            {.name = "atomic / biased",                                                            \
             .relation = ORR_AT_LEAST,                                                             \
             .limit = 2.5,                                                                         \
             .is_ratio = true,                                                                     \
             .arm = 3,                                                                             \
             .control = 1},                                                                        \
    }

/* Trees that come and go; sizes are levels. */
#define TREES(text, rc, pair, place)                                                               \
    {                                                                                              \
        .label = text, WORKLOAD("trees"), .strategy = rc, .collector = pair, .heap = place,        \
        .size_key = "depth", .size = 18, .small_size = 8, .note = "ns_per_node"                    \
    }

#define BARE_TREES(text, node)                                                                     \
    {                                                                                              \
        .label = text, .measure = orr_measure_rival_trees, .rival = node, .size = 18,              \
        .small_size = 8                                                                            \
    }

/* One collection of one graph; sizes are objects. */
#define GRAPH(text, pair, team, graph, is, objects)                                                \
    {                                                                                              \
        .label = text, WORKLOAD("graphs"), .strategy = "biased", .collector = pair,                \
        .workers = team, .settings = {"shape=" graph, "state=" is}, .size_key = "objects",         \
        .size = objects, .small_size = 10000, .note = "ns_per_object"                              \
    }

#define TOUCHED(text, key, value)                                                                  \
    {                                                                                              \
        .label = text, WORKLOAD("graphs"), .strategy = "biased", .collector = "trial",             \
        .settings = {"shape=tree", "state=live", "candidates=one", key value},                     \
        .size_key = "objects", .size = 10000000, .small_size = 10000, .note = "ns_per_object"      \
    }

/* Allocated by one thread, dropped by another; sizes are rounds of 100,000. */
#define REMOTE(text, rc)                                                                           \
    {                                                                                              \
        .label = text, WORKLOAD("churn"), .strategy = rc, .collector = "none", .threads = "2",     \
        .settings = {"case=remote", "bytes=48"}, .size = 50, .small_size = 2,                      \
        .note = "ns_per_object"                                                                    \
    }

#define BATCHES(text)                                                                              \
    {                                                                                              \
        .label = text, .measure = orr_measure_batches, .strategy = "biased", .collector = "none",  \
        .heap = "blocks", .size = 50000, .small_size = 500                                         \
    }

#define RIVAL_BATCHES(text, allocator)                                                             \
    {                                                                                              \
        .label = text, .measure = orr_measure_rival_batches, .rival = allocator, .size = 50000,    \
        .small_size = 500                                                                          \
    }

#define UPGRADES(rc)                                                                               \
    {                                                                                              \
        .label = rc, .measure = orr_measure_upgrades, .strategy = rc, .collector = "none",         \
        .heap = "blocks", .size = 20000, .small_size = 20                                          \
    }

#define EMPTY(pair)                                                                                \
    {                                                                                              \
        .label = pair, .measure = orr_measure_empty, .strategy = "biased", .collector = pair,      \
        .heap = "blocks", .size = 2000, .small_size = 20                                           \
    }

/* Sizes are objects; small ones are all the same. */
#define RINGS(text, pair, kind, objects)                                                           \
    {                                                                                              \
        .label = text, .measure = orr_measure_##kind, .strategy = "biased", .collector = pair,     \
        .heap = "blocks", .size = objects, .small_size = 10000                                     \
    }

#define FINALIZERS(pair)                                                                           \
    {                                                                                              \
        .name = "finalizers_" pair,                                                                \
        .title = "Objects in dead rings of a hundred, each with a finalizer that does nothing, "   \
                 "per object",                                                                     \
        .arms = {RINGS("none", pair, rings, 1000000), RINGS("none again", pair, rings, 1000000),   \
                 RINGS("a million", pair, finalized_rings, 1000000),                               \
                 RINGS("a hundred thousand", pair, finalized_rings, 100000),                       \
                 RINGS("ten million", pair, finalized_rings, 10000000)},                           \
        .bars = {                                                                                  \
            {.name = "a million / without finalizers",                                             \
             .limit = 2,                                                                           \
             .is_ratio = true,                                                                     \
             .arm = 2,                                                                             \
             .control = 1},                                                                        \
            {.name = "a hundred thousand", .relation = ORR_REPORTED, .unit = "ns", .arm = 3},      \
            {.name = "a million", .relation = ORR_REPORTED, .unit = "ns", .arm = 2},               \
            {.name = "ten million", .relation = ORR_REPORTED, .unit = "ns", .arm = 4},             \
            {.name = "a million, without", .relation = ORR_REPORTED, .unit = "ns"},                \
        },                                                                                         \
    }

const struct orr_figure orr_figures[] =
    {
        {
            .name = "counting_one",
            .title = "One retain and one release of one object, one thread",
            .arms = COUNTING_ARMS("one"),
            .bars = COUNTING_BARS,
        },
        {
            .name = "counting_l1",
            .title = "The same over 256 objects in the first cache",
            .arms = COUNTING_ARMS("l1_256"),
            .bars = COUNTING_BARS,
        },
        {
            .name = "allocate",
            .title = "Birth and death of 48 bytes in batches of 100, one thread",
            .arms = {BATCHES("blocks"), BATCHES("blocks again"),
                     RIVAL_BATCHES("jemalloc", "malloc"), RIVAL_BATCHES("mimalloc", "mimalloc")},
            .bars =
                {
                    {.name = "blocks", .limit = 5.5, .unit = "ns"},
                    {.name = "blocks / jemalloc",
                     .limit = 0.6,
                     .is_ratio = true,
                     .rival = 2,
                     .control = 1},
                    {.name = "blocks / mimalloc",
                     .relation = ORR_REPORTED,
                     .is_ratio = true,
                     .rival = 3,
                     .control = 1},
                },
        },
        {
            .name = "remote",
            .title = "Objects of 48 bytes that another thread drops, blocks",
            .arms = {REMOTE("atomic", "atomic"), REMOTE("biased", "biased")},
            .bars =
                {
                    {.name = "atomic", .limit = 15, .unit = "ns"},
                    {.name = "biased", .limit = 15, .unit = "ns", .arm = 1},
                },
        },
        {
            .name = "trees",
            .title = "Binary trees of depth 18, biased and trial, beside allocators",
            .arms = {TREES("blocks", "biased", "trial", "blocks"),
                     TREES("blocks again", "biased", "trial", "blocks"),
                     TREES("heap mimalloc", "biased", "trial", "mimalloc"),
                     BARE_TREES("bare mimalloc, nodes of 16 bytes", "bare"),
                     BARE_TREES("bare mimalloc, our object", "objects")},
            .bars =
                {
                    {.name = "blocks", .relation = ORR_REPORTED, .unit = "ns"},
                    {.name = "blocks / heap mimalloc",
                     .limit = 0.8,
                     .is_ratio = true,
                     .rival = 2,
                     .control = 1},
                    {.name = "blocks / bare mimalloc, 16 bytes",
                     .limit = 1.4,
                     .is_ratio = true,
                     .rival = 3,
                     .control = 1},
                    {.name = "blocks / bare mimalloc, our object",
                     .relation = ORR_REPORTED,
                     .is_ratio = true,
                     .rival = 4,
                     .control = 1},
                },
        },
        {
            .name = "trees_counted",
            .title = "The same trees without a collector, by strategy",
            .arms = {TREES("biased", "biased", "none", "blocks"),
                     TREES("biased again", "biased", "none", "blocks"),
                     TREES("plain", "plain", "none", "blocks"),
                     TREES("atomic", "atomic", "none", "blocks")},
            .bars =
                {
                    {.name = "plain", .relation = ORR_REPORTED, .unit = "ns", .arm = 2},
                    {.name = "biased / plain",
                     .limit = 1.15,
                     .is_ratio = true,
                     .rival = 2,
                     .control = 1},
                    {.name = "atomic / plain",
                     .limit = 1.3,
                     .is_ratio = true,
                     .arm = 3,
                     .rival = 2,
                     .control = 1},
                },
        },
        {
            .name = "dead_ring100",
            .title = "A million objects in dead rings of a hundred, one collection, per object",
            .arms = {GRAPH("trial", "trial", NULL, "ring100", "dead", 1000000),
                     GRAPH("subtract", "subtract", NULL, "ring100", "dead", 1000000)},
            .bars =
                {
                    {.name = "trial", .limit = 15, .unit = "ns"},
                    {.name = "subtract", .limit = 15, .unit = "ns", .arm = 1},
                },
        },
        {
            .name = "dead_rand3",
            .title = "A dead random graph of a million objects, per object",
            .arms = {GRAPH("trial", "trial", NULL, "rand3", "dead", 1000000),
                     GRAPH("subtract", "subtract", NULL, "rand3", "dead", 1000000)},
            .bars =
                {
                    {.name = "trial", .limit = 130, .unit = "ns"},
                    {.name = "subtract", .limit = 60, .unit = "ns", .arm = 1},
                },
        },
        {
            .name = "live_tree",
            .title = "A live tree of ten million objects in the order of allocation, per object",
            .arms = {GRAPH("mark", "mark", NULL, "tree", "live", 10000000),
                     GRAPH("subtract", "subtract", NULL, "tree", "live", 10000000)},
            .bars =
                {
                    {.name = "mark", .limit = 8, .unit = "ns"},
                    {.name = "subtract", .limit = 22, .unit = "ns", .arm = 1},
                },
        },
        {
            .name = "live_rand3",
            .title = "A live random graph of a million objects, per object",
            .arms = {GRAPH("mark, one worker", "mark", "0", "rand3", "live", 1000000),
                     GRAPH("mark, two workers", "mark", "1", "rand3", "live", 1000000),
                     GRAPH("subtract", "subtract", NULL, "rand3", "live", 1000000)},
            .bars =
                {
                    {.name = "mark, one worker", .limit = 45, .unit = "ns"},
                    {.name = "mark, two workers", .limit = 30, .unit = "ns", .arm = 1},
                    {.name = "subtract", .limit = 110, .unit = "ns", .arm = 2},
                },
        },
        {
            .name = "one_candidate",
            .title = "One object touched in a live tree of ten million, collected by trial",
            .arms = {TOUCHED("asked for: complete", "", ""),
                     TOUCHED("with the budget of an automatic one", "collector.budget=", "16384")},
            .bars =
                {
                    {.name = "visited, asked for",
                     .relation = ORR_REPORTED,
                     .unit = "objects",
                     .value = 1},
                    {.name = "time, asked for", .relation = ORR_REPORTED, .unit = "ms", .value = 2},
                    {.name = "visited, with a budget",
                     .relation = ORR_REPORTED,
                     .unit = "objects",
                     .arm = 1,
                     .value = 1},
                    {.name = "time, with a budget",
                     .relation = ORR_REPORTED,
                     .unit = "ms",
                     .arm = 1,
                     .value = 2},
                },
        },
        {
            .name = "stop",
            .title = "Stopping as many running mutators as there are processors",
            .arms = {{.label = "biased",
                      .measure = orr_measure_stops,
                      .strategy = "biased",
                      .collector = "none",
                      .heap = "blocks",
                      .size = 2000,
                      .small_size = 50}},
            .bars =
                {
                    {.name = "time to safepoint, p50", .limit = 20, .unit = "us"},
                    {.name = "time to safepoint, p99", .limit = 200, .unit = "us", .value = 1},
                    {.name = "the requester's wait, p50",
                     .relation = ORR_REPORTED,
                     .unit = "us",
                     .value = 2},
                    {.name = "the requester's wait, p99",
                     .relation = ORR_REPORTED,
                     .unit = "us",
                     .value = 3},
                },
        },
        {
            .name = "list",
            .title = "A list of ten million nodes dropped, on a stack of 64 KiB",
            .arms = {{.label = "biased",
                      .measure = orr_measure_list,
                      .strategy = "biased",
                      .collector = "none",
                      .heap = "blocks",
                      .size = 10000000,
                      .small_size = 100000}},
            .bars =
                {
                    {.name = "a node, in order", .limit = 4, .unit = "ns"},
                    /* A tenth: the kernel counts pages in batches, which is a hundred pages or so. */
                    {.name = "memory beside the objects",
                     .limit = 0.1,
                     .unit = "bytes",
                     .value = 1},
                },
        },
        {
            .name = "weak_upgrade",
            .title = "A weak reference asked for its referent, and the release of what it gave",
            .arms = {UPGRADES("biased"), UPGRADES("atomic"), UPGRADES("plain")},
            .bars =
                {
                    {.name = "biased, the owner", .limit = 15, .unit = "ns"},
                    {.name = "atomic", .relation = ORR_REPORTED, .unit = "ns", .arm = 1},
                    {.name = "plain", .relation = ORR_REPORTED, .unit = "ns", .arm = 2},
                    {.name = "biased / retain", .limit = 3, .unit = "x", .value = 1},
                    {.name = "atomic / retain", .limit = 3, .unit = "x", .arm = 1, .value = 1},
                    {.name = "plain / retain", .limit = 3, .unit = "x", .arm = 2, .value = 1},
                },
        },
        {
            .name = "collect_empty",
            .title = "A complete collection of a heap without objects",
            .arms = {EMPTY("trial"), EMPTY("subtract"), EMPTY("generations"), EMPTY("mark")},
            .bars =
                {
                    {.name = "trial", .limit = 10, .unit = "us", .scale = 0.001},
                    {.name = "subtract", .limit = 10, .unit = "us", .scale = 0.001, .arm = 1},
                    {.name = "generations", .limit = 10, .unit = "us", .scale = 0.001, .arm = 2},
                    {.name = "mark", .limit = 10, .unit = "us", .scale = 0.001, .arm = 3},
                },
        },
        FINALIZERS("trial"),
        FINALIZERS("subtract"),
        FINALIZERS("generations"),
        FINALIZERS("mark"),
        {.name = NULL},
};
