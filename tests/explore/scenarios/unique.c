/* unique.c - a thread asks whether its reference is the only one and writes to the object if it is, while two
 * others read it and drop theirs, one after taking another: whoever reads sees what was there before, whole. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;
static uint32_t writes;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    object = explore_new(explore_thread(0));
    orr_retain(explore_thread(0), object); /* for 1 */
    orr_retain(explore_thread(0), object); /* for 2 */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        if (orr_is_unique(thread, object)) {
            explore_write(object, 17); /* plain: the race detector judges */
            writes = 1;
        }
        orr_release(thread, object);
        return;
    }
    explore_check(writes == 0 && explore_read(object) == 0);
    if (fibre == 2) {
        orr_retain(thread, object);
        orr_release(thread, object);
        explore_check(writes == 0);
    }
    orr_release(thread, object);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(unique) = {.name = EXPLORE_NAME,
                            .covers = "A1 A2 B5",
                            .fibres = 3,
                            .setup = setup,
                            .body = body,
                            .check = check};
