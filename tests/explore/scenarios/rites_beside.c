/* rites_beside.c - a dead object's destroy comes to a safepoint, where another thread collects: what is dead already is
 * no garbage of the collection's.
 */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;
static unsigned died;

static void
destroy(struct orr_thread *thread, struct orr_object *dead)
{
    (void)dead;
    died++;
    explore_step();
    orr_poll(thread);
    explore_step();
}

static uint16_t slow_index;
static const struct orr_type slow_type = {.name = "slow",
                                          .bytes = sizeof(struct orr_object) + 16,
                                          .references = 1,
                                          .destroy = destroy,
                                          .index = &slow_index};

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "subtract", "blocks");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    explore_check(orr_type_register(&slow_type, NULL) == ORR_OK);
    object = orr_new(explore_thread(1), &slow_type);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else
        orr_release(thread, object);
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(died == 1);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(rites_beside) = {.name = EXPLORE_NAME,
                                 .covers = "H11",
                                 .fibres = 2,
                                 .setup = setup,
                                 .body = body,
                                 .check = check};
