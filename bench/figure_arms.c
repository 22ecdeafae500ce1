/* figure_arms.c - how the arms of the figures are measured: runs of workloads, and loops of our own where
 * a workload does not give the number. Each measures once; rounds are the caller's.
 */
#include "bench/figure.h"

#include "bench/loops.h"
#include "bench/plan.h"
#include "bench/rivals.h"
#include "bench/runner.h"
#include "bench/stand.h"
#include "bench/usage.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1e6

/* --- workloads -------------------------------------------------------------------------------------- */

/* Of the workload graphs, state=live: of the collections in the window, the second to the fourth are those
 * that it times. */
static void
read_live_collections(const struct orr_run_result *result, double *visited, double *milliseconds)
{
    enum { FIRST = 1, LAST = 3, TIMED = LAST - FIRST + 1 };
    const struct orr_probe *const probe = result->probe;
    uint64_t nodes = 0, ns = 0;
    size_t before = 0;
    while (before < probe->collection_count &&
           probe->collections[before].start_ns < result->window_start_ns)
        before++;
    if (probe->collection_count - before <= LAST)
        return;
    for (size_t i = before + FIRST; i <= before + LAST; i++) {
        nodes += probe->collections[i].nodes_visited;
        ns += probe->collections[i].stop_ns - probe->collections[i].start_ns;
    }
    *visited = (double)nodes / TIMED;
    *milliseconds = (double)ns / TIMED / NS_PER_MS;
}

static enum orr_status
run_plan(const struct orr_figure_arm *arm, const struct orr_plan *plan, double *values,
         struct orr_error *error)
{
    static const struct orr_runner_options options = {.shows_progress = false};
    struct orr_run_result *result;
    enum orr_status status = orr_runner_run(plan, &options, &result, error);
    if (status != ORR_OK)
        return status;
    status = result->status;
    *error = result->error;
    for (size_t i = 0; i < result->note_count; i++)
        if (strcmp(result->notes[i].name, arm->note) == 0)
            values[0] = result->notes[i].value;
    read_live_collections(result, &values[1], &values[2]);
    orr_run_result_destroy(result);
    return status;
}

/* Value 0: the note. 1, 2: objects visited and milliseconds of a collection timed live. */
enum orr_status
orr_measure_workload(const struct orr_figure_arm *arm, uint64_t size, double *values,
                     struct orr_error *error)
{
    char text[64];
    struct orr_plan plan;
    struct orr_run_request request = {
        .workload = arm->workload,
        .strategy = arm->strategy,
        .collector = arm->collector,
        .heap = arm->heap,
        .threads = arm->threads,
        .workers = arm->workers,
        .operations = "1",
    };
    for (size_t i = 0; i < sizeof arm->settings / sizeof arm->settings[0]; i++)
        if (arm->settings[i] && arm->settings[i][0])
            request.settings[request.setting_count++] = arm->settings[i];
    snprintf(text, sizeof text, "%s%s%" PRIu64, arm->size_key ? arm->size_key : "",
             arm->size_key ? "=" : "", size);
    if (arm->size_key)
        request.settings[request.setting_count++] = text;
    else
        request.operations = text;
    enum orr_status status = orr_plan_resolve(&request, &plan, error);
    if (status != ORR_OK)
        return status;
    status = run_plan(arm, &plan, values, error);
    orr_plan_fini(&plan);
    return status;
}

/* --- birth and death -------------------------------------------------------------------------------- */

enum { BATCH = 100, WARM_BATCHES = 1000 };

/* Value 0: nanoseconds of one object's birth and death, in batches that stay in the first cache. */
enum orr_status
orr_measure_batches(const struct orr_figure_arm *arm, uint64_t size, double *values,
                    struct orr_error *error)
{
    const struct orr_loops *const loops = orr_loops_find(arm->strategy, false);
    struct orr_object *held[BATCH];
    struct orr_stand stand;
    enum orr_status status = loops->prepare(error);
    if (status == ORR_OK)
        status = orr_stand_open(&stand, arm->strategy, arm->collector, arm->heap, error);
    if (status != ORR_OK)
        return status;
    uint64_t made = 0;
    for (int i = 0; i < WARM_BATCHES; i++)
        loops->batch(stand.thread, held, BATCH);
    const uint64_t start_ns = orr_clock_ns();
    for (uint64_t i = 0; i < size; i++)
        made += loops->batch(stand.thread, held, BATCH);
    values[0] = (double)(orr_clock_ns() - start_ns) / (double)(size * BATCH);
    orr_stand_close(&stand);
    return made == size * BATCH
               ? ORR_OK
               : orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a hundred objects");
}

