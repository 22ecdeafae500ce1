/* interval.c - bench/interval: medians, and ranks that tables of order statistics give. */
#include "bench/interval.h"

#include <criterion/criterion.h>

enum { MOST = 200 };

/* Fills with 1 .. count, in an order that is not sorted. */
static void
fill(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i * 7 % count] = (double)(i * 7 % count + 1);
    for (size_t i = 0; i + 1 < count; i += 2) {
        const double swapped = values[i];
        values[i] = values[i + 1];
        values[i + 1] = swapped;
    }
}

Test(interval, median_of_odd_and_even_counts)
{
    double three[] = {30, 10, 20}, four[] = {4, 1, 3, 2}, one[] = {5};
    cr_assert_eq(orr_interval_of(three, 3).median, 20);
    cr_assert_eq(orr_interval_of(four, 4).median, 2.5);
    cr_assert_eq(orr_interval_of(one, 1).median, 5);
}

/* Ranks of a 95 % interval of the median: any textbook's table. */
Test(interval, ranks_are_those_of_the_table)
{
    static const struct {
        size_t count, low, high;
    } table[] = {{6, 1, 6},   {8, 1, 8},   {9, 2, 8},   {10, 2, 9},
                 {15, 4, 12}, {20, 6, 15}, {25, 8, 18}, {100, 40, 61}};
    double values[MOST];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fill(values, table[i].count);
        const struct orr_interval interval = orr_interval_of(values, table[i].count);
        cr_assert(interval.is_known, "%zu values", table[i].count);
        cr_assert_eq(interval.low, (double)table[i].low, "%zu values", table[i].count);
        cr_assert_eq(interval.high, (double)table[i].high, "%zu values", table[i].count);
    }
}

Test(interval, five_values_or_less_do_not_say_so_much)
{
    double values[] = {1, 5, 3, 2, 4};
    const struct orr_interval interval = orr_interval_of(values, 5);
    cr_assert(!interval.is_known);
    cr_assert_eq(interval.low, 1);
    cr_assert_eq(interval.high, 5);
}

Test(interval, quantiles_are_values_that_occurred)
{
    double values[MOST];
    fill(values, 100);
    cr_assert_eq(orr_quantile_of(values, 100, 0.5), 50);
    cr_assert_eq(orr_quantile_of(values, 100, 0.99), 99);
    cr_assert_eq(orr_quantile_of(values, 100, 1), 100);
    cr_assert_eq(orr_quantile_of(values, 100, 0), 1);
}
