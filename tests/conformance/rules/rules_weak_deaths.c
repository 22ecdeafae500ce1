/* rules_weak_deaths.c - rules 51 to 58: which weak references an object has, while it lives and while it dies. */
#include "tests/conformance/rules/scene.h"

/* --- 51 --------------------------------------------------------------------------------------------- */

struct sharing {
    struct rule *rule;
    struct orr_object *seen[RULE_CREW]; /* what each got for the shared referent */
    _Atomic(uint32_t) here, all_here, done, all_done;
};

static void
meet(struct orr_thread *thread, const struct rule *rule, _Atomic(uint32_t) *count,
     _Atomic(uint32_t) *all)
{
    if (orr_add_acq_rel(count, 1) + 1 == rule->threads)
        rule_announce(all);
    rule_await(all, thread, true);
}

/* Everybody asks for a weak reference to one object, and gets the same. */
static void
share_with_others(struct orr_thread *thread, uint32_t index, struct sharing *sharing)
{
    struct rule *const rule = sharing->rule;
    ORR_OWN(thread, referent, rule_root_get(thread, &rule->roots[0]));
    meet(thread, rule, &sharing->here, &sharing->all_here);
    ORR_OWN(thread, weak, orr_weak_new(thread, referent.ref, NULL, NULL, NULL));
    ORR_OWN(thread, same, NULL);
    RULE_CHECK(weak.ref);
    sharing->seen[index] = weak.ref;
    meet(thread, rule, &sharing->done, &sharing->all_done);
    for (uint32_t i = 0; i < rule->threads; i++)
        RULE_CHECK(sharing->seen[i] == weak.ref);
    orr_own_set(&same, orr_weak_get(thread, weak.ref));
    RULE_CHECK(same.ref == referent.ref);
    RULE_EQUAL(orr_weak_count(thread, referent.ref), 1);
}

static void
expect_listed(struct orr_thread *thread, struct orr_object *referent,
              struct orr_object *const *weaks, uint32_t count)
{
    struct orr_object *list[8] = {NULL};
    RULE_EQUAL(orr_weak_count(thread, referent), count);
    RULE_EQUAL(orr_weak_list(thread, referent, list, 8), count);
    for (uint32_t i = 0; i < count; i++) {
        RULE_EQUAL(rule_listed(list, count, weaks[i]), 1);
    }
    for (uint32_t i = 0; i < count; i++)
        orr_release(thread, list[i]);
}

/* Those of classes outlive the others (rule 54), but are listed like them. */
static void
list_of_a_class(struct orr_thread *thread, struct scene *scene)
{
    ORR_OWN(thread, class, actor_new(thread, scene, &actor_class_type, 0));
    ORR_OWN(thread, plain, orr_weak_new(thread, class.ref, NULL, NULL, NULL));
    ORR_OWN(thread, loud, orr_weak_new(thread, class.ref, scene_called, &scene->cues[0], NULL));
    struct orr_object *both[] = {plain.ref, loud.ref};
    expect_listed(thread, class.ref, both, 2);
}

static void
share_own(struct orr_thread *thread)
{
    struct scene *const scene = scene_open(thread);
    {
        ORR_OWN(thread, referent, actor_new(thread, scene, &actor_type, 0));
        RULE_EQUAL(orr_weak_count(thread, referent.ref), 0);
        list_of_a_class(thread, scene);
        ORR_OWN(thread, plain, orr_weak_new(thread, referent.ref, NULL, NULL, NULL));
        ORR_OWN(thread, again, orr_weak_new(thread, referent.ref, NULL, NULL, NULL));
        ORR_OWN(thread, loud,
                orr_weak_new(thread, referent.ref, scene_called, &scene->cues[0], NULL));
        ORR_OWN(thread, louder,
                orr_weak_new(thread, referent.ref, scene_called, &scene->cues[0], NULL));
        RULE_CHECK(plain.ref && plain.ref == again.ref);
        RULE_CHECK(loud.ref && loud.ref != plain.ref && louder.ref && louder.ref != loud.ref);
        struct orr_object *all[] = {plain.ref, loud.ref, louder.ref};
        expect_listed(thread, referent.ref, all, 3);
        orr_own_set(&loud, NULL);
        scene_let_die(thread);
        all[1] = louder.ref;
        expect_listed(thread, referent.ref, all, 2);
        orr_own_set(&plain, NULL);
        scene_let_die(thread);
        expect_listed(thread, referent.ref, all, 2); /* `again` is the same one */
        orr_own_set(&again, NULL);
        scene_let_die(thread);
        expect_listed(thread, referent.ref, &all[1], 1);
        orr_own_set(&again, orr_weak_new(thread, referent.ref, NULL, NULL, NULL));
        RULE_EQUAL(orr_weak_count(thread, referent.ref), 2);
    }
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, CALLED), 0); /* they went first: locals end in reverse */
    scene_close(thread, scene);
}

