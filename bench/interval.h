/* interval.h - the median of repeated measurements, and how well it is known.
 *
 * Source:  the interval between two order statistics covers the median with a probability that needs no
 *          assumption about the distribution: it is binomial (Conover, Practical Nonparametric Statistics,
 *          1999, section 3.2).
 * Owns:    nothing. Threads: any.
 */
#ifndef ORR_BENCH_INTERVAL_H
#define ORR_BENCH_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

struct orr_interval {
    double median;
    double low, high; /* cover the median of all such measurements with 95 % or more, if is_known */
    bool is_known;    /* six values or more; else low and high are the least and the greatest */
};

/* Sorts the values, of which there is at least one. */
struct orr_interval orr_interval_of(double *values, size_t count);

/* The value below which that share lies: the smallest one that is not less than `share` of all. Sorts. */
double orr_quantile_of(double *values, size_t count, double share);

#endif
