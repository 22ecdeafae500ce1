/* immortal_twice.c - two threads that hold an object make it immortal at once, and drop what they hold: it is far from
 * death afterwards, and its claim as a candidate is what it was. */
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
    struct orr_thread *thread = explore_thread(fibre);
    explore_check(orr_immortalise(thread, object));
    orr_release(thread, object);
    explore_use(object);
}

static void
check(void)
{
    uint32_t count = orr_load_relaxed(&object->count);
    explore_check(explore_deaths(object) == 0);
    explore_check((count & ORR_COUNT_MASK) >= ORR_IMMORTAL_COUNT);
    explore_check(heap->immortals.total == 1);
}

EXPLORE_SCENARIO(immortal_twice) = {.name = EXPLORE_NAME,
                                    .covers = "A8",
                                    .fibres = 2,
                                    .setup = setup,
                                    .body = body,
                                    .check = check};
