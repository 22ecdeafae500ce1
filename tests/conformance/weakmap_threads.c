/* weakmap_threads.c - runtime/weakmap with many threads: eight of them set, read, walk and remove in the same two
 * maps while another collects; and a map and its keys that die at the same time. Sizes never exceed what was
 * entered, nothing that is found is dead, and in the end nothing is left.
 */
#include "runtime/weakmap.h"

#include "runtime/weak.h"
#include "tests/conformance/world.h"

static struct world world; /* of the test; tests are processes of their own */

static struct orr_object *
new_nodes(uint64_t count)
{
    ORR_OWN(world.thread, nodes, orr_new_array(world.thread, &type_plain, (uint32_t)count, 0));
    cr_assert(nodes.ref);
    for (uint32_t i = 0; i < count; i++) {
        ORR_OWN(world.thread, node, orr_new(world.thread, &type_node));
        cr_assert(node.ref);
        payload_set(node.ref, i + 1);
        orr_set_slot(world.thread, nodes.ref, orr_element(nodes.ref, i), node.ref);
    }
    return orr_take(&nodes);
}

static void
expect_live(uint64_t live, const char *when)
{
    orr_settle(world.thread);
    if (!ORR_COUNTED) /* what a collection takes out of a map is garbage for the next one */
        orr_settle(world.thread);
    world_verify(&world, ORR_ROOTED);
    cr_assert_eq(world_live(&world), live, "%s, %s: %u objects, not %u", world_name(&world), when,
                 (unsigned)world_live(&world), (unsigned)live);
}

enum { CREW = 8, OWN = 6, ROUNDS = UNDER_SANITIZER ? 200 : 400 };

static struct orr_root storm_keys, storm_values,
    storm_shared; /* two maps; an array of nodes for all */
static _Atomic(uint32_t) storming;

/* A key that all threads know gets a value that leads back to it; or gives it up. */
static void
touch_shared(struct orr_thread *thread, struct orr_object *keys, struct orr_object *shared,
             uint32_t turn)
{
    struct orr_slot *const slot = orr_element(shared, turn % OWN);
    ORR_OWN(thread, key, orr_load_slot(thread, slot));
    ORR_OWN(thread, value, orr_new(thread, &type_node));
    cr_assert(value.ref);
    payload_set(value.ref, 50 + turn % OWN);
    if (key.ref) {
        ORR_OWN(thread, found, orr_weak_keys_get(thread, keys, key.ref));
        if (found.ref)
            cr_assert_eq(payload_check(&world, found.ref), 50 + turn % OWN);
        orr_set(thread, value.ref, 0, key.ref);
        cr_assert(orr_weak_keys_set(thread, keys, key.ref, value.ref));
    }
    if (turn % 5 == 0)
        orr_store_slot(thread, shared, slot, value.ref); /* the old key: held by its value alone */
    if (turn % 7 == 0 && key.ref)
        orr_weak_keys_remove(thread, keys, key.ref);
}

/* Entries of the thread's own: numbers that nobody else uses, keys that only their values lead to. */
static void
touch_own(struct orr_thread *thread, struct orr_object *keys, struct orr_object *values,
          uint64_t first, uint32_t turn)
{
    ORR_OWN(thread, key, orr_new(thread, &type_node));
    ORR_OWN(thread, value, orr_new(thread, &type_node));
    cr_assert(key.ref && value.ref);
    payload_set(key.ref, 1);
    payload_set(value.ref, 2);
    orr_set(thread, value.ref, 0, key.ref);
    cr_assert(orr_weak_keys_set(thread, keys, key.ref, value.ref));
    cr_assert(orr_weak_values_set(thread, values, first + turn % OWN, key.ref));
    ORR_OWN(thread, found, orr_weak_values_get(thread, values, first + turn % OWN));
    cr_assert_eq(found.ref, key.ref);
}

