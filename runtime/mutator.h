/* mutator.h - the door for programs that live on a heap: the operations of the chosen strategy.
 *
 * A file that includes this is compiled once per strategy; ORR_RC_HEADER names the strategy's inline half
 * and ORR_ROOTED says whether locals are linked. The text is the same for all of them.
 *
 * The laws a program keeps (asserted in checked builds where a machine can see it):
 *   2. Who writes a field of an object, or hands the object on, holds a reference to it.
 *   3. A store retains the new value, exchanges the slot, releases the old, in this order.
 *   4. A load of a slot that others may write returns a held reference or null.
 *
 * References: `counted` results are the caller's to release (or to move on); `moves` arguments belong to
 * the callee afterwards. A borrowed reference (orr_peek) lives until its holder is released, its slot is
 * written, or the next safepoint (orr_poll, an allocation, a blocking region); write orr_get when in doubt.
 *
 * A cycle that is closed by moving its last reference from outside into it (orr_give of an object into itself) has
 * lost that reference without a decrement: collectors that start from candidates (`trial`) never hear of it. Close
 * it with orr_set and orr_release.
 *
 *   private slots (only this thread writes)    get peek set give init
 *   shared slots (others may write)            load store exchange
 *   weak references                            weak_get, and weak.h
 *
 * Slots are numbered from 0 behind the header; an array's element k is slot k (orr_element).
 */
#ifndef ORR_RUNTIME_MUTATOR_H
#define ORR_RUNTIME_MUTATOR_H

#if !defined(ORR_RC_HEADER) || !defined(ORR_ROOTED)
#error "mutator.h is for files compiled once per strategy: workloads/ and tests/conformance/"
#endif

#include ORR_RC_HEADER

#include "runtime/birth.h"
#include "runtime/borrow.h"
#include "runtime/cells.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/local.h"
#include "runtime/safepoint.h"
#include "runtime/weak.h"

/* --- checks of checked builds -------------------------------------------------------------------- */

static inline void
orr_check_alive(struct orr_thread *thread, const struct orr_object *object)
{
    if (ORR_IS_CHECKED)
        orr_alive_or_abort(thread, object);
}

/* --- references ---------------------------------------------------------------------------------- */

/* Adds a reference to an object the caller holds. */
static inline void
orr_retain(struct orr_thread *thread, struct orr_object *object)
{
    orr_check_alive(thread, object);
    orr_rc_retain(thread, object);
}

/* Drops a reference; null is fine. */
static inline void
orr_release(struct orr_thread *thread, struct orr_object *object)
{
    if (object) {
        orr_check_alive(thread, object);
        orr_rc_release(thread, object);
    }
}

/* Another reference to an object that the caller can reach but does not hold, of an object that was published
 * (orr_weak_new does it) and whose memory is certain to be there: false when it has died. Rule of use: that of
 * PyUnstable_TryIncRef; weak_get is what programs want. */
static inline bool
orr_try_retain(struct orr_thread *thread, struct orr_object *object)
{
    return thread->heap->rc->try_retain(thread, object);
}

/* Whether the caller's reference is the only one, and nobody can make another meanwhile: then the object may be
 * changed in place (PyUnstable_Object_IsUniquelyReferenced). False when that is not known: for objects with
 * weak references, and where nothing is counted. */
static inline bool
orr_is_unique(struct orr_thread *thread, const struct orr_object *object)
{
    orr_check_alive(thread, object);
    return orr_rc_is_unique(thread, object);
}

/* What the weak reference refers to, counted; null when it has died. See weak.h. Not a safepoint. */
static inline struct orr_object *
orr_weak_get(struct orr_thread *thread, struct orr_object *weak)
{
    orr_check_alive(thread, weak);
    return orr_rc_upgrade(thread, ((struct orr_weak *)weak)->cell);
}

/* --- locals: see local.h ------------------------------------------------------------------------- */

static inline void
orr_own_begin(struct orr_thread *thread, struct orr_own *own)
{
    own->thread = thread;
    if (ORR_ROOTED) {
        own->previous = thread->locals;
        thread->locals = own;
    }
}

static inline void
orr_own_end(struct orr_own *own)
{
    if (ORR_ROOTED) {
        orr_assert(own->thread->locals == own);
        own->thread->locals = own->previous;
    }
    if (ORR_COUNTED && own->ref)
        orr_release(own->thread, own->ref);
}

/* Declares `name`, which owns the reference `value` (moves) until the scope ends; use name.ref. */
#define ORR_OWN(thread, name, value)                                                               \
    struct orr_own name __attribute__((cleanup(orr_own_end))) = {.ref = (value)};                  \
    orr_own_begin((thread), &name)

/* Moves the reference out; the local is null afterwards. No safepoint may lie between this and the place
 * where the reference comes to rest. */
static inline struct orr_object *
orr_take(struct orr_own *own)
{
    struct orr_object *object = own->ref;
    own->ref = NULL;
    return object;
}

