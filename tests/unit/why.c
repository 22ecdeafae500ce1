/* why.c - runtime/inspect: why an object is alive, label by label, and shortest against a slow search. */
#include "tests/unit/inspect_scene.h"

#include "runtime/gc.h"

#include <stdlib.h>

/* The path to an object, which must be `count` long and held so; freed by the caller. */
static struct orr_path_step *
path_to(struct scene *scene, struct orr_object *object, enum orr_hold expected, uint64_t length)
{
    struct orr_path_step *steps = NULL;
    enum orr_hold hold = ORR_HOLD_FROZEN;
    uint64_t count = 99;
    cr_assert_eq(orr_why_alive(scene->thread, object, &hold, &steps, &count, NULL), ORR_OK);
    cr_assert_eq(count, length, "%s: %llu steps", scene->names, (unsigned long long)count);
    cr_assert(count == 0 || hold == expected, "%s: held by %d", scene->names, hold);
    cr_assert(count == 0 ? !steps : steps[count - 1].object == object);
    cr_assert(count == 0 || (steps[0].field == 0 && steps[0].element == 0));
    return steps;
}

/* A caller holds what it asks about. Asks with such a reference, and lets it go. */
static struct orr_path_step *
ask(struct scene *scene, struct orr_object *object, enum orr_hold hold, uint64_t length)
{
    scene_retain(scene, object);
    struct orr_path_step *steps = path_to(scene, object, hold, length);
    scene_release(scene, object);
    return steps;
}

static void
expect_step(const struct orr_path_step *step, const struct orr_object *object, uint32_t field,
            uint32_t element)
{
    cr_assert_eq(step->object, object);
    cr_assert(step->field == field && step->element == element, "field %u, element %u", step->field,
              step->element);
}

/* --- paths --------------------------------------------------------------------------------------- */

static void
follow_fields(struct scene *scene)
{
    struct orr_object *top = scene_root(scene, 0, scene_new(scene, &node_type));
    struct orr_object *array = orr_new_array(scene->thread, &array_type, 50, 0);
    struct orr_object *odd = scene_new(scene, &odd_type), *leaf = scene_new(scene, &green_type);
    scene_refer(scene, top, 2, array);
    scene_refer_slot(scene, orr_element(array, 41), odd);
    scene_refer_slot(scene, &((struct odd *)odd)->slots[1], leaf);
    scene_refer(scene, leaf, 1, leaf);
    scene_release(scene, array);
    scene_release(scene, odd);
    scene_release(scene, leaf);
    struct orr_path_step *steps = ask(scene, leaf, ORR_HOLD_ROOT, 4);
    expect_step(&steps[0], top, 0, 0);
    expect_step(&steps[1], array, 2, 0);
    expect_step(&steps[2], odd, ORR_FIELD_ELEMENT, 41);
    expect_step(&steps[3], leaf, 1, 0);
    scene_verify(scene, false);
    orr_path_free(scene->thread, steps, 4);
    orr_path_free(scene->thread, NULL, 0);
    scene_verify(scene, true);
    steps = ask(scene, top, ORR_HOLD_ROOT, 1);
    orr_path_free(scene->thread, steps, 1);
    scene_refer(scene, leaf, 1, NULL);
}

Test(why, a_path_names_the_field_of_each_step)
{
    scene_each(follow_fields);
}

static void
outlive(struct scene *scene)
{
    struct orr_object *top = scene_root(scene, 0, scene_new(scene, &node_type));
    struct orr_object *end = scene_new(scene, &node_type);
    scene_refer(scene, top, 0, end);
    scene_refer(scene, end, 0, top);
    scene_release(scene, end);
    struct orr_path_step *steps = ask(scene, end, ORR_HOLD_ROOT, 2);
    scene_root(scene, 0, NULL);
    orr_collect(scene->thread, "test");
    cr_assert_eq(scene_live(scene), 2);
    expect_step(&steps[0], top, 0, 0);
    orr_path_free(scene->thread, steps, 2);
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 0);
}

Test(why, what_a_path_names_outlives_everything_else_that_held_it)
{
    scene_each(outlive);
}

/* --- holds --------------------------------------------------------------------------------------- */

static void
see_garbage(struct scene *scene)
{
    struct orr_object *ring = scene_ring(scene, &node_type, 3, 0);
    path_to(scene, ring, ORR_HOLD_ROOT, 0); /* held by us alone */
    if (scene->heap->rc->counts) {
        scene_retain(scene, ring);
        struct orr_path_step *steps = path_to(scene, ring, ORR_HOLD_OUTSIDE, 1);
        orr_path_free(scene->thread, steps, 1);
        struct orr_object *next = orr_slot_peek(orr_field(ring, 0));
        steps = ask(scene, next, ORR_HOLD_OUTSIDE, 2);
        expect_step(&steps[0], ring, 0, 0);
        orr_path_free(scene->thread, steps, 2);
        scene_release(scene, ring);
    }
    scene_release(scene, ring);
    orr_settle(scene->thread);
}

