/* child_written.c - one thread writes an object and then drops its parent, which was all by which it held the object;
 * another drops the last reference to it: what was written comes before its death. It shows where that is while the
 * parent is being buried; giving the parent's cell back orders the two by a lock. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *parent, *child;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    parent = explore_new_plain(explore_thread(0));
    child = explore_new_plain(explore_thread(1)); /* for 1 */
    orr_set(explore_thread(2), parent, 0, child);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        explore_write(child, 1); /* plain, and whoever frees it touches it too: the race detector judges */
        orr_release(thread, parent);
    } else
        orr_release(thread, child);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(child_written) = {.name = EXPLORE_NAME,
                                   .covers = "A2",
                                   .fibres = 2,
                                   .setup = setup,
                                   .body = body,
                                   .check = check};
