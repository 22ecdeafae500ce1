/* immortal.c - the owner makes an object immortal while others drop their references, so that it is perhaps queued for
 * the owner: it lives, whoever comes first. */
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
    orr_retain(explore_thread(0), object);
    orr_retain(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        explore_check(orr_immortalise(thread, object));
        orr_release(thread, object);
        orr_poll(thread);
        explore_use(object);
        return;
    }
    orr_retain(thread, object);
    orr_release(thread, object);
    orr_release(thread, object);
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_deaths(object) == 0 && orr_is_immortal(object));
    explore_use(object);
}

EXPLORE_SCENARIO(immortal) = {.name = EXPLORE_NAME,
                              .covers = "A6 A8 B10 B19",
                              .fibres = 3,
                              .setup = setup,
                              .body = body,
                              .check = check};
