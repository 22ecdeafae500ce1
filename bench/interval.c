/* interval.c - order statistics; see interval.h. */
#include "bench/interval.h"

#include <math.h>
#include <stdlib.h>

#define TAIL 0.025 /* on each side of a 95 % interval */

static int
compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How many values to leave out on each side: the most whose binomial tail is at most TAIL. -1: even the
 * range of all values does not cover enough. */
static int
count_left_out(size_t count)
{
    double term = pow(0.5, (double)count), tail = term; /* P(no value on that side) */
    int left_out = -1;
    for (size_t k = 0; tail <= TAIL; k++) {
        left_out = (int)k;
        term *= (double)(count - k) / (double)(k + 1);
        tail += term;
    }
    return left_out;
}

struct orr_interval
orr_interval_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    const int left_out = count_left_out(count);
    const size_t low = left_out < 0 ? 0 : (size_t)left_out;
    return (struct orr_interval){
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .low = values[low],
        .high = values[count - 1 - low],
        .is_known = left_out >= 0,
    };
}

double
orr_quantile_of(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare);
    const size_t rank = (size_t)ceil(share * (double)count);
    return values[rank == 0 ? 0 : rank - 1];
}
