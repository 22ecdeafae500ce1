/* rules_finalizers.c - rules 31 to 37: finalizers of garbage, and what they bring back. */
#include "tests/conformance/rules/scene.h"

/* --- 31 --------------------------------------------------------------------------------------------- */

/* All actors of the scene are whole, and refer to one another as they were made to. */
static void
see_everybody(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    (void)thread;
    RULE_EQUAL(scene_count(scene, DESTROYED), 0);
    for (uint32_t i = 0; i < scene->number; i++) {
        actor_check(scene->cast[i]);
        RULE_EQUAL(scene->cast[i]->role, i);
    }
    for (uint32_t i = 0; i < 6; i++) /* the ring of six */
        RULE_CHECK(actor_peek(scene->cast[i], 0) == &scene->cast[(i + 1) % 6]->header);
}

/* A ring of six, of which two have no finalizer, a chain of three that hangs from it, and a ring of its own that
 * refers to the chain. */
static void
finalize_before_destroying(struct orr_thread *thread, uint32_t index, void *argument)
{
    enum { RING = 6, CHAIN = 3, OTHER = 2, ALL = RING + CHAIN + OTHER };
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_finalize = see_everybody;
    scene->number = ALL;
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 0, 1));
        ORR_OWN(thread, last, orr_get_slot(thread, &ring.slot));
        for (uint32_t i = 1; i < RING + CHAIN; i++) {
            const struct orr_type *const type = i % 3 == 1 ? &actor_still_type : &actor_type;
            ORR_OWN(thread, next, actor_new(thread, scene, type, i));
            orr_set(thread, last.ref, i == RING, next.ref); /* the chain hangs from slot 1 */
            orr_own_set(&last, orr_take(&next));
            if (i == RING - 1)
                orr_set(thread, last.ref, 0, ring.ref);
        }
        ORR_OWN(thread, other, scene_new_ring(thread, scene, &actor_type, RING + CHAIN, OTHER));
        orr_set(thread, other.ref, 1, last.ref);
    }
    scene_sweep(thread);
    for (uint32_t i = 0; i < ALL; i++) {
        const bool is_still = i < RING + CHAIN && i % 3 == 1;
        RULE_EQUAL(scene_times(scene, FINALIZED, i), !is_still);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
    }
    RULE_CHECK(scene_last(scene, FINALIZED) < scene_first(scene, DESTROYED));
    scene_close(thread, scene);
}

RULE(31,
     "all finalizers of garbage run before the first of it is destroyed, and see all of it whole")
{
    rule_needs_collector(rule);
    rule_crew(rule, finalize_before_destroying, NULL);
}

/* --- 32 --------------------------------------------------------------------------------------------- */

/* Role 0 comes back, into root 0. */
static void
rescue_first(struct orr_thread *thread, struct actor *actor)
{
    if (actor->role == 0)
        scene_keep(thread, &actor->scene->roots[0], &actor->header);
}

static void
expect_times(struct scene *scene, uint32_t roles, uint32_t finalized, uint32_t destroyed)
{
    for (uint32_t i = 0; i < roles; i++) {
        RULE_EQUAL(scene_times(scene, FINALIZED, i), finalized);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), destroyed);
    }
}

