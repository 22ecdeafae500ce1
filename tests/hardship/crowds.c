/* crowds.c - more threads than anybody planned for.
 *
 *   - 200 threads on one heap, under every collector: each is stopped, asked, collected for, and leaves.
 *   - 4096 attachments, and the one too many, which is refused with a sentence; when one leaves, another gets in.
 *   - collections asked for by eight threads at once: each call returns after a collection that began after it, and
 *     many calls share one.
 *   - sixteen runnable threads, and how long a stop waits for them.
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

enum { CROWD = 200, CALLERS = 8, CALLS = 60, RUNNERS = 16, STOPS = 60 };

static struct orr_heap *heap;
static _Atomic(uint32_t) ready, is_over;

static struct orr_heap *
open_heap(const struct orr_collector *collector, const char *kind)
{
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = collector,
                                             .kind = orr_heap_kind_find(kind),
                                             .trigger = {.kind = ORR_TRIGGER_count, .count = 1000},
                                             .workers = 1,
                                             .ledger = true};
    struct orr_error error;
    if (!orr_pair_applies(options.rc, options.collector, options.kind, CROWD + 1, &error))
        return NULL;
    orr_store_relaxed(&ready, 0);
    orr_store_relaxed(&is_over, 0);
    return stress_heap(&options);
}

/* --- two hundred ----------------------------------------------------------------------------------------- */

static bool makes_cycles;

static void *
stand_in_crowd(void *argument)
{
    struct orr_root *const root = argument; /* everybody's */
    struct storm_member member = {.chance = (uintptr_t)&member};
    struct orr_thread *const thread = stress_attach(heap);
    {
        ORR_OWN(thread, mine, orr_new(thread, &storm_node));
        stress_check(mine.ref, "no memory");
        ((struct storm_thing *)mine.ref)->check = (uintptr_t)mine.ref;
        if (makes_cycles)
            orr_store(thread, mine.ref, 0, mine.ref);
        orr_store_slot(thread, NULL, &root->slot, mine.ref);
        orr_add_acq_rel(&ready, 1);
        while (orr_load_acquire(&is_over) == 0) { /* half of them runnable, half blocked, at any moment */
            orr_block_enter(thread);
            orr_sleep_ns(500000 + stress_below(&member.chance, 3000000));
            orr_block_leave(thread);
            orr_poll(thread);
        }
        storm_check(mine.ref);
    }
    orr_thread_detach(thread);
    return NULL;
}

static void
count_answer(struct orr_thread *subject, void *answers)
{
    (void)subject;
    orr_add_relaxed((_Atomic(uint64_t) *)answers, 1); /* relaxed: the handshake orders it */
}

static void
gather(const struct orr_collector *collector)
{
    static struct orr_os_thread crowd[CROWD];
    static struct orr_root root;
    heap = open_heap(collector, "blocks");
    if (!heap)
        return;
    makes_cycles = collector->completeness != 0;
    orr_root_add(heap, &root);
    for (int i = 0; i < CROWD; i++)
        stress_start(&crowd[i], stand_in_crowd, &root);
    while (orr_load_acquire(&ready) < CROWD)
        orr_sleep_ns(1000000);
    struct orr_thread *const self = stress_attach(heap);
    for (int i = 0; i < 5; i++) {
        _Atomic(uint64_t) answers = 0;
        orr_handshake(heap, self, NULL, count_answer, &answers);
        stress_check(orr_load_relaxed(&answers) == CROWD, "%llu of %d threads answered",
                     (unsigned long long)orr_load_relaxed(&answers), CROWD);
        orr_world_stop(heap, self);
        orr_world_resume(heap);
        orr_collect(self, "crowd");
    }
    orr_store_release(&is_over, 1);
    stress_join(crowd, CROWD, self);
    orr_release(self, orr_exchange_slot(self, NULL, &root.slot, NULL));
    stress_settle(heap, self, true);
    stress_expect_empty(heap);
    orr_root_remove(heap, &root);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
    fprintf(stderr, "%s: %d threads\n", collector->name, CROWD);
}

/* --- one too many ---------------------------------------------------------------------------------------- */

