/* patience.c - a collection whose callback waits for another thread, while that one allocates until a collection is
 * due: it goes on without one.
 *
 * Finalizers and callbacks of weak references that wait are in conformance/faults_waiting.c; here is what has no
 * leave to wait, but may want a lock.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

static struct orr_heap *heap;
static _Atomic(uint32_t) has_come, is_done;

static void
await(struct orr_thread *thread, _Atomic(uint32_t) *flag)
{
    orr_block_enter(thread);
    while (orr_load_acquire(flag) == 0)
        orr_sleep_ns(100000);
    orr_block_leave(thread);
}

/* The first time: waits until the other thread has done its work. */
static void
wait_in_callback(struct orr_thread *thread)
{
    if (orr_load_relaxed(&has_come)) /* relaxed: by this thread */
        return;
    orr_store_release(&has_come, 1);
    await(thread, &is_done);
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    wait_in_callback(thread);
}

static uint16_t waiter_index;
static const struct orr_type waiter = {.name = "waiter",
                                       .bytes = sizeof(struct small_pair),
                                       .references = 2,
                                       .destroy = destroy,
                                       .index = &waiter_index};

static void
hear(struct orr_thread *thread, const struct orr_gc_event *event, void *phase)
{
    if (event->phase == *(enum orr_gc_phase *)phase)
        wait_in_callback(thread);
}

static void
make_loop(struct orr_thread *thread, const struct orr_type *type)
{
    ORR_OWN(thread, object, orr_new(thread, type));
    cr_assert(object.ref);
    orr_set(thread, object.ref, 0, object.ref);
}

static void *
work(void *unused)
{
    struct orr_thread *thread = small_attach(heap);
    await(thread, &has_come);
    for (int i = 0; i < 20000; i++)
        make_loop(thread, &small_pair);
    orr_store_release(&is_done, 1);
    orr_thread_detach(thread);
    return unused;
}

static void
collect_beside(const struct orr_type *type, enum orr_gc_phase *phase, uint64_t bound)
{
    struct orr_heap_options options =
        small_options(&orr_rc_biased, "generations", &orr_heap_blocks);
    struct orr_os_thread other;
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 500};
    options.garbage_bound = bound;
    heap = small_heap_open(&options);
    cr_assert_eq(orr_type_register(&waiter, NULL), ORR_OK);
    struct orr_thread *thread = small_attach(heap);
    cr_assert(!phase || orr_gc_callback_add(heap, hear, phase));
    cr_assert(orr_os_thread_start(&other, work, NULL, 0));
    make_loop(thread, type);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    orr_block_enter(thread);
    orr_os_thread_join(&other);
    orr_block_leave(thread);
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

Test(patience, a_destroy_may_want_what_who_allocates_has, .timeout = 60)
{
    collect_beside(&waiter, NULL, 0);
}

Test(patience, so_may_a_callback_before_a_collection, .timeout = 60)
{
    collect_beside(&small_pair, &(enum orr_gc_phase){ORR_GC_START}, 0);
}

Test(patience, so_may_a_callback_after_a_collection, .timeout = 60)
{
    collect_beside(&small_pair, &(enum orr_gc_phase){ORR_GC_STOP}, 0);
}

Test(patience, the_bound_does_not_wait_either, .timeout = 60)
{
    collect_beside(&waiter, NULL, 65536);
}

/* --- settling ---------------------------------------------------------------------------------------- */

static void
litter(struct orr_thread *thread, const struct orr_gc_event *event, void *unused)
{
    (void)event, (void)unused;
    make_loop(thread, &small_pair);
}

Test(patience, settling_ends_though_a_callback_makes_garbage_each_time, .timeout = 60)
{
    static const char *const collectors[] = {"generations", "subtract", "trial", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        struct orr_heap_options options =
            small_options(&orr_rc_biased, collectors[i], &orr_heap_blocks);
        heap = small_heap_open(&options);
        struct orr_thread *thread = small_attach(heap);
        cr_assert(orr_gc_callback_add(heap, litter, NULL));
        orr_settle(thread);
        cr_assert(orr_gc_callback_remove(heap, litter, NULL));
        orr_settle(thread);
        cr_assert_eq(small_live(heap), 0, "%s", collectors[i]);
        orr_thread_detach(thread);
        orr_heap_destroy(heap);
    }
}

