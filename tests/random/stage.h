/* stage.h - what random programs play on: a real heap, its types and roots, what its callbacks do, and the players.
 *
 * Included once by the player (play.c) and part of every printed program, as the operations are (acts.h), so that both
 * do the same. Whoever includes this defines stage_note, which is told what callbacks see.
 *
 * What can be judged where it happens is judged here: an object that is read carries the tag it was born with; it is
 * finalized and destroyed at most once, and destroyed after its finalizer; its children are whole then; a callback
 * runs once, on a weak reference that is cleared.
 *
 * Threads: a player belongs to one. Roots are shared, and written atomically; what callbacks count is atomic.
 */
#ifndef ORR_TESTS_RANDOM_STAGE_H
#define ORR_TESTS_RANDOM_STAGE_H

#include "collectors/catalogue.h"
#include "runtime/mutator.h"
#include "runtime/orrery.h"
#include "tests/random/things.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE_UNUSED __attribute__((unused))

struct tag {
    uint64_t check;
    uint8_t id, action, maker;
    bool is_private;
};

struct player {
    struct orr_thread *thread;
    unsigned number;
    struct orr_own hands[HANDS];
    struct orr_root spill[HANDS]; /* hands, while the thread leaves and comes back */
    struct orr_root *pins[PINS];
};

static struct {
    struct orr_heap *heap;
    bool is_free, is_quiet;
    unsigned plant;
    struct orr_root roots[ROOTS], saved[OBJECTS];
    _Atomic(uint32_t) finalized[OBJECTS], destroyed[2 * OBJECTS], called[OBJECTS];
    _Atomic(uint32_t) finalizers; /* runs of them, all in all */
    _Atomic(uint32_t) planted;
} stage;

static void stage_note(enum note what, unsigned object, unsigned other);

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Ends the process at once: other threads are in the middle of something. */
static void
wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("random: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(stderr);
    _Exit(1);
}

/* --- types ----------------------------------------------------------------------------------------- */

static void finalize(struct orr_thread *thread, struct orr_object *object);
static void destroy(struct orr_thread *thread, struct orr_object *object);

#define BYTES(slots) (uint32_t)(sizeof(struct orr_object) + (slots) * sizeof(struct orr_slot) + sizeof(struct tag))

static uint16_t type_index[2][SHAPES];

/* Loud ones, whose death is told, and quiet ones. */
static const struct orr_type types[2][SHAPES] = {
    {{.name = "node", .bytes = BYTES(2), .references = 2, .destroy = destroy, .index = &type_index[0][NODE]},
     {.name = "wide", .bytes = BYTES(5), .references = 5, .destroy = destroy, .index = &type_index[0][WIDE]},
     {.name = "array",
      .bytes = sizeof(struct orr_array),
      .flags = ORR_TYPE_ARRAY,
      .destroy = destroy,
      .index = &type_index[0][ARRAY]},
     {.name = "leaf",
      .bytes = BYTES(0),
      .flags = ORR_TYPE_ACYCLIC,
      .destroy = destroy,
      .index = &type_index[0][LEAF]},
     {.name = "actor",
      .bytes = BYTES(2),
      .references = 2,
      .finalize = finalize,
      .destroy = destroy,
      .index = &type_index[0][ACTOR]}},
    {{.name = "quiet node", .bytes = BYTES(2), .references = 2, .index = &type_index[1][NODE]},
     {.name = "quiet wide", .bytes = BYTES(5), .references = 5, .index = &type_index[1][WIDE]},
     {.name = "quiet array",
      .bytes = sizeof(struct orr_array),
      .flags = ORR_TYPE_ARRAY,
      .index = &type_index[1][ARRAY]},
     {.name = "quiet leaf", .bytes = BYTES(0), .flags = ORR_TYPE_ACYCLIC, .index = &type_index[1][LEAF]},
     {.name = "quiet actor", .bytes = BYTES(2), .references = 2, .index = &type_index[1][ACTOR]}}};

