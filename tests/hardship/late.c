/* late.c - a thread that keeps a stop, a handshake or a turn waiting is named: by number, by the system's number, by
 * what it does instead, for how long, and by whom it is missed; one that is blocked is not.
 */
#include "tests/stress/stress.h"

#include "tests/hardship/hardship.h"

enum { LATE_MS = 30, SPIN_NS = 200000000, SPIN_MOST_S = 60 };

static struct orr_heap *heap;
static bool listens;

/* The last telling, written by who waits; how long the one before had waited; and how many there were. */
static struct orr_late told;
static uint64_t before_ns;
static _Atomic(uint32_t) tellings; /* relaxed: whoever reads the above has been stopped for, or joined */

static void
hear(void *context, const struct orr_late *late)
{
    stress_check(context == &told, "the listener's context is another");
    before_ns = told.waited_ns;
    told = *late;
    orr_add_relaxed(&tellings, 1);
}

static void
open_heap(bool with_listener)
{
    listens = with_listener;
    const struct orr_heap_options options = {
        .rc = orr_rc_find("biased"),
        .collector = orr_collector_find("generations"),
        .kind = orr_heap_kind_find("blocks"),
        .trigger = {.kind = ORR_TRIGGER_manual},
        .late_ms = LATE_MS,
        .listener = {.context = &told, .late = listens ? hear : NULL}};
    heap = stress_heap(&options);
    stress_check(heap, "there is no heap");
    orr_store_relaxed(&tellings, 0);
}

/* --- the one who is late ------------------------------------------------------------------------------- */

static _Atomic(uint32_t) is_spinning, may_end, culprit_os_id, culprit_id;

/* Computes, without a poll, until it has been told of twice; or sits in a blocking region for a while. */
static void *
spin(void *blocks)
{
    struct orr_thread *const thread = stress_attach(heap);
    orr_store_relaxed(&culprit_os_id, (uint32_t)syscall(SYS_gettid)); /* relaxed: the store below publishes */
    orr_store_relaxed(&culprit_id, thread->id);
    orr_store_release(&is_spinning, 1);
    if (blocks)
        orr_block_enter(thread);
    const uint64_t start_ns = hardship_now_ns();
    const uint64_t spin_ns = blocks ? SPIN_NS : 5 * (uint64_t)SPIN_NS;
    while (blocks || !listens ? hardship_now_ns() - start_ns < spin_ns : orr_load_relaxed(&tellings) < 2)
        stress_check(hardship_now_ns() - start_ns < SPIN_MOST_S * UINT64_C(1000000000), "nobody is told");
    if (blocks)
        orr_block_leave(thread);
    while (orr_load_acquire(&may_end) == 0)
        orr_poll(thread);
    orr_thread_detach(thread);
    return NULL;
}

static void
start_spinning(struct orr_os_thread *os_thread, void *blocks)
{
    orr_store_relaxed(&is_spinning, 0);
    orr_store_relaxed(&may_end, 0);
    stress_start(os_thread, spin, blocks);
    while (orr_load_acquire(&is_spinning) == 0)
        orr_yield();
}

static void
end_spinning(struct orr_os_thread *os_thread)
{
    orr_store_release(&may_end, 1);
    orr_os_thread_join(os_thread);
}

static void
expect_named(uint32_t waiter, const char *awaited)
{
    stress_check(told.waited_ns >= 2 * before_ns, "told after %g ms, and again after %g", (double)before_ns / 1e6,
                 (double)told.waited_ns / 1e6);
    stress_check(told.thread_id == orr_load_relaxed(&culprit_id), "thread %u is named", told.thread_id);
    stress_check(told.os_id == orr_load_relaxed(&culprit_os_id), "system thread %u is named", told.os_id);
    stress_check(told.waiter_id == waiter, "thread %u is said to wait", told.waiter_id);
    stress_check(before_ns >= LATE_MS * UINT64_C(1000000), "after %llu ns", (unsigned long long)before_ns);
    stress_check(strstr(told.doing, "comes to no safepoint"), "it %s", told.doing);
    stress_check(strstr(told.awaited, awaited), "awaited %s", told.awaited);
}

