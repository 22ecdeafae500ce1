/* world.c - opening heaps, planting graphs, comparing with the model. */
#include "tests/conformance/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- types ----------------------------------------------------------------------------------------- */

struct node {
    struct orr_object header;
    struct orr_slot slots[2];
    struct payload payload;
};

struct leaf {
    struct orr_object header;
    struct payload payload;
};

static uint16_t index_node, index_leaf, index_array, index_plain;

const struct orr_type type_node = {
    .name = "node", .bytes = sizeof(struct node), .references = 2, .index = &index_node};
const struct orr_type type_leaf = {
    .name = "leaf", .bytes = sizeof(struct leaf), .flags = ORR_TYPE_ACYCLIC, .index = &index_leaf};
const struct orr_type type_array = {.name = "array",
                                    .bytes = sizeof(struct orr_array),
                                    .flags = ORR_TYPE_ARRAY,
                                    .index = &index_array};
const struct orr_type type_plain = {.name = "plain",
                                    .bytes = sizeof(struct orr_array),
                                    .flags = ORR_TYPE_ARRAY,
                                    .index = &index_plain};

static void
register_types(void)
{
    const struct orr_type *const types[] = {&type_node, &type_leaf, &type_array, &type_plain};
    struct orr_error error;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        cr_assert_eq(orr_type_register(types[i], &error), ORR_OK, "%s", error.message);
}

struct payload *
payload_of(struct orr_object *object)
{
    const struct orr_type *const type = orr_type_of(object);
    if (type == &type_leaf)
        return &((struct leaf *)object)->payload;
    if (type == &type_node)
        return &((struct node *)object)->payload;
    struct orr_array *const array = (struct orr_array *)object;
    return (struct payload *)&array->elements[array->length];
}

static uint64_t
check_of(const struct orr_object *object, uint64_t id)
{
    return (id ^ (uintptr_t)object) * 0x9e3779b97f4a7c15u;
}

void
payload_set(struct orr_object *object, uint64_t id)
{
    *payload_of(object) = (struct payload){.id = id, .check = check_of(object, id)};
}

uint64_t
payload_check(const struct world *world, struct orr_object *object)
{
    const struct payload *const payload = payload_of(object);
    cr_assert_eq(payload->check, check_of(object, payload->id), "%s: node %llu was written to",
                 world_name(world), (unsigned long long)payload->id);
    return payload->id;
}

/* --- heaps ----------------------------------------------------------------------------------------- */

struct orr_heap_options
world_options(const struct orr_collector *collector, const struct orr_heap_kind *kind)
{
    return (struct orr_heap_options){.rc = STRATEGY_UNDER_TEST,
                                     .collector = collector,
                                     .kind = kind,
                                     .trigger = {.kind = ORR_TRIGGER_manual},
                                     .workers = 1,
                                     .verify = kind->is_walkable,
                                     .ledger = true};
}

