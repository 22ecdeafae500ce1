/* mmu.c - exact minimum mutator utilisation over sorted, disjoint spans; see mmu.h.
 *
 * A track is one thread, or the union of all. Its spans are sorted and disjoint, and before_ns of a
 * span is the paused time of all spans before it, so that the paused time of any window is the
 * difference of two look-ups.
 */
#include "bench/mmu.h"

#include <stdlib.h>
#include <string.h>

struct span {
    uint64_t start_ns;
    uint64_t stop_ns;
    uint64_t before_ns; /* paused time of the spans before this one */
};

struct track {
    struct span *spans; /* room for every pause */
    size_t count;
};

struct run {
    uint64_t start_ns;
    uint64_t stop_ns;
};

static int
order_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int
order_by_start(const void *left, const void *right)
{
    const struct orr_pause_interval *const a = left;
    const struct orr_pause_interval *const b = right;
    return order_numbers(a->start_ns, b->start_ns);
}

static int
order_by_thread(const void *left, const void *right)
{
    const struct orr_pause_interval *const a = left;
    const struct orr_pause_interval *const b = right;
    const int by_thread = order_numbers(a->thread, b->thread);
    return by_thread ? by_thread : order_numbers(a->start_ns, b->start_ns);
}

/* Keeps the pauses that touch the run, cut to it; returns how many. */
static size_t
copy_within(const struct orr_pause_interval *pauses, size_t count, struct run run,
            struct orr_pause_interval *copies)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct orr_pause_interval pause = pauses[i];
        if (pause.start_ns < run.start_ns)
            pause.start_ns = run.start_ns;
        if (pause.stop_ns > run.stop_ns)
            pause.stop_ns = run.stop_ns;
        if (pause.start_ns < pause.stop_ns)
            copies[kept++] = pause;
    }
    return kept;
}

/* Joins pauses, sorted by start, into disjoint spans. */
static void
build_track(struct track *track, const struct orr_pause_interval *sorted, size_t count)
{
    track->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct span *const last = track->count ? &track->spans[track->count - 1] : NULL;
        if (last && sorted[i].start_ns <= last->stop_ns) {
            if (sorted[i].stop_ns > last->stop_ns)
                last->stop_ns = sorted[i].stop_ns;
            continue;
        }
        const uint64_t before = last ? last->before_ns + (last->stop_ns - last->start_ns) : 0;
        track->spans[track->count++] = (struct span){sorted[i].start_ns, sorted[i].stop_ns, before};
    }
}

/* Paused time from the start of the run until time_ns. */
static uint64_t
paused_until(const struct track *track, uint64_t time_ns)
{
    size_t low = 0;
    size_t high = track->count; /* spans[low..high) may be the first that begins at or after */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (track->spans[middle].start_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    const struct span *const span = &track->spans[low - 1];
    const uint64_t stop = time_ns < span->stop_ns ? time_ns : span->stop_ns;
    return span->before_ns + (stop - span->start_ns);
}

/* The longest paused time in any window of this width within the run. Only windows that begin with a
 * span are looked at, which is enough: a window that begins between two spans loses nothing when it
 * moves right to the next; one that begins within a span loses nothing when it moves left to its
 * beginning. One that sticks out of the run then equals the last within it: no pause lies beyond. */
static uint64_t
most_paused(const struct track *track, uint64_t window_ns)
{
    uint64_t most = 0;
    for (size_t i = 0; i < track->count; i++) {
        const uint64_t start = track->spans[i].start_ns;
        const uint64_t paused = paused_until(track, start + window_ns) - track->spans[i].before_ns;
        if (paused > most)
            most = paused;
    }
    return most;
}

static double
utilisation(const struct track *track, uint64_t window_ns)
{
    return 1.0 - (double)most_paused(track, window_ns) / (double)window_ns;
}

static void
answer_any_thread(struct track *track, struct orr_pause_interval *pauses, size_t count,
                  struct orr_mmu *answers, size_t windows)
{
    qsort(pauses, count, sizeof *pauses, order_by_start);
    build_track(track, pauses, count);
    for (size_t w = 0; w < windows; w++)
        if (answers[w].is_measured)
            answers[w].any_thread = utilisation(track, answers[w].window_ns);
}

static void
answer_worst_thread(struct track *track, struct orr_pause_interval *pauses, size_t count,
                    struct orr_mmu *answers, size_t windows)
{
    size_t end;
    qsort(pauses, count, sizeof *pauses, order_by_thread);
    for (size_t begin = 0; begin < count; begin = end) {
        for (end = begin + 1; end < count && pauses[end].thread == pauses[begin].thread;)
            end++;
        build_track(track, pauses + begin, end - begin);
        for (size_t w = 0; w < windows; w++) {
            if (!answers[w].is_measured)
                continue;
            const double share = utilisation(track, answers[w].window_ns);
            if (share < answers[w].worst_thread)
                answers[w].worst_thread = share;
        }
    }
}

enum orr_status
orr_mmu_compute(const struct orr_pause_interval *pauses, size_t count, uint64_t run_start_ns,
                uint64_t run_stop_ns, struct orr_mmu *answers, size_t windows,
                struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    const struct run run = {run_start_ns, run_stop_ns};
    if (run_stop_ns < run_start_ns)
        return orr_fail(error, ORR_BAD_INPUT, "the run ends before it begins");
    /* One element more, since nothing to allocate may come back as null. */
    struct orr_pause_interval *const copies = calloc(count + 1, sizeof *copies);
    struct track track = {.spans = calloc(count + 1, sizeof *track.spans)};
    if (!copies || !track.spans) {
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to sort %zu pauses", count);
        goto done;
    }
    const size_t kept = copy_within(pauses, count, run, copies);
    for (size_t w = 0; w < windows; w++) {
        const uint64_t window_ns = answers[w].window_ns;
        const bool fits = window_ns > 0 && window_ns <= run_stop_ns - run_start_ns;
        answers[w] = (struct orr_mmu){window_ns, fits, 1.0, 1.0};
    }
    answer_any_thread(&track, copies, kept, answers, windows);
    answer_worst_thread(&track, copies, kept, answers, windows);
done:
    free(track.spans);
    free(copies);
    return status;
}
