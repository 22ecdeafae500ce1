/* leaf_beside.c - an object with a finalizer dies by its last release while another thread collects: its finalizer is
 * none of the collection's, and whoever wants to collect afterwards can. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *leaf;

static void
finalizer(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    leaf = explore_new_finalized(explore_thread(1), finalizer);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        orr_poll(thread); /* where it may stand while the other collects, whose end is then near */
        orr_release(thread, leaf);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(orr_load_relaxed(&heap->collecting) == ORR_COLLECTING_NOBODY); /* relaxed: alone */
    explore_check(explore_finalized(leaf) == 1);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(leaf_beside) = {.name = EXPLORE_NAME,
                                 .covers = "I11",
                                 .fibres = 2,
                                 .setup = setup,
                                 .body = body,
                                 .check = check};
