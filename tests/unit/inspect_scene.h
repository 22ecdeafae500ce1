/* inspect_scene.h - a heap of any strategy, collector and kind, and a graph in it, for the tests of inspect.h.
 *
 * References are counted through the strategy's table, so that one program can open heaps of all
 * strategies. What a test holds lies in roots, which every strategy and collector understands.
 */
#ifndef ORR_TESTS_UNIT_INSPECT_SCENE_H
#define ORR_TESTS_UNIT_INSPECT_SCENE_H

/* mutator.h is for a chosen strategy; of it the scene uses allocation alone, the same under each. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/inspect.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

enum { NODE_SLOTS = 3, ROOTS = 8 };

struct node {
    struct orr_object header;
    struct orr_slot slots[NODE_SLOTS];
    uint64_t number;
};

/* Irregular: the slots lie behind raw words. */
struct odd {
    struct orr_object header;
    uint64_t words[2];
    struct orr_slot slots[2];
};

static inline void
trace_odd(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct odd *odd = (struct odd *)object;
    visit(&odd->slots[0], argument);
    visit(&odd->slots[1], argument);
}

static uint16_t node_index, other_index, green_index, array_index, odd_index;
static const struct orr_type node_type = {
    .name = "node", .bytes = sizeof(struct node), .references = NODE_SLOTS, .index = &node_index};
static const struct orr_type other_type = {.name = "other",
                                           .bytes = sizeof(struct node) + 64,
                                           .references = NODE_SLOTS,
                                           .index = &other_index};
static const struct orr_type green_type = {.name = "green",
                                           .bytes = sizeof(struct node),
                                           .references = NODE_SLOTS,
                                           .flags = ORR_TYPE_ACYCLIC,
                                           .index = &green_index};
static const struct orr_type array_type = {.name = "array",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY,
                                           .index = &array_index};
static const struct orr_type odd_type = {
    .name = "odd", .bytes = sizeof(struct odd), .trace = trace_odd, .index = &odd_index};

struct scene {
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct orr_root roots[ROOTS];
    const char *names; /* of the combination, for messages */
};

