/* fork.c - a heap in a child process: whole, whatever the threads that did not come along were about.
 *
 * Each child verifies the heap, works on it, and drops everything. What vanished threads held in locals stays
 * counted there, so only where they held nothing must nothing be left.
 *
 * ThreadSanitizer sees neither futexes nor the death of threads in a child, whose shadow says that they are still
 * at what they did, and its deadlock detector cannot count the locks that jemalloc takes for a fork: this is left to
 * the other builds. AddressSanitizer's
 * allocator (clang 14) has locks that no fork takes: the child of a crowd that allocates finds one held for ever.
 */
#include "tests/conformance/world.h"

#include "runtime/fork.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

enum {
    CHILD_DONE = 42,   /* not 0: a failed assertion in a child must not end as a success */
    CHILD_SECONDS = 60 /* a child that hangs dies of it, and the parent goes on */
};

/* --- a child ----------------------------------------------------------------------------------------- */

static void
in_child(struct world *world, void (*body)(struct world *world, void *argument), void *argument)
{
    int status;
    orr_fork_prepare(world->thread);
    const pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        orr_fork_child(world->thread);
        body(world, argument);
        _exit(CHILD_DONE);
    }
    orr_fork_parent(world->thread);
    cr_assert(child > 0);
    orr_block_enter(world->thread);
    cr_assert_eq(waitpid(child, &status, 0), child);
    orr_block_leave(world->thread);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE,
              "%s: the child ended with status %x", world_name(world), (unsigned)status);
}

static struct orr_thread *
attach(struct orr_heap *heap)
{
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK, "%s", error.message);
    return thread;
}

/* Builds, drops and collects a ring: allocation, counting and collection work. */
static void
turn_a_ring(struct world *world, struct orr_thread *thread)
{
    enum { NODES = 1000 };
    const uint64_t live = world_live(world);
    {
        ORR_OWN(thread, first, orr_new(thread, &type_node));
        cr_assert(first.ref);
        payload_set(first.ref, 0);
        ORR_OWN(thread, last, NULL);
        orr_retain(thread, first.ref);
        orr_own_set(&last, first.ref);
        for (uint32_t i = 1; i < NODES; i++) {
            ORR_OWN(thread, node, orr_new(thread, &type_node));
            cr_assert(node.ref);
            payload_set(node.ref, i);
            orr_set(thread, last.ref, 0, node.ref);
            orr_own_set(&last, orr_take(&node));
        }
        orr_set(thread, last.ref, 0, first.ref);
    }
    if (thread != world->thread)
        return;
    orr_settle(thread);
    if (is_complete(world->heap->collector))
        cr_assert_eq(world_live(world), live, "%s", world_name(world));
}

/* --- alone ------------------------------------------------------------------------------------------- */

static void
check_graph(struct world *world, void *argument)
{
    struct planted *const planted = argument;
    const struct graph *const graph = planted->graph;
    bool *const alive = calloc(graph->nodes + 1, sizeof *alive);
    cr_assert(alive);
    world_verify(world, true);
    planted_drop_scaffold(planted, world->thread);
    world_verify(world, true);
    graph_counting(graph, false, alive);
    if (ORR_COUNTED)
        planted_expect(planted, world, alive, "after the drop");
    world_settle(world);
    if (is_complete(world->heap->collector)) {
        graph_reachable(graph, alive);
        planted_expect(planted, world, alive, "after settling");
    }
    planted_check_reachable(planted, world);
    planted_drop_anchor(planted, world->thread);
    world_settle(world);
    if (is_complete(world->heap->collector))
        cr_assert_eq(world_live(world), 0, "%s, %s", world_name(world), planted->name);
    turn_a_ring(world, world->thread);
    free(alive);
}

/* The sanitizer's allocator does not come whole through a fork in the middle of a thread's start: here the team of a
 * collector has worked before. */
static struct world
open_to_fork(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    if (UNDER_SANITIZER && is_complete(world.heap->collector)) {
        turn_a_ring(&world, world.thread);
        orr_settle(world.thread);
    }
    return world;
}

static void
try_alone(const struct orr_heap_options *options)
{
    enum { SHAPES = 6 }; /* of the zoo, from its beginning: a child each */
    uint32_t shapes = 0;
    for (const struct shape *shape = graph_zoo; shape->name && shapes < SHAPES; shape++, shapes++) {
        struct graph *const graph = shape->make();
        struct world world = open_to_fork(options);
        struct planted planted;
        planted_open(&planted, &world, graph, shape->name);
        planted_build(&planted, world.thread);
        in_child(&world, check_graph, &planted);
        check_graph(&world, &planted); /* nothing of it came through */
        planted_close(&planted, &world);
        world_close(&world);
        graph_free(graph);
    }
}

/* --- beside a blocked builder -------------------------------------------------------------------------- */

struct builder {
    struct world *world;
    struct planted *planted;
    _Atomic(uint32_t) has_built, may_leave;
};

