/* race.c - two threads count in one plain int; Criterion passes the test unless the process stops. */
#include "runtime/platform.h"

#include <criterion/criterion.h>

static int counted;

static void *
count(void *unused)
{
    for (int i = 0; i < 1000; i++)
        counted++;
    return unused;
}

Test(race, counts_in_a_plain_int)
{
    struct orr_os_thread threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert(orr_os_thread_start(&threads[i], count, NULL, 0));
    for (int i = 0; i < 2; i++)
        orr_os_thread_join(&threads[i]);
}