static void
share(struct orr_thread *thread, uint32_t index, void *argument)
{
    share_own(thread);
    share_with_others(thread, index, argument);
}

RULE(
    51,
    "weak references without callback to one object are one; lists and counts know the living ones")
{
    struct sharing sharing = {.rule = rule};
    rule_root_put(rule->thread, &rule->roots[0], rule_new(rule->thread, &rule_type_node));
    rule_crew(rule, share, &sharing);
    {
        ORR_OWN(rule->thread, referent, rule_root_get(rule->thread, &rule->roots[0]));
        scene_let_die(rule->thread);
        RULE_EQUAL(orr_weak_count(rule->thread, referent.ref), 0);
    }
    rule_root_put(rule->thread, &rule->roots[0], NULL);
}

/* --- 52 --------------------------------------------------------------------------------------------- */

enum { CREATIONS = UNDER_SANITIZER ? 10 : 40 };

/* Each birth collects: that of a weak reference finds others, to the same object, in garbage. */
static void
create_while_others_die(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    struct scene *const scene = scene_open(thread);
    ORR_OWN(thread, referent, rule_root_get(thread, &rule->roots[0]));
    (void)index;
    for (uint32_t i = 0; i < CREATIONS; i++) {
        {
            ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_still_type, 0, 2));
            orr_give(thread, ring.ref, 1,
                     orr_weak_new(thread, referent.ref, scene_called, &scene->cues[0], NULL));
            orr_give(thread, ring.ref, 2, orr_weak_new(thread, referent.ref, NULL, NULL, NULL));
        }
        scene_weak(thread, scene, 1 + i % 3, referent.ref, i % 3 != 0);
        ORR_OWN(thread, same, scene_weak_get(thread, scene, 1 + i % 3));
        RULE_CHECK(same.ref == referent.ref);
        struct orr_object *list[8 * RULE_CREW];
        const uint64_t count = orr_weak_list(thread, referent.ref, list, 8 * RULE_CREW);
        RULE_CHECK(count >= 1);
        for (uint64_t k = 0; k < count; k++) {
            RULE_CHECK(orr_is_weak(list[k]));
            RULE_EQUAL(rule_listed(list, count, list[k]), 1);
            orr_release(thread, list[k]);
        }
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 2 * CREATIONS);
    RULE_EQUAL(scene_count(scene, CALLED), 0);
    scene_close(thread, scene);
}

RULE(52, "making a weak reference may collect others of the same object, whose list stays sound")
{
    rule_needs_collector(rule);
    struct orr_heap_options options = rule_options(rule);
    options.stress_every = 1;
    rule_reopen(rule, &options);
    rule_root_put(rule->thread, &rule->roots[0], rule_new(rule->thread, &rule_type_node));
    rule_crew(rule, create_while_others_die, rule);
    {
        ORR_OWN(rule->thread, referent, rule_root_get(rule->thread, &rule->roots[0]));
        rule_settle(rule);
        RULE_EQUAL(orr_weak_count(rule->thread, referent.ref), 0);
    }
    rule_root_put(rule->thread, &rule->roots[0], NULL);
}

/* --- 53 --------------------------------------------------------------------------------------------- */

/* Weak references 2 and 3 of each role: to itself and, in a ring, to the next. */
static void
make_weaks(struct orr_thread *thread, struct actor *actor)
{
    const uint32_t at = 4 * (uint32_t)actor->role;
    scene_weak(thread, actor->scene, at, &actor->header, false);
    scene_weak(thread, actor->scene, at + 1, &actor->header, true);
    ORR_OWN(thread, next, orr_get(thread, &actor->header, 0));
    if (next.ref) {
        scene_weak(thread, actor->scene, at + 2, next.ref, false);
        ORR_OWN(thread, same, scene_weak_get(thread, actor->scene, at + 2));
        RULE_CHECK(same.ref == next.ref);
    }
}

static void
expect_made_cleared(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    for (uint32_t role = 0; role < scene->number; role++)
        for (uint32_t i = 0; i < (scene->number > 1 ? 3u : 2u); i++)
            RULE_CHECK(scene_weak_is_null(thread, scene, 4 * role + i));
}

