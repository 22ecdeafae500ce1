/* borrow.c - runtime/borrow: in checked builds, a borrowed reference that is used too long aborts, and one
 * that is used as it may be does not.
 */
/* mutator.h is for a chosen strategy; borrows are the same under each. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

#include <signal.h>

static uint16_t pair_index;
static const struct orr_type pair_type = {
    .name = "pair", .bytes = 48, .references = 2, .index = &pair_index};

static struct orr_heap *heap;
static struct orr_thread *thread;
static struct orr_object *holder, *borrowed; /* holder's field 0, borrowed from there */

static void
open_heap(void)
{
    struct orr_error error;
    struct orr_heap_options options = {.rc = &orr_rc_biased,
                                       .collector = orr_collector_find("trial"),
                                       .kind = &orr_heap_blocks,
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .ledger = true};
    cr_assert_eq(orr_type_register(&pair_type, &error), ORR_OK);
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
    cr_assert(holder = orr_new(thread, &pair_type));
    orr_init(thread, holder, 0, orr_new(thread, &pair_type));
    orr_poll(thread);
    borrowed = orr_peek(thread, holder, 0);
    cr_assert_eq(thread->borrowed.total, ORR_IS_CHECKED);
}

/* Nothing of the program's is left. */
static void
close_heap(void)
{
    struct orr_error error = {.message = ""};
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    cr_assert_eq(totals.live, 0);
    orr_world_stop(heap, thread);
    cr_assert(orr_heap_verify_exact(heap, thread, &error), "%s", error.message);
    orr_world_resume(heap);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

#ifndef ORR_CHECKED

Test(borrow, is_not_followed_in_a_build_without_checks)
{
    open_heap();
    cr_assert_eq(orr_peek(thread, holder, 0), borrowed);
    cr_assert_eq(thread->borrowed.total, 0);
    orr_release(thread, holder);
    close_heap();
}

#else

/* --- used too long ----------------------------------------------------------------------------------- */

Test(borrow, a_retain_after_the_holder_died_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_release(thread, holder);
    orr_retain(thread, borrowed);
}

Test(borrow, a_retain_after_the_field_was_overwritten_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    orr_retain(thread, borrowed);
}

Test(borrow, a_release_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    orr_release(thread, borrowed);
}

Test(borrow, a_read_of_a_field_of_the_dead_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_release(thread, holder);
    orr_get(thread, borrowed, 0);
}

Test(borrow, a_write_to_a_field_of_the_dead_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_release(thread, holder);
    orr_give(thread, borrowed, 0, NULL);
}

Test(borrow, a_second_borrow_from_the_dead_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_release(thread, holder);
    orr_peek(thread, borrowed, 0);
}

Test(borrow, a_store_of_the_dead_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    orr_set(thread, holder, 1, borrowed);
}

Test(borrow, a_use_after_the_poll_that_ended_the_borrow_aborts, .signal = SIGABRT)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    orr_poll(thread);
    orr_retain(thread, borrowed);
}

/* --- used as it may be ------------------------------------------------------------------------------- */

Test(borrow, while_its_holder_holds_it_anything_goes)
{
    open_heap();
    cr_assert_eq(orr_peek(thread, borrowed, 0), NULL);
    orr_set(thread, holder, 1, borrowed);
    cr_assert_eq(orr_peek(thread, holder, 1), borrowed);
    orr_set(thread, borrowed, 0, NULL);
    orr_release(thread, holder);
    close_heap();
}

Test(borrow, one_that_was_retained_in_time_is_a_reference)
{
    open_heap();
    orr_retain(thread, borrowed);
    orr_release(thread, holder);
    orr_poll(thread);
    cr_assert_eq(orr_get(thread, borrowed, 0), NULL);
    orr_release(thread, borrowed);
    close_heap();
}

Test(borrow, of_an_object_that_somebody_else_holds_too_outlives_the_holder)
{
    open_heap();
    {
        ORR_OWN(thread, other, orr_new(thread, &pair_type));
        orr_set(thread, other.ref, 0, borrowed);
        orr_poll(thread);
        borrowed = orr_peek(thread, holder, 0);
        orr_release(thread, holder);
        orr_retain(thread, borrowed);
        orr_release(thread, borrowed);
    }
    close_heap();
}

/* --- its end ----------------------------------------------------------------------------------------- */

Test(borrow, the_cell_of_the_dead_is_kept_until_the_poll)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    cr_assert_eq(orr_load_relaxed(&borrowed->type), pair_index, "the report could not name it");
    struct orr_object *fresh = orr_new(thread, &pair_type); /* from the thread's own cells */
    cr_assert_neq(fresh, borrowed);
    orr_poll(thread);
    cr_assert_eq(orr_load_relaxed(&borrowed->type), 0);
    cr_assert_eq(thread->borrowed.total, 0);
    orr_release(thread, fresh);
    orr_release(thread, holder);
    close_heap();
}

Test(borrow, several_of_one_object_give_its_cell_back_once)
{
    open_heap();
    for (int i = 0; i < 5; i++)
        orr_peek(thread, holder, 0);
    cr_assert_eq(thread->borrowed.total, 6);
    orr_release(thread, holder);
    orr_poll(thread);
    struct orr_object *first = orr_new(thread, &pair_type);
    for (int i = 0; i < 10; i++) {
        struct orr_object *next = orr_new(thread, &pair_type);
        cr_assert_neq(next, first, "one cell was given out twice");
        orr_init(thread, next, 0, first);
        first = next;
    }
    orr_release(thread, first);
    close_heap();
}

Test(borrow, ends_where_a_blocking_region_begins)
{
    open_heap();
    orr_set(thread, holder, 0, NULL);
    orr_block_enter(thread);
    orr_block_leave(thread);
    cr_assert_eq(thread->borrowed.total, 0);
    cr_assert_eq(orr_load_relaxed(&borrowed->type), 0);
    orr_release(thread, holder);
    close_heap();
}

Test(borrow, of_a_candidate_waits_for_the_buffer_and_the_poll)
{
    open_heap();
    orr_retain(thread, borrowed);
    orr_release(thread, borrowed); /* a candidate now */
    orr_set(thread, holder, 0, NULL);
    orr_release(thread, holder);
    struct orr_error error = {.message = ""};
    orr_world_stop(heap, thread);
    cr_assert(orr_heap_verify(heap, thread, &error), "%s", error.message);
    orr_world_resume(heap);
    orr_collect(thread, "test");
    orr_poll(thread);
    cr_assert_eq(orr_load_relaxed(&borrowed->type), 0);
    close_heap();
}

#endif
