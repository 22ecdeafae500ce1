/* weakmap.c - runtime/weakmap, under every strategy and collector: an entry lives exactly as long as its key and
 * its map; a value that leads back to its key keeps neither; nobody sees an entry half-way.
 */
#include "runtime/weakmap.h"

#include "runtime/gc.h"
#include "runtime/weak.h"
#include "tests/conformance/world.h"

#include <string.h>

enum { LONG_ARRAY = 1500 }; /* more than any collector looks into at once */

static struct world world; /* of the test; tests are processes of their own */
static bool finds_cycles;

static struct orr_object *
new_of(const struct orr_type *type, uint64_t id)
{
    struct orr_object *const object = orr_new(world.thread, type);
    cr_assert(object, "no memory for an object");
    payload_set(object, id);
    return object;
}

static struct orr_object *
new_node(uint64_t id)
{
    return new_of(&type_node, id);
}

static struct orr_object *
new_keys(void)
{
    struct orr_object *const map = orr_weak_keys_new(world.thread);
    cr_assert(map, "no memory for a map");
    return map;
}

static struct orr_object *
new_values(void)
{
    struct orr_object *const map = orr_weak_values_new(world.thread);
    cr_assert(map, "no memory for a map");
    return map;
}

static void
keys_set(struct orr_object *map, struct orr_object *key, struct orr_object *value)
{
    cr_assert(orr_weak_keys_set(world.thread, map, key, value), "no memory for an entry");
}

/* Asserts what is under the key: a node of this id; 0: nothing. */
static void
expect_under(struct orr_object *map, struct orr_object *key, uint64_t id)
{
    ORR_OWN(world.thread, found, orr_weak_keys_get(world.thread, map, key));
    cr_assert_eq(found.ref != NULL, id != 0, "%s: %s", world_name(&world),
                 id ? "no entry" : "an entry");
    if (id)
        cr_assert_eq(payload_check(&world, found.ref), id, "%s", world_name(&world));
}

/* Everything that the collector promises to find is gone; then so many objects are left, and referents of maps. */
static void
expect_live(uint64_t live, uint64_t cells, const char *when)
{
    orr_settle(world.thread);
    if (!ORR_COUNTED) /* what a collection takes out of a map is garbage for the next one */
        orr_settle(world.thread);
    world_verify(&world, ORR_ROOTED);
    cr_assert_eq(world_live(&world), live, "%s, %s: %u objects, not %u", world_name(&world), when,
                 (unsigned)world_live(&world), (unsigned)live);
    cr_assert_eq(orr_weak_cells(world.heap), cells, "%s, %s: %u referents, not %u",
                 world_name(&world), when, (unsigned)orr_weak_cells(world.heap), (unsigned)cells);
}

static uint64_t
size_of(struct orr_object *map)
{
    return orr_type_of(map) == &orr_weak_keys_type ? orr_weak_keys_size(world.thread, map)
                                                   : orr_weak_values_size(world.thread, map);
}

static void
expect_size(struct orr_object *map, uint64_t size)
{
    cr_assert_eq(size_of(map), size, "%s: size %u, not %u", world_name(&world),
                 (unsigned)size_of(map), (unsigned)size);
}

static void
open_world(const struct orr_heap_options *options)
{
    world = world_open(options);
    finds_cycles = is_complete(options->collector);
}

/* --- a key and its value ------------------------------------------------------------------------------ */

static void
loops_of(struct orr_object *map, struct orr_object *(*new_key)(void))
{
    ORR_OWN(world.thread, key, new_key());
    ORR_OWN(world.thread, value, new_node(2));
    orr_set(world.thread, value.ref, 0, key.ref);
    keys_set(map, key.ref, value.ref);
    orr_own_set(&value, NULL);
    expect_live(3, 1, "while the key is held");
    expect_under(map, key.ref, 2);
    expect_size(map, 1);
}

/* The value leads back to the key: nothing else does. */
static void
value_leads_to_key(struct orr_object *(*new_key)(void))
{
    {
        ORR_OWN(world.thread, map, new_keys());
        loops_of(map.ref, new_key);
        expect_live(finds_cycles ? 1 : 3, !finds_cycles, "when the key is dropped");
        expect_size(map.ref, !finds_cycles);
    }
    expect_live(0, 0, "when the map is dropped");
}

