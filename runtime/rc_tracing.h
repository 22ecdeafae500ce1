/* rc_tracing.h - no counts at all: the baseline that shows what counting costs.
 *
 * Locals are linked and are roots; an object dies when a collection does not reach it.
 */
#ifndef ORR_RUNTIME_RC_TRACING_H
#define ORR_RUNTIME_RC_TRACING_H

#include "runtime/rc.h"

enum { ORR_COUNTED = 0 };

static inline void
orr_rc_retain(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
}

static inline void
orr_rc_release(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
}

static inline struct orr_object *
orr_rc_acquire_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    (void)thread;
    /* sync:slot-value  acquire: the contents of the object, published by the exchange below */
    return (struct orr_object *)orr_load_acquire(&slot->word);
}

static inline struct orr_object *
orr_rc_exchange_slot(struct orr_thread *thread, struct orr_slot *slot, struct orr_object *value)
{
    (void)thread;
    /* sync:slot-value  release: the contents of value; acquire: the contents of the old one */
    return (struct orr_object *)orr_exchange_acq_rel(&slot->word, (uintptr_t)value);
}

static inline struct orr_object *
orr_rc_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell)
{
    (void)thread;
    /* relaxed: written before anybody had the weak reference, and cleared only while we stand still (but for one that
     * a destroy has made, which it must not). Whoever does not know the strategy may have it locked. */
    return orr_slot_peek(&cell->referent);
}

/* Nobody knows. */
static inline bool
orr_rc_is_unique(const struct orr_thread *thread, const struct orr_object *object)
{
    (void)thread;
    (void)object;
    return false;
}

#endif
