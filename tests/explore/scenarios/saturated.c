/* saturated.c - the foreign half of an object's count comes to its ceiling while the owner's half ends: from
 * there on it is not counted, lives for ever, and the word never comes round. */
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
    /* relaxed: alone. As if others held so many; each of the two below holds some of them */
    orr_add_relaxed(&object->shared, ((uint32_t)ORR_SHARED_CEILING - 1) * ORR_SHARED_UNIT);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_release(thread, object);
    else if (fibre == 1) {
        orr_retain(thread, object);
        orr_retain(thread, object);
        orr_release(thread, object);
    } else {
        orr_release(thread, object);
        orr_retain(thread, object);
    }
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_deaths(object) == 0);
    int32_t shared = (int32_t)orr_load_relaxed(&object->shared) >> 3;
    explore_check(shared >= ORR_SHARED_CEILING - 2 && shared <= ORR_SHARED_CEILING);
    /* However many are dropped now: once the ceiling was reached, it stays. */
    bool stays = orr_is_saturated(orr_load_relaxed(&object->shared)) || orr_is_immortal(object);
    if (stays) {
        orr_release(explore_thread(3), object);
        orr_release(explore_thread(3), object);
        explore_settle(heap);
        explore_check(orr_is_saturated(orr_load_relaxed(&object->shared)) ||
                      orr_is_immortal(object));
    }
}

EXPLORE_SCENARIO(saturated) = {.name = EXPLORE_NAME,
                               .covers = "A5 B18",
                               .fibres = 3,
                               .setup = setup,
                               .body = body,
                               .check = check};
