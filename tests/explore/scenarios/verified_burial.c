/* verified_burial.c - a chain of the dead is half buried when there is no memory to queue what hangs from it, and has
 * let go of something else before; while that waits for its turn to stop the world, another thread verifies the heap,
 * and its books are right. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/verify.h"

static uint16_t index_of_plain;
static const struct orr_type plain = {.name = "plain",
                                      .bytes = sizeof(struct orr_object) + 2 * sizeof(struct orr_slot),
                                      .references = 2,
                                      .index = &index_of_plain};

static struct orr_heap *heap;
static struct orr_object *chain, *kept;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    explore_check(orr_type_register(&plain, NULL) == ORR_OK);
    chain = explore_new(explore_thread(0)); /* 1 will drop what 0 owns */
    kept = explore_new(explore_thread(1));
    for (unsigned i = 0; i < 2; i++) {
        struct orr_object *before = orr_new(explore_thread(1), &plain);
        orr_set(explore_thread(1), before, 0, kept);
        orr_init(explore_thread(1), before, 1, chain);
        chain = before;
    }
    orr_release(explore_thread(1), kept);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    struct orr_error error = {.status = ORR_OK};
    if (fibre == 0) {
        orr_world_stop(heap, thread);
        bool sound = orr_heap_verify(heap, thread, &error);
        orr_world_resume(heap);
        if (!sound && error.status != ORR_OUT_OF_MEMORY)
            explore_fail("%s", error.message);
    } else {
        orr_fail_allocation(1, false);
        orr_release(thread, chain);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    orr_fail_allocation(0, false);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(verified_burial) = {.name = EXPLORE_NAME,
                                     .covers = "B9 J5",
                                     .fibres = 2,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