static uint32_t
slots_of(const struct orr_object *object)
{
    const struct orr_type *const type = orr_type_of(object);
    return type->flags & ORR_TYPE_ARRAY ? ((const struct orr_array *)object)->length : type->references;
}

static struct orr_slot *
slot_of(struct orr_object *object, uint32_t i)
{
    return orr_type_of(object)->flags & ORR_TYPE_ARRAY ? orr_element(object, i) : orr_field(object, i);
}

static bool
is_map(const struct orr_object *object)
{
    return orr_type_of(object) == &orr_weak_keys_type;
}

/* Of ours: it has a tag. */
static bool
is_tagged(const struct orr_object *object)
{
    return !orr_is_weak(object) && !is_map(object);
}

static struct tag *
tag_of(struct orr_object *object)
{
    return (struct tag *)(void *)((char *)object + orr_object_bytes(object) - sizeof(struct tag));
}

static uint64_t
check_of(const struct orr_object *object, const struct tag *tag)
{
    const uint64_t word = tag->id | (uint64_t)tag->action << 8 | (uint64_t)tag->maker << 16;
    return ((uintptr_t)object ^ word) * 0x9e3779b97f4a7c15u;
}

/* The object's id, after a look at its tag. */
static unsigned
id_of(struct orr_object *object)
{
    const struct tag *const tag = tag_of(object);
    if (tag->check != check_of(object, tag) || tag->id >= 2 * OBJECTS)
        wrong("the object %p is not what it was born as: its memory has been used", (void *)object);
    return tag->id;
}

static void
tag_set(struct orr_object *object, unsigned id, unsigned action, unsigned maker, bool is_private)
{
    struct tag *const tag = tag_of(object);
    *tag = (struct tag){
        .id = (uint8_t)id, .action = (uint8_t)action, .maker = (uint8_t)maker, .is_private = is_private};
    tag->check = check_of(object, tag);
}

/* --- callbacks ------------------------------------------------------------------------------------- */

/* Whether a weak reference in a root, which lives, still leads to the object. */
static bool
is_seen(struct orr_thread *thread, struct orr_object *object)
{
    bool seen = false;
    for (unsigned i = 0; i < ROOTS; i++) {
        ORR_OWN(thread, weak, orr_load_slot(thread, &stage.roots[i].slot));
        if (!weak.ref || !orr_is_weak(weak.ref))
            continue;
        ORR_OWN(thread, referent, orr_weak_get(thread, weak.ref));
        seen |= referent.ref == object;
    }
    return seen;
}

static void
save(struct orr_thread *thread, unsigned id, struct orr_object *object)
{
    stage_note(NOTE_SAVE, id, id_of(object));
    orr_store_slot(thread, NULL, &stage.saved[id].slot, object);
}

static void
spawn(struct orr_thread *thread, struct orr_object *object, unsigned id)
{
    ORR_OWN(thread, node, orr_new(thread, &types[0][NODE]));
    if (!node.ref)
        wrong("no memory");
    tag_set(node.ref, OBJECTS + id, 0, 0, false);
    stage_note(NOTE_SPAWN, id, OBJECTS + id);
    orr_store(thread, object, 0, node.ref);
}

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    const unsigned id = id_of(object), action = tag_of(object)->action;
    if (orr_add_relaxed(&stage.finalized[id], 1) != 0) /* relaxed, all: counts */
        wrong("object %u is finalized twice", id);
    if (orr_load_relaxed(&stage.destroyed[id]))
        wrong("object %u is finalized after it was destroyed", id);
    orr_add_relaxed(&stage.finalizers, 1);
    stage_note(NOTE_FINALIZE, id, action & ACT_COLLECT);
    if (!stage.is_free && is_seen(thread, object))
        stage_note(NOTE_SEEN, id, 0);
    if (action & ACT_SPAWN)
        spawn(thread, object, id);
    if (action & ACT_DROP) {
        stage_note(NOTE_CLEAR, id, 1);
        orr_store(thread, object, 1, NULL);
    }
    ORR_OWN(thread, child, orr_load(thread, object, 0));
    if ((action & ACT_CHILD) && child.ref && is_tagged(child.ref))
        save(thread, id, child.ref);
    if (action & ACT_RESCUE)
        save(thread, id, object);
    if (action & ACT_COLLECT)
        orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    stage_note(NOTE_FINALIZED, id, 0);
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    const unsigned id = id_of(object);
    (void)thread;
    if (orr_add_relaxed(&stage.destroyed[id], 1) != 0) /* relaxed, both: counts */
        wrong("object %u is destroyed twice", id);
    if (orr_type_of(object)->finalize && orr_load_relaxed(&stage.finalized[id]) != 1)
        wrong("object %u is destroyed without having been finalized", id);
    for (uint32_t i = 0; i < slots_of(object); i++) {
        struct orr_object *const child = orr_slot_peek(slot_of(object, i));
        if (child && is_tagged(child))
            id_of(child);
    }
    stage_note(NOTE_DESTROY, id, 0);
}

