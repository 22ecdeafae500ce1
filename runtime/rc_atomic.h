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

#endif
