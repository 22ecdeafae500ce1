/* rc_atomic.h - immediate counting by any thread: one atomic word.
 *
 * Retain is relaxed: a reference is only made from one the thread holds already. Release is a release, so
 * that the last holder's acquire sees what all others wrote; see rc_atomic.c for the sync table.
 *
 * A decrement that claims a candidate is one read-modify-write with the claim (the bug it avoids: another
 * thread takes the count to zero between the two, sees no claim, and frees what we are about to log).
 * Objects already claimed, and all objects where nobody wants candidates, take a plain fetch_sub. And who
 * holds the only reference to an object that nobody can find takes none: no other thread can count it.
 */
#ifndef ORR_RUNTIME_RC_ATOMIC_H
#define ORR_RUNTIME_RC_ATOMIC_H

#include "runtime/rc.h"
#include "runtime/slot.h"

enum { ORR_COUNTED = 1 };

/* The count of a claimed object has become zero. */
void orr_rc_atomic_zero(struct orr_thread *thread, struct orr_object *object)
    __attribute__((noinline));
/* Releases an object that was unclaimed, or ours alone, when we looked. */
void orr_rc_atomic_release_slow(struct orr_thread *thread, struct orr_object *object)
    __attribute__((noinline));

static inline void
orr_rc_retain(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_add_relaxed(&object->count, 1); /* relaxed: we hold a reference already */
}

static inline void
orr_rc_release(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed: only chooses the path. A claim is ended only while this thread stands at a safepoint, so
     * one seen here still stands at the subtraction. */
    if (__builtin_expect((int32_t)orr_load_relaxed(&object->count) <= 1, 0)) {
        orr_rc_atomic_release_slow(thread, object);
        return;
    }
    /* sync:last-release  release: our writes come before the death of the object */
    if (__builtin_expect(orr_sub_release(&object->count, 1) == 1, 0))
        orr_rc_atomic_zero(thread, object);
}

static inline bool
orr_rc_atomic_try_retain(struct orr_object *object)
{
    uint32_t count = orr_load_relaxed(&object->count); /* relaxed: re-checked by the cas */
    while ((count & ORR_COUNT_MASK) != 0)
        /* sync:last-release  acquire: the reader held nothing, so it must see what the holders wrote */
        if (orr_cas_weak_acquire(&object->count, &count, count + 1))
            return true;
    return false;
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

/* The object is alive while the cell's bit is ours, but its count may be on its way to zero: then it stays there. */
static inline struct orr_object *
orr_rc_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    (void)thread;
    struct orr_object *object = orr_slot_lock(&cell->referent); /* sync:weak-cell */
    if (!object)
        return NULL;
    bool held = !((uintptr_t)object & ORR_WEAK_DYING) && orr_rc_atomic_try_retain(object);
    orr_slot_unlock(&cell->referent, object);
    return held ? object : NULL;
}

/* False for published objects: another thread may upgrade a weak reference at any time. */
static inline bool
orr_rc_is_unique(const struct orr_thread *thread, const struct orr_object *object)
{
    (void)thread;
    /* sync:last-release  acquire: what every earlier holder wrote. relaxed: as in is_ours_alone */
    return (orr_load_acquire(&object->count) & ORR_COUNT_MASK) == 1 &&
           !(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED);
}

#endif
