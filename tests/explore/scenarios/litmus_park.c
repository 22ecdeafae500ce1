/* litmus_park.c - a word, a wake and a park: the wake may come before the park, and is not lost. */
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
        orr_store_release(&word, 1); /* pairs with the load below */
        orr_wake_all(&word);
    } else
        while (orr_load_acquire(&word) == 0) /* pairs with the store above */
            orr_park(&word, 0, UINT64_MAX / 2);
    explore_check(orr_load_relaxed(&word) == 1); /* relaxed: own, or seen above */
}

EXPLORE_SCENARIO(litmus_park) = {
    .name = EXPLORE_NAME, .covers = "I15 (litmus)", .fibres = 3, .setup = setup, .body = body};
