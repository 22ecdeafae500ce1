/* heap_plan.c - workloads/parts/heap_plan: a dump becomes clusters that can be replaced. */
#include "workloads/parts/heap_plan.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 4096, EDGES_MAX = 16384, ROOTS_MAX = 64 };

/* A graph in the making: references in the order of their holders. */
static struct {
    struct orr_heap_graph graph;
    uint16_t node_type[NODES_MAX];
    uint32_t node_bytes[NODES_MAX];
    uint64_t first_edge[NODES_MAX + 1];
    uint32_t edges[EDGES_MAX];
    uint32_t roots[ROOTS_MAX];
    char *type_names[2];
} made;

static void
begin(void)
{
    static char one[] = "one", two[] = "two";
    memset(&made, 0, sizeof made);
    made.type_names[0] = one;
    made.type_names[1] = two;
    made.graph = (struct orr_heap_graph){.type_count = 2,
                                         .type_names = made.type_names,
                                         .node_type = made.node_type,
                                         .node_bytes = made.node_bytes,
                                         .first_edge = made.first_edge,
                                         .edges = made.edges,
                                         .roots = made.roots};
}

/* Adds a node; its references follow, ended by -1. */
#define NODE(...) add_node((const int[]){__VA_ARGS__})

static void
add_node(const int *to)
{
    struct orr_heap_graph *graph = &made.graph;
    for (; *to >= 0; to++)
        made.edges[graph->edge_count++] = (uint32_t)*to;
    made.first_edge[++graph->node_count] = graph->edge_count;
}

static void
add_root(uint32_t node)
{
    made.roots[made.graph.root_count++] = node;
}

static struct orr_heap_plan
make(uint32_t cluster_max, uint32_t hub)
{
    struct orr_heap_plan plan;
    struct orr_error error;
    cr_assert(orr_heap_graph_is_valid(&made.graph));
    cr_assert_eq(orr_heap_plan_make(&made.graph, cluster_max, hub, &plan, &error), ORR_OK);
    return plan;
}

/* Whether two objects are in one cluster. */
static bool
are_together(const struct orr_heap_plan *plan, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < plan->cluster_count; i++) {
        const uint32_t first = plan->cluster_start[i], end = plan->cluster_start[i + 1];
        if (plan->position[a] >= first && plan->position[a] < end)
            return plan->position[b] >= first && plan->position[b] < end;
    }
    return false;
}

/* What a plan promises, whatever the graph. */
static void
expect_sound(const struct orr_heap_plan *plan, uint32_t cluster_max, uint32_t hub)
{
    uint32_t mobile = 0;
    for (uint32_t i = 0; i < made.graph.node_count; i++)
        if (plan->position[i] != ORR_HEAP_PLAN_NONE) {
            cr_assert_eq(plan->order[plan->position[i]], i);
            mobile++;
        }
    cr_assert_eq(mobile, plan->mobile_count);
    cr_assert_eq(plan->cluster_start[0], 0);
    cr_assert_eq(plan->cluster_start[plan->cluster_count], mobile);
    for (uint32_t i = 0; i < plan->cluster_count; i++) {
        const uint32_t objects = plan->cluster_start[i + 1] - plan->cluster_start[i];
        cr_assert(objects >= 1 && objects <= cluster_max);
    }
    uint32_t next = 0;
    for (uint32_t i = 0; i < plan->region_count; i++) {
        cr_assert_eq(plan->regions[i].first_cluster, next);
        cr_assert_geq(plan->regions[i].cluster_count, 1);
        next += plan->regions[i].cluster_count;
    }
    cr_assert_eq(next, plan->cluster_count);
    for (uint32_t place = 0; place < mobile; place++) {
        const uint64_t references = plan->first_incoming[place + 1] - plan->first_incoming[place];
        cr_assert(references >= 1 && references <= hub);
        for (uint64_t i = plan->first_incoming[place]; i < plan->first_incoming[place + 1]; i++) {
            const struct orr_incoming *in = &plan->incoming[i];
            const uint32_t target = in->holder == ORR_HEAP_PLAN_ROOT
                                        ? made.roots[in->slot]
                                        : made.edges[made.first_edge[in->holder] + in->slot];
            cr_assert_eq(target, plan->order[place]);
        }
    }
    cr_assert_leq(plan->cyclic_count, mobile);
}

