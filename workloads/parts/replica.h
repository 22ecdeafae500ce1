/* replica.h - a dumped heap made of living objects: how it is built, walked, and replaced in part.
 *
 * Compiled with the workload that includes it, once per strategy: all functions are static.
 *
 * Each object is an array of as many references and raw bytes as the dump says, with a stamp in its first
 * raw bytes; types whose instances never refer to anything are green. At every moment the graph from the
 * replica's roots on is the dump's, object by object; only while orr_replica_replace is in the middle, a
 * reference may still lead to an old object or already to its new one.
 *
 * Threads: the owner alone writes a replica, its slots included. Others may walk in it, from its array of
 * roots, through shared loads.
 *
 * where and roots are borrowed across safepoints: what they name hangs from the array of roots, which the
 * program holds as long as it uses the replica, and only the owner takes it out.
 */
#ifndef ORR_WORKLOADS_PARTS_REPLICA_H
#define ORR_WORKLOADS_PARTS_REPLICA_H

#include "runtime/mutator.h"
#include "workloads/parts/heap_plan.h"
#include "workloads/run.h"

static uint16_t orr_replica_node_index, orr_replica_leaf_index, orr_replica_table_index;
static const struct orr_type orr_replica_node_type = {
    .name = "replica_node",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &orr_replica_node_index,
};
static const struct orr_type orr_replica_leaf_type = {
    .name = "replica_leaf",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
    .index = &orr_replica_leaf_index,
};
/* Arrays of the program's own: roots, tables of objects in the making. */
static const struct orr_type orr_replica_table_type = {
    .name = "replica_table",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &orr_replica_table_index,
};

struct orr_replica {
    const struct orr_heap_graph *graph;
    const struct orr_heap_plan *plan;
    struct orr_object *
        *where; /* node_count of the graph: the object of each kept node. The caller's */
    struct orr_object *roots; /* the array of roots; null until built */
};

/* A place for new objects until they are linked. */
struct orr_replica_bench {
    struct orr_object
        *fresh; /* a table, held by the caller; nulls when nothing is being replaced */
    struct orr_object **made; /* the same objects, borrowed, during a replacement */
};

static inline enum orr_status
orr_replica_register_types(struct orr_error *error)
{
    enum orr_status status = orr_type_register(&orr_replica_node_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&orr_replica_leaf_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&orr_replica_table_type, error);
    return status;
}

/* A table of n references, counted; null without memory. */
static inline struct orr_object *
orr_replica_new_table(struct orr_thread *thread, uint64_t n)
{
    return orr_new_array(thread, &orr_replica_table_type, (uint32_t)n, 0);
}

/* --- objects -------------------------------------------------------------------------------------- */

/* Which node of the dump an object is, twice. */
struct orr_replica_stamp {
    uint32_t node, complement;
};

static inline uint32_t
orr_replica_length(const struct orr_object *object)
{
    return ((const struct orr_array *)object)->length;
}

static inline struct orr_replica_stamp *
orr_replica_stamp_of(struct orr_object *object)
{
    struct orr_array *array = (struct orr_array *)object;
    return (struct orr_replica_stamp *)(array->elements + array->length);
}

static inline const uint32_t *
orr_replica_targets(const struct orr_replica *replica, uint32_t node)
{
    return replica->graph->edges + replica->graph->first_edge[node];
}

/* An object for that node, its references null, counted; null without memory. */
static inline struct orr_object *
orr_replica_new_object(struct orr_thread *thread, const struct orr_replica *replica, uint32_t node)
{
    const struct orr_heap_graph *graph = replica->graph;
    uint32_t length = (uint32_t)(graph->first_edge[node + 1] - graph->first_edge[node]);
    uint32_t bytes = graph->node_bytes[node];
    if (bytes < sizeof(struct orr_replica_stamp))
        bytes = sizeof(struct orr_replica_stamp);
    bool refers = replica->plan->type_has_references[graph->node_type[node]];
    struct orr_object *object = orr_new_array(
        thread, refers ? &orr_replica_node_type : &orr_replica_leaf_type, length, bytes);
    if (object)
        *orr_replica_stamp_of(object) =
            (struct orr_replica_stamp){.node = node, .complement = ~node};
    return object;
}

/* --- building ------------------------------------------------------------------------------------- */

/* Makes all objects, held by `nodes`; false without memory. */
static inline bool
orr_replica_make_objects(struct orr_thread *thread, struct orr_replica *replica,
                         struct orr_object *nodes)
{
    const struct orr_heap_plan *plan = replica->plan;
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        struct orr_object *object = orr_replica_new_object(thread, replica, plan->kept[i]);
        if (!object)
            return false;
        orr_init_slot(thread, nodes, orr_element(nodes, i), object);
        replica->where[plan->kept[i]] = object;
    }
    return true;
}

