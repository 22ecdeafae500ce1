/* generations_heap.h - a heap of generations for unit tests: what its last collection did, and small shapes.
 */
#ifndef ORR_TESTS_UNIT_GENERATIONS_HEAP_H
#define ORR_TESTS_UNIT_GENERATIONS_HEAP_H

/* mutator.h is for a chosen strategy. Biased has all that can go wrong: owners, merging, queues. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 0
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

enum { SCAFFOLD = 64 };

static uint16_t array_index;
static const struct orr_type array_type = {.name = "array",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY,
                                           .index = &array_index};

/* --- a heap of generations, and what its last collection did ------------------------------------------ */

struct observed {
    uint64_t collections, by_generation[ORR_GENERATIONS];
    struct orr_collection last;
    uint64_t whole_before; /* objects that the last but one of the oldest generation looked at */
    double growth_least;   /* between two collections of the oldest generation */
};

struct fixture {
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct observed observed;
};

static inline void
observe(void *context, const struct orr_collection *collection)
{
    struct observed *observed = context;
    observed->collections++;
    observed->by_generation[collection->generation]++;
    observed->last = *collection;
    if (collection->generation != ORR_GENERATION_OLDEST)
        return;
    double growth = observed->whole_before
                        ? (double)collection->nodes_visited / (double)observed->whole_before
                        : 9;
    if (growth < observed->growth_least || observed->growth_least == 0)
        observed->growth_least = growth;
    observed->whole_before = collection->nodes_visited;
}

static inline struct orr_heap_options
options_of(const char *collector, struct observed *observed)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.verify = true;
    options.ledger = true;
    options.listener = (struct orr_listener){.context = observed, .collection = observe};
    return options;
}

static inline void
open_with(struct fixture *fixture, const struct orr_heap_options *options)
{
    struct orr_error error;
    fixture->heap = small_heap_open(options);
    cr_assert_eq(orr_type_register(&array_type, &error), ORR_OK, "%s", error.message);
    fixture->thread = small_attach(fixture->heap);
}

static inline void
open(struct fixture *fixture)
{
    *fixture = (struct fixture){.heap = NULL};
    const struct orr_heap_options options = options_of("generations", &fixture->observed);
    open_with(fixture, &options);
}

static inline void
verify(struct fixture *fixture)
{
    struct orr_error error = {.message = ""};
    orr_world_stop(fixture->heap, fixture->thread);
    bool sound = orr_heap_verify(fixture->heap, fixture->thread, &error);
    orr_world_resume(fixture->heap);
    cr_assert(sound, "%s", error.message);
}

static inline void
close_empty(struct fixture *fixture)
{
    verify(fixture);
    orr_settle(fixture->thread);
    cr_assert_eq(small_live(fixture->heap), 0);
    verify(fixture);
    orr_thread_detach(fixture->thread);
    orr_heap_destroy(fixture->heap);
}

/* What was found unreachable. */
static inline uint64_t
collect(struct fixture *fixture, int generation)
{
    struct orr_gc_result result;
    struct orr_error error;
    cr_assert_eq(orr_gc_collect(fixture->thread, generation, &result, &error), ORR_OK, "%s",
                 error.message);
    cr_assert(result.number != 0);
    return result.unreachable;
}

static inline struct orr_object *
make(struct orr_thread *thread)
{
    struct orr_object *object = orr_new(thread, &small_pair);
    cr_assert(object);
    return object;
}

/* An object that has survived a complete collection; the caller's. */
static inline struct orr_object *
make_old(struct fixture *fixture)
{
    struct orr_object *object = make(fixture->thread);
    collect(fixture, ORR_GENERATION_OLDEST);
    return object;
}

static inline unsigned
generation_of(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour);
}

/* Two fresh objects that refer to one another; the first is the caller's. */
static inline struct orr_object *
make_cycle(struct orr_thread *thread)
{
    struct orr_object *one = make(thread);
    ORR_OWN(thread, other, make(thread));
    orr_set(thread, one, 0, other.ref);
    orr_set(thread, other.ref, 0, one);
    return one;
}

#endif
