/* histogram_file.c - histograms in the two text files that HdrHistogram's tools read: `.hgrm`, the
 * percentile distribution that its plotters draw, and `.hlog`, the interval log, format 1.3.
 *
 * Source: the formats are HdrHistogram's; the rows of `.hgrm` are those of its percentile iterator,
 * five per halving of the distance to 100 %.
 */
#include "bench/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Five rows until half of what is left is passed, as HdrHistogram's own writers do. */
enum { ROWS_PER_HALVING = 5 };

static enum orr_status
check_written(FILE *file, const char *what, struct orr_error *error)
{
    if (fflush(file) == 0 && !ferror(file))
        return ORR_OK;
    return orr_fail(error, ORR_BAD_INPUT, "cannot write the %s: %s", what, strerror(errno));
}

/* The level after this one, one fifth of the current halving further. Logarithms, not a table of
 * halvings, because the readers' rows come from the same rounded arithmetic. After some fifty halvings the
 * step is lost in rounding: then the end follows. */
static double
next_level(double level)
{
    const double halvings = floor(log(100.0 / (100.0 - level)) / log(2.0)) + 1.0;
    const double next = level + 100.0 / (ROWS_PER_HALVING * exp2(halvings));
    return next > level ? next : 100.0;
}

static uint64_t
slot_value(const struct orr_histogram *histogram, unsigned slot)
{
    const uint64_t highest = orr_histogram_slot_highest(slot);
    return highest < histogram->max_ns ? highest : histogram->max_ns;
}

static void
write_rows(const struct orr_histogram *histogram, FILE *file, double ns_per_unit)
{
    const unsigned last = orr_histogram_slot(histogram->max_ns);
    double level = 0.0;
    uint64_t seen = 0;
    for (unsigned slot = orr_histogram_slot(histogram->min_ns); slot <= last; slot++) {
        if (!histogram->slots[slot])
            continue;
        seen += histogram->slots[slot];
        const double share = 100.0 * (double)seen / (double)histogram->count;
        const double value = (double)slot_value(histogram, slot) / ns_per_unit;
        for (; share >= level && level < 100.0; level = next_level(level)) {
            fprintf(file, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value, level / 100.0, seen,
                    1.0 / (1.0 - level / 100.0));
            if (seen == histogram->count)
                break; /* one row at the maximum, then the 100 % row */
        }
    }
    if (histogram->count)
        fprintf(file, "%12.3f %2.12f %10" PRIu64 "\n", (double)histogram->max_ns / ns_per_unit, 1.0,
                histogram->count);
}

enum orr_status
orr_histogram_write_hgrm(const struct orr_histogram *histogram, FILE *file, double ns_per_unit,
                         struct orr_error *error)
{
    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    write_rows(histogram, file, ns_per_unit);
    fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
            orr_histogram_mean(histogram) / ns_per_unit,
            orr_histogram_deviation(histogram) / ns_per_unit);
    fprintf(file, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
            (double)histogram->max_ns / ns_per_unit, histogram->count);
    fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n", ORR_HISTOGRAM_BUCKETS,
            ORR_HISTOGRAM_SUB_BUCKETS);
    return check_written(file, "percentile distribution", error);
}

enum orr_status
orr_histogram_begin_hlog(FILE *file, double start_unix_seconds, struct orr_error *error)
{
    const time_t seconds = (time_t)start_unix_seconds;
    struct tm calendar;
    char date[40] = "";
    if (gmtime_r(&seconds, &calendar))
        strftime(date, sizeof date, ", %a %b %d %H:%M:%S UTC %Y", &calendar);
    fprintf(file, "#[Pauses of one run of orrery; values are nanoseconds, tags are causes]\n");
    fprintf(file, "#[Histogram log format version 1.3]\n");
    fprintf(file, "#[StartTime: %.3f (seconds since epoch)%s]\n", start_unix_seconds, date);
    fprintf(file, "#[BaseTime: %.3f (seconds since epoch)]\n", start_unix_seconds);
    fprintf(file, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                  "\"Interval_Compressed_Histogram\"\n");
    return check_written(file, "histogram log", error);
}

enum orr_status
orr_histogram_write_hlog(const struct orr_histogram *histogram, FILE *file, const char *tag,
                         double start_seconds, double length_seconds, struct orr_error *error)
{
    if (tag && (tag[0] == '\0' || strpbrk(tag, ", \t\r\n\"")))
        return orr_fail(error, ORR_BAD_INPUT,
                        "histogram log tag '%.60s' must be one word without commas and quotes",
                        tag);
    char *text;
    const enum orr_status status = orr_histogram_encode(histogram, &text, error);
    if (status != ORR_OK)
        return status;
    /* The maximum is printed in milliseconds, the unit that readers of this column expect. */
    fprintf(file, "%s%s%s%.3f,%.3f,%.3f,%s\n", tag ? "Tag=" : "", tag ? tag : "", tag ? "," : "",
            start_seconds, length_seconds, (double)histogram->max_ns / 1e6, text);
    free(text);
    return check_written(file, "histogram log", error);
}
