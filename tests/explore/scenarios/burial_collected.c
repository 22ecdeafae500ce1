/* burial_collected.c - an object of two references is half buried when there is no memory to queue the second one;
 * while that waits for its turn to stop the world, another thread collects, and finds neither what was dropped nor
 * garbage.
 */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *parent, *kept, *single;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "subtract", "blocks");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(1);
    parent = explore_new_plain(thread);
    kept = explore_new(thread);
    orr_set(thread, parent, 0, kept);
    orr_give(thread, parent, 1, explore_new_plain(explore_thread(0))); /* 1 will drop what 0 owns */
    single = explore_new(explore_thread(0));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        orr_fail_allocation(1, false);
        orr_release(thread, parent);
        struct orr_object *fresh[2] = {explore_new_plain(thread), explore_new_plain(thread)}; /* in their cells */
        for (int i = 0; i < 2; i++)
            orr_set(thread, fresh[i], 1, kept);
        orr_fail_allocation(1, false); /* what is released now has nothing to do with the burial */
        orr_release(thread, single);
        orr_fail_allocation(0, false);
        for (int i = 0; i < 2; i++) {
            explore_check(orr_peek(thread, fresh[i], 1) == kept);
            orr_release(thread, fresh[i]);
        }
        explore_use(kept);
        orr_release(thread, kept);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    orr_fail_allocation(0, false);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(burial_collected) = {.name = EXPLORE_NAME,
                                     .covers = "B9 J5",
                                     .fibres = 2,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
