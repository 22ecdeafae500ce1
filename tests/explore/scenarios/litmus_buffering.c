/* litmus_buffering.c - store buffering: each of two writes one word and reads the other's. Both may read the old
 * value where stores are delayed or loads stale; not under SC. */
#include "tests/explore/explore.h"

static _Atomic(uint32_t) words[2];
static uint32_t seen[2];

static void
setup(void)
{
    explore_name(words, sizeof words, "words");
}

static void
body(unsigned fibre)
{
    orr_store_release(&words[fibre], 1); /* the litmus: release and acquire order nothing here */
    seen[fibre] = orr_load_acquire(&words[!fibre]);
}

static void
check(void)
{
    explore_check(seen[0] || seen[1]);
}

EXPLORE_SCENARIO(litmus_buffering) = {
    .name = EXPLORE_NAME,
    .covers = "I14 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .check = check,
    .expects = "oracle",
    .expects_modes = EXPLORE_TSO | EXPLORE_PSO | EXPLORE_STALE,
};
