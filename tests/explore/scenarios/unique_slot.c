/* unique_slot.c - a thread takes an object out of a slot and writes to it if its reference is the only one, while
 * another loads it from the slot, reads it and lets go: what that read comes before what is written. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;
static struct orr_slot *slot;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    slot = explore_root(heap);
    object = explore_new(explore_thread(0));
    orr_exchange_slot(explore_thread(0), NULL, slot, object); /* the slot's is the only reference */
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        struct orr_object *taken = orr_exchange_slot(thread, NULL, slot, NULL);
        if (orr_is_unique(thread, taken))
            explore_write(taken, 17); /* plain: the race detector judges */
        orr_release(thread, taken);
        return;
    }
    struct orr_object *found = orr_load_slot(thread, slot);
    if (!found)
        return;
    explore_check(explore_read(found) == 0);
    orr_release(thread, found);
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(unique_slot) = {.name = EXPLORE_NAME,
                                 .covers = "A1 A2",
                                 .fibres = 2,
                                 .setup = setup,
                                 .body = body,
                                 .check = check};
