/* pending_watched.c - garbage lets go of an object that is no member of it; the callback of a weak reference to that
 * one waits for another thread, which wants a collection too: that does not wait for the one under way. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_root watch;
static unsigned called;
static _Atomic(uint32_t) is_told;

static void
call_back(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread, (void)weak, (void)argument;
    called++;
    while (explore_self() == 0 && !orr_load_relaxed(&is_told)) /* relaxed: nothing is passed on by it */
        orr_yield();
}

static uint16_t leaf_index;
static const struct orr_type leaf_type = {.name = "leaf",
                                          .bytes = sizeof(struct orr_object) + 16,
                                          .flags = ORR_TYPE_ACYCLIC,
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
    orr_root_add(heap, &watch);
    orr_slot_put(&watch.slot, orr_weak_new(thread, leaf, call_back, NULL, NULL));
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
    struct orr_thread *thread = explore_thread(0);
    explore_check(called == 1);
    orr_block_leave(thread);
    orr_release(thread, orr_slot_peek(&watch.slot));
    orr_slot_put(&watch.slot, NULL);
    orr_root_remove(heap, &watch);
    orr_settle(thread);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(pending_watched) = {.name = EXPLORE_NAME,
                                     .covers = "I11",
                                     .fibres = 2,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
