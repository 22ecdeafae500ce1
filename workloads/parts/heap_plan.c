/* heap_plan.c - makes a plan: what the roots reach, what of it is mobile, components, clusters, and who
 * refers to whom. Nothing recurses: dumps hold lists of a million links.
 *
 * After: Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972.
 */
#include "workloads/parts/heap_plan.h"

#include <stdlib.h>
#include <string.h>

#define UNPLACED (UINT32_MAX - 1) /* in position: mobile, and not yet in the order */

/* One step down of Tarjan's search. */
struct frame {
    uint32_t node, slot; /* slot: the next reference to follow; a mobile object has few */
};

struct making {
    const struct orr_heap_graph *graph;
    struct orr_heap_plan *plan;
    uint32_t cluster_max, hub;
    uint32_t *found;        /* kept_count: the kept objects as the roots reach them */
    uint32_t *found_start;  /* root_count + 1: where each root's share of found begins */
    uint32_t *references;   /* per object: references to it */
    uint32_t *number, *low; /* Tarjan's, per object; number 0: not visited */
    uint32_t *stack;        /* Tarjan's, mobile_count */
    struct frame *frames;   /* mobile_count */
    uint32_t stacked, visited, placed, cluster_begin;
};

static uint32_t
degree(const struct orr_heap_graph *graph, uint32_t node)
{
    return (uint32_t)(graph->first_edge[node + 1] - graph->first_edge[node]);
}

static const uint32_t *
targets(const struct orr_heap_graph *graph, uint32_t node)
{
    return graph->edges + graph->first_edge[node];
}

/* An array that may have no elements; null means no memory. */
static void *
allocate(size_t count, size_t bytes)
{
    return calloc(count ? count : 1, bytes);
}

/* --- what the roots reach ------------------------------------------------------------------------- */

/* Finds all that `node` reaches. found serves as the list of what is still to be looked at. */
static void
find_from(struct making *making, bool *seen, uint32_t node)
{
    struct orr_heap_plan *plan = making->plan;
    if (seen[node])
        return;
    uint32_t next = plan->kept_count;
    seen[node] = true;
    making->found[plan->kept_count++] = node;
    for (; next < plan->kept_count; next++) {
        const uint32_t holder = making->found[next];
        const uint32_t *to = targets(making->graph, holder);
        for (uint32_t k = degree(making->graph, holder); k > 0; k--, to++) {
            if (seen[*to])
                continue;
            seen[*to] = true;
            making->found[plan->kept_count++] = *to;
        }
    }
}

static bool
find_kept(struct making *making)
{
    const struct orr_heap_graph *graph = making->graph;
    struct orr_heap_plan *plan = making->plan;
    bool *seen = allocate(graph->node_count, sizeof *seen);
    making->found = allocate(graph->node_count, sizeof *making->found);
    making->found_start = allocate((size_t)graph->root_count + 1, sizeof *making->found_start);
    if (!seen || !making->found || !making->found_start) {
        free(seen);
        return false;
    }
    for (uint32_t i = 0; i < graph->root_count; i++) {
        making->found_start[i] = plan->kept_count;
        find_from(making, seen, graph->roots[i]);
    }
    making->found_start[graph->root_count] = plan->kept_count;
    plan->kept = allocate(plan->kept_count, sizeof *plan->kept);
    for (uint32_t i = 0, k = 0; plan->kept && i < graph->node_count; i++)
        if (seen[i])
            plan->kept[k++] = i;
    free(seen);
    return plan->kept != NULL;
}

/* --- what is mobile ------------------------------------------------------------------------------- */

static void
count_references(struct making *making)
{
    const struct orr_heap_graph *graph = making->graph;
    struct orr_heap_plan *plan = making->plan;
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        const uint32_t node = plan->kept[i];
        const uint32_t *to = targets(graph, node);
        const uint32_t n = degree(graph, node);
        plan->edge_count += n;
        if (n > 0)
            plan->type_has_references[graph->node_type[node]] = true;
        for (uint32_t k = 0; k < n; k++)
            if (making->references[to[k]] != UINT32_MAX)
                making->references[to[k]]++;
    }
    for (uint32_t i = 0; i < graph->root_count; i++)
        making->references[graph->roots[i]] += making->references[graph->roots[i]] != UINT32_MAX;
}

static bool
find_mobile(struct making *making)
{
    const struct orr_heap_graph *graph = making->graph;
    struct orr_heap_plan *plan = making->plan;
    plan->type_has_references = allocate(graph->type_count, sizeof *plan->type_has_references);
    plan->position = allocate(graph->node_count, sizeof *plan->position);
    making->references = allocate(graph->node_count, sizeof *making->references);
    if (!plan->type_has_references || !plan->position || !making->references)
        return false;
    count_references(making);
    memset(plan->position, 0xff, graph->node_count * sizeof *plan->position); /* NONE */
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        const uint32_t node = plan->kept[i];
        if (making->references[node] <= making->hub && degree(graph, node) <= making->hub) {
            plan->position[node] = UNPLACED;
            plan->mobile_count++;
        }
    }
    return true;
}

