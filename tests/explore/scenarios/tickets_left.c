/* tickets_left.c - one thread stops the world twice; another leaves while it stands for the first time: it is
 * gone before it stands for the second. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 1) {
        explore_detach(1);
        return;
    }
    orr_world_stop(heap, thread);
    /* Once it says that it leaves, it is on its way to the registry, which we have: it takes its ticket. */
    struct orr_thread *leaver = heap->threads == thread ? thread->next : heap->threads;
    bool leaves = leaver && leaver->finishing;
    while (leaves && orr_load_relaxed(&heap->world.tickets_taken) ==
                         orr_load_relaxed(&heap->world.tickets_done))
        orr_yield();
    orr_world_resume(heap);
    orr_world_stop(heap, thread);
    explore_check(!leaves || (heap->threads == thread && !thread->next));
    orr_world_resume(heap);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(heap->threads == explore_thread(0) && heap->threads->next == NULL);
}

EXPLORE_SCENARIO(tickets_left) = {.name = EXPLORE_NAME,
                                  .covers = "I4 I13",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
