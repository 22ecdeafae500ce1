/* timekeeper.c - the keeper's thread; see timekeeper.h. */
#include "bench/timekeeper.h"

#include "bench/usage.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SAMPLES_MAX = 1 << 16,
    STACK_BYTES = 256 << 10 /* it formats a line of text and calls nothing deep */
};

#define TICK_JOB_NS UINT64_C(1000000)        /* how finely ends of rounds are seen */
#define TICK_SAMPLE_NS UINT64_C(10000000)    /* memory on a timeline */
#define TICK_PROGRESS_NS UINT64_C(200000000) /* a person's eye */
#define TICK_IDLE_NS UINT64_C(1000000000)
#define NEVER_NS UINT64_MAX

bool
orr_timekeeper_ends_by_worker(const struct orr_plan *plan)
{
    return plan->operations != 0 || plan->workload->is_job;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
operations_of(const struct orr_worker *worker)
{
    return orr_load_relaxed(&worker->operations); /* relaxed: a moment's picture */
}

/* --- beside the clock ---------------------------------------------------------------------------- */

static void
take_sample(struct orr_timekeeper *keeper, uint64_t now_ns)
{
    if (!keeper->samples || keeper->sample_count == SAMPLES_MAX)
        return;
    keeper->samples[keeper->sample_count++] = (struct orr_run_sample){
        .time_ns = now_ns,
        /* relaxed: a moment's picture */
        .heap_bytes = orr_load_relaxed(&keeper->run->heap->bytes_used),
        .rss_bytes = orr_usage_resident().value,
    };
}

static void
show_progress(const struct orr_timekeeper *keeper, uint64_t now_ns)
{
    const struct orr_plan *const plan = keeper->plan;
    const uint64_t whole_ns = plan->warmup_ns + plan->measured_ns;
    const double seconds = (double)(now_ns - keeper->start_ns) / 1e9;
    if (!keeper->options->shows_progress)
        return;
    if (plan->operations)
        fprintf(stderr, "\r%s %s/%s  %.1f s", plan->workload->name, plan->heap.rc->name,
                plan->heap.collector->name, seconds);
    else
        fprintf(stderr, "\r%s %s/%s  %.1f of %.1f s", plan->workload->name, plan->heap.rc->name,
                plan->heap.collector->name, seconds, (double)whole_ns / 1e9);
}

static void
wipe_progress(const struct orr_timekeeper *keeper)
{
    if (keeper->options->shows_progress)
        fputs("\r\033[K", stderr);
}

static uint64_t
tick_of(const struct orr_timekeeper *keeper)
{
    if (keeper->samples)
        return TICK_SAMPLE_NS;
    return keeper->options->shows_progress ? TICK_PROGRESS_NS : TICK_IDLE_NS;
}

/* Sleeps until then; false when every worker has ended before. */
static bool
wait_until(struct orr_timekeeper *keeper, uint64_t until_ns)
{
    const uint64_t tick_ns = tick_of(keeper);
    for (;;) {
        const uint64_t now_ns = orr_clock_ns();
        if (orr_load_acquire(&keeper->over)) /* sync:keeper-over */
            return false;
        if (now_ns >= until_ns)
            return true;
        take_sample(keeper, now_ns);
        show_progress(keeper, now_ns);
        orr_park(&keeper->over, 0, least(tick_ns, until_ns - now_ns));
    }
}

/* --- the window ---------------------------------------------------------------------------------- */

static void
begin_window(struct orr_timekeeper *keeper, uint32_t i, uint64_t now_ns)
{
    keeper->windows[i].begin_operations = operations_of(keeper->workers[i]);
    keeper->windows[i].begin_ns = now_ns;
}

static void
begin_measuring(struct orr_timekeeper *keeper, uint64_t now_ns)
{
    keeper->begin_cpu_ns = orr_usage_cpu_ns();
    orr_probe_open(keeper->probe, now_ns);
    orr_store_relaxed(&keeper->run->measuring, true); /* relaxed: seen sooner or later */
}

static void
open_window(struct orr_timekeeper *keeper, uint64_t now_ns)
{
    for (uint32_t i = 0; i < keeper->plan->threads; i++)
        begin_window(keeper, i, now_ns);
    begin_measuring(keeper, now_ns);
}

static void
close_window(struct orr_timekeeper *keeper)
{
    const uint64_t now_ns = orr_clock_ns();
    for (uint32_t i = 0; i < keeper->plan->threads; i++) {
        keeper->windows[i].end_operations = operations_of(keeper->workers[i]);
        keeper->windows[i].end_ns = now_ns;
    }
    orr_probe_close(keeper->probe, now_ns);
    keeper->end_cpu_ns = orr_usage_cpu_ns();
}

/* Whether the worker has ended a round since the warm-up was over. */
static bool
has_ended_round(const struct orr_timekeeper *keeper, uint32_t i)
{
    return operations_of(keeper->workers[i]) != keeper->windows[i].begin_operations;
}

/* A job's worker begins to count when the round it is in has ended. False: all have ended. */
static bool
open_job_windows(struct orr_timekeeper *keeper)
{
    const uint32_t threads = keeper->plan->threads;
    for (uint32_t i = 0; i < threads; i++)
        begin_window(keeper, i, 0);
    begin_measuring(keeper, orr_clock_ns());
    for (uint32_t opened = 0; opened < threads;) {
        const uint64_t now_ns = orr_clock_ns();
        for (uint32_t i = 0; i < threads; i++)
            if (keeper->windows[i].begin_ns == 0 && has_ended_round(keeper, i)) {
                begin_window(keeper, i, now_ns);
                opened++;
            }
        if (!wait_until(keeper, now_ns + TICK_JOB_NS))
            return false;
    }
    return true;
}

static void
keep_time(struct orr_timekeeper *keeper)
{
    const struct orr_plan *const plan = keeper->plan;
    const uint64_t warm_ns = keeper->start_ns + plan->warmup_ns;
    if (plan->operations) {
        wait_until(keeper, NEVER_NS);
        return;
    }
    if (plan->warmup_ns != 0) {
        if (!wait_until(keeper, warm_ns))
            return;
        if (plan->workload->is_job && !open_job_windows(keeper))
            return;
        if (!plan->workload->is_job)
            open_window(keeper, orr_clock_ns());
    }
    if (!wait_until(keeper, orr_clock_ns() + plan->measured_ns))
        return;
    if (!plan->workload->is_job)
        close_window(keeper);
    orr_store_relaxed(&keeper->run->stop, true); /* relaxed: seen sooner or later */
    wait_until(keeper, NEVER_NS);
}

static void *
keeper_body(void *argument)
{
    struct orr_timekeeper *const keeper = argument;
    keep_time(keeper);
    take_sample(keeper, orr_clock_ns());
    wipe_progress(keeper);
    return NULL;
}

bool
orr_timekeeper_start(struct orr_timekeeper *keeper)
{
    const struct orr_plan *const plan = keeper->plan;
    if (keeper->options->wants_timeline) {
        keeper->samples = calloc(SAMPLES_MAX, sizeof *keeper->samples);
        if (!keeper->samples)
            return false;
    }
    if (plan->operations || plan->warmup_ns == 0)
        open_window(keeper, keeper->start_ns);
    return orr_os_thread_start(&keeper->thread, keeper_body, keeper, STACK_BYTES);
}

void
orr_timekeeper_join(struct orr_timekeeper *keeper)
{
    orr_store_release(&keeper->over, 1); /* sync:keeper-over */
    orr_wake_all(&keeper->over);
    orr_os_thread_join(&keeper->thread);
}
