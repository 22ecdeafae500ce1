/* limits.c - the edges of a heap's life: objects that never die, releases that free a slice at a time, a limit
 * that is reached, several heaps at once, and a collection at every allocation.
 */
#include "tests/conformance/world.h"

#include <stdio.h>

static struct orr_object *
new_node(struct orr_thread *thread, uint64_t id)
{
    struct orr_object *const node = orr_new(thread, &type_node);
    cr_assert(node, "no memory for node %llu", (unsigned long long)id);
    payload_set(node, id);
    return node;
}

/* --- immortals ------------------------------------------------------------------------------------- */

/* An immortal with a mortal child, which refers back; a mortal ring refers to the immortal. */
static void
try_immortal(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_thread *const thread = world.thread;
    struct orr_root root;
    struct orr_object *immortal; /* it needs nobody to hold it */
    orr_root_add(world.heap, &root);
    {
        ORR_OWN(thread, first, new_node(thread, 1));
        ORR_OWN(thread, child, new_node(thread, 2));
        orr_set(thread, first.ref, 0, child.ref);
        orr_set(thread, child.ref, 0, first.ref);
        cr_assert(orr_immortalise(thread, first.ref));
        cr_assert(orr_immortalise(thread, first.ref), "once is enough, twice is harmless");
        cr_assert(orr_is_immortal(first.ref));
        immortal = first.ref;
    }
    world_settle(&world);
    cr_assert_eq(world_live(&world), 2, "%s: an immortal and its child", world_name(&world));
    for (uint32_t i = 0; i < 1000; i++) { /* counted like any other, to no effect */
        orr_retain(thread, immortal);
        orr_release(thread, immortal);
    }
    {
        ORR_OWN(thread, one, new_node(thread, 3));
        ORR_OWN(thread, other, new_node(thread, 4));
        orr_set(thread, one.ref, 0, other.ref);
        orr_set(thread, other.ref, 0, one.ref);
        orr_set(thread, other.ref, 1, immortal);
        root_put(thread, &root, orr_take(&one));
    }
    world_settle(&world);
    cr_assert_eq(world_live(&world), 4);
    root_put(thread, &root, NULL);
    world_settle(&world);
    if (is_complete(options->collector))
        cr_assert_eq(world_live(&world), 2, "%s: the ring has gone", world_name(&world));
    cr_assert_eq(payload_check(&world, immortal), 1);
    {
        ORR_OWN(thread, child, orr_get(thread, immortal, 0));
        cr_assert_eq(payload_check(&world, child.ref), 2);
    }
    orr_set(thread, immortal, 0, NULL); /* what it refers to is as mortal as ever */
    world_settle(&world);
    if (is_complete(options->collector))
        cr_assert_eq(world_live(&world), 1, "%s: the child has gone", world_name(&world));
    cr_assert_eq(payload_check(&world, immortal), 1);
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* --- slices ---------------------------------------------------------------------------------------- */

static void
try_slices(const struct orr_heap_options *chosen)
{
    enum { COUNT = 1000, SLICE = 7 };
    struct orr_heap_options options = *chosen;
    options.release_slice = SLICE;
    struct world world = world_open(&options);
    struct orr_thread *const thread = world.thread;
    struct orr_root root;
    orr_root_add(world.heap, &root);
    for (uint32_t i = 0; i < COUNT; i++) {
        ORR_OWN(thread, node, new_node(thread, i));
        orr_init(thread, node.ref, 0, orr_exchange_slot(thread, NULL, &root.slot, NULL));
        root_put(thread, &root, orr_take(&node));
    }
    root_put(thread, &root, NULL);
    if (ORR_COUNTED) {
        cr_assert_eq(world_live(&world), COUNT - SLICE, "%s: one release, one slice",
                     world_name(&world));
        for (uint64_t live = COUNT - SLICE, polls = 0; live; polls++) {
            orr_poll(thread);
            const uint64_t now = world_live(&world);
            cr_assert(now < live && live - now <= SLICE, "%s: a poll frees a slice",
                      world_name(&world));
            live = now;
        }
    }
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0);
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* Every way out of a half-buried list: another release, settling, verifying, leaving. */
static void
try_slices_of_graphs(const struct orr_heap_options *chosen)
{
    struct orr_heap_options options = *chosen;
    options.release_slice = 1;
    for (const struct shape *shape = graph_zoo; shape->name; shape++) {
        struct graph *const graph = shape->make();
        struct world world = world_open(&options);
        struct planted planted;
        planted_open(&planted, &world, graph, shape->name);
        planted_build(&planted, world.thread);
        planted_drop_scaffold(&planted, world.thread);
        planted_check_reachable(&planted, &world);
        world_settle(&world);
        planted_check_reachable(&planted, &world);
        planted_drop_anchor(&planted, world.thread);
        orr_thread_detach(world.thread); /* with a worklist */
        struct orr_error error;
        cr_assert_eq(orr_thread_attach(world.heap, &world.thread, &error), ORR_OK);
        world_settle(&world);
        if (is_complete(options.collector))
            cr_assert_eq(world_live(&world), 0, "%s, %s", world_name(&world), shape->name);
        planted_close(&planted, &world);
        world_close(&world);
        graph_free(graph);
    }
}

/* --- the limit ------------------------------------------------------------------------------------- */

enum { LIMIT = UNDER_SANITIZER ? 256 << 10 : 1 << 20 };

/* Adds nodes to a list in the root until there is no memory; how many. */
static uint32_t
fill(struct world *world, struct orr_root *root)
{
    struct orr_thread *const thread = world->thread;
    for (uint32_t count = 0;; count++) {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        if (!node.ref)
            return count;
        payload_set(node.ref, count);
        orr_init(thread, node.ref, 0, orr_exchange_slot(thread, NULL, &root->slot, NULL));
        root_put(thread, root, orr_take(&node));
    }
}

static void
try_limit(const struct orr_heap_options *chosen)
{
    struct orr_heap_options options = *chosen;
    options.bytes_limit = LIMIT;
    options.verify = false; /* every refusal collects twice */
    struct world world = world_open(&options);
    struct orr_root root;
    orr_root_add(world.heap, &root);
    const uint32_t first = fill(&world, &root);
    const uint32_t most = (uint32_t)(options.bytes_limit / type_node.bytes);
    cr_assert(first <= most && first > most / 2, "%s: %u nodes in %u", world_name(&world), first,
              most);
    cr_assert(orr_load_relaxed(&world.heap->bytes_used) <= options.bytes_limit);
    cr_assert_null(orr_new(world.thread, &type_node));
    cr_assert_null(orr_new_array(world.thread, &type_plain, LIMIT / 10, 0));
    world_verify(&world, true); /* the heap is intact */

    root_put(world.thread, &root, NULL); /* dropping something lets it go on */
    if (!options.collector->hooks) {     /* but who keeps the dead keeps their memory */
        const uint32_t second = fill(&world, &root);
        cr_assert(second >= first * 9 / 10, "%s: %u nodes, then %u", world_name(&world), first,
                  second);
        root_put(world.thread, &root, NULL);
        struct orr_object *const large = orr_new_array(world.thread, &type_plain, LIMIT / 12, 0);
        cr_assert(large, "%s: memory of small objects serves a large one", world_name(&world));
        ORR_OWN(world.thread, held, large);
    }
    cr_assert(orr_load_relaxed(&world.heap->bytes_peak) <= options.bytes_limit);
    orr_settle(world.thread);
    world_verify(&world, true);
    cr_assert_eq(world_live(&world), 0);
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* Garbage that only a collector finds is found when the limit is reached. */
static void
try_limit_with_cycles(const struct orr_heap_options *chosen)
{
    if (!is_complete(chosen->collector))
        return;
    struct orr_heap_options options = *chosen;
    options.bytes_limit = LIMIT;
    options.verify = false;
    struct world world = world_open(&options);
    struct orr_thread *const thread = world.thread;
    const uint32_t most = (uint32_t)(options.bytes_limit / type_node.bytes);
    for (uint32_t i = 0; i < 4 * most; i += 2) {
        ORR_OWN(thread, one, new_node(thread, i));
        ORR_OWN(thread, other, new_node(thread, i + 1));
        orr_set(thread, one.ref, 0, other.ref);
        orr_set(thread, other.ref, 0, one.ref);
    }
    cr_assert(orr_load_acquire(&world.heap->collections_done) >= 3, "%s", world_name(&world));
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0);
    world_close(&world);
}

/* --- several heaps --------------------------------------------------------------------------------- */

/* The same story in several heaps at once, interleaved; one is destroyed with everything in it. */
static void
try_several(const struct orr_heap_options *options)
{
    enum { HEAPS = 4 };
    struct world worlds[HEAPS];
    struct planted planted[HEAPS];
    struct graph *graphs[HEAPS];
    for (uint32_t i = 0; i < HEAPS; i++) {
        worlds[i] = world_open(options);
        graphs[i] = graph_random(i + 50, 300, 500, 3);
        planted_open(&planted[i], &worlds[i], graphs[i], "one of several heaps");
    }
    for (uint32_t i = 0; i < HEAPS; i++)
        planted_build(&planted[i], worlds[i].thread);
    for (uint32_t i = 0; i < HEAPS; i++)
        planted_drop_scaffold(&planted[i], worlds[i].thread);
    world_settle(&worlds[1]);
    for (uint32_t i = 0; i < HEAPS; i++)
        planted_check_reachable(&planted[i], &worlds[i]);
    orr_thread_detach(worlds[2].thread);
    orr_heap_destroy(worlds[2].heap);
    for (uint32_t i = 0; i < HEAPS; i++) {
        if (i == 2)
            continue;
        planted_check_reachable(&planted[i], &worlds[i]);
        planted_drop_anchor(&planted[i], worlds[i].thread);
        world_settle(&worlds[i]);
        if (is_complete(options->collector))
            cr_assert_eq(world_live(&worlds[i]), 0, "%s", world_name(&worlds[i]));
        planted_close(&planted[i], &worlds[i]);
        world_close(&worlds[i]);
    }
    for (uint32_t i = 0; i < HEAPS; i++)
        graph_free(graphs[i]);
}

/* --- stress ---------------------------------------------------------------------------------------- */

/* A collection before every allocation, verified before and after each. */
static void
try_stress(const struct orr_heap_options *chosen)
{
    struct orr_heap_options options = *chosen;
    options.stress_every = 1;
    for (uint64_t seed = 1; seed <= (UNDER_SANITIZER ? 1 : 4); seed++) {
        struct graph *const graph =
            graph_random(seed, 60, 60 + (uint32_t)seed * 20, (uint32_t)seed % 4);
        struct world world = world_open(&options);
        world_try_graph(&world, graph, "a random graph under stress");
        world_close(&world);
        graph_free(graph);
    }
}

/* The same at every third allocation, for every shape that is small enough. */
static void
try_stress_zoo(const struct orr_heap_options *chosen)
{
    struct orr_heap_options options = *chosen;
    options.stress_every = 3;
    for (const struct shape *shape = graph_zoo; shape->name; shape++) {
        struct graph *const graph = shape->make();
        if (graph->nodes <= 100) {
            struct world world = world_open(&options);
            world_try_graph(&world, graph, shape->name);
            world_close(&world);
        }
        graph_free(graph);
    }
}

#define COLLECTOR(collector, summary)                                                              \
    Test(limits_immortal, collector)                                                               \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_immortal);                            \
    }                                                                                              \
    Test(limits_slice, collector)                                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_slices);                              \
        for_each_heap(orr_collector_find(#collector), 1, try_slices_of_graphs);                    \
    }                                                                                              \
    Test(limits_bytes, collector)                                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_limit);                               \
        for_each_heap(orr_collector_find(#collector), 1, try_limit_with_cycles);                   \
    }                                                                                              \
    Test(limits_several, collector)                                                                \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_several);                             \
    }                                                                                              \
    Test(stress_random, collector)                                                                 \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_stress);                              \
    }                                                                                              \
    Test(stress_zoo, collector)                                                                    \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_stress_zoo);                          \
    }
#include "collectors/list.def"
#undef COLLECTOR