static void
die_making_weaks(struct orr_thread *thread, uint32_t count)
{
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = make_weaks;
    scene->on_destroy = expect_made_cleared;
    scene->number = count;
    if (count == 1) {
        orr_release(thread, actor_new(thread, scene, &actor_type, 0));
        scene_let_die(thread);
    } else {
        scene_ring(thread, scene, &actor_type, 0, count);
        scene_sweep(thread);
    }
    RULE_EQUAL(scene_count(scene, FINALIZED), count);
    RULE_EQUAL(scene_count(scene, DESTROYED), count);
    for (uint32_t i = 0; i < ROLES; i++)
        RULE_CHECK(scene_times(scene, CALLED, i) <= 1);
    scene_close(thread, scene);
}

static void
make_weaks_too_late(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    die_making_weaks(thread, 1);
    if (thread->heap->collector->collect)
        die_making_weaks(thread, 3);
}

RULE(53, "a weak reference that a finalizer makes to what still dies is cleared before that is "
         "destroyed")
{
    rule_crew(rule, make_weaks_too_late, NULL);
}

/* --- 54 --------------------------------------------------------------------------------------------- */

enum { CLASS, INSTANCE };                      /* roles */
enum { TO_CLASS, TO_INSTANCE, TO_CLASS_LOUD }; /* weak references */

static void
look_up_class(struct orr_thread *thread, struct actor *actor)
{
    struct scene *const scene = actor->scene;
    ORR_OWN(thread, class, scene_weak_get(thread, scene, TO_CLASS));
    RULE_CHECK(class.ref == &scene->cast[CLASS]->header);
    RULE_CHECK(scene_weak_is_null(thread, scene, TO_INSTANCE));
    RULE_CHECK(scene_weak_is_null(thread, scene, TO_CLASS_LOUD));
    if (scene->number && actor->role == INSTANCE)
        scene_keep(thread, &scene->roots[0], &actor->header);
}

static void
expect_three_cleared(struct orr_thread *thread, struct actor *actor)
{
    for (uint32_t i = TO_CLASS; i <= TO_CLASS_LOUD; i++)
        RULE_CHECK(scene_weak_is_null(thread, actor->scene, i));
}

/* The class can still be had; without its reference nothing holds the instance but the collection. */
static void
take_apart(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak;
    ORR_OWN(thread, class, scene_weak_get(thread, cue->scene, TO_CLASS));
    RULE_CHECK(class.ref == &cue->scene->cast[CLASS]->header);
    orr_set(thread, class.ref, 0, NULL);
}

/* With comes_back, the instance, and so its class, survive the collection. */
static void
collect_class(struct orr_thread *thread, bool comes_back, bool comes_apart)
{
    struct scene *const scene = scene_open(thread);
    if (comes_apart)
        scene->on_call = take_apart;
    scene->on_finalize = look_up_class;
    scene->on_destroy = expect_three_cleared;
    scene->number = comes_back;
    {
        ORR_OWN(thread, class, actor_new(thread, scene, &actor_class_type, CLASS));
        ORR_OWN(thread, instance, actor_new(thread, scene, &actor_type, INSTANCE));
        orr_set(thread, class.ref, 0, instance.ref);
        orr_set(thread, instance.ref, 0, class.ref);
        scene_weak(thread, scene, TO_CLASS, class.ref, false);
        scene_weak(thread, scene, TO_INSTANCE, instance.ref, false);
        scene_weak(thread, scene, TO_CLASS_LOUD, class.ref, true);
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, FINALIZED), 2);
    RULE_EQUAL(scene_times(scene, CALLED, TO_CLASS_LOUD), 1);
    RULE_CHECK(scene_last(scene, CALLED) < scene_first(scene, FINALIZED));
    if (comes_back) {
        RULE_EQUAL(scene_count(scene, DESTROYED), 0);
        ORR_OWN(thread, class, scene_weak_get(thread, scene, TO_CLASS));
        RULE_CHECK(class.ref == &scene->cast[CLASS]->header);
    }
    rule_root_put(thread, &scene->roots[0], NULL);
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 2);
    RULE_CHECK(scene_weak_is_null(thread, scene, TO_CLASS));
    scene_close(thread, scene);
}

static void
collect_classes(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    collect_class(thread, false, false);
    collect_class(thread, true, false);
    collect_class(thread, false, true);
}

RULE(54, "weak references without callback to classes last until the finalizers have run")
{
    rule_needs_collector(rule);
    rule_crew(rule, collect_classes, NULL);
}

/* --- 55 --------------------------------------------------------------------------------------------- */

