/* rules_deaths.c - rules 38 to 43: being destroyed, errors on the way, coming back with weak references or without,
 * the end of a heap, and what an object takes with it.
 */
#include "tests/conformance/rules/scene.h"

#include <stdlib.h>

/* --- 38 --------------------------------------------------------------------------------------------- */

enum { PAIR = 2, LATE = 2 }; /* roles 0 and 1 are garbage; role 2 dies while they are destroyed */

static void
expect_pair_whole(const struct scene *scene)
{
    for (uint32_t i = 0; i < PAIR; i++) {
        actor_check(scene->cast[i]);
        RULE_CHECK(actor_peek(scene->cast[i], 0) == &scene->cast[!i]->header);
    }
}

/* The scene of which this thread drops LATE. Its owner may be another thread, which then finalizes it in its own
 * time. */
static _Thread_local const struct scene *dropping;

static void
destroy_and_let_go(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    if (actor->role == LATE)
        return;
    expect_pair_whole(scene);
    RULE_CHECK(scene_weak_is_null(thread, scene, 0));
    dropping = scene;
    rule_root_put(thread, &scene->roots[0], NULL); /* where counted: the end of LATE */
    dropping = NULL;
}

static void
finalize_late(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    if (actor->role != LATE)
        return;
    if (dropping == scene) {
        RULE_EQUAL(scene_count(scene, DESTROYED), 1); /* one of the pair; its memory is not gone */
        expect_pair_whole(scene);
    }
    RULE_CHECK(scene_weak_is_null(thread, scene, 0));
    RULE_CHECK(scene_weak_is_null(thread, scene, 1));
    ORR_OWN(thread, fresh, rule_new(thread, &rule_type_node));
}

static void
look_at_the_destroyed(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_destroy = destroy_and_let_go;
    scene->on_finalize = finalize_late;
    rule_root_put(thread, &scene->roots[0], actor_new(thread, scene, &actor_type, LATE));
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_still_type, 0, PAIR));
        ORR_OWN(thread, other, orr_get(thread, ring.ref, 0));
        scene_weak(thread, scene, 0, ring.ref, false);
        scene_weak(thread, scene, 1, other.ref, false);
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_times(scene, DESTROYED, 0), 1);
    RULE_EQUAL(scene_times(scene, DESTROYED, 1), 1);
    scene_let_die(thread);
    RULE_EQUAL(scene_times(scene, FINALIZED, LATE), 1);
    RULE_EQUAL(scene_times(scene, DESTROYED, LATE), 1);
    scene_close(thread, scene);
}

RULE(38, "what is being destroyed stays whole, and safe to meet, until all of its garbage has been")
{
    rule_needs_collector(rule);
    rule_crew(rule, look_at_the_destroyed, NULL);
}

/* --- 39 --------------------------------------------------------------------------------------------- */

static void
raise_in_finalize(struct orr_thread *thread, struct actor *actor)
{
    (void)actor;
    RULE_CHECK(!orr_raised(thread)); /* what the thread carries is put away meanwhile */
    orr_raise(thread, ORR_BAD_INPUT, "a finalizer of a test says no");
}

static void
raise_in_destroy(struct orr_thread *thread, struct actor *actor)
{
    (void)actor;
    RULE_CHECK(!orr_raised(thread));
    orr_raise(thread, ORR_OUT_OF_MEMORY, "a destroy of a test says no");
}

static void
expect_carried(struct orr_thread *thread, const char *message)
{
    const struct orr_error *const error = orr_raised(thread);
    RULE_CHECK(error);
    RULE_EQUAL(error->status, ORR_CHECK_FAILED);
    RULE_CHECK(strcmp(error->message, message) == 0);
}

enum { RAISING = 3 }; /* a ring of this many, and one alone */

