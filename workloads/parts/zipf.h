/* zipf.h - ranks drawn from a Zipf distribution: rank k of n with a probability proportional to k^-skew.
 *
 * After: Hoermann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
 * distributions", ACM TOMACS 6(3), 1996. No tables, so that drawing a key touches no memory that the
 * program under test would miss; less than 1.2 tries per draw.
 *
 * Threads: a struct orr_zipf is constant once made; the random state is the caller's own.
 */
#ifndef ORR_WORKLOADS_PARTS_ZIPF_H
#define ORR_WORKLOADS_PARTS_ZIPF_H

#include <stdint.h>

struct orr_zipf {
    double n;       /* ranks are 1 .. n */
    double skew;    /* 0: uniform; any number not negative */
    double first;   /* the integral of the hat up to 1.5, less the mass of rank 1 */
    double last;    /* the same up to n + 0.5 */
    double squeeze; /* a rank this near below the point that was drawn is taken at once */
};

/* n is at least 1, skew at least 0. */
void orr_zipf_init(struct orr_zipf *zipf, uint32_t n, double skew);

/* A rank from 1 to n. *random is the state of orr_random (run.h), never 0. */
uint32_t orr_zipf_draw(const struct orr_zipf *zipf, uint32_t *random);

#endif
