/* litmus_livelock.c - a loop that waits for what comes only if the other came first. */
#include "tests/explore/explore.h"

static _Atomic(uint32_t) turn;

static void
setup(void)
{
    explore_name(&turn, sizeof turn, "turn");
}

static void
body(unsigned fibre)
{
    if (fibre == 0) {
        uint32_t none = 0;
        orr_cas_acq_rel(&turn, &none, 1); /* with the other's: who is first */
        return;
    }
    uint32_t none = 0;
    orr_cas_acq_rel(&turn, &none, 2);
    while (orr_load_acquire(&turn) != 2)
        orr_yield();
}

EXPLORE_SCENARIO(litmus_livelock) = {
    .name = EXPLORE_NAME,
    .covers = "I19 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "livelock",
};
