/* zipf.c - rejection-inversion: draws a point of a hat over the weights, and a rank under it.
 *
 * In the paper weight is h, and mass is H.
 */
#include "workloads/parts/zipf.h"

#include "workloads/run.h"

#include <math.h>

/* Below this, (e^x - 1) / x and log(1 + x) / x come from their series: the quotients would be 0 / 0. */
static const double NEAR_ZERO = 1e-8;

/* x^-skew */
static double
weight(const struct orr_zipf *zipf, double x)
{
    return exp(-zipf->skew * log(x));
}

/* (x^(1 - skew) - 1) / (1 - skew), and log x in the limit of skew 1. */
static double
mass(const struct orr_zipf *zipf, double x)
{
    const double log_x = log(x);
    const double y = (1 - zipf->skew) * log_x;
    return fabs(y) > NEAR_ZERO ? expm1(y) / y * log_x : (1 + y / 2) * log_x;
}

static double
mass_inverse(const struct orr_zipf *zipf, double x)
{
    double y = x * (1 - zipf->skew);
    if (y < -1)
        y = -1; /* by rounding only */
    return exp(fabs(y) > NEAR_ZERO ? log1p(y) / y * x : (1 - y / 2) * x);
}

void
orr_zipf_init(struct orr_zipf *zipf, uint32_t n, double skew)
{
    *zipf = (struct orr_zipf){.n = n, .skew = skew};
    zipf->first = mass(zipf, 1.5) - 1;
    zipf->last = mass(zipf, n + 0.5);
    zipf->squeeze = 2 - mass_inverse(zipf, mass(zipf, 2.5) - weight(zipf, 2));
}

uint32_t
orr_zipf_draw(const struct orr_zipf *zipf, uint32_t *random)
{
    for (;;) {
        const double uniform = orr_random(random) / 4294967296.0; /* in (0, 1): never 0 */
        const double u = zipf->last + uniform * (zipf->first - zipf->last);
        const double x = mass_inverse(zipf, u);
        double rank = floor(x + 0.5);
        if (rank < 1)
            rank = 1;
        else if (rank > zipf->n)
            rank = zipf->n;
        if (rank - x <= zipf->squeeze || u >= mass(zipf, rank + 0.5) - weight(zipf, rank))
            return (uint32_t)rank;
    }
}