static struct orr_object *
key_node(void)
{
    return new_node(1);
}

static struct orr_object *
key_array(void)
{
    return orr_new_array(world.thread, &type_plain, LONG_ARRAY, 0);
}

static void
try_value_leads_to_key(const struct orr_heap_options *options)
{
    open_world(options);
    value_leads_to_key(key_node);
    value_leads_to_key(key_array);
    world_close(&world);
}

/* Without a way back to the key no collector is needed. */
static void
try_key_dies(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, map, new_keys());
        {
            ORR_OWN(world.thread, green, new_of(&type_leaf, 1));
            ORR_OWN(world.thread, key, new_node(2));
            ORR_OWN(world.thread, value, new_node(3));
            keys_set(map.ref, green.ref, value.ref);
            keys_set(map.ref, key.ref, value.ref);
            orr_own_set(&value, NULL);
            expect_live(4, 2, "while the keys are held");
            orr_own_set(&green, NULL);
            if (ORR_COUNTED) {
                expect_size(map.ref, 1);
                cr_assert_eq(world_live(&world), 3, "%s", world_name(&world));
            }
            expect_live(3, 1, "while one key is held");
            expect_under(map.ref, key.ref, 3);
        }
        if (ORR_COUNTED)
            cr_assert_eq(world_live(&world), 1, "%s", world_name(&world));
        expect_live(1, 0, "without keys");
        expect_size(map.ref, 0);
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

static void
try_map_dies(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, key, new_node(1));
        {
            ORR_OWN(world.thread, map, new_keys());
            ORR_OWN(world.thread, value, new_node(2));
            orr_set(world.thread, value.ref, 0, key.ref);
            keys_set(map.ref, key.ref, value.ref);
        }
        if (ORR_COUNTED)
            cr_assert_eq(world_live(&world), 1, "%s: the value outlives the map",
                         world_name(&world));
        expect_live(1, 0, "when the map is dropped");
        cr_assert_eq(payload_check(&world, key.ref), 1);
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

static void
try_overwrite(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, map, new_keys());
        ORR_OWN(world.thread, key, new_node(1));
        for (uint64_t id = 2; id < 10; id++) {
            ORR_OWN(world.thread, value, new_node(id));
            orr_set(world.thread, value.ref, 0, key.ref);
            keys_set(map.ref, key.ref, value.ref);
            keys_set(map.ref, key.ref, value.ref); /* the same once more */
            expect_size(map.ref, 1);
            expect_under(map.ref, key.ref, id);
            if (ORR_COUNTED)
                cr_assert_eq(world_live(&world), 3, "%s: the old value lives", world_name(&world));
        }
        expect_live(3, 1, "after overwriting");
        cr_assert(orr_weak_keys_remove(world.thread, map.ref, key.ref));
        cr_assert_not(orr_weak_keys_remove(world.thread, map.ref, key.ref));
        expect_under(map.ref, key.ref, 0);
        expect_live(2, 0, "after the removal");
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

/* --- key and map in one cycle ------------------------------------------------------------------------- */

/* key -> map, value -> key and map; `outsider` hangs from the value and is held elsewhere. */
static void
tie_knot(struct orr_object *outsider, uint64_t knots)
{
    ORR_OWN(world.thread, map, new_keys());
    ORR_OWN(world.thread, key, new_node(1));
    ORR_OWN(world.thread, value, new_node(2));
    ORR_OWN(world.thread, other, new_node(3)); /* under it the outsider is the value itself */
    orr_set(world.thread, key.ref, 0, map.ref);
    orr_set(world.thread, key.ref, 1, other.ref);
    orr_set(world.thread, value.ref, 0, key.ref);
    orr_set(world.thread, value.ref, 1, outsider);
    keys_set(map.ref, key.ref, value.ref);
    keys_set(map.ref, other.ref, outsider);
    if (finds_cycles)
        knots = 0;
    expect_live(5 + 4 * knots, 2 + 2 * knots, "while all is held");
}