static inline void
orr_replica_link_objects(struct orr_thread *thread, const struct orr_replica *replica,
                         struct orr_object *roots)
{
    const struct orr_heap_graph *graph = replica->graph;
    const struct orr_heap_plan *plan = replica->plan;
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        struct orr_object *object = replica->where[plan->kept[i]];
        const uint32_t *to = orr_replica_targets(replica, plan->kept[i]);
        orr_poll(thread);
        for (uint32_t k = 0; k < orr_replica_length(object); k++) {
            orr_retain(thread, replica->where[to[k]]);
            orr_init_slot(thread, object, orr_element(object, k), replica->where[to[k]]);
        }
    }
    for (uint32_t i = 0; i < graph->root_count; i++) {
        struct orr_object *object = replica->where[graph->roots[i]];
        orr_poll(thread);
        orr_retain(thread, object);
        orr_init_slot(thread, roots, orr_element(roots, i), object);
    }
}

/* Builds the replica, whose graph, plan and where are given, and stores its array of roots in a shared
 * slot of `holder`. False without memory, and then no object of it is left. */
static inline bool
orr_replica_build(struct orr_thread *thread, struct orr_replica *replica, struct orr_object *holder,
                  struct orr_slot *slot)
{
    ORR_OWN(thread, nodes, orr_replica_new_table(thread, replica->plan->kept_count));
    if (!nodes.ref)
        return false;
    ORR_OWN(thread, roots, orr_replica_new_table(thread, replica->graph->root_count));
    if (!roots.ref || !orr_replica_make_objects(thread, replica, nodes.ref))
        return false;
    orr_replica_link_objects(thread, replica, roots.ref);
    orr_store_slot(thread, holder, slot, roots.ref);
    replica->roots = roots.ref;
    return true;
}

/* How many references, roots included, lead where those of the dump do. Nobody writes it meanwhile. */
static inline uint64_t
orr_replica_count_right(struct orr_thread *thread, const struct orr_replica *replica)
{
    const struct orr_heap_graph *graph = replica->graph;
    const struct orr_heap_plan *plan = replica->plan;
    uint64_t right = 0;
    for (uint32_t i = 0; i < plan->kept_count; i++) {
        struct orr_object *object = replica->where[plan->kept[i]];
        const uint32_t *to = orr_replica_targets(replica, plan->kept[i]);
        orr_poll(thread);
        for (uint32_t k = 0; k < orr_replica_length(object); k++)
            right += orr_peek_slot(thread, orr_element(object, k)) == replica->where[to[k]];
    }
    for (uint32_t i = 0; i < graph->root_count; i++) {
        orr_poll(thread);
        right += orr_peek_slot(thread, orr_element(replica->roots, i)) ==
                 replica->where[graph->roots[i]];
    }
    return right;
}

/* --- walking -------------------------------------------------------------------------------------- */

/* Goes `steps` references from `start` (moved in; null: goes nowhere), choosing at random. Mixes what it
 * meets into *sum; false if it meets something that is no object of a replica of n nodes. */
static inline bool
orr_replica_walk(struct orr_thread *thread, struct orr_object *start, uint32_t n, uint64_t steps,
                 uint32_t *random, uint64_t *sum)
{
    ORR_OWN(thread, at, start);
    for (uint64_t i = 0; i < steps && at.ref; i++) {
        struct orr_replica_stamp stamp = *orr_replica_stamp_of(at.ref);
        if (stamp.node != ~stamp.complement || stamp.node >= n)
            return false;
        *sum = orr_mix(*sum, stamp.node);
        uint32_t length = orr_replica_length(at.ref);
        if (length == 0)
            break;
        uint32_t k = orr_random(random) % length;
        orr_own_set(&at, orr_load_slot(thread, orr_element(at.ref, k)));
    }
    return true;
}

/* --- replacing ------------------------------------------------------------------------------------ */

/* Places [begin, end) of the plan's order: objects that are replaced together. */
struct orr_replica_stretch {
    struct orr_replica *replica;
    struct orr_replica_bench *bench;
    uint32_t begin, end;
};

static inline bool
orr_replica_is_within(const struct orr_replica_stretch *stretch, uint32_t node)
{
    uint32_t place = stretch->replica->plan->position[node]; /* NONE is beyond every end */
    return place >= stretch->begin && place < stretch->end;
}

static inline bool
orr_replica_is_from_within(const struct orr_replica_stretch *stretch,
                           const struct orr_incoming *incoming)
{
    return incoming->holder != ORR_HEAP_PLAN_ROOT &&
           orr_replica_is_within(stretch, incoming->holder);
}

/* Takes new object i out of the table, counted. */
static inline struct orr_object *
orr_replica_take_fresh(struct orr_thread *thread, const struct orr_replica_bench *bench, uint32_t i)
{
    return orr_exchange_slot(thread, bench->fresh, orr_element(bench->fresh, i), NULL);
}

/* Makes the new objects of a stretch; false without memory, and then there are none. */
static inline bool
orr_replica_make_fresh(struct orr_thread *thread, const struct orr_replica_stretch *stretch)
{
    struct orr_replica_bench *bench = stretch->bench;
    for (uint32_t i = 0; i < stretch->end - stretch->begin; i++) {
        uint32_t node = stretch->replica->plan->order[stretch->begin + i];
        bench->made[i] = orr_replica_new_object(thread, stretch->replica, node);
        if (bench->made[i]) {
            orr_init_slot(thread, bench->fresh, orr_element(bench->fresh, i), bench->made[i]);
            continue;
        }
        while (i-- > 0)
            orr_give_slot(thread, bench->fresh, orr_element(bench->fresh, i), NULL);
        return false;
    }
    return true;
}

