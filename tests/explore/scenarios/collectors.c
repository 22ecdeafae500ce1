/* collectors.c - two threads collect at once, one what was dropped before, the other what it drops now: each
 * collection is whole, and every call returns after one that began after it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *early, *late;

/* A cycle of one. */
static struct orr_object *
ring(struct orr_thread *thread)
{
    struct orr_object *object = explore_new(thread);
    orr_set(thread, object, 0, object);
    return object;
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    early = ring(explore_thread(0));
    late = ring(explore_thread(1));
    orr_release(explore_thread(0), early);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 1)
        orr_release(thread, late);
    orr_collect(thread, "scenario");
    explore_check(explore_deaths(early) == 1);
    explore_check(fibre == 0 || explore_deaths(late) == 1);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(collectors) = {.name = EXPLORE_NAME,
                                .covers = "B12 I10 H12",
                                .fibres = 2,
                                .setup = setup,
                                .body = body,
                                .check = check};
