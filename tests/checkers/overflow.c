/* overflow.c - adds past the largest int, which C leaves undefined. */
#include <criterion/criterion.h>

#include <limits.h>

Test(overflow, adds_past_the_largest_int)
{
    volatile int number = INT_MAX;
    number = number + 1;
}
