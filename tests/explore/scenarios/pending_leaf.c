/* pending_leaf.c - garbage lets go of a leaf that is no member of it; the leaf's finalizer waits for another thread,
 * which wants a collection too: that does not wait for the one under way. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static unsigned finalized;
static _Atomic(uint32_t) is_told;

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
    finalized++;
    while (explore_self() == 0 && !orr_load_relaxed(&is_told)) /* relaxed: nothing is passed on by it */
        orr_yield();
}

static uint16_t leaf_index;
static const struct orr_type leaf_type = {.name = "leaf",
                                          .bytes = sizeof(struct orr_object) + 16,
                                          .flags = ORR_TYPE_ACYCLIC,
                                          .finalize = finalize,
                                          .index = &leaf_index};

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    explore_check(orr_type_register(&leaf_type, NULL) == ORR_OK);
    struct orr_object *ring = explore_new(thread), *leaf = orr_new(thread, &leaf_type);
    orr_set(thread, ring, 0, ring);
    orr_set(thread, ring, 1, leaf);
    orr_release(thread, leaf);
    orr_release(thread, ring);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        struct orr_gc_result result = {0};
        explore_check(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, &result, NULL) == ORR_OK);
        explore_check(result.number != 0 || result.finalizers_pending != 0);
        orr_store_relaxed(&is_told, 1); /* relaxed: as above */
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(finalized == 1);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(pending_leaf) = {.name = EXPLORE_NAME,
                                  .covers = "I11",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
