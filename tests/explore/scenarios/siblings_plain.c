/* siblings_plain.c - the same as siblings.c, of objects that die without a call: the short ways of production must not
 * bury what is known weakly, and its count must not be a link while it is. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weakmap.h"

enum { NUMBER = 7 };

static struct orr_heap *heap;
static struct orr_object *parent, *child, *weak, *map;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    struct orr_thread *thread = explore_thread(0);
    parent = explore_new_plain(thread);
    orr_give(thread, parent, 0, explore_new_plain(thread));
    child = explore_new_plain(thread);
    weak = orr_weak_new(thread, child, NULL, NULL, NULL);
    map = orr_weak_values_new(thread);
    explore_check(orr_weak_values_set(thread, map, NUMBER, child));
    orr_give(thread, parent, 1, child);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_release(thread, parent);
        return;
    }
    struct orr_object *found =
        fibre == 1 ? orr_weak_get(thread, weak) : orr_weak_values_get(thread, map, NUMBER);
    if (!found)
        return;
    explore_check(found == child);
    explore_read(found);
    orr_release(thread, found);
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(orr_weak_get(last, weak) == NULL && orr_weak_values_size(last, map) == 0);
    orr_release(last, weak);
    orr_release(last, map);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(siblings_plain) = {.name = EXPLORE_NAME,
                                    .covers = "A13 D1 D7 E6",
                                    .fibres = 3,
                                    .setup = setup,
                                    .body = body,
                                    .check = check};
