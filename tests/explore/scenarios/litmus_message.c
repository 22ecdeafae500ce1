/* litmus_message.c - message passing without orders: a word, then a flag; who sees the flag may miss the word where
 * stores overtake one another or loads are stale; not under SC and TSO. */
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
        orr_store_relaxed(&word, 1); /* relaxed, all: the litmus */
        orr_store_relaxed(&flag, 1);
    } else if (orr_load_relaxed(&flag))
        explore_check(orr_load_relaxed(&word) == 1);
}

EXPLORE_SCENARIO(litmus_message) = {
    .name = EXPLORE_NAME,
    .covers = "A2 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "oracle",
    .expects_modes = EXPLORE_PSO | EXPLORE_STALE,
};