static void
await(_Atomic(uint32_t) *word, struct orr_thread *thread)
{
    orr_block_enter(thread);
    while (orr_load_acquire(word) == 0)
        orr_park(word, 0, 10000000);
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
    announce(&builder->has_built);
    await(&builder->may_leave, thread);
    orr_thread_detach(thread);
    return NULL;
}

static void
try_beside_builder(const struct orr_heap_options *options)
{
    struct graph *const graph = graph_zoo[0].make();
    struct world world = open_to_fork(options);
    struct planted planted;
    struct builder builder = {.world = &world, .planted = &planted};
    struct orr_os_thread other;
    planted_open(&planted, &world, graph, "first of the zoo");
    cr_assert(orr_os_thread_start(&other, build, &builder, 0));
    await(&builder.has_built, world.thread);
    in_child(&world, check_graph, &planted);
    check_graph(&world, &planted);
    announce(&builder.may_leave);
    orr_block_enter(world.thread);
    orr_os_thread_join(&other);
    orr_block_leave(world.thread);
    planted_close(&planted, &world);
    world_close(&world);
    graph_free(graph);
}

/* --- beside a crowd ------------------------------------------------------------------------------------ */

enum {
    CROWD = 3,
    SLOTS = 8,
    FORKS = 4,
    NODES_MOST = 5000 /* that a member makes: what never dies must not fill the memory */
};

struct crowd {
    struct world *world;
    struct orr_root roots[SLOTS];
    _Atomic(uint32_t) may_leave;
};

struct member {
    struct crowd *crowd;
    uint64_t seed;
    uint32_t nodes;
};

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

static void
do_round(struct member *member, struct orr_thread *thread)
{
    struct crowd *const crowd = member->crowd;
    struct orr_slot *const one = &crowd->roots[draw(&member->seed, SLOTS)].slot;
    struct orr_slot *const other = &crowd->roots[draw(&member->seed, SLOTS)].slot;
    ORR_OWN(thread, held, orr_load_slot(thread, one));
    switch (draw(&member->seed, 6)) {
    case 0:
    case 1: {
        if (member->nodes++ >= NODES_MOST)
            break;
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        payload_set(node.ref, member->seed);
        if (held.ref)
            orr_set(thread, node.ref, 0, held.ref);
        orr_store_slot(thread, NULL, other, node.ref);
        if (held.ref)
            orr_store(thread, held.ref, 1, node.ref);
        break;
    }
    case 2:
        orr_store_slot(thread, NULL, other, held.ref);
        break;
    case 3:
        orr_store_slot(thread, NULL, other, NULL);
        break;
    case 4:
        if (held.ref)
            orr_store(thread, held.ref, 1, NULL);
        break;
    default:
        if (draw(&member->seed, 50) == 0)
            orr_collect(thread, "test");
    }
    orr_poll(thread);
}

static void *
be_a_member(void *argument)
{
    struct member *const member = argument;
    while (!orr_load_acquire(&member->crowd->may_leave)) { /* comes and goes */
        struct orr_thread *const thread = attach(member->crowd->world->heap);
        for (uint32_t i = 0; i < 200; i++)
            do_round(member, thread);
        orr_thread_detach(thread);
    }
    return NULL;
}

static void *
work_in_child(void *argument)
{
    struct crowd *const crowd = argument;
    struct member member = {.crowd = crowd, .seed = 7};
    struct orr_thread *const thread = attach(crowd->world->heap);
    for (uint32_t i = 0; i < 200; i++)
        do_round(&member, thread);
    turn_a_ring(crowd->world, thread);
    orr_thread_detach(thread);
    return NULL;
}

static void
clear_roots(struct crowd *crowd, struct orr_thread *thread)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        root_put(thread, &crowd->roots[i], NULL);
}

static void
live_on(struct world *world, void *argument)
{
    struct crowd *const crowd = argument;
    struct orr_os_thread fresh[2];
    cr_assert_eq(orr_load_relaxed(&world->heap->thread_count), 1);
    world_verify(world, false);
    for (int i = 0; i < 2; i++)
        cr_assert(orr_os_thread_start(&fresh[i], work_in_child, crowd, 0));
    orr_block_enter(world->thread);
    for (int i = 0; i < 2; i++)
        orr_os_thread_join(&fresh[i]);
    orr_block_leave(world->thread);
    clear_roots(crowd, world->thread);
    orr_settle(world->thread);
    world_verify(world, false);
    turn_a_ring(world, world->thread);
    world_verify(world, false);
}

