/* run_outputs.c - writing histograms, timeline and collection log; see run_outputs.h. */
#include "bench/run_outputs.h"

#include "bench/gc_log.h"
#include "bench/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a timeline for what no mutator did; thread ids are never so small in both halves. */
enum { ROW_COLLECTOR = 0 };

#define NS_PER_MS 1e6

static enum orr_status
open_file(const char *path, FILE **file, struct orr_error *error)
{
    *file = fopen(path, "we");
    return *file ? ORR_OK
                 : orr_fail(error, ORR_BAD_INPUT, "cannot write %.200s: %s", path, strerror(errno));
}

/* Closes the file and tells of a disk that filled up. */
static enum orr_status
close_file(FILE *file, const char *path, enum orr_status status, struct orr_error *error)
{
    const bool is_broken = ferror(file) != 0;
    if (fclose(file) == 0 && !is_broken)
        return status;
    return status != ORR_OK
               ? status
               : orr_fail(error, ORR_BAD_INPUT, "cannot write %.200s: %s", path, strerror(errno));
}

/* --- histograms ---------------------------------------------------------------------------------- */

static enum orr_status
write_one_hgrm(const struct orr_histogram *histogram, const char *prefix, const char *kind,
               struct orr_error *error)
{
    char path[4096];
    FILE *file;
    if (histogram->count == 0)
        return ORR_OK;
    snprintf(path, sizeof path, "%s-%s.hgrm", prefix, kind);
    enum orr_status status = open_file(path, &file, error);
    if (status != ORR_OK)
        return status;
    status = orr_histogram_write_hgrm(histogram, file, NS_PER_MS, error);
    return close_file(file, path, status, error);
}

enum orr_status
orr_run_write_hgrm(const struct orr_run_result *result, const char *prefix, struct orr_error *error)
{
    struct orr_histogram *pauses;
    enum orr_status status = orr_histogram_create(&pauses, error);
    if (status != ORR_OK)
        return status;
    orr_pauses_merge_causes(result->probe->pauses, pauses);
    status = write_one_hgrm(pauses, prefix, "pauses", error);
    orr_histogram_destroy(pauses);
    if (status == ORR_OK)
        status = write_one_hgrm(result->probe->time_to_safepoint, prefix, "safepoint", error);
    if (status == ORR_OK)
        status = write_one_hgrm(result->probe->latency, prefix, "latency", error);
    return status;
}

enum orr_status
orr_run_write_hlog(const struct orr_run_result *result, const char *path, struct orr_error *error)
{
    const struct orr_probe *const probe = result->probe;
    const double start = (double)result->start_unix_ns / 1e9;
    const double length = (double)(result->window_stop_ns - result->window_start_ns) / 1e9;
    FILE *file;
    enum orr_status status = open_file(path, &file, error);
    if (status != ORR_OK)
        return status;
    status = orr_pauses_write_hlog(probe->pauses, file, start, length, error);
    if (status == ORR_OK && probe->time_to_safepoint->count > 0)
        status =
            orr_histogram_write_hlog(probe->time_to_safepoint, file, "safepoint", 0, length, error);
    if (status == ORR_OK && probe->latency->count > 0)
        status = orr_histogram_write_hlog(probe->latency, file, "latency", 0, length, error);
    return close_file(file, path, status, error);
}

/* --- timeline ------------------------------------------------------------------------------------ */

/* Names each thread's row at its first pause; ids are few, so a linear look is enough. */
struct rows {
    uint32_t *ids;
    size_t count, capacity;
};

static void
name_row(struct orr_timeline *timeline, struct rows *rows, uint32_t id)
{
    char name[32];
    for (size_t i = rows->count; i-- > 0;)
        if (rows->ids[i] == id)
            return;
    if (rows->count == rows->capacity)
        return; /* it stays without a name */
    rows->ids[rows->count++] = id;
    snprintf(name, sizeof name, "thread %u", id);
    orr_timeline_name_thread(timeline, id, name);
}

static void
draw_pauses(struct orr_timeline *timeline, struct rows *rows, const struct orr_pauses *pauses)
{
    for (size_t i = 0; pauses && i < pauses->listed; i++) {
        const struct orr_pause_interval *const pause = &pauses->intervals[i];
        name_row(timeline, rows, pause->thread);
        orr_timeline_complete(timeline, pause->thread, "pause", orr_pause_names[pause->cause],
                              pause->start_ns, pause->stop_ns, NULL, 0);
    }
}

