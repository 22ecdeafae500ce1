/* small_heap.h - a heap and an attached thread for a test of the runtime, and a type of two references.
 *
 * Included after runtime/mutator.h, which wants a strategy chosen; heaps are opened with the same one.
 */
#ifndef ORR_TESTS_UNIT_SMALL_HEAP_H
#define ORR_TESTS_UNIT_SMALL_HEAP_H

#include "collectors/catalogue.h"
#include "runtime/collector.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

struct small_pair {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t number;
};

static uint16_t small_pair_index;
static const struct orr_type small_pair = {.name = "pair",
                                           .bytes = sizeof(struct small_pair),
                                           .references = 2,
                                           .index = &small_pair_index};

/* Nothing starts by itself; the caller changes what it likes. */
static inline struct orr_heap_options
small_options(const struct orr_rc *rc, const char *collector, const struct orr_heap_kind *kind)
{
    return (struct orr_heap_options){.rc = rc,
                                     .collector = orr_collector_find(collector),
                                     .kind = kind,
                                     .trigger = {.kind = ORR_TRIGGER_manual},
                                     .workers = 1};
}

static inline struct orr_heap *
small_heap_open(const struct orr_heap_options *options)
{
    struct orr_error error;
    struct orr_heap *heap;
    cr_assert_eq(orr_heap_create(options, &heap, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_type_register(&small_pair, &error), ORR_OK, "%s", error.message);
    return heap;
}

static inline struct orr_thread *
small_attach(struct orr_heap *heap)
{
    struct orr_error error;
    struct orr_thread *thread;
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK, "%s", error.message);
    return thread;
}

static inline uint64_t
small_live(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    return totals.live;
}

#endif
