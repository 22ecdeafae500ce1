/* threads.c - graphs that one thread builds and another drops: after the builder has gone, while it is
 * blocked, while it runs; and many threads at once on a few shared slots.
 *
 * Under biased counting these are the ways in which a last reference goes somewhere else than its owner.
 */
#include "tests/conformance/world.h"

#include <stdlib.h>

/* --- one builds, another drops --------------------------------------------------------------------- */

enum builder_fate { GOES, BLOCKS, RUNS };

enum { SMALL = 500 }; /* nodes that a sanitizer goes through fast enough */

struct builder {
    struct world *world;
    struct planted *planted;
    enum builder_fate fate;
    _Atomic(uint32_t) has_built, may_leave;
};

static struct orr_thread *
attach(struct orr_heap *heap)
{
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK, "%s", error.message);
    return thread;
}

/* Waits for a word to become 1; polls or blocks meanwhile. Between two polls it is neither blocked nor busy: a
 * loop would take a processor from who works. */
static void
await(_Atomic(uint32_t) *word, struct orr_thread *thread, bool blocks)
{
    if (blocks)
        orr_block_enter(thread);
    while (orr_load_acquire(word) == 0) {
        if (blocks)
            orr_park(word, 0, 10000000);
        else {
            orr_poll(thread);
            orr_park(word, 0, 20000);
        }
    }
    if (blocks)
        orr_block_leave(thread);
}

static void
announce(_Atomic(uint32_t) *word)
{
    orr_store_release(word, 1);
    orr_wake_all(word);
}

static void *
build(void *argument)
{
    struct builder *const builder = argument;
    struct orr_thread *const thread = attach(builder->world->heap);
    planted_build(builder->planted, thread);
    if (builder->fate == GOES) {
        orr_thread_detach(thread);
        announce(&builder->has_built);
        return NULL;
    }
    announce(&builder->has_built);
    await(&builder->may_leave, thread, builder->fate == BLOCKS);
    orr_thread_detach(thread);
    return NULL;
}

/* As world_try_graph, with a builder. What counting alone has freed is known when queues are merged. */
static void
try_graph_of_builder(struct world *world, const struct graph *graph, const char *name,
                     enum builder_fate fate)
{
    const bool complete = is_complete(world->heap->collector);
    bool *const alive = calloc(graph->nodes + 1, sizeof *alive);
    struct planted planted;
    struct builder builder = {.world = world, .planted = &planted, .fate = fate};
    struct orr_os_thread other;
    cr_assert(alive);
    planted_open(&planted, world, graph, name);
    if (world->heap->rc->threads_max == 1) { /* one at a time */
        orr_thread_detach(world->thread);
        cr_assert(orr_os_thread_start(&other, build, &builder, 0));
        orr_os_thread_join(&other);
        world->thread = attach(world->heap);
    } else {
        cr_assert(orr_os_thread_start(&other, build, &builder, 0));
        await(&builder.has_built, world->thread, true);
    }

    planted_drop_scaffold(&planted, world->thread);
    world_verify(world, true); /* merges what was queued */
    graph_counting(graph, false, alive);
    if (ORR_COUNTED)
        planted_expect(&planted, world, alive, "after the drop");
    world_settle(world);
    if (complete)
        graph_reachable(graph, alive);
    planted_expect(&planted, world, alive, "after settling");
    planted_check_reachable(&planted, world);

    planted_drop_anchor(&planted, world->thread);
    world_settle(world);
    if (complete)
        cr_assert_eq(world_live(world), 0, "%s, %s", world_name(world), name);
    announce(&builder.may_leave);
    if (world->heap->rc->threads_max != 1) {
        orr_block_enter(world->thread);
        orr_os_thread_join(&other);
        orr_block_leave(world->thread);
    }
    world_verify(world, true);
    struct orr_heap_totals totals;
    orr_heap_totals(world->heap, &totals);
    if (world->heap->rc->has_owner && graph->nodes)
        cr_assert(totals.merge_queued != 0 && totals.merged != 0 && totals.rc_shared != 0,
                  "%s, %s: owned by one, dropped by another, and never merged", world_name(world),
                  name);
    planted_close(&planted, world);
    free(alive);
}

static void
try_fate(const struct orr_heap_options *options, enum builder_fate fate)
{
    for (const struct shape *shape = graph_zoo; shape->name; shape++) {
        struct graph *const graph = shape->make();
        if (!UNDER_SANITIZER || graph->nodes <= SMALL) {
            struct world world = world_open(options);
            try_graph_of_builder(&world, graph, shape->name, fate);
            world_close(&world);
        }
        graph_free(graph);
    }
}

static void
try_gone(const struct orr_heap_options *options)
{
    try_fate(options, GOES);
}

static void
try_blocked(const struct orr_heap_options *options)
{
    try_fate(options, BLOCKS);
}

static void
try_running(const struct orr_heap_options *options)
{
    try_fate(options, RUNS);
}

/* --- leaving while others drop ---------------------------------------------------------------------- */

