/* newborns.c - three threads drop the last references to a newborn, and the one whose buffer names it sifts the
 * buffer meanwhile: the cell of the dead goes once, by the sift or by a later one. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "generations", "libc");
    explore_attach(heap, 3);
    object = explore_new(explore_thread(0));
    orr_retain(explore_thread(0), object); /* for 1 */
    orr_retain(explore_thread(0), object); /* for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    explore_use(object);
    orr_release(thread, object);
    if (fibre == 0)
        orr_newborns_sift(thread);
}

static void
check(void)
{
    explore_settle(heap);
    orr_newborns_sift(explore_thread(0));
    explore_check(explore_thread(0)->candidates.total == 0);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(newborns) = {.name = EXPLORE_NAME,
                              .covers = "A1 A13 H11",
                              .fibres = 3,
                              .setup = setup,
                              .body = body,
                              .check = check};
