/* writers.c - three threads exchange their own object with what is in one slot and drop what they get: each is
 * dropped once, and the last stays. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_slot *slot;
static struct orr_object *mine[3];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 3);
    slot = explore_root(heap);
    for (unsigned i = 0; i < 3; i++)
        mine[i] = explore_new(explore_thread(i));
    orr_exchange_slot(explore_thread(0), NULL, slot, explore_new(explore_thread(0)));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    struct orr_object *old = orr_exchange_slot(thread, NULL, slot, mine[fibre]);
    explore_use(old);
    orr_release(thread, old);
}

static void
check(void)
{
    struct orr_thread *last = explore_thread(3);
    explore_settle(heap);
    explore_check(explore_born() == 4 && explore_died() == 3);
    orr_release(last, orr_exchange_slot(last, NULL, slot, NULL));
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(writers) = {.name = EXPLORE_NAME,
                             .covers = "A12 A13",
                             .fibres = 3,
                             .setup = setup,
                             .body = body,
                             .check = check};
