/* runner.c - the course of a run, step by step; see runner.h.
 *
 * sync          publishes                              observes                         then visible
 * runner-ready  worker_body: add, acq_rel              wait_for_workers: load, acquire  its attachment, or its refusal
 * runner-go     begin_work: store, release             worker_body: load, acquire       what prepare built
 */
#include "bench/runner.h"

#include "bench/census.h"
#include "bench/timekeeper.h"
#include "bench/usage.h"
#include "runtime/collector.h"
#include "runtime/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Only a lost wake makes one wait that long. */
#define PARK_NS UINT64_C(100000000)

struct stage;

/* A worker and what the bench knows of it. Lines of its own, since it counts all the time. */
struct player {
    _Alignas(64) struct orr_worker worker;
    struct stage *stage;
    struct orr_os_thread os_thread;
    bool is_started;        /* it has a thread of its own, to be joined */
    uint64_t end_ns;        /* when its work returned */
    enum orr_status status; /* of its work, or of attaching */
    struct orr_error error;
};

/* Everything one run needs while it runs. */
struct stage {
    const struct orr_plan *plan;
    struct orr_run run;
    struct orr_run_result *result;
    struct orr_heap *heap;
    struct orr_thread *thread; /* of worker 0 */
    struct player *players;
    struct orr_worker **workers; /* of the players, for the timekeeper */
    struct orr_window *windows;
    struct orr_timekeeper keeper;
    struct orr_mutex notes_lock;
    _Atomic(uint32_t) ready; /* workers that have attached, or could not */
    _Atomic(uint32_t) go;    /* 1: begin; 2: go home */
};

/* --- what a workload may call -------------------------------------------------------------------- */

static void
take_note(struct orr_run *run, const char *name, double value)
{
    struct stage *const stage = run->bench;
    struct orr_run_result *const result = stage->result;
    orr_mutex_lock(&stage->notes_lock);
    size_t i = 0;
    while (i < result->note_count && strcmp(result->notes[i].name, name) != 0)
        i++;
    if (i < ORR_RESULTS_MAX) {
        snprintf(result->notes[i].name, sizeof result->notes[i].name, "%s", name);
        result->notes[i].value = value;
        result->note_count = i == result->note_count ? i + 1 : result->note_count;
    }
    orr_mutex_unlock(&stage->notes_lock);
}

static void
take_latency(struct orr_worker *worker, uint64_t ns)
{
    const struct player *const player = worker->bench;
    orr_probe_latency(player->stage->result->probe, ns);
}

/* --- workers ------------------------------------------------------------------------------------- */

static void
perform(struct player *player)
{
    struct orr_run *const run = player->worker.run;
    player->status = player->stage->plan->workload->work(&player->worker, &player->error);
    player->end_ns = orr_clock_ns();
    if (player->status != ORR_OK)
        orr_store_relaxed(&run->stop, true); /* relaxed: seen sooner or later */
}

static void *
worker_body(void *argument)
{
    struct player *const player = argument;
    struct stage *const stage = player->stage;
    struct orr_thread *thread = NULL;
    player->status = orr_thread_attach(stage->heap, &thread, &player->error);
    if (player->status == ORR_OK && !orr_probe_join(stage->result->probe))
        player->status =
            orr_fail(&player->error, ORR_OUT_OF_MEMORY,
                     "no memory for the measurements of thread %u", player->worker.index);
    if (thread)
        orr_block_enter(thread);
    orr_add_acq_rel(&stage->ready, 1); /* sync:runner-ready */
    orr_wake_all(&stage->ready);
    while (orr_load_acquire(&stage->go) == 0) /* sync:runner-go */
        orr_park(&stage->go, 0, PARK_NS);
    if (!thread)
        return NULL;
    orr_block_leave(thread);
    player->worker.thread = thread;
    if (orr_load_acquire(&stage->go) == 1) /* sync:runner-go */
        perform(player);
    orr_thread_detach(thread);
    return NULL;
}

static void
set_up_player(struct stage *stage, uint32_t i)
{
    struct player *const player = &stage->players[i];
    player->stage = stage;
    player->worker.run = &stage->run;
    player->worker.index = i;
    player->worker.seed = orr_seed_of(stage->plan->seed, i);
    player->worker.latency = take_latency;
    player->worker.bench = player;
    stage->workers[i] = &player->worker;
}

