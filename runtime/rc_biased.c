/* rc_biased.c - the slow half of biased counting: the shared word, merging, the owner's queue.
 *
 * After: Choi, Shull, Torrellas 2018 and the state ladder of PEP 703 (papers/reading/biased.md). Differs:
 * ids are slot and generation and never come back; the queue is found from the id without a search;
 * candidates have a claim in each half.
 *
 * The shared word: count * 8 | UNCLAIMED | state, the count signed.
 *
 *   DEFAULT ----publish----> PUBLISHED         readers that hold nothing may try to retain
 *      |  \                    |    \
 *      |   foreign release of  |     |         the releaser's own reference goes into the owner's queue
 *      |   count 0             |     |         instead of making the count negative
 *      |        +--> QUEUED <--+     |
 *      |                |            |
 *      owner's half 0   merge        owner's half 0
 *      (nobody counted: |            |
 *       dies at once)   v            v
 *                     MERGED: owner 0, its half 0, for ever; shared is the whole count
 *
 * Always   references = count + (shared >> 3) >= 1 while it lives, a queue entry being one of them.
 *          shared alone may be negative only before MERGED.
 *          An object sits in at most one merge queue, once: the step to QUEUED guards it.
 *          An object is freed from DEFAULT with nothing shared, by its owner, or from MERGED with zero.
 *          The store that lets others free the object (MERGED) is the last access of the merger: owner and
 *          its half are cleared before (CPython issue 119999 is the other order).
 *
 * Who may merge: the owner; who holds the owner while it is blocked; whoever finds the owner gone, under
 * the lock of its slot; and anybody while the world is stopped. Each excludes the others.
 *
 * sync          publishes                              observes                               then visible
 * merged        merge: cas, acq_rel                    every cas that counts, acquire         owner's last writes
 * last-shared   drop_shared: cas, acq_rel              owner_zero: load, acquire; merge,      foreign holders' writes
 *                                                      try_retain: cas
 * queue         enqueue: lock of the owner's slot      take_queue: the same lock              the QUEUED state
 *
 * Progress: retain and the owner's release are wait-free; a foreign release is lock-free, but for the
 * step to QUEUED, which takes the owner's lock (and, if there is no memory to queue, stops the world); nobody waits
 * for an owner to drain.
 * Limits: 2^27 foreign references per object, held or handed to others. Beyond, they are not counted any more
 * (saturation, as in Linux' refcount_t): the object is immortal once its halves are one, and its memory is lost
 * rather than given away. The owner's half has 31 bits, which are 16 GiB of references: no program comes there.
 */
#include "runtime/rc_biased.h"

#include "runtime/cascade.h"
#include "runtime/owner.h"

static inline int32_t
shared_count(uint32_t shared)
{
    return (int32_t)shared >> 3;
}

/* Which candidate buffers name a dying object. Its claims are final: it is ours alone. */
static uint8_t
held_by(const struct orr_thread *thread, const struct orr_object *object, uint32_t shared)
{
    if (!orr_may_be_claimed(thread, object))
        return 0;
    bool local = !(orr_load_relaxed(&object->count) & ORR_UNCLAIMED); /* relaxed: ours alone */
    bool foreign = thread->birth_unclaimed >> 32 != 0 && !(shared & ORR_SHARED_UNCLAIMED);
    return (uint8_t)((local ? ORR_FLAG_HELD_LOCAL : 0) | (foreign ? ORR_FLAG_HELD_SHARED : 0));
}

/* --- merging --------------------------------------------------------------------------------------- */

/* Whether the halves are more than shared can count. */
static inline bool
is_too_much(uint32_t shared, uint32_t local)
{
    return orr_is_saturated(shared) || shared_count(shared) + (int64_t)local >= ORR_SHARED_CEILING;
}

/* The object stays for ever; returns a count that is not zero. */
static __attribute__((noinline)) int32_t
saturate_merged(struct orr_object *object)
{
    orr_store_relaxed(&object->owner, ORR_OWNER_IMMORTAL); /* relaxed: one-way; who misses it counts on, in vain */
    return ORR_SHARED_CEILING;
}

/* Makes shared the whole count, plus `extra`; returns the count. The caller may merge (see above). What
 * lives on has lost a reference, the owner's last or the queue's: it becomes a candidate in the same step. */