static void
look_at_all(struct orr_thread *thread, struct orr_object *map)
{
    struct orr_object *key, *value;
    uint64_t cursor = 0, number;
    while (orr_weak_map_next(thread, map, &cursor, &key, &number, &value)) {
        ORR_OWN(thread, held_key, key);
        ORR_OWN(thread, held, value);
        payload_check(&world, held.ref);
        if (held_key.ref)
            payload_check(&world, held_key.ref);
        orr_poll(thread);
    }
}

static void *
storm(void *argument)
{
    const uint32_t index = (uint32_t)(uintptr_t)argument;
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(world.heap, &thread, &error), ORR_OK, "%s", error.message);
    {
        ORR_OWN(thread, keys, root_load(thread, &storm_keys));
        ORR_OWN(thread, values, root_load(thread, &storm_values));
        ORR_OWN(thread, shared, root_load(thread, &storm_shared));
        for (uint32_t turn = 0; turn < ROUNDS; turn++) {
            touch_shared(thread, keys.ref, shared.ref, turn + index);
            touch_own(thread, keys.ref, values.ref, index * OWN, turn);
            const uint64_t numbers = orr_weak_values_size(thread, values.ref);
            cr_assert(numbers <= CREW * OWN, "%u numbers", (unsigned)numbers);
            cr_assert(orr_weak_keys_size(thread, keys.ref) <= (uint64_t)2 * CREW * ROUNDS);
            if (turn % 16 == index)
                look_at_all(thread, turn % 32 == index ? keys.ref : values.ref);
            orr_poll(thread);
        }
    }
    orr_thread_detach(thread);
    orr_sub_acq_rel(&storming, 1);
    return NULL;
}

static void
open_storm(void)
{
    orr_root_add(world.heap, &storm_keys);
    orr_root_add(world.heap, &storm_values);
    orr_root_add(world.heap, &storm_shared);
    root_put(world.thread, &storm_keys, orr_weak_keys_new(world.thread));
    root_put(world.thread, &storm_values, orr_weak_values_new(world.thread));
    root_put(world.thread, &storm_shared, new_nodes(OWN));
}

static void
close_storm(void)
{
    root_put(world.thread, &storm_shared, NULL);
    if (is_complete(world.heap->collector)) {
        ORR_OWN(world.thread, keys, root_load(world.thread, &storm_keys));
        ORR_OWN(world.thread, values, root_load(world.thread, &storm_values));
        expect_live(2, "after the storm");
        cr_assert_eq(orr_weak_cells(world.heap), 0);
        cr_assert_eq(orr_weak_keys_size(world.thread, keys.ref), 0);
        cr_assert_eq(orr_weak_values_size(world.thread, values.ref), 0);
    }
    root_put(world.thread, &storm_keys, NULL);
    root_put(world.thread, &storm_values, NULL);
    orr_root_remove(world.heap, &storm_keys);
    orr_root_remove(world.heap, &storm_values);
    orr_root_remove(world.heap, &storm_shared);
    if (is_complete(world.heap->collector))
        expect_live(0, "when the maps are gone");
    cr_assert_eq(orr_weak_cells(world.heap), 0);
}

/* Eight threads set, read, walk and remove in the same two maps while another collects. */
static void
try_storm(const struct orr_heap_options *options)
{
    struct orr_heap_options calm = *options;
    struct orr_os_thread crew[CREW];
    calm.verify = false; /* walks take longer than the storm */
    world = world_open(&calm);
    open_storm();
    orr_store_relaxed(&storming, CREW);
    for (uintptr_t i = 0; i < CREW; i++)
        cr_assert(orr_os_thread_start(&crew[i], storm, (void *)i, 0));
    while (orr_load_acquire(&storming) != 0) {
        orr_collect(world.thread, "test");
        orr_poll(world.thread);
        orr_block_enter(world.thread);
        orr_sleep_ns(500000);
        orr_block_leave(world.thread);
    }
    orr_block_enter(world.thread);
    for (uint32_t i = 0; i < CREW; i++)
        orr_os_thread_join(&crew[i]);
    orr_block_leave(world.thread);
    close_storm();
    world_close(&world);
}

