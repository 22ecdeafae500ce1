/* histogram.c - recording into, merging and asking a histogram; see histogram.h. */
#include "bench/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
add_saturated(uint64_t left, uint64_t right)
{
    uint64_t sum;
    return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

static uint64_t
multiply_saturated(uint64_t left, uint64_t right)
{
    uint64_t product;
    return __builtin_mul_overflow(left, right, &product) ? UINT64_MAX : product;
}

/* How often the width of the slots has doubled at this slot. */
static unsigned
slot_shift(unsigned slot)
{
    return slot < ORR_HISTOGRAM_SUB_BUCKETS ? 0 : slot / ORR_HISTOGRAM_HALF - 1;
}

unsigned
orr_histogram_slot(uint64_t value_ns)
{
    if (value_ns > ORR_HISTOGRAM_HIGHEST_NS)
        value_ns = ORR_HISTOGRAM_HIGHEST_NS;
    /* 53 is 64 less the eleven bits of the first bucket, so small values need no doubling. */
    const unsigned shift =
        53u - (unsigned)__builtin_clzll(value_ns | (ORR_HISTOGRAM_SUB_BUCKETS - 1));
    return shift * ORR_HISTOGRAM_HALF + (unsigned)(value_ns >> shift);
}

uint64_t
orr_histogram_slot_lowest(unsigned slot)
{
    const unsigned shift = slot_shift(slot);
    return (uint64_t)(slot - shift * ORR_HISTOGRAM_HALF) << shift;
}

uint64_t
orr_histogram_slot_highest(unsigned slot)
{
    return orr_histogram_slot_lowest(slot) + ((uint64_t)1 << slot_shift(slot)) - 1;
}

enum orr_status
orr_histogram_create(struct orr_histogram **histogram, struct orr_error *error)
{
    *histogram = calloc(1, sizeof **histogram);
    if (!*histogram)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a histogram of %zu bytes",
                        sizeof **histogram);
    return ORR_OK;
}

void
orr_histogram_destroy(struct orr_histogram *histogram)
{
    free(histogram);
}

void
orr_histogram_clear(struct orr_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void
orr_histogram_record(struct orr_histogram *histogram, uint64_t value_ns)
{
    orr_histogram_record_count(histogram, value_ns, 1);
}

void
orr_histogram_record_count(struct orr_histogram *histogram, uint64_t value_ns, uint64_t count)
{
    if (count == 0)
        return;
    if (histogram->count == 0 || value_ns < histogram->min_ns)
        histogram->min_ns = value_ns;
    if (histogram->count == 0 || value_ns > histogram->max_ns)
        histogram->max_ns = value_ns;
    if (value_ns > ORR_HISTOGRAM_HIGHEST_NS)
        histogram->clipped = add_saturated(histogram->clipped, count);
    uint64_t *const slot = &histogram->slots[orr_histogram_slot(value_ns)];
    *slot = add_saturated(*slot, count);
    histogram->count = add_saturated(histogram->count, count);
    histogram->total_ns = add_saturated(histogram->total_ns, multiply_saturated(value_ns, count));
}

void
orr_histogram_merge(struct orr_histogram *into, const struct orr_histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (into->count == 0 || from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    into->count = add_saturated(into->count, from->count);
    into->total_ns = add_saturated(into->total_ns, from->total_ns);
    into->clipped = add_saturated(into->clipped, from->clipped);
    const unsigned last = orr_histogram_slot(from->max_ns);
    for (unsigned slot = orr_histogram_slot(from->min_ns); slot <= last; slot++)
        if (from->slots[slot]) /* reading only keeps the untouched pages of `into` untouched */
            into->slots[slot] = add_saturated(into->slots[slot], from->slots[slot]);
}

bool
orr_histogram_is_valid(const struct orr_histogram *histogram)
{
    uint64_t sum = 0;
    for (unsigned slot = 0; slot < ORR_HISTOGRAM_SLOTS; slot++)
        sum = add_saturated(sum, histogram->slots[slot]);
    if (sum != histogram->count || histogram->clipped > histogram->count)
        return false;
    if (histogram->count == 0)
        return histogram->total_ns == 0;
    return histogram->min_ns <= histogram->max_ns &&
           histogram->slots[orr_histogram_slot(histogram->min_ns)] > 0 &&
           histogram->slots[orr_histogram_slot(histogram->max_ns)] > 0;
}

uint64_t
orr_histogram_percentile(const struct orr_histogram *histogram, double percentile)
{
    if (histogram->count == 0)
        return 0;
    /* One step down, so that 99.9 % of 1000 is the 999th value although 99.9 is not a binary
     * fraction and the product comes out a hair above 999. */
    const double share = percentile > 0.0 ? nextafter(percentile, 0.0) : 0.0;
    const uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count / 100.0);
    const unsigned last = orr_histogram_slot(histogram->max_ns);
    uint64_t seen = 0;
    for (unsigned slot = orr_histogram_slot(histogram->min_ns); slot < last; slot++) {
        seen = add_saturated(seen, histogram->slots[slot]);
        if (seen >= wanted && seen > 0)
            return orr_histogram_slot_highest(slot);
    }
    return histogram->max_ns;
}

double
orr_histogram_mean(const struct orr_histogram *histogram)
{
    return histogram->count ? (double)histogram->total_ns / (double)histogram->count : 0.0;
}

/* From the middles of the slots: the exact squares are not kept. */
double
orr_histogram_deviation(const struct orr_histogram *histogram)
{
    if (histogram->count == 0)
        return 0.0;
    const double mean = orr_histogram_mean(histogram);
    const unsigned last = orr_histogram_slot(histogram->max_ns);
    double squares = 0.0;
    for (unsigned slot = orr_histogram_slot(histogram->min_ns); slot <= last; slot++) {
        if (!histogram->slots[slot])
            continue;
        const uint64_t half_width = ((uint64_t)1 << slot_shift(slot)) / 2;
        const double off = (double)(orr_histogram_slot_lowest(slot) + half_width) - mean;
        squares += off * off * (double)histogram->slots[slot];
    }
    return sqrt(squares / (double)histogram->count);
}
