/* limit_finalized.c - at the limit, one thread wants the memory that another's collection gives back when its finalizers
 * are done: it waits for that, sees it, and is not refused.
 */
#include "tests/explore/explore.h"

#include "collectors/catalogue.h"
#include "runtime/mutator.h"

enum { BIG = 1536, LIMIT = 2048 };

static struct orr_heap *heap;

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
}

static uint16_t big_index;
static const struct orr_type big_type = {
    .name = "big", .bytes = BIG, .references = 1, .finalize = finalize, .index = &big_index};

static void
setup(void)
{
    heap = explore_heap_with(&(struct orr_heap_options){
        .rc = &EXPLORE_RC, .collector = orr_collector_find("trial"), .bytes_limit = LIMIT});
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    explore_check(orr_type_register(&big_type, NULL) == ORR_OK);
    struct orr_object *loop = orr_new(explore_thread(0), &big_type);
    orr_set(explore_thread(0), loop, 0, loop);
    orr_release(explore_thread(0), loop);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        struct orr_object *object = orr_new(thread, &big_type);
        explore_check(object != NULL);
        orr_release(thread, object);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_settle(heap);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(limit_finalized) = {.name = EXPLORE_NAME,
                                     .covers = "J3",
                                     .fibres = 2,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
