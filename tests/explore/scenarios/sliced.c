/* sliced.c - what a thread frees in slices, it frees all before it is nobody's owner any more: it leaves with a
 * queue in which there is an object of whose children another holds some and drops them meanwhile. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *parent, *child;

static void
setup(void)
{
    struct orr_heap_options options = {.rc = &EXPLORE_RC, .release_slice = 1};
    heap = explore_heap_with(&options);
    explore_attach(heap, 2);
    struct orr_thread *thread = explore_thread(0);
    parent = explore_new(thread);
    struct orr_object *between = explore_new(thread);
    child = explore_new(thread);
    orr_give(thread, parent, 0, between);
    orr_set(thread, between, 0, child); /* its own reference is for 1, as is that to parent */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        explore_detach(fibre);
        return;
    }
    orr_release(thread, parent);
    explore_use(child);
    orr_release(thread, child);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(sliced) = {.name = EXPLORE_NAME,
                            .covers = "B1 B2 B14",
                            .fibres = 2,
                            .setup = setup,
                            .body = body,
                            .check = check};