static void
die_twice_in_a_ring(struct orr_thread *thread)
{
    enum { RING = 3 };
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = rescue_first;
    scene_ring(thread, scene, &actor_type, 0, RING);
    scene_sweep(thread);
    expect_times(scene, RING, 1, 0);
    scene_sweep(thread); /* it lives: nothing more happens to it */
    expect_times(scene, RING, 1, 0);
    {
        ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
        RULE_CHECK(back.ref && orr_is_finalized(back.ref));
        for (uint32_t i = 0; i < RING; i++)
            actor_check(scene->cast[i]);
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_sweep(thread);
    expect_times(scene, RING, 1, 1);
    scene_close(thread, scene);
}

/* By the last release twice; then, with a reference to itself, the second time by a collection. */
static void
die_twice_alone(struct orr_thread *thread, bool second_is_cycle)
{
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = rescue_first;
    orr_release(thread, actor_new(thread, scene, &actor_type, 0));
    scene_let_die(thread);
    expect_times(scene, 1, 1, 0);
    if (second_is_cycle) {
        ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
        orr_set(thread, back.ref, 0, back.ref);
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    if (second_is_cycle)
        scene_sweep(thread);
    else
        scene_let_die(thread);
    expect_times(scene, 1, 1, 1);
    scene_close(thread, scene);
}

/* Comes back from a ring, which is then opened by hand: the second deaths are by release. */
static void
die_in_a_ring_and_by_release(struct orr_thread *thread)
{
    enum { RING = 3 };
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = rescue_first;
    scene_ring(thread, scene, &actor_type, 0, RING);
    scene_sweep(thread);
    expect_times(scene, RING, 1, 0);
    {
        ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
        ORR_OWN(thread, next, orr_get(thread, back.ref, 0));
        orr_set(thread, next.ref, 0, NULL); /* role 2 goes: only role 1 held it */
        scene_let_die(thread);
        RULE_EQUAL(scene_times(scene, DESTROYED, 2), 1);
        RULE_EQUAL(scene_count(scene, DESTROYED), 1);
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_let_die(thread);
    expect_times(scene, RING, 1, 1);
    scene_close(thread, scene);
}

static void
die_twice(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    die_twice_alone(thread, false);
    if (!thread->heap->collector->collect)
        return;
    die_twice_alone(thread, true);
    die_twice_in_a_ring(thread);
    die_in_a_ring_and_by_release(thread);
}

RULE(32, "a tracked object is finalized once in its life, however often it dies")
{
    rule_crew(rule, die_twice, NULL);
}

/* --- 33 --------------------------------------------------------------------------------------------- */

enum { DEATHS = 4 };

/* Comes back, but for the last time. */
static void
rescue_thrice(struct orr_thread *thread, struct actor *actor)
{
    if (scene_times(actor->scene, FINALIZED, (uint32_t)actor->role) < DEATHS)
        scene_keep(thread, &actor->scene->roots[0], &actor->header);
}

/* On its own, and the first time as a child of a ring that dies. */
static void
die_often(struct orr_thread *thread, bool in_a_ring)
{
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = rescue_thrice;
    if (in_a_ring) {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_still_type, 1, 2));
        orr_give(thread, ring.ref, 1, actor_new(thread, scene, &actor_green_type, 0));
    } else
        orr_release(thread, actor_new(thread, scene, &actor_green_type, 0));
    if (in_a_ring) {
        scene_sweep(thread);
        RULE_EQUAL(scene_count(scene, DESTROYED), 2);
    }
    for (uint32_t death = 1; death <= DEATHS; death++) {
        scene_let_die(thread);
        RULE_EQUAL(scene_times(scene, FINALIZED, 0), death);
        RULE_EQUAL(scene_times(scene, DESTROYED, 0), death == DEATHS);
        {
            ORR_OWN(thread, back, rule_root_get(thread, &scene->roots[0]));
            RULE_EQUAL(back.ref != NULL, death < DEATHS);
            if (back.ref)
                actor_check(actor_of(back.ref));
        }
        rule_root_put(thread, &scene->roots[0], NULL);
    }
    scene_close(thread, scene);
}

static void
die_often_untracked(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    die_often(thread, false);
    if (thread->heap->collector->collect)
        die_often(thread, true);
}

RULE(33, "an object that cannot lie on a cycle is finalized at each of its deaths")
{
    rule_crew(rule, die_often_untracked, NULL);
}

/* --- 34, 35 ----------------------------------------------------------------------------------------- */

/* A ring of three, a chain of three that it holds, a ring of two that holds it, and a ring of two for itself. Role 0
 * of the first ring comes back: with it the chain, which it reaches, and not the other two. */
static struct scene *
make_family(struct orr_thread *thread)
{
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = rescue_first;
    ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 0, 3));
    ORR_OWN(thread, last, orr_get(thread, ring.ref, 0));
    for (uint32_t i = 3; i < 6; i++) {
        const struct orr_type *const type = i == 4 ? &actor_still_type : &actor_type;
        ORR_OWN(thread, next, actor_new(thread, scene, type, i));
        orr_set(thread, last.ref, 1, next.ref);
        orr_own_set(&last, orr_take(&next));
    }
    ORR_OWN(thread, holder, scene_new_ring(thread, scene, &actor_type, 6, 2));
    orr_set(thread, holder.ref, 1, ring.ref);
    scene_ring(thread, scene, &actor_still_type, 8, 2);
    return scene;
}

enum { SAVED = 6, LOST = 4, LOST_FINALIZERS = 2 };

static void
expect_family_saved(struct scene *scene)
{
    for (uint32_t i = 0; i < SAVED; i++) {
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 0);
        RULE_EQUAL(scene_times(scene, FINALIZED, i), i != 4);
        actor_check(scene->cast[i]);
    }
    for (uint32_t i = 0; i < 3; i++)
        RULE_CHECK(actor_peek(scene->cast[i], 0) == &scene->cast[(i + 1) % 3]->header);
    RULE_CHECK(actor_peek(scene->cast[1], 1) == &scene->cast[3]->header);
    RULE_CHECK(actor_peek(scene->cast[3], 1) == &scene->cast[4]->header);
    RULE_CHECK(actor_peek(scene->cast[4], 1) == &scene->cast[5]->header);
}

