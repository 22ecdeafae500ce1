/* deep.c - a million objects in one ring, one chain, one fan: nothing recurses over the program's graph, so a
 * stack of 64 KiB is enough for all of it (law 7).
 */
#include "tests/conformance/world.h"

enum {
    MANY = UNDER_SANITIZER ? 20000 : 1000000,
    FEWER = UNDER_SANITIZER ? 5000
                            : 100000, /* on heaps but the first, where only the allocator differs */
    STACK = UNDER_SANITIZER ? 256 << 10 : 64 << 10 /* sanitizers keep their own things on it */
};

struct deep {
    const struct orr_heap_options *options;
    void (*story)(struct world *world, uint32_t many);
    bool told;
};

/* Links `count` fresh nodes, each to the one before; the newest in the root, the oldest as *oldest. */
static void
build_chain(struct world *world, struct orr_root *root, struct orr_root *oldest, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    for (uint32_t i = 0; i < count; i++) {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        payload_set(node.ref, i);
        if (i == 0)
            root_put(thread, oldest, orr_get_slot(thread, &(struct orr_slot){(uintptr_t)node.ref}));
        orr_init(thread, node.ref, 0, orr_exchange_slot(thread, NULL, &root->slot, NULL));
        root_put(thread, root, orr_take(&node));
    }
}

static void
tell_ring(struct world *world, uint32_t many)
{
    struct orr_thread *const thread = world->thread;
    struct orr_root newest, oldest;
    orr_root_add(world->heap, &newest);
    orr_root_add(world->heap, &oldest);
    build_chain(world, &newest, &oldest, many);
    {
        ORR_OWN(thread, first, root_load(thread, &oldest));
        ORR_OWN(thread, last, root_load(thread, &newest));
        orr_set(thread, first.ref, 0, last.ref);
    }
    root_put(thread, &oldest, NULL);
    orr_settle(thread);
    cr_assert_eq(world_live(world), many, "%s: the ring is held", world_name(world));
    root_put(thread, &newest, NULL);
    orr_settle(thread);
    cr_assert_eq(world_live(world), is_complete(world->heap->collector) ? 0 : many, "%s",
                 world_name(world));
    orr_root_remove(world->heap, &newest);
    orr_root_remove(world->heap, &oldest);
}

static void
tell_chain(struct world *world, uint32_t many)
{
    struct orr_root newest, oldest;
    orr_root_add(world->heap, &newest);
    orr_root_add(world->heap, &oldest);
    build_chain(world, &newest, &oldest, many);
    root_put(world->thread, &oldest, NULL);
    root_put(world->thread, &newest, NULL);
    if (ORR_COUNTED)
        cr_assert_eq(world_live(world), 0, "%s: counting frees a chain", world_name(world));
    orr_settle(world->thread);
    cr_assert_eq(world_live(world), 0, "%s", world_name(world));
    orr_root_remove(world->heap, &newest);
    orr_root_remove(world->heap, &oldest);
}

/* One array of half a million references, two to each object. */
static void
tell_fan(struct world *world, uint32_t many)
{
    struct orr_thread *const thread = world->thread;
    {
        ORR_OWN(thread, fan, orr_new_array(thread, &type_plain, many / 2, 0));
        for (uint32_t i = 0; i < many / 2; i += 2) {
            ORR_OWN(thread, node, orr_new(thread, &type_node));
            cr_assert(fan.ref && node.ref);
            orr_set_slot(thread, fan.ref, orr_element(fan.ref, i), node.ref);
            orr_set_slot(thread, fan.ref, orr_element(fan.ref, i + 1), node.ref);
            orr_set(thread, node.ref, 1, fan.ref);
        }
        cr_assert_eq(world_live(world), 1 + many / 4);
        if (!is_complete(world->heap->collector))
            for (uint32_t i = 0; i < many / 2; i += 2) {
                ORR_OWN(thread, node, orr_get_slot(thread, orr_element(fan.ref, i)));
                orr_set(thread, node.ref, 1, NULL);
            }
    }
    orr_settle(thread);
    cr_assert_eq(world_live(world), 0, "%s", world_name(world));
}

static void *
tell(void *argument)
{
    struct deep *const deep = argument;
    struct world world = world_open(deep->options);
    deep->story(&world, deep->options->kind == orr_heap_kinds[0] ? MANY : FEWER);
    orr_thread_detach(world.thread);
    orr_heap_destroy(world.heap);
    deep->told = true;
    return NULL;
}

static void
tell_on_small_stack(const struct orr_heap_options *chosen, void (*story)(struct world *, uint32_t))
{
    struct orr_heap_options options = *chosen;
    options.ledger = options.verify =
        false; /* a million entries and three walks would be all we time */
    struct deep deep = {.options = &options, .story = story};
    struct orr_os_thread thread;
    cr_assert(orr_os_thread_start(&thread, tell, &deep, STACK));
    orr_os_thread_join(&thread);
    cr_assert(deep.told);
}

static void
try_deep(const struct orr_heap_options *options)
{
    tell_on_small_stack(options, tell_ring);
    tell_on_small_stack(options, tell_chain);
    tell_on_small_stack(options, tell_fan);
}

#define COLLECTOR(collector, summary)                                                              \
    Test(deep, collector)                                                                          \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_deep);                                \
    }
#include "collectors/list.def"
#undef COLLECTOR
