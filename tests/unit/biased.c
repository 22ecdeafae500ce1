/* biased.c - runtime/rc_biased: its states, step by step, as the headers of objects show them.
 *
 * The test's own thread is the owner unless a test says otherwise. The other thread comes, does one thing
 * and leaves, and the test waits for that: so each step is over before it is looked at.
 */
/* mutator.h is for a chosen strategy: the one under test. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/owner.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

#include <signal.h>

static uint16_t pair_index;
static const struct orr_type pair_type = {
    .name = "pair", .bytes = 48, .references = 2, .index = &pair_index};

static struct orr_heap *heap;
static struct orr_thread *me;
static struct orr_object *object; /* the one that is looked at */

/* --- the heap ---------------------------------------------------------------------------------------- */

static void
open_heap(const char *collector)
{
    struct orr_error error;
    struct orr_heap_options options = {.rc = &orr_rc_biased,
                                       .collector = orr_collector_find(collector),
                                       .kind = &orr_heap_blocks,
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .ledger = true};
    cr_assert_eq(orr_type_register(&pair_type, &error), ORR_OK);
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &me, &error), ORR_OK);
}

static struct orr_heap_totals
totals(void)
{
    struct orr_heap_totals sums;
    orr_heap_totals(heap, &sums);
    return sums;
}

static void
close_heap(uint64_t live)
{
    struct orr_error error = {.message = ""};
    cr_assert_eq(totals().live, live);
    orr_world_stop(heap, me);
    cr_assert(orr_heap_verify(heap, me, &error), "%s", error.message);
    orr_world_resume(heap);
    orr_thread_detach(me);
    orr_heap_destroy(heap);
}

/* --- the other thread -------------------------------------------------------------------------------- */

typedef void deed(struct orr_thread *other);

static void *
run_deed(void *argument)
{
    struct orr_thread *other;
    struct orr_error error;
    if (orr_thread_attach(heap, &other, &error) != ORR_OK)
        return heap;
    (*(deed **)argument)(other);
    orr_thread_detach(other);
    return NULL;
}

/* Another thread comes, does it, and goes. */
static void
elsewhere(deed *what)
{
    struct orr_os_thread thread;
    cr_assert(orr_os_thread_start(&thread, run_deed, &what, 0));
    orr_os_thread_join(&thread);
}

static void
other_makes(struct orr_thread *other)
{
    object = orr_new(other, &pair_type);
}

static void
other_makes_held_twice(struct orr_thread *other)
{
    object = orr_new(other, &pair_type);
    orr_retain(other, object);
}

static void
other_retains(struct orr_thread *other)
{
    orr_retain(other, object);
}

static void
other_releases(struct orr_thread *other)
{
    orr_release(other, object);
}

static void
other_releases_without_memory(struct orr_thread *other)
{
    orr_fail_allocation(1, false);
    orr_release(other, object);
    orr_fail_allocation(0, false);
}

static bool other_succeeded;

static void
other_tries(struct orr_thread *other)
{
    other_succeeded = heap->rc->try_retain(other, object);
}

static void
other_leaves_a_count(struct orr_thread *other)
{
    orr_retain(other, object);
    orr_release(other, object);
    orr_release(other, object);
}

/* --- what the header says ---------------------------------------------------------------------------- */

static void
expect_header(uint32_t owner, uint32_t count, uint32_t state, int32_t foreign)
{
    uint32_t shared = orr_load_relaxed(&object->shared);
    cr_assert_eq(orr_load_relaxed(&object->owner), owner, "owner %x, not %x",
                 orr_load_relaxed(&object->owner), owner);
    cr_assert_eq(orr_load_relaxed(&object->count) & ORR_COUNT_MASK, count, "count %x, not %x",
                 orr_load_relaxed(&object->count), count);
    cr_assert_eq(shared & ORR_SHARED_STATE, state, "state %u, not %u", shared & ORR_SHARED_STATE,
                 state);
    cr_assert_eq((int32_t)shared >> 3, foreign, "%d foreign references, not %d",
                 (int32_t)shared >> 3, foreign);
}

static void
make(uint32_t references)
{
    cr_assert(object = orr_new(me, &pair_type));
    for (uint32_t i = 1; i < references; i++)
        orr_retain(me, object);
    expect_header(me->id, references, ORR_SHARED_DEFAULT, 0);
}