static void
try_crowd(const struct orr_heap_options *options)
{
    struct world world = open_to_fork(options);
    struct crowd crowd = {.world = &world};
    struct member members[CROWD];
    struct orr_os_thread threads[CROWD];
    for (uint32_t i = 0; i < SLOTS; i++)
        orr_root_add(world.heap, &crowd.roots[i]);
    for (uint32_t i = 0; i < CROWD; i++) {
        members[i] = (struct member){.crowd = &crowd, .seed = 1000 + i};
        cr_assert(orr_os_thread_start(&threads[i], be_a_member, &members[i], 0));
    }
    for (uint32_t i = 0; i < FORKS; i++)
        in_child(&world, live_on, &crowd);
    announce(&crowd.may_leave);
    orr_block_enter(world.thread);
    for (uint32_t i = 0; i < CROWD; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(world.thread);
    clear_roots(&crowd, world.thread);
    for (uint32_t i = 0; i < SLOTS; i++)
        orr_root_remove(world.heap, &crowd.roots[i]);
    world_settle(&world);
    if (is_complete(options->collector))
        cr_assert_eq(world_live(&world), 0, "%s", world_name(&world));
    world_close(&world);
}

/* --- beside a collection in its finalizers --------------------------------------------------------------- */

enum { RING = 5 };

static _Atomic(uint32_t) finalizers_begun, finalizers_may_end;
static _Atomic(uint32_t) destroyed;

static void
wait_in_finalizer(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    orr_add_acq_rel(&finalizers_begun, 1);
    orr_wake_all(&finalizers_begun);
    while (!orr_load_acquire(&finalizers_may_end))
        orr_poll(thread);
}

static void
count_destroyed(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
    orr_add_relaxed(&destroyed, 1);
}

static uint16_t index_last;
static const struct orr_type type_last = {.name = "last",
                                          .bytes = 48,
                                          .references = 2,
                                          .finalize = wait_in_finalizer,
                                          .destroy = count_destroyed,
                                          .index = &index_last};

/* A ring with finalizers, one outside reference that goes with it, and something outside that it refers to. */
static void
make_last_ring(struct orr_thread *thread)
{
    ORR_OWN(thread, first, orr_new(thread, &type_last));
    ORR_OWN(thread, last, NULL);
    orr_retain(thread, first.ref);
    orr_own_set(&last, first.ref);
    for (uint32_t i = 1; i < RING; i++) {
        ORR_OWN(thread, node, orr_new(thread, &type_last));
        ORR_OWN(thread, outside, orr_new(thread, &type_leaf));
        payload_set(outside.ref, i);
        orr_set(thread, node.ref, 1, outside.ref);
        orr_set(thread, last.ref, 0, node.ref);
        orr_own_set(&last, orr_take(&node));
    }
    orr_set(thread, last.ref, 0, first.ref);
}

static void *
collect_ring(void *argument)
{
    struct world *const world = argument;
    struct orr_thread *const thread = attach(world->heap);
    make_last_ring(thread);
    orr_settle(thread);
    orr_thread_detach(thread);
    return NULL;
}

static void
expect_ring_gone(struct world *world)
{
    world_settle(world);
    cr_assert_eq(orr_load_relaxed(&finalizers_begun), RING, "%s: each finalizer once",
                 world_name(world));
    cr_assert_eq(orr_load_relaxed(&destroyed), RING, "%s", world_name(world));
    cr_assert_eq(world_live(world), 0, "%s", world_name(world));
}

static void
collect_again(struct world *world, void *argument)
{
    (void)argument;
    orr_store_release(&finalizers_may_end, 1);
    cr_assert_eq(orr_load_relaxed(&world->heap->collecting), 0);
    world_verify(world, false);
    if (ORR_COUNTED) /* it waits in the vanished thread's local, uncounted: no reference is too many */
        world_verify(world, true);
    expect_ring_gone(world);
    turn_a_ring(world, world->thread);
}

static void
try_finalizing(const struct orr_heap_options *options)
{
    struct world world = open_to_fork(options);
    struct orr_os_thread other;
    struct orr_error error;
    if (!is_complete(options->collector)) {
        world_close(&world);
        return;
    }
    cr_assert_eq(orr_type_register(&type_last, &error), ORR_OK);
    orr_store_relaxed(&finalizers_begun, 0);
    orr_store_relaxed(&finalizers_may_end, 0);
    orr_store_relaxed(&destroyed, 0);
    cr_assert(orr_os_thread_start(&other, collect_ring, &world, 0));
    await(&finalizers_begun, world.thread);
    in_child(&world, collect_again, NULL);
    announce(&finalizers_may_end);
    orr_block_enter(world.thread);
    orr_os_thread_join(&other);
    orr_block_leave(world.thread);
    expect_ring_gone(&world);
    world_close(&world);
}

/* --- for every collector --------------------------------------------------------------------------------- */

#define COLLECTOR(collector, summary)                                                              \
    Test(fork_alone, collector, .disabled = UNDER_TSAN)                                            \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_alone);                               \
    }                                                                                              \
    Test(fork_builder, collector, .disabled = UNDER_TSAN)                                          \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_beside_builder);                      \
    }                                                                                              \
    Test(fork_crowd, collector, .disabled = UNDER_SANITIZER)                                       \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), CROWD + 1, try_crowd);                       \
    }                                                                                              \
    Test(fork_finalizing, collector, .disabled = UNDER_TSAN)                                       \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_finalizing);                          \
    }
#include "collectors/list.def"
#undef COLLECTOR
