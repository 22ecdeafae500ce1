/* saturated_below.c - the foreign half of an object's count comes to its floor, because others drop what the owner has
 * handed to them, while the owner merges: whatever is not counted then, nobody loses what he holds. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    object = explore_new(explore_thread(0));
    for (unsigned i = 0; i < 3; i++)
        orr_retain(explore_thread(0), object);  /* two for 1, one for 2, and one for the queue: */
    orr_release(explore_thread(3), object);
    /* relaxed, both: alone. As if the owner had handed out so many more, and others dropped them */
    const uint32_t more = (uint32_t)ORR_SHARED_CEILING - 1;
    orr_store_relaxed(&object->count, orr_load_relaxed(&object->count) + more);
    orr_sub_relaxed(&object->shared, more * ORR_SHARED_UNIT);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_poll(thread);
        return;
    }
    if (fibre == 1)
        orr_release(thread, object);
    orr_retain(thread, object);
}

/* Each of the two holds two, and drops one; what is left is as good as before. */
static void
check(void)
{
    explore_settle(heap);
    orr_release(explore_thread(1), object);
    orr_release(explore_thread(1), object);
    orr_release(explore_thread(2), object);
    explore_settle(heap);
    explore_check(explore_deaths(object) == 0);
    explore_use(object);
}

EXPLORE_SCENARIO(saturated_below) = {.name = EXPLORE_NAME,
                                     .covers = "A5 B18",
                                     .fibres = 3,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
