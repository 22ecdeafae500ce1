/* last_look.c - a collection finds a cycle with a finalizer dead while another thread upgrades a weak reference
 * to it: either that comes first, and the cycle lives; or it gets nothing. Finalized once, dead once. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

static struct orr_heap *heap;
static struct orr_slot *slot;
static struct orr_object *object, *weak;

/* While it runs, nobody else can come to the object: its weak references are cleared. */
static void
look(struct orr_thread *thread, struct orr_object *dying)
{
    explore_use(dying);
    explore_check(orr_weak_get(thread, weak) == NULL);
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    slot = explore_root(heap);
    object = explore_new_finalized(thread, look);
    weak = orr_weak_new(thread, object, NULL, NULL, NULL);
    orr_store_slot(thread, NULL, slot, weak); /* so that it is reachable */
    orr_set(thread, object, 0, object);
    orr_release(thread, object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_collect(thread, "scenario");
        struct orr_object *found = orr_weak_get(thread, weak);
        explore_check(!found || explore_finalized(object) == 0);
        orr_release(thread, found);
    } else {
        struct orr_object *found = orr_weak_get(thread, weak);
        if (found) {
            explore_check(explore_finalized(object) == 0);
            explore_use(found);
            orr_poll(thread);
            explore_use(found);
            orr_release(thread, found);
        }
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    struct orr_thread *thread = explore_thread(0);
    orr_block_leave(thread);
    orr_collect(thread, "scenario");
    explore_check(explore_finalized(object) == 1 && explore_deaths(object) == 1);
    explore_check(orr_weak_cells(heap) == 0);
}

EXPLORE_SCENARIO(last_look) = {.name = EXPLORE_NAME,
                               .covers = "D5 D7",
                               .fibres = 2,
                               .setup = setup,
                               .body = body,
                               .check = check};