static void
raise_everywhere(struct orr_thread *thread, uint32_t index, void *argument)
{
    char message[50];
    struct scene *const scene = scene_open(thread);
    (void)argument;
    scene->on_finalize = raise_in_finalize;
    scene->on_destroy = raise_in_destroy;
    snprintf(message, sizeof message, "carried by %u", index);
    orr_raise(thread, ORR_CHECK_FAILED, "%s", message);
    orr_release(thread, actor_new(thread, scene, &actor_type, 0));
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 1);
    expect_carried(thread, message);
    if (thread->heap->collector->collect) {
        scene_ring(thread, scene, &actor_type, 1, RAISING);
        scene_sweep(thread);
        RULE_EQUAL(scene_count(scene, DESTROYED), 1 + RAISING);
        expect_carried(thread, message);
    }
    orr_raise_clear(thread);
    RULE_CHECK(!orr_raised(thread));
    scene_close(thread, scene);
    RULE_CHECK(!orr_raised(thread));
}

RULE(39, "an error raised by a finalizer or a destroy is reported, and the caller keeps its own")
{
    rule_crew(rule, raise_everywhere, NULL);
    const uint32_t deaths = rule->collector->collect ? 1 + RAISING : 1;
    RULE_EQUAL(rule->failed.count, 2 * deaths * rule->threads);
    RULE_CHECK(rule->failed.where[0]);
    RULE_CHECK(strstr(rule->failed.text, "of a test says no"));
}

/* --- 40 --------------------------------------------------------------------------------------------- */

/* The weak references work in the finalizer, which the object survives. */
static void
come_back_weakly_held(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    for (uint32_t i = 0; i < 2; i++) {
        ORR_OWN(thread, self, scene_weak_get(thread, scene, i));
        RULE_CHECK(self.ref == &actor->header);
    }
    scene_keep(thread, &scene->roots[0], &actor->header);
}