Test(why, the_callers_own_reference_is_no_reason_and_a_second_one_is)
{
    scene_each(see_garbage);
}

/* As ORR_OWN links it, under every strategy. */
static void
link_local(struct scene *scene, struct orr_own *local, struct orr_object *object)
{
    *local =
        (struct orr_own){.ref = object, .thread = scene->thread, .previous = scene->thread->locals};
    scene->thread->locals = local;
    scene_retain(scene, object);
}

static void
unlink_local(struct scene *scene, struct orr_own *local)
{
    scene->thread->locals = local->previous;
    scene_release(scene, local->ref);
}

static void
see_locals(struct scene *scene)
{
    struct orr_own held, asked;
    struct orr_object *ring = scene_ring(scene, &node_type, 2, 0);
    struct orr_object *next = orr_slot_peek(orr_field(ring, 0));
    link_local(scene, &held, ring);
    scene_release(scene, ring);
    path_to(scene, ring, ORR_HOLD_LOCAL, 0); /* the local is ours to ask with */
    link_local(scene, &asked, ring);
    struct orr_path_step *steps = path_to(scene, ring, ORR_HOLD_LOCAL, 1);
    orr_path_free(scene->thread, steps, 1);
    unlink_local(scene, &asked);
    link_local(scene, &asked, next);
    steps = path_to(scene, next, ORR_HOLD_LOCAL, 2);
    expect_step(&steps[0], ring, 0, 0);
    orr_path_free(scene->thread, steps, 2);
    unlink_local(scene, &asked);
    unlink_local(scene, &held);
    orr_settle(scene->thread);
}

Test(why, a_linked_local_is_a_reason_but_for_the_one_that_asks)
{
    scene_each(see_locals);
}

static void
see_frozen(struct scene *scene)
{
    struct orr_object *ring = scene_root(scene, 0, scene_ring(scene, &node_type, 2, 0));
    struct orr_object *next = orr_slot_peek(orr_field(ring, 0));
    cr_assert(orr_gc_freeze(scene->thread));
    struct orr_path_step *steps = ask(scene, next, ORR_HOLD_ROOT, 2);
    orr_path_free(scene->thread, steps, 2);
    scene_root(scene, 0, NULL);
    steps = ask(scene, next, ORR_HOLD_FROZEN, 1);
    orr_path_free(scene->thread, steps, 1);
    orr_gc_unfreeze(scene->thread);
    cr_assert_null(ask(scene, next, ORR_HOLD_ROOT, 0));
    orr_settle(scene->thread);
}

Test(why, the_frozen_hold_themselves_when_nothing_else_does)
{
    scene_each(see_frozen);
}

static void
see_immortal(const char *rc, const char *collector)
{
    struct scene scene;
    scene_open(&scene, rc, collector, "blocks");
    struct orr_object *eternal = scene_root(&scene, 0, scene_new(&scene, &node_type));
    struct orr_object *child = scene_new(&scene, &node_type);
    scene_refer(&scene, eternal, 1, child);
    scene_release(&scene, child);
    cr_assert(orr_immortalise(scene.thread, eternal));
    scene_root(&scene, 0, NULL);
    struct orr_path_step *steps = ask(&scene, child, ORR_HOLD_IMMORTAL, 2);
    expect_step(&steps[0], eternal, 0, 0);
    expect_step(&steps[1], child, 1, 0);
    orr_path_free(scene.thread, steps, 2);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_remove(scene.heap, &scene.roots[i]);
    scene_verify(&scene, true);
    orr_thread_detach(scene.thread);
    orr_heap_destroy(scene.heap);
}

Test(why, an_immortal_needs_no_other_reason)
{
    see_immortal("plain", "trial");
    see_immortal("atomic", "subtract");
    see_immortal("biased", "generations");
    see_immortal("tracing", "mark");
}

/* --- shortest ------------------------------------------------------------------------------------ */

enum { RANDOM_NODES = 60, RANDOM_ROUNDS = 30 };

struct graph {
    struct orr_object *nodes[RANDOM_NODES];
    uint32_t distance[RANDOM_NODES]; /* steps from a root, it included; 0: unreached */
};

static uint32_t
index_of(const struct graph *graph, const struct orr_object *object)
{
    uint32_t i = 0;
    while (graph->nodes[i] != object)
        i++;
    return i;
}