static inline void
scene_open(struct scene *scene, const char *rc, const char *collector, const char *kind)
{
    static const struct orr_type *const types[] = {&node_type, &other_type, &green_type,
                                                   &array_type, &odd_type};
    static char names[100];
    struct orr_error error = {.message = ""};
    struct orr_heap_options options = {.rc = orr_rc_find(rc),
                                       .collector = orr_collector_find(collector),
                                       .kind = orr_heap_kind_find(kind),
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .workers = 1};
    snprintf(names, sizeof names, "%s/%s/%s", rc, collector, kind);
    *scene = (struct scene){.names = names};
    cr_assert(options.rc && options.collector && options.kind, "%s", names);
    cr_assert_eq(orr_heap_create(&options, &scene->heap, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_thread_attach(scene->heap, &scene->thread, &error), ORR_OK);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        cr_assert_eq(orr_type_register(types[i], &error), ORR_OK, "%s", error.message);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_add(scene->heap, &scene->roots[i]);
}

static inline struct orr_object *
scene_new(struct scene *scene, const struct orr_type *type)
{
    struct orr_object *object = orr_new(scene->thread, type);
    cr_assert(object);
    return object;
}

static inline void
scene_retain(struct scene *scene, struct orr_object *object)
{
    scene->heap->rc->retain(scene->thread, object);
}

static inline void
scene_release(struct scene *scene, struct orr_object *object)
{
    if (object)
        scene->heap->rc->release(scene->thread, object);
}

/* Moves the reference into a root. */
static inline struct orr_object *
scene_root(struct scene *scene, uint32_t i, struct orr_object *object)
{
    struct orr_object *old = orr_slot_peek(&scene->roots[i].slot);
    orr_slot_put(&scene->roots[i].slot, object);
    scene_release(scene, old);
    return object;
}

static inline void
scene_refer_slot(struct scene *scene, struct orr_slot *slot, struct orr_object *to)
{
    struct orr_object *old = orr_slot_peek(slot);
    if (to)
        scene_retain(scene, to);
    orr_slot_put(slot, to);
    scene_release(scene, old);
}

/* Another reference to `to` in a slot of a regular object. */
static inline void
scene_refer(struct scene *scene, struct orr_object *from, uint32_t slot, struct orr_object *to)
{
    scene_refer_slot(scene, orr_field(from, slot), to);
}

/* `length` fresh objects, each referring to the next by `slot`, the last to the first; a held reference to the
 * first. */
static inline struct orr_object *
scene_ring(struct scene *scene, const struct orr_type *type, uint32_t length, uint32_t slot)
{
    struct orr_object *first = scene_new(scene, type), *last = first;
    for (uint32_t i = 1; i < length; i++) {
        struct orr_object *next = scene_new(scene, type);
        scene_refer(scene, last, slot, next);
        scene_release(scene, next);
        last = next;
    }
    scene_refer(scene, last, slot, first);
    return first;
}

static inline uint64_t
scene_live(const struct scene *scene)
{
    struct orr_heap_totals totals;
    orr_heap_totals(scene->heap, &totals);
    return totals.live;
}

/* Exact: all references lie in objects and roots. */
static inline void
scene_verify(struct scene *scene, bool exact)
{
    struct orr_error error = {.message = ""};
    orr_world_stop(scene->heap, scene->thread);
    bool sound =
        (exact ? orr_heap_verify_exact : orr_heap_verify)(scene->heap, scene->thread, &error);
    orr_world_resume(scene->heap);
    cr_assert(sound, "%s: %s", scene->names, error.message);
}

/* Everything dies; the test has left no reference of its own, and no cycles if nobody collects. */
static inline void
scene_close(struct scene *scene)
{
    for (uint32_t i = 0; i < ROOTS; i++) {
        scene_root(scene, i, NULL);
        orr_root_remove(scene->heap, &scene->roots[i]);
    }
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 0, "%s: %llu live", scene->names,
                 (unsigned long long)scene_live(scene));
    if (scene->heap->kind->is_walkable)
        scene_verify(scene, true);
    orr_thread_detach(scene->thread);
    orr_heap_destroy(scene->heap);
}

/* Each strategy, collector with cycles, and walkable kind at least once. */
static inline void
scene_each(void (*test)(struct scene *scene))
{
    static const char *const combinations[][3] = {
        {"plain", "trial", "blocks"},       {"plain", "generations", "jemalloc"},
        {"atomic", "subtract", "jemalloc"}, {"atomic", "mark", "libc"},
        {"biased", "trial", "libc"},        {"biased", "generations", "blocks"},
        {"biased", "mark", "blocks"},       {"tracing", "mark", "blocks"},
        {"tracing", "mark", "jemalloc"},
    };
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        struct scene scene;
        scene_open(&scene, combinations[i][0], combinations[i][1], combinations[i][2]);
        test(&scene);
        scene_close(&scene);
    }
}

/* Calls once for each allocation that `work` makes, with that one refused; *work says what became of it. It
 * must fail each time but the last, with ORR_OUT_OF_MEMORY, and leave the heap as it was. Returns how many
 * refusals there were. */
static inline uint64_t
scene_refuse_each(struct scene *scene,
                  enum orr_status (*work)(struct scene *scene, struct orr_error *error))
{
    const uint64_t live = scene_live(scene);
    for (uint64_t n = 1;; n++) {
        struct orr_error error = {.message = ""};
        orr_fail_allocation(n, true);
        const enum orr_status status = work(scene, &error);
        orr_fail_allocation(0, false);
        scene_verify(scene, true);
        cr_assert_eq(scene_live(scene), live);
        if (status == ORR_OK)
            return n - 1;
        cr_assert_eq(status, ORR_OUT_OF_MEMORY, "%s: %s", scene->names, error.message);
        cr_assert_eq(error.status, ORR_OUT_OF_MEMORY);
        cr_assert(strlen(error.message) > 10);
        cr_assert(n < 200, "%s: no end", scene->names);
    }
}

#endif
