/* ephemerons.c - a key that only its own value refers to, through a weak map: a collection sees the cycle,
 * unless a walk over the map holds the key meanwhile. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weakmap.h"

static struct orr_heap *heap;
static struct orr_slot *slot;
static struct orr_object *map, *key, *value;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    slot = explore_root(heap);
    map = orr_weak_keys_new(thread);
    orr_store_slot(thread, NULL, slot, map); /* so that it is reachable */
    key = explore_new(thread);
    value = explore_new(thread);
    orr_set(thread, value, 0, key);
    explore_check(orr_weak_keys_set(thread, map, key, value));
    orr_release(thread, value);
    orr_release(thread, key);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        uint64_t cursor = 0, number;
        struct orr_object *found, *held;
        if (orr_weak_map_next(thread, map, &cursor, &found, &number, &held)) {
            explore_check(found == key && held == value);
            explore_use(found);
            explore_use(held);
            orr_release(thread, held);
            orr_release(thread, found);
        }
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    struct orr_thread *thread = explore_thread(0);
    orr_block_leave(thread);
    orr_collect(thread, "scenario");
    explore_check(explore_deaths(key) == 1 && explore_deaths(value) == 1);
    explore_check(orr_weak_keys_size(thread, map) == 0 && orr_weak_cells(heap) == 0);
}

EXPLORE_SCENARIO(ephemerons) = {.name = EXPLORE_NAME,
                                .covers = "D7 D12 H12",
                                .fibres = 2,
                                .setup = setup,
                                .body = body,
                                .check = check};