/* --- the owner --------------------------------------------------------------------------------------- */

Test(biased, the_owners_last_release_frees_at_once_what_nobody_else_counted)
{
    open_heap("none");
    make(2);
    orr_release(me, object);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, 0);
    orr_release(me, object);
    cr_assert_eq(totals().merged, 0);
    close_heap(0);
}

Test(biased, the_owners_last_release_merges_what_others_still_hold)
{
    open_heap("none");
    make(1);
    elsewhere(other_retains);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, 1);
    cr_assert_eq(totals().rc_shared, 1);
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    cr_assert_eq(totals().merged, 1);
    elsewhere(other_retains);
    expect_header(0, 0, ORR_SHARED_MERGED, 2);
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    elsewhere(other_releases);
    close_heap(0);
}

Test(biased, the_owner_itself_may_drop_the_last_reference_of_a_merged_object)
{
    open_heap("none");
    make(1);
    elsewhere(other_retains);
    orr_release(me, object);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, a_survivor_of_a_merge_is_a_candidate)
{
    open_heap("trial");
    make(1);
    elsewhere(other_retains);
    uint64_t before = totals().candidates;
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    cr_assert_eq(totals().candidates, before + 1);
    cr_assert_eq(orr_load_relaxed(&object->shared) & ORR_SHARED_UNCLAIMED, 0);
    orr_release(me, object);
    orr_collect(me, "test");
    close_heap(0);
}

Test(biased, whether_a_reference_is_the_only_one_is_known_before_a_merge_and_after)
{
    open_heap("none");
    make(1);
    cr_assert(orr_is_unique(me, object));
    elsewhere(other_retains);
    cr_assert(!orr_is_unique(me, object), "held by another too");
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    cr_assert(orr_is_unique(me, object), "what is left is the other's, which is ours by now");
    elsewhere(other_retains);
    cr_assert(!orr_is_unique(me, object));
    elsewhere(other_releases);
    cr_assert(orr_is_unique(me, object));
    struct orr_object *weak = orr_weak_new(me, object, NULL, NULL, NULL);
    cr_assert(weak);
    cr_assert(!orr_is_unique(me, object), "a weak reference may make another at any time");
    orr_release(me, weak);
    orr_release(me, object);
    close_heap(0);
}

/* --- the queue --------------------------------------------------------------------------------------- */

Test(biased, a_foreign_release_that_has_nothing_to_take_away_queues_and_the_owners_poll_merges)
{
    open_heap("none");
    make(1);
    elsewhere(other_releases);
    expect_header(me->id, 1, ORR_SHARED_QUEUED, 0);
    cr_assert(orr_owner_has_queue(me));
    cr_assert(orr_load_relaxed(&me->attention) & ORR_ATTENTION_MERGE);
    cr_assert_eq(totals().merge_queued, 1);
    cr_assert_eq(totals().live, 1);
    orr_poll(me);
    cr_assert(!orr_owner_has_queue(me));
    cr_assert_eq(totals().merged, 1);
    close_heap(0);
}

Test(biased, what_the_owner_holds_beside_a_queued_reference_lives_on_merged)
{
    open_heap("none");
    make(3);
    elsewhere(other_releases);
    expect_header(me->id, 3, ORR_SHARED_QUEUED, 0);
    orr_poll(me);
    expect_header(0, 0, ORR_SHARED_MERGED, 2);
    orr_release(me, object);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, a_foreign_release_with_something_to_take_away_queues_nothing)
{
    open_heap("none");
    make(1);
    elsewhere(other_retains);
    elsewhere(other_releases);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, 0);
    cr_assert(!orr_owner_has_queue(me));
    orr_release(me, object);
    close_heap(0);
}

Test(biased, an_object_is_queued_once_however_many_others_release_it)
{
    open_heap("none");
    make(3);
    elsewhere(other_releases);
    elsewhere(other_releases);
    expect_header(me->id, 3, ORR_SHARED_QUEUED, -1);
    elsewhere(other_releases);
    expect_header(me->id, 3, ORR_SHARED_QUEUED, -2);
    cr_assert_eq(totals().merge_queued, 1);
    cr_assert_eq(totals().live, 1);
    orr_poll(me);
    close_heap(0);
}