static void
try_knot(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, outsider, new_node(4));
        for (uint64_t i = 0; i < 5; i++)
            tie_knot(outsider.ref, i);
        expect_live(finds_cycles ? 1 : 21, finds_cycles ? 0 : 10, "when the knots are dropped");
        cr_assert_eq(payload_check(&world, outsider.ref), 4);
    }
    expect_live(finds_cycles ? 0 : 21, finds_cycles ? 0 : 10, "at the end");
    world_close(&world);
}

enum { LINKS = 40 };

/* Each value is the next key, the last leads to the first; every other entry is in another map. */
static void
try_chain(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, odd, new_keys());
        ORR_OWN(world.thread, even, new_keys());
        {
            ORR_OWN(world.thread, first, new_node(1));
            {
                ORR_OWN(world.thread, last, orr_get_slot(world.thread, &first.slot));
                for (uint64_t id = 2; id <= LINKS; id++) {
                    ORR_OWN(world.thread, next, new_node(id));
                    keys_set(id % 2 ? odd.ref : even.ref, last.ref, next.ref);
                    orr_own_set(&last, orr_take(&next));
                }
                keys_set(odd.ref, last.ref, first.ref);
            }
            expect_live(LINKS + 2, LINKS, "while the first is held");
            expect_size(odd.ref, LINKS / 2);
            expect_under(even.ref, first.ref, 2);
        }
        expect_live(finds_cycles ? 2 : LINKS + 2, finds_cycles ? 0 : LINKS, "without the first");
        expect_size(even.ref, finds_cycles ? 0 : LINKS / 2);
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

/* Maps are keys and values like any object. */
static void
try_maps_of_maps(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, outer, new_keys());
        {
            ORR_OWN(world.thread, key, new_keys());
            ORR_OWN(world.thread, value, new_values());
            keys_set(outer.ref, key.ref, value.ref);
            cr_assert(orr_weak_values_set(world.thread, value.ref, 7, outer.ref));
            expect_live(3, 2, "while all is held");
        }
        expect_live(1, 0, "without the key");
        keys_set(outer.ref, outer.ref, outer.ref); /* green: lives until it is removed */
        expect_size(outer.ref, 1);
        cr_assert(orr_weak_keys_remove(world.thread, outer.ref, outer.ref));
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

/* --- finalizers --------------------------------------------------------------------------------------- */

struct mourned {
    struct orr_object header;
    struct orr_slot slots[2];
    struct payload payload;
};

static struct orr_root rescued,
    notes;                  /* of the finalizer: where it puts its object; a map, or null */
static uint64_t seen_under; /* what it finds under itself in the map: id, or 0 */
static bool rescues;

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    ORR_OWN(thread, map, root_load(thread, &notes));
    if (map.ref) {
        ORR_OWN(thread, found, orr_weak_keys_get(thread, map.ref, object));
        seen_under = found.ref ? payload_of(found.ref)->id : 0;
        ORR_OWN(thread, fresh, new_node(9));
        keys_set(map.ref, object, fresh.ref);
    }
    if (rescues) {
        orr_retain(thread, object);
        root_put(thread, &rescued, object);
    }
}

static uint16_t index_mourned;
static const struct orr_type type_mourned = {.name = "mourned",
                                             .bytes = sizeof(struct mourned),
                                             .references = 2,
                                             .finalize = finalize,
                                             .index = &index_mourned};

static void
drop_mourned(struct orr_object *map, struct orr_object *values, bool on_cycle)
{
    ORR_OWN(world.thread, key, orr_new(world.thread, &type_mourned));
    ORR_OWN(world.thread, value, new_node(2));
    cr_assert(key.ref);
    if (on_cycle)
        orr_set(world.thread, key.ref, 0, key.ref);
    keys_set(map, key.ref, value.ref);
    if (values)
        cr_assert(orr_weak_values_set(world.thread, values, 1, key.ref));
    orr_own_set(&value, NULL);
}

/* What the map of weak values has under the number, or null. */
static void
expect_value(struct orr_object *map, uint64_t number, const struct orr_object *value)
{
    ORR_OWN(world.thread, found, orr_weak_values_get(world.thread, map, number));
    cr_assert_eq(found.ref, value, "%s: %u", world_name(&world), (unsigned)number);
}

