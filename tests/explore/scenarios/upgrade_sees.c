/* upgrade_sees.c - a holder writes the object and lets go of it; who then upgrades a weak reference, and held nothing
 * before, sees what was written. The upgrade alone orders the two: nothing else passes between them, so it is the race
 * detector that judges. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_object *object, *weak;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    object = explore_new(explore_thread(2)); /* and keeps it */
    weak = orr_weak_new(explore_thread(2), object, NULL, NULL, NULL);
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        explore_write(object, 1);
        orr_release(thread, object);
        explore_mark();
        return;
    }
    if (!explore_is_marked())
        return;
    struct orr_object *found = orr_weak_get(thread, weak);
    explore_check(found == object && explore_read(found) == 1);
    orr_release(thread, found);
}

static void
check(void)
{
    struct orr_thread *owner = explore_thread(2);
    orr_release(owner, weak);
    orr_release(owner, object);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(upgrade_sees) = {.name = EXPLORE_NAME,
                                  .covers = "A2 D1",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
