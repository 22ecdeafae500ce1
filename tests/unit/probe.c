/* probe.c - bench/probe: what lies in the window is counted, on whatever thread it was heard. */
#include "bench/probe.h"

#include <criterion/criterion.h>

enum { THREADS = 4, PAUSES = 1000 };

static const uint64_t millisecond = 1000000;

static struct orr_probe *
create(bool keeps_outside)
{
    struct orr_probe *probe;
    cr_assert_eq(orr_probe_create(&probe, keeps_outside, NULL), ORR_OK);
    return probe;
}

static void
tell_pause(struct orr_probe *probe, enum orr_pause_cause cause, uint64_t start_ns, uint64_t stop_ns)
{
    const struct orr_listener listener = orr_probe_listener(probe);
    const struct orr_pause pause = {7, cause, start_ns, stop_ns};
    listener.pause(listener.context, &pause);
}

Test(probe, a_pause_counts_if_it_overlaps_the_window)
{
    struct orr_probe *const probe = create(true);
    tell_pause(probe, ORR_PAUSE_STOP, 10, 20); /* before any window */
    orr_probe_open(probe, 100);
    tell_pause(probe, ORR_PAUSE_STOP, 50, 100);  /* ends as it opens */
    tell_pause(probe, ORR_PAUSE_STOP, 50, 130);  /* into it */
    tell_pause(probe, ORR_PAUSE_STOP, 150, 160); /* within */
    orr_probe_close(probe, 200);
    tell_pause(probe, ORR_PAUSE_STOP, 190, 250); /* out of it */
    tell_pause(probe, ORR_PAUSE_STOP, 200, 250); /* begins as it closes */
    orr_probe_merge(probe);
    cr_assert_eq(probe->pauses->by_cause[ORR_PAUSE_STOP]->count, 3);
    cr_assert_eq(probe->outside->by_cause[ORR_PAUSE_STOP]->count, 3);
    cr_assert_eq(probe->pauses->by_cause[ORR_PAUSE_STOP]->max_ns, 80);
    orr_probe_destroy(probe);
}

Test(probe, safepoints_and_latencies_count_within_the_window_only)
{
    struct orr_probe *const probe = create(false);
    const struct orr_listener listener = orr_probe_listener(probe);
    listener.safepoint(listener.context, 1, 10, 20);
    orr_probe_latency(probe, 1);
    orr_probe_open(probe, 100);
    listener.safepoint(listener.context, 1, 110, 140);
    listener.safepoint(listener.context, 1, 110, 105); /* it stood before it was asked */
    orr_probe_latency(probe, 2);
    orr_probe_close(probe, 200);
    listener.safepoint(listener.context, 1, 300, 400);
    orr_probe_latency(probe, 3);
    orr_probe_merge(probe);
    cr_assert_eq(probe->time_to_safepoint->count, 2);
    cr_assert_eq(probe->time_to_safepoint->max_ns, 30);
    cr_assert_eq(probe->time_to_safepoint->min_ns, 0);
    cr_assert_eq(probe->latency->count, 1);
    cr_assert_eq(probe->latency->max_ns, 2);
    cr_assert_null(probe->outside);
    orr_probe_destroy(probe);
}

static void *
tell_pauses(void *argument)
{
    struct orr_probe *const probe = argument;
    for (uint64_t i = 0; i < PAUSES; i++)
        tell_pause(probe, ORR_PAUSE_CASCADE, 1000 + i, 1000 + i + millisecond);
    return NULL;
}

Test(probe, threads_that_never_joined_are_heard_too)
{
    struct orr_probe *const probe = create(false);
    struct orr_os_thread threads[THREADS];
    orr_probe_open(probe, 1);
    for (int i = 0; i < THREADS; i++)
        cr_assert(orr_os_thread_start(&threads[i], tell_pauses, probe, 0));
    for (int i = 0; i < THREADS; i++)
        orr_os_thread_join(&threads[i]);
    orr_probe_merge(probe);
    cr_assert_eq(probe->pauses->by_cause[ORR_PAUSE_CASCADE]->count, THREADS * PAUSES);
    cr_assert_eq(probe->pauses->listed, THREADS * PAUSES);
    cr_assert_not(probe->is_incomplete);
    orr_probe_destroy(probe);
}

Test(probe, a_second_probe_of_the_same_thread_has_books_of_its_own)
{
    struct orr_probe *const first = create(false);
    orr_probe_open(first, 1);
    tell_pause(first, ORR_PAUSE_LOCK, 10, 20);
    struct orr_probe *const second = create(false);
    orr_probe_open(second, 1);
    tell_pause(second, ORR_PAUSE_LOCK, 10, 20);
    tell_pause(second, ORR_PAUSE_LOCK, 10, 20);
    tell_pause(first, ORR_PAUSE_LOCK, 10, 20);
    orr_probe_merge(first);
    orr_probe_merge(second);
    cr_assert_eq(first->pauses->by_cause[ORR_PAUSE_LOCK]->count, 2);
    cr_assert_eq(second->pauses->by_cause[ORR_PAUSE_LOCK]->count, 2);
    orr_probe_destroy(first);
    orr_probe_destroy(second);
}

Test(probe, processor_time_is_cut_to_the_window)
{
    struct orr_probe *const probe = create(false);
    const struct orr_listener listener = orr_probe_listener(probe);
    const struct orr_collection whole = {
        .start_ns = 100, .stop_ns = 200, .requester_cpu_ns = 60, .collector_cpu_ns = 40};
    const struct orr_collection half = {.start_ns = 350, .stop_ns = 450, .requester_cpu_ns = 100};
    const struct orr_collection outside = {.start_ns = 500, .stop_ns = 600, .requester_cpu_ns = 1};
    listener.collection(listener.context, &whole);
    listener.collection(listener.context, &half);
    listener.collection(listener.context, &outside);
    cr_assert_eq(orr_probe_cpu_ns(probe, 100, 400), 150);
    cr_assert_eq(probe->collection_count, 3);
    orr_probe_destroy(probe);
}
