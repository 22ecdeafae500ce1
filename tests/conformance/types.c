/* types.c - kinds of objects: arrays of every size, large objects, irregular types that enumerate their own
 * references, and destroy callbacks that release, read and allocate.
 */
#include "tests/conformance/world.h"

#include <string.h>

/* --- types of this file ---------------------------------------------------------------------------- */

/* Two references with numbers around them, and as many more as `more` says, from the end backwards. */
struct odd {
    struct orr_object header;
    uint64_t before;
    struct orr_slot first;
    uint64_t between;
    struct orr_slot second;
    uint32_t more, unused;
    struct orr_slot rest[5];
    uint64_t after;
};

static void
trace_odd(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct odd *const odd = (struct odd *)object;
    visit(&odd->second, argument);
    for (uint32_t i = 0; i < odd->more; i++)
        visit(&odd->rest[4 - i], argument);
    visit(&odd->first, argument);
}

/* What a destroy callback does with the dying object. */
enum habit { WATCHES, RELEASES, ALLOCATES, CUTS, HABITS, BLOCKS };

struct mourned {
    struct orr_object header;
    struct orr_slot slots[2];
    struct payload payload;
    uint64_t habit;
};

static _Atomic(uint64_t) destroyed;             /* calls */
static _Atomic(uint64_t) destroyed_ids;         /* sum of the ids they saw */
static struct orr_root keepsakes[HABITS];       /* what RELEASES lets go of */
static _Atomic(uint32_t) is_blocked, may_go_on; /* BLOCKS: between the callback and the test */

static struct orr_slot *watched;       /* by every callback, when not null */
static struct orr_object *watched_for; /* what it must hold */

static void destroy_mourned(struct orr_thread *thread, struct orr_object *object);

static uint16_t index_odd, index_mourned, index_green_array;

static const struct orr_type type_odd = {
    .name = "odd", .bytes = sizeof(struct odd), .trace = trace_odd, .index = &index_odd};
static const struct orr_type type_mourned = {.name = "mourned",
                                             .bytes = sizeof(struct mourned),
                                             .references = 2,
                                             .destroy = destroy_mourned,
                                             .index = &index_mourned};
static const struct orr_type type_green_array = {.name = "green_array",
                                                 .bytes = sizeof(struct orr_array),
                                                 .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
                                                 .index = &index_green_array};

static void
destroy_mourned(struct orr_thread *thread, struct orr_object *object)
{
    struct mourned *const mourned = (struct mourned *)object;
    orr_add_relaxed(&destroyed, 1);
    orr_add_relaxed(&destroyed_ids, mourned->payload.id);
    /* What it refers to is still there, whole or being destroyed itself. */
    for (uint32_t i = 0; i < 2; i++) {
        struct orr_object *const child = orr_slot_peek(&mourned->slots[i]);
        cr_assert(!child || orr_type_of(child), "a reference of a dying object leads nowhere");
    }
    if (watched)
        cr_assert_eq(orr_slot_peek(watched), watched_for, "released before it was overwritten");
    switch ((enum habit)mourned->habit) {
    case RELEASES:
        root_put(thread, &keepsakes[RELEASES], NULL);
        break;
    case ALLOCATES: {
        ORR_OWN(thread, fresh, orr_new(thread, &type_node));
        cr_assert(fresh.ref);
        payload_set(fresh.ref, 1);
        orr_set(thread, fresh.ref, 1, fresh.ref); /* garbage, made by burying garbage */
        orr_set(thread, fresh.ref, 1, NULL);
        break;
    }
    case CUTS:
        orr_set(thread, object, 0, NULL);
        break;
    case BLOCKS:
        orr_block_enter(thread);
        orr_store_release(&is_blocked, 1);
        orr_wake_all(&is_blocked);
        while (orr_load_acquire(&may_go_on) == 0)
            orr_park(&may_go_on, 0, 10000000);
        orr_block_leave(thread);
        break;
    default:
        break;
    }
}

