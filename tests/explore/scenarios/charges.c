/* charges.c - one thread wants more memory than the limit allows, and is refused; another, for whom there is room, is
 * not. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;

enum { LIMIT = 1 << 20, MUCH = 2 << 20, LITTLE = 64 << 10 };

static void
setup(void)
{
    heap = explore_heap_with(&(struct orr_heap_options){.rc = &EXPLORE_RC, .bytes_limit = LIMIT});
}

static void
body(unsigned fibre)
{
    if (fibre == 0)
        explore_check(!orr_heap_charge(heap, MUCH));
    else {
        explore_check(orr_heap_charge(heap, LITTLE));
        orr_heap_discharge(heap, LITTLE);
    }
}

static void
check(void)
{
    explore_check(orr_load_relaxed(&heap->bytes_used) == 0); /* relaxed: alone */
}

EXPLORE_SCENARIO(charges) = {
    .name = EXPLORE_NAME, .covers = "J3", .fibres = 2, .setup = setup, .body = body, .check = check};
