/* collected.c - one thread drops garbage and collects; another, which asks for a collection after that, sees what the
 * deaths did, whichever of the two has collected. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *ring;
static unsigned died; /* plain: the race detector judges */

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
    died++;
}

static uint16_t ring_index;
static const struct orr_type ring_type = {.name = "ring",
                                          .bytes = sizeof(struct orr_object) + 16,
                                          .references = 1,
                                          .destroy = destroy,
                                          .index = &ring_index};

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    explore_check(orr_type_register(&ring_type, NULL) == ORR_OK);
    ring = orr_new(explore_thread(0), &ring_type);
    orr_set(explore_thread(0), ring, 0, ring);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_release(thread, ring);
        explore_mark();
        orr_collect(thread, "scenario");
    } else if (explore_is_marked()) {
        orr_collect(thread, "scenario");
        explore_check(died == 1);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_check(died == 1);
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(collected) = {.name = EXPLORE_NAME,
                               .covers = "I10",
                               .fibres = 2,
                               .setup = setup,
                               .body = body,
                               .check = check};
