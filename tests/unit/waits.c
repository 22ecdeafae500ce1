/* waits.c - law 8: whoever waits is heard of, with the cause, on the thread that waits, for as long as it does.
 *
 * What becomes of such intervals in a record is tested in unit/pauses and unit/runner.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/census.h"
#include "tests/unit/small_heap.h"

enum { WAIT_NS = 3000000, LIMIT = 1 << 20 };

static struct orr_heap *heap;
static struct orr_thread *me;
/* What was heard, by thread: mine, and the other's. */
static _Atomic(uint32_t) heard[2][ORR_PAUSE_CAUSE_COUNT];
static _Atomic(uint64_t) longest_ns[2][ORR_PAUSE_CAUSE_COUNT];

static void
hear(void *context, const struct orr_pause *pause)
{
    (void)context;
    const bool is_other = !me || pause->thread_id != me->id;
    cr_assert(pause->start_ns <= pause->stop_ns);
    orr_add_acq_rel(&heard[is_other][pause->cause], 1);
    if (pause->stop_ns - pause->start_ns > orr_load_relaxed(&longest_ns[is_other][pause->cause]))
        orr_store_release(&longest_ns[is_other][pause->cause], pause->stop_ns - pause->start_ns);
}

static void
open_heap(const char *collector, uint64_t limit)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.listener.pause = hear;
    options.bytes_limit = limit;
    heap = small_heap_open(&options);
    me = small_attach(heap);
}

static void
close_heap(void)
{
    orr_thread_detach(me);
    orr_heap_destroy(heap);
}

/* That many of this cause, and none of another. */
static void
expect_mine(enum orr_pause_cause cause, uint32_t times)
{
    for (int i = 0; i < ORR_PAUSE_CAUSE_COUNT; i++)
        cr_assert_eq(orr_load_acquire(&heard[0][i]), i == (int)cause ? times : 0, "%s: %u", orr_pause_names[i],
                     orr_load_acquire(&heard[0][i]));
}

/* --- alone --------------------------------------------------------------------------------------------- */

static struct orr_object *object;

static void *
release_elsewhere(void *unused)
{
    struct orr_thread *const other = small_attach(heap);
    orr_release(other, object);
    orr_thread_detach(other);
    return unused;
}