/* --- two deaths at once ------------------------------------------------------------------------------- */

enum { KEYS = 40, DEATHS = UNDER_SANITIZER ? 5 : 15 };

struct mourner {
    struct orr_root *root; /* what it lets go of */
    struct orr_os_thread os;
};

static _Atomic(uint32_t) may_let_go, ready;
static struct orr_root dying_keys, dying_values, dying_nodes;

static void *
let_go(void *argument)
{
    const struct mourner *const mourner = argument;
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(world.heap, &thread, &error), ORR_OK, "%s", error.message);
    orr_add_acq_rel(&ready, 1);
    while (orr_load_acquire(&may_let_go) == 0) {
        orr_poll(thread);
        orr_yield();
    }
    root_put(thread, mourner->root, NULL);
    orr_thread_detach(thread);
    return NULL;
}

/* Two maps and the nodes that they know weakly; every other value leads back to its key. */
static void
plant(void)
{
    ORR_OWN(world.thread, keys, orr_weak_keys_new(world.thread));
    ORR_OWN(world.thread, values, orr_weak_values_new(world.thread));
    ORR_OWN(world.thread, nodes, new_nodes(KEYS));
    for (uint32_t i = 0; i < KEYS; i++) {
        struct orr_object *const node = orr_slot_peek(orr_element(nodes.ref, i));
        ORR_OWN(world.thread, value, orr_new(world.thread, &type_node));
        cr_assert(value.ref);
        if (i % 2)
            orr_set(world.thread, value.ref, 0, node);
        cr_assert(orr_weak_keys_set(world.thread, keys.ref, node, value.ref));
        cr_assert(orr_weak_values_set(world.thread, values.ref, i, node));
    }
    root_put(world.thread, &dying_keys, orr_take(&keys));
    root_put(world.thread, &dying_values, orr_take(&values));
    root_put(world.thread, &dying_nodes, orr_take(&nodes));
}

static void
let_all_go(uint32_t round)
{
    struct mourner mourners[] = {
        {.root = &dying_keys}, {.root = &dying_nodes}, {.root = &dying_values}};
    orr_store_relaxed(&may_let_go, 0);
    orr_store_relaxed(&ready, 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert(orr_os_thread_start(&mourners[i].os, let_go, &mourners[i], 0));
    orr_block_enter(world.thread);
    while (orr_load_acquire(&ready) < 3)
        orr_yield();
    orr_block_leave(world.thread);
    orr_store_release(&may_let_go, 1);
    if (round % 3 == 0)
        orr_collect(world.thread, "test");
    orr_block_enter(world.thread);
    for (size_t i = 0; i < 3; i++)
        orr_os_thread_join(&mourners[i].os);
    orr_block_leave(world.thread);
}

static void
try_two_deaths(const struct orr_heap_options *options)
{
    struct orr_root *const roots[] = {&dying_keys, &dying_values, &dying_nodes};
    struct orr_heap_options quick = *options;
    quick.verify = false;
    world = world_open(&quick);
    for (size_t i = 0; i < 3; i++)
        orr_root_add(world.heap, roots[i]);
    for (uint32_t round = 0; round < DEATHS; round++) {
        plant();
        let_all_go(round);
    }
    expect_live(0, "after all deaths");
    cr_assert_eq(orr_weak_cells(world.heap), 0);
    for (size_t i = 0; i < 3; i++)
        orr_root_remove(world.heap, roots[i]);
    world_close(&world);
}

#define COLLECTOR(collector, summary)                                                              \
    Test(weakmap_and_keys_die_at_once, collector)                                                  \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 4, try_two_deaths);                          \
    }                                                                                              \
    Test(weakmap_in_a_storm, collector)                                                            \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), CREW + 1, try_storm);                        \
    }
#include "collectors/list.def"
#undef COLLECTOR