static void
draw_collection(struct orr_timeline *timeline, const struct orr_collection *collection)
{
    const struct orr_timeline_number numbers[] = {
        {"number", collection->number},
        {"candidates", collection->candidates},
        {"nodes_visited", collection->nodes_visited},
        {"freed", collection->freed},
        {"freed_bytes", collection->freed_bytes},
    };
    for (uint32_t i = 0; i < collection->phase_count; i++)
        orr_timeline_complete(timeline, ROW_COLLECTOR, "phase", collection->phases[i].name,
                              collection->phases[i].start_ns, collection->phases[i].stop_ns, NULL,
                              0);
    orr_timeline_complete(timeline, ROW_COLLECTOR, "collection", collection->cause,
                          collection->start_ns, collection->stop_ns, numbers,
                          sizeof numbers / sizeof numbers[0]);
}

static void
draw_memory(struct orr_timeline *timeline, const struct orr_run_result *result)
{
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct orr_run_sample *const sample = &result->samples[i];
        const struct orr_timeline_number numbers[] = {{"heap", sample->heap_bytes},
                                                      {"resident", sample->rss_bytes}};
        orr_timeline_counter(timeline, "bytes", sample->time_ns, numbers,
                             sample->rss_bytes ? 2 : 1);
    }
}

enum orr_status
orr_run_write_timeline(const struct orr_plan *plan, const struct orr_run_result *result,
                       const char *path, struct orr_error *error)
{
    uint32_t ids[1024];
    struct rows rows = {ids, 0, sizeof ids / sizeof ids[0]};
    struct orr_timeline *timeline;
    char process[128];
    snprintf(process, sizeof process, "%s %s/%s", plan->workload->name, plan->heap.rc->name,
             plan->heap.collector->name);
    const enum orr_status status =
        orr_timeline_open(&timeline, path, process, result->opened_ns, error);
    if (status != ORR_OK)
        return status;
    orr_timeline_name_thread(timeline, ROW_COLLECTOR, "collections");
    for (size_t i = 0; i < result->probe->collection_count; i++)
        draw_collection(timeline, &result->probe->collections[i]);
    draw_pauses(timeline, &rows, result->probe->outside);
    draw_pauses(timeline, &rows, result->probe->pauses);
    draw_memory(timeline, result);
    if (result->start_ns)
        orr_timeline_instant(timeline, ROW_COLLECTOR, "run", "work begins", result->start_ns);
    if (result->window_start_ns)
        orr_timeline_instant(timeline, ROW_COLLECTOR, "run", "measuring begins",
                             result->window_start_ns);
    if (result->window_stop_ns)
        orr_timeline_instant(timeline, ROW_COLLECTOR, "run", "measuring ends",
                             result->window_stop_ns);
    return orr_timeline_close(timeline, error);
}

/* --- collection log ------------------------------------------------------------------------------ */

enum orr_status
orr_run_write_gc_log(const struct orr_plan *plan, const struct orr_run_result *result,
                     const char *path, struct orr_error *error)
{
    struct orr_gc_log *log;
    const char *const collector = plan->heap.collector->name;
    const enum orr_status status =
        orr_gc_log_open(&log, path, collector, result->opened_ns, result->opened_ns, error);
    if (status != ORR_OK)
        return status;
    for (size_t i = 0; i < result->probe->collection_count; i++) {
        const struct orr_collection *const one = &result->probe->collections[i];
        struct orr_gc_log_phase phases[ORR_PHASES_MAX];
        for (uint32_t p = 0; p < one->phase_count; p++)
            phases[p] = (struct orr_gc_log_phase){one->phases[p].name,
                                                  one->phases[p].stop_ns - one->phases[p].start_ns};
        const struct orr_gc_log_collection line = {
            .number = one->number,
            .stop_ns = one->stop_ns,
            .duration_ns = one->stop_ns - one->start_ns,
            .is_pause = !plan->heap.collector->poll, /* else it worked beside the program */
            .collector = collector,
            .cause = one->cause,
            .has_bytes = true,
            .bytes_before = one->heap_bytes_before,
            .bytes_after = one->heap_bytes_after,
            .has_capacity = plan->heap.bytes_limit != 0,
            .bytes_capacity = plan->heap.bytes_limit,
            .phases = phases,
            .phase_count = one->phase_count,
        };
        orr_gc_log_write(log, &line);
    }
    return orr_gc_log_close(log, error);
}