/* Links new object i to what lies outside the stretch. */
static inline void
orr_replica_link_outwards(struct orr_thread *thread, const struct orr_replica_stretch *stretch,
                          uint32_t i)
{
    const struct orr_replica *replica = stretch->replica;
    const uint32_t *to = orr_replica_targets(replica, replica->plan->order[stretch->begin + i]);
    struct orr_object *object = stretch->bench->made[i];
    for (uint32_t k = 0; k < orr_replica_length(object); k++) {
        if (orr_replica_is_within(stretch, to[k]))
            continue;
        orr_retain(thread, replica->where[to[k]]);
        orr_init_slot(thread, object, orr_element(object, k), replica->where[to[k]]);
    }
}

static inline void
orr_replica_link_within(struct orr_thread *thread, const struct orr_replica_stretch *stretch,
                        const struct orr_incoming *incoming, struct orr_object *object)
{
    uint32_t place = stretch->replica->plan->position[incoming->holder];
    struct orr_object *holder = stretch->bench->made[place - stretch->begin];
    orr_init_slot(thread, holder, orr_element(holder, incoming->slot), object);
}

/* Links the new objects that refer to new object i. If nothing else will, the last of them takes the
 * table's reference. */
static inline void
orr_replica_link_inwards(struct orr_thread *thread, const struct orr_replica_stretch *stretch,
                         uint32_t i)
{
    const struct orr_heap_plan *plan = stretch->replica->plan;
    const uint64_t *first = &plan->first_incoming[stretch->begin + i];
    struct orr_object *object = stretch->bench->made[i];
    const struct orr_incoming *last = NULL;
    bool is_held_outside = false;
    for (uint64_t k = first[0]; k < first[1]; k++) {
        if (!orr_replica_is_from_within(stretch, &plan->incoming[k])) {
            is_held_outside = true;
            continue;
        }
        if (last) {
            orr_retain(thread, object);
            orr_replica_link_within(thread, stretch, last, object);
        }
        last = &plan->incoming[k];
    }
    if (!last)
        return;
    if (is_held_outside)
        orr_retain(thread, object);
    else
        orr_replica_take_fresh(thread, stretch->bench, i);
    orr_replica_link_within(thread, stretch, last, object);
}

/* Overwrites a reference from outside the stretch; moves `object` in. */
static inline void
orr_replica_redirect(struct orr_thread *thread, const struct orr_replica *replica,
                     const struct orr_incoming *incoming, struct orr_object *object)
{
    struct orr_object *holder =
        incoming->holder == ORR_HEAP_PLAN_ROOT ? replica->roots : replica->where[incoming->holder];
    struct orr_slot *slot = orr_element(holder, incoming->slot);
    orr_release(thread, orr_exchange_slot(thread, holder, slot, object));
}

/* Redirects to new object i all that referred to the old one from outside; the last takes the table's
 * reference. */
static inline void
orr_replica_redirect_all(struct orr_thread *thread, const struct orr_replica_stretch *stretch,
                         uint32_t i)
{
    const struct orr_replica *replica = stretch->replica;
    const uint64_t *first = &replica->plan->first_incoming[stretch->begin + i];
    struct orr_object *object = stretch->bench->made[i];
    const struct orr_incoming *last = NULL;
    for (uint64_t k = first[0]; k < first[1]; k++) {
        const struct orr_incoming *incoming = &replica->plan->incoming[k];
        if (orr_replica_is_from_within(stretch, incoming))
            continue;
        if (last) {
            orr_retain(thread, object);
            orr_replica_redirect(thread, replica, last, object);
        }
        last = incoming;
    }
    if (last)
        orr_replica_redirect(thread, replica, last,
                             orr_replica_take_fresh(thread, stretch->bench, i));
}

/* Replaces the objects of a stretch by new ones; false without memory, and then nothing has changed.
 * A new object is held by the table until the last slot that refers to it takes that reference over, so
 * that a birth makes no candidate; what the table no longer holds hangs from what it holds or from the
 * replica, for each object of the dump was reached from outside its stretch. */
static inline bool
orr_replica_replace(struct orr_thread *thread, const struct orr_replica_stretch *stretch)
{
    const uint32_t n = stretch->end - stretch->begin;
    if (!orr_replica_make_fresh(thread, stretch))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        orr_poll(thread);
        orr_replica_link_outwards(thread, stretch, i);
        orr_replica_link_inwards(thread, stretch, i);
    }
    for (uint32_t i = 0; i < n; i++) {
        orr_poll(thread);
        orr_replica_redirect_all(thread, stretch, i);
        stretch->replica->where[stretch->replica->plan->order[stretch->begin + i]] =
            stretch->bench->made[i];
    }
    return true;
}

#endif
