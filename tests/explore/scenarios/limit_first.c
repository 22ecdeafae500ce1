/* limit_first.c - the heap is full of garbage. One thread begins the first collection of all; another wants memory: it
 * waits for what that collection frees. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

#include "collectors/catalogue.h"

static struct orr_heap *heap;

enum { BYTES = sizeof(struct orr_object) + (64 << 10), LIMIT = 150 << 10 };
static uint16_t large_index;
static const struct orr_type large_type = {.name = "large", .bytes = BYTES, .references = 1, .index = &large_index};

static void
setup(void)
{
    heap = explore_heap_with(&(struct orr_heap_options){.rc = &EXPLORE_RC,
                                                        .collector = orr_collector_find("trial"),
                                                        .trigger = {.kind = ORR_TRIGGER_manual},
                                                        .bytes_limit = LIMIT});
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
    explore_check(orr_type_register(&large_type, NULL) == ORR_OK);
    struct orr_thread *thread = explore_thread(0);
    for (int i = 0; i < LIMIT / BYTES; i++) {
        struct orr_object *loop = orr_new(thread, &large_type);
        explore_check(loop != NULL);
        orr_set(thread, loop, 0, loop);
        orr_release(thread, loop);
    }
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        orr_collect(thread, "scenario");
    else {
        struct orr_object *object = orr_new(thread, &large_type);
        explore_check(object != NULL);
        orr_release(thread, object);
    }
    orr_block_enter(thread);
}

EXPLORE_SCENARIO(limit_first) = {.name = EXPLORE_NAME, .covers = "J4", .fibres = 2, .setup = setup, .body = body};
