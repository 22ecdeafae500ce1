/* slots.c - two threads overwrite one shared slot while a third reads it: each old value is dropped once, and what the
 * reader gets is alive and whole. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_slot *slot;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    slot = explore_root(heap);
    orr_exchange_slot(explore_thread(0), NULL, slot, explore_new(explore_thread(0)));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 2) {
        struct orr_object *object = orr_load_slot(thread, slot);
        explore_use(object);
        orr_release(thread, object);
        return;
    }
    struct orr_object *fresh = explore_new(thread);
    explore_write(fresh, 17); /* the reader must see it */
    orr_release(thread, orr_exchange_slot(thread, NULL, slot, fresh));
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(explore_born() == 3 && explore_died() == 2);
    orr_release(last, orr_exchange_slot(last, NULL, slot, NULL));
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(slots) = {.name = EXPLORE_NAME,
                           .covers = "A2 A12 A13 A14",
                           .fibres = 3,
                           .setup = setup,
                           .body = body,
                           .check = check};
