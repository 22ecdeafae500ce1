/* rc.h - the contract of a strategy: how references are counted.
 *
 * The hot half is a header of inline functions, rc_<name>.h, with the names and signatures listed here;
 * workloads are compiled once per strategy against it, so a retain costs what the strategy costs and
 * nothing else. The cold half is the table below, compiled once, in rc_<name>.c.
 *
 *   orr_rc_retain(thread, object)         add one; the caller holds the object already
 *   orr_rc_release(thread, object)        drop one; may free
 *   orr_rc_acquire_slot(thread, slot)     read a slot that others may write; a held reference or null
 *   orr_rc_exchange_slot(thread, slot, v) overwrite such a slot; the old reference, now the caller's
 *   ORR_COUNTED                           1: locals hold counts; 0: locals are roots
 *
 * A strategy is two files and one line in rc.def.
 */
#ifndef ORR_RUNTIME_RC_H
#define ORR_RUNTIME_RC_H

#include "runtime/thread.h"

struct orr_rc {
    const char *name, *summary;
    bool counts;          /* references are counted at once, in the object */
    uint32_t threads_max; /* 0: any number */
    uint32_t birth_count; /* the count of a fresh object */
    bool has_owner;       /* fresh objects carry their thread's id */
    /* Drops a reference. Any attached thread. */
    void (*release)(struct orr_thread *thread, struct orr_object *object);
    /* Adds a reference. The caller holds one. */
    void (*retain)(struct orr_thread *thread, struct orr_object *object);
    /* A reference, if the object is still alive; for readers that hold nothing but know that the header
     * is still readable, of an object that was published. */
    bool (*try_retain)(struct orr_thread *thread, struct orr_object *object);
    /* Before the object can be found by readers that hold nothing (a weak reference's). The caller holds
     * it. Not needed for slots: a slot's own reference protects its readers. */
    void (*publish)(struct orr_thread *thread, struct orr_object *object);
    /* Merges what others queued for this thread. At its safepoints, or for it while it is held or the
     * world is stopped (then `worker` is the thread that does the work). */
    void (*drain)(struct orr_thread *worker, struct orr_thread *owner);
    /* The thread leaves: nothing may be queued for it afterwards. */
    void (*detach)(struct orr_thread *thread);
    /* Makes the object live for ever. The caller holds it. */
    void (*immortalise)(struct orr_thread *thread, struct orr_object *object);
    /* Empties at most `slice` objects of the thread's worklist (0: all). */
    void (*cascade)(struct orr_thread *thread, uint64_t slice);
};

#define STRATEGY(name, kind, summary) extern const struct orr_rc orr_rc_##name;
#include "runtime/rc.def"
#undef STRATEGY
extern const struct orr_rc *const orr_rcs[]; /* null-terminated */
const struct orr_rc *orr_rc_find(const char *name);

/* --- shared by the cold halves -------------------------------------------------------------------- */

/* Enters a freshly claimed object into the thread's candidate buffer (room was made before). */
void orr_candidate_push(struct orr_thread *thread, uintptr_t entry);

/* Runs the destroy callback of a dead object, which may come to a safepoint; the flags afterwards. */
uint8_t orr_destroy_slow(struct orr_thread *thread, struct orr_object *object);

/* The rare ends of an emptied object: a shell, a borrowed cell, a hook. */
void orr_emptied_slow(struct orr_thread *thread, struct orr_object *object, uint8_t flags);

/* Room for one more candidate, so that a claim cannot fail half-way. Without memory the claim is not made:
 * the object stays unclaimed and the next decrement tries again. */
static inline bool
orr_candidate_room(struct orr_thread *thread)
{
    if (__builtin_expect(orr_buffer_has_room(&thread->candidates), 1))
        return true;
    if (orr_buffer_reserve(&thread->candidates))
        return true;
    orr_store_relaxed(&thread->counters.candidates_lost, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.candidates_lost) + 1);
    return false;
}

#endif
