/* tickets.c - one thread stops the world twice; another comes back from a blocking region while it stands for
 * the first time: it is let in before the world stands for the second. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static _Atomic(uint32_t) stopped, came;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
    orr_block_enter(explore_thread(1));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_world_stop(heap, thread);
        /* relaxed, both: a count, and all that is asked of it */
        uint32_t before = orr_load_relaxed(&heap->world.tickets_taken);
        orr_store_release(&stopped, 1);
        while (orr_load_relaxed(&heap->world.tickets_taken) == before)
            orr_yield();
        orr_world_resume(heap);
        orr_world_stop(heap, thread);
        explore_check(orr_load_acquire(&came) == 1);
        orr_world_resume(heap);
    } else {
        while (orr_load_acquire(&stopped) == 0) /* pairs with the store above */
            orr_yield();
        orr_block_leave(thread);
        orr_store_release(&came, 1);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(*(uint32_t *)&came == 1);
}

EXPLORE_SCENARIO(tickets) = {.name = EXPLORE_NAME,
                             .covers = "I13",
                             .fibres = 2,
                             .setup = setup,
                             .body = body,
                             .check = check};