struct world
world_open(const struct orr_heap_options *options)
{
    struct world world = {NULL, NULL};
    struct orr_error error = {0};
    register_types();
    cr_assert_eq(orr_heap_create(options, &world.heap, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_thread_attach(world.heap, &world.thread, &error), ORR_OK, "%s", error.message);
    return world;
}

void
world_close(struct world *world)
{
    world_verify(world, true);
    orr_thread_detach(world->thread);
    cr_assert(!orr_load_relaxed(&world->heap->verification_failed), "%s", world_name(world));
    orr_heap_destroy(world->heap);
}

const char *
world_name(const struct world *world)
{
    static _Thread_local char name[100];
    snprintf(name, sizeof name, "%s%s %s %s", world->heap->rc->name, ORR_ROOTED ? "_rooted" : "",
             world->heap->collector->name, world->heap->kind->name);
    return name;
}

static bool
applies(const struct orr_collector *collector, const struct orr_heap_kind *kind, uint32_t threads,
        struct orr_error *error)
{
    if ((collector->needs & ORR_NEEDS_ROOTS) && !ORR_ROOTED) {
        orr_fail(error, ORR_NOT_APPLICABLE,
                 "%s on %s: the collector enumerates roots, and this variant links no locals",
                 collector->name, kind->name);
        return false;
    }
    return orr_pair_applies(STRATEGY_UNDER_TEST, collector, kind, threads, error);
}

/* Sanitizers need most of the address space for themselves; what is left is too little for some side tables. */
static bool
can_be_made(const struct orr_collector *collector, const struct orr_heap_kind *kind,
            struct orr_error *error)
{
    const struct orr_heap_options options = world_options(collector, kind);
    struct orr_heap *heap;
    if (orr_heap_create(&options, &heap, error) != ORR_OK)
        return false;
    orr_heap_destroy(heap);
    return true;
}

bool
world_applies(const struct orr_collector *collector, const struct orr_heap_kind *kind,
              uint32_t threads)
{
    struct orr_error error = {0};
    if (applies(collector, kind, threads, &error) && can_be_made(collector, kind, &error))
        return true;
    cr_assert(error.status == ORR_NOT_APPLICABLE || UNDER_SANITIZER, "%s", error.message);
    cr_assert(error.message[0], "%s on %s does not apply, and there is no reason", collector->name,
              kind->name);
    fprintf(stderr, "not applicable: %s\n", error.message);
    return false;
}

static void
for_heaps(const struct orr_collector *collector, uint32_t threads, bool all,
          void (*body)(const struct orr_heap_options *options))
{
    unsigned applied = 0;
    for (size_t i = 0; orr_heap_kinds[i]; i++) {
        const struct orr_heap_kind *const kind = orr_heap_kinds[i];
        if ((!all && kind != &orr_heap_blocks && kind != &orr_heap_libc) ||
            !world_applies(collector, kind, threads))
            continue;
        const struct orr_heap_options options = world_options(collector, kind);
        body(&options);
        applied++;
    }
    if (applied == 0) {
        struct orr_error error = {0};
        applies(collector, orr_heap_kinds[0], threads, &error);
        cr_skip_test("not applicable: %s", error.message);
    }
}

void
for_each_heap(const struct orr_collector *collector, uint32_t threads,
              void (*body)(const struct orr_heap_options *options))
{
    for_heaps(collector, threads, true, body);
}

void
for_main_heaps(const struct orr_collector *collector, uint32_t threads,
               void (*body)(const struct orr_heap_options *options))
{
    for_heaps(collector, threads, false, body);
}

bool
is_complete(const struct orr_collector *collector)
{
    return collector->completeness != 0 || collector->settle;
}

void
world_verify(struct world *world, bool exact)
{
    struct orr_error error = {0};
    orr_world_stop(world->heap, world->thread);
    orr_counts_settle(world->thread);
    const bool sound =
        (exact ? orr_heap_verify_exact : orr_heap_verify)(world->heap, world->thread, &error);
    orr_world_resume(world->heap);
    const bool checked = sound || world->heap->kind->is_walkable;
    cr_assert(sound || (!checked && error.status == ORR_NOT_APPLICABLE), "%s: %s",
              world_name(world), error.message);
}

void
world_settle(struct world *world)
{
    orr_settle(world->thread);
    world_verify(world, true);
}

uint64_t
world_live(struct world *world)
{
    struct orr_heap_totals totals;
    orr_heap_totals(world->heap, &totals);
    cr_assert_eq(totals.allocated - totals.freed, totals.live);
    return totals.live;
}

/* --- planting -------------------------------------------------------------------------------------- */

void
planted_open(struct planted *planted, struct world *world, const struct graph *graph,
             const char *name)
{
    planted->graph = graph;
    planted->name = name;
    orr_root_add(world->heap, &planted->scaffold);
    orr_root_add(world->heap, &planted->anchor);
}

void
planted_close(struct planted *planted, struct world *world)
{
    orr_root_remove(world->heap, &planted->scaffold);
    orr_root_remove(world->heap, &planted->anchor);
}

static struct orr_object *
checked(struct orr_object *object)
{
    cr_assert(object, "no memory for an object");
    return object;
}

static struct orr_object *
new_node(struct orr_thread *thread, const struct graph *graph, uint32_t i)
{
    const uint32_t slots = graph->first[i + 1] - graph->first[i];
    if (graph->green[i])
        return checked(orr_new(thread, &type_leaf));
    if (slots <= 2)
        return checked(orr_new(thread, &type_node));
    return checked(orr_new_array(thread, &type_array, slots, sizeof(struct payload)));
}

static struct orr_slot *
slot_of(struct orr_object *node, uint32_t i)
{
    return orr_type_of(node) == &type_array ? orr_element(node, i) : orr_field(node, i);
}

static void
link_node(struct orr_thread *thread, const struct graph *graph, struct orr_object *scaffold,
          uint32_t i)
{
    ORR_OWN(thread, node, orr_get_slot(thread, orr_element(scaffold, i)));
    for (uint32_t k = graph->first[i]; k < graph->first[i + 1]; k++) {
        ORR_OWN(thread, child, orr_get_slot(thread, orr_element(scaffold, graph->edge[k].to)));
        orr_set_slot(thread, node.ref, slot_of(node.ref, k - graph->first[i]), child.ref);
    }
}

void
planted_build(struct planted *planted, struct orr_thread *thread)
{
    const struct graph *const graph = planted->graph;
    ORR_OWN(thread, scaffold, checked(orr_new_array(thread, &type_plain, graph->nodes, 0)));
    ORR_OWN(thread, anchor, checked(orr_new_array(thread, &type_plain, graph->nodes, 0)));
    for (uint32_t i = 0; i < graph->nodes; i++) {
        struct orr_object *const node = new_node(thread, graph, i);
        payload_set(node, i);
        orr_init_slot(thread, scaffold.ref, orr_element(scaffold.ref, i), node);
    }
    for (uint32_t i = 0; i < graph->nodes; i++) {
        link_node(thread, graph, scaffold.ref, i);
        if (graph->held[i]) {
            ORR_OWN(thread, node, orr_get_slot(thread, orr_element(scaffold.ref, i)));
            orr_set_slot(thread, anchor.ref, orr_element(anchor.ref, i), node.ref);
        }
    }
    root_put(thread, &planted->scaffold, orr_take(&scaffold));
    root_put(thread, &planted->anchor, orr_take(&anchor));
}

void
planted_drop_scaffold(struct planted *planted, struct orr_thread *thread)
{
    root_put(thread, &planted->scaffold, NULL);
}

void
planted_drop_anchor(struct planted *planted, struct orr_thread *thread)
{
    root_put(thread, &planted->anchor, NULL);
}

/* --- comparing ------------------------------------------------------------------------------------- */

struct roll {
    const struct world *world;
    uint32_t nodes;
    uint8_t *seen;
};

static void
enter(struct orr_object *object, uint64_t serial, void *argument)
{
    struct roll *const roll = argument;
    (void)serial;
    if (orr_type_of(object) == &type_plain)
        return;
    const uint64_t id = payload_check(roll->world, object);
    cr_assert(id < roll->nodes);
    cr_assert(roll->seen[id]++ == 0, "node %llu lives twice", (unsigned long long)id);
}

void
planted_expect(struct planted *planted, struct world *world, const bool *alive, const char *when)
{
    const uint32_t nodes = planted->graph->nodes;
    struct roll roll = {world, nodes, calloc(nodes + 1, 1)};
    cr_assert(roll.seen);
    orr_ledger_each(world->heap->ledger, enter, &roll);
    for (uint32_t i = 0; i < nodes; i++)
        cr_assert(roll.seen[i] == alive[i], "%s, %s, %s: node %u of %u is %s", world_name(world),
                  planted->name, when, i, nodes, alive[i] ? "dead" : "alive");
    free(roll.seen);
}

/* A node that is reached: payload and references against the model. */
static void
check_node(struct planted *planted, struct world *world, struct orr_object *node, uint32_t id)
{
    const struct graph *const graph = planted->graph;
    struct orr_thread *const thread = world->thread;
    cr_assert_eq(payload_check(world, node), id);
    for (uint32_t k = graph->first[id]; k < graph->first[id + 1]; k++) {
        ORR_OWN(thread, child, orr_get_slot(thread, slot_of(node, k - graph->first[id])));
        cr_assert(child.ref, "%s, %s: an edge of node %u is gone", world_name(world), planted->name,
                  id);
        cr_assert_eq(payload_check(world, child.ref), graph->edge[k].to);
    }
}

/* Through the objects themselves, by a stack of counted references. */
void
planted_check_reachable(struct planted *planted, struct world *world)
{
    const struct graph *const graph = planted->graph;
    struct orr_thread *const thread = world->thread;
    ORR_OWN(thread, anchor, root_load(thread, &planted->anchor));
    ORR_OWN(thread, stack, checked(orr_new_array(thread, &type_plain, graph->nodes, 0)));
    bool *const seen = calloc(graph->nodes + 1, sizeof *seen);
    uint32_t depth = 0, found = 0;
    cr_assert(seen);
    for (uint32_t i = 0; i < graph->nodes; i++) {
        if (!graph->held[i])
            continue;
        ORR_OWN(thread, node, orr_get_slot(thread, orr_element(anchor.ref, i)));
        orr_give_slot(thread, stack.ref, orr_element(stack.ref, depth++), orr_take(&node));
        seen[i] = true;
    }
    while (depth) {
        ORR_OWN(thread, node, orr_get_slot(thread, orr_element(stack.ref, --depth)));
        const uint32_t id = (uint32_t)payload_of(node.ref)->id;
        check_node(planted, world, node.ref, id);
        found++;
        for (uint32_t k = graph->first[id]; k < graph->first[id + 1]; k++) {
            if (seen[graph->edge[k].to])
                continue;
            seen[graph->edge[k].to] = true;
            ORR_OWN(thread, child, orr_get_slot(thread, slot_of(node.ref, k - graph->first[id])));
            orr_give_slot(thread, stack.ref, orr_element(stack.ref, depth++), orr_take(&child));
        }
    }
    free(seen);
    bool *const alive = calloc(graph->nodes + 1, sizeof *alive);
    uint32_t expected = 0;
    graph_reachable(graph, alive);
    for (uint32_t i = 0; i < graph->nodes; i++)
        expected += alive[i];
    free(alive);
    cr_assert_eq(found, expected);
}

void
world_try_graph(struct world *world, const struct graph *graph, const char *name)
{
    const bool complete = is_complete(world->heap->collector);
    bool *const counting = calloc(graph->nodes + 1, sizeof *counting);
    bool *const reachable = calloc(graph->nodes + 1, sizeof *reachable);
    bool *const leaked = calloc(graph->nodes + 1, sizeof *leaked);
    struct planted planted;
    cr_assert(counting && reachable && leaked);
    graph_counting(graph, false, counting);
    graph_reachable(graph, reachable);
    if (!complete)
        graph_counting(graph, true, leaked);

    planted_open(&planted, world, graph, name);
    planted_build(&planted, world->thread);
    world_verify(world, true);

    planted_drop_scaffold(&planted, world->thread);
    if (ORR_COUNTED)
        planted_expect(&planted, world, counting, "after the drop");
    world_settle(world);
    planted_expect(&planted, world, complete ? reachable : counting, "after settling");
    planted_check_reachable(&planted, world);

    planted_drop_anchor(&planted, world->thread);
    world_settle(world);
    planted_expect(&planted, world, leaked, "at the end");
    planted_close(&planted, world);
    free(counting);
    free(reachable);
    free(leaked);
    if (complete)
        cr_assert_eq(world_live(world), 0, "%s, %s", world_name(world), name);
}
