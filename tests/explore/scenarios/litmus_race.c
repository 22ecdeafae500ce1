/* litmus_race.c - two writes to a plain word; only a third look, at a flag without an order, lies between them. The
 * value is always right: the race is there in any case. */
#include "tests/explore/explore.h"

static uint64_t word;
static _Atomic(uint32_t) flag;

static void
setup(void)
{
    explore_name(&word, sizeof word, "word");
    explore_name(&flag, sizeof flag, "flag");
}

static void
body(unsigned fibre)
{
    if (fibre == 0) {
        word = 1;
        orr_store_relaxed(&flag, 1); /* relaxed, both: the litmus */
    } else if (orr_load_relaxed(&flag))
        word = 1;
}

EXPLORE_SCENARIO(litmus_race) = {
    .name = EXPLORE_NAME,
    .covers = "(litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "race",
};
