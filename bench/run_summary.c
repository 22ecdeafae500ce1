/* run_summary.c - a run in a dozen lines; see run_summary.h. */
#include "bench/run_summary.h"

#include "bench/quantity.h"

#include <inttypes.h>

static void
write_throughput(const struct orr_record *record, FILE *file)
{
    char rate[ORR_QUANTITY_BYTES], count[ORR_QUANTITY_BYTES], time[ORR_QUANTITY_BYTES];
    if (!record->operations.is_measured || !record->seconds.is_measured)
        return;
    const double operations = (double)record->operations.value;
    orr_quantity_count(rate, operations / record->seconds.value);
    orr_quantity_count(count, operations);
    orr_quantity_duration(time, record->seconds.value * 1e9);
    fprintf(file, "  throughput    %s operations/s (%s in %s)\n", rate, count, time);
}

static void
write_distribution(const char *title, const char *name, const struct orr_histogram *histogram,
                   FILE *file)
{
    static const double percentiles[] = {50, 99, 99.9};
    char text[ORR_QUANTITY_BYTES];
    if (!histogram || histogram->count == 0)
        return;
    orr_quantity_count(text, (double)histogram->count);
    fprintf(file, "  %-12s  %-11s %6s x ", title, name, text);
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++) {
        orr_quantity_duration(text, (double)orr_histogram_percentile(histogram, percentiles[i]));
        fprintf(file, " p%-4g %-8s", percentiles[i], text);
    }
    orr_quantity_duration(text, (double)histogram->max_ns);
    fprintf(file, " max %s\n", text);
}

static void
write_pauses(const struct orr_pauses *pauses, FILE *file)
{
    bool is_first = true;
    if (!pauses)
        return;
    for (unsigned cause = 0; cause < pauses->cause_count; cause++) {
        if (pauses->by_cause[cause]->count == 0)
            continue;
        write_distribution(is_first ? "pauses" : "", pauses->cause_names[cause],
                           pauses->by_cause[cause], file);
        is_first = false;
    }
    if (is_first)
        fputs("  pauses        none\n", file);
}

static void
write_utilisation(const struct orr_record *record, FILE *file)
{
    char window[ORR_QUANTITY_BYTES], share[ORR_QUANTITY_BYTES];
    bool is_first = true;
    for (size_t i = 0; i < record->mmu_count; i++) {
        if (!record->mmu[i].is_measured)
            continue;
        orr_quantity_duration(window, (double)record->mmu[i].window_ns);
        orr_quantity_percent(share, record->mmu[i].worst_thread);
        fprintf(file, "%s%s of any %s", is_first ? "  utilisation   at least " : ", ", share,
                window);
        is_first = false;
    }
    if (!is_first)
        fputc('\n', file);
}

static void
write_memory(const struct orr_record *record, FILE *file)
{
    char text[ORR_QUANTITY_BYTES];
    fputs("  memory       ", file);
    if (record->rss_bytes_peak.is_measured)
        fprintf(file, " resident %s at most;",
                orr_quantity_bytes(text, (double)record->rss_bytes_peak.value));
    if (record->heap_bytes_peak.is_measured)
        fprintf(file, " heap %s at most",
                orr_quantity_bytes(text, (double)record->heap_bytes_peak.value));
    if (record->heap_bytes_limit.is_measured)
        fprintf(file, " of %s", orr_quantity_bytes(text, (double)record->heap_bytes_limit.value));
    fputc('\n', file);
    if (record->uncollected_objects_peak.is_measured)
        fprintf(file, "  uncollected   %s objects at most\n",
                orr_quantity_count(text, (double)record->uncollected_objects_peak.value));
}

static void
write_collections(const struct orr_run_record *record, FILE *file)
{
    char count[ORR_QUANTITY_BYTES], share[ORR_QUANTITY_BYTES];
    const struct orr_record *const one = &record->record;
    const double mutator = (double)one->cpu_ns_mutator.value;
    const double collector = (double)one->cpu_ns_collector.value;
    fprintf(file, "  collections   %s in the window",
            orr_quantity_count(count, (double)record->collection_count));
    if (one->cpu_ns_mutator.is_measured && one->cpu_ns_collector.is_measured &&
        mutator + collector > 0)
        fprintf(file, ", %s of the processor time",
                orr_quantity_percent(share, collector / (mutator + collector)));
    fputc('\n', file);
}

void
orr_run_summary_write(const struct orr_run_record *record, FILE *file)
{
    const struct orr_record *const one = &record->record;
    const struct orr_run_result *const result = record->result;
    fprintf(file, "%s %s/%s on %s, trigger %s, %" PRIu64 " thread%s, seed %" PRIu64 "\n",
            one->workload, one->strategy, one->collector, one->heap, one->trigger,
            one->threads.value, one->threads.value == 1 ? "" : "s", one->seed.value);
    write_throughput(one, file);
    write_distribution("latency", "operation", one->latency, file);
    write_pauses(one->pauses, file);
    write_distribution("to safepoint", "", one->time_to_safepoint, file);
    write_utilisation(one, file);
    write_memory(one, file);
    write_collections(record, file);
    for (size_t i = 0; i < result->note_count; i++)
        fprintf(file, "  %-12s  %g\n", result->notes[i].name, result->notes[i].value);
    for (size_t i = 0; i < one->note_count; i++)
        fprintf(file, "  note          %s\n", one->notes[i]);
    if (one->digest.is_measured)
        fprintf(file, "  digest        %016" PRIx64 "\n", one->digest.value);
    fprintf(file, "  status        %s\n", orr_run_status_name(result->status));
}
