/* scene.c - actors, their weak references, and the log of their ends. */
#include "tests/conformance/rules/scene.h"

#include <stdlib.h>

/* --- the log ---------------------------------------------------------------------------------------- */

static void
write_down(struct scene *scene, enum scene_event event, uint64_t role)
{
    const uint32_t at = orr_add_acq_rel(&scene->length, 1); /* events of one thread stay in order */
    RULE_CHECK(at < SCENE_EVENTS);
    orr_store_release(&scene->log[at], (uint32_t)(event + 1) << 16 | (uint32_t)role);
}

static uint32_t
find(struct scene *scene, enum scene_event event, uint32_t role, bool last, uint32_t *times)
{
    const uint32_t length = orr_load_acquire(&scene->length);
    uint32_t found = NEVER;
    *times = 0;
    for (uint32_t i = 0; i < length; i++) {
        const uint32_t entry = orr_load_acquire(&scene->log[i]);
        if (entry >> 16 != event + 1u || (role != NEVER && (entry & 0xffff) != role))
            continue;
        if (last || found == NEVER)
            found = i;
        ++*times;
    }
    return found;
}

uint32_t
scene_count(struct scene *scene, enum scene_event event)
{
    return scene_times(scene, event, NEVER);
}

uint32_t
scene_times(struct scene *scene, enum scene_event event, uint32_t role)
{
    uint32_t times;
    find(scene, event, role, false, &times);
    return times;
}

uint32_t
scene_first(struct scene *scene, enum scene_event event)
{
    return scene_place(scene, event, NEVER);
}

uint32_t
scene_last(struct scene *scene, enum scene_event event)
{
    uint32_t times;
    return find(scene, event, NEVER, true, &times);
}

uint32_t
scene_place(struct scene *scene, enum scene_event event, uint32_t role)
{
    uint32_t times;
    return find(scene, event, role, false, &times);
}

/* --- types ------------------------------------------------------------------------------------------ */

static uint64_t
check_of(const struct actor *actor)
{
    return (actor->role ^ (uintptr_t)actor ^ (uintptr_t)actor->scene) * 0x9e3779b97f4a7c15u;
}

void
actor_check(const struct actor *actor)
{
    RULE_CHECK(orr_load_relaxed(&actor->header.type) != 0); /* relaxed: the caller vouches for it */
    RULE_CHECK(actor->role < ROLES);
    RULE_CHECK(actor->check == check_of(actor));
}

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    struct actor *const actor = actor_of(object);
    actor_check(actor);
    void (*const also)(struct orr_thread *, struct actor *) = actor->scene->on_finalize;
    write_down(actor->scene, FINALIZED, actor->role); /* without a hook, the scene may end now */
    if (also)
        also(thread, actor);
    actor_check(actor);
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    struct actor *const actor = actor_of(object);
    actor_check(actor);
    void (*const also)(struct orr_thread *, struct actor *) = actor->scene->on_destroy;
    write_down(actor->scene, DESTROYED, actor->role); /* without a hook, the scene may end now */
    if (also)
        also(thread, actor);
    actor_check(actor);
}

static uint16_t index_actor, index_still, index_green, index_class, index_legacy;

#define ACTOR .bytes = sizeof(struct actor), .destroy = destroy

const struct orr_type actor_type = {
    .name = "actor", ACTOR, .references = 3, .finalize = finalize, .index = &index_actor};
const struct orr_type actor_still_type = {
    .name = "still actor", ACTOR, .references = 3, .index = &index_still};
const struct orr_type actor_green_type = {.name = "green actor",
                                          ACTOR,
                                          .flags = ORR_TYPE_ACYCLIC,
                                          .finalize = finalize,
                                          .index = &index_green};
const struct orr_type actor_class_type = {.name = "class actor",
                                          ACTOR,
                                          .references = 3,
                                          .flags = ORR_TYPE_CLASS,
                                          .finalize = finalize,
                                          .index = &index_class};
const struct orr_type actor_legacy_type = {.name = "legacy actor",
                                           ACTOR,
                                           .references = 3,
                                           .flags = ORR_TYPE_LEGACY,
                                           .finalize = finalize,
                                           .index = &index_legacy};

__attribute__((constructor)) static void
register_types(void)
{
    const struct orr_type *const types[] = {&actor_type, &actor_still_type, &actor_green_type,
                                            &actor_class_type, &actor_legacy_type};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        orr_require(orr_type_register(types[i], NULL) == ORR_OK, "no memory for a type");
}

/* --- scenes ----------------------------------------------------------------------------------------- */

struct scene *
scene_open(struct orr_thread *thread)
{
    struct scene *const scene = calloc(1, sizeof *scene);
    RULE_CHECK(scene);
    scene->heap = thread->heap;
    for (uint32_t i = 0; i < SCENE_ROOTS; i++)
        orr_root_add(thread->heap, &scene->roots[i]);
    for (uint32_t i = 0; i < ROLES; i++) {
        orr_root_add(thread->heap, &scene->weaks[i]);
        scene->cues[i] = (struct cue){scene, i};
    }
    return scene;
}