/* A walk over the map shows the key. */
static void
expect_found(struct orr_object *map, struct orr_object *key)
{
    struct orr_object *found, *value;
    uint64_t cursor = 0, number;
    cr_assert(orr_weak_map_next(world.thread, map, &cursor, &found, &number, &value), "%s",
              world_name(&world));
    ORR_OWN(world.thread, held, found);
    ORR_OWN(world.thread, held_value, value);
    cr_assert_eq(held.ref, key);
    cr_assert(held_value.ref);
}

static void
finalizers_story(bool on_cycle, bool comes_back)
{
    const bool by_count = ORR_COUNTED && !on_cycle;
    if (!by_count && !finds_cycles)
        return;
    rescues = comes_back;
    seen_under = 99;
    {
        ORR_OWN(world.thread, map, new_keys());
        ORR_OWN(world.thread, values, new_values());
        orr_retain(world.thread, map.ref);
        root_put(world.thread, &notes, map.ref);
        drop_mourned(map.ref, by_count ? values.ref : NULL, on_cycle);
        /* By its last release the object is whole when it is finalized; else its entries have ended. What the
         * finalizer has entered itself lives with it. */
        expect_live(comes_back ? 4 : 2, comes_back, "after the finalizer");
        cr_assert_eq(seen_under, by_count ? 2 : 0, "%s", world_name(&world));
        expect_size(map.ref, comes_back);
        if (comes_back) {
            ORR_OWN(world.thread, key, root_load(world.thread, &rescued));
            expect_under(map.ref, key.ref, 9);
            expect_found(map.ref, key.ref);
            if (by_count) /* it never left: who brought it back brought it back for its maps too */
                expect_value(values.ref, 1, key.ref);
            orr_set(world.thread, key.ref, 0, NULL);
            root_put(world.thread, &rescued, NULL);
        }
        root_put(world.thread, &notes, NULL);
        expect_live(2, 0, "in the end");
        expect_size(values.ref, 0);
    }
}

static void
try_finalizers(const struct orr_heap_options *options)
{
    struct orr_error error;
    cr_assert_eq(orr_type_register(&type_mourned, &error), ORR_OK);
    open_world(options);
    orr_root_add(world.heap, &rescued);
    orr_root_add(world.heap, &notes);
    for (int story = 0; story < 4; story++)
        finalizers_story(story & 1, story & 2);
    expect_live(0, 0, "at the end");
    orr_root_remove(world.heap, &rescued);
    orr_root_remove(world.heap, &notes);
    world_close(&world);
}

/* --- walks -------------------------------------------------------------------------------------------- */

enum { ENTRIES = 60 };

/* An array that holds `count` nodes with ids from 1 on. */
static struct orr_object *
new_nodes(uint32_t count)
{
    ORR_OWN(world.thread, nodes, orr_new_array(world.thread, &type_plain, count, 0));
    cr_assert(nodes.ref);
    for (uint32_t i = 0; i < count; i++)
        orr_give_slot(world.thread, nodes.ref, orr_element(nodes.ref, i), new_node(i + 1));
    return orr_take(&nodes);
}

static struct orr_object *
node_at(struct orr_object *nodes, uint32_t i)
{
    return orr_slot_peek(orr_element(nodes, i));
}

/* One step of a walk; returns the id of its key (or its number), 0 at the end. */
static uint64_t
step(struct orr_object *map, uint64_t *cursor)
{
    struct orr_object *key, *value;
    uint64_t number;
    if (!orr_weak_map_next(world.thread, map, cursor, &key, &number, &value))
        return 0;
    ORR_OWN(world.thread, held_key, key);
    ORR_OWN(world.thread, held, value);
    cr_assert(held.ref);
    const uint64_t id = payload_check(&world, held.ref);
    if (orr_type_of(map) == &orr_weak_values_type) {
        cr_assert_null(held_key.ref);
        cr_assert_eq(number, id);
        return number;
    }
    cr_assert_eq(payload_check(&world, held_key.ref) + 1000, id);
    return id - 1000;
}

static void
fill(struct orr_object *keys, struct orr_object *values, struct orr_object *nodes)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        ORR_OWN(world.thread, value, new_node(i + 1001));
        keys_set(keys, node_at(nodes, i), value.ref);
        cr_assert(orr_weak_values_set(world.thread, values, i + 1, node_at(nodes, i)));
    }
    expect_size(keys, ENTRIES);
    expect_size(values, ENTRIES);
}