static void
save_what_is_reached(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = make_family(thread);
    (void)index, (void)argument;
    scene_sweep(thread);
    expect_family_saved(scene);
    scene_sweep(thread);
    expect_family_saved(scene);
    RULE_EQUAL(scene_count(scene, DESTROYED), LOST);
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), SAVED + LOST);
    RULE_EQUAL(scene_count(scene, FINALIZED), SAVED - 1 + LOST_FINALIZERS);
    scene_close(thread, scene);
}

RULE(34, "what a finalizer brings back saves all it reaches of the same garbage, and no more")
{
    rule_needs_collector(rule);
    rule_crew(rule, save_what_is_reached, NULL);
}

/* Each sweep is one collection where the collector needs one. */
static void
free_beside_the_saved(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = make_family(thread);
    (void)index, (void)argument;
    scene_sweep(thread);
    for (uint32_t i = SAVED; i < SAVED + LOST; i++)
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
    RULE_EQUAL(scene_count(scene, DESTROYED), LOST);
    scene_close(thread, scene);
}

/* What dies all the same held one that comes back: it gives that reference up, though none of it has callbacks. */
static void
let_go_of_the_saved(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_finalize = rescue_first;
    {
        ORR_OWN(thread, saved, actor_new(thread, scene, &actor_type, 0));
        ORR_OWN(thread, ring, rule_new_ring(thread, &rule_type_node, 3));
        orr_set(thread, ring.ref, 1, saved.ref);
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, FINALIZED), 1);
    RULE_EQUAL(scene_count(scene, DESTROYED), 0);
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 1);
    scene_close(thread, scene);
}

RULE(35, "garbage that nobody brings back is freed by the collection that found it, beside what is "
         "saved")
{
    rule_needs_collector(rule);
    rule_crew(rule, free_beside_the_saved, NULL);
    rule_crew(rule, let_go_of_the_saved, NULL);
    if (rule->threads != 1 || rule->collector->completeness != 1)
        return; /* the numbers of one collection are known where it is the only one */
    struct scene *const scene = make_family(rule->thread);
    struct orr_gc_result result;
    RULE_EQUAL(orr_gc_collect(rule->thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.collected, LOST);
    RULE_EQUAL(result.unreachable, LOST);
    RULE_EQUAL(result.uncollectable, 0);
    scene_close(rule->thread, scene);
}

/* --- 36 --------------------------------------------------------------------------------------------- */

enum cut { CUT_OWN, CUT_NEXT, CUT_ALL_OF_BOTH, CUTS };

static void
cut_slots(struct orr_thread *thread, struct orr_object *object, uint32_t slots)
{
    for (uint32_t i = 0; i < slots; i++)
        orr_set(thread, object, i, NULL);
}

/* Opens the cycle, now here, now at the neighbour. */
static void
cut(struct orr_thread *thread, struct actor *actor)
{
    const enum cut way = (enum cut)actor->scene->number;
    if (way != CUT_OWN) {
        ORR_OWN(thread, next, orr_get(thread, &actor->header, 0));
        if (next.ref) {
            actor_check(actor_of(next.ref));
            cut_slots(thread, next.ref, way == CUT_NEXT ? 1 : 3);
        }
    }
    if (way != CUT_NEXT)
        cut_slots(thread, &actor->header, way == CUT_OWN ? 1 : 3);
    for (uint32_t i = 0; i < 3; i++) { /* memory that was freed would be handed out again */
        ORR_OWN(thread, fresh, rule_new(thread, &rule_type_node));
        actor_check(actor);
    }
}

/* A ring, every member of which also refers to the last but one; every second or third without finalizer. */
static void
cut_a_ring(struct orr_thread *thread, uint32_t length, uint32_t still_every, enum cut way)
{
    struct scene *const scene = scene_open(thread);
    uint32_t finalizers = 0;
    scene->on_finalize = cut;
    scene->number = way;
    {
        ORR_OWN(thread, first, actor_new(thread, scene, &actor_type, 0));
        ORR_OWN(thread, last, orr_get_slot(thread, &first.slot));
        finalizers++;
        for (uint32_t i = 1; i < length; i++) {
            const bool is_still = still_every && i % still_every == 0;
            ORR_OWN(thread, next,
                    actor_new(thread, scene, is_still ? &actor_still_type : &actor_type, i));
            finalizers += !is_still;
            orr_set(thread, last.ref, 0, next.ref);
            orr_set(thread, next.ref, 1, last.ref);
            orr_own_set(&last, orr_take(&next));
        }
        orr_set(thread, last.ref, 0, first.ref);
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, FINALIZED), finalizers);
    for (uint32_t i = 0; i < length; i++) {
        RULE_CHECK(scene_times(scene, FINALIZED, i) <= 1);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
    }
    scene_close(thread, scene);
}

