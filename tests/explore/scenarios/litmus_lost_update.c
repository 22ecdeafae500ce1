/* litmus_lost_update.c - a load and a store where an add is wanted: one of two increments is lost. */
#include "tests/explore/explore.h"

static _Atomic(uint32_t) count;

static void
setup(void)
{
    explore_name(&count, sizeof count, "count");
}

static void
body(unsigned fibre)
{
    (void)fibre;
    orr_store_release(&count, orr_load_acquire(&count) + 1); /* the litmus: two steps */
}

static void
check(void)
{
    explore_check(*(uint32_t *)&count == 2);
}

EXPLORE_SCENARIO(litmus_lost_update) = {
    .name = EXPLORE_NAME,
    .covers = "A3 A12 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .check = check,
    .expects = "oracle",
};