/* --- order and clusters --------------------------------------------------------------------------- */

static void
end_cluster(struct making *making, uint32_t at)
{
    struct orr_heap_plan *plan = making->plan;
    plan->cluster_start[++plan->cluster_count] = at;
    making->cluster_begin = at;
}

/* A component has been placed at [begin, placed): it joins the open cluster, or begins one of its own; it
 * is cut only where it is too large for any. */
static void
add_component(struct making *making, uint32_t begin)
{
    const uint32_t end = making->placed;
    if (end - making->cluster_begin > making->cluster_max && making->cluster_begin < begin)
        end_cluster(making, begin);
    while (end - making->cluster_begin > making->cluster_max)
        end_cluster(making, making->cluster_begin + making->cluster_max);
}

static void
place_component(struct making *making, uint32_t node)
{
    struct orr_heap_plan *plan = making->plan;
    const uint32_t begin = making->placed;
    uint32_t member;
    do {
        member = making->stack[--making->stacked];
        plan->position[member] = making->placed;
        plan->order[making->placed++] = member;
    } while (member != node);
    add_component(making, begin);
}

static void
visit(struct making *making, uint32_t node, uint32_t *depth)
{
    making->number[node] = making->low[node] = ++making->visited;
    making->stack[making->stacked++] = node;
    making->frames[(*depth)++] = (struct frame){.node = node};
}

/* Places all that is mobile, not yet placed, and reached from `start` through mobile objects. */
static void
search_from(struct making *making, uint32_t start)
{
    const uint32_t *position = making->plan->position;
    uint32_t *number = making->number, *low = making->low;
    uint32_t depth = 0;
    visit(making, start, &depth);
    while (depth > 0) {
        struct frame *frame = &making->frames[depth - 1];
        const uint32_t node = frame->node;
        if (frame->slot < degree(making->graph, node)) {
            const uint32_t to = targets(making->graph, node)[frame->slot++];
            if (position[to] != UNPLACED)
                continue; /* no mobile object, or in a component that is done */
            if (number[to] == 0)
                visit(making, to, &depth);
            else if (number[to] < low[node])
                low[node] = number[to];
            continue;
        }
        if (--depth > 0 && low[node] < low[making->frames[depth - 1].node])
            low[making->frames[depth - 1].node] = low[node];
        if (low[node] == number[node])
            place_component(making, node);
    }
}

static void
place_region(struct making *making, uint32_t root)
{
    struct orr_heap_plan *plan = making->plan;
    const uint32_t first = plan->cluster_count;
    for (uint32_t i = making->found_start[root]; i < making->found_start[root + 1]; i++)
        if (plan->position[making->found[i]] == UNPLACED)
            search_from(making, making->found[i]);
    if (making->cluster_begin < making->placed)
        end_cluster(making, making->placed);
    if (plan->cluster_count > first)
        plan->regions[plan->region_count++] = (struct orr_heap_region){
            .first_cluster = first, .cluster_count = plan->cluster_count - first};
}

static bool
place_mobile(struct making *making)
{
    const struct orr_heap_graph *graph = making->graph;
    struct orr_heap_plan *plan = making->plan;
    making->number = allocate(graph->node_count, sizeof *making->number);
    making->low = allocate(graph->node_count, sizeof *making->low);
    making->stack = allocate(plan->mobile_count, sizeof *making->stack);
    making->frames = allocate(plan->mobile_count, sizeof *making->frames);
    plan->order = allocate(plan->mobile_count, sizeof *plan->order);
    plan->cluster_start = allocate((size_t)plan->mobile_count + 1, sizeof *plan->cluster_start);
    plan->regions = allocate(graph->root_count, sizeof *plan->regions);
    if (!making->number || !making->low || !making->stack || !making->frames || !plan->order ||
        !plan->cluster_start || !plan->regions)
        return false;
    for (uint32_t i = 0; i < graph->root_count; i++)
        place_region(making, i);
    return true;
}

/* --- who refers to whom --------------------------------------------------------------------------- */

/* Files a reference under its target, if that is mobile; while incoming is null it only counts them. */
static void
add_incoming(struct orr_heap_plan *plan, uint32_t target, uint32_t holder, uint32_t slot)
{
    const uint32_t place = plan->position[target];
    if (place == ORR_HEAP_PLAN_NONE)
        return;
    if (plan->incoming) /* first_incoming counts down from the end of each share to its beginning */
        plan->incoming[--plan->first_incoming[place]] =
            (struct orr_incoming){.holder = holder, .slot = slot};
    else
        plan->first_incoming[place]++;
}