static void
release_and_come_back(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_finalize = come_back_weakly_held;
    {
        ORR_OWN(thread, object, actor_new(thread, scene, &actor_type, 0));
        scene_weak(thread, scene, 0, object.ref, false);
        scene_weak(thread, scene, 1, object.ref, true);
        orr_release(thread, orr_take(&object));
        RULE_EQUAL(scene_count(scene, FINALIZED), 1); /* inside the release */
    }
    RULE_EQUAL(scene_count(scene, DESTROYED), 0);
    RULE_EQUAL(scene_count(scene, CALLED), 0);
    {
        ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
        RULE_EQUAL(orr_weak_count(thread, back.ref), 2);
        for (uint32_t i = 0; i < 2; i++) {
            ORR_OWN(thread, same, scene_weak_get(thread, scene, i));
            RULE_CHECK(same.ref == back.ref);
            actor_check(actor_of(same.ref));
        }
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    RULE_EQUAL(scene_count(scene, FINALIZED), 1);
    RULE_EQUAL(scene_count(scene, DESTROYED), 1);
    RULE_EQUAL(scene_times(scene, CALLED, 1), 1);
    RULE_CHECK(scene_place(scene, CALLED, 1) < scene_place(scene, DESTROYED, 0));
    RULE_CHECK(scene_weak_is_null(thread, scene, 0));
    RULE_CHECK(scene_weak_is_null(thread, scene, 1));
    scene_close(thread, scene);
}

RULE(40,
     "the last release finalizes on the spot; an object that comes back keeps its weak references")
{
    rule_needs_counts(rule);
    rule_crew(rule, release_and_come_back, NULL);
}

/* --- 41 --------------------------------------------------------------------------------------------- */

static void
come_back_without(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    for (uint32_t i = 0; i < scene->number; i++)
        RULE_CHECK(scene_weak_is_null(thread, scene, i));
    if (actor->role == 0)
        scene_keep(thread, &scene->roots[0], &actor->header);
}

static void
collect_and_come_back(struct orr_thread *thread, uint32_t index, void *argument)
{
    enum { RING = 3 };
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_finalize = come_back_without;
    scene->number = 2 * RING;
    {
        ORR_OWN(thread, at, scene_new_ring(thread, scene, &actor_type, 0, RING));
        for (uint32_t i = 0; i < RING; i++) {
            scene_weak(thread, scene, i, at.ref, false);
            scene_weak(thread, scene, RING + i, at.ref, true);
            orr_own_set(&at, orr_get(thread, at.ref, 0));
        }
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, FINALIZED), RING);
    RULE_EQUAL(scene_count(scene, CALLED), RING);
    RULE_EQUAL(scene_count(scene, DESTROYED), 0);
    for (uint32_t i = 0; i < 2 * RING; i++)
        RULE_CHECK(scene_weak_is_null(thread, scene, i));
    {
        ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
        RULE_EQUAL(orr_weak_count(thread, back.ref), 0);
        scene_weak(thread, scene, 0, back.ref, true); /* a new one is as good as ever */
        ORR_OWN(thread, same, scene_weak_get(thread, scene, 0));
        RULE_CHECK(same.ref == back.ref);
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_sweep(thread);
    RULE_EQUAL(scene_times(scene, CALLED, 0), 1);
    RULE_EQUAL(scene_count(scene, DESTROYED), RING);
    scene_close(thread, scene);
}

RULE(41, "what comes back from a dead cycle has lost its weak references, and may get new ones")
{
    rule_needs_collector(rule);
    rule_crew(rule, collect_and_come_back, NULL);
}

/* --- 42 --------------------------------------------------------------------------------------------- */

enum { BROODS = 4, SURVIVOR = 2 * BROODS };

/* The first of a pair leaves another pair behind, which only a further collection can find. */
static void
leave_a_brood(struct orr_thread *thread, struct actor *actor)
{
    const uint32_t brood = (uint32_t)actor->role / 2;
    if (actor->role % 2 == 0 && brood + 1 < BROODS)
        scene_ring(thread, actor->scene, &actor_type, 2 * (brood + 1), 2);
}

static void
leave_garbage(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene **const scenes = argument;
    struct scene *const scene = scenes[index] = scene_open(thread);
    scene->on_finalize = leave_a_brood;
    rule_root_put(thread, &scene->roots[0], actor_new(thread, scene, &actor_type, SURVIVOR));
    scene_ring(thread, scene, &actor_type, 0, 2);
}

RULE(42,
     "the end of a heap runs the finalizers of what still lies in cycles, and of what those leave")
{
    rule_needs_collector(rule);
    struct scene *scenes[RULE_CREW] = {NULL};
    struct orr_leaks leaks;
    orr_gc_disable(rule->heap);
    rule_crew(rule, leave_garbage, scenes);
    RULE_EQUAL(scene_count(scenes[0], FINALIZED), 0);
    RULE_EQUAL(orr_heap_finish(rule->thread, &leaks), ORR_OK);
    for (uint32_t i = 0; i < rule->threads; i++) {
        RULE_EQUAL(scene_count(scenes[i], FINALIZED), 2 * BROODS);
        RULE_EQUAL(scene_count(scenes[i], DESTROYED), 2 * BROODS);
        RULE_EQUAL(scene_times(scenes[i], FINALIZED, SURVIVOR), 0); /* a root holds it */
        actor_check(scenes[i]->cast[SURVIVOR]);
    }
    RULE_EQUAL(leaks.objects, rule->threads);
    RULE_EQUAL(leaks.garbage, 0);
    orr_leaks_free(&leaks);
    for (uint32_t i = 0; i < rule->threads; i++)
        scene_close(rule->thread, scenes[i]);
}

/* --- 43 --------------------------------------------------------------------------------------------- */

/* What its instances refer to as their class, and read when they are traced. struct orr_type itself is for ever. */
struct shape {
    struct orr_object header;
    struct orr_slot extra;
    uint64_t references; /* of an instance, beside its class */
};

struct instance {
    struct orr_object header;
    struct orr_slot shape, rest[3];
    struct scene *unused;
};

static _Atomic(uint32_t) shapes_destroyed, instances_destroyed;

/* The class is given up first: asking the object again afterwards would read a class that may be gone. */
static void
trace_instance(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct instance *const instance = (struct instance *)object;
    const struct shape *const shape = (const struct shape *)orr_slot_peek(&instance->shape);
    if (!shape)
        return;                                             /* between birth and the first store */
    RULE_CHECK(orr_load_relaxed(&shape->header.type) != 0); /* relaxed: nobody else writes it */
    const uint64_t references = shape->references;
    visit(&instance->shape, argument);
    for (uint64_t i = 0; i < references; i++)
        visit(&instance->rest[i], argument);
}

static void
destroy_instance(struct orr_thread *thread, struct orr_object *object)
{
    const struct instance *const instance = (const struct instance *)object;
    const struct shape *const shape = (const struct shape *)orr_slot_peek(&instance->shape);
    (void)thread;
    RULE_CHECK(orr_load_relaxed(&shape->header.type) != 0); /* relaxed: as above */
    RULE_EQUAL(shape->references, 3);
    orr_add_relaxed(&instances_destroyed, 1); /* relaxed: a count */
}

static void
destroy_shape(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
    orr_add_relaxed(&shapes_destroyed, 1); /* relaxed: a count */
}

static uint16_t index_shape, index_instance;
static const struct orr_type shape_type = {.name = "shape",
                                           .bytes = sizeof(struct shape),
                                           .references = 1,
                                           .flags = ORR_TYPE_CLASS,
                                           .destroy = destroy_shape,
                                           .index = &index_shape};
static const struct orr_type instance_type = {.name = "instance",
                                              .bytes = sizeof(struct instance),
                                              .trace = trace_instance,
                                              .destroy = destroy_instance,
                                              .index = &index_instance};

enum family { ALONE, IN_A_RING, RING_BESIDE_CLASS, RING_WITH_CLASS, FAMILIES };

/* Three instances of a class of their own, dropped together with it. */
static void
drop_family(struct orr_thread *thread, enum family family)
{
    ORR_OWN(thread, shape, rule_new(thread, &shape_type));
    ORR_OWN(thread, last, NULL);
    ORR_OWN(thread, first, NULL);
    ((struct shape *)shape.ref)->references = 3;
    for (uint32_t i = 0; i < 3; i++) {
        ORR_OWN(thread, object, rule_new(thread, &instance_type));
        struct instance *const instance = (struct instance *)object.ref;
        orr_set_slot(thread, object.ref, &instance->shape, shape.ref);
        orr_set_slot(thread, object.ref, &instance->rest[2], last.ref);
        orr_give_slot(thread, object.ref, &instance->rest[0], rule_new(thread, &rule_type_leaf));
        if (i == 0)
            orr_own_set(&first, orr_get_slot(thread, &object.slot));
        orr_own_set(&last, orr_take(&object));
    }
    if (family == IN_A_RING || family == RING_WITH_CLASS)
        orr_set_slot(thread, first.ref, &((struct instance *)first.ref)->rest[1], last.ref);
    if (family ==
        RING_BESIDE_CLASS) /* an instance that refers to itself; the class is only held by it */
        orr_set_slot(thread, last.ref, &((struct instance *)last.ref)->rest[1], last.ref);
    if (family == RING_WITH_CLASS)
        orr_set_slot(thread, shape.ref, &((struct shape *)shape.ref)->extra, first.ref);
}

static void
drop_families(struct orr_thread *thread, uint32_t index, void *argument)
{
    const uint32_t families = thread->heap->collector->collect ? FAMILIES : 1;
    (void)index, (void)argument;
    for (uint32_t round = 0; round < 4; round++)
        for (uint32_t family = 0; family < families; family++) {
            drop_family(thread, (enum family)family);
            if (family == ALONE)
                scene_let_die(thread);
            else
                scene_sweep(thread);
        }
}

RULE(
    43,
    "a class may die with its last instance: the instance is not traced again after it was dropped")
{
    RULE_EQUAL(orr_type_register(&shape_type, NULL), ORR_OK);
    RULE_EQUAL(orr_type_register(&instance_type, NULL), ORR_OK);
    orr_store_relaxed(&shapes_destroyed, 0); /* relaxed, both: one thread */
    orr_store_relaxed(&instances_destroyed, 0);
    rule_crew(rule, drop_families, NULL);
    const uint32_t families = 4 * rule->threads * (rule->collector->collect ? FAMILIES : 1);
    RULE_EQUAL(orr_load_relaxed(&shapes_destroyed),
               families); /* relaxed, both: the crew has gone */
    RULE_EQUAL(orr_load_relaxed(&instances_destroyed), 3 * families);
    RULE_EQUAL(rule_live(rule), 0);
}
