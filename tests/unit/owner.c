/* owner.c - runtime/owner: ids that name one thread for ever, slots that run out, queues that are not left
 * behind. The threads here are attached by one thread of the system and stand for others; nobody stops.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 0
#include "runtime/mutator.h"

#include "runtime/owner.h"
#include "tests/unit/small_heap.h"

#include <stdlib.h>
#include <string.h>

static struct orr_heap *heap;

static void
setup(void)
{
    const struct orr_heap_options options = small_options(&orr_rc_biased, "none", &orr_heap_libc);
    heap = small_heap_open(&options);
}

static void
teardown(void)
{
    orr_heap_destroy(heap);
}

TestSuite(owner, .init = setup, .fini = teardown);

static int
compare_ids(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

static void
expect_distinct(uint32_t *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++) {
        cr_assert(ids[i] != 0 && ids[i] != ORR_OWNER_IMMORTAL);
        cr_assert(i == 0 || ids[i] != ids[i - 1], "id %x was given twice", ids[i]);
    }
}

Test(owner, an_id_never_comes_back)
{
    enum { LIVES = 5000 };
    static uint32_t ids[LIVES];
    for (size_t i = 0; i < LIVES; i++) {
        struct orr_thread *const thread = small_attach(heap);
        ids[i] = thread->id;
        orr_thread_detach(thread);
    }
    cr_assert_eq(heap->owners_used, 1, "one slot serves threads that follow one another");
    expect_distinct(ids, LIVES);
}

Test(owner, those_present_have_different_slots)
{
    enum { PRESENT = 64, ROUNDS = 20 };
    struct orr_thread *threads[PRESENT];
    static uint32_t ids[PRESENT * ROUNDS];
    for (size_t i = 0; i < PRESENT; i++)
        threads[i] = small_attach(heap);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < PRESENT; i++) {
            ids[round * PRESENT + i] = threads[i]->id;
            struct orr_owner *const owner = orr_owner_of(heap, threads[i]->id);
            cr_assert(owner->thread == threads[i] && owner->id == threads[i]->id);
            orr_thread_detach(threads[i]);
            cr_assert(owner->thread == NULL && owner->id == 0 && owner->queue.total == 0);
            threads[i] = small_attach(heap);
        }
    for (size_t i = 0; i < PRESENT; i++)
        orr_thread_detach(threads[i]);
    cr_assert_eq(heap->owners_used, PRESENT);
    expect_distinct(ids, PRESENT * ROUNDS);
}

Test(owner, a_slot_whose_generations_are_used_up_is_retired)
{
    orr_thread_detach(small_attach(heap));
    heap->owners[0]->generation = ORR_OWNER_GENERATIONS - 1;
    struct orr_thread *const last = small_attach(heap);
    cr_assert_eq(last->id % ORR_OWNERS_MAX, 0);
    cr_assert_eq(last->id >> 12, ORR_OWNER_GENERATIONS - 1);
    orr_thread_detach(last);
    struct orr_thread *const next = small_attach(heap);
    cr_assert_eq(next->id % ORR_OWNERS_MAX, 1, "a new slot");
    orr_thread_detach(next);
}

Test(owner, the_last_id_of_the_last_slot_is_not_the_immortals)
{
    const uint32_t last = (ORR_OWNERS_MAX - 1) | (uint32_t)(ORR_OWNER_GENERATIONS - 1) << 12;
    cr_assert(last != ORR_OWNER_IMMORTAL && last < ORR_OWNER_IMMORTAL);
}

Test(owner, when_all_slots_are_taken_attaching_is_refused)
{
    struct orr_thread *const first = small_attach(heap);
    /* As if the others had come: slots are never given back. */
    struct orr_owner *const taken = heap->owners[0];
    for (uint32_t i = 1; i < ORR_OWNERS_MAX; i++)
        heap->owners[i] = taken;
    heap->owners_used = ORR_OWNERS_MAX;
    struct orr_error error = {0};
    struct orr_thread *thread;
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OUT_OF_MEMORY);
    cr_assert(strstr(error.message, "no thread id is left"), "%s", error.message);
    heap->owners_used = 1;
    memset(&heap->owners[1], 0, sizeof heap->owners - sizeof heap->owners[0]);
    orr_thread_detach(first);
}

Test(owner, nobody_leaves_with_a_queue)
{
    struct orr_thread *const thread = small_attach(heap);
    struct orr_owner *const owner = orr_owner_of(heap, thread->id);
    cr_assert(!orr_owner_has_queue(thread));
    cr_assert(orr_buffer_push(&owner->queue, 16));
    cr_assert(orr_owner_has_queue(thread));
    cr_assert(!orr_owner_unregister(thread), "the queue would be lost");
    cr_assert(owner->thread == thread && owner->id == thread->id, "it has not left");
    struct orr_buffer queue = {0};
    orr_owner_take_queue(thread, &queue);
    cr_assert_eq(queue.total, 1);
    cr_assert(!orr_owner_has_queue(thread));
    orr_buffer_clear(&queue);
    orr_thread_detach(thread);
}

Test(owner, a_newcomer_does_not_take_an_old_ones_objects_for_its_own)
{
    struct orr_thread *const old = small_attach(heap);
    struct orr_object *const object = orr_new(old, &small_pair);
    const uint32_t id = old->id;
    orr_thread_detach(old);
    struct orr_thread *const newcomer = small_attach(heap);
    cr_assert_eq(newcomer->id % ORR_OWNERS_MAX, id % ORR_OWNERS_MAX, "the same slot");
    cr_assert(!orr_rc_biased_is_mine(newcomer, object));
    orr_retain(newcomer, object);
    cr_assert_eq(orr_load_relaxed(&object->count) & ORR_COUNT_MASK, 1, "the old one's half");
    orr_release(newcomer, object);
    orr_release(newcomer, object);
    cr_assert_eq(small_live(heap), 0);
    orr_thread_detach(newcomer);
}