static void
collect_in_callback(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    struct orr_gc_result result;
    (void)weak;
    RULE_EQUAL(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    scene_ring(thread, cue->scene, &actor_still_type, 20 + cue->role, 1);
    RULE_EQUAL(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
}

/* One that dies by its last release while a neighbour lives, and a ring. */
static void
collect_while_dying(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_call = collect_in_callback;
    {
        ORR_OWN(thread, lone, actor_new(thread, scene, &actor_type, 0));
        ORR_OWN(thread, child, actor_new(thread, scene, &actor_type, 1));
        orr_set(thread, lone.ref, 1, child.ref);
        scene_weak(thread, scene, 0, lone.ref, true);
        scene_weak(thread, scene, 1, child.ref, true);
    }
    scene_let_die(thread);
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 2, 2));
        scene_weak(thread, scene, 2, ring.ref, true);
        orr_own_set(&ring, orr_get(thread, ring.ref, 0));
        scene_weak(thread, scene, 3, ring.ref, true);
    }
    scene_sweep(thread);
    scene_sweep(thread); /* what callbacks left behind */
    for (uint32_t i = 0; i < 4; i++) {
        RULE_EQUAL(scene_times(scene, CALLED, i), 1);
        RULE_EQUAL(scene_times(scene, FINALIZED, i), 1);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
        RULE_EQUAL(scene_times(scene, DESTROYED, 20 + i), 1);
    }
    scene_close(thread, scene);
}

RULE(55, "a callback that collects while its referent is being freed does not free it twice")
{
    rule_needs_collector(rule);
    rule_crew(rule, collect_while_dying, NULL);
}

/* --- 56 --------------------------------------------------------------------------------------------- */

enum { OLD = 2 }; /* roles 0 and 1 are young garbage, which holds role 2 */

static void
expect_young_cleared(struct orr_thread *thread, struct actor *actor)
{
    for (uint32_t i = 0; i < 2 && actor->role == OLD; i++)
        RULE_CHECK(scene_weak_is_null(thread, actor->scene, i));
}

static void
expect_young_cleared_in_call(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak;
    expect_young_cleared(thread, cue->scene->cast[OLD]);
}

static void
drop_old_with_young(struct orr_thread *thread, uint32_t index, void *argument)
{
    const struct rule *const rule = argument;
    struct scene *const scene = scene_open(thread);
    (void)index;
    scene->on_finalize = expect_young_cleared;
    scene->on_call = expect_young_cleared_in_call;
    {
        ORR_OWN(thread, old, actor_new(thread, scene, &actor_type, OLD));
        scene_weak(thread, scene, OLD, old.ref, true);
        rule_root_put(thread, &scene->roots[0], orr_take(&old));
    }
    scene_sweep(thread); /* now it is old */
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 0, 2));
        ORR_OWN(thread, next, orr_get(thread, ring.ref, 0));
        ORR_OWN(thread, old, rule_root_get(thread, &scene->roots[0]));
        scene_weak(thread, scene, 0, ring.ref, false);
        scene_weak(thread, scene, 1, next.ref, false);
        orr_set(thread, ring.ref, 1, old.ref);
        rule_root_put(thread, &scene->roots[0], NULL);
    }
    if (rule->threads == 1 && rule->collector->completeness == 1)
        RULE_EQUAL(orr_gc_collect(thread, 0, NULL, NULL), ORR_OK);
    else
        scene_sweep(thread); /* others' collections have aged what was young */
    for (uint32_t i = 0; i <= OLD; i++) {
        RULE_EQUAL(scene_times(scene, FINALIZED, i), 1);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
    }
    RULE_EQUAL(scene_times(scene, CALLED, OLD), 1);
    scene_close(thread, scene);
}

RULE(56, "an old object that young garbage takes along has its callback and finalizer, which see "
         "that cleared")
{
    rule_needs_collector(rule);
    rule_crew(rule, drop_old_with_young, rule);
}

/* --- 57 --------------------------------------------------------------------------------------------- */

enum { FAN = 40, SLICE = 3 };

/* A slice at each poll; others, who stop the world meanwhile, may have taken some over. */
static void
await_deaths(struct orr_thread *thread, struct scene *scene)
{
    while (scene_count(scene, DESTROYED) < FAN) {
        orr_poll_slow(thread);
        orr_yield();
    }
}

