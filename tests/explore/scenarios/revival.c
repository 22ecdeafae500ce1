/* revival.c - an object's finalizer puts it into a shared slot, from which another thread takes it, while a third
 * upgrades a weak reference to it: finalized once, destroyed once, never seen half dead. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_slot *slot;
static struct orr_object *object, *weak;

static void
revive(struct orr_thread *thread, struct orr_object *dying)
{
    explore_use(dying);
    orr_store_slot(thread, NULL, slot, dying);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    slot = explore_root(heap);
    object = explore_new_finalized(explore_thread(0), revive);
    weak = orr_weak_new(explore_thread(0), object, NULL, NULL, NULL);
    orr_retain(explore_thread(0), object); /* for 1 */
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
    if (found) {
        explore_use(found);
        orr_release(thread, found);
    }
    found = orr_exchange_slot(thread, NULL, slot, NULL); /* it has come back, and dies again here */
    if (found) {
        explore_use(found);
        struct orr_object *again = orr_weak_get(thread, weak); /* it lives: so do its weak references */
        explore_check(again == found);
        orr_release(thread, again);
        orr_release(thread, found);
    }
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    orr_release(last, orr_exchange_slot(last, NULL, slot, NULL));
    explore_settle(heap);
    explore_check(explore_finalized(object) == 1 && explore_deaths(object) == 1);
    orr_release(last, weak);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(revival) = {.name = EXPLORE_NAME,
                             .covers = "B3 D1 D7 F1 F12",
                             .fibres = 3,
                             .setup = setup,
                             .body = body,
                             .check = check};
