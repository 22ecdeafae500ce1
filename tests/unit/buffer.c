/* buffer.c - runtime/buffer: order, hand-over of whole chunks, and what a refusal of memory leaves behind. */
#include "runtime/buffer.h"
#include "runtime/platform.h"

#include <criterion/criterion.h>

struct walk {
    uintptr_t expected, step, seen;
};

static void
expect_next(uintptr_t *entry, void *argument)
{
    struct walk *walk = argument;
    cr_assert_eq(*entry, walk->expected, "entry %zu", (size_t)walk->seen);
    walk->expected += walk->step;
    walk->seen++;
}

static void
expect_ascending(struct orr_buffer *buffer, uintptr_t first, uintptr_t count)
{
    struct walk walk = {.expected = first, .step = 16};
    orr_buffer_each(buffer, expect_next, &walk);
    cr_assert_eq(walk.seen, count);
    cr_assert_eq(buffer->total, count);
}

static void
push_ascending(struct orr_buffer *buffer, uintptr_t first, uintptr_t count)
{
    for (uintptr_t i = 0; i < count; i++)
        cr_assert(orr_buffer_push(buffer, first + i * 16));
}

Test(buffer, each_sees_the_oldest_first)
{
    /* Around the border of a chunk, and across several. */
    const uintptr_t counts[] = {0,
                                1,
                                ORR_CHUNK_ENTRIES - 1,
                                ORR_CHUNK_ENTRIES,
                                ORR_CHUNK_ENTRIES + 1,
                                3 * ORR_CHUNK_ENTRIES + 7};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct orr_buffer buffer = {0};
        push_ascending(&buffer, 16, counts[i]);
        expect_ascending(&buffer, 16, counts[i]);
        orr_buffer_clear(&buffer);
        cr_assert(!buffer.oldest && !buffer.newest && buffer.total == 0);
    }
}

Test(buffer, pop_takes_the_newest_first_and_zero_when_empty)
{
    struct orr_buffer buffer = {0};
    const uintptr_t count = 2 * ORR_CHUNK_ENTRIES + 3;
    push_ascending(&buffer, 16, count);
    for (uintptr_t i = count; i-- > 0;)
        cr_assert_eq(orr_buffer_pop(&buffer), 16 + i * 16);
    cr_assert_eq(buffer.total, 0);
    cr_assert_eq(orr_buffer_pop(&buffer), 0);
    push_ascending(&buffer, 16, 5); /* an emptied buffer is a buffer */
    expect_ascending(&buffer, 16, 5);
    orr_buffer_clear(&buffer);
}

Test(buffer, append_moves_everything_and_keeps_the_order)
{
    struct orr_buffer first = {0}, second = {0};
    const uintptr_t half = ORR_CHUNK_ENTRIES + 10; /* leaves a chunk in the middle partly filled */
    push_ascending(&first, 16, half);
    push_ascending(&second, 16 + half * 16, half);
    orr_buffer_append(&first, &second);
    cr_assert(!second.oldest && !second.newest && second.total == 0);
    expect_ascending(&first, 16, 2 * half);
    push_ascending(&first, 16 + 2 * half * 16, 3);
    expect_ascending(&first, 16, 2 * half + 3);
    for (uintptr_t i = 2 * half + 3; i-- > 0;)
        cr_assert_eq(orr_buffer_pop(&first), 16 + i * 16);
    orr_buffer_clear(&first);
}

Test(buffer, append_of_nothing_and_to_nothing)
{
    struct orr_buffer first = {0}, second = {0};
    orr_buffer_append(&first, &second);
    cr_assert(!first.oldest && first.total == 0);
    push_ascending(&second, 16, 2);
    orr_buffer_append(&first, &second);
    expect_ascending(&first, 16, 2);
    orr_buffer_append(&first, &second);
    expect_ascending(&first, 16, 2);
    orr_buffer_clear(&first);
}

Test(buffer, an_entry_may_be_changed_where_it_lies)
{
    struct orr_buffer buffer = {0};
    push_ascending(&buffer, 16, 3);
    buffer.oldest->entries[1] |= 1; /* a tag, as the claims of candidates are */
    cr_assert_eq(orr_buffer_pop(&buffer), 48);
    cr_assert_eq(orr_buffer_pop(&buffer), 33);
    orr_buffer_clear(&buffer);
}