/* The local lets go of what it held and owns `value` (moves). */
static inline void
orr_own_set(struct orr_own *own, struct orr_object *value)
{
    struct orr_object *old = own->ref;
    own->ref = value;
    if (ORR_COUNTED)
        orr_release(own->thread, old);
}

/* --- slots --------------------------------------------------------------------------------------- */

/* Slot i of an object that is no array. */
static inline struct orr_slot *
orr_field(struct orr_object *object, uint32_t i)
{
    return (struct orr_slot *)(object + 1) + i;
}

/* Element i of an array. */
static inline struct orr_slot *
orr_element(struct orr_object *array, uint32_t i)
{
    orr_assert(i < ((struct orr_array *)array)->length);
    return &((struct orr_array *)array)->elements[i];
}

static inline void
orr_write_hook(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
               struct orr_object *value)
{
    if (__builtin_expect(thread->hooks & ORR_HOOK_WRITE, 0))
        thread->heap->collector->write(thread, holder, slot, value);
}

/* Private slots. Borrowed; see above. */
static inline struct orr_object *
orr_peek_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    struct orr_object *object = orr_slot_peek_private(slot);
    if (ORR_IS_CHECKED && object)
        orr_borrow_note(thread, object);
    return object;
}

/* Counted. */
static inline struct orr_object *
orr_get_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    struct orr_object *object = orr_slot_peek_private(slot);
    if (object)
        orr_retain(thread, object);
    return object;
}

/* Overwrites; moves `value` in. */
static inline void
orr_give_slot(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
              struct orr_object *value)
{
    orr_check_alive(thread, holder);
    orr_write_hook(thread, holder, slot, value);
    struct orr_object *old = orr_slot_peek_private(slot);
    orr_slot_put(slot, value);
    orr_release(thread, old);
}

/* Overwrites with another reference to `value`. */
static inline void
orr_set_slot(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
             struct orr_object *value)
{
    if (value)
        orr_retain(thread, value);
    orr_give_slot(thread, holder, slot, value);
}

/* Fills a slot that is still null since its object's birth; moves `value` in. */
static inline void
orr_init_slot(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
              struct orr_object *value)
{
    orr_check_alive(thread, holder);
    orr_assert(orr_slot_peek(slot) == NULL);
    orr_write_hook(thread, holder, slot, value);
    orr_slot_put(slot, value);
}

/* Shared slots. Counted. */
static inline struct orr_object *
orr_load_slot(struct orr_thread *thread, struct orr_slot *slot)
{
    return orr_rc_acquire_slot(thread, slot);
}

/* Overwrites; moves `value` in and the old value out (counted). holder may be null for a root. */
static inline struct orr_object *
orr_exchange_slot(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
                  struct orr_object *value)
{
    orr_write_hook(thread, holder, slot, value);
    return orr_rc_exchange_slot(thread, slot, value);
}

/* Overwrites with another reference to `value`. */
static inline void
orr_store_slot(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
               struct orr_object *value)
{
    if (value)
        orr_retain(thread, value);
    orr_release(thread, orr_exchange_slot(thread, holder, slot, value));
}

/* The same by number, for objects that are no arrays. */
static inline struct orr_object *
orr_peek(struct orr_thread *thread, struct orr_object *holder, uint32_t i)
{
    orr_check_alive(thread, holder);
    return orr_peek_slot(thread, orr_field(holder, i));
}

static inline struct orr_object *
orr_get(struct orr_thread *thread, struct orr_object *holder, uint32_t i)
{
    orr_check_alive(thread, holder);
    return orr_get_slot(thread, orr_field(holder, i));
}

static inline void
orr_set(struct orr_thread *thread, struct orr_object *holder, uint32_t i, struct orr_object *value)
{
    orr_set_slot(thread, holder, orr_field(holder, i), value);
}

static inline void
orr_give(struct orr_thread *thread, struct orr_object *holder, uint32_t i, struct orr_object *value)
{
    orr_give_slot(thread, holder, orr_field(holder, i), value);
}

static inline void
orr_init(struct orr_thread *thread, struct orr_object *holder, uint32_t i, struct orr_object *value)
{
    orr_init_slot(thread, holder, orr_field(holder, i), value);
}

static inline struct orr_object *
orr_load(struct orr_thread *thread, struct orr_object *holder, uint32_t i)
{
    orr_check_alive(thread, holder);
    return orr_load_slot(thread, orr_field(holder, i));
}

static inline void
orr_store(struct orr_thread *thread, struct orr_object *holder, uint32_t i,
          struct orr_object *value)
{
    orr_store_slot(thread, holder, orr_field(holder, i), value);
}

static inline struct orr_object *
orr_exchange(struct orr_thread *thread, struct orr_object *holder, uint32_t i,
             struct orr_object *value)
{
    return orr_exchange_slot(thread, holder, orr_field(holder, i), value);
}

#endif