/* One system thread may have several attachments as long as nobody stops the world. */
static void
attach_too_many(void)
{
    static struct orr_thread *threads[ORR_OWNERS_MAX + 1];
    struct orr_error error;
    uint32_t count = 0;
    heap = open_heap(orr_collector_find("none"), "libc");
    while (count <= ORR_OWNERS_MAX && orr_thread_attach(heap, &threads[count], &error) == ORR_OK)
        count++;
    stress_check(count == ORR_OWNERS_MAX, "%u attachments were allowed", count);
    stress_check(error.status == ORR_OUT_OF_MEMORY && strstr(error.message, "no thread id"), "refused with: %s",
                 error.message);
    orr_thread_detach(threads[77]);
    threads[77] = stress_attach(heap);
    for (uint32_t i = 0; i < count; i++)
        orr_thread_detach(threads[i]);
    orr_heap_destroy(heap);
}

/* --- everybody collects ---------------------------------------------------------------------------------- */

static void *
collect_often(void *unused)
{
    struct orr_thread *const thread = stress_attach(heap);
    for (int i = 0; i < CALLS; i++) {
        const uint64_t begun = orr_load_acquire(&heap->collections_begun);
        struct orr_gc_result result;
        int generation = ORR_GENERATION_OLDEST;
        if (i % 2)
            orr_collect(thread, "everybody");
        else {
            generation = i / 2 % ORR_GENERATIONS;
            stress_check(orr_gc_collect_wait(thread, generation, &result, NULL) == ORR_OK, "refused");
        }
        stress_check(orr_load_acquire(&heap->gc.done[ORR_URGENCY_REQUESTED][generation]) > begun,
                     "a call returned before a collection that began after it had ended");
    }
    orr_thread_detach(thread);
    return unused;
}

static void
collect_at_once(const char *collector)
{
    struct orr_os_thread team[CALLERS];
    heap = open_heap(orr_collector_find(collector), "blocks");
    struct orr_thread *const self = stress_attach(heap);
    for (int i = 0; i < CALLERS; i++)
        stress_start(&team[i], collect_often, NULL);
    stress_join(team, CALLERS, self);
    const uint64_t done = orr_load_relaxed(&heap->collections_done); /* relaxed: all have been joined */
    stress_check(done >= CALLS && done <= CALLS * CALLERS, "%llu collections for %d calls",
                 (unsigned long long)done, CALLS * CALLERS);
    fprintf(stderr, "%s: %llu collections for %d calls\n", collector, (unsigned long long)done, CALLS * CALLERS);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

/* --- how long a stop waits -------------------------------------------------------------------------------- */

static void *
run_and_poll(void *unused)
{
    struct orr_thread *const thread = stress_attach(heap);
    orr_add_acq_rel(&ready, 1);
    while (orr_load_acquire(&is_over) == 0)
        orr_poll(thread);
    orr_thread_detach(thread);
    return unused;
}

static int
by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
stop_runners(void)
{
    struct orr_os_thread team[RUNNERS];
    uint64_t waits_ns[STOPS];
    heap = open_heap(orr_collector_find("none"), "blocks");
    for (int i = 0; i < RUNNERS; i++)
        stress_start(&team[i], run_and_poll, NULL);
    while (orr_load_acquire(&ready) < RUNNERS)
        orr_sleep_ns(1000000);
    for (int i = 0; i < STOPS; i++) {
        orr_sleep_ns(2000000);
        const uint64_t start_ns = hardship_now_ns();
        orr_world_stop(heap, NULL);
        waits_ns[i] = hardship_now_ns() - start_ns;
        orr_world_resume(heap);
    }
    orr_store_release(&is_over, 1);
    for (int i = 0; i < RUNNERS; i++)
        orr_os_thread_join(&team[i]);
    orr_heap_destroy(heap);
    qsort(waits_ns, STOPS, sizeof *waits_ns, by_size);
    const double middle = (double)waits_ns[STOPS / 2] / 1e6, most = (double)waits_ns[STOPS - 1] / 1e6;
    fprintf(stderr, "a stop waited for %d runnable threads %.2f ms, at most %.2f ms\n", RUNNERS, middle, most);
    stress_check(most < 10000, "a stop waited %g ms", most);
    hardship_figure("a stop of 16 runnable threads waits, ms, median", middle, "max", "<= 50");
    hardship_figure("a stop of 16 runnable threads waits, ms, longest", most, "max", "-");
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    storm_register();
    for (size_t i = 0; orr_collectors[i]; i++)
        gather(orr_collectors[i]);
    attach_too_many();
    collect_at_once("generations");
    collect_at_once("trial");
    collect_at_once("mark");
    stop_runners();
    return 0;
}
