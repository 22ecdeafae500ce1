/* upgrade.c - the last strong references to an object are dropped by its owner and by another thread while a third
 * upgrades a weak reference: it gets the object alive, or nothing. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_object *object, *weak;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    object = explore_new(explore_thread(0));
    weak = orr_weak_new(explore_thread(0), object, NULL, NULL, NULL);
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre != 2) {
        orr_release(thread, object);
        return;
    }
    struct orr_object *found = orr_weak_get(thread, weak);
    if (!found)
        return;
    explore_check(found == object && explore_deaths(object) == 0);
    explore_use(found);
    orr_release(thread, found);
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(explore_deaths(object) == 1);
    explore_check(orr_weak_get(last, weak) == NULL);
    orr_release(last, weak);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(upgrade) = {.name = EXPLORE_NAME,
                             .covers = "D1 D7 B5",
                             .fibres = 3,
                             .setup = setup,
                             .body = body,
                             .check = check};
