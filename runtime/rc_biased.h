/* rc_biased.h - the inline half of biased counting: the owner counts without atomics.
 *
 * After: Choi, Shull, Torrellas 2018, with the states of PEP 703 (papers/reading/biased.md). The owner
 * adds and subtracts in its own word; everybody else works on `shared`. rc_biased.c has the states, the
 * merge queue and the sync table. Immortal objects carry an owner id that nobody has, so the fast path
 * does not know them.
 */
#ifndef ORR_RUNTIME_RC_BIASED_H
#define ORR_RUNTIME_RC_BIASED_H

#include "runtime/rc.h"
#include "runtime/slot.h"

enum { ORR_COUNTED = 1 };

/* The owner's half is now zero, or negative: perhaps dead, or a candidate for the first time. */
void orr_rc_biased_released(struct orr_thread *thread, struct orr_object *object, uint32_t left)
    __attribute__((noinline));
/* Another thread's object, or a merged one. */
void orr_rc_biased_retain_shared(struct orr_thread *thread, struct orr_object *object)
    __attribute__((noinline));
void orr_rc_biased_release_shared(struct orr_thread *thread, struct orr_object *object)
    __attribute__((noinline));

/* relaxed: only the owner sets its own id (at birth) and only the owner, or somebody who holds it still,
 * clears it; any other value seen sends us to the shared path, which is right for every object. */
static inline bool
orr_rc_biased_is_mine(const struct orr_thread *thread, const struct orr_object *object)
{
    return orr_load_relaxed(&object->owner) == thread->id;
}

static inline void
orr_rc_retain(struct orr_thread *thread, struct orr_object *object)
{
    if (__builtin_expect(orr_rc_biased_is_mine(thread, object), 1)) /* relaxed: owner's own word */
        orr_store_relaxed(&object->count, orr_load_relaxed(&object->count) + 1);
    else
        orr_rc_biased_retain_shared(thread, object);
}

static inline void
orr_rc_release(struct orr_thread *thread, struct orr_object *object)
{
    if (__builtin_expect(!orr_rc_biased_is_mine(thread, object), 0)) {
        orr_rc_biased_release_shared(thread, object);
        return;
    }
    uint32_t left = orr_load_relaxed(&object->count) - 1; /* relaxed: owner's own word */
    orr_store_relaxed(&object->count, left);
    if (__builtin_expect((int32_t)left <= 0, 0))
        orr_rc_biased_released(thread, object, left);
}

static inline struct orr_object *
orr_rc_acquire_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    struct orr_object *object = orr_slot_lock(slot);
    if (object) {
        orr_rc_retain(thread, object);
        orr_slot_unlock(slot, object);
    }
    return object;
}

static inline struct orr_object *
orr_rc_exchange_slot(struct orr_thread *thread, struct orr_slot *slot, struct orr_object *value)
{
    (void)thread;
    return orr_slot_exchange(slot, value);
}

/* The owner of an unmerged referent needs no lock: nobody else can free it, nor merge it while we run, and
 * who merges it, makes it immortal or clears the cell takes our name away first. */
static inline struct orr_object *
orr_rc_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    /* relaxed, all: own words, or written on our behalf while we stood still */
    if (__builtin_expect(orr_load_relaxed(&cell->owner) != thread->id, 0))
        return orr_weak_upgrade(thread, cell);
    struct orr_object *object = orr_slot_peek(&cell->referent); /* another thread may have it locked */
    orr_store_relaxed(&object->count, orr_load_relaxed(&object->count) + 1);
    return object;
}

/* False for published objects: another thread may upgrade a weak reference at any time. */
static inline bool
orr_rc_is_unique(const struct orr_thread *thread, const struct orr_object *object)
{
    /* sync:last-shared  acquire: writes of others whose references came and went */
    uint32_t shared = orr_load_acquire(&object->shared) & ~(uint32_t)ORR_SHARED_UNCLAIMED;
    uint32_t local = orr_load_relaxed(&object->count) & ORR_COUNT_MASK; /* relaxed: own, or zero for good */
    bool published = orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED; /* relaxed: set by a holder */
    if (orr_rc_biased_is_mine(thread, object))
        return !published && local == 1 && shared == ORR_SHARED_DEFAULT;
    return !published && shared == (ORR_SHARED_UNIT | ORR_SHARED_MERGED);
}

#endif