static void
called(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    const unsigned id = (unsigned)(uintptr_t)argument;
    if (orr_add_relaxed(&stage.called[id], 1) != 0) /* relaxed: a count */
        wrong("the callback of weak reference %u runs twice", id);
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    if (referent.ref)
        wrong("the callback of weak reference %u finds its referent alive", id);
    stage_note(NOTE_CALL, id, 0);
}

/* --- the stage ------------------------------------------------------------------------------------- */

static MAYBE_UNUSED bool
stage_open(const struct orr_heap_options *options, bool is_free, bool is_quiet, struct orr_error *error)
{
    memset(&stage, 0, sizeof stage);
    stage.is_free = is_free;
    stage.is_quiet = is_quiet;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned shape = 0; shape < SHAPES; shape++)
            if (orr_type_register(&types[i][shape], error) != ORR_OK)
                return false;
    if (orr_type_register(&orr_weak_keys_type, error) != ORR_OK ||
        orr_heap_create(options, &stage.heap, error) != ORR_OK)
        return false;
    for (unsigned i = 0; i < ROOTS; i++)
        orr_root_add(stage.heap, &stage.roots[i]);
    for (unsigned i = 0; i < OBJECTS; i++)
        orr_root_add(stage.heap, &stage.saved[i]);
    return true;
}

static void
stage_enter(struct player *p)
{
    struct orr_error error;
    if (orr_thread_attach(stage.heap, &p->thread, &error) != ORR_OK)
        wrong("%s", error.message);
    for (unsigned i = 0; i < HANDS; i++) {
        p->hands[i].ref = NULL;
        orr_own_begin(p->thread, &p->hands[i]);
    }
}

/* Hands are empty. */
static void
stage_leave(struct player *p)
{
    for (unsigned i = HANDS; i-- > 0;)
        orr_own_end(&p->hands[i]);
    orr_thread_detach(p->thread);
}

static void
player_open(struct player *p, unsigned number)
{
    memset(p, 0, sizeof *p);
    p->number = number;
    stage_enter(p); /* first: who is not attached may not touch the list of roots while others collect */
    for (unsigned i = 0; i < HANDS; i++)
        orr_root_add(stage.heap, &p->spill[i]);
}

static MAYBE_UNUSED void
player_close(struct player *p)
{
    for (unsigned i = 0; i < HANDS; i++)
        orr_root_remove(stage.heap, &p->spill[i]);
    stage_leave(p);
}

/* The verifier: every reference lies in an object, a root, or (where locals are linked, or the hands are empty) a
 * linked local. */
static MAYBE_UNUSED void
stage_verify(struct player *p, bool exact)
{
    struct orr_error error = {0};
    orr_world_stop(stage.heap, p->thread);
    orr_counts_settle(p->thread);
    const bool sound = (exact ? orr_heap_verify_exact : orr_heap_verify)(stage.heap, p->thread, &error);
    orr_world_resume(stage.heap);
    if (!sound && error.status != ORR_NOT_APPLICABLE)
        wrong("%s", error.message);
    if (orr_load_relaxed(&stage.heap->verification_failed)) /* relaxed: one way */
        wrong("a verification around a collection has failed");
}

#endif
