/* slot.h - slots that several threads write: the lock in bit 0.
 *
 * Between reading a slot and retaining what it held, another thread may overwrite it and let the object
 * die. So a reader locks the slot: while bit 0 is set, the slot cannot change, and the reference in it
 * keeps the object alive until the reader has its own. Writers wait for the bit too. It is what
 * libstdc++'s atomic<shared_ptr> does; it asks nothing of the allocator (no deferred reclamation, memory
 * of the dead is reused at once) and nothing of the object. The price: readers of one slot exclude one
 * another for the length of a retain, and one that is pre-empted there makes others yield.
 *
 * No safepoint lies between lock and unlock, so a stopped world has no locked slot (asserted by the
 * verifier).
 *
 * sync       publishes                              observes                             then visible
 * slot-value exchange_slot: cas, acq_rel            lock: cas, acquire                   the object's contents
 * slot-lock  unlock: store, release                 lock, exchange_slot: cas, acquire    the reader's retain
 *
 * Progress: blocking, for the few instructions of a retain.
 */
#ifndef ORR_RUNTIME_SLOT_H
#define ORR_RUNTIME_SLOT_H

#include "runtime/object.h"
#include "runtime/platform.h"

/* A breath in a wait for bit 0; now and then the processor is given away, for the holder may need it. */
static inline void
orr_slot_wait(unsigned *spins)
{
    if (++*spins % 64 == 0)
        orr_yield();
    else
        orr_spin_hint();
}

/* Locks the slot and returns what it holds; null, and not locked, when it holds nothing. */
static inline struct orr_object *
orr_slot_lock(struct orr_slot *slot)
{
    unsigned spins = 0;
    uintptr_t word = orr_load_relaxed(&slot->word); /* relaxed: re-checked by the cas */
    for (;;) {
        if ((word & ~ORR_SLOT_LOCK) == 0)
            return NULL;
        if (word & ORR_SLOT_LOCK) {
            orr_slot_wait(&spins);
            word = orr_load_relaxed(&slot->word); /* relaxed: re-checked by the cas */
            /* sync:slot-value, sync:slot-lock  acquire: contents of the object, retains before ours */
        } else if (orr_cas_weak_acquire(&slot->word, &word, word | ORR_SLOT_LOCK))
            return (struct orr_object *)word;
    }
}

/* Unlocks a slot that holds `object`. */
static inline void
orr_slot_unlock(struct orr_slot *slot, struct orr_object *object)
{
    /* sync:slot-lock  release: our retain comes before whoever overwrites the slot drops its reference */
    orr_store_release(&slot->word, (uintptr_t)object);
}

/* Overwrites the slot; returns what it held. The references change hands uncounted. */
static inline struct orr_object *
orr_slot_exchange(struct orr_slot *slot, struct orr_object *value)
{
    unsigned spins = 0;
    uintptr_t word = orr_load_relaxed(&slot->word); /* relaxed: re-checked by the cas */
    for (;;) {
        if (word & ORR_SLOT_LOCK) {
            orr_slot_wait(&spins);
            word = orr_load_relaxed(&slot->word); /* relaxed: re-checked by the cas */
            /* sync:slot-value  release: the contents of value; acquire: the contents of the old one
             * sync:slot-lock   acquire: the retains of readers that had the slot locked */
        } else if (orr_cas_weak_acq_rel(&slot->word, &word, (uintptr_t)value))
            return (struct orr_object *)word;
    }
}

#endif
