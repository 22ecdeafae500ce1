/* weak_threads.c - the weak reference itself dies on one thread, its referent on another, while a third makes a new one
 * to the same referent, which may be the shared one that is dying. */
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
    orr_retain(explore_thread(0), object); /* for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_release(thread, object);
    else if (fibre == 1)
        orr_release(thread, weak);
    else {
        struct orr_object *mine = orr_weak_new(thread, object, NULL, NULL, NULL);
        explore_check(mine != NULL);
        orr_release(thread, object);
        struct orr_object *found = orr_weak_get(thread, mine);
        if (found) {
            explore_use(found);
            orr_release(thread, found);
        }
        orr_release(thread, mine);
    }
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_deaths(object) == 1);
    explore_all_dead(heap);
    explore_check(orr_weak_cells(heap) == 0);
}

EXPLORE_SCENARIO(weak_threads) = {.name = EXPLORE_NAME,
                                  .covers = "D2 D3",
                                  .fibres = 3,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
