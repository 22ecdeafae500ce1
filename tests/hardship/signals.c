/* signals.c - the storm under a barrage of signals and of wake-ups that nobody meant.
 *
 * A timer interrupts whoever runs, a bombardier each thread in turn, with handlers that restart system calls and
 * handlers that do not; it also wakes every word of the runtime that anybody parks on, without a reason. Nothing
 * may be lost, nobody may stay asleep, no record may be absurd; and a sleep lasts as long as it was asked to.
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

#include <errno.h>
#include <pthread.h>
#include <sys/time.h>

enum { TEAM = 4, SLEEP_NS = 20000000, LEAST = 5 };

static _Atomic(uint64_t) handled[3]; /* relaxed, all of this file: tallies */
static _Atomic(uint32_t) ceasefire;

static void
handle(int number)
{
    const int saved = errno;
    orr_add_relaxed(&handled[number == SIGALRM ? 0 : number == SIGUSR1 ? 1 : 2], 1);
    errno = EINTR; /* a careless handler */
    errno = saved;
}

static void
install(void)
{
    struct sigaction action = {.sa_handler = handle};
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
}

struct bombing {
    struct storm *storm;
    pthread_t sleeper;
    uint64_t chance;
};

/* Every word that a thread parks on; those of threads, while nobody can leave. */
static void
wake_without_reason(struct orr_heap *heap)
{
    orr_wake_all(&heap->world.token);
    orr_wake_all(&heap->world.arrivals);
    orr_wake_all(&heap->collecting);
    if (!orr_mutex_try_lock(&heap->threads_lock))
        return;
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        orr_wake_all(&thread->state);
    orr_mutex_unlock(&heap->threads_lock);
}

static void *
bomb(void *argument)
{
    struct bombing *const bombing = argument;
    while (orr_load_acquire(&ceasefire) == 0) {
        const uint32_t target = stress_below(&bombing->chance, TEAM + 1);
        pthread_kill(target < TEAM ? bombing->storm->members[target].os_thread.inner : bombing->sleeper,
                     stress_below(&bombing->chance, 2) ? SIGUSR1 : SIGUSR2);
        if (stress_below(&bombing->chance, 8) == 0)
            wake_without_reason(bombing->storm->heap);
        orr_sleep_ns(stress_below(&bombing->chance, 100000));
    }
    return NULL;
}

/* A sleep is as long as asked, however often it is interrupted; a park may end early, and ends. */
static void
sleep_through(double seconds)
{
    const uint64_t deadline_ns = hardship_now_ns() + (uint64_t)(seconds * 1e9);
    _Atomic(uint32_t) nobody = 0;
    while (hardship_now_ns() < deadline_ns) {
        const uint64_t start_ns = hardship_now_ns();
        orr_sleep_ns(SLEEP_NS);
        stress_check(hardship_now_ns() - start_ns >= SLEEP_NS, "a sleep of %d ns took %llu", SLEEP_NS,
                     (unsigned long long)(hardship_now_ns() - start_ns));
        orr_park(&nobody, 0, SLEEP_NS);
    }
}

static void
run(const char *collector, double seconds)
{
    static struct storm storm;
    struct hardship_records records = {.most_ns = 60000000000u};
    struct orr_os_thread bombardier;
    const struct storm_plan plan = {.collector = orr_collector_find(collector),
                                    .kind = orr_heap_kind_find("blocks"),
                                    .threads = TEAM,
                                    .doings = STORM_MIXED,
                                    .listener = hardship_listener(&records),
                                    .verifies = true};
    uint64_t least;
    stress_check(storm_open(&storm, &plan), "the pair does not work");
    struct bombing bombing = {&storm, pthread_self(), stress.seed};
    orr_store_release(&ceasefire, 0);
    storm_start(&storm);
    stress_start(&bombardier, bomb, &bombing);
    sleep_through(seconds);
    orr_store_release(&ceasefire, 1);
    orr_os_thread_join(&bombardier);
    storm_join(&storm, true);
    const uint64_t rounds = storm_rounds(&storm, &least);
    stress_check(least >= LEAST, "a thread did %llu rounds", (unsigned long long)least);
    stress_check(orr_load_relaxed(&records.pauses) != 0, "nobody ever paused");
    storm_close(&storm);
    fprintf(stderr, "%s: %llu rounds, %llu collections, %llu + %llu + %llu signals\n", collector,
            (unsigned long long)rounds, (unsigned long long)storm.collections,
            (unsigned long long)orr_load_relaxed(&handled[0]), (unsigned long long)orr_load_relaxed(&handled[1]),
            (unsigned long long)orr_load_relaxed(&handled[2]));
}

int
main(int count, char **arguments)
{
    static const char *const collectors[] = {"generations", "trial", "mark"};
    stress_begin(count, arguments);
    storm_register();
    install();
    for (size_t i = 0; i < 3; i++)
        run(collectors[i], stress.seconds / 3);
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        stress_check(orr_load_relaxed(&handled[i]) > 10, "too few signals of kind %zu", i);
        sum += orr_load_relaxed(&handled[i]);
    }
    hardship_figure("signals handled by mutators in a storm", (double)sum, "sum", "-");
    return 0;
}
