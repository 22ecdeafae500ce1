/* litmus_double_free.c - who frees is decided by a load after the decrement: two may see zero. */
#include "tests/explore/explore.h"

static struct block {
    uint64_t contents;
} *block;
static _Atomic(uint32_t) count;

static void
setup(void)
{
    block = orr_allocate(sizeof *block);
    orr_store_relaxed(&count, 2); /* relaxed: nobody runs */
    explore_name(block, sizeof *block, "block");
    explore_name(&count, sizeof count, "count");
}

static void
body(unsigned fibre)
{
    (void)fibre;
    orr_sub_acq_rel(&count, 1); /* the litmus: the result of this one should decide */
    if (orr_load_acquire(&count) == 0)
        orr_deallocate(block);
}

EXPLORE_SCENARIO(litmus_double_free) = {
    .name = EXPLORE_NAME,
    .covers = "A3 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "double free",
};