static struct world
open_with_types(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_error error;
    cr_assert_eq(orr_type_register(&type_odd, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&type_mourned, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&type_green_array, &error), ORR_OK);
    orr_store_relaxed(&destroyed, 0);
    orr_store_relaxed(&destroyed_ids, 0);
    return world;
}

static void
expect_live(struct world *world, uint64_t live, const char *what)
{
    world_settle(world);
    world_settle(world); /* what callbacks dropped or made may be garbage now */
    if (is_complete(world->heap->collector))
        cr_assert_eq(world_live(world), live, "%s, %s: %llu live", world_name(world), what,
                     (unsigned long long)world_live(world));
    else
        cr_assert(world_live(world) >= live, "%s, %s", world_name(world), what);
}

/* --- arrays ---------------------------------------------------------------------------------------- */

/* An array that refers to itself from its first and last element, if it has any. */
static struct orr_object *
new_ringed_array(struct orr_thread *thread, uint32_t length, uint32_t raw)
{
    ORR_OWN(thread, array, orr_new_array(thread, &type_plain, length, raw));
    cr_assert(array.ref, "an array of %u and %u bytes", length, raw);
    const struct orr_array *const is = (const struct orr_array *)array.ref;
    cr_assert(is->length == length && is->raw_bytes == raw);
    for (uint32_t i = 0; i < length; i++)
        cr_assert_null(orr_slot_peek(orr_element(array.ref, i)), "a fresh reference is null");
    unsigned char *const bytes = (unsigned char *)&is->elements[length];
    for (uint32_t i = 0; i < raw; i++)
        cr_assert_eq(bytes[i], 0, "a fresh byte is zero");
    memset(bytes, 0xee, raw);
    if (length) {
        orr_set_slot(thread, array.ref, orr_element(array.ref, 0), array.ref);
        orr_set_slot(thread, array.ref, orr_element(array.ref, length - 1), array.ref);
    }
    return orr_take(&array);
}

static void
try_arrays(const struct orr_heap_options *options)
{
    const uint32_t lengths[] = {0, 1, 2, 3, 60, 61, 62, 511, 513, 1000, 1021, 1022, 1500, 20000};
    const uint32_t raws[] = {0, 1, 7, 8, 100, 4096, 9001};
    struct world world = open_with_types(options);
    struct orr_root root;
    orr_root_add(world.heap, &root);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t k = 0; k < sizeof raws / sizeof raws[0]; k++) {
            root_put(world.thread, &root, new_ringed_array(world.thread, lengths[i], raws[k]));
            if (!is_complete(options->collector)) { /* or they would pile up */
                ORR_OWN(world.thread, array, root_load(world.thread, &root));
                for (uint32_t e = 0; e < lengths[i]; e++)
                    orr_set_slot(world.thread, array.ref, orr_element(array.ref, e), NULL);
            }
        }
    expect_live(&world, 1, "the last array");
    root_put(world.thread, &root, NULL);
    expect_live(&world, 0, "no array");
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* --- sizes ----------------------------------------------------------------------------------------- */

/* Objects of many sizes, filled to the last byte, none of which another one touches. */
static void
try_sizes(const struct orr_heap_options *options)
{
    enum { COUNT = 400, STEP = 61 };
    struct world world = open_with_types(options);
    struct orr_thread *const thread = world.thread;
    {
        ORR_OWN(thread, all, orr_new_array(thread, &type_plain, COUNT, 0));
        for (uint32_t round = 0; round < 3; round++)
            for (uint32_t i = 0; i < COUNT; i++) {
                const uint32_t raw = (i * STEP + round * 7) % 20000;
                ORR_OWN(thread, object, orr_new_array(thread, &type_green_array, 0, raw));
                cr_assert(object.ref);
                memset(((struct orr_array *)object.ref)->elements, (int)(i % 251), raw);
                orr_set_slot(thread, all.ref, orr_element(all.ref, i), object.ref);
            }
        orr_settle(thread);
        world_verify(&world, ORR_ROOTED);
        for (uint32_t i = 0; i < COUNT; i++) {
            ORR_OWN(thread, object, orr_get_slot(thread, orr_element(all.ref, i)));
            const struct orr_array *const array = (const struct orr_array *)object.ref;
            const unsigned char *const bytes = (const unsigned char *)array->elements;
            for (uint32_t b = 0; b < array->raw_bytes; b++)
                cr_assert_eq(bytes[b], i % 251, "%s: byte %u of object %u", world_name(&world), b,
                             i);
        }
    }
    expect_live(&world, 0, "all sizes");
    world_close(&world);
}

