/* clocks.c - the storm under clocks that lie: steps of a day back and forth, a frozen clock, one of 4 ms.
 *
 * The program's own clock_gettime stands before the C library's, so that every reading of the runtime goes through
 * it; the kernel's time-outs stay honest. Rounds are counted, not timed, so a run ends under a frozen clock too.
 * In no record may an interval be negative, or longer than what has passed and the days that were put in.
 * faketime.sh does the like from outside, to the program `orrery`.
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

#define DAY_NS INT64_C(86400000000000)

enum { TEAM = 3, ROUNDS_A_SECOND = 20000, STEP_NS = 5000000, LIMIT_S = 120 };

/* relaxed, all: a lie needs no order */
static _Atomic(int64_t) added_ns;  /* to monotonic and real time alike */
static _Atomic(int64_t) frozen_ns; /* what monotonic time says; 0: it runs */
static _Atomic(int64_t) grain_ns;  /* what it is rounded down to; 0: nothing */
static _Atomic(uint64_t) readings;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    const long status = syscall(SYS_clock_gettime, clock, now);
    if (status != 0 || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
        return (int)status;
    int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + orr_load_relaxed(&added_ns);
    const int64_t grain = orr_load_relaxed(&grain_ns), frozen = orr_load_relaxed(&frozen_ns);
    if (frozen)
        ns = frozen;
    if (grain)
        ns -= ns % grain;
    orr_add_relaxed(&readings, 1);
    now->tv_sec = ns / 1000000000;
    now->tv_nsec = ns % 1000000000;
    if (now->tv_nsec < 0) {
        now->tv_nsec += 1000000000;
        now->tv_sec--;
    }
    return 0;
}

enum lie { HONEST, FORTH, BACK, BOTH, FROZEN, COARSE, LIES };
static const char *const lies[LIES] = {"honest",          "a day forth",    "days back",
                                       "back and forth", "a frozen clock", "a clock of 4 ms"};

/* What is done every STEP_NS. An interval may be longer by what the clock is put forward. */
static void
tell(enum lie lie, unsigned step, struct hardship_records *records)
{
    int64_t by = 0;
    if (lie == FORTH)
        by = step == 1 ? DAY_NS : 0;
    else if (lie == BACK)
        by = step < 20 ? -DAY_NS : 0;
    else if (lie == BOTH)
        by = step % 2 ? -DAY_NS : DAY_NS;
    else if (lie == FROZEN)
        orr_store_relaxed(&frozen_ns, (int64_t)hardship_now_ns());
    else if (lie == COARSE)
        orr_store_relaxed(&grain_ns, 4000000);
    if (lie == FROZEN && step > 0)
        orr_store_relaxed(&frozen_ns, orr_load_relaxed(&frozen_ns) + 1); /* once in a while it crawls */
    if (by > 0)
        orr_add_relaxed(&records->most_ns, (uint64_t)by);
    orr_add_relaxed(&added_ns, by);
}

static bool
is_done(const struct storm *storm)
{
    uint64_t least;
    storm_rounds(storm, &least);
    return least >= storm->plan.rounds;
}

static void
check_statistics(struct orr_heap *heap, uint64_t most_ns)
{
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        struct orr_gc_stats stats;
        stress_check(orr_gc_stats(heap, generation, &stats, NULL) == ORR_OK, "no statistics");
        stress_check(stats.duration_ns <= most_ns * (stats.collections + 1),
                     "%llu collections of generation %d took %g s", (unsigned long long)stats.collections,
                     generation, (double)stats.duration_ns / 1e9);
    }
}

