/* starvation.c - attachers, and threads that come back from blocking regions, against one that stops the world back
 * to back: each gets on after a few stops (the tickets of safepoint.c).
 *
 * Counted is how many stops begin and end while somebody waits. The system may keep a thread from running in between,
 * which is no fault of the tickets, so all but a few must get on within FEW stops, the mean must be small, and
 * everybody gets on within a time. (Without the tickets, many a wait lasts hundreds of stops.)
 */
#define _GNU_SOURCE
#include "tests/stress/stress.h"

#include "tests/hardship/hardship.h"

#include <sched.h>

enum {
    TEAM = 4,
    FEW = 4,
    MOST_S = 20,
    HELD_NS = 50000 /* for so long the world stands, so that everybody comes to wait meanwhile */
};

static struct orr_heap *heap;
static _Atomic(uint64_t) stops;
static _Atomic(uint32_t) is_over;

struct waiter {
    bool attaches; /* or blocks */
    uint64_t waits, long_waits;
    uint64_t sum, worst; /* in stops */
    uint64_t worst_ns;
};

static void
note(struct waiter *waiter, uint64_t before, uint64_t before_ns)
{
    const uint64_t passed = orr_load_acquire(&stops) - before, ns = hardship_now_ns() - before_ns;
    waiter->waits++;
    waiter->sum += passed;
    waiter->long_waits += passed > FEW;
    waiter->worst = passed > waiter->worst ? passed : waiter->worst;
    waiter->worst_ns = ns > waiter->worst_ns ? ns : waiter->worst_ns;
    stress_check(ns < MOST_S * UINT64_C(1000000000), "a thread got on after %g s and %llu stops", (double)ns / 1e9,
                 (unsigned long long)passed);
}

static void *
get_on(void *argument)
{
    struct waiter *const waiter = argument;
    struct orr_thread *thread = waiter->attaches ? NULL : stress_attach(heap);
    while (orr_load_acquire(&is_over) == 0) {
        if (waiter->attaches) {
            const uint64_t before_ns = hardship_now_ns(), before = orr_load_acquire(&stops);
            thread = stress_attach(heap);
            note(waiter, before, before_ns);
            orr_thread_detach(thread);
        } else {
            orr_block_enter(thread);
            const uint64_t before_ns = hardship_now_ns(), before = orr_load_acquire(&stops);
            orr_block_leave(thread);
            note(waiter, before, before_ns);
            orr_poll(thread);
        }
        orr_sleep_ns(200000); /* or they would keep the stopper from stopping */
        if (!waiter->attaches)
            orr_poll(thread);
    }
    if (!waiter->attaches)
        orr_thread_detach(thread);
    return NULL;
}

static void
run(const char *where, double seconds)
{
    struct waiter waiters[TEAM] = {{.attaches = true}, {.attaches = true}, {.attaches = true}, {.attaches = false}};
    struct orr_os_thread team[TEAM];
    const struct orr_heap_options options = {.rc = orr_rc_find("biased"),
                                             .collector = orr_collector_find("none"),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    heap = stress_heap(&options);
    orr_store_relaxed(&stops, 0); /* relaxed, both: no threads yet */
    orr_store_relaxed(&is_over, 0);
    struct orr_thread *const self = stress_attach(heap);
    for (int i = 0; i < TEAM; i++)
        stress_start(&team[i], get_on, &waiters[i]);
    const uint64_t deadline_ns = hardship_now_ns() + (uint64_t)(seconds * 1e9);
    while (hardship_now_ns() < deadline_ns) {
        orr_world_stop(heap, self);
        orr_add_acq_rel(&stops, 1);
        orr_sleep_ns(HELD_NS);
        orr_world_resume(heap);
    }
    orr_store_release(&is_over, 1);
    stress_join(team, TEAM, self);
    uint64_t waits = 0, long_waits = 0, sum = 0, worst = 0;
    for (int i = 0; i < TEAM; i++) {
        stress_check(waiters[i].waits >= 10, "a thread got on %llu times", (unsigned long long)waiters[i].waits);
        waits += waiters[i].waits;
        long_waits += waiters[i].long_waits;
        sum += waiters[i].sum;
        worst = waiters[i].worst > worst ? waiters[i].worst : worst;
    }
    fprintf(stderr, "%s: %llu stops; %llu waits, %llu of more than %d stops, the longest of %llu\n", where,
            (unsigned long long)orr_load_relaxed(&stops), (unsigned long long)waits, (unsigned long long)long_waits,
            FEW, (unsigned long long)worst);
    stress_check(long_waits <= 2 + waits / 1000, "%llu of %llu waits lasted more than %d stops",
                 (unsigned long long)long_waits, (unsigned long long)waits, FEW);
    stress_check(sum <= 2 * waits, "a wait lasted %g stops in the mean", (double)sum / (double)waits);
    hardship_figure("attachments and returns against back-to-back stops", (double)waits, "sum", "-");
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    run("wherever", stress.seconds / 2);
    orr_pin_to_processor((unsigned)sched_getcpu()); /* the team that comes is bound too */
    run("on one processor", stress.seconds / 2);
    return 0;
}
