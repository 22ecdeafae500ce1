/* holding.c - ways to hold an object, and to ask how it is held: pins, immortality, being the only holder, taking
 * a reference to what may have died, under every strategy, collector and heap.
 */
#include "tests/conformance/world.h"

static void
pins(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_thread *const thread = world.thread;
    struct orr_object *const object = orr_new(thread, &type_node);
    payload_set(object, 5);
    struct orr_root *const first = orr_pin(thread, object), *const second = orr_pin(thread, object);
    cr_assert(first && second);
    orr_set(thread, object, 0, object); /* a ring of its own */
    orr_release(thread, object);
    world_settle(&world);
    cr_assert_eq(world_live(&world), 1, "%s: pinned", world_name(&world));
    orr_unpin(thread, first);
    world_settle(&world);
    cr_assert_eq(payload_check(&world, object), 5, "%s: pinned once more", world_name(&world));
    orr_set(thread, object, 0, NULL);
    orr_unpin(thread, second);
    world_settle(&world);
    if (is_complete(options->collector) || options->rc->counts)
        cr_assert_eq(world_live(&world), 0, "%s: unpinned", world_name(&world));
    world_close(&world);
}

static void
only_holders(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_thread *const thread = world.thread;
    {
        ORR_OWN(thread, object, orr_new(thread, &type_node));
        const bool knows = options->rc->counts;
        cr_assert_eq(orr_is_unique(thread, object.ref), knows, "%s: alone", world_name(&world));
        orr_retain(thread, object.ref);
        cr_assert(!orr_is_unique(thread, object.ref), "%s: held twice", world_name(&world));
        orr_release(thread, object.ref);
        cr_assert_eq(orr_is_unique(thread, object.ref), knows, "%s: alone again",
                     world_name(&world));
        ORR_OWN(thread, weak, orr_weak_new(thread, object.ref, NULL, NULL, NULL));
        cr_assert(!orr_is_unique(thread, object.ref), "%s: another may come any time",
                  world_name(&world));
        cr_assert(orr_try_retain(thread, object.ref), "%s: alive", world_name(&world));
        orr_release(thread, object.ref);
        cr_assert(orr_immortalise(thread, object.ref));
        ORR_OWN(thread, upgraded, orr_weak_get(thread, weak.ref));
        cr_assert_eq(upgraded.ref, object.ref, "%s: immortal", world_name(&world));
    }
    world_settle(&world);
    cr_assert_eq(world_live(&world), 1 + !options->rc->counts * !is_complete(options->collector),
                 "%s: the immortal alone", world_name(&world));
    world_close(&world);
}

static void
each_collector(void (*body)(const struct orr_heap_options *options))
{
    for (size_t i = 0; orr_collectors[i]; i++)
        for (size_t k = 0; orr_heap_kinds[k]; k++)
            if (world_applies(orr_collectors[i], orr_heap_kinds[k], 1)) {
                const struct orr_heap_options options =
                    world_options(orr_collectors[i], orr_heap_kinds[k]);
                body(&options);
            }
}

Test(holding, a_pin_keeps_an_object_alive_until_it_is_taken_away)
{
    each_collector(pins);
}

Test(holding, who_holds_alone_is_told_so)
{
    each_collector(only_holders);
}