/* --- irregular types -------------------------------------------------------------------------------- */

static struct orr_object *
new_odd(struct orr_thread *thread, uint32_t more)
{
    struct orr_object *const object = orr_new(thread, &type_odd);
    struct odd *const odd = (struct odd *)object;
    cr_assert(odd);
    odd->more = more;
    odd->before = odd->between = odd->after =
        UINT64_MAX; /* no reference: must never be read as one */
    return object;
}

static void
try_odd(const struct orr_heap_options *options)
{
    enum { COUNT = 60 };
    struct world world = open_with_types(options);
    struct orr_thread *const thread = world.thread;
    struct orr_root root;
    orr_root_add(world.heap, &root);
    for (uint32_t more = 0; more <= 5; more++) {
        { /* a ring of odd objects, each also referring to a leaf, and twice to its successor */
            ORR_OWN(thread, first, new_odd(thread, more));
            ORR_OWN(thread, last, orr_get_slot(thread, &(struct orr_slot){(uintptr_t)first.ref}));
            for (uint32_t i = 1; i < COUNT; i++) {
                ORR_OWN(thread, next, new_odd(thread, more));
                ORR_OWN(thread, leaf, orr_new(thread, &type_leaf));
                cr_assert(leaf.ref);
                payload_set(leaf.ref, i);
                struct odd *const odd = (struct odd *)last.ref;
                orr_set_slot(thread, last.ref, &odd->first, next.ref);
                orr_set_slot(thread, last.ref, &odd->second, leaf.ref);
                for (uint32_t k = 0; k < more; k++)
                    orr_set_slot(thread, last.ref, &odd->rest[4 - k], next.ref);
                orr_own_set(&last, orr_take(&next));
            }
            struct odd *const odd = (struct odd *)last.ref;
            orr_set_slot(thread, last.ref, &odd->first, first.ref);
            root_put(thread, &root, orr_take(&first));
        }
        expect_live(&world, 2 * COUNT - 1, "a ring of odd objects");
        {
            ORR_OWN(thread, held, root_load(thread, &root));
            const struct odd *const odd = (const struct odd *)held.ref;
            cr_assert(odd->before == UINT64_MAX && odd->between == UINT64_MAX &&
                      odd->after == UINT64_MAX && odd->more == more);
        }
        root_put(thread, &root, NULL);
        expect_live(&world, 0, "no odd object");
        if (!is_complete(options->collector))
            break;
    }
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* --- destroy callbacks ------------------------------------------------------------------------------ */

static struct orr_object *
new_mourned(struct orr_thread *thread, uint64_t id, enum habit habit)
{
    struct orr_object *const object = orr_new(thread, &type_mourned);
    struct mourned *const mourned = (struct mourned *)object;
    cr_assert(mourned);
    mourned->payload.id = id;
    mourned->habit = habit;
    return object;
}

/* Links count mourned objects into a chain or a ring, held by the root. */
static void
link_mourned(struct orr_thread *thread, struct orr_root *root, uint32_t count, bool closed,
             enum habit habit)
{
    ORR_OWN(thread, first, new_mourned(thread, 1, habit));
    ORR_OWN(thread, last, orr_get_slot(thread, &(struct orr_slot){(uintptr_t)first.ref}));
    for (uint32_t i = 2; i <= count; i++) {
        ORR_OWN(thread, next, new_mourned(thread, i, habit));
        orr_set(thread, last.ref, 0, next.ref);
        orr_own_set(&last, orr_take(&next));
    }
    if (closed)
        orr_set(thread, last.ref, 1, first.ref); /* slot 1: CUTS does not open the ring */
    root_put(thread, root, orr_take(&first));
}

static void
expect_destroyed(struct world *world, uint64_t count, const char *what)
{
    cr_assert_eq(orr_load_relaxed(&destroyed), count, "%s, %s: %llu destroyed", world_name(world),
                 what, (unsigned long long)orr_load_relaxed(&destroyed));
    cr_assert_eq(orr_load_relaxed(&destroyed_ids), count * (count + 1) / 2, "%s, %s",
                 world_name(world), what);
    orr_store_relaxed(&destroyed, 0);
    orr_store_relaxed(&destroyed_ids, 0);
}

static void
try_destroy(const struct orr_heap_options *options)
{
    enum { COUNT = UNDER_SANITIZER ? 30 : 100 };
    struct world world = open_with_types(options);
    struct orr_thread *const thread = world.thread;
    struct orr_root root;
    orr_root_add(world.heap, &root);
    orr_root_add(world.heap, &keepsakes[RELEASES]);
    for (unsigned habit = 0; habit < HABITS; habit++)
        for (unsigned closed = 0; closed < 2; closed++) {
            link_mourned(thread, &root, COUNT, closed, (enum habit)habit);
            if (habit == RELEASES) {
                ORR_OWN(thread, keepsake, orr_new(thread, &type_node));
                cr_assert(keepsake.ref);
                payload_set(keepsake.ref, 0);
                root_put(thread, &keepsakes[RELEASES], orr_take(&keepsake));
            }
            expect_live(&world, COUNT + (habit == RELEASES), "mourned objects");
            cr_assert_eq(orr_load_relaxed(&destroyed), 0);
            root_put(thread, &root, NULL);
            if (ORR_COUNTED && !closed)
                expect_destroyed(&world, COUNT, "a chain, at once");
            expect_live(&world, 0, "mourned objects dropped");
            if (closed && !is_complete(options->collector))
                goto leaked;
            if (!(ORR_COUNTED && !closed))
                expect_destroyed(&world, COUNT, closed ? "a ring" : "a chain");
            expect_live(&world, 0, "what callbacks left behind");
        }
leaked:
    root_put(thread, &keepsakes[RELEASES], NULL);
    orr_root_remove(world.heap, &keepsakes[RELEASES]);
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

/* The same, collecting and verifying at every allocation, those of the callbacks too. */
static void
try_destroy_under_stress(const struct orr_heap_options *options)
{
    struct orr_heap_options stress = *options;
    stress.stress_every = 1;
    try_destroy(&stress);
}

/* --- what a callback finds in the slot that its object left ---------------------------------------- */

/* Law 3: the new value is in the slot before the old one is released. And a slot may be given what it holds. */
static void
try_order_of_stores(const struct orr_heap_options *options)
{
    if (!ORR_COUNTED)
        return; /* nothing dies of a store */
    struct world world = open_with_types(options);
    struct orr_thread *const thread = world.thread;
    {
        ORR_OWN(thread, holder, orr_new(thread, &type_node));
        ORR_OWN(thread, next, orr_new(thread, &type_node));
        cr_assert(holder.ref && next.ref);
        watched = orr_field(holder.ref, 0);
        for (unsigned way = 0; way < 4; way++) {
            orr_give(thread, holder.ref, 0, new_mourned(thread, way + 1, WATCHES));
            watched_for = way == 3 ? NULL : next.ref;
            if (way == 0)
                orr_set(thread, holder.ref, 0, next.ref);
            else if (way == 1)
                orr_give(thread, holder.ref, 0, orr_get_slot(thread, &next.slot));
            else if (way == 2)
                orr_store(thread, holder.ref, 0, next.ref);
            else
                orr_release(thread, orr_exchange(thread, holder.ref, 0, NULL));
            cr_assert_eq(orr_load_relaxed(&destroyed), way + 1);
        }
        watched = NULL;
        orr_give(thread, holder.ref, 1,
                 new_mourned(thread, 5, WATCHES)); /* held by the slot alone */
        orr_set(thread, holder.ref, 1, orr_slot_peek(orr_field(holder.ref, 1)));
        orr_store(thread, holder.ref, 1, orr_slot_peek(orr_field(holder.ref, 1)));
        cr_assert_eq(orr_load_relaxed(&destroyed), 4, "a slot was given what it holds");
    }
    expect_destroyed(&world, 5, "each once");
    expect_live(&world, 0, "after stores");
    world_close(&world);
}

/* --- a callback that takes its time ------------------------------------------------------------------- */

struct mourner {
    struct world *world;
    struct orr_root *root;
};

/* Drops a chain whose second object's callback blocks: the cascade stands still half-way. */
static void *
drop_and_block(void *argument)
{
    const struct mourner *const mourner = argument;
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(mourner->world->heap, &thread, &error), ORR_OK);
    {
        ORR_OWN(thread, rest, orr_new(thread, &type_node)); /* outlives the callback by a local */
        cr_assert(rest.ref);
        payload_set(rest.ref, 100);
        ORR_OWN(thread, last, new_mourned(thread, 3, WATCHES));
        ORR_OWN(thread, middle, new_mourned(thread, 2, BLOCKS));
        ORR_OWN(thread, first, new_mourned(thread, 1, WATCHES));
        ORR_OWN(thread, aside, new_mourned(thread, 4, WATCHES));
        orr_set(thread, first.ref, 1, middle.ref);
        orr_set(thread, first.ref, 0, aside.ref);
        orr_set(thread, middle.ref, 0, last.ref);
        orr_set(thread, middle.ref, 1, rest.ref);
        orr_set(thread, last.ref, 0, rest.ref);
        orr_release(thread, orr_take(&aside));
        orr_release(thread, orr_take(&last));
        orr_release(thread, orr_take(&middle));
        root_put(thread, mourner->root, orr_take(&first));
        root_put(thread, mourner->root, NULL); /* counted: blocks in here */
        payload_check(mourner->world, rest.ref);
    }
    orr_thread_detach(thread);
    return NULL;
}

/* Meanwhile others stop the world, verify it and collect. */
static void
try_blocking_destroy(const struct orr_heap_options *options)
{
    if (!ORR_COUNTED)
        return; /* there callbacks run inside a collection, and collections do not overlap */
    struct world world = open_with_types(options);
    struct orr_root root;
    struct mourner mourner = {&world, &root};
    struct orr_os_thread thread;
    orr_store_relaxed(&is_blocked, 0);
    orr_store_relaxed(&may_go_on, 0);
    orr_root_add(world.heap, &root);
    cr_assert(orr_os_thread_start(&thread, drop_and_block, &mourner, 0));
    orr_block_enter(world.thread);
    while (orr_load_acquire(&is_blocked) == 0)
        orr_park(&is_blocked, 0, 10000000);
    orr_block_leave(world.thread);
    for (uint32_t i = 0; i < 3; i++) {
        orr_settle(world.thread);
        world_verify(&world, false);
        ORR_OWN(world.thread, node, orr_new(world.thread, &type_node)); /* takes what was freed */
        cr_assert(node.ref);
        orr_set(world.thread, node.ref, 0, node.ref);
    }
    orr_store_release(&may_go_on, 1);
    orr_wake_all(&may_go_on);
    orr_block_enter(world.thread);
    orr_os_thread_join(&thread);
    orr_block_leave(world.thread);
    expect_live(&world, 0, "after the callback");
    expect_destroyed(&world, 4, "each once");
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

#define COLLECTOR(collector, summary)                                                              \
    Test(types_array, collector)                                                                   \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_arrays);                              \
    }                                                                                              \
    Test(types_size, collector)                                                                    \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_sizes);                               \
    }                                                                                              \
    Test(types_odd, collector)                                                                     \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_odd);                                 \
    }                                                                                              \
    Test(types_destroy, collector)                                                                 \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_destroy);                             \
    }                                                                                              \
    Test(types_store, collector)                                                                   \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_order_of_stores);                     \
    }                                                                                              \
    Test(types_destroy_blocks, collector)                                                          \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 2, try_blocking_destroy);                    \
    }                                                                                              \
    Test(types_destroy_stress, collector)                                                          \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_destroy_under_stress);                \
    }
#include "collectors/list.def"
#undef COLLECTOR
