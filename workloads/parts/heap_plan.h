/* heap_plan.h - how the heap of a dump can live on: which of its objects are replaced, and together with
 * which others.
 *
 * A plan is made once from a graph and is constant afterwards; any thread may read it.
 *
 * Kept      what the roots reach; the rest of the dump is left out.
 * Mobile    a kept object with at most `hub` references to it and at most `hub` of its own. The others
 *           (the interned, classes, module tables) are hubs, which in real programs grow old.
 * Order     the mobile objects, root by root as the roots reach them first, then by strongly connected
 *           component of the mobile graph, each component after those it leads to (Tarjan 1972). So what
 *           hangs together lies together, and small cycles are whole.
 * Cluster   a stretch of the order of at most `cluster_max` objects, cut between components where it can
 *           be. Replacing a cluster means: new objects of the same shape, every reference from outside
 *           redirected to them; then nothing refers to the old ones but they themselves.
 * Region    the clusters that one root reached first.
 */
#ifndef ORR_WORKLOADS_PARTS_HEAP_PLAN_H
#define ORR_WORKLOADS_PARTS_HEAP_PLAN_H

#include "workloads/parts/heap_file.h"

/* A reference to a mobile object. */
struct orr_incoming {
    uint32_t holder; /* a kept object, or ORR_HEAP_PLAN_ROOT */
    uint32_t slot;   /* which of its references; of the roots, which root */
};

#define ORR_HEAP_PLAN_ROOT UINT32_MAX
#define ORR_HEAP_PLAN_NONE UINT32_MAX

struct orr_heap_region {
    uint32_t first_cluster, cluster_count; /* at least one */
};

struct orr_heap_plan {
    uint32_t kept_count;
    uint64_t edge_count; /* references of kept objects */
    uint32_t *kept;      /* kept_count: the objects, ascending */

    uint32_t mobile_count;
    uint32_t *order;          /* mobile_count: the objects */
    uint32_t *position;       /* per object of the graph: its place in order, or NONE */
    uint64_t *first_incoming; /* mobile_count + 1, by place in order */
    struct orr_incoming *incoming;

    uint32_t cluster_count;
    uint32_t *cluster_start; /* cluster_count + 1: places in order */
    uint32_t region_count;
    struct orr_heap_region *regions;

    /* Of the mobile objects, those that die only by a collection when their cluster is replaced: they are
     * on a cycle within it or hang from one. */
    uint32_t cyclic_count;
    bool *type_has_references; /* per type of the graph: whether any instance does */
};

/* Makes a plan. cluster_max and hub are at least 1. ORR_BAD_INPUT: the graph has no roots. On refusal
 * *plan is empty. */
enum orr_status orr_heap_plan_make(const struct orr_heap_graph *graph, uint32_t cluster_max,
                                   uint32_t hub, struct orr_heap_plan *plan,
                                   struct orr_error *error);

/* Frees what the plan holds and empties it. An empty plan may be freed again. */
void orr_heap_plan_fini(struct orr_heap_plan *plan);

#endif
