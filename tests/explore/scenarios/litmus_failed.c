/* litmus_failed.c - a compare-and-swap that fails is a load: after a flag that orders nothing it may fail by what the
 * word was before. Only stale reads show it: a read-modify-write that succeeds reads the last value. */
#include "tests/explore/explore.h"

static _Atomic(uint32_t) word, flag;

static void
setup(void)
{
    explore_name(&word, sizeof word, "word");
    explore_name(&flag, sizeof flag, "flag");
}

static void
body(unsigned fibre)
{
    uint32_t expected = 1;
    if (fibre == 0) {
        orr_add_relaxed(&word, 1); /* relaxed, all: the litmus */
        orr_add_relaxed(&flag, 1);
    } else if (orr_load_relaxed(&flag))
        explore_check(orr_cas_relaxed(&word, &expected, 2));
}

EXPLORE_SCENARIO(litmus_failed) = {
    .name = EXPLORE_NAME,
    .covers = "A2 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "oracle",
    .expects_modes = EXPLORE_STALE,
};
