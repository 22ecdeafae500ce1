/* siblings.c - two objects die with what refers to them, so that they wait in the list of the dead, while others upgrade
 * weak references to them: they get them alive or not at all, and never read the list for a count. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_object *parent, *weaks[2];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    struct orr_thread *thread = explore_thread(0);
    parent = explore_new(thread);
    for (unsigned i = 0; i < 2; i++) {
        struct orr_object *child = explore_new(thread);
        weaks[i] = orr_weak_new(thread, child, NULL, NULL, NULL);
        orr_give(thread, parent, i, child);
    }
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_release(thread, parent);
        return;
    }
    struct orr_object *found = orr_weak_get(thread, weaks[fibre - 1]);
    if (!found)
        return;
    explore_check(explore_deaths(found) == 0);
    explore_use(found);
    orr_release(thread, found);
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    for (unsigned i = 0; i < 2; i++) {
        explore_check(orr_weak_get(last, weaks[i]) == NULL);
        orr_release(last, weaks[i]);
    }
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(siblings) = {.name = EXPLORE_NAME,
                              .covers = "A13 D1 D7 E6",
                              .fibres = 3,
                              .setup = setup,
                              .body = body,
                              .check = check};