static void
cut_rings(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    for (uint32_t length = 1; length <= 6; length++)
        for (uint32_t still_every = 0; still_every <= 3; still_every += still_every ? 1 : 2)
            for (uint32_t way = 0; way < CUTS; way++)
                cut_a_ring(thread, length, still_every, (enum cut)way);
}

RULE(36, "a finalizer may open its own cycle: each member is still finalized and destroyed once")
{
    rule_needs_collector(rule);
    rule_crew(rule, cut_rings, NULL);
}

/* --- 37 --------------------------------------------------------------------------------------------- */

/* Whose trace counts how often it runs, and on what: all that a program can see of being looked at. */
struct probe {
    struct orr_object header;
    struct orr_slot next;
    _Atomic(uint32_t) *traced; /* by any thread */
    uint64_t is_dead;
};

static _Atomic(uint32_t) probes_destroyed;

static void
trace_probe(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct probe *const probe = (struct probe *)object;
    if (probe->traced)                     /* null until its maker has filled it in */
        orr_add_relaxed(probe->traced, 1); /* relaxed: a count */
    visit(&probe->next, argument);
}

static void
destroy_probe(struct orr_thread *thread, struct orr_object *object)
{
    struct probe *const probe = (struct probe *)object;
    (void)thread;
    RULE_EQUAL(probe->is_dead, 0);
    RULE_CHECK(orr_slot_peek(&probe->next) != NULL);
    probe->is_dead = 1;
    orr_add_relaxed(&probes_destroyed, 1); /* relaxed: a count */
}

static uint16_t index_probe;
static const struct orr_type probe_type = {.name = "probe",
                                           .bytes = sizeof(struct probe),
                                           .trace = trace_probe,
                                           .destroy = destroy_probe,
                                           .index = &index_probe};

/* Two probes that refer to one another, and neither can be finalized. */
static void
drop_probes(struct orr_thread *thread, uint32_t index, void *argument)
{
    _Atomic(uint32_t) *const traced = argument;
    (void)index;
    {
        ORR_OWN(thread, a, rule_new(thread, &probe_type));
        ORR_OWN(thread, b, rule_new(thread, &probe_type));
        struct probe *const pair[] = {(struct probe *)a.ref, (struct probe *)b.ref};
        pair[0]->traced = pair[1]->traced = traced;
        orr_set_slot(thread, a.ref, &pair[0]->next, b.ref);
        orr_set_slot(thread, b.ref, &pair[1]->next, a.ref);
        RULE_CHECK(!orr_is_finalized(a.ref));
    }
    scene_sweep(thread);
}

/* Members of a cycle that must not be finalized because of their type: that is known without calling them. */
static void
list_legacy(struct rule *rule)
{
    struct orr_thread *const thread = rule->thread;
    rule_drop_ring(thread, &rule_type_legacy, 2);
    scene_sweep(thread);
    RULE_EQUAL(orr_gc_garbage_count(rule->heap), 2);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), 0); /* relaxed, all: one thread */
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.destroyed), 0);
    for (uint64_t i = 0; i < 2; i++) {
        ORR_OWN(thread, member, orr_gc_garbage_get(thread, i));
        orr_set(thread, member.ref, 0, NULL);
    }
    orr_gc_garbage_clear(thread);
    if (ORR_COUNTED) /* no longer in a cycle, they die as others do */
        RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), 2);
}

RULE(37,
     "whether an object has a finalizer is known from its type: nothing of the program's is called")
{
    rule_needs_collector(rule);
    _Atomic(uint32_t) traced = 0;
    RULE_EQUAL(orr_type_register(&probe_type, NULL), ORR_OK);
    orr_store_relaxed(&probes_destroyed, 0); /* relaxed: one thread */
    rule_crew(rule, drop_probes, &traced);
    RULE_EQUAL(orr_load_relaxed(&probes_destroyed),
               2 * rule->threads); /* relaxed, both: crew gone */
    RULE_CHECK(orr_load_relaxed(&traced) != 0);
    RULE_EQUAL(rule->failed.count, 0);
    list_legacy(rule);
}