/* Starts all but worker 0; returns how many. One that the system refuses is a refusal of its own. */
static uint32_t
start_workers(struct stage *stage)
{
    uint32_t started = 0;
    for (uint32_t i = 1; i < stage->plan->threads; i++) {
        struct player *const player = &stage->players[i];
        player->is_started = orr_os_thread_start(&player->os_thread, worker_body, player, 0);
        if (player->is_started)
            started++;
        else
            player->status =
                orr_fail(&player->error, ORR_OUT_OF_MEMORY, "the system refuses thread %u of %u",
                         i + 1, stage->plan->threads);
    }
    return started;
}

static void
wait_for_workers(struct stage *stage, uint32_t started)
{
    uint32_t ready;
    orr_block_enter(stage->thread);
    while ((ready = orr_load_acquire(&stage->ready)) < started) /* sync:runner-ready */
        orr_park(&stage->ready, ready, PARK_NS);
    orr_block_leave(stage->thread);
}

static void
join_workers(struct stage *stage)
{
    orr_block_enter(stage->thread);
    for (uint32_t i = 1; i < stage->plan->threads; i++)
        if (stage->players[i].is_started)
            orr_os_thread_join(&stage->players[i].os_thread);
    orr_block_leave(stage->thread);
}

/* --- the result ---------------------------------------------------------------------------------- */

static void
remark(struct orr_run_result *result, const char *sentence)
{
    if (result->remark_count < ORR_CHECKS_MAX)
        result->remarks[result->remark_count++] = sentence;
}

/* The first thing that went wrong is the one that is told. */
static void
blame(struct orr_run_result *result, enum orr_status status, const char *message)
{
    if (result->status != ORR_OK)
        return;
    result->status = status;
    orr_fail(&result->error, status, "%s", message);
}

static void
blame_workers(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->plan->threads; i++)
        if (stage->players[i].status != ORR_OK)
            blame(stage->result, stage->players[i].status, stage->players[i].error.message);
}

/* Where the clock does not cut, the windows end with the workers. */
static void
end_windows(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    uint64_t last_ns = 0;
    for (uint32_t i = 0; i < stage->plan->threads; i++) {
        struct orr_window *const window = &stage->windows[i];
        if (orr_timekeeper_ends_by_worker(stage->plan)) {
            window->end_ns = stage->players[i].end_ns;
            /* relaxed: the worker has ended */
            window->end_operations = orr_load_relaxed(&stage->players[i].worker.operations);
        }
        last_ns = window->end_ns > last_ns ? window->end_ns : last_ns;
    }
    if (orr_timekeeper_ends_by_worker(stage->plan)) {
        orr_probe_close(result->probe, last_ns);
        stage->keeper.end_cpu_ns = orr_usage_cpu_ns();
    }
    result->window_start_ns = orr_load_relaxed(&result->probe->window_start_ns); /* relaxed: */
    result->window_stop_ns = orr_load_relaxed(&result->probe->window_stop_ns); /* all have ended */
}

/* Operations over the workers, and the seconds that give the sum of their rates. A run that ended
 * early would look fast: it has no throughput. */
static void
count_operations(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    uint64_t operations = 0;
    double rate = 0;
    if (result->status != ORR_OK)
        return;
    for (uint32_t i = 0; i < stage->plan->threads; i++) {
        const struct orr_window *const window = &stage->windows[i];
        const uint64_t done = window->end_operations - window->begin_operations;
        if (window->begin_ns == 0 || window->end_ns <= window->begin_ns) {
            remark(result, "a worker had no time in the measuring window: no throughput");
            return;
        }
        operations += done;
        rate += (double)done / ((double)(window->end_ns - window->begin_ns) / 1e9);
    }
    result->operations = orr_measured(operations);
    if (operations > 0)
        result->seconds = orr_measured_real((double)operations / rate);
    else
        remark(result, "no operation ended in the measuring window: give it more --seconds");
}

/* Of the window: the collector's as the runtime measured it, the mutators' as what is left. */
static void
count_processor_time(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    const struct orr_timekeeper *const keeper = &stage->keeper;
    if (result->window_start_ns == 0 || result->window_stop_ns == 0)
        return;
    if (result->probe->collections_unlisted > 0) {
        remark(result, "more collections than the list holds: processor time is not told apart");
        return;
    }
    const uint64_t all_ns = keeper->end_cpu_ns - keeper->begin_cpu_ns;
    const uint64_t collector_ns =
        orr_probe_cpu_ns(result->probe, result->window_start_ns, result->window_stop_ns);
    result->cpu_ns_collector = orr_measured(collector_ns);
    if (all_ns >= collector_ns)
        result->cpu_ns_mutator = orr_measured(all_ns - collector_ns);
}