static void
answer(struct orr_thread *subject, void *unused)
{
    (void)subject, (void)unused;
}

static void
who_spins_is_named(void)
{
    struct orr_os_thread os_thread;
    open_heap(true);
    start_spinning(&os_thread, NULL);
    orr_world_stop(heap, NULL);
    expect_named(0, "stop the world");
    orr_world_resume(heap);
    end_spinning(&os_thread);

    orr_store_relaxed(&tellings, 0);
    start_spinning(&os_thread, NULL);
    struct orr_thread *const self = stress_attach(heap);
    orr_handshake(heap, self, NULL, answer, NULL);
    expect_named(self->id, "answer");
    end_spinning(&os_thread);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

static void
who_blocks_is_not(void)
{
    struct orr_os_thread os_thread;
    open_heap(true);
    start_spinning(&os_thread, (void *)1);
    const uint64_t start_ns = hardship_now_ns();
    orr_world_stop(heap, NULL);
    orr_world_resume(heap);
    stress_check(orr_load_relaxed(&tellings) == 0 || hardship_now_ns() - start_ns > LATE_MS * UINT64_C(1000000),
                 "a blocked thread is named");
    end_spinning(&os_thread);
    orr_heap_destroy(heap);
}

/* --- the one who keeps the world ------------------------------------------------------------------------ */

static void *
want_a_turn(void *unused)
{
    orr_store_release(&is_spinning, 1);
    orr_world_stop(heap, NULL);
    orr_world_resume(heap);
    return unused;
}

static void
who_keeps_the_world_is_named(void)
{
    struct orr_os_thread os_thread;
    open_heap(true);
    struct orr_thread *const self = stress_attach(heap);
    orr_store_relaxed(&is_spinning, 0);
    orr_world_stop(heap, self);
    stress_start(&os_thread, want_a_turn, NULL);
    while (orr_load_acquire(&is_spinning) == 0)
        orr_yield();
    orr_sleep_ns(SPIN_NS);
    orr_world_resume(heap);
    orr_block_enter(self);
    orr_os_thread_join(&os_thread);
    orr_block_leave(self);
    stress_check(orr_load_relaxed(&tellings) != 0, "nobody is named");
    stress_check(told.thread_id == self->id, "thread %u is named", told.thread_id);
    stress_check(strstr(told.doing, "stopped the world"), "it %s", told.doing);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

/* --- without a listener -------------------------------------------------------------------------------- */

static int
spin_unheard(void)
{
    struct orr_os_thread os_thread;
    open_heap(false);
    start_spinning(&os_thread, NULL);
    orr_world_stop(heap, NULL);
    orr_world_resume(heap);
    fprintf(stderr, "it was %u\n", orr_load_relaxed(&culprit_os_id));
    end_spinning(&os_thread);
    orr_heap_destroy(heap);
    return 0;
}

static void
standard_error_has_a_sentence(void)
{
    static struct hardship_child child;
    char expected[64];
    unsigned os_id = 0;
    hardship_fork(&child, spin_unheard);
    stress_check(hardship_wait(&child, 60) == 0, "it failed: %s", child.text);
    const char *const last = strstr(child.text, "it was ");
    stress_check(last && sscanf(last, "it was %u", &os_id) == 1, "it said: %s", child.text);
    snprintf(expected, sizeof expected, "(system thread %u) is running and comes to no safepoint: ", os_id);
    stress_check(strstr(child.text, expected), "no \"%s\" in: %s", expected, child.text);
    fprintf(stderr, "%.*s\n", (int)strcspn(child.text, "\n"), child.text);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    standard_error_has_a_sentence(); /* first: it forks */
    who_spins_is_named();
    who_blocks_is_not();
    who_keeps_the_world_is_named();
    return 0;
}
