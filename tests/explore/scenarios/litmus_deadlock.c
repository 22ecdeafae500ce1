/* litmus_deadlock.c - two locks, taken in two orders. */
#include "tests/explore/explore.h"

static struct orr_mutex locks[2];

static void
setup(void)
{
    orr_mutex_init(&locks[0]);
    orr_mutex_init(&locks[1]);
    explore_name(&locks[0], sizeof locks[0], "lock 0");
    explore_name(&locks[1], sizeof locks[1], "lock 1");
}

static void
body(unsigned fibre)
{
    orr_mutex_lock(&locks[fibre]);
    orr_mutex_lock(&locks[!fibre]);
    orr_mutex_unlock(&locks[!fibre]);
    orr_mutex_unlock(&locks[fibre]);
}

EXPLORE_SCENARIO(litmus_deadlock) = {
    .name = EXPLORE_NAME,
    .covers = "B15 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "deadlock",
};