static void
measure_memory(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    /* relaxed, all: every other thread has gone */
    result->rss_bytes_peak = orr_usage_resident_peak();
    result->heap_bytes_live = orr_measured(orr_load_relaxed(&stage->heap->bytes_used));
    result->heap_bytes_peak = orr_measured(orr_load_relaxed(&stage->heap->bytes_peak));
}

/* --- the books at the end ------------------------------------------------------------------------ */

/* The census: what had piled up uncollected by the end of the work. A collection says it; where there
 * is none, the heap is asked. */
static void
count_garbage(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    struct orr_heap *const heap = stage->heap;
    struct orr_census census;
    if (heap->collector->collect) {
        orr_collect(stage->thread, "census");
        /* relaxed, both: every other thread has gone */
        result->uncollected_objects_peak = orr_measured(orr_load_relaxed(&heap->garbage_peak));
        result->uncollected_bytes_peak = orr_measured(orr_load_relaxed(&heap->garbage_bytes_peak));
        return;
    }
    if (!heap->kind->is_walkable || !heap->rc->counts)
        return;
    orr_world_stop(heap, stage->thread);
    const enum orr_status status = orr_census_take(stage->thread, &census, NULL);
    orr_world_resume(heap);
    if (status != ORR_OK) {
        remark(result, "no memory to count the garbage at the end");
        return;
    }
    result->uncollected_objects_peak = orr_measured(census.garbage_objects);
    result->uncollected_bytes_peak = orr_measured(census.garbage_bytes);
}

static void
count_object(struct orr_object *object, void *argument)
{
    uint64_t *const objects = argument;
    if (!(orr_load_relaxed(&object->flags) & ORR_FLAG_SHELL)) /* relaxed: the world is stopped */
        (*objects)++;
}

/* Law 9, against the heap itself: what the books say lives is what a walk meets. */
static void
check_books(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    uint64_t objects = 0;
    char message[200];
    if (!stage->heap->kind->is_walkable)
        return;
    orr_world_stop(stage->heap, stage->thread);
    stage->heap->kind->walk(stage->heap, 0, 1, count_object, &objects);
    orr_world_resume(stage->heap);
    if (objects == result->totals.live)
        return;
    snprintf(message, sizeof message,
             "the books do not balance: %" PRIu64 " allocated, %" PRIu64 " freed, and %" PRIu64
             " objects in the heap",
             result->totals.allocated, result->totals.freed, objects);
    blame(result, ORR_CHECK_FAILED, message);
}

static void
check_sound(struct stage *stage)
{
    struct orr_error error;
    if (!stage->plan->heap.verify)
        return;
    orr_world_stop(stage->heap, stage->thread);
    const bool is_sound = orr_heap_verify(stage->heap, stage->thread, &error);
    orr_world_resume(stage->heap);
    if (!is_sound)
        blame(stage->result, ORR_CHECK_FAILED, error.message);
    /* relaxed: every other thread has gone */
    if (orr_load_relaxed(&stage->heap->verification_failed))
        blame(stage->result, ORR_CHECK_FAILED,
              "the heap was unsound before or after a collection of this run");
}

/* What is left when the program has dropped everything is garbage: none, if the collector promises
 * to find all. */
static void
check_left_over(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    char message[200];
    if (result->totals.live == 0 || stage->heap->collector->completeness == 0 ||
        result->totals.candidates_lost > 0)
        return;
    snprintf(message, sizeof message,
             "%" PRIu64 " objects are left, and collector %s promises to find all garbage",
             result->totals.live, stage->heap->collector->name);
    blame(result, ORR_CHECK_FAILED, message);
}

/* --- the course ---------------------------------------------------------------------------------- */

static enum orr_status
open_stage(struct stage *stage, const struct orr_runner_options *options, struct orr_error *error)
{
    const struct orr_plan *const plan = stage->plan;
    struct orr_heap_options heap_options = plan->heap;
    enum orr_status status =
        orr_probe_create(&stage->result->probe, options->wants_timeline, error);
    if (status != ORR_OK)
        return status;
    heap_options.listener = orr_probe_listener(stage->result->probe);
    stage->result->opened_ns = orr_clock_ns();
    status = orr_heap_create(&heap_options, &stage->heap, error);
    if (status == ORR_OK)
        status = orr_thread_attach(stage->heap, &stage->thread, error);
    if (status != ORR_OK)
        return status;
    stage->run = (struct orr_run){.heap = stage->heap,
                                  .threads = plan->threads,
                                  .seed = plan->seed,
                                  .operations = plan->operations,
                                  .settings = plan->settings,
                                  .note = take_note,
                                  .bench = stage};
    stage->run.state = calloc(1, plan->workload->state_bytes + 1);
    stage->players = aligned_alloc(64, plan->threads * sizeof *stage->players);
    stage->workers = calloc(plan->threads, sizeof *stage->workers);
    stage->windows = calloc(plan->threads, sizeof *stage->windows);
    if (!stage->run.state || !stage->players || !stage->workers || !stage->windows)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the workers of a run");
    memset(stage->players, 0, plan->threads * sizeof *stage->players);
    for (uint32_t i = 0; i < plan->threads; i++)
        set_up_player(stage, i);
    stage->players[0].worker.thread = stage->thread;
    stage->keeper = (struct orr_timekeeper){.plan = plan,
                                            .options = options,
                                            .run = &stage->run,
                                            .probe = stage->result->probe,
                                            .workers = stage->workers,
                                            .windows = stage->windows};
    return ORR_OK;
}

