/* weak_keys.c - a key of a weak map loses its last references on two threads, one of which gives it another
 * value first, while a third walks over the map: values go with their entry, once, and what the walk shows is
 * alive. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weakmap.h"

static struct orr_heap *heap;
static struct orr_object *map, *key, *first, *second;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    struct orr_thread *thread = explore_thread(0);
    map = orr_weak_keys_new(thread);
    key = explore_new(thread);
    first = explore_new(thread);
    second = explore_new(explore_thread(1));
    explore_check(orr_weak_keys_set(thread, map, key, first));
    orr_release(thread, first);
    orr_retain(thread, key); /* for 1 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_release(thread, key);
    else if (fibre == 1) {
        explore_check(orr_weak_keys_set(thread, map, key, second));
        orr_release(thread, second);
        orr_release(thread, key);
    } else {
        uint64_t cursor = 0, number;
        struct orr_object *found, *value;
        if (!orr_weak_map_next(thread, map, &cursor, &found, &number, &value))
            return;
        explore_check(found == key && (value == first || value == second));
        explore_use(found);
        orr_release(thread, found);
        explore_use(value);
        orr_release(thread, value);
    }
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(explore_born() == explore_died());
    explore_check(orr_weak_keys_size(last, map) == 0 && orr_weak_cells(heap) == 0);
    orr_release(last, map);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(weak_keys) = {.name = EXPLORE_NAME,
                               .covers = "D1 D2",
                               .fibres = 3,
                               .setup = setup,
                               .body = body,
                               .check = check};
