/* mmu.c - bench/mmu: known answers, and the minimum over every window tried one by one. */
#include "bench/mmu.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <math.h>

enum { MS = 1000000 };

static struct orr_mmu
compute(const struct orr_pause_interval *pauses, size_t count, uint64_t run_ns, uint64_t window_ns)
{
    struct orr_mmu answer = {.window_ns = window_ns};
    cr_assert_eq(orr_mmu_compute(pauses, count, 0, run_ns, &answer, 1, NULL), ORR_OK);
    return answer;
}

static void
check_both(struct orr_mmu answer, double any_thread, double worst_thread)
{
    cr_assert(answer.is_measured);
    cr_assert_float_eq(answer.any_thread, any_thread, 1e-12, "%f", answer.any_thread);
    cr_assert_float_eq(answer.worst_thread, worst_thread, 1e-12, "%f", answer.worst_thread);
}

Test(mmu, without_pauses_everything_is_left_to_the_program)
{
    check_both(compute(NULL, 0, 1000 * (uint64_t)MS, 10 * MS), 1.0, 1.0);
}

Test(mmu, one_pause_takes_its_share_of_every_window)
{
    const struct orr_pause_interval pause = {500 * MS, 510 * MS, 1, 0};
    check_both(compute(&pause, 1, 1000 * MS, 1 * MS), 0.0, 0.0);
    check_both(compute(&pause, 1, 1000 * MS, 10 * MS), 0.0, 0.0);
    check_both(compute(&pause, 1, 1000 * MS, 100 * MS), 0.9, 0.9);
    check_both(compute(&pause, 1, 1000 * MS, 1000 * MS), 0.99, 0.99);
}

Test(mmu, a_window_longer_than_the_run_is_not_measured)
{
    const struct orr_pause_interval pause = {5 * MS, 6 * MS, 1, 0};
    cr_assert(!compute(&pause, 1, 10 * MS, 10 * MS + 1).is_measured);
    cr_assert(!compute(&pause, 1, 10 * MS, 0).is_measured);
    cr_assert(compute(&pause, 1, 10 * MS, 10 * MS).is_measured);
}

Test(mmu, pauses_that_overlap_or_nest_count_once)
{
    const struct orr_pause_interval pauses[] = {
        {100, 200, 1, 0}, {120, 150, 1, 1}, {190, 220, 1, 2}, {220, 230, 1, 3}};
    check_both(compute(pauses, 4, 10000, 1000), 1.0 - 0.13, 1.0 - 0.13);
}

Test(mmu, the_union_is_worse_than_the_worst_thread_when_threads_take_turns)
{
    const struct orr_pause_interval pauses[] = {
        {100, 150, 1, 0}, {150, 180, 2, 0}, {400, 410, 3, 0}};
    check_both(compute(pauses, 3, 1000, 100), 0.2, 0.5);
}

Test(mmu, pauses_at_the_edges_of_the_run_are_cut_to_it)
{
    const struct orr_pause_interval pauses[] = {
        {0, 1100, 1, 0}, {1950, 5000, 1, 0}, {7000, 8000, 1, 0}};
    struct orr_mmu answer = {.window_ns = 100};
    cr_assert_eq(orr_mmu_compute(pauses, 3, 1000, 2000, &answer, 1, NULL), ORR_OK);
    check_both(answer, 0.0, 0.0);
    answer.window_ns = 1000;
    cr_assert_eq(orr_mmu_compute(pauses, 3, 1000, 2000, &answer, 1, NULL), ORR_OK);
    check_both(answer, 0.85, 0.85);
}

Test(mmu, a_run_that_ends_before_it_begins_is_refused)
{
    struct orr_mmu answer = {.window_ns = 1};
    cr_assert_eq(orr_mmu_compute(NULL, 0, 2, 1, &answer, 1, NULL), ORR_BAD_INPUT);
}

enum { RUN = 60, PAUSES = 6, THREADS = 3 };

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The share left in the worst window, by looking at each unit of time of each window. Between whole
 * numbers the share is linear, so no window in between is worse. */
static double
try_all_windows(const struct orr_pause_interval *pauses, int thread, unsigned window)
{
    unsigned most = 0;
    for (unsigned start = 0; start + window <= RUN; start++) {
        unsigned paused = 0;
        for (unsigned at = start; at < start + window; at++) {
            unsigned is_paused = 0;
            for (unsigned i = 0; i < PAUSES; i++)
                is_paused |= (thread < 0 || pauses[i].thread == (uint32_t)thread) &&
                             pauses[i].start_ns <= at && at < pauses[i].stop_ns;
            paused += is_paused;
        }
        most = paused > most ? paused : most;
    }
    return 1.0 - (double)most / window;
}

Test(mmu, equals_the_minimum_over_all_windows_of_random_runs)
{
    uint64_t state = 20240607;
    for (unsigned round = 0; round < 2000; round++) {
        const uint64_t seed = state;
        struct orr_pause_interval pauses[PAUSES];
        for (unsigned i = 0; i < PAUSES; i++) {
            const uint64_t start = next_random(&state) % RUN;
            pauses[i] = (struct orr_pause_interval){start, start + next_random(&state) % 15,
                                                    (uint32_t)(next_random(&state) % THREADS), 0};
        }
        const unsigned window = 1 + (unsigned)(next_random(&state) % RUN);
        double worst = 1.0;
        for (int thread = 0; thread < THREADS; thread++)
            worst = fmin(worst, try_all_windows(pauses, thread, window));
        const struct orr_mmu answer = compute(pauses, PAUSES, RUN, window);
        cr_assert_float_eq(answer.any_thread, try_all_windows(pauses, -1, window), 1e-12,
                           "seed %" PRIu64, seed);
        cr_assert_float_eq(answer.worst_thread, worst, 1e-12, "seed %" PRIu64, seed);
    }
}
