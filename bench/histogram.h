/* histogram.h - a histogram of durations from one nanosecond to one hour, three significant digits.
 *
 * Source:  Gil Tene's HdrHistogram: buckets whose width doubles, each cut into equal slots, so that
 *          any recorded value is known within a thousandth of itself. The text form is HdrHistogram's
 *          V2 encoding (zlib, then base64), which its Java and JavaScript libraries read.
 * Deviates: the range is fixed, so the struct is one flat block; minimum, maximum and total are kept
 *          exactly beside the slots; a value beyond an hour is counted as clipped, never silently.
 * Owns:    its slots, 33792 counters of eight bytes; pages never recorded into are never touched.
 * Threads: one thread at a time. Give every thread its own and merge after the join.
 *
 * Invariants (orr_histogram_is_valid):
 *   sum(slots) = count, while nothing saturated
 *   count > 0  =>  min <= max, and both fall into slots that are not empty
 *   clipped <= count
 */
#ifndef ORR_BENCH_HISTOGRAM_H
#define ORR_BENCH_HISTOGRAM_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* 2048 slots of one unit tell 2000 different values apart, which is what three digits ask for;
 * doubled 31 times, they reach 2^42 - 1 ns, the first power of two past an hour. Each doubling adds
 * only its upper half: the lower half is the bucket before it, more finely. */
enum {
    ORR_HISTOGRAM_DIGITS = 3,
    ORR_HISTOGRAM_SUB_BUCKETS = 2048,
    ORR_HISTOGRAM_HALF = ORR_HISTOGRAM_SUB_BUCKETS / 2,
    ORR_HISTOGRAM_BUCKETS = 32,
    ORR_HISTOGRAM_SLOTS = (ORR_HISTOGRAM_BUCKETS + 1) * ORR_HISTOGRAM_HALF
};

#define ORR_HISTOGRAM_LOWEST_NS UINT64_C(1)
#define ORR_HISTOGRAM_HIGHEST_NS UINT64_C(3600000000000)

struct orr_histogram {
    uint64_t count;                      /* values recorded, the clipped ones included */
    uint64_t total_ns;                   /* their exact sum; an estimate after decoding */
    uint64_t min_ns;                     /* smallest value, exact; meaningless while count is 0 */
    uint64_t max_ns;                     /* largest value, exact even if clipped */
    uint64_t clipped;                    /* values past the highest, counted in its slot */
    uint64_t slots[ORR_HISTOGRAM_SLOTS]; /* how many values fell into each slot */
};

/* Life and recording (histogram.c). */
enum orr_status orr_histogram_create(struct orr_histogram **histogram, struct orr_error *error);
void orr_histogram_destroy(struct orr_histogram *histogram);
void orr_histogram_clear(struct orr_histogram *histogram);
void orr_histogram_record(struct orr_histogram *histogram, uint64_t value_ns);
void orr_histogram_record_count(struct orr_histogram *histogram, uint64_t value_ns, uint64_t count);
void orr_histogram_merge(struct orr_histogram *into, const struct orr_histogram *from);
bool orr_histogram_is_valid(const struct orr_histogram *histogram);

/* The smallest value that at least percentile (0..100) of the recorded values do not exceed: the
 * upper edge of its slot, and never more than the maximum. An empty histogram has none: ask count
 * first, the 0 returned then is not a measurement. */
uint64_t orr_histogram_percentile(const struct orr_histogram *histogram, double percentile);
double orr_histogram_mean(const struct orr_histogram *histogram);
double orr_histogram_deviation(const struct orr_histogram *histogram);

/* The slot of a value, and the values that share a slot; the encoder and the writers need them. */
unsigned orr_histogram_slot(uint64_t value_ns);
uint64_t orr_histogram_slot_lowest(unsigned slot);
uint64_t orr_histogram_slot_highest(unsigned slot);

/* V2 text, allocated, the caller frees it; and back (histogram_code.c). The decoder takes any bytes
 * and refuses what this program would not have written, other ranges and digits included. */
enum orr_status orr_histogram_encode(const struct orr_histogram *histogram, char **text,
                                     struct orr_error *error);
enum orr_status orr_histogram_decode(const char *text, struct orr_histogram **histogram,
                                     struct orr_error *error);

/* Files that HdrHistogram's tools read (histogram_file.c). `.hgrm` is the percentile distribution,
 * its values divided by ns_per_unit (1e6 for milliseconds). `.hlog` is log format 1.3: one begin,
 * then one line per interval and series; tag null is the overall series, which must be present
 * since HdrHistogram's log processor looks for it. Seconds are counted from the start. */
enum orr_status orr_histogram_write_hgrm(const struct orr_histogram *histogram, FILE *file,
                                         double ns_per_unit, struct orr_error *error);
enum orr_status orr_histogram_begin_hlog(FILE *file, double start_unix_seconds,
                                         struct orr_error *error);
enum orr_status orr_histogram_write_hlog(const struct orr_histogram *histogram, FILE *file,
                                         const char *tag, double start_seconds,
                                         double length_seconds, struct orr_error *error);

#endif
