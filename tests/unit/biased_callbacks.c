/* biased_callbacks.c - runtime/rc_biased: when the callbacks run of those whom a merge finds dead.
 *
 * The test's own thread is the owner. The other thread comes, drops the last reference, which queues the object, and
 * goes.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "tests/unit/small_heap.h"

static struct orr_heap *heap;
static struct orr_thread *me;
static struct orr_object *object; /* what the other drops */

static void
open_heap(void)
{
    const struct orr_heap_options options = small_options(&orr_rc_biased, "none", &orr_heap_blocks);
    heap = small_heap_open(&options);
    me = small_attach(heap);
}

static void
close_heap(void)
{
    cr_assert_eq(small_live(heap), 0);
    orr_thread_detach(me);
    orr_heap_destroy(heap);
}

static void *
release(void *unused)
{
    struct orr_thread *const other = small_attach(heap);
    orr_release(other, object);
    orr_thread_detach(other);
    return unused;
}

static void
release_elsewhere(void)
{
    struct orr_os_thread other;
    cr_assert(orr_os_thread_start(&other, release, NULL, 0));
    orr_os_thread_join(&other);
}

static uint32_t finalized, destroyed;
static bool all_settle;

/* The first collects, say: what its owner's worklist still has dies in a stopped world. */
static void
settle_counts(struct orr_thread *thread, struct orr_object *dead)
{
    (void)dead;
    if (finalized++ > 0 && !all_settle)
        return;
    orr_world_stop(thread->heap, thread);
    orr_counts_settle(thread);
    orr_world_resume(thread->heap);
    orr_poll(thread); /* what has been put off does not come within this */
    cr_assert(thread->cascading);
}

static void
note_destroyed(struct orr_thread *thread, struct orr_object *dead)
{
    (void)thread;
    (void)dead;
    destroyed++;
}

static uint16_t last_words_index;
static const struct orr_type last_words = {.name = "last words",
                                           .bytes = 32,
                                           .finalize = settle_counts,
                                           .destroy = note_destroyed,
                                           .index = &last_words_index};

Test(biased_callbacks, callbacks_that_the_last_poll_put_off_do_not_wait_as_long_as_their_thread_is_blocked)
{
    open_heap();
    cr_assert_eq(orr_type_register(&last_words, NULL), ORR_OK);
    for (int i = 0; i < 3; i++) {
        cr_assert(object = orr_new(me, &last_words));
        release_elsewhere();
    }
    cr_assert_eq(destroyed, 0);
    orr_block_enter(me);
    cr_assert_eq(destroyed, 3);
    orr_block_leave(me);
    close_heap();
}

/* Each finalizer puts those of its siblings off again. */
Test(biased_callbacks, callbacks_that_are_put_off_time_and_again_are_called_before_their_thread_leaves)
{
    enum { SIBLINGS = 10 };
    static uint16_t index;
    static const struct orr_type family = {
        .name = "family", .bytes = sizeof(struct orr_array), .flags = ORR_TYPE_ARRAY, .index = &index};
    open_heap();
    cr_assert_eq(orr_type_register(&last_words, NULL), ORR_OK);
    cr_assert_eq(orr_type_register(&family, NULL), ORR_OK);
    all_settle = true;
    struct orr_thread *leaving;
    cr_assert_eq(orr_thread_attach(heap, &leaving, NULL), ORR_OK);
    orr_block_enter(me);
    object = orr_new_array(leaving, &family, SIBLINGS, 0);
    for (uint32_t i = 0; i < SIBLINGS; i++)
        orr_init_slot(leaving, object, orr_element(object, i), orr_new(leaving, &last_words));
    orr_release(leaving, object);
    orr_thread_detach(leaving);
    orr_block_leave(me);
    cr_assert_eq(finalized, SIBLINGS);
    cr_assert_eq(destroyed, SIBLINGS);
    close_heap();
}

static struct orr_object *polling;

/* What its poll merges, and finds dead, is another's death. */
static void
poll_within(struct orr_thread *thread, struct orr_object *dead)
{
    (void)dead;
    release_elsewhere();
    orr_poll(thread);
    cr_assert(thread->cascading);
    cr_assert_eq(destroyed, 0, "a death within another's destroy");
    polling = NULL;
}

Test(biased_callbacks, what_a_destroy_merges_does_not_die_within_it)
{
    static uint16_t polling_index, noted_index;
    static const struct orr_type polls = {
        .name = "polls", .bytes = 32, .destroy = poll_within, .index = &polling_index};
    static const struct orr_type noted = {
        .name = "noted", .bytes = 32, .destroy = note_destroyed, .index = &noted_index};
    open_heap();
    cr_assert_eq(orr_type_register(&polls, NULL), ORR_OK);
    cr_assert_eq(orr_type_register(&noted, NULL), ORR_OK);
    cr_assert(object = orr_new(me, &noted));
    cr_assert(polling = orr_new(me, &polls));
    orr_release(me, polling);
    cr_assert_eq(polling, NULL, "it was destroyed");
    cr_assert_eq(destroyed, 1);
    close_heap();
}
