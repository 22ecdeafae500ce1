/* acts.h - the operations of random programs: one function each, on the stage, by the public doors alone.
 *
 * Included once by the player (play.c) and part of every printed program, behind the stage. Each is total: without the
 * operands it needs it does nothing.
 *
 * A planted bug (stage.plant), for tests of the machine itself:
 *   1  every second `drop` of a hand forgets the release
 *   2  every second `store` forgets the retain
 *
 * Threads: a player belongs to one. Where the stage is free, they run at once: then slots of an object that is private
 * are used by its maker alone, by get, set, give, clear, assign and peek, and those of others by load, store and
 * exchange.
 */
#ifndef ORR_TESTS_RANDOM_ACTS_H
#define ORR_TESTS_RANDOM_ACTS_H

#include "tests/random/stage.h"

/* --- hands ----------------------------------------------------------------------------------------- */

static struct orr_object *
in_hand(struct player *player, unsigned hand)
{
    return player->hands[hand].ref;
}

static void
take(struct player *player, unsigned hand, struct orr_object *object)
{
    orr_own_set(&player->hands[hand], object);
}

/* A slot of what a hand holds that the player may use as `is_private` says; null: there is none. */
static struct orr_slot *
slot_in(struct player *player, unsigned hand, unsigned i, bool is_private)
{
    struct orr_object *const object = in_hand(player, hand);
    if (!object || !is_tagged(object) || slots_of(object) == 0)
        return NULL;
    id_of(object);
    const struct tag *const tag = tag_of(object);
    if (stage.is_free && (tag->is_private != is_private || (is_private && tag->maker != player->number)))
        return NULL;
    return slot_of(object, i % slots_of(object));
}

static bool
plants(unsigned plant)
{
    return stage.plant == plant && orr_add_relaxed(&stage.planted, 1) % 2 == 1; /* relaxed: a count */
}

/* --- operations: each returns what it got, or what it was about; null: nothing was done ------------------ */

static MAYBE_UNUSED struct orr_object *
act_new(struct player *p, unsigned hand, unsigned shape, unsigned length, unsigned action, unsigned id)
{
    const struct orr_type *const type = &types[stage.is_quiet][shape];
    struct orr_object *const object = shape == ARRAY
                                          ? orr_new_array(p->thread, type, length, sizeof(struct tag))
                                          : orr_new(p->thread, type);
    if (!object)
        wrong("no memory");
    tag_set(object, id, action, p->number, action & 1);
    stage_note(NOTE_BORN, id, 0);
    take(p, hand, object);
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_copy(struct player *p, unsigned to, unsigned from)
{
    struct orr_object *const object = in_hand(p, from);
    if (object)
        orr_retain(p->thread, object);
    take(p, to, object);
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_move(struct player *p, unsigned to, unsigned from)
{
    if (to != from)
        take(p, to, orr_take(&p->hands[from]));
    return in_hand(p, to);
}

static MAYBE_UNUSED struct orr_object *
act_drop(struct player *p, unsigned hand)
{
    struct orr_object *const object = in_hand(p, hand);
    if (object && plants(1))
        orr_take(&p->hands[hand]);
    take(p, hand, NULL);
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_get(struct player *p, unsigned to, unsigned from, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, from, i, true);
    if (slot)
        take(p, to, orr_get_slot(p->thread, slot));
    return slot ? in_hand(p, to) : NULL;
}

static MAYBE_UNUSED struct orr_object *
act_set(struct player *p, unsigned holder, unsigned value, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, holder, i, true);
    if (slot)
        orr_set_slot(p->thread, in_hand(p, holder), slot, in_hand(p, value));
    return slot ? in_hand(p, holder) : NULL;
}

/* A cycle must not be closed by moving the last reference from outside into it (mutator.h): then `copies`. */
static MAYBE_UNUSED struct orr_object *
act_give(struct player *p, unsigned holder, unsigned value, unsigned i, bool copies)
{
    struct orr_slot *const slot = slot_in(p, holder, i, true);
    struct orr_object *const object = in_hand(p, holder);
    if (!slot || holder == value)
        return NULL;
    if (copies) {
        orr_set_slot(p->thread, object, slot, in_hand(p, value));
        take(p, value, NULL);
    } else
        orr_give_slot(p->thread, object, slot, orr_take(&p->hands[value]));
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_clear(struct player *p, unsigned holder, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, holder, i, true);
    if (slot)
        orr_set_slot(p->thread, in_hand(p, holder), slot, NULL);
    return slot ? in_hand(p, holder) : NULL;
}

/* The value is borrowed from its slot: the store must retain it before it releases what it overwrites. */
static MAYBE_UNUSED struct orr_object *
act_assign(struct player *p, unsigned holder, unsigned from, unsigned to)
{
    struct orr_slot *const source = slot_in(p, holder, from, true), *const slot = slot_in(p, holder, to, true);
    if (!slot)
        return NULL;
    orr_set_slot(p->thread, in_hand(p, holder), slot, orr_peek_slot(p->thread, source));
    return in_hand(p, holder);
}

static MAYBE_UNUSED struct orr_object *
act_peek(struct player *p, unsigned holder, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, holder, i, true);
    struct orr_object *const object = slot ? orr_peek_slot(p->thread, slot) : NULL;
    if (object && is_tagged(object))
        id_of(object);
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_load(struct player *p, unsigned to, unsigned from, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, from, i, false);
    if (slot)
        take(p, to, orr_load_slot(p->thread, slot));
    if (slot && in_hand(p, to) && is_tagged(in_hand(p, to)))
        id_of(in_hand(p, to));
    return slot ? in_hand(p, to) : NULL;
}