static int32_t
merge(struct orr_thread *worker, struct orr_object *object, int32_t extra)
{
    /* relaxed, all: we exclude the owner and every other merger */
    uint32_t owner = orr_load_relaxed(&object->owner);
    if (owner == ORR_OWNER_IMMORTAL)
        return 1;
    uint32_t count = orr_load_relaxed(&object->count);
    uint32_t local = count & ORR_COUNT_MASK;
    orr_store_relaxed(&object->count, count & ORR_UNCLAIMED);
    if (owner != 0) /* else it was merged before, and any holder may make it immortal while we look */
        orr_store_relaxed(&object->owner, 0);
    if (__builtin_expect(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED, 0))
        orr_weak_disown(object); /* the flag: set by the owner before its cell names it */
    uint32_t shared = orr_load_relaxed(&object->shared); /* relaxed: re-checked by the cas */
    bool may_claim = (shared & ORR_SHARED_UNCLAIMED) && orr_candidate_room(worker);
    uint32_t merged;
    bool claims;
    do {
        if (__builtin_expect(is_too_much(shared, local), 0))
            return saturate_merged(object);
        merged = (shared + (local + (uint32_t)extra) * ORR_SHARED_UNIT) | ORR_SHARED_MERGED;
        claims = may_claim && (merged & ORR_SHARED_UNCLAIMED) && shared_count(merged) != 0;
        if (claims)
            merged &= ~(uint32_t)ORR_SHARED_UNCLAIMED;
        /* sync:merged       release: owner 0 and half 0 come before any other thread may free
         * sync:last-shared  acquire: foreign holders' writes, should we free */
    } while (!orr_cas_weak_acq_rel(&object->shared, &shared, merged));
    if (claims)
        orr_candidate_push(worker, (uintptr_t)object | 1);
    orr_store_relaxed(&worker->counters.merged, /* relaxed: own statistics */
                      orr_load_relaxed(&worker->counters.merged) + 1);
    return shared_count(merged);
}

/* A merged object has died: it is ours alone, but for readers who look at it under its cell's bit. */
static void
mark_merged_dying(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed, both: who published it held it, and its release is before our acquire of shared; ours alone */
    if (__builtin_expect(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED, 0))
        orr_weak_suspend(thread, object);
    mark_dying(object, held_by(thread, object, orr_load_relaxed(&object->shared)));
}

static void
die_merged(struct orr_thread *thread, struct orr_object *object)
{
    mark_merged_dying(thread, object);
    die(thread, object);
}

/* What a queue's merging brought to die. Nothing dies before all entries are merged: a destroy callback may
 * come to a safepoint, and an entry must not be met outside the queue and unmerged. */
struct merging {
    struct orr_thread *worker;
    struct orr_object *dead; /* linked through counts; still whole */
};

/* Merges one entry but lets nothing die yet: the dead are collected in a list. */
static void
merge_entry(uintptr_t *entry, void *argument)
{
    struct merging *merging = argument;
    struct orr_object *object = (struct orr_object *)*entry;
    if (merge(merging->worker, object, -1) != 0)
        return;
    mark_merged_dying(merging->worker, object);
    orr_store_relaxed(&object->counts, (uint64_t)merging->dead); /* relaxed: ours alone */
    merging->dead = object;
}

static void
bury_merged(struct merging *merging)
{
    struct orr_thread *worker = merging->worker;
    while (merging->dead) {
        struct orr_object *object = merging->dead;
        merging->dead = orr_cell_next(object);
        link_dead(worker, object);
    }
    if (worker->dead && !worker->cascading)
        empty_worklist(worker, worker->heap->options.release_slice);
}

/* Merges what is queued for `owner`; `worker` does the work and may be the owner. The owner stands still
 * or is the caller. */
static void
drain(struct orr_thread *worker, struct orr_thread *owner)
{
    struct orr_buffer queue = {0};
    orr_owner_take_queue(owner, &queue);
    if (queue.total == 0)
        return;
    uint64_t start_ns = orr_clock_ns();
    struct merging merging = {.worker = worker};
    orr_buffer_each(&queue, merge_entry, &merging);
    orr_buffer_clear(&queue);
    bury_merged(&merging);
    orr_pause_note(worker, ORR_PAUSE_MERGE, start_ns);
}

/* --- handing over ---------------------------------------------------------------------------------- */