/* Walks; on the way every third entry is removed by hand, every third dies, some are overwritten, some come. */
static void
walk_and_change(struct orr_object *map, struct orr_object *nodes)
{
    const bool has_keys = orr_type_of(map) == &orr_weak_keys_type;
    bool shown[ENTRIES + 1] = {false};
    uint64_t cursor = 0, id;
    for (uint32_t turn = 0; (id = step(map, &cursor)); turn++) {
        cr_assert(id <= ENTRIES && !shown[id], "%s: %u is shown again", world_name(&world),
                  (unsigned)id);
        shown[id] = true;
        const uint32_t i = turn * 7 % ENTRIES;
        if (turn % 10 == 0)
            orr_collect(world.thread, "test");
        if (!node_at(nodes, i))
            continue;
        if (i % 3 == 0 && has_keys)
            orr_weak_keys_remove(world.thread, map, node_at(nodes, i));
        else if (i % 3 == 0)
            orr_weak_values_remove(world.thread, map, i + 1);
        else if (i % 3 == 1)
            orr_set_slot(world.thread, nodes, orr_element(nodes, i), NULL);
        else if (has_keys) {
            ORR_OWN(world.thread, value, new_node(i + 1001));
            keys_set(map, node_at(nodes, i), value.ref);
        }
    }
    for (uint32_t i = 2; i < ENTRIES; i += 3)
        cr_assert(shown[i + 1], "%s: %u stays and is not shown", world_name(&world), i + 1);
}

static void
try_walks(const struct orr_heap_options *options)
{
    open_world(options);
    for (int kind = 0; kind < 2; kind++) {
        ORR_OWN(world.thread, keys, new_keys());
        ORR_OWN(world.thread, values, new_values());
        ORR_OWN(world.thread, nodes, new_nodes(ENTRIES));
        fill(keys.ref, values.ref, nodes.ref);
        walk_and_change(kind ? keys.ref : values.ref, nodes.ref);
        orr_own_set(&nodes, NULL);
        expect_live(2, 0, "without the nodes");
        expect_size(keys.ref, 0);
        expect_size(values.ref, 0);
    }
    expect_live(0, 0, "at the end");
    world_close(&world);
}

/* --- weak values -------------------------------------------------------------------------------------- */

static void
try_values(const struct orr_heap_options *options)
{
    open_world(options);
    {
        ORR_OWN(world.thread, map, new_values());
        ORR_OWN(world.thread, other, new_node(5));
        {
            ORR_OWN(world.thread, ring, new_node(1));
            ORR_OWN(world.thread, value, new_node(2));
            orr_set(world.thread, ring.ref, 0, ring.ref);
            cr_assert(orr_weak_values_set(world.thread, map.ref, UINT64_MAX, ring.ref));
            cr_assert(orr_weak_values_set(world.thread, map.ref, 0, value.ref));
            cr_assert(orr_weak_values_set(world.thread, map.ref, 1, value.ref));
            cr_assert(orr_weak_values_set(world.thread, map.ref, 2, value.ref));
            cr_assert(orr_weak_values_set(world.thread, map.ref, 1, other.ref));
            cr_assert(orr_weak_values_remove(world.thread, map.ref, 2));
            cr_assert_not(orr_weak_values_remove(world.thread, map.ref, 2));
            expect_live(4, 3, "while the values are held");
            expect_size(map.ref, 3);
            expect_value(map.ref, UINT64_MAX, ring.ref);
            expect_value(map.ref, 0, value.ref);
            expect_value(map.ref, 1, other.ref);
            expect_value(map.ref, 2, NULL);
        }
        expect_live(finds_cycles ? 2 : 3, finds_cycles ? 1 : 2, "without the values");
        expect_size(map.ref, finds_cycles ? 1 : 2);
        expect_value(map.ref, 0, NULL);
        expect_value(map.ref, 1, other.ref); /* rule 60 */
        cr_assert_eq(orr_weak_count(world.thread, other.ref), 0);
    }
    expect_live(finds_cycles ? 0 : 1, 0, "at the end");
    world_close(&world);
}

/* --- what is left when a heap goes -------------------------------------------------------------------- */

