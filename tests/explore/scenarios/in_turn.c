/* in_turn.c - two threads drop a cycle with a finalizer and collect, at once or in turn: what a collection says of
 * itself and what its callbacks at both ends write is seen by the next, and is not undone by the one before. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *rings[2];
static unsigned begun, ended; /* plain: written by callbacks of one collection at a time; the race detector judges */

static void
count_ends(struct orr_thread *thread, const struct orr_gc_event *event, void *argument)
{
    (void)thread, (void)argument;
    if (event->phase == ORR_GC_START) {
        explore_check(begun++ == ended);
    } else {
        explore_check(++ended == begun);
    }
}

/* While finalizers run, those who would wait for the collection are told not to. */
static void
finalizer(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    explore_step();
    explore_check(!thread->collecting || orr_load_relaxed(&heap->collecting) == ORR_COLLECTING_FINALIZES);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    explore_check(orr_gc_callback_add(heap, count_ends, NULL));
    for (unsigned fibre = 0; fibre < 2; fibre++) {
        explore_attach_one(heap, fibre);
        rings[fibre] = explore_new_finalized(explore_thread(fibre), finalizer);
        orr_set(explore_thread(fibre), rings[fibre], 0, rings[fibre]);
    }
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    orr_release(thread, rings[fibre]);
    orr_collect(thread, "scenario");
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_finalized(rings[0]) == 1 && explore_finalized(rings[1]) == 1);
    explore_all_dead(heap);
    explore_check(begun == ended && begun >= 1);
}

EXPLORE_SCENARIO(in_turn) = {.name = EXPLORE_NAME,
                             .covers = "I10",
                             .fibres = 2,
                             .setup = setup,
                             .body = body,
                             .check = check};
