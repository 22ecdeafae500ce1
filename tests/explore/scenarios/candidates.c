/* candidates.c - three threads drop references to an object in a cycle, one after taking another: each half of
 * the count claims the candidate at most once, and it is claimed at least once, so that a collection finds it. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    explore_attach(heap, 3);
    struct orr_thread *thread = explore_thread(0);
    object = explore_new(thread);
    orr_set(thread, object, 0, object);
    orr_retain(thread, object); /* for 1 */
    orr_retain(thread, object); /* for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 1) {
        orr_retain(thread, object);
        orr_release(thread, object);
    }
    orr_release(thread, object);
}

static void
check(void)
{
    explore_settle(heap);
    uint64_t entries = 0;
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        entries += thread->candidates.total;
    explore_check(entries >= 1 && entries <= (EXPLORE_RC.has_owner ? 2 : 1));
    orr_collect(explore_thread(3), "scenario");
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(candidates) = {.name = EXPLORE_NAME,
                                .covers = "B11 H11 H12",
                                .fibres = 3,
                                .setup = setup,
                                .body = body,
                                .check = check};
