/* cycles.c - two threads drop the last outside references to a cycle; one of them leaves, the other collects: whoever's
 * candidate it becomes, it is freed once, by that collection or the next. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    object = explore_new(thread);
    struct orr_object *other = explore_new(thread);
    orr_retain(thread, object); /* for fibre 1 */
    orr_set(thread, other, 0, object);
    orr_give(thread, object, 0, other);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    orr_release(thread, object);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else
        explore_detach(fibre); /* its candidates are orphans */
}

static void
check(void)
{
    orr_settle(explore_thread(0));
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(cycles) = {.name = EXPLORE_NAME,
                            .covers = "B11 H11 H12 I4",
                            .fibres = 2,
                            .setup = setup,
                            .body = body,
                            .check = check};