/* There was no memory to queue: with the world stopped, anybody may merge. Until it is our turn to stop it, others
 * may collect, and must find the reference that is on its way. */
static void
merge_stopped(struct orr_thread *thread, struct orr_object *object)
{
    bool is_ours = orr_world_is_stopped(thread->heap); /* who runs then is the stopper */
    struct orr_burial burial;
    if (!is_ours) {
        orr_burial_show(thread, object, &burial);
        orr_world_stop(thread->heap, thread);
    }
    int32_t count = merge(thread, object, -1);
    if (!is_ours) {
        orr_world_resume(thread->heap);
        orr_burial_hide(thread, &burial);
    }
    if (count == 0)
        die_merged(thread, object);
}

/* Puts our reference to a QUEUED object into its owner's queue. */
static void
enqueue(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed: 0 means merged meanwhile, and then the release below goes by the shared word */
    uint32_t id = orr_load_relaxed(&object->owner);
    if (id == 0 || id == ORR_OWNER_IMMORTAL) {
        orr_rc_biased_release_shared(thread, object);
        return;
    }
    struct merging merging = {.worker = thread};
    struct orr_owner *slot = orr_owner_of(thread->heap, id);
    orr_mutex_lock(&slot->lock); /* sync:queue */
    if (slot->id != id) { /* the owner is gone, and its half is final: the lock ordered its last writes */
        uintptr_t entry = (uintptr_t)object;
        merge_entry(&entry, &merging);
    } else if (!orr_buffer_push(&slot->queue, (uintptr_t)object)) {
        orr_mutex_unlock(&slot->lock);
        merge_stopped(thread, object);
        return;
    } else if (orr_thread_hold_or_tell(slot->thread, ORR_ATTENTION_MERGE)) { /* it is blocked: do it for it */
        orr_buffer_each(&slot->queue, merge_entry, &merging);
        orr_buffer_clear(&slot->queue);
        orr_thread_unhold(slot->thread);
    }
    orr_mutex_unlock(&slot->lock);
    orr_store_relaxed(&thread->counters.merge_queued, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.merge_queued) + 1);
    bury_merged(&merging); /* not under the lock: what dies may queue elsewhere, or here */
}

/* --- other threads --------------------------------------------------------------------------------- */

/* A reference too many has been counted. */
static __attribute__((noinline)) void
retain_saturated(struct orr_object *object)
{
    uint32_t merged = 0;
    orr_sub_relaxed(&object->shared, ORR_SHARED_UNIT); /* relaxed: it stays full; others may be as far as we */
    /* relaxed, failing too: no owner is the state of a merged object for ever, so there is none who could count */
    orr_cas_relaxed(&object->owner, &merged, ORR_OWNER_IMMORTAL);
}

void
orr_rc_biased_retain_shared(struct orr_thread *thread, struct orr_object *object)
{
    if (orr_is_immortal(object))
        return;
    uint32_t before =
        orr_add_relaxed(&object->shared, ORR_SHARED_UNIT); /* relaxed: we hold a reference already */
    if (__builtin_expect(orr_is_saturated(before), 0))
        retain_saturated(object);
    orr_store_relaxed(&thread->counters.rc_shared, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.rc_shared) + 1);
}

enum { SATURATION_DEPTH = ORR_SHARED_CEILING / 2 }; /* more than there can be threads */

/* One reference less. Who comes to the floor goes far below it: others may be about to take back what they have added
 * (retain_saturated), and together they must not lift it to where it would count again. */
static inline uint32_t
one_less(uint32_t shared)
{
    uint32_t next = shared - ORR_SHARED_UNIT;
    if (__builtin_expect(shared_count(next) <= -ORR_SHARED_CEILING, 0))
        next -= (uint32_t)SATURATION_DEPTH * ORR_SHARED_UNIT;
    return next;
}

enum outcome { LIVES, DIED, HANDED_OVER };

/* Drops a reference through the shared word; claims a candidate in the same step. HANDED_OVER: the state
 * is QUEUED now by our doing and the reference is still ours to enqueue. */