/* Everything from the start of the other workers to the end of all. */
static void
play(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    wait_for_workers(stage, start_workers(stage));
    blame_workers(stage);
    result->start_ns = stage->keeper.start_ns = orr_clock_ns();
    result->start_unix_ns = (uint64_t)time(NULL) * UINT64_C(1000000000);
    const bool keeps_time = result->status == ORR_OK && orr_timekeeper_start(&stage->keeper);
    if (result->status == ORR_OK && !keeps_time)
        blame(result, ORR_OUT_OF_MEMORY, "no memory or no thread to keep the time of the run");
    orr_store_release(&stage->go, keeps_time ? 1 : 2); /* sync:runner-go */
    orr_wake_all(&stage->go);
    if (keeps_time)
        perform(&stage->players[0]);
    join_workers(stage);
    if (!keeps_time)
        return;
    orr_timekeeper_join(&stage->keeper);
    blame_workers(stage);
    result->samples = stage->keeper.samples;
    result->sample_count = stage->keeper.sample_count;
    end_windows(stage);
    count_operations(stage);
    count_processor_time(stage);
    measure_memory(stage);
}

static void
take_down(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    const struct orr_workload *const workload = stage->plan->workload;
    const uint64_t begin_ns = orr_clock_ns();
    workload->finish(&stage->players[0].worker);
    orr_settle(stage->thread);
    result->settle_seconds = orr_measured_real((double)(orr_clock_ns() - begin_ns) / 1e9);
    orr_heap_totals(stage->heap, &result->totals);
    check_books(stage);
    check_sound(stage);
    check_left_over(stage);
    if (result->status == ORR_OK)
        result->digest = orr_measured(workload->digest(&stage->run));
}

static void
run_stage(struct stage *stage)
{
    struct orr_run_result *const result = stage->result;
    const struct orr_workload *const workload = stage->plan->workload;
    struct orr_error error;
    const uint64_t begin_ns = orr_clock_ns();
    const enum orr_status status = workload->prepare(&stage->players[0].worker, &error);
    result->prepare_seconds = orr_measured_real((double)(orr_clock_ns() - begin_ns) / 1e9);
    if (status != ORR_OK)
        blame(result, status, error.message);
    else
        play(stage);
    count_garbage(stage);
    take_down(stage);
}

static void
close_stage(struct stage *stage)
{
    if (stage->thread)
        orr_thread_detach(stage->thread);
    if (stage->heap)
        orr_heap_destroy(stage->heap);
    free(stage->run.state);
    free(stage->players);
    free(stage->workers);
    free(stage->windows);
}

enum orr_status
orr_runner_run(const struct orr_plan *plan, const struct orr_runner_options *options,
               struct orr_run_result **result, struct orr_error *error)
{
    struct stage stage = {.plan = plan};
    *result = NULL;
    stage.result = calloc(1, sizeof *stage.result);
    if (!stage.result)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the result of a run");
    if (!orr_usage_reset_peak())
        remark(stage.result, "the peak of resident memory is that of the whole process");
    orr_mutex_init(&stage.notes_lock);
    const enum orr_status status = open_stage(&stage, options, error);
    if (status == ORR_OK)
        run_stage(&stage);
    close_stage(&stage);
    orr_mutex_fini(&stage.notes_lock);
    if (status != ORR_OK) {
        orr_run_result_destroy(stage.result);
        return status;
    }
    orr_probe_merge(stage.result->probe);
    *result = stage.result;
    return ORR_OK;
}

void
orr_run_result_destroy(struct orr_run_result *result)
{
    if (!result)
        return;
    orr_probe_destroy(result->probe);
    free(result->samples);
    free(result);
}
