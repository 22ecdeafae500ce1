/* litmus_overtaken.c - message passing to a read-modify-write: a word is stored, then a flag is added to without an
 * order; who sees the flag adds to the word, and may do it before that store. Only where a read-modify-write overtakes
 * stores: no old value is read. */
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
    if (fibre == 0) {
        orr_store_relaxed(&word, 1);
        orr_add_relaxed(&flag, 1); /* relaxed: the litmus */
    } else if (orr_load_acquire(&flag))
        explore_check(orr_add_relaxed(&word, 1) == 1); /* relaxed: the value alone */
}

EXPLORE_SCENARIO(litmus_overtaken) = {
    .name = EXPLORE_NAME,
    .covers = "A2 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "oracle",
    .expects_modes = EXPLORE_PSO,
};
