/* litmus_coherence.c - one word, written twice: nobody reads the new value and then the old. */
#include "tests/explore/explore.h"

static _Atomic(uint32_t) word;

static void
setup(void)
{
    explore_name(&word, sizeof word, "word");
}

static void
body(unsigned fibre)
{
    if (fibre == 0) {
        orr_store_relaxed(&word, 1); /* relaxed, all: the litmus */
        orr_store_relaxed(&word, 2);
        return;
    }
    uint32_t first = orr_load_relaxed(&word);
    uint32_t second = orr_load_relaxed(&word);
    explore_check(first <= second);
}

EXPLORE_SCENARIO(litmus_coherence) = {
    .name = EXPLORE_NAME, .covers = "(litmus)", .fibres = 2, .setup = setup, .body = body};
