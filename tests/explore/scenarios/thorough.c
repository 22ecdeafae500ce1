/* thorough.c - one thread's collection, which a trigger started, puts garbage aside as too large; another thread
 * settles meanwhile, and finds all of it: a collection that does less than was asked for is no answer. */
#include "tests/explore/explore.h"

#include "collectors/catalogue.h"
#include "runtime/collect.h"
#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *ring[2];

static void
setup(void)
{
    heap = explore_heap_with(&(struct orr_heap_options){.rc = &EXPLORE_RC,
                                                        .collector = orr_collector_find("trial"),
                                                        .settings = (const char *const[]){"budget=2", NULL}});
    for (unsigned fibre = 0; fibre < 2; fibre++)
        explore_attach_one(heap, fibre);
    for (unsigned i = 0; i < 2; i++)
        ring[i] = explore_new(explore_thread(0));
    for (unsigned i = 0; i < 2; i++)
        orr_set(explore_thread(0), ring[i], 0, ring[!i]);
    for (unsigned i = 0; i < 2; i++)
        orr_release(explore_thread(0), ring[i]);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        struct orr_collection collection = {
            .cause = "scenario", .urgency = ORR_URGENCY_AUTOMATIC, .generation = ORR_GENERATION_OLDEST};
        orr_collection_run(thread, &collection, false);
    } else {
        orr_settle(thread);
        explore_check(explore_deaths(ring[0]) == 1 && explore_deaths(ring[1]) == 1);
    }
    orr_block_enter(thread); /* for good: nobody waits for it any more */
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(thorough) = {.name = EXPLORE_NAME,
                              .covers = "H28 I10",
                              .fibres = 2,
                              .setup = setup,
                              .body = body,
                              .check = check};
