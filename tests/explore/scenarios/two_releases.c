/* two_releases.c - two threads drop the last two references to one object: the smallest scenario. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    object = explore_new(explore_thread(0));
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    explore_use(object);
    orr_release(explore_thread(fibre), object);
    explore_detach(fibre);
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(two_releases) = {
    .name = EXPLORE_NAME, .covers = "A1 A2 A3 B1 B4", .fibres = 2, .setup = setup, .body = body, .check = check};