Test(buffer, without_memory_a_push_is_refused_and_nothing_is_lost)
{
    struct orr_buffer buffer = {0};
    orr_fail_allocation(1, false);
    cr_assert(!orr_buffer_push(&buffer, 16));
    cr_assert(!buffer.oldest && buffer.total == 0);
    push_ascending(&buffer, 16, ORR_CHUNK_ENTRIES);
    orr_fail_allocation(1, true);
    cr_assert(!orr_buffer_push(&buffer, 99));
    cr_assert(!orr_buffer_reserve(&buffer));
    orr_fail_allocation(0, false);
    expect_ascending(&buffer, 16, ORR_CHUNK_ENTRIES);
    cr_assert(orr_buffer_push(&buffer, 16 + ORR_CHUNK_ENTRIES * 16));
    expect_ascending(&buffer, 16, ORR_CHUNK_ENTRIES + 1);
    orr_buffer_clear(&buffer);
}

Test(buffer, a_reservation_makes_the_next_push_certain)
{
    struct orr_buffer buffer = {0};
    for (uintptr_t i = 0; i < 2 * ORR_CHUNK_ENTRIES; i++) {
        cr_assert(orr_buffer_reserve(&buffer));
        orr_fail_allocation(1, true);
        orr_buffer_push_reserved(&buffer, 16 + i * 16);
        orr_fail_allocation(0, false);
    }
    expect_ascending(&buffer, 16, 2 * ORR_CHUNK_ENTRIES);
    orr_buffer_clear(&buffer);
}

/* --- sifting ------------------------------------------------------------------------------------- */

struct sieve {
    uintptr_t multiple; /* of it are kept */
    uintptr_t next;     /* entry that is asked about next */
};

static bool
is_multiple(uintptr_t *entry, void *argument)
{
    struct sieve *sieve = argument;
    cr_assert_eq(*entry, sieve->next, "each is asked once, oldest first");
    sieve->next += 16;
    return *entry % sieve->multiple == 0;
}

static void
expect_sifted(uintptr_t count, uintptr_t every)
{
    struct orr_buffer buffer = {0};
    struct sieve sieve = {.multiple = 16 * every, .next = 16};
    push_ascending(&buffer, 16, count);
    orr_fail_allocation(1, true);
    orr_buffer_filter(&buffer, is_multiple, &sieve);
    orr_fail_allocation(0, false);
    cr_assert_eq(sieve.next, 16 + count * 16);
    struct walk walk = {.expected = 16 * every, .step = 16 * every};
    orr_buffer_each(&buffer, expect_next, &walk);
    cr_assert_eq(walk.seen, count / every);
    cr_assert_eq(buffer.total, count / every);
    cr_assert_eq(buffer.newest != NULL, count / every != 0);
    size_t chunks = 0;
    for (const struct orr_chunk *chunk = buffer.oldest; chunk; chunk = chunk->next)
        chunks++;
    cr_assert(chunks <= (count / every + ORR_CHUNK_TINY - 1) / ORR_CHUNK_TINY);
    cr_assert(orr_buffer_push(&buffer, 8), "a sifted buffer grows again");
    cr_assert_eq(orr_buffer_pop(&buffer), 8);
    for (uintptr_t i = count / every; i > 0; i--)
        cr_assert_eq(orr_buffer_pop(&buffer), i * 16 * every);
    cr_assert_eq(orr_buffer_pop(&buffer), 0);
}

Test(buffer, a_sieve_keeps_the_order_and_gives_chunks_back)
{
    const uintptr_t counts[] = {0, 1, 3, ORR_CHUNK_ENTRIES, 3 * ORR_CHUNK_ENTRIES + 7};
    for (int tiny = 1; tiny >= 0; tiny--)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            orr_buffers_tiny(tiny);
            expect_sifted(counts[i], 1);
            expect_sifted(counts[i], 3);
            expect_sifted(counts[i], 5000);
        }
}
