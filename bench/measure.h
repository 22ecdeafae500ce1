/* measure.h - a number that may not have been measured.
 *
 * A struct set to zero says "not measured" throughout, so a field that somebody forgot to fill is
 * absent from the record, and never a zero that looks like a result.
 *
 * Owns:    nothing. Threads: any.
 */
#ifndef ORR_BENCH_MEASURE_H
#define ORR_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct orr_measure {
    uint64_t value;
    bool is_measured;
};

struct orr_real {
    double value;
    bool is_measured;
};

static inline struct orr_measure
orr_measured(uint64_t value)
{
    return (struct orr_measure){value, true};
}

static inline struct orr_real
orr_measured_real(double value)
{
    return (struct orr_real){value, true};
}

#endif