static enum outcome
drop_shared(struct orr_thread *thread, struct orr_object *object)
{
    uint32_t shared = orr_load_relaxed(&object->shared); /* relaxed: re-checked by the cas */
    bool may_claim = (shared & ORR_SHARED_UNCLAIMED) && orr_candidate_room(thread);
    for (;;) {
        if (__builtin_expect(orr_is_saturated(shared), 0))
            return LIVES;
        uint32_t state = shared & ORR_SHARED_STATE;
        uint32_t next;
        bool hands_over = state < ORR_SHARED_QUEUED && shared_count(shared) == 0;
        bool claims = false;
        if (hands_over)
            next = (shared & ~(uint32_t)ORR_SHARED_STATE) | ORR_SHARED_QUEUED;
        else {
            next = one_less(shared);
            bool dies = state == ORR_SHARED_MERGED && shared_count(next) == 0;
            claims = may_claim && (next & ORR_SHARED_UNCLAIMED) && !dies;
            if (claims)
                next &= ~(uint32_t)ORR_SHARED_UNCLAIMED;
        }
        /* sync:last-shared  release: our writes come before the death of the object
         * sync:merged       acquire: should we free it, what the owner and the others wrote */
        if (!orr_cas_weak_acq_rel(&object->shared, &shared, next))
            continue;
        if (hands_over)
            return HANDED_OVER;
        if (claims)
            orr_candidate_push(thread, (uintptr_t)object | 1);
        return next >> 3 == 0 && state == ORR_SHARED_MERGED ? DIED : LIVES;
    }
}

void
orr_rc_biased_release_shared(struct orr_thread *thread, struct orr_object *object)
{
    if (orr_is_immortal(object))
        return;
    enum outcome outcome = drop_shared(thread, object);
    if (outcome == HANDED_OVER)
        enqueue(thread, object);
    else if (outcome == DIED)
        die_merged(thread, object);
}

static void
publish(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    /* relaxed: before the reader's cell can name the object, under the table's lock; to merge, see there */
    orr_or_relaxed(&object->flags, ORR_FLAG_PUBLISHED);
    uint32_t shared = orr_load_relaxed(&object->shared); /* relaxed: re-checked by the cas */
    while ((shared & ORR_SHARED_STATE) == ORR_SHARED_DEFAULT)
        /* relaxed: nothing is published yet; who passes the weak reference on does that */
        if (orr_cas_relaxed(&object->shared, &shared, shared | ORR_SHARED_PUBLISHED))
            return;
}

/* --- the owner ------------------------------------------------------------------------------------- */

/* The owner's half is zero. True: the object died and is marked. */
static bool
owner_zero(struct orr_thread *thread, struct orr_object *object)
{
    /* sync:last-shared  acquire: writes of others whose references came and went */
    uint32_t shared = orr_load_acquire(&object->shared);
    if ((shared & ~(uint32_t)ORR_SHARED_UNCLAIMED) == ORR_SHARED_DEFAULT) {
        mark_dying(object, held_by(thread, object, shared)); /* nobody else holds or can find it */
        return true;
    }
    if (merge(thread, object, 0) != 0)
        return false;
    mark_merged_dying(thread, object);
    return true;
}

/* The owner's half has become zero or negative. True: the object died and is marked. */
static __attribute__((noinline)) bool
settle_count(struct orr_thread *thread, struct orr_object *object, uint32_t left)
{
    if ((left & ORR_COUNT_MASK) == 0)
        return owner_zero(thread, object);
    if (orr_candidate_room(thread)) { /* negative: not claimed yet; relaxed: owner's own word */
        orr_store_relaxed(&object->count, left & ORR_COUNT_MASK);
        orr_candidate_push(thread, (uintptr_t)object);
    }
    return false;
}

/* The most common death: the owner's last reference, and nobody else ever counted or claimed the object. True:
 * it is dead, and nothing needs to be marked. */
static inline bool
dies_untouched(const struct orr_thread *thread, const struct orr_object *object)
{
    /* sync:last-shared  acquire: writes of others whose references came and went */
    return !ORR_IS_CHECKED &&
           orr_load_acquire(&object->shared) == (uint32_t)(thread->birth_unclaimed >> 32);
}

static inline enum drop_outcome
drop_quickly(struct orr_thread *thread, struct orr_object *object)
{
    if (__builtin_expect(!orr_rc_biased_is_mine(thread, object), 0))
        return UNDECIDED;
    uint32_t left = orr_load_relaxed(&object->count) - 1; /* relaxed: owner's own word */
    if (left == (uint32_t)thread->birth_unclaimed && dies_untouched(thread, object))
        return DIED_UNMARKED;
    if ((int32_t)left <= 0)
        return UNDECIDED;
    orr_store_relaxed(&object->count, left); /* relaxed: owner's own word */
    return LIVED;
}