/* --- asking from within ------------------------------------------------------------------------------- */

static unsigned asked;

static void
settle_in_destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    asked++;
    orr_settle(thread);
    orr_collect(thread, "within");
}

static uint16_t settler_index;
static const struct orr_type settler = {.name = "settler",
                                        .bytes = sizeof(struct small_pair),
                                        .references = 2,
                                        .destroy = settle_in_destroy,
                                        .index = &settler_index};

static void
collect_in_callback(struct orr_thread *thread, const struct orr_gc_event *event, void *unused)
{
    struct orr_gc_result result;
    (void)event, (void)unused;
    asked++;
    cr_assert_eq(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.number, 0, "a collection within a collection");
}

/* A destroy, and a callback at either end: none of them waits for the collection that it is a part of. */
Test(patience, who_asks_within_his_own_collection_is_not_kept_waiting, .timeout = 60)
{
    static const char *const collectors[] = {"generations", "subtract", "trial", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        struct orr_heap_options options =
            small_options(&orr_rc_biased, collectors[i], &orr_heap_blocks);
        heap = small_heap_open(&options);
        cr_assert_eq(orr_type_register(&settler, NULL), ORR_OK);
        struct orr_thread *thread = small_attach(heap);
        cr_assert(orr_gc_callback_add(heap, collect_in_callback, NULL));
        asked = 0;
        make_loop(thread, &settler);
        orr_collect(thread, "test");
        cr_assert_eq(asked, 3, "%s: %u", collectors[i], asked);
        cr_assert_eq(small_live(heap), 0, "%s", collectors[i]);
        cr_assert(orr_gc_callback_remove(heap, collect_in_callback, NULL));
        orr_thread_detach(thread);
        orr_heap_destroy(heap);
    }
}

/* --- memory that finalizers have -------------------------------------------------------------------------- */

static struct orr_thread *wanting;
static _Atomic(uint32_t) wants;

/* Ends when the other thread waits for memory. */
static void
nap(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    if (orr_load_acquire(&is_done)) /* the other's own */
        return;
    orr_store_release(&has_come, 1);
    await(thread, &wants);
    orr_block_enter(thread);
    while (orr_load_acquire(&wanting->state) != ORR_THREAD_BLOCKED)
        orr_yield();
    orr_block_leave(thread);
}

static uint16_t big_index;
static const struct orr_type big = {.name = "big",
                                    .bytes = 600 << 10,
                                    .references = 2,
                                    .finalize = nap,
                                    .index = &big_index};

enum { PATIENCE_NS = 90000000 };

static void *
want_as_much(void *unused)
{
    struct orr_object *object = NULL;
    wanting = small_attach(heap);
    await(wanting, &has_come);
    while (!object) {
        const uint64_t start_ns = orr_clock_ns();
        orr_store_release(&wants, 1);
        object = orr_new(wanting, &big);
        cr_assert(object || orr_clock_ns() - start_ns > PATIENCE_NS, "it would have been there a moment later");
    }
    orr_store_release(&is_done, 1);
    orr_release(wanting, object);
    orr_thread_detach(wanting);
    return unused;
}

/* There is room for one. */
Test(patience, at_the_limit_the_finalizers_of_anothers_collection_are_waited_for, .timeout = 60)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, "trial", &orr_heap_libc);
    struct orr_os_thread other;
    options.bytes_limit = 1 << 20;
    heap = small_heap_open(&options);
    cr_assert_eq(orr_type_register(&big, NULL), ORR_OK);
    struct orr_thread *thread = small_attach(heap);
    cr_assert(orr_os_thread_start(&other, want_as_much, NULL, 0));
    make_loop(thread, &big);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    orr_block_enter(thread);
    orr_os_thread_join(&other);
    orr_block_leave(thread);
    cr_assert_eq(small_live(heap), 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}
