/* no_test.c - a Criterion program that has lost its tests: it ends with status 0, and must not pass. */
#include <criterion/criterion.h>
