/* standstill.c - processes and threads that the system stops in the middle of anything.
 *
 *   - a process in a storm is stopped and continued at random, as by a shell or a debugger: it goes on and ends well.
 *   - a thread that a signal handler holds up: those who need nothing of it go on; a stop waits for it, and ends when
 *     it comes; a stop does not wait if it was held up in a blocking region.
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

#include <pthread.h>

enum { STOPS_A_SECOND = 25, HELD_UP_NS = 300000000 };

/* --- the whole process ---------------------------------------------------------------------------------- */

static int
live_through_it(void)
{
    static struct storm storm;
    struct hardship_records records = {.most_ns = 60000000000u};
    const struct storm_plan plan = {.collector = orr_collector_find("generations"),
                                    .kind = orr_heap_kind_find("blocks"),
                                    .threads = 4,
                                    .doings = STORM_MIXED,
                                    .seconds = stress.seconds,
                                    .listener = hardship_listener(&records),
                                    .verifies = true};
    storm_register();
    stress_check(storm_open(&storm, &plan), "the pair does not work");
    storm_start(&storm);
    storm_join(&storm, false);
    storm_close(&storm);
    return 0;
}

static void
stop_and_continue(void)
{
    static struct hardship_child child;
    uint64_t chance = stress.seed;
    unsigned stops = 0;
    hardship_fork(&child, live_through_it);
    const uint64_t deadline_ns = hardship_now_ns() + (uint64_t)(stress.seconds * 1e9);
    while (hardship_now_ns() < deadline_ns) {
        orr_sleep_ns(1000000000 / STOPS_A_SECOND / 4 + stress_below(&chance, 1000000000 / STOPS_A_SECOND / 2));
        if (kill(child.pid, SIGSTOP) != 0)
            break;
        orr_sleep_ns(stress_below(&chance, 20000000));
        kill(child.pid, SIGCONT);
        stops++;
    }
    const int status = hardship_wait(&child, 120);
    stress_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s", status, child.text);
    fprintf(stderr, "stopped and continued %u times\n", stops);
    hardship_figure("SIGSTOP and SIGCONT of a process in a storm", stops, "sum", "-");
}

/* --- a single thread ------------------------------------------------------------------------------------- */

enum { HELD, FREE, THREADS }; /* who is held up, and who is not */

static struct orr_heap *heap;
static _Atomic(uint32_t) ready, is_over, is_held_up, in_region;
static _Atomic(uint64_t) moves[THREADS]; /* relaxed: tallies */

static void
hold_up(int unused)
{
    struct timespec left = {.tv_nsec = HELD_UP_NS};
    (void)unused;
    orr_store_release(&is_held_up, 1);
    while (nanosleep(&left, &left) != 0)
        continue;
    orr_store_release(&is_held_up, 0);
}

static void *
live(void *argument)
{
    const uintptr_t i = (uintptr_t)argument;
    struct orr_thread *const thread = stress_attach(heap);
    orr_add_acq_rel(&ready, 1);
    while (orr_load_acquire(&is_over) == 0) {
        orr_add_relaxed(&moves[i], 1);
        if (i == HELD && orr_load_acquire(&in_region)) {
            orr_block_enter(thread);
            while (orr_load_acquire(&in_region))
                orr_yield();
            orr_block_leave(thread);
        }
        orr_poll(thread);
    }
    orr_thread_detach(thread);
    return NULL;
}

static void
expect_moves(void)
{
    const uint64_t before = orr_load_relaxed(&moves[FREE]);
    const uint64_t limit_ns = hardship_now_ns() + UINT64_C(30000000000);
    while (orr_load_relaxed(&moves[FREE]) < before + 100)
        stress_check(hardship_now_ns() < limit_ns, "a thread stands still because another does");
}

static void
signal_and_wait(pthread_t thread)
{
    pthread_kill(thread, SIGUSR1);
    while (orr_load_acquire(&is_held_up) == 0)
        orr_yield();
}

static void
hold_up_one(void)
{
    struct orr_os_thread team[THREADS];
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = orr_collector_find("none"),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    struct sigaction action = {.sa_handler = hold_up};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    heap = stress_heap(&options);
    for (uintptr_t i = 0; i < THREADS; i++)
        stress_start(&team[i], live, (void *)i);
    while (orr_load_acquire(&ready) < THREADS)
        orr_yield();

    signal_and_wait(team[HELD].inner); /* running */
    expect_moves();
    orr_world_stop(heap, NULL);
    stress_check(orr_load_acquire(&is_held_up) == 0, "the world stands, and a thread is in a handler");
    orr_world_resume(heap);

    orr_store_release(&in_region, 1); /* in a blocking region: within a second, it is there */
    for (int i = 0; i < 3; i++) {
        orr_world_stop(heap, NULL);
        orr_world_resume(heap);
        orr_sleep_ns(1000000);
    }
    uint64_t before;
    do { /* it stands in its loop when it does not move any more */
        before = orr_load_relaxed(&moves[HELD]);
        orr_sleep_ns(20000000);
    } while (orr_load_relaxed(&moves[HELD]) != before);
    signal_and_wait(team[HELD].inner);
    const uint64_t start_ns = hardship_now_ns();
    orr_world_stop(heap, NULL);
    stress_check(orr_load_acquire(&is_held_up) != 0 || hardship_now_ns() - start_ns < HELD_UP_NS / 2,
                 "a stop waited for a thread in a blocking region");
    orr_world_resume(heap);
    expect_moves();
    orr_store_release(&in_region, 0);
    orr_store_release(&is_over, 1);
    for (int i = 0; i < THREADS; i++)
        orr_os_thread_join(&team[i]);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    stop_and_continue(); /* first: it forks */
    hold_up_one();
    return 0;
}