static void
run(enum lie lie, const char *collector, uint64_t rounds)
{
    static struct storm storm;
    struct hardship_records records = {.most_ns = LIMIT_S * UINT64_C(1000000000)};
    const struct storm_plan plan = {.collector = orr_collector_find(collector),
                                    .kind = orr_heap_kind_find("blocks"),
                                    .threads = TEAM,
                                    .doings = STORM_MIXED,
                                    .rounds = rounds,
                                    .listener = hardship_listener(&records)};
    const uint64_t start_ns = hardship_now_ns(), before = orr_load_relaxed(&readings);
    uint64_t told_ns = orr_clock_ns();
    stress_check(storm_open(&storm, &plan), "the pair does not work");
    storm_start(&storm);
    for (unsigned step = 0; !is_done(&storm) || step < 10; step++) {
        tell(lie, step, &records);
        orr_sleep_ns(STEP_NS);
        const uint64_t now_ns = orr_clock_ns();
        stress_check(now_ns >= told_ns, "the clock went back by %llu ns", (unsigned long long)(told_ns - now_ns));
        told_ns = now_ns;
        stress_check(hardship_now_ns() - start_ns < LIMIT_S * UINT64_C(1000000000), "%s: no end in %d s",
                     lies[lie], LIMIT_S);
    }
    storm_join(&storm, true);
    check_statistics(storm.heap, orr_load_relaxed(&records.most_ns));
    storm_close(&storm);
    stress_check(orr_load_relaxed(&readings) > before + 100, "the runtime reads another clock");
    fprintf(stderr, "%s, %s: %llu collections, %llu pauses, the longest %g s\n", lies[lie], collector,
            (unsigned long long)storm.collections, (unsigned long long)orr_load_relaxed(&records.pauses),
            (double)orr_load_relaxed(&records.longest_ns) / 1e9);
    orr_store_relaxed(&frozen_ns, 0);
    orr_store_relaxed(&grain_ns, 0);
}

/* --- patience ---------------------------------------------------------------------------------------------- */

static struct orr_heap *heap;
static _Atomic(uint32_t) has_come, the_other_is_done;

/* The collection waits for a thread that comes to want a collection too: that one goes on without, also if no time
 * passes that it could measure. */
static void
wait_for_the_other(struct orr_thread *thread, const struct orr_gc_event *event, void *unused)
{
    (void)unused;
    if (event->phase != ORR_GC_START)
        return;
    orr_store_release(&has_come, 1);
    orr_block_enter(thread);
    while (orr_load_acquire(&the_other_is_done) == 0)
        orr_sleep_ns(1000000);
    orr_block_leave(thread);
}

static void *
litter(void *unused)
{
    struct orr_thread *const thread = stress_attach(heap);
    while (orr_load_acquire(&has_come) == 0) {
        orr_poll(thread);
        orr_yield();
    }
    for (int i = 0; i < 3000; i++) {
        ORR_OWN(thread, node, orr_new(thread, &storm_node));
        stress_check(node.ref, "no memory");
        orr_set(thread, node.ref, 0, node.ref);
    }
    orr_store_release(&the_other_is_done, 1);
    orr_thread_detach(thread);
    return unused;
}

static void *
collect_once(void *unused)
{
    struct orr_thread *const thread = stress_attach(heap);
    orr_collect(thread, "waits");
    orr_thread_detach(thread);
    return unused;
}

static void
patience_needs_no_clock(void)
{
    struct orr_os_thread team[2];
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = orr_collector_find("generations"),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_count, .count = 500}};
    heap = stress_heap(&options);
    orr_store_relaxed(&frozen_ns, (int64_t)hardship_now_ns());
    stress_check(orr_gc_callback_add(heap, wait_for_the_other, NULL), "no memory");
    stress_start(&team[0], litter, NULL);
    stress_start(&team[1], collect_once, NULL);
    const uint64_t limit_ns = hardship_now_ns() + UINT64_C(30000000000);
    while (orr_load_acquire(&the_other_is_done) == 0) {
        stress_check(hardship_now_ns() < limit_ns, "a thread waits for a collection that waits for it");
        orr_sleep_ns(1000000);
    }
    orr_os_thread_join(&team[0]);
    orr_os_thread_join(&team[1]);
    orr_heap_destroy(heap);
    orr_store_relaxed(&frozen_ns, 0);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    storm_register();
    const uint64_t rounds = (uint64_t)(stress.seconds * ROUNDS_A_SECOND / LIES) + 1;
    for (enum lie lie = HONEST; lie < LIES; lie++)
        run(lie, lie % 2 ? "trial" : "generations", rounds);
    patience_needs_no_clock();
    hardship_figure("storms under clocks that step, stand or are coarse", LIES - 1, "sum", "-");
    return 0;
}