Test(biased, a_queued_object_goes_on_being_counted)
{
    open_heap("none");
    make(2);
    elsewhere(other_releases);
    elsewhere(other_retains);
    orr_release(me, object); /* what is left of the owner's half is the queue's */
    expect_header(me->id, 1, ORR_SHARED_QUEUED, 1);
    orr_poll(me);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    elsewhere(other_releases);
    close_heap(0);
}

Test(biased, the_owners_half_may_be_used_up_while_its_object_is_queued)
{
    open_heap("none");
    make(2);
    elsewhere(other_releases);
    elsewhere(other_retains);
    orr_release(me, object);
    orr_release(me, object); /* the one that the other counted, and handed to us */
    expect_header(0, 0, ORR_SHARED_MERGED, 1); /* the queue's */
    cr_assert_eq(totals().live, 1);
    orr_poll(me);
    close_heap(0);
}

Test(biased, a_detaching_owner_leaves_nothing_queued)
{
    open_heap("none");
    make(1);
    struct orr_thread *owner = me;
    struct orr_error error;
    elsewhere(other_releases);
    cr_assert(orr_owner_has_queue(owner));
    orr_thread_detach(owner);
    cr_assert_eq(totals().live, 0);
    cr_assert_eq(orr_thread_attach(heap, &me, &error), ORR_OK);
    close_heap(0);
}

/* --- in the owner's place ---------------------------------------------------------------------------- */

Test(biased, for_a_blocked_owner_the_releaser_merges)
{
    open_heap("none");
    make(1);
    struct orr_object *first = object;
    make(2);
    orr_block_enter(me);
    elsewhere(other_releases);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    cr_assert_eq(totals().live, 2);
    struct orr_object *second = object;
    object = first;
    elsewhere(other_releases);
    cr_assert_eq(totals().live, 1);
    cr_assert_eq(totals().merged, 2);
    orr_block_leave(me);
    cr_assert(!orr_owner_has_queue(me));
    orr_release(me, second);
    close_heap(0);
}

static void
other_loses_a_claim(struct orr_thread *other)
{
    object = orr_new(other, &pair_type);
    orr_retain(other, object);
    orr_fail_allocation(1, true);
    orr_release(other, object);
    orr_fail_allocation(0, false);
    orr_release(other, object);
}

Test(biased, claims_lost_by_threads_that_have_gone_are_in_the_books)
{
    open_heap("trial");
    elsewhere(other_loses_a_claim);
    cr_assert_eq(totals().candidates_lost, 1);
    close_heap(0);
}

Test(biased, for_an_owner_that_left_the_releaser_merges)
{
    open_heap("none");
    elsewhere(other_makes);
    cr_assert_neq(orr_load_relaxed(&object->owner), me->id);
    orr_release(me, object);
    cr_assert_eq(totals().live, 0);
    elsewhere(other_makes_held_twice);
    uint32_t owner = orr_load_relaxed(&object->owner);
    expect_header(owner, 2, ORR_SHARED_DEFAULT, 0);
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    orr_release(me, object);
    close_heap(0);
}

static uint32_t owner_before;

static void
successor_releases(struct orr_thread *other)
{
    cr_assert_eq(other->id % ORR_OWNERS_MAX, owner_before % ORR_OWNERS_MAX);
    cr_assert_neq(other->id, owner_before);
    orr_release(other, object);
}

Test(biased, who_takes_an_owners_place_is_not_taken_for_the_owner)
{
    open_heap("none");
    elsewhere(other_makes_held_twice);
    owner_before = orr_load_relaxed(&object->owner);
    elsewhere(successor_releases);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, without_memory_for_the_queue_the_releaser_merges_in_a_stopped_world)
{
    open_heap("none");
    make(2);
    orr_block_enter(me);
    elsewhere(other_releases_without_memory);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    orr_block_leave(me);
    orr_release(me, object);
    close_heap(0);
}

/* --- readers that hold nothing ----------------------------------------------------------------------- */

