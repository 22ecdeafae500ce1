/* published.c - one thread makes an object, writes to it and puts it into a slot; another who finds it there sees what
 * was written, and what was written before the object that it replaces. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_slot *slot;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, ORR_COUNTED ? "none" : "mark", "libc");
    explore_attach(heap, 2);
    slot = explore_root(heap);
}

/* Returns what was there. */
static struct orr_object *
put(struct orr_thread *thread, uint64_t contents)
{
    struct orr_object *object = explore_new(thread);
    explore_write(object, contents); /* plain: the race detector judges */
    return orr_exchange_slot(thread, NULL, slot, object);
}

/* Nobody collects meanwhile, so nothing needs to be a root. */
static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    struct orr_object *object;
    if (fibre == 0)
        object = put(thread, 1);
    else if (orr_slot_peek(slot)) /* else there is nothing to be seen */
        object = orr_load_slot(thread, slot);
    else
        object = put(thread, 2);
    if (object)
        explore_check(explore_read(object) == 2 - fibre);
    orr_release(thread, object);
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(2);
    orr_release(last, orr_exchange_slot(last, NULL, slot, NULL));
    explore_settle(heap);
    if (ORR_COUNTED) /* else a collection would have to find them */
        explore_all_dead(heap);
}

EXPLORE_SCENARIO(published) = {.name = EXPLORE_NAME,
                               .covers = "A14",
                               .fibres = 2,
                               .setup = setup,
                               .body = body,
                               .check = check};
