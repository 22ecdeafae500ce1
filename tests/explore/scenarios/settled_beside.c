/* settled_beside.c - one thread settles beside another's collection, one of whose deaths lets go of more garbage: that
 * it has waited for this collection does not mean that nothing is left.
 */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_slot *root;
static struct orr_object *inner;

static void
let_go(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    orr_release(thread, orr_exchange_slot(thread, NULL, root, NULL));
}

static uint16_t outer_index;
static const struct orr_type outer_type = {.name = "outer",
                                           .bytes = sizeof(struct orr_object) + 16,
                                           .references = 1,
                                           .destroy = let_go,
                                           .index = &outer_index};

static struct orr_object *
loop(struct orr_thread *thread, struct orr_object *object)
{
    orr_set(thread, object, 0, object);
    return object;
}

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    struct orr_thread *thread = explore_thread(0);
    explore_check(orr_type_register(&outer_type, NULL) == ORR_OK);
    root = explore_root(heap);
    inner = loop(thread, explore_new(thread));
    orr_slot_put(root, inner);
    orr_release(thread, loop(thread, orr_new(thread, &outer_type)));
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        orr_settle(thread);
        explore_check(explore_deaths(inner) == 1);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(settled_beside) = {.name = EXPLORE_NAME,
                                    .covers = "I10",
                                    .fibres = 2,
                                    .setup = setup,
                                    .body = body,
                                    .check = check};
