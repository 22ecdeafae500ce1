/* tickets.c - one thread stops the world twice; another comes back from a blocking region and a third attaches while it
 * stands for the first time: both are let in before it stands for the second. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static _Atomic(uint32_t) stops, came;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
    orr_block_enter(explore_thread(1));
}

static void
come(unsigned fibre)
{
    while (orr_load_acquire(&stops) == 0)
        orr_yield();
    if (fibre == 1)
        orr_block_leave(explore_thread(1));
    else
        explore_attach_one(heap, fibre);
    orr_add_acq_rel(&came, 1);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_world_stop(heap, thread);
        uint32_t before = orr_load_relaxed(&heap->world.tickets_taken);
        orr_add_acq_rel(&stops, 1);
        while (orr_load_relaxed(&heap->world.tickets_taken) != before + 2)
            orr_yield();
        orr_world_resume(heap);
        orr_world_stop(heap, thread);
        explore_check(orr_load_acquire(&came) == 2);
        orr_world_resume(heap);
    } else
        come(fibre);
    orr_block_enter(explore_thread(fibre)); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(*(uint32_t *)&came == 2);
}

EXPLORE_SCENARIO(tickets) = {.name = EXPLORE_NAME,
                             .covers = "I3 I13",
                             .fibres = 3,
                             .setup = setup,
                             .body = body,
                             .check = check};
