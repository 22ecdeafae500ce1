/* weak_heaps.c - runtime/weak and weakmap: their tables are the process's, yet a heap that ends takes only its own;
 * and what they refuse. */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/weakmap.h"
#include "tests/unit/small_heap.h"

#include <signal.h>

enum { REFERENTS = 200, HEAPS = 3 };

/* A heap with objects that are held here, each known weakly, by a reference and as a key. */
struct side {
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct orr_object *objects[REFERENTS], *weaks[REFERENTS], *map;
    uint64_t cells; /* how many the table has of it */
};

static void
open_side(struct side *side)
{
    const struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    side->heap = small_heap_open(&options);
    side->thread = small_attach(side->heap);
    cr_assert(side->map = orr_weak_keys_new(side->thread));
    for (int i = 0; i < REFERENTS; i++) {
        cr_assert(side->objects[i] = orr_new(side->thread, &small_pair));
        cr_assert(side->weaks[i] = orr_weak_new(side->thread, side->objects[i], NULL, NULL, NULL));
        cr_assert(orr_weak_keys_set(side->thread, side->map, side->objects[i], side->weaks[i]));
    }
    side->cells = orr_weak_cells(side->heap);
    cr_assert(side->cells >= REFERENTS);
}

/* With everything in it. */
static void
abandon_side(struct side *side)
{
    orr_thread_detach(side->thread);
    orr_heap_destroy(side->heap);
}

static void
expect_whole(struct side *side)
{
    cr_assert_eq(orr_weak_cells(side->heap), side->cells);
    cr_assert_eq(orr_weak_keys_size(side->thread, side->map), REFERENTS);
    for (int i = 0; i < REFERENTS; i++) {
        ORR_OWN(side->thread, object, orr_weak_get(side->thread, side->weaks[i]));
        cr_assert_eq(object.ref, side->objects[i]);
        ORR_OWN(side->thread, same, orr_weak_get_any(side->thread, side->weaks[i]));
        cr_assert_eq(same.ref, object.ref);
        ORR_OWN(side->thread, value, orr_weak_keys_get(side->thread, side->map, side->objects[i]));
        cr_assert_eq(value.ref, side->weaks[i]);
    }
}

Test(weak_heaps, a_heap_that_ends_takes_its_own_weak_references_and_maps_and_no_others)
{
    struct side sides[HEAPS];
    for (int i = 0; i < HEAPS; i++)
        open_side(&sides[i]);
    abandon_side(&sides[1]);
    expect_whole(&sides[0]);
    expect_whole(&sides[2]);
    abandon_side(&sides[2]);
    expect_whole(&sides[0]);
    abandon_side(&sides[0]);
    struct side again;
    open_side(&again); /* the table was given up with the last of them, and is made anew */
    expect_whole(&again);
    abandon_side(&again);
}

/* What was cleared waits for its weak references to go; the heap may go first. */
Test(weak_heaps, what_was_cleared_goes_with_its_heap_too)
{
    struct side sides[2];
    for (int i = 0; i < 2; i++) {
        open_side(&sides[i]);
        orr_release(sides[i].thread, sides[i].map);
        for (int j = 0; j < REFERENTS; j++) {
            orr_release(sides[i].thread, sides[i].objects[j]);
            cr_assert_null(orr_weak_get(sides[i].thread, sides[i].weaks[j]));
            cr_assert_null(orr_weak_get_any(sides[i].thread, sides[i].weaks[j]));
        }
    }
    abandon_side(&sides[0]);
    for (int j = 0; j < REFERENTS; j++) {
        cr_assert_null(orr_weak_get(sides[1].thread, sides[1].weaks[j]));
        orr_release(sides[1].thread, sides[1].weaks[j]);
    }
    cr_assert_eq(small_live(sides[1].heap), 0);
    abandon_side(&sides[1]);
}

/* Only a callback wants a context. */
Test(weak_heaps, a_weak_reference_without_a_callback_holds_no_context)
{
    struct side side = {0};
    const struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    side.heap = small_heap_open(&options);
    side.thread = small_attach(side.heap);
    struct orr_object *const object = orr_new(side.thread, &small_pair);
    struct orr_object *const context = orr_new(side.thread, &small_pair);
    struct orr_object *const weak = orr_weak_new(side.thread, object, NULL, NULL, context);
    cr_assert(weak);
    cr_assert_eq(small_live(side.heap), 3);
    orr_release(side.thread, context);
    cr_assert_eq(small_live(side.heap), 2);
    orr_release(side.thread, weak);
    orr_release(side.thread, object);
    cr_assert_eq(small_live(side.heap), 0);
    abandon_side(&side);
}

/* --- callbacks ---------------------------------------------------------------------------------------- */

static struct orr_object *known;
static unsigned depth, deepest, calls;

static void
let_another_die(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)weak, (void)argument;
    if (++depth > deepest)
        deepest = depth;
    calls++;
    orr_release(thread, orr_weak_new(thread, known, NULL, NULL, NULL));
    depth--;
}

/* Callbacks of a collection come one after the other, though each lets something die. */
Test(weak_heaps, callbacks_are_not_called_within_one_another)
{
    enum { WEAKS = 3 };
    struct side side = {0};
    const struct orr_heap_options options = small_options(&orr_rc_atomic, "subtract", &orr_heap_blocks);
    side.heap = small_heap_open(&options);
    side.thread = small_attach(side.heap);
    {
        ORR_OWN(side.thread, held, orr_new(side.thread, &small_pair));
        ORR_OWN(side.thread, weaks, orr_new(side.thread, &small_pair));
        ORR_OWN(side.thread, one_more, NULL);
        known = held.ref;
        {
            ORR_OWN(side.thread, loop, orr_new(side.thread, &small_pair));
            orr_set(side.thread, loop.ref, 0, loop.ref);
            orr_give(side.thread, weaks.ref, 0, orr_weak_new(side.thread, loop.ref, let_another_die, NULL, NULL));
            orr_give(side.thread, weaks.ref, 1, orr_weak_new(side.thread, loop.ref, let_another_die, NULL, NULL));
            orr_own_set(&one_more, orr_weak_new(side.thread, loop.ref, let_another_die, NULL, NULL));
        }
        orr_collect(side.thread, "test");
        cr_assert_eq(calls, WEAKS);
        cr_assert_eq(deepest, 1);
    }
    cr_assert_eq(small_live(side.heap), 0);
    abandon_side(&side);
}

/* --- misuse ------------------------------------------------------------------------------------------- */

Test(weak_heaps, a_weak_reference_as_key_aborts, .signal = SIGABRT)
{
    struct side side;
    open_side(&side);
    orr_weak_keys_set(side.thread, side.map, side.weaks[0], side.objects[0]);
}

Test(weak_heaps, a_map_of_the_other_kind_aborts, .signal = SIGABRT)
{
    struct side side;
    open_side(&side);
    orr_weak_keys_size(side.thread, orr_weak_values_new(side.thread));
}
