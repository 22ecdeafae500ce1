/* pauses.c - collecting, merging and reporting pauses; see pauses.h. */
#include "bench/pauses.h"

#include <stdlib.h>
#include <string.h>

static bool
create_histograms(struct orr_pauses *pauses, unsigned cause_count, struct orr_error *error)
{
    pauses->by_cause = calloc(cause_count + 1u, sizeof *pauses->by_cause);
    if (!pauses->by_cause)
        return false;
    while (pauses->cause_count < cause_count) {
        if (orr_histogram_create(&pauses->by_cause[pauses->cause_count], error) != ORR_OK)
            return false;
        pauses->cause_count++;
    }
    return true;
}

enum orr_status
orr_pauses_create(struct orr_pauses **result, const char *const *cause_names, unsigned cause_count,
                  size_t capacity, struct orr_error *error)
{
    struct orr_pauses *const pauses = calloc(1, sizeof *pauses);
    *result = NULL;
    if (!pauses)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the pauses of a run");
    pauses->cause_names = cause_names;
    pauses->capacity = capacity;
    pauses->intervals = calloc(capacity + 1, sizeof *pauses->intervals);
    if (!pauses->intervals || !create_histograms(pauses, cause_count, error)) {
        orr_pauses_destroy(pauses);
        return orr_fail(error, ORR_OUT_OF_MEMORY,
                        "no memory for %u pause histograms and a list of %zu pauses", cause_count,
                        capacity);
    }
    *result = pauses;
    return ORR_OK;
}

void
orr_pauses_destroy(struct orr_pauses *pauses)
{
    if (!pauses)
        return;
    for (unsigned cause = 0; cause < pauses->cause_count; cause++)
        orr_histogram_destroy(pauses->by_cause[cause]);
    free(pauses->by_cause);
    free(pauses->intervals);
    free(pauses);
}

static void
list_interval(struct orr_pauses *pauses, const struct orr_pause_interval *interval)
{
    if (pauses->listed < pauses->capacity)
        pauses->intervals[pauses->listed++] = *interval;
    else
        pauses->unlisted++;
}

void
orr_pauses_record(struct orr_pauses *pauses, uint32_t thread, uint32_t cause, uint64_t start_ns,
                  uint64_t stop_ns)
{
    if (cause >= pauses->cause_count || stop_ns < start_ns) {
        pauses->refused++;
        return;
    }
    const struct orr_pause_interval interval = {start_ns, stop_ns, thread, cause};
    orr_histogram_record(pauses->by_cause[cause], stop_ns - start_ns);
    list_interval(pauses, &interval);
}

void
orr_pauses_merge(struct orr_pauses *into, const struct orr_pauses *from)
{
    if (into->cause_count != from->cause_count) {
        into->refused += from->listed + from->unlisted + from->refused;
        return;
    }
    for (unsigned cause = 0; cause < into->cause_count; cause++)
        orr_histogram_merge(into->by_cause[cause], from->by_cause[cause]);
    for (size_t i = 0; i < from->listed; i++)
        list_interval(into, &from->intervals[i]);
    into->unlisted += from->unlisted;
    into->refused += from->refused;
}

void
orr_pauses_merge_causes(const struct orr_pauses *pauses, struct orr_histogram *into)
{
    for (unsigned cause = 0; cause < pauses->cause_count; cause++)
        orr_histogram_merge(into, pauses->by_cause[cause]);
}

enum orr_status
orr_pauses_mmu(const struct orr_pauses *pauses, uint64_t run_start_ns, uint64_t run_stop_ns,
               struct orr_mmu *answers, size_t windows, struct orr_error *error)
{
    const enum orr_status status = orr_mmu_compute(pauses->intervals, pauses->listed, run_start_ns,
                                                   run_stop_ns, answers, windows, error);
    if (pauses->unlisted > 0 || pauses->refused > 0)
        for (size_t w = 0; w < windows; w++)
            answers[w].is_measured = false;
    return status;
}

static enum orr_status
write_causes(const struct orr_pauses *pauses, FILE *file, double length_seconds,
             struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    for (unsigned cause = 0; cause < pauses->cause_count && status == ORR_OK; cause++)
        if (pauses->by_cause[cause]->count > 0)
            status =
                orr_histogram_write_hlog(pauses->by_cause[cause], file, pauses->cause_names[cause],
                                         0.0, length_seconds, error);
    return status;
}

enum orr_status
orr_pauses_write_hlog(const struct orr_pauses *pauses, FILE *file, double start_unix_seconds,
                      double length_seconds, struct orr_error *error)
{
    struct orr_histogram *all;
    enum orr_status status = orr_histogram_create(&all, error);
    if (status != ORR_OK)
        return status;
    orr_pauses_merge_causes(pauses, all);
    status = orr_histogram_begin_hlog(file, start_unix_seconds, error);
    if (status == ORR_OK)
        status = orr_histogram_write_hlog(all, file, NULL, 0.0, length_seconds, error);
    if (status == ORR_OK)
        status = write_causes(pauses, file, length_seconds, error);
    orr_histogram_destroy(all);
    return status;
}

enum orr_status
orr_pauses_write_hgrm(const struct orr_pauses *pauses, FILE *file, struct orr_error *error)
{
    struct orr_histogram *all;
    enum orr_status status = orr_histogram_create(&all, error);
    if (status != ORR_OK)
        return status;
    orr_pauses_merge_causes(pauses, all);
    status = orr_histogram_write_hgrm(all, file, 1e6, error);
    orr_histogram_destroy(all);
    return status;
}