static void
add_all_incoming(const struct orr_heap_graph *graph, struct orr_heap_plan *plan)
{
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        const uint32_t *to = targets(graph, plan->kept[i]);
        for (uint32_t k = 0, n = degree(graph, plan->kept[i]); k < n; k++)
            add_incoming(plan, to[k], plan->kept[i], k);
    }
    for (uint32_t i = 0; i < graph->root_count; i++)
        add_incoming(plan, graph->roots[i], ORR_HEAP_PLAN_ROOT, i);
}

static bool
find_incoming(const struct orr_heap_graph *graph, struct orr_heap_plan *plan)
{
    plan->first_incoming = allocate((size_t)plan->mobile_count + 1, sizeof *plan->first_incoming);
    if (!plan->first_incoming)
        return false;
    add_all_incoming(graph, plan);
    for (uint32_t i = 1; i <= plan->mobile_count; i++)
        plan->first_incoming[i] += plan->first_incoming[i - 1];
    plan->incoming = allocate(plan->first_incoming[plan->mobile_count], sizeof *plan->incoming);
    if (!plan->incoming)
        return false;
    add_all_incoming(graph, plan);
    return true;
}

/* --- what dies only by a collection --------------------------------------------------------------- */

/* The objects of cluster [begin, end) that counting alone frees, once nothing outside refers to it.
 * `inside` and `dead` are scratch: inside per place, dead of cluster_max. */
static uint32_t
count_freed(const struct orr_heap_graph *graph, const struct orr_heap_plan *plan, uint32_t begin,
            uint32_t end, uint32_t *inside, uint32_t *dead)
{
    uint32_t found = 0;
    for (uint32_t place = begin; place < end; place++) {
        inside[place] = 0;
        for (uint64_t i = plan->first_incoming[place]; i < plan->first_incoming[place + 1]; i++) {
            const uint32_t holder = plan->incoming[i].holder;
            const uint32_t from =
                holder == ORR_HEAP_PLAN_ROOT ? ORR_HEAP_PLAN_NONE : plan->position[holder];
            inside[place] += from >= begin && from < end;
        }
        if (inside[place] == 0)
            dead[found++] = place;
    }
    for (uint32_t next = 0; next < found; next++) {
        const uint32_t node = plan->order[dead[next]];
        const uint32_t *to = targets(graph, node);
        for (uint32_t k = degree(graph, node); k > 0; k--, to++) {
            const uint32_t place = plan->position[*to];
            if (place >= begin && place < end && --inside[place] == 0)
                dead[found++] = place;
        }
    }
    return found;
}

static bool
count_cyclic(const struct orr_heap_graph *graph, struct orr_heap_plan *plan)
{
    uint32_t *inside = allocate(plan->mobile_count, sizeof *inside);
    uint32_t *dead = allocate(plan->mobile_count, sizeof *dead);
    for (uint32_t i = 0; inside && dead && i < plan->cluster_count; i++) {
        const uint32_t begin = plan->cluster_start[i], end = plan->cluster_start[i + 1];
        plan->cyclic_count += end - begin - count_freed(graph, plan, begin, end, inside, dead);
    }
    const bool had_memory = inside && dead;
    free(inside);
    free(dead);
    return had_memory;
}

/* --- the door ------------------------------------------------------------------------------------- */

void
orr_heap_plan_fini(struct orr_heap_plan *plan)
{
    free(plan->kept);
    free(plan->order);
    free(plan->position);
    free(plan->first_incoming);
    free(plan->incoming);
    free(plan->cluster_start);
    free(plan->regions);
    free(plan->type_has_references);
    *plan = (struct orr_heap_plan){0};
}

enum orr_status
orr_heap_plan_make(const struct orr_heap_graph *graph, uint32_t cluster_max, uint32_t hub,
                   struct orr_heap_plan *plan, struct orr_error *error)
{
    *plan = (struct orr_heap_plan){0};
    if (graph->root_count == 0)
        return orr_fail(error, ORR_BAD_INPUT, "the heap has no roots, so nothing of it would live");
    struct making making = {.graph = graph, .plan = plan, .cluster_max = cluster_max, .hub = hub};
    const bool had_memory = find_kept(&making) && find_mobile(&making) && place_mobile(&making) &&
                            find_incoming(graph, plan) && count_cyclic(graph, plan);
    free(making.found);
    free(making.found_start);
    free(making.references);
    free(making.number);
    free(making.low);
    free(making.stack);
    free(making.frames);
    if (had_memory)
        return ORR_OK;
    orr_heap_plan_fini(plan);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to plan the life of %u objects",
                    graph->node_count);
}