void
scene_close(struct orr_thread *thread, struct scene *scene)
{
    scene->on_finalize = scene->on_destroy = NULL;
    scene->on_call = NULL;
    for (uint32_t i = 0; i < SCENE_ROOTS; i++)
        rule_root_put(thread, &scene->roots[i], NULL);
    for (uint32_t i = 0; i < ROLES; i++)
        rule_root_put(thread, &scene->weaks[i], NULL);
    if (thread->heap->collector->collect)
        scene_sweep(thread);
    for (uint32_t i = 0; i < SCENE_ROOTS; i++)
        orr_root_remove(thread->heap, &scene->roots[i]);
    for (uint32_t i = 0; i < ROLES; i++)
        orr_root_remove(thread->heap, &scene->weaks[i]);
    RULE_EQUAL(scene_count(scene, DESTROYED),
               orr_load_relaxed(&scene->born)); /* relaxed: a count */
    free(scene);
}

/* --- actors ----------------------------------------------------------------------------------------- */

struct orr_object *
actor_new(struct orr_thread *thread, struct scene *scene, const struct orr_type *type,
          uint32_t role)
{
    struct orr_object *const object = orr_new(thread, type);
    struct actor *const actor = actor_of(object);
    RULE_CHECK(actor);
    RULE_CHECK(role < ROLES);
    actor->scene = scene;
    actor->role = role;
    actor->check = check_of(actor);
    scene->cast[role] = actor;
    orr_add_relaxed(&scene->born, 1); /* relaxed: a count */
    return object;
}

struct orr_object *
scene_new_ring(struct orr_thread *thread, struct scene *scene, const struct orr_type *type,
               uint32_t first, uint32_t count)
{
    ORR_OWN(thread, start, actor_new(thread, scene, type, first));
    ORR_OWN(thread, last, orr_get_slot(thread, &start.slot));
    for (uint32_t i = 1; i < count; i++) {
        ORR_OWN(thread, next, actor_new(thread, scene, type, first + i));
        orr_set(thread, last.ref, 0, next.ref);
        orr_own_set(&last, orr_take(&next));
    }
    orr_set(thread, last.ref, 0, start.ref);
    return orr_take(&start);
}

void
scene_ring(struct orr_thread *thread, struct scene *scene, const struct orr_type *type,
           uint32_t first, uint32_t count)
{
    ORR_OWN(thread, ring, scene_new_ring(thread, scene, type, first, count));
}

void
scene_keep(struct orr_thread *thread, struct orr_root *root, struct orr_object *object)
{
    orr_retain(thread, object);
    rule_root_put(thread, root, object);
}

/* --- weak references -------------------------------------------------------------------------------- */

void
scene_called(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    struct cue *const cue = argument;
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    RULE_CHECK(!referent.ref);
    void (*const also)(struct orr_thread *, struct orr_object *, struct cue *) =
        cue->scene->on_call;
    write_down(cue->scene, CALLED, cue->role); /* as above */
    if (also)
        also(thread, weak, cue);
}

void
scene_weak(struct orr_thread *thread, struct scene *scene, uint32_t slot,
           struct orr_object *referent, bool with_callback)
{
    struct orr_object *const weak =
        orr_weak_new(thread, referent, with_callback ? scene_called : NULL,
                     with_callback ? &scene->cues[slot] : NULL, NULL);
    RULE_CHECK(weak);
    rule_root_put(thread, &scene->weaks[slot], weak);
}

struct orr_object *
scene_weak_get(struct orr_thread *thread, struct scene *scene, uint32_t slot)
{
    ORR_OWN(thread, weak, rule_root_get(thread, &scene->weaks[slot]));
    RULE_CHECK(weak.ref);
    return orr_weak_get(thread, weak.ref);
}

bool
scene_weak_is_null(struct orr_thread *thread, struct scene *scene, uint32_t slot)
{
    ORR_OWN(thread, referent, scene_weak_get(thread, scene, slot));
    return referent.ref == NULL;
}

/* --- time ------------------------------------------------------------------------------------------- */

/* One collection that began after the call. While one is under way whose finalizers may wait for us, it is not
 * waited for: asked again. */
static void
collect(struct orr_thread *thread)
{
    struct orr_gc_result result = {0};
    while (result.number == 0) {
        RULE_EQUAL(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
        if (result.number == 0) {
            orr_block_enter(thread);
            orr_yield();
            orr_block_leave(thread);
        }
    }
}

void
scene_sweep(struct orr_thread *thread)
{
    const struct orr_collector *const collector = thread->heap->collector;
    RULE_CHECK(collector->collect);
    orr_poll(thread);
    if (collector->completeness == 0)
        orr_settle(thread);
    for (uint32_t i = 0; i < collector->completeness; i++)
        collect(thread);
}

void
scene_let_die(struct orr_thread *thread)
{
    if (!ORR_COUNTED)
        scene_sweep(thread);
}