static inline bool
drop(struct orr_thread *thread, struct orr_object *object)
{
    if (__builtin_expect(orr_rc_biased_is_mine(thread, object), 1)) {
        uint32_t left = orr_load_relaxed(&object->count) - 1; /* relaxed: owner's own word */
        orr_store_relaxed(&object->count, left);
        return (int32_t)left <= 0 && settle_count(thread, object, left);
    }
    if (orr_is_immortal(object))
        return false;
    enum outcome outcome = drop_shared(thread, object);
    if (outcome == HANDED_OVER)
        enqueue(thread, object);
    else if (outcome == DIED)
        mark_merged_dying(thread, object);
    return outcome == DIED;
}

void
orr_rc_biased_released(struct orr_thread *thread, struct orr_object *object, uint32_t left)
{
    bool untouched = left == (uint32_t)thread->birth_unclaimed && dies_untouched(thread, object);
    if (untouched || settle_count(thread, object, left))
        die(thread, object);
}

/* --- the cold table -------------------------------------------------------------------------------- */

static bool
try_retain(struct orr_thread *thread, struct orr_object *object)
{
    if (orr_rc_biased_is_mine(thread, object)) {
        if ((orr_load_relaxed(&object->count) & ORR_COUNT_MASK) == 0) /* relaxed: owner's own word */
            return false;
        orr_rc_retain(thread, object);
        return true;
    }
    if (orr_is_immortal(object)) /* releases do not count it: a count here would only grow, and come round */
        return true;
    uint32_t shared = orr_load_relaxed(&object->shared); /* relaxed: re-checked by the cas */
    for (;;) {
        uint32_t state = shared & ORR_SHARED_STATE;
        if (state == ORR_SHARED_DEFAULT || (state == ORR_SHARED_MERGED && shared_count(shared) == 0))
            return false;
        if (__builtin_expect(orr_is_saturated(shared), 0))
            return true;
        /* sync:last-shared  acquire: the reader held nothing, so it must see what holders wrote */
        if (orr_cas_weak_acquire(&object->shared, &shared, shared + ORR_SHARED_UNIT))
            return true;
    }
}

/* It belongs to nobody from now on: whoever runs its finalizer holds it like any thread. */
static void
revive(struct orr_thread *thread, struct orr_object *object)
{
    bool held = orr_load_relaxed(&object->flags) & ORR_FLAG_HELD_SHARED; /* relaxed, all: ours alone */
    uint32_t shared = ORR_SHARED_UNIT | ORR_SHARED_MERGED;
    if (orr_may_be_claimed(thread, object) && !held)
        shared |= (uint32_t)(thread->birth_counts >> 32) & ORR_SHARED_UNCLAIMED;
    orr_store_relaxed(&object->owner, 0);
    orr_store_relaxed(&object->count, orr_revived_count(thread, object, 0));
    orr_store_relaxed(&object->shared, shared);
    orr_store_relaxed(&object->flags, orr_revived_flags(object));
}

/* A queued object keeps its queue entry; the merge skips it and the entry's reference is forgotten. */
static void
immortalise(struct orr_thread *thread, struct orr_object *object)
{
    orr_require(orr_rc_biased_is_mine(thread, object) || orr_load_relaxed(&object->owner) == 0,
                "only its owner makes an unmerged object immortal");
    orr_store_relaxed(&object->owner, ORR_OWNER_IMMORTAL); /* relaxed: one-way; see is_mine */
}

static void
detach(struct orr_thread *thread)
{
    do {
        drain(thread, thread);
        orr_cascade_all(thread, 0); /* a slice may have left something that owns by our half */
    } while (!orr_owner_unregister(thread));
}

const struct orr_rc orr_rc_biased = {
    .name = "biased",
    .summary = "the owner counts without atomics, others beside it (Choi 2018, PEP 703)",
    .counts = true,
    .birth_count = 1,
    .has_owner = true,
    .release = release,
    .retain = retain,
    .try_retain = try_retain,
    .publish = publish,
    .drain = drain,
    .detach = detach,
    .immortalise = immortalise,
    .revive = revive,
    .cascade = empty_worklist,
};