static void
measure(struct graph *graph)
{
    for (bool changed = true; changed;) { /* Bellman and Ford's: as plain as can be */
        changed = false;
        for (uint32_t i = 0; i < RANDOM_NODES; i++)
            for (uint32_t k = 0; k < NODE_SLOTS && graph->distance[i]; k++) {
                struct orr_object *to = orr_slot_peek(orr_field(graph->nodes[i], k));
                uint32_t *far = to ? &graph->distance[index_of(graph, to)] : NULL;
                if (far && (*far == 0 || *far > graph->distance[i] + 1)) {
                    *far = graph->distance[i] + 1;
                    changed = true;
                }
            }
    }
}

static void
compare_random(struct scene *scene, unsigned seed)
{
    struct graph graph = {0};
    for (uint32_t i = 0; i < RANDOM_NODES; i++)
        graph.nodes[i] = scene_new(scene, &node_type);
    for (uint32_t i = 0; i < RANDOM_NODES; i++)
        for (uint32_t k = 0; k < NODE_SLOTS; k++)
            if (rand_r(&seed) % 2)
                scene_refer(scene, graph.nodes[i], k,
                            graph.nodes[(uint32_t)rand_r(&seed) % RANDOM_NODES]);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t root = (uint32_t)rand_r(&seed) % RANDOM_NODES;
        scene_retain(scene, graph.nodes[root]);
        scene_root(scene, i, graph.nodes[root]);
        graph.distance[root] = 1;
    }
    measure(&graph);
    for (uint32_t i = 0; i < RANDOM_NODES; i++)
        scene_release(scene,
                      graph.nodes[i]); /* nothing dies: nobody has collected, or it has edges */
    for (uint32_t i = 0; i < RANDOM_NODES; i++) {
        if (graph.distance[i] == 0)
            continue;
        struct orr_path_step *steps = ask(scene, graph.nodes[i], ORR_HOLD_ROOT, graph.distance[i]);
        for (uint32_t k = 1; k < graph.distance[i]; k++)
            cr_assert_eq(orr_slot_peek(orr_field(steps[k - 1].object, steps[k].field)),
                         steps[k].object, "%s, seed %u", scene->names, seed);
        orr_path_free(scene->thread, steps, graph.distance[i]);
    }
    scene_root(scene, 0, NULL);
    scene_root(scene, 1, NULL);
    orr_settle(scene->thread);
}

static void
compare_many(struct scene *scene)
{
    for (unsigned seed = 1; seed <= RANDOM_ROUNDS; seed++)
        compare_random(scene, seed * 104729);
}

Test(why, paths_in_random_graphs_are_shortest)
{
    scene_each(compare_many);
}

enum { DEEP = 100000 };

static void *
follow_deep(void *argument)
{
    struct scene *scene = argument;
    scene_open(scene, "tracing", "mark", "blocks");
    struct orr_object *last = scene_root(scene, 0, scene_new(scene, &node_type));
    for (uint32_t i = 1; i < DEEP; i++) {
        struct orr_object *next = scene_new(scene, &node_type);
        scene_refer(scene, last, i % NODE_SLOTS, next);
        last = next;
    }
    struct orr_path_step *steps = ask(scene, last, ORR_HOLD_ROOT, DEEP);
    for (uint32_t i = 1; i < DEEP; i++)
        cr_assert_eq(steps[i].field, i % NODE_SLOTS);
    orr_path_free(scene->thread, steps, DEEP);
    scene_close(scene);
    return NULL;
}

Test(why, a_deep_list_needs_no_stack)
{
    struct scene scene;
    struct orr_os_thread small;
    cr_assert(orr_os_thread_start(&small, follow_deep, &scene, 256 << 10));
    orr_os_thread_join(&small);
}

/* --- memory -------------------------------------------------------------------------------------- */

static enum orr_status
work_path(struct scene *scene, struct orr_error *error)
{
    struct orr_object *first = orr_slot_peek(&scene->roots[0].slot);
    struct orr_path_step *steps;
    enum orr_hold hold;
    uint64_t count;
    enum orr_status status = orr_why_alive(scene->thread, orr_slot_peek(orr_field(first, 0)), &hold,
                                           &steps, &count, error);
    if (status == ORR_OK) {
        cr_assert_eq(count, 2);
        orr_path_free(scene->thread, steps, count);
    }
    return status;
}

static void
refuse_memory(struct scene *scene)
{
    scene_root(scene, 0, scene_ring(scene, &node_type, 300, 0));
    cr_assert_geq(scene_refuse_each(scene, work_path), 8);
}

Test(why, without_memory_nothing_is_held_and_nothing_is_lost)
{
    scene_each(refuse_memory);
}