/* Each object, when it is destroyed, waits until another thread has dropped the next one. So each drop comes
 * after the owner has looked at its queue for what it thinks is the last time. */
enum { STEPS = 4 };

struct departure {
    struct world *world;
    struct orr_root roots[STEPS];       /* the objects, for the other thread to drop */
    _Atomic(uint32_t) dying[STEPS + 1]; /* 1: the object before is being destroyed */
    _Atomic(uint32_t) dropped[STEPS];   /* 1: the other thread has dropped it */
    _Atomic(uint32_t) is_ready, deaths;
};

static struct departure *departure;

struct step {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t number; /* 0: dropped by the owner itself */
};

/* Without a poll: the owner sees nothing of what the other does meanwhile. */
static void
destroy_step(struct orr_thread *thread, struct orr_object *object)
{
    const uint64_t number = ((struct step *)object)->number;
    (void)thread;
    orr_add_relaxed(&departure->deaths, 1);
    if (number == STEPS)
        return;
    orr_store_release(&departure->dying[number], 1);
    while (orr_load_acquire(&departure->dropped[number]) == 0)
        orr_yield();
}

static uint16_t step_index;
static const struct orr_type type_step = {.name = "step",
                                          .bytes = sizeof(struct step),
                                          .references = 2,
                                          .destroy = destroy_step,
                                          .index = &step_index};

/* Each step has a tail of two, so that a slice leaves some of it on the worklist. */
static struct orr_object *
new_step(struct orr_thread *thread, uint64_t number)
{
    ORR_OWN(thread, step, orr_new(thread, &type_step));
    ORR_OWN(thread, tail, orr_new(thread, &type_node));
    ORR_OWN(thread, end, orr_new(thread, &type_node));
    cr_assert(step.ref && tail.ref && end.ref);
    ((struct step *)step.ref)->number = number;
    orr_set(thread, tail.ref, 0, end.ref);
    orr_set(thread, step.ref, 0, tail.ref);
    return orr_take(&step);
}

static void *
leave(void *argument)
{
    struct departure *const own = argument;
    struct orr_thread *const thread = attach(own->world->heap);
    {
        /* The first release frees one object, the slice; the rest waits until the thread leaves. */
        ORR_OWN(thread, before, orr_new(thread, &type_node));
        cr_assert(before.ref);
        orr_give(thread, before.ref, 0, new_step(thread, 0));
        for (uint32_t i = 0; i < STEPS; i++)
            root_put(thread, &own->roots[i], new_step(thread, i + 1));
        announce(&own->is_ready);
    }
    orr_thread_detach(thread);
    return NULL;
}

static void
try_leaving(const struct orr_heap_options *chosen)
{
    if (!STRATEGY_UNDER_TEST->has_owner)
        return; /* what others drop never comes back to whoever made it */
    struct orr_heap_options options = *chosen;
    options.release_slice = 1;
    struct world world = world_open(&options);
    struct departure own = {.world = &world};
    struct orr_os_thread other;
    struct orr_error error;
    departure = &own;
    cr_assert_eq(orr_type_register(&type_step, &error), ORR_OK);
    for (uint32_t i = 0; i < STEPS; i++)
        orr_root_add(world.heap, &own.roots[i]);
    cr_assert(orr_os_thread_start(&other, leave, &own, 0));
    await(&own.is_ready, world.thread, true);
    for (uint32_t i = 0; i < STEPS; i++) {
        await(&own.dying[i], world.thread, true);
        root_put(world.thread, &own.roots[i], NULL);
        orr_store_release(&own.dropped[i], 1);
    }
    orr_block_enter(world.thread);
    orr_os_thread_join(&other);
    orr_block_leave(world.thread);
    world_settle(&world);
    cr_assert_eq(orr_load_relaxed(&own.deaths), STEPS + 1, "%s: %u deaths", world_name(&world),
                 orr_load_relaxed(&own.deaths));
    cr_assert_eq(world_live(&world), 0, "%s", world_name(&world));
    for (uint32_t i = 0; i < STEPS; i++)
        orr_root_remove(world.heap, &own.roots[i]);
    world_close(&world);
}

/* --- an owner that runs ----------------------------------------------------------------------------- */

/* What others drop dies soon after, at a poll of its owner: nobody has to stop the world for it. */
static void
try_soon(const struct orr_heap_options *options)
{
    if (!ORR_COUNTED)
        return; /* nothing dies of a drop */
    struct world world = world_open(options);
    struct graph *const graph = graph_random(3, 200, 0, 0);
    struct planted planted;
    struct builder builder = {.world = &world, .planted = &planted, .fate = RUNS};
    struct orr_os_thread other;
    planted_open(&planted, &world, graph, "200 objects by themselves");
    cr_assert(orr_os_thread_start(&other, build, &builder, 0));
    await(&builder.has_built, world.thread, true);
    planted_drop_scaffold(&planted, world.thread);
    planted_drop_anchor(&planted, world.thread);
    const uint64_t deadline_ns = orr_clock_ns() + 20000000000u;
    while (world_live(&world) != 0 && orr_clock_ns() < deadline_ns)
        orr_yield();
    cr_assert_eq(world_live(&world), 0, "%s: %lu objects wait for ever", world_name(&world),
                 (unsigned long)world_live(&world));
    announce(&builder.may_leave);
    orr_block_enter(world.thread);
    orr_os_thread_join(&other);
    orr_block_leave(world.thread);
    planted_close(&planted, &world);
    graph_free(graph);
    world_close(&world);
}