enum orr_status
orr_measure_rival_batches(const struct orr_figure_arm *arm, uint64_t size, double *values,
                          struct orr_error *error)
{
    const struct orr_rival *const rival = orr_rival_find(arm->rival);
    void *held[BATCH];
    if (strcmp(arm->rival, "malloc") == 0 && !orr_rival_malloc_is_jemalloc())
        return orr_fail(error, ORR_NOT_APPLICABLE, "malloc of this program is not jemalloc's");
    for (int i = 0; i < WARM_BATCHES; i++)
        rival->batch(held, BATCH);
    const uint64_t start_ns = orr_clock_ns();
    for (uint64_t i = 0; i < size; i++)
        rival->batch(held, BATCH);
    values[0] = (double)(orr_clock_ns() - start_ns) / (double)(size * BATCH);
    return ORR_OK;
}

/* Value 0: nanoseconds per node that was counted, as the workload trees notes it. */
enum orr_status
orr_measure_rival_trees(const struct orr_figure_arm *arm, uint64_t size, double *values,
                        struct orr_error *error)
{
    (void)error;
    const uint64_t start_ns = orr_clock_ns();
    const uint64_t nodes = strcmp(arm->rival, "objects") == 0
                               ? orr_rival_trees_of_objects((uint32_t)size)
                               : orr_rival_trees((uint32_t)size);
    values[0] = (double)(orr_clock_ns() - start_ns) / (double)nodes;
    return ORR_OK;
}

/* --- a long list ------------------------------------------------------------------------------------ */

/* Less than the frames of a recursion over a million nodes by three orders of magnitude. */
enum { LIST_STACK_BYTES = 64 << 10 };

struct listing {
    const struct orr_figure_arm *arm;
    uint64_t nodes;
    double *values;
    enum orr_status status;
    struct orr_error *error;
};

static void
drop_list(struct listing *listing, struct orr_thread *thread, const struct orr_loops *loops)
{
    struct orr_object *const list = loops->make_list(thread, listing->nodes);
    if (!list) {
        listing->status = orr_fail(listing->error, ORR_OUT_OF_MEMORY,
                                   "no memory for a list of %" PRIu64 " nodes", listing->nodes);
        return;
    }
    const bool has_peak = orr_usage_reset_peak();
    const struct orr_measure before = orr_usage_resident();
    const uint64_t start_ns = orr_clock_ns();
    loops->release(thread, list);
    const uint64_t drop_ns = orr_clock_ns() - start_ns;
    const struct orr_measure peak = orr_usage_resident_peak();
    listing->values[0] = (double)drop_ns / (double)listing->nodes;
    if (has_peak && before.is_measured && peak.is_measured)
        listing->values[1] = peak.value > before.value
                                 ? (double)(peak.value - before.value) / (double)listing->nodes
                                 : 0;
}

static void *
list_body(void *argument)
{
    struct listing *const listing = argument;
    const struct orr_figure_arm *const arm = listing->arm;
    const struct orr_loops *const loops = orr_loops_find(arm->strategy, false);
    struct orr_stand stand;
    listing->status = loops->prepare(listing->error);
    if (listing->status == ORR_OK)
        listing->status =
            orr_stand_open(&stand, arm->strategy, arm->collector, arm->heap, listing->error);
    if (listing->status != ORR_OK)
        return NULL;
    drop_list(listing, stand.thread, loops);
    orr_stand_close(&stand);
    return NULL;
}

/* Value 0: nanoseconds per node; 1: bytes per node that the process grew by meanwhile. */
enum orr_status
orr_measure_list(const struct orr_figure_arm *arm, uint64_t size, double *values,
                 struct orr_error *error)
{
    struct listing listing = {.arm = arm, .nodes = size, .values = values, .error = error};
    struct orr_os_thread thread;
    if (!orr_os_thread_start(&thread, list_body, &listing, LIST_STACK_BYTES))
        return orr_fail(error, ORR_OUT_OF_MEMORY,
                        "the system has no thread with a stack of %d bytes", LIST_STACK_BYTES);
    orr_os_thread_join(&thread);
    return listing.status;
}