/* All of the array's children lose their last reference at once, and are freed a few at a time. */
static void
delay_a_fan(struct orr_thread *thread, const struct orr_type *type)
{
    struct scene *const scene = scene_open(thread);
    {
        ORR_OWN(thread, fan, orr_new_array(thread, &rule_type_array, FAN, 0));
        RULE_CHECK(fan.ref);
        for (uint32_t i = 0; i < FAN; i++) {
            ORR_OWN(thread, child, actor_new(thread, scene, type, i));
            scene_weak(thread, scene, i, child.ref, i % 2);
            orr_give_slot(thread, fan.ref, orr_element(fan.ref, i), orr_take(&child));
        }
    }
    RULE_CHECK(scene_count(scene, DESTROYED) < FAN / 2); /* or nothing was delayed */
    for (uint32_t i = 0; i < FAN; i++)
        RULE_CHECK(scene_weak_is_null(thread, scene, i));
    await_deaths(thread, scene);
    for (uint32_t i = 0; i < FAN; i++) {
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
        RULE_EQUAL(scene_times(scene, CALLED, i), i % 2);
    }
    scene_close(thread, scene);
}

/* In a chain the next dies when the one before is freed: each is dead for all, or alive for all. */
static void
delay_a_chain(struct orr_thread *thread)
{
    struct scene *const scene = scene_open(thread);
    {
        ORR_OWN(thread, first, NULL);
        for (uint32_t i = FAN; i-- > 0;) {
            ORR_OWN(thread, next, actor_new(thread, scene, &actor_type, i));
            scene_weak(thread, scene, i, next.ref, i % 2);
            orr_give(thread, next.ref, 0, orr_take(&first));
            orr_own_set(&first, orr_take(&next));
        }
    }
    RULE_CHECK(scene_count(scene, DESTROYED) < FAN / 2);
    for (uint32_t i = 0; i < FAN; i++) {
        ORR_OWN(thread, member, scene_weak_get(thread, scene, i));
        if (!member.ref)
            continue;
        actor_check(actor_of(member.ref));
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 0);
        orr_poll_slow(thread);
        RULE_EQUAL(scene_times(scene, FINALIZED, i), 0); /* we hold it */
    }
    await_deaths(thread, scene);
    for (uint32_t i = 0; i < FAN; i++) {
        RULE_EQUAL(scene_times(scene, FINALIZED, i), 1);
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
        RULE_EQUAL(scene_times(scene, CALLED, i), i % 2);
        RULE_CHECK(scene_weak_is_null(thread, scene, i));
    }
    scene_close(thread, scene);
}

static void
delay(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    delay_a_fan(thread, &actor_still_type);
    delay_a_fan(thread, &actor_type);
    delay_a_chain(thread);
}

RULE(57, "where freeing is put off, weak references are cleared before anybody can notice")
{
    rule_needs_counts(rule);
    struct orr_heap_options options = rule_options(rule);
    options.release_slice = SLICE;
    rule_reopen(rule, &options);
    rule_crew(rule, delay, NULL);
}

/* --- 58 --------------------------------------------------------------------------------------------- */

static void
raise_in_callback(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak, (void)cue;
    RULE_CHECK(!orr_raised(thread));
    orr_raise(thread, ORR_BAD_INPUT, "a callback of a test says no");
}

static void
expect_carried(struct orr_thread *thread)
{
    const struct orr_error *const error = orr_raised(thread);
    RULE_CHECK(error && error->status == ORR_CHECK_FAILED);
    RULE_CHECK(strcmp(error->message, "carried along") == 0);
}

static void
raise_in_callbacks(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_call = raise_in_callback;
    orr_raise(thread, ORR_CHECK_FAILED, "carried along");
    {
        ORR_OWN(thread, lone, actor_new(thread, scene, &actor_type, 0));
        scene_weak(thread, scene, 0, lone.ref, true);
        scene_weak(thread, scene, 1, lone.ref, true);
    }
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, CALLED), 2); /* the first does not keep the second from running */
    expect_carried(thread);
    if (thread->heap->collector->collect) {
        {
            ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 1, 2));
            scene_weak(thread, scene, 2, ring.ref, true);
        }
        scene_sweep(thread);
        RULE_EQUAL(scene_count(scene, CALLED), 3);
        RULE_EQUAL(scene_count(scene, DESTROYED), 3);
        expect_carried(thread);
    }
    orr_raise_clear(thread);
    scene_close(thread, scene);
}

RULE(58, "an error raised by a callback is reported, and the caller keeps its own")
{
    rule_crew(rule, raise_in_callbacks, NULL);
    RULE_EQUAL(rule->failed.count, (rule->collector->collect ? 3 : 2) * rule->threads);
    RULE_CHECK(strcmp(rule->failed.text, "a callback of a test says no") == 0);
    RULE_CHECK(rule->failed.where[0]);
}
