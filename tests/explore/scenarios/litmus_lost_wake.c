/* litmus_lost_wake.c - who parks is woken before the word changes, and by nobody afterwards: only time ends it. */
#include "tests/explore/explore.h"

#include "runtime/atomics.h"
#include "runtime/platform.h"

static _Atomic(uint32_t) word;

static void
setup(void)
{
    orr_store_relaxed(&word, 0u);
}

static void
body(unsigned fibre)
{
    if (fibre == 0) {
        while (orr_load_acquire(&word) == 0)
            orr_park(&word, 0, 1000000);
    } else {
        orr_wake_all(&word);
        orr_store_release(&word, 1u);
    }
}

EXPLORE_SCENARIO(litmus_lost_wake) = {.name = EXPLORE_NAME,
                                      .expects = "lost wake-up",
                                      .expects_modes = EXPLORE_SC | EXPLORE_STALE,
                                      .fibres = 2,
                                      .setup = setup,
                                      .body = body};
