/* litmus_seq_cst.c - store buffering with seq_cst on all four: never are both old values read. */
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
    orr_store_seq_cst(&words[fibre], 1); /* with the load: one of the two stores is first */
    seen[fibre] = orr_load_seq_cst(&words[!fibre]);
}

static void
check(void)
{
    explore_check(seen[0] || seen[1]);
}

EXPLORE_SCENARIO(litmus_seq_cst) = {
    .name = EXPLORE_NAME,
    .covers = "I14 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .check = check,
};
