/* claimed_plain.c - candidates die without a call: by their owner's last release, with what refers to them, and by a
 * last release after another thread has counted them. A buffer names each, so its cell stays until a collection.
 */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *parent, *twice, *counted;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0), *other = explore_thread(1);
    parent = explore_new_plain(thread);
    struct orr_object *child = explore_new_plain(thread);
    orr_set(thread, parent, 0, child);
    orr_release(thread, child);
    twice = explore_new_plain(thread);
    orr_retain(thread, twice);
    orr_release(thread, twice);
    counted = explore_new_plain(thread);
    orr_retain(other, counted);
    orr_release(other, counted);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_release(thread, parent);
        orr_release(thread, twice);
        orr_release(thread, counted);
    } else
        orr_collect(thread, "scenario");
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    struct orr_thread *thread = explore_thread(0);
    explore_settle(heap);
    orr_block_leave(thread);
    orr_collect(thread, "scenario");
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(claimed_plain) = {.name = EXPLORE_NAME,
                                  .covers = "H11",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