/* Maps and entries, alive and in dead cycles, in a heap that is destroyed: a leak checker looks. */
static void
try_abandoned(const struct orr_heap_options *options)
{
    static struct orr_root root;
    open_world(options);
    orr_root_add(world.heap, &root);
    {
        ORR_OWN(world.thread, nodes, new_nodes(ENTRIES + 2));
        ORR_OWN(world.thread, keys, new_keys());
        ORR_OWN(world.thread, values, new_values());
        fill(keys.ref, values.ref, nodes.ref);
        orr_set_slot(world.thread, nodes.ref, orr_element(nodes.ref, ENTRIES), keys.ref);
        orr_set_slot(world.thread, nodes.ref, orr_element(nodes.ref, ENTRIES + 1), values.ref);
        root_put(world.thread, &root, orr_take(&nodes));
    }
    cr_assert_eq(orr_weak_cells(world.heap), ENTRIES);
    world_close(&world);
}

/* --- without memory ----------------------------------------------------------------------------------- */

/* What a program does, if it can; returns whether it could. */
static bool
set_some(struct orr_object *keys, struct orr_object *values, struct orr_object *nodes)
{
    for (uint32_t i = 0; i < ENTRIES; i++)
        if (!orr_weak_keys_set(world.thread, keys, node_at(nodes, i), node_at(nodes, 0)) ||
            !orr_weak_values_set(world.thread, values, i, node_at(nodes, i)))
            return false;
    return true;
}

static void
expect_same(struct orr_object *keys, struct orr_object *values, struct orr_object *nodes)
{
    uint64_t set = orr_weak_keys_size(world.thread, keys);
    uint64_t numbered = orr_weak_values_size(world.thread, values);
    cr_assert(set - numbered <= 1, "%u keys, %u values", (unsigned)set, (unsigned)numbered);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        expect_under(keys, node_at(nodes, i), i < set);
        expect_value(values, i, i < numbered ? node_at(nodes, i) : NULL);
    }
}

static void
try_no_memory(const struct orr_heap_options *options)
{
    bool done = false;
    open_world(options);
    for (uint64_t n = 1; !done; n++) {
        ORR_OWN(world.thread, nodes, new_nodes(ENTRIES));
        ORR_OWN(world.thread, keys, new_keys());
        ORR_OWN(world.thread, values, new_values());
        orr_fail_allocation(n, n % 2);
        done = set_some(keys.ref, values.ref, nodes.ref);
        orr_fail_allocation(0, false);
        expect_same(keys.ref, values.ref, nodes.ref);
        cr_assert(set_some(keys.ref, values.ref, nodes.ref), "with memory it works again");
        expect_size(keys.ref, ENTRIES);
        expect_size(values.ref, ENTRIES);
    }
    expect_live(0, 0, "at the end");
    orr_fail_allocation(1, true);
    cr_assert_null(orr_weak_keys_new(world.thread));
    cr_assert_null(orr_weak_values_new(world.thread));
    orr_fail_allocation(0, false);
    world_close(&world);
}

#define TRY(story, collector, body)                                                                \
    Test(story, collector)                                                                         \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, body);                                    \
    }
#define COLLECTOR(collector, summary)                                                              \
    TRY(weakmap_value_that_leads_to_its_key, collector, try_value_leads_to_key)                    \
    TRY(weakmap_dead_key, collector, try_key_dies)                                                 \
    TRY(weakmap_dead_map, collector, try_map_dies)                                                 \
    TRY(weakmap_another_value, collector, try_overwrite)                                           \
    TRY(weakmap_key_and_map_in_one_cycle, collector, try_knot)                                     \
    TRY(weakmap_cycle_of_entries_alone, collector, try_chain)                                      \
    TRY(weakmap_of_maps, collector, try_maps_of_maps)                                              \
    TRY(weakmap_finalized_key, collector, try_finalizers)                                          \
    TRY(weakmap_changed_on_a_walk, collector, try_walks)                                           \
    TRY(weakmap_of_weak_values, collector, try_values)                                             \
    TRY(weakmap_left_in_a_heap, collector, try_abandoned)                                          \
    TRY(weakmap_without_memory, collector, try_no_memory)
#include "collectors/list.def"
#undef COLLECTOR
#undef TRY
