/* permutation.h - the numbers 0 .. n - 1 in random order.
 *
 * After: Fisher and Yates; cyclic: Sattolo 1986, one cycle through all numbers.
 */
#ifndef ORR_WORKLOADS_PARTS_PERMUTATION_H
#define ORR_WORKLOADS_PARTS_PERMUTATION_H

#include "workloads/run.h"

#include <stdlib.h>

/* The caller frees it. Null without memory. n is at least 1, random not 0. */
static inline uint32_t *
orr_permutation_make(uint32_t n, bool is_cyclic, uint32_t random)
{
    uint32_t *numbers = malloc((size_t)n * sizeof *numbers);
    if (!numbers)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = orr_random(&random) % (is_cyclic ? i : i + 1);
        uint32_t other = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = other;
    }
    return numbers;
}

#endif
