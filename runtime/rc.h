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
 *   orr_rc_upgrade(thread, cell)          a held reference to what a weak reference's cell refers to, or null
 *   orr_rc_is_unique(thread, object)      whether the caller's reference is the only one there is
 *   ORR_COUNTED                           1: locals hold counts; 0: locals are roots
 *
 * A strategy is two files and one line in rc.def.
 */
#ifndef ORR_RUNTIME_RC_H
#define ORR_RUNTIME_RC_H

#include "runtime/local.h"
#include "runtime/thread.h"
#include "runtime/weak.h"

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
    /* Makes the object live for ever. The caller holds it, and excludes others that would do the same. */
    void (*immortalise)(struct orr_thread *thread, struct orr_object *object);
    /* Makes a dead object, marked dying, an object that the caller holds one reference to: its finalizer is
     * going to run. Null: nothing dies by counting. */
    void (*revive)(struct orr_thread *thread, struct orr_object *object);
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

/* Enters a fresh object into the thread's candidate buffer, for ORR_NEEDS_NEWBORNS. */
void orr_newborn_push(struct orr_thread *thread, struct orr_object *object);
/* Takes what has died out of the buffer. Its thread alone. */
void orr_newborns_sift(struct orr_thread *thread);

/* Whether the object's claims mean that it is in a candidate buffer. */
static inline bool
orr_may_be_claimed(const struct orr_thread *thread, const struct orr_object *object)
{
    return thread->birth_unclaimed != 0 && !orr_is_green(object) &&
           orr_load_relaxed(&object->colour) <= thread->claimable; /* relaxed: changed at stops */
}

/* The count word of an object that is revived with one reference. */
static inline uint32_t
orr_revived_count(const struct orr_thread *thread, const struct orr_object *object, uint32_t count)
{
    bool held = orr_load_relaxed(&object->flags) & ORR_FLAG_HELD_LOCAL; /* relaxed: ours alone */
    return count | (orr_may_be_claimed(thread, object) && !held
                        ? (uint32_t)thread->birth_counts & ORR_UNCLAIMED
                        : 0);
}

static inline uint8_t
orr_revived_flags(const struct orr_object *object)
{
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: ours alone */
    return flags & (uint8_t) ~(ORR_FLAG_DYING | ORR_FLAG_HELD_LOCAL | ORR_FLAG_HELD_SHARED);
}

/* Runs the finalizer of a dead object, if it has one that is still to run: revives the object, which the caller
 * then holds, and returns true. A safepoint then. */
bool orr_finalize_dead(struct orr_thread *thread, struct orr_object *object);

/* Runs the finalizer of an object that the caller holds. A safepoint; the caller notes the pause. */
void orr_finalize(struct orr_thread *thread, struct orr_object *object);

/* Runs the destroy of an object that is certain to be freed. */
void orr_destroy(struct orr_thread *thread, struct orr_object *object);

/* With the world stopped, callbacks do not run: a dead object that wants some is put aside until the world runs
 * again. False: the world runs. */
bool orr_postpone(struct orr_thread *thread, struct orr_object *object);
/* The strategy's cascade, after what was put aside has joined the worklist. World running. */
void orr_cascade_all(struct orr_thread *thread, uint64_t slice);

/* What happens to a dead object that stays dead, while it is whole: weak references to it are cleared, their
 * callbacks run, its destroy runs. May be a safepoint. */
void orr_last_rites(struct orr_thread *thread, struct orr_object *object, struct orr_layout layout);

/* What a drop shows of itself before it waits where it should not have to: whatever comes to a safepoint there finds
 * the reference that is being dropped in a local, and the object that had it under its last rites. */
struct orr_burial {
    struct orr_own own;
    struct orr_rites rites; /* object null: nothing is being buried */
};
void orr_burial_show(struct orr_thread *thread, struct orr_object *child, struct orr_burial *burial);
void orr_burial_hide(struct orr_thread *thread, struct orr_burial *burial);

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
