/* biased.c - one object, its owner and two others: each has a reference and drops it, one after taking another;
 * the owner leaves. */
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
    orr_retain(explore_thread(0), object); /* one for 1 and one for 2, counted by the owner */
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 2)
        orr_retain(thread, object);
    orr_release(thread, object);
    if (fibre == 2) {
        explore_use(object);
        orr_release(thread, object);
    }
    if (fibre == 0)
        explore_detach(0);
}

static void
check(void)
{
    explore_check(explore_deaths(object) == 1);
}

static void
verify(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
    explore_verify_exact(heap, NULL);
}

EXPLORE_SCENARIO(biased) = {.name = EXPLORE_NAME,
                            .covers = "A1 B1 B2 B4 B5 B8 B22",
                            .fibres = 3,
                            .setup = setup,
                            .body = body,
                            .check = check,
                            .verify = verify};
