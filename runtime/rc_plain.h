/* rc_plain.h - immediate counting by one thread: plain adds and subtracts. The floor.
 *
 * The words are declared atomic, because collectors and verifiers read them too; every access here is
 * relaxed and compiles to an ordinary load or store. threads_max is 1, and attach holds it.
 */
#ifndef ORR_RUNTIME_RC_PLAIN_H
#define ORR_RUNTIME_RC_PLAIN_H

#include "runtime/rc.h"

enum { ORR_COUNTED = 1 };

/* The count is now zero, or negative: dead, or a candidate for the first time. */
void orr_rc_plain_released(struct orr_thread *thread, struct orr_object *object, uint32_t left)
    __attribute__((noinline));

static inline void
orr_rc_retain(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_store_relaxed(&object->count, orr_load_relaxed(&object->count) + 1);
}

static inline void
orr_rc_release(struct orr_thread *thread, struct orr_object *object)
{
    uint32_t left = orr_load_relaxed(&object->count) - 1;
    orr_store_relaxed(&object->count, left);
    if (__builtin_expect((int32_t)left <= 0, 0))
        orr_rc_plain_released(thread, object, left);
}

static inline struct orr_object *
orr_rc_acquire_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    struct orr_object *object = orr_slot_peek_private(slot);
    if (object)
        orr_rc_retain(thread, object);
    return object;
}

static inline struct orr_object *
orr_rc_exchange_slot(struct orr_thread *thread, struct orr_slot *slot, struct orr_object *value)
{
    (void)thread;
    struct orr_object *old = orr_slot_peek_private(slot);
    orr_slot_put(slot, value);
    return old;
}

/* Alive: a count in the lower half of the count words, nothing in the upper one. A dead object's are a link,
 * whose upper half is not zero, or null. (Checked where a weak reference is made: orr_rc_plain_publish.) */
static inline bool
orr_rc_plain_is_alive(const struct orr_object *object)
{
    uint64_t counts = orr_load_relaxed(&object->counts); /* relaxed: one thread */
    return counts >> 32 == 0 && (counts & ORR_COUNT_MASK) != 0;
}

static inline struct orr_object *
orr_rc_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    struct orr_object *object = orr_slot_peek_private(&cell->referent);
    if (!object || !orr_rc_plain_is_alive(object))
        return NULL;
    orr_rc_retain(thread, object);
    return object;
}

static inline bool
orr_rc_is_unique(const struct orr_thread *thread, const struct orr_object *object)
{
    (void)thread; /* relaxed, both: one thread. Published: as under the other strategies */
    return (orr_load_relaxed(&object->count) & ORR_COUNT_MASK) == 1 &&
           !(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED);
}

#endif