Test(biased, a_foreign_reader_gets_a_reference_only_to_what_was_published)
{
    open_heap("none");
    make(1);
    elsewhere(other_tries);
    cr_assert(!other_succeeded);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, 0);
    heap->rc->publish(me, object);
    expect_header(me->id, 1, ORR_SHARED_PUBLISHED, 0);
    elsewhere(other_tries);
    cr_assert(other_succeeded);
    expect_header(me->id, 1, ORR_SHARED_PUBLISHED, 1);
    elsewhere(other_releases);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, the_owner_as_a_reader_gets_a_reference_until_its_half_is_empty)
{
    open_heap("none");
    make(1);
    cr_assert(heap->rc->try_retain(me, object));
    expect_header(me->id, 2, ORR_SHARED_DEFAULT, 0);
    orr_release(me, object);
    orr_store_relaxed(&object->count, 0); /* as between the last release and the death */
    cr_assert(!heap->rc->try_retain(me, object));
    orr_store_relaxed(&object->count, 1);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, a_foreign_reader_gets_a_reference_to_what_is_queued)
{
    open_heap("none");
    make(1);
    elsewhere(other_releases);
    elsewhere(other_tries);
    cr_assert(other_succeeded);
    orr_poll(me);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, a_reader_gets_a_reference_to_what_is_merged_and_none_to_what_is_dead)
{
    open_heap("none");
    make(1);
    elsewhere(other_retains);
    orr_release(me, object);
    elsewhere(other_tries);
    cr_assert(other_succeeded);
    expect_header(0, 0, ORR_SHARED_MERGED, 2);
    orr_store_relaxed(&object->shared, ORR_SHARED_MERGED); /* as after the last release */
    elsewhere(other_tries);
    cr_assert(!other_succeeded);
    cr_assert(!heap->rc->try_retain(me, object));
    orr_store_relaxed(&object->shared, ORR_SHARED_MERGED + 2 * ORR_SHARED_UNIT);
    orr_release(me, object);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, to_publish_what_is_queued_or_merged_changes_nothing)
{
    open_heap("none");
    make(2);
    elsewhere(other_releases);
    heap->rc->publish(me, object);
    expect_header(me->id, 2, ORR_SHARED_QUEUED, 0);
    orr_poll(me);
    heap->rc->publish(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    orr_release(me, object);
    close_heap(0);
}

/* --- immortals --------------------------------------------------------------------------------------- */

static void
use_as_anybody(void)
{
    uint64_t counts = orr_load_relaxed(&object->counts);
    for (int i = 0; i < 3; i++) {
        elsewhere(other_releases);
        orr_release(me, object);
        elsewhere(other_retains);
        elsewhere(other_tries);
        cr_assert(other_succeeded && heap->rc->try_retain(me, object));
    }
    cr_assert_eq(orr_load_relaxed(&object->counts), counts, "an immortal object was counted");
    cr_assert_eq(orr_load_relaxed(&object->owner), ORR_OWNER_IMMORTAL);
}

Test(biased, counts_of_an_immortal_object_do_not_matter)
{
    open_heap("none");
    make(1);
    cr_assert(orr_immortalise(me, object));
    use_as_anybody();
    cr_assert_eq(totals().merge_queued, 0);
    close_heap(1);
}

Test(biased, upgrades_of_an_immortal_object_by_its_owner_do_not_count)
{
    open_heap("none");
    make(1);
    struct orr_object *weak = orr_weak_new(me, object, NULL, NULL, NULL);
    struct orr_weak_cell *cell = ((struct orr_weak *)weak)->cell;
    cr_assert(orr_load_relaxed(&cell->owner) == me->id && orr_immortalise(me, object));
    uint64_t counts = orr_load_relaxed(&object->counts);
    cr_assert(orr_rc_upgrade(me, cell) == object && orr_load_relaxed(&object->counts) == counts);
    orr_release(me, weak);
    close_heap(1);
}

Test(biased, an_object_made_immortal_while_it_is_queued_is_passed_over_by_the_merge)
{
    open_heap("none");
    make(2);
    elsewhere(other_releases);
    expect_header(me->id, 2, ORR_SHARED_QUEUED, 0);
    cr_assert(orr_immortalise(me, object));
    cr_assert(orr_owner_has_queue(me));
    orr_poll(me);
    cr_assert(!orr_owner_has_queue(me));
    cr_assert_eq(totals().live, 1);
    use_as_anybody();
    close_heap(1);
}

Test(biased, a_merged_object_can_be_made_immortal_by_whoever_holds_it)
{
    open_heap("none");
    elsewhere(other_makes_held_twice);
    orr_release(me, object);
    expect_header(0, 0, ORR_SHARED_MERGED, 1);
    cr_assert(orr_immortalise(me, object));
    use_as_anybody();
    close_heap(1);
}

Test(biased, the_deaths_of_what_refers_to_a_merged_immortal_do_not_count)
{
    open_heap("none");
    elsewhere(other_makes_held_twice);
    orr_release(me, object);
    cr_assert(orr_immortalise(me, object));
    for (int i = 0; i < 3; i++) {
        struct orr_object *const parent = orr_new(me, &pair_type);
        orr_set(me, parent, 0, object);
        orr_release(me, parent);
    }
    cr_assert_eq(totals().live, 1);
    close_heap(1);
}

Test(biased, an_unmerged_object_can_be_made_immortal_by_its_owner_alone, .signal = SIGABRT)
{
    open_heap("none");
    elsewhere(other_makes);
    orr_immortalise(me, object);
}

/* --- saturation --------------------------------------------------------------------------------------- */

/* Makes the foreign half of the object so large, as if so many references had come from elsewhere. */
static void
set_foreign(int32_t foreign)
{
    uint32_t shared = orr_load_relaxed(&object->shared);
    orr_store_relaxed(&object->shared, (shared & (ORR_SHARED_UNIT - 1)) | (uint32_t)foreign * ORR_SHARED_UNIT);
}

/* The heap is closed with the immortal object in it. */
static void
expect_for_ever(uint32_t count)
{
    cr_assert(orr_is_immortal(object));
    for (uint32_t i = 0; i < count; i++)
        elsewhere(other_releases);
    cr_assert_eq(totals().live, 1);
    cr_assert(orr_is_immortal(object));
    close_heap(1);
}

Test(biased, one_reference_below_the_ceiling_is_still_counted)
{
    open_heap("none");
    make(1);
    set_foreign(ORR_SHARED_CEILING - 2);
    elsewhere(other_retains);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, ORR_SHARED_CEILING - 1);
    elsewhere(other_releases);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, ORR_SHARED_CEILING - 2);
    set_foreign(0);
    orr_release(me, object);
    close_heap(0);
}

