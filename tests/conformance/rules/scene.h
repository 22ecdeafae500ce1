/* scene.h - a few objects whose ends are written down: who was finalized, called back and destroyed, in order.
 *
 *     struct scene *const scene = scene_open(thread);
 *     scene_ring(thread, scene, &actor_type, 0, 3);      roles 0 to 2, held by nobody
 *     scene_sweep(thread);
 *     RULE_EQUAL(scene_times(scene, FINALIZED, 0), 1);
 *     scene_close(thread, scene);
 *
 * Each actor knows its scene and its role in it. Its finalizer and its destroy check that it is whole, write
 * the event down, and then do what the scene says. Several scenes may run at once, one per thread of a crew:
 * the events of one may happen on any of them, because a collection frees everybody's garbage.
 *
 * Owns its memory until scene_close, which checks that every actor has been destroyed, once.
 */
#ifndef ORR_TESTS_CONFORMANCE_RULES_SCENE_H
#define ORR_TESTS_CONFORMANCE_RULES_SCENE_H

#include "tests/conformance/rules/rule.h"

enum { ROLES = 64, SCENE_ROOTS = 8, SCENE_EVENTS = 1000 };

enum scene_event { FINALIZED, DESTROYED, CALLED, SCENE_EVENT_KINDS };

/* The place of something that did not happen. */
#define NEVER UINT32_MAX

struct actor;
struct scene;

/* What a weak reference's callback is told. */
struct cue {
    struct scene *scene;
    uint32_t role;
};

struct scene {
    struct orr_heap *heap;
    uint32_t index; /* of the crew member; the program's */
    /* What happens in finalizers, destroys and callbacks; null: nothing more. */
    void (*on_finalize)(struct orr_thread *thread, struct actor *actor);
    void (*on_destroy)(struct orr_thread *thread, struct actor *actor);
    void (*on_call)(struct orr_thread *thread, struct orr_object *weak, struct cue *cue);
    struct orr_root
        roots[SCENE_ROOTS];       /* for what comes back, and what must be reached from callbacks */
    struct orr_root weaks[ROLES]; /* a weak reference per role or more, as the rule likes */
    struct actor *cast[ROLES];    /* the newest actor of each role; uncounted */
    struct cue cues[ROLES];
    uint32_t number; /* the program's */
    _Atomic(uint32_t) born, length;
    _Atomic(uint32_t) log[SCENE_EVENTS]; /* event << 16 | role */
};

struct actor {
    struct orr_object header;
    struct orr_slot slots[3];
    struct scene *scene;
    uint64_t role, check;
};

extern const struct orr_type actor_type;        /* with finalize and destroy */
extern const struct orr_type actor_still_type;  /* without finalize */
extern const struct orr_type actor_green_type;  /* green; no references; finalize and destroy */
extern const struct orr_type actor_class_type;  /* ORR_TYPE_CLASS; finalize and destroy */
extern const struct orr_type actor_legacy_type; /* ORR_TYPE_LEGACY; finalize and destroy */

struct scene *scene_open(struct orr_thread *thread);
/* Empties the roots, lets what hangs from them die, and checks. */
void scene_close(struct orr_thread *thread, struct scene *scene);

/* --- actors ----------------------------------------------------------------------------------------- */

/* Counted. */
struct orr_object *actor_new(struct orr_thread *thread, struct scene *scene,
                             const struct orr_type *type, uint32_t role);
/* Aborts the rule if the actor is not as it was made, or has been destroyed. */
void actor_check(const struct actor *actor);

static inline struct actor *
actor_of(struct orr_object *object)
{
    return (struct actor *)object;
}

/* What the actor's slot holds, without a reference. */
static inline struct orr_object *
actor_peek(const struct actor *actor, uint32_t i)
{
    return orr_slot_peek(&actor->slots[i]);
}

/* Fresh actors with roles first to first + count - 1, linked to a ring by slot 0. Counted: the first of them. */
struct orr_object *scene_new_ring(struct orr_thread *thread, struct scene *scene,
                                  const struct orr_type *type, uint32_t first, uint32_t count);
/* The same, dropped: garbage. */
void scene_ring(struct orr_thread *thread, struct scene *scene, const struct orr_type *type,
                uint32_t first, uint32_t count);

/* The root refers to the object too. */
void scene_keep(struct orr_thread *thread, struct orr_root *root, struct orr_object *object);

/* --- weak references -------------------------------------------------------------------------------- */

/* A weak reference in scene->weaks[slot], with a callback that writes CALLED with `slot` down; or without. */
void scene_weak(struct orr_thread *thread, struct scene *scene, uint32_t slot,
                struct orr_object *referent, bool with_callback);
/* What scene->weaks[slot] leads to; counted, or null. */
struct orr_object *scene_weak_get(struct orr_thread *thread, struct scene *scene, uint32_t slot);
bool scene_weak_is_null(struct orr_thread *thread, struct scene *scene, uint32_t slot);
/* The callback: `cue` is a struct cue. */
void scene_called(struct orr_thread *thread, struct orr_object *weak, void *cue);

/* --- time ------------------------------------------------------------------------------------------- */

/* As many complete collections as the collector needs, each begun after the call; others may collect too. */
void scene_sweep(struct orr_thread *thread);
/* What has lost its last reference dies now: at once where references are counted, else in a sweep. */
void scene_let_die(struct orr_thread *thread);

uint32_t scene_count(struct scene *scene, enum scene_event event);
uint32_t scene_times(struct scene *scene, enum scene_event event, uint32_t role);
/* Where in the log the first or last such event stands; NEVER. */
uint32_t scene_first(struct scene *scene, enum scene_event event);
uint32_t scene_last(struct scene *scene, enum scene_event event);
uint32_t scene_place(struct scene *scene, enum scene_event event, uint32_t role);

#endif
