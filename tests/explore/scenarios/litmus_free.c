/* litmus_free.c - a block is freed while the other may still use it. */
#include "tests/explore/explore.h"

static struct block {
    _Atomic(uint32_t) word;
} *block;

static void
setup(void)
{
    block = orr_allocate(sizeof *block);
    explore_name(block, sizeof *block, "block");
}

static void
body(unsigned fibre)
{
    if (fibre == 0)
        orr_deallocate(block);
    else
        orr_store_release(&block->word, 1); /* the litmus: nothing says that it is still there */
}

EXPLORE_SCENARIO(litmus_free) = {
    .name = EXPLORE_NAME,
    .covers = "A4 (litmus)",
    .fibres = 2,
    .setup = setup,
    .body = body,
    .expects = "use after free",
};
