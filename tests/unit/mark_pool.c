/* mark_pool.c - collectors/mark: what one marker gives away and another takes is whole.
 *
 * Which of several markers gives what is decided by the clock, so they are not run: the two functions are called, on
 * stacks in which an array's rest, two entries, lies across the cut. Hence the source, and not its header.
 */
#include "collectors/mark.c" /* NOLINT */

#include <criterion/criterion.h>

enum { ENTRIES = 2 * SHARE_LEAST, FROM = ARRAY_PIECE };

static struct mark mark;
static struct marker giver, taker;

static uintptr_t
entry(size_t i)
{
    return 4096 + i * 16; /* nobody looks at it */
}

/* Fills a list, with an array's rest at `rest` and the entry below it. */
static void
fill(struct orr_object_list *list, size_t count, size_t rest)
{
    for (size_t i = 0; i < count; i++)
        list->items[i] = entry(i);
    list->items[rest - 1] = FROM;
    list->items[rest] = entry(rest) | ARRAY_REST;
    list->count = count;
}

static void
expect_rest(const struct orr_object_list *list, size_t at, size_t was)
{
    cr_assert_eq(list->items[at - 1], FROM);
    cr_assert_eq(list->items[at], entry(was) | ARRAY_REST);
}

static void
open_lists(void)
{
    cr_assert(orr_list_open(&giver.stack) && orr_list_open(&taker.stack) && orr_list_open(&mark.pool));
    orr_mutex_init(&mark.pool_lock);
    giver.mark = taker.mark = &mark;
    mark.team.count = 2;
}

TestSuite(mark_pool, .init = open_lists, .timeout = 60);

Test(mark_pool, the_older_half_of_a_stack_is_given_away_and_no_array_is_torn)
{
    fill(&giver.stack, ENTRIES, ENTRIES / 2);
    share(&giver);
    cr_assert_eq(mark.pool.count, ENTRIES / 2 + 1);
    expect_rest(&mark.pool, ENTRIES / 2, ENTRIES / 2);
    cr_assert_eq(giver.stack.count, ENTRIES / 2 - 1);
    cr_assert_eq(giver.stack.items[0], entry(ENTRIES / 2 + 1));
    fill(&giver.stack, ENTRIES, ENTRIES / 2 - 1); /* given whole */
    mark.pool.count = 0;
    share(&giver);
    cr_assert_eq(mark.pool.count, ENTRIES / 2);
    expect_rest(&mark.pool, ENTRIES / 2 - 1, ENTRIES / 2 - 1);
    cr_assert_eq(giver.stack.items[0], entry(ENTRIES / 2));
}

Test(mark_pool, the_newer_half_of_the_pool_is_taken_and_no_array_is_torn)
{
    const size_t taken = ENTRIES / 2 + 1, cut = ENTRIES - taken;
    fill(&mark.pool, ENTRIES, cut);
    cr_assert(take(&taker));
    cr_assert_eq(taker.stack.count, taken + 1);
    expect_rest(&taker.stack, 1, cut);
    cr_assert_eq(mark.pool.count, cut - 1);
    cr_assert_eq(taker.stack.items[taken], entry(ENTRIES - 1));
    fill(&mark.pool, ENTRIES, cut - 1); /* left whole */
    cr_assert(take(&taker));
    cr_assert_eq(taker.stack.count, taken);
    cr_assert_eq(taker.stack.items[0], entry(cut));
    expect_rest(&mark.pool, cut - 1, cut - 1);
}

Test(mark_pool, the_last_of_those_who_find_nothing_ends_the_marking)
{
    cr_assert_not(mark.done);
    mark.idle = 1; /* the giver waits already */
    cr_assert_not(take(&taker));
    cr_assert(mark.done);
    cr_assert_not(take(&giver), "and so it ends for all");
}

static uint16_t leaf_index;
static const struct orr_type leaf_type = {.name = "leaf", .bytes = 32, .index = &leaf_index};
static _Alignas(16) unsigned char cell[32];

/* The first marker begins alone, and may hand over with nothing but its queue. */
Test(mark_pool, what_is_in_a_markers_queue_is_marked)
{
    struct orr_object *const leaf = (struct orr_object *)cell;
    struct marker *const first = &mark.markers[0];
    cr_assert_eq(orr_type_register(&leaf_type, NULL), ORR_OK);
    orr_store_relaxed(&leaf->type, leaf_index);
    cr_assert(orr_list_open(&first->stack));
    first->mark = &mark;
    first->epoch = 1;
    first->way = QUEUED;
    first->queue[first->queue_in++] = leaf;
    mark.team.count = 1;
    mark_as_member(0, &mark);
    cr_assert_eq(orr_load_relaxed(&leaf->colour), 1);
    cr_assert(mark.done);
}

Test(mark_pool, each_marking_begins_with_nobody_idle)
{
    static struct orr_heap heap;
    mark.idle = 2;
    mark.done = true;
    prepare(&mark, &heap);
    cr_assert_eq(mark.idle, 0);
    cr_assert_not(mark.done);
}