static MAYBE_UNUSED struct orr_object *
act_store(struct player *p, unsigned holder, unsigned value, unsigned i)
{
    struct orr_slot *const slot = slot_in(p, holder, i, false);
    if (slot && in_hand(p, value) && plants(2))
        orr_release(p->thread, orr_exchange_slot(p->thread, in_hand(p, holder), slot, in_hand(p, value)));
    else if (slot)
        orr_store_slot(p->thread, in_hand(p, holder), slot, in_hand(p, value));
    return slot ? in_hand(p, holder) : NULL;
}

static MAYBE_UNUSED struct orr_object *
act_exchange(struct player *p, unsigned holder, unsigned value, unsigned i, bool copies)
{
    struct orr_slot *const slot = slot_in(p, holder, i, false);
    struct orr_object *const object = in_hand(p, holder);
    if (!slot || holder == value)
        return NULL;
    if (copies && in_hand(p, value)) {
        orr_retain(p->thread, in_hand(p, value));
        take(p, value, orr_exchange_slot(p->thread, object, slot, in_hand(p, value)));
    } else
        p->hands[value].ref = orr_exchange_slot(p->thread, object, slot, orr_take(&p->hands[value]));
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_root_load(struct player *p, unsigned to, unsigned root)
{
    take(p, to, orr_load_slot(p->thread, &stage.roots[root].slot));
    return in_hand(p, to);
}

static MAYBE_UNUSED struct orr_object *
act_root_store(struct player *p, unsigned root, unsigned value)
{
    orr_store_slot(p->thread, NULL, &stage.roots[root].slot, in_hand(p, value));
    return in_hand(p, value);
}

static MAYBE_UNUSED struct orr_object *
act_root_exchange(struct player *p, unsigned root, unsigned value)
{
    p->hands[value].ref =
        orr_exchange_slot(p->thread, NULL, &stage.roots[root].slot, orr_take(&p->hands[value]));
    return in_hand(p, value);
}

static MAYBE_UNUSED struct orr_object *
act_weak(struct player *p, unsigned to, unsigned from, unsigned context, unsigned how, unsigned id)
{
    struct orr_object *const referent = in_hand(p, from);
    if (!referent || orr_is_weak(referent))
        return NULL;
    struct orr_object *const weak =
        orr_weak_new(p->thread, referent, how & 1 ? called : NULL, how & 1 ? (void *)(uintptr_t)id : NULL,
                     how == 3 ? in_hand(p, context) : NULL);
    if (!weak)
        wrong("no memory");
    stage_note(NOTE_BORN, id, 0);
    take(p, to, weak);
    return weak;
}

static MAYBE_UNUSED struct orr_object *
act_upgrade(struct player *p, unsigned to, unsigned from)
{
    struct orr_object *const weak = in_hand(p, from);
    if (!weak || !orr_is_weak(weak))
        return NULL;
    struct orr_object *const referent = orr_weak_get(p->thread, weak);
    if (referent && is_tagged(referent))
        id_of(referent);
    take(p, to, referent);
    return referent;
}

static MAYBE_UNUSED struct orr_object *
act_map(struct player *p, unsigned hand, unsigned id)
{
    struct orr_object *const map = orr_weak_keys_new(p->thread);
    if (!map)
        wrong("no memory");
    stage_note(NOTE_BORN, id, 0);
    take(p, hand, map);
    return map;
}

static bool
is_key(struct player *p, unsigned map, unsigned key)
{
    struct orr_object *const object = in_hand(p, key);
    return in_hand(p, map) && is_map(in_hand(p, map)) && object && is_tagged(object) && !orr_is_green(object);
}

static MAYBE_UNUSED struct orr_object *
act_map_set(struct player *p, unsigned map, unsigned key, unsigned value)
{
    if (!is_key(p, map, key) || !in_hand(p, value))
        return NULL;
    if (!orr_weak_keys_set(p->thread, in_hand(p, map), in_hand(p, key), in_hand(p, value)))
        wrong("no memory");
    return in_hand(p, map);
}

static MAYBE_UNUSED struct orr_object *
act_map_get(struct player *p, unsigned to, unsigned map, unsigned key)
{
    if (!is_key(p, map, key))
        return NULL;
    take(p, to, orr_weak_keys_get(p->thread, in_hand(p, map), in_hand(p, key)));
    return in_hand(p, to);
}

static MAYBE_UNUSED struct orr_object *
act_map_remove(struct player *p, unsigned map, unsigned key)
{
    if (is_key(p, map, key))
        orr_weak_keys_remove(p->thread, in_hand(p, map), in_hand(p, key));
    return NULL;
}

static MAYBE_UNUSED struct orr_object *
act_rescue(struct player *p, unsigned to, unsigned id)
{
    take(p, to, orr_exchange_slot(p->thread, NULL, &stage.saved[id].slot, NULL));
    return in_hand(p, to);
}

/* Under biased counting by the owner alone, or when the object is merged. */
static MAYBE_UNUSED struct orr_object *
act_immortal(struct player *p, unsigned hand)
{
    struct orr_object *const object = in_hand(p, hand);
    const uint32_t owner = object ? orr_load_relaxed(&object->owner) : 0; /* relaxed: ours, or somebody else's */
    if (!object || (p->thread->heap->rc->has_owner && owner != 0 && owner != p->thread->id))
        return NULL;
    if (!orr_immortalise(p->thread, object))
        wrong("no memory");
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_pin(struct player *p, unsigned hand, unsigned pin)
{
    struct orr_object *const object = in_hand(p, hand);
    pin %= PINS;
    if (!object || p->pins[pin])
        return NULL;
    p->pins[pin] = orr_pin(p->thread, object);
    if (!p->pins[pin])
        wrong("no memory");
    return object;
}

static MAYBE_UNUSED struct orr_object *
act_unpin(struct player *p, unsigned pin)
{
    pin %= PINS;
    if (p->pins[pin])
        orr_unpin(p->thread, p->pins[pin]);
    p->pins[pin] = NULL;
    return NULL;
}

/* True: all is frozen. */
static MAYBE_UNUSED bool
act_freeze(struct player *p)
{
    return orr_gc_freeze(p->thread);
}

static MAYBE_UNUSED void
act_unfreeze(struct player *p)
{
    orr_gc_unfreeze(p->thread);
}

static MAYBE_UNUSED struct orr_object *
act_try(struct player *p, unsigned to, unsigned from)
{
    struct orr_object *const object = in_hand(p, from);
    if (!object || !(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED)) /* relaxed: we hold it */
        return NULL;
    if (!orr_try_retain(p->thread, object))
        wrong("an object that is held cannot be retained");
    take(p, to, object);
    return object;
}

static MAYBE_UNUSED bool
act_unique(struct player *p, unsigned hand)
{
    return in_hand(p, hand) && orr_is_unique(p->thread, in_hand(p, hand));
}

/* Number of the collection; 0: none ran. */
static MAYBE_UNUSED uint64_t
act_collect(struct player *p, unsigned generation)
{
    struct orr_gc_result result = {0};
    if (orr_gc_collect(p->thread, (int)(generation % ORR_GENERATIONS), &result, NULL) != ORR_OK)
        wrong("a collection is refused");
    return result.number;
}

static MAYBE_UNUSED void
act_step(struct player *p)
{
    struct orr_gc_result result;
    orr_gc_step(p->thread, 1000000, &result);
}

/* What no thread has under way any more: merge queues, worklists. */
static MAYBE_UNUSED void
act_quiet(struct player *p)
{
    orr_world_stop(stage.heap, p->thread);
    orr_counts_settle(p->thread);
    orr_world_resume(stage.heap);
    orr_poll(p->thread);
    orr_settle(p->thread);
}

/* Settles until no finalizer runs any more; once more where values of weak maps die after their maps. */
static MAYBE_UNUSED void
act_settle(struct player *p)
{
    uint32_t before;
    unsigned rounds = 0;
    do {
        before = orr_load_relaxed(&stage.finalizers); /* relaxed, both: a count */
        act_quiet(p);
    } while (before != orr_load_relaxed(&stage.finalizers) || rounds++ < 1);
    act_quiet(p);
}

static MAYBE_UNUSED void
act_block(struct player *p)
{
    orr_block_enter(p->thread);
    orr_yield();
    orr_block_leave(p->thread);
}

/* What hands hold waits in roots meanwhile. */
static MAYBE_UNUSED void
act_reattach(struct player *p)
{
    for (unsigned i = 0; i < HANDS; i++)
        orr_exchange_slot(p->thread, NULL, &p->spill[i].slot, orr_take(&p->hands[i]));
    stage_leave(p);
    stage_enter(p);
    for (unsigned i = 0; i < HANDS; i++)
        p->hands[i].ref = orr_exchange_slot(p->thread, NULL, &p->spill[i].slot, NULL);
}

static MAYBE_UNUSED void
act_poll(struct player *p)
{
    orr_poll(p->thread);
}

/* --- letting go ------------------------------------------------------------------------------------ */

/* Lets go of everything. */
static MAYBE_UNUSED void
player_empty(struct player *p)
{
    for (unsigned i = 0; i < HANDS; i++)
        act_drop(p, i);
    for (unsigned i = 0; i < PINS; i++)
        act_unpin(p, i);
}

/* Empties the roots until nothing more is saved by finalizers, thaws and settles. */
static MAYBE_UNUSED void
stage_empty(struct player *p)
{
    uint32_t before;
    act_unfreeze(p);
    do {
        before = orr_load_relaxed(&stage.finalizers); /* relaxed, both: a count */
        for (unsigned i = 0; i < ROOTS; i++)
            orr_store_slot(p->thread, NULL, &stage.roots[i].slot, NULL);
        for (unsigned i = 0; i < OBJECTS; i++) {
            stage_note(NOTE_LET_GO, i, 0);
            orr_store_slot(p->thread, NULL, &stage.saved[i].slot, NULL);
        }
        act_settle(p);
    } while (before != orr_load_relaxed(&stage.finalizers));
}

#endif