/* --- many at once ---------------------------------------------------------------------------------- */

enum { SLOTS = 4, WORKERS = 3, ROUNDS = UNDER_SANITIZER ? 400 : 4000, LIVES = 3 };

struct crowd {
    struct world *world;
    struct orr_root roots[SLOTS];
    _Atomic(uint64_t) checks;
};

struct member {
    struct crowd *crowd;
    uint64_t seed;
};

static uint32_t
draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

/* One operation on shared slots: what is found is whole, and stays while it is held. */
static void
do_round(struct member *member, struct orr_thread *thread)
{
    struct crowd *const crowd = member->crowd;
    struct orr_root *const one = &crowd->roots[draw(&member->seed, SLOTS)];
    struct orr_root *const other = &crowd->roots[draw(&member->seed, SLOTS)];
    ORR_OWN(thread, held, root_load(thread, one));
    if (held.ref)
        payload_check(crowd->world, held.ref);
    switch (draw(&member->seed, 8)) {
    case 0:
    case 1: { /* a fresh object that refers to what was held, twice: a cycle now and then */
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        payload_set(node.ref, member->seed);
        if (held.ref)
            orr_set(thread, node.ref, 0, held.ref);
        orr_store_slot(thread, NULL, &other->slot, node.ref);
        if (held.ref)
            orr_store(thread, held.ref, 1, node.ref);
        break;
    }
    case 2:
        orr_store_slot(thread, NULL, &other->slot, held.ref);
        break;
    case 3: {
        ORR_OWN(thread, out, orr_exchange_slot(thread, NULL, &other->slot, NULL));
        if (out.ref)
            payload_check(crowd->world, out.ref);
        break;
    }
    case 4:
        if (held.ref)
            orr_store(thread, held.ref, 1, NULL);
        break;
    case 5:
        orr_block_enter(thread);
        orr_yield();
        orr_block_leave(thread);
        break;
    default:
        if (held.ref) { /* shared fields are loaded, never peeked at */
            ORR_OWN(thread, next, orr_load(thread, held.ref, 1));
            if (next.ref)
                payload_check(crowd->world, next.ref);
        }
    }
    orr_poll(thread);
}

static void *
be_a_member(void *argument)
{
    struct member *const member = argument;
    for (uint32_t life = 0; life < LIVES; life++) { /* comes and goes */
        struct orr_thread *const thread = attach(member->crowd->world->heap);
        for (uint32_t i = 0; i < ROUNDS / LIVES; i++)
            do_round(member, thread);
        orr_thread_detach(thread);
    }
    return NULL;
}

static void
clear_roots(struct crowd *crowd, struct orr_thread *thread)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        root_put(thread, &crowd->roots[i], NULL);
        orr_root_remove(crowd->world->heap, &crowd->roots[i]);
    }
}

static void
try_crowd(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct crowd crowd = {.world = &world};
    struct member members[WORKERS];
    struct orr_os_thread threads[WORKERS];
    for (uint32_t i = 0; i < SLOTS; i++)
        orr_root_add(world.heap, &crowd.roots[i]);
    for (uint32_t i = 0; i < WORKERS; i++) {
        members[i] = (struct member){&crowd, 1000 + i};
        cr_assert(orr_os_thread_start(&threads[i], be_a_member, &members[i], 0));
    }
    for (uint32_t i = 0; i < 3; i++) { /* meanwhile, collections and verification */
        orr_collect(world.thread, "test");
        world_verify(&world, false);
    }
    orr_block_enter(world.thread);
    for (uint32_t i = 0; i < WORKERS; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(world.thread);
    world_settle(&world);
    clear_roots(&crowd, world.thread);
    world_settle(&world);
    if (is_complete(options->collector))
        cr_assert_eq(world_live(&world), 0, "%s", world_name(&world));
    world_close(&world);
}

#define COLLECTOR(collector, summary)                                                              \
    Test(threads_gone, collector)                                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_gone);                                \
    }                                                                                              \
    Test(threads_blocked, collector)                                                               \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_blocked);                             \
    }                                                                                              \
    Test(threads_running, collector)                                                               \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_running);                             \
    }                                                                                              \
    Test(threads_leaving, collector)                                                               \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_leaving);                             \
    }                                                                                              \
    Test(threads_soon, collector)                                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_soon);                                \
    }                                                                                              \
    Test(threads_crowd, collector)                                                                 \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), WORKERS + 1, try_crowd);                     \
    }
#include "collectors/list.def"
#undef COLLECTOR
