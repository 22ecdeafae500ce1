/* weak_values.c - a value that a map knows weakly dies on one thread while another puts its successor under the
 * same number and a third looks the number up: the death does not take the successor's entry with it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weakmap.h"

enum { NUMBER = 7 };

static struct orr_heap *heap;
static struct orr_object *map, *old, *fresh;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    map = orr_weak_values_new(explore_thread(0));
    old = explore_new(explore_thread(0));
    fresh = explore_new(explore_thread(1));
    explore_check(orr_weak_values_set(explore_thread(0), map, NUMBER, old));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_release(thread, old);
    else if (fibre == 1)
        explore_check(orr_weak_values_set(thread, map, NUMBER, fresh));
    else {
        struct orr_object *found = orr_weak_values_get(thread, map, NUMBER);
        explore_check(!found || found == old || found == fresh);
        if (found)
            explore_use(found);
        orr_release(thread, found);
    }
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(explore_deaths(old) == 1 && explore_deaths(fresh) == 0);
    explore_check(orr_weak_values_size(last, map) == 1 && orr_weak_cells(heap) == 1);
    struct orr_object *found = orr_weak_values_get(last, map, NUMBER);
    explore_check(found == fresh);
    orr_release(last, found);
    orr_release(last, fresh);
    explore_settle(heap);
    explore_check(orr_weak_values_size(last, map) == 0);
    orr_release(last, map);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(weak_values) = {.name = EXPLORE_NAME,
                                 .covers = "D1 D2 D3",
                                 .fibres = 3,
                                 .setup = setup,
                                 .body = body,
                                 .check = check};