Test(waits, merging)
{
    struct orr_os_thread other;
    open_heap("none", 0);
    object = orr_new(me, &small_pair);
    cr_assert(orr_os_thread_start(&other, release_elsewhere, NULL, 0));
    orr_os_thread_join(&other);
    orr_poll(me);
    expect_mine(ORR_PAUSE_MERGE, 1);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

Test(waits, a_long_cascade)
{
    enum { LONG = 100000 };
    open_heap("none", 0);
    struct orr_object *chain = NULL;
    for (int i = 0; i < LONG; i++) {
        struct orr_object *const next = orr_new(me, &small_pair);
        orr_init(me, next, 0, chain);
        chain = next;
    }
    orr_release(me, chain);
    expect_mine(ORR_PAUSE_CASCADE, 1);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

static void
sleep_a_little(struct orr_thread *thread, struct orr_object *dead)
{
    (void)thread, (void)dead;
    orr_sleep_ns(WAIT_NS);
}

static uint16_t slow_index;
static const struct orr_type slow = {.name = "slow",
                                     .bytes = sizeof(struct small_pair),
                                     .references = 2,
                                     .finalize = sleep_a_little,
                                     .index = &slow_index};

static void
expect_a_finalizer_of(bool on_cycle)
{
    open_heap("trial", 0);
    cr_assert_eq(orr_type_register(&slow, NULL), ORR_OK);
    {
        ORR_OWN(me, last, orr_new(me, &slow));
        if (on_cycle)
            orr_set(me, last.ref, 0, last.ref);
    }
    if (on_cycle)
        orr_collect(me, "test");
    cr_assert_eq(orr_load_acquire(&heard[0][ORR_PAUSE_FINALIZER]), 1);
    cr_assert(orr_load_acquire(&longest_ns[0][ORR_PAUSE_FINALIZER]) >= WAIT_NS);
    cr_assert_eq(small_live(heap), 0);
    close_heap();
}

Test(waits, a_finalizer_of_a_last_release)
{
    expect_a_finalizer_of(false);
}

Test(waits, a_finalizer_of_a_cycle)
{
    expect_a_finalizer_of(true);
}

Test(waits, a_collection)
{
    open_heap("trial", 0);
    orr_collect(me, "test");
    expect_mine(ORR_PAUSE_STOP, 1);
    close_heap();
}

Test(waits, a_look_at_the_heap)
{
    open_heap("trial", 0);
    const struct orr_look look = orr_look_begin(me);
    orr_look_end(&look);
    expect_mine(ORR_PAUSE_STOP, 1);
    close_heap();
}

Test(waits, memory_that_is_not_there)
{
    open_heap("none", LIMIT);
    struct orr_object *chain = NULL, *next;
    while ((next = orr_new(me, &small_pair))) {
        orr_init(me, next, 0, chain);
        chain = next;
    }
    cr_assert(orr_load_acquire(&heard[0][ORR_PAUSE_ALLOCATION]) >= 1);
    orr_release(me, chain);
    close_heap();
}

/* --- two threads ----------------------------------------------------------------------------------------- */

static _Atomic(uint32_t) is_there, may_go;
static struct orr_thread *other_thread;

static void *
poll_on(void *unused)
{
    other_thread = small_attach(heap);
    orr_store_release(&is_there, 1);
    while (!orr_load_acquire(&may_go))
        orr_poll(other_thread);
    orr_thread_detach(other_thread);
    return unused;
}

/* Blocked when the world is stopped, and back before it is resumed. */
static void *
come_back(void *unused)
{
    other_thread = small_attach(heap);
    orr_block_enter(other_thread);
    orr_store_release(&is_there, 1);
    while (!orr_load_acquire(&may_go))
        orr_yield();
    orr_block_leave(other_thread);
    orr_thread_detach(other_thread);
    return unused;
}

static void
join(struct orr_os_thread *other)
{
    orr_block_enter(me);
    orr_os_thread_join(other);
    orr_block_leave(me);
}

static struct orr_os_thread
begin_beside(void *(*life)(void *))
{
    struct orr_os_thread other;
    open_heap("none", 0);
    cr_assert(orr_os_thread_start(&other, life, NULL, 0));
    while (!orr_load_acquire(&is_there))
        orr_yield();
    return other;
}

Test(waits, a_stop_by_another)
{
    struct orr_os_thread other = begin_beside(poll_on);
    orr_world_stop(heap, me);
    orr_sleep_ns(WAIT_NS);
    orr_world_resume(heap);
    orr_store_release(&may_go, 1);
    join(&other);
    cr_assert_eq(orr_load_acquire(&heard[1][ORR_PAUSE_STOP]), 1);
    cr_assert(orr_load_acquire(&longest_ns[1][ORR_PAUSE_STOP]) >= WAIT_NS);
    close_heap();
}

Test(waits, a_return_in_the_middle_of_a_stop)
{
    struct orr_os_thread other = begin_beside(come_back);
    orr_world_stop(heap, me);
    const uint32_t tickets = orr_load_acquire(&heap->world.tickets_taken);
    orr_store_release(&may_go, 1);
    while (orr_load_acquire(&heap->world.tickets_taken) == tickets) /* it takes one where it finds the stop */
        orr_yield();
    orr_world_resume(heap);
    join(&other);
    cr_assert_eq(orr_load_acquire(&heard[1][ORR_PAUSE_STOP]), 1);
    close_heap();
}

static void
sleep_in_answer(struct orr_thread *subject, void *unused)
{
    (void)subject, (void)unused;
    orr_sleep_ns(WAIT_NS);
}

Test(waits, a_question_by_another)
{
    struct orr_os_thread other = begin_beside(poll_on);
    orr_handshake(heap, me, other_thread, sleep_in_answer, NULL);
    orr_store_release(&may_go, 1);
    join(&other);
    cr_assert_eq(orr_load_acquire(&heard[1][ORR_PAUSE_HANDSHAKE]), 1);
    cr_assert(orr_load_acquire(&longest_ns[1][ORR_PAUSE_HANDSHAKE]) >= WAIT_NS);
    close_heap();
}

static void *
stop_for_long(void *unused)
{
    orr_world_stop(heap, NULL);
    orr_sleep_ns(WAIT_NS);
    orr_world_resume(heap);
    return unused;
}

Test(waits, another_who_stops_the_world_first)
{
    struct orr_os_thread other;
    open_heap("none", 0);
    cr_assert(orr_os_thread_start(&other, stop_for_long, NULL, 0));
    while (!orr_load_acquire(&heap->world.token))
        orr_yield();
    orr_world_stop(heap, me);
    orr_world_resume(heap);
    join(&other);
    cr_assert_eq(orr_load_acquire(&heard[0][ORR_PAUSE_LOCK]), 1);
    close_heap();
}