Test(biased, at_the_ceiling_nothing_is_counted_any_more)
{
    open_heap("none");
    make(1);
    set_foreign(ORR_SHARED_CEILING - 1);
    elsewhere(other_retains);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, ORR_SHARED_CEILING);
    elsewhere(other_leaves_a_count);
    expect_header(me->id, 1, ORR_SHARED_DEFAULT, ORR_SHARED_CEILING);
    orr_release(me, object); /* its halves become one */
    expect_for_ever(2);
}

Test(biased, a_merged_object_at_the_ceiling_is_immortal_with_the_next_reference)
{
    open_heap("none");
    make(1);
    elsewhere(other_retains);
    orr_release(me, object);
    set_foreign(ORR_SHARED_CEILING);
    elsewhere(other_releases);
    expect_header(0, 0, ORR_SHARED_MERGED, ORR_SHARED_CEILING);
    elsewhere(other_retains);
    expect_for_ever(2);
}

Test(biased, two_halves_that_are_too_much_together_are_immortal)
{
    open_heap("none");
    make(3);
    elsewhere(other_releases); /* queued: merged at our next poll, with our half as it is then */
    set_foreign(ORR_SHARED_CEILING - 2);
    orr_poll_slow(me);
    expect_for_ever(2);
}

Test(biased, what_was_given_away_too_often_to_be_counted_is_immortal)
{
    open_heap("none");
    make(1);
    set_foreign(-ORR_SHARED_CEILING);
    elsewhere(other_releases);
    cr_assert_eq((int32_t)orr_load_relaxed(&object->shared) >> 3, -ORR_SHARED_CEILING);
    orr_release(me, object);
    expect_for_ever(1);
}

Test(biased, a_reader_that_holds_nothing_may_retain_what_is_saturated)
{
    open_heap("none");
    make(1);
    heap->rc->publish(me, object);
    set_foreign(ORR_SHARED_CEILING);
    elsewhere(other_tries);
    cr_assert(other_succeeded);
    cr_assert_eq((int32_t)orr_load_relaxed(&object->shared) >> 3, ORR_SHARED_CEILING);
    orr_release(me, object);
    expect_for_ever(1);
}