Test(heap_plan, what_no_root_reaches_is_left_out)
{
    begin();
    NODE(1, -1);
    NODE(-1);
    NODE(1, 3, -1); /* nobody holds 2 and 3 */
    NODE(2, -1);
    add_root(0);
    struct orr_heap_plan plan = make(8, 8);
    expect_sound(&plan, 8, 8);
    cr_expect_eq(plan.kept_count, 2);
    cr_expect_eq(plan.edge_count, 1);
    cr_expect_eq(plan.kept[0], 0);
    cr_expect_eq(plan.kept[1], 1);
    cr_expect_eq(plan.position[2], ORR_HEAP_PLAN_NONE);
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, a_small_cycle_stays_whole_and_needs_a_collection)
{
    begin();
    NODE(1, 3, -1);
    NODE(2, -1); /* 1 -> 2 -> 1, and 2 -> 4 */
    NODE(1, 4, -1);
    NODE(-1);
    NODE(-1);
    add_root(0);
    struct orr_heap_plan plan = make(3, 8);
    expect_sound(&plan, 3, 8);
    cr_expect(are_together(&plan, 1, 2));
    cr_expect_eq(plan.cyclic_count, 3, "%u", plan.cyclic_count); /* 1, 2, and 4 hangs from them */
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, a_chain_is_freed_by_counting)
{
    begin();
    for (int i = 0; i < 100; i++)
        NODE(i + 1, -1);
    NODE(-1);
    add_root(0);
    struct orr_heap_plan plan = make(7, 8);
    expect_sound(&plan, 7, 8);
    cr_expect_eq(plan.cyclic_count, 0);
    cr_expect_eq(plan.cluster_count, 15); /* 101 objects by sevens */
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, a_cycle_too_large_for_a_cluster_is_cut)
{
    begin();
    for (int i = 0; i < 20; i++)
        NODE((i + 1) % 20, -1);
    add_root(0);
    struct orr_heap_plan plan = make(8, 8);
    expect_sound(&plan, 8, 8);
    cr_expect_eq(plan.cluster_count, 3);
    cr_expect_eq(plan.cyclic_count, 0); /* no part of the ring is a cycle */
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, an_object_that_refers_to_itself_needs_a_collection)
{
    begin();
    NODE(0, 1, -1);
    NODE(1, 1, -1);
    add_root(0);
    struct orr_heap_plan plan = make(1, 8);
    expect_sound(&plan, 1, 8);
    cr_expect_eq(plan.cyclic_count, 2);
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, hubs_are_not_mobile)
{
    begin();
    NODE(1, 2, 3, 4, -1); /* four references of its own */
    for (int i = 1; i < 5; i++)
        NODE(5, -1);
    NODE(-1); /* four references to it */
    add_root(0);
    struct orr_heap_plan plan = make(8, 3);
    expect_sound(&plan, 8, 3);
    cr_expect_eq(plan.mobile_count, 4);
    cr_expect_eq(plan.position[0], ORR_HEAP_PLAN_NONE);
    cr_expect_eq(plan.position[5], ORR_HEAP_PLAN_NONE);
    orr_heap_plan_fini(&plan);
    plan = make(8, 4);
    expect_sound(&plan, 8, 4);
    cr_expect_eq(plan.mobile_count, 6);
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, a_root_is_a_reference_and_has_its_region)
{
    begin();
    NODE(2, -1);
    NODE(2, 3, -1);
    NODE(-1);
    NODE(-1);
    add_root(0);
    add_root(1);
    add_root(2);
    struct orr_heap_plan plan = make(8, 8);
    expect_sound(&plan, 8, 8);
    cr_expect_eq(plan.region_count, 2); /* what root 2 reaches, root 0 reached first */
    cr_expect_eq(plan.regions[0].cluster_count, 1);
    cr_expect(are_together(&plan, 0, 2));
    cr_expect(are_together(&plan, 1, 3));
    cr_expect(!are_together(&plan, 2, 3));
    uint32_t place = plan.position[2];
    cr_expect_eq(plan.first_incoming[place + 1] - plan.first_incoming[place], 3);
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, types_that_never_refer_are_known)
{
    begin();
    NODE(1, 1, -1);
    NODE(-1);
    made.node_type[1] = 1;
    add_root(0);
    struct orr_heap_plan plan = make(8, 8);
    cr_expect(plan.type_has_references[0]);
    cr_expect(!plan.type_has_references[1]);
    orr_heap_plan_fini(&plan);
}

Test(heap_plan, random_graphs_keep_every_promise)
{
    uint32_t random = 2463534242u;
    for (int round = 0; round < 200; round++) {
        begin();
        const uint32_t n = 1 + (uint32_t)round * 3;
        for (uint32_t i = 0; i < n; i++) {
            int to[8];
            uint32_t k = 0;
            for (random = random * 1664525 + 1013904223; k < (random >> 8) % 5; k++)
                to[k] = (int)(((random >> 4) * (k + 1) * 2654435761u >> 3) % n);
            to[k] = -1;
            add_node(to);
        }
        for (uint32_t i = 0; i < n && made.graph.root_count < ROOTS_MAX; i += 1 + n / 7)
            add_root(i);
        struct orr_heap_plan plan = make(1 + (uint32_t)round % 9, 4);
        expect_sound(&plan, 1 + (uint32_t)round % 9, 4);
        orr_heap_plan_fini(&plan);
    }
}

Test(heap_plan, a_heap_without_roots_is_refused)
{
    struct orr_heap_plan plan;
    struct orr_error error;
    begin();
    NODE(-1);
    cr_expect_eq(orr_heap_plan_make(&made.graph, 8, 8, &plan, &error), ORR_BAD_INPUT);
    cr_expect(strstr(error.message, "roots"));
    orr_heap_plan_fini(&plan);
}
