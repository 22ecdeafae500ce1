/* callbacks.c - an object dies whose weak reference has a callback, while another thread drops the weak
 * reference and a third upgrades: the callback runs once, with a weak reference that lives and is cleared; or
 * not at all, if that was dropped before. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_object *object, *weak, *context, *shared;
static _Atomic(uint32_t) called;

static void
callback(struct orr_thread *thread, struct orr_object *cleared, void *argument)
{
    explore_check(argument == &called && cleared == weak);
    explore_check(orr_add_acq_rel(&called, 1) == 0);
    explore_check(explore_deaths(object) == 0); /* its memory is there yet: callbacks come first */
    explore_check(orr_weak_get(thread, cleared) == NULL);
    explore_use(context);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    struct orr_thread *thread = explore_thread(0);
    object = explore_new(thread);
    context = explore_new(thread);
    weak = orr_weak_new(thread, object, callback, &called, context);
    orr_release(thread, context); /* the weak reference's alone */
    shared = orr_weak_new(thread, object, NULL, NULL, NULL);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_release(thread, object);
    else if (fibre == 1)
        orr_release(thread, weak);
    else {
        struct orr_object *found = orr_weak_get(thread, shared);
        if (!found)
            return;
        explore_use(found);
        orr_release(thread, found);
    }
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    orr_release(last, shared);
    explore_settle(heap);
    explore_all_dead(heap);
    explore_check(orr_weak_cells(heap) == 0);
}

EXPLORE_SCENARIO(callbacks) = {.name = EXPLORE_NAME,
                               .covers = "D1 D3 D4 D5",
                               .fibres = 3,
                               .setup = setup,
                               .body = body,
                               .check = check};
