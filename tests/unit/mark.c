/* mark.c - collectors/mark, beside strategies that count: marks that are older than they look, and long arrays. */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "tests/unit/small_heap.h"

enum { EPOCHS = 3 }; /* collections after which a mark comes back */

static struct orr_heap *heap;
static struct orr_object *saved; /* by the finalizer of the one that waits */
static int waited;               /* collections that the first finalizer runs */

static void
collect(struct orr_thread *thread, int times)
{
    while (times-- > 0)
        orr_collect(thread, "test");
}

/* The other object is dead by now, and waits for its turn, with what it refers to. */
static void
let_the_other_wait(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    collect(thread, waited);
}

static void
collect_once_more(struct orr_thread *thread, struct orr_object *object)
{
    collect(thread, 1);
    saved = orr_get(thread, object, 0);
}

static uint16_t first_index, waiting_index;
static const struct orr_type type_first = {.name = "first",
                                           .bytes = sizeof(struct small_pair),
                                           .references = 2,
                                           .finalize = let_the_other_wait,
                                           .index = &first_index};
static const struct orr_type type_waiting = {.name = "waiting",
                                             .bytes = sizeof(struct small_pair),
                                             .references = 2,
                                             .finalize = collect_once_more,
                                             .index = &waiting_index};

/* A parent's death makes two objects die, of which the one with the child waits while the other's finalizer
 * collects; then its own finalizer does, and the child must have lived through all of it. */
static void
die_and_wait(struct orr_thread *thread)
{
    struct orr_object *const parent = orr_new(thread, &small_pair);
    struct orr_object *const waiting = orr_new(thread, &type_waiting);
    ORR_OWN(thread, parent_held, parent);
    orr_init(thread, parent, 0, waiting);
    orr_init(thread, parent, 1, orr_new(thread, &type_first)); /* dies last, and is buried first */
    orr_init(thread, waiting, 0, orr_new(thread, &small_pair));
    collect(thread, 1); /* all are marked */
}

Test(mark, who_waited_dead_through_collections_is_looked_into_when_it_lives_again)
{
    for (waited = 0; waited < 2 * EPOCHS; waited++) {
        struct orr_heap_options options = small_options(&orr_rc_atomic, "mark", &orr_heap_blocks);
        struct orr_error error;
        options.ledger = true;
        options.verify = true;
        heap = small_heap_open(&options);
        cr_assert_eq(orr_type_register(&type_first, &error), ORR_OK);
        cr_assert_eq(orr_type_register(&type_waiting, &error), ORR_OK);
        struct orr_thread *const thread = small_attach(heap);
        saved = NULL;
        die_and_wait(thread);
        orr_poll_slow(thread); /* who was put aside in a stop */
        cr_assert(saved && !orr_is_corpse(saved), "after %d collections the child is gone", waited);
        orr_release(thread, saved);
        cr_assert_eq(small_live(heap), 0);
        cr_assert(!orr_load_relaxed(&heap->verification_failed));
        orr_thread_detach(thread);
        orr_heap_destroy(heap);
    }
}

Test(mark, a_long_array_is_looked_into_to_its_end)
{
    enum { LENGTH = 5000 }; /* several pieces, and a rest */
    static uint16_t index;
    static const struct orr_type type_array = {
        .name = "array", .bytes = sizeof(struct orr_array), .flags = ORR_TYPE_ARRAY, .index = &index};
    struct orr_heap_options options = small_options(&orr_rc_atomic, "mark", &orr_heap_blocks);
    struct orr_error error;
    heap = small_heap_open(&options);
    cr_assert_eq(orr_type_register(&type_array, &error), ORR_OK);
    struct orr_thread *const thread = small_attach(heap);
    {
        ORR_OWN(thread, array, orr_new_array(thread, &type_array, LENGTH, 0));
        cr_assert(array.ref);
        for (uint32_t i = 0; i < LENGTH; i++)
            orr_give_slot(thread, array.ref, orr_element(array.ref, i), orr_new(thread, &small_pair));
        collect(thread, 1);
        cr_assert_eq(small_live(heap), 1 + LENGTH);
    }
    cr_assert_eq(small_live(heap), 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}
