/* weak_any.c - one weak reference is asked by a thread that does not know the strategy, which locks the referent for a
 * moment, and by one that does: both get the object, and nothing else. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_object *object, *weak;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, ORR_COUNTED ? "none" : "mark", "libc");
    explore_attach(heap, 2);
    object = explore_new(explore_thread(2)); /* and keeps it; nobody collects meanwhile */
    weak = orr_weak_new(explore_thread(2), object, NULL, NULL, NULL);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    struct orr_object *found = fibre == 0 ? orr_weak_get_any(thread, weak) : orr_weak_get(thread, weak);
    explore_check(found == object);
    orr_release(thread, found);
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(orr_slot_peek(&((struct orr_weak *)weak)->cell->referent) == object);
}

EXPLORE_SCENARIO(weak_any) = {.name = EXPLORE_NAME,
                              .covers = "D1",
                              .fibres = 2,
                              .setup = setup,
                              .body = body,
                              .check = check};
