/* rc_atomic.c - the slow half of atomic counting: deaths and first candidates.
 *
 * Who frees is decided from the result of the read-modify-write, never from a load beside it: exactly one
 * decrement sees 1 become 0.
 *
 * sync          publishes                                     observes                       then visible
 * last-release  every decrement: fetch_sub or cas, release    die_of_zero: load, acquire     all holders' writes
 *
 * The acquire load stands where others put a fence: it reads the word that the last decrement wrote, which
 * continues the release sequence of all decrements before it.
 *
 * Progress: retain is wait-free, release lock-free.
 */
#include "runtime/rc_atomic.h"

#include "runtime/cascade.h"

/* The count is zero by our own decrement. True: the object died and is marked. */
static __attribute__((noinline)) bool
die_of_zero(struct orr_thread *thread, struct orr_object *object, bool claimed)
{
    /* sync:last-release  acquire: what every earlier holder wrote */
    uint32_t count = orr_load_acquire(&object->count);
    if (ORR_NEVER(orr_is_immortal(object))) { /* but by 2^30 releases that nobody retained for */
        orr_store_relaxed(&object->count, ORR_IMMORTAL_COUNT); /* relaxed: any value far from 0 */
        return false;
    }
    orr_assert((count & ORR_COUNT_MASK) == 0);
    /* relaxed: whoever published it held it. Only published objects and those that two threads dropped at once
     * come here at all, so others do not pay for this look. */
    if (__builtin_expect(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED, 0))
        orr_weak_suspend(thread, object);
    mark_dying(object, claimed && orr_may_be_claimed(thread, object) ? ORR_FLAG_HELD_LOCAL : 0);
    return true;
}

/* Decrement and claim in one step. True: died and marked. */
static __attribute__((noinline)) bool
drop_unclaimed(struct orr_thread *thread, struct orr_object *object)
{
    bool has_room = orr_candidate_room(thread);
    uint32_t count = orr_load_relaxed(&object->count); /* relaxed: re-checked by the cas */
    for (;;) {
        uint32_t left = count - 1;
        bool claims = has_room && (count & ORR_UNCLAIMED) && (left & ORR_COUNT_MASK);
        /* sync:last-release  release: our writes come before the death of the object */
        if (!orr_cas_weak_release(&object->count, &count, claims ? left & ORR_COUNT_MASK : left))
            continue;
        if ((left & ORR_COUNT_MASK) == 0)
            return die_of_zero(thread, object, !(left & ORR_UNCLAIMED));
        if (claims)
            orr_candidate_push(thread, (uintptr_t)object);
        return false;
    }
}

/* Whether ours is the only reference, and nobody could find the object to make another. Then it dies by a
 * look instead of a read-modify-write: half of what atomic counting costs where most objects are held once. */
static inline bool
is_ours_alone(const struct orr_object *object, uint32_t count)
{
    /* relaxed: who published the object held it, and its release is before our acquire of count. (No
     * immortal comes here but by 2^30 releases that nobody retained for.) */
    return (count & ORR_COUNT_MASK) == 1 &&
           !(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED);
}

/* Held once, in no candidate buffer: dead by our looking away. */
static inline bool
dies_unclaimed(const struct orr_thread *thread, const struct orr_object *object, uint32_t count)
{
    return count == ((uint32_t)thread->birth_unclaimed | 1) && !ORR_IS_CHECKED &&
           is_ours_alone(object, count);
}

static inline enum drop_outcome
drop_quickly(struct orr_thread *thread, struct orr_object *object)
{
    /* sync:last-release  acquire: if ours is the only reference, what every earlier holder wrote. Otherwise
     * it only chooses the path; see rc_atomic.h */
    uint32_t count = orr_load_acquire(&object->count);
    if (dies_unclaimed(thread, object, count))
        return DIED_UNMARKED;
    if ((int32_t)count <= 1)
        return UNDECIDED;
    /* Not by subtraction: a zero here would have to be settled by a call, and there is no way back. */
    /* sync:last-release  release: our writes come before the death of the object */
    return orr_cas_weak_release(&object->count, &count, count - 1) ? LIVED : UNDECIDED;
}

/* always_inline: it is the whole way of an object that is held once, and nothing but calls on all others. */
static inline __attribute__((always_inline)) bool
drop(struct orr_thread *thread, struct orr_object *object)
{
    /* sync:last-release  acquire: if ours is the only reference, what every earlier holder wrote. Otherwise
     * it only chooses the path; see rc_atomic.h */
    uint32_t count = orr_load_acquire(&object->count);
    if ((int32_t)count <= 1) {
        if (!is_ours_alone(object, count))
            return drop_unclaimed(thread, object);
        mark_dying(object, count == 1 && orr_may_be_claimed(thread, object) ? ORR_FLAG_HELD_LOCAL : 0);
        return true;
    }
    /* sync:last-release  release: our writes come before the death of the object */
    return orr_sub_release(&object->count, 1) == 1 && die_of_zero(thread, object, true);
}

void
orr_rc_atomic_zero(struct orr_thread *thread, struct orr_object *object)
{
    if (die_of_zero(thread, object, true))
        die(thread, object);
}

void
orr_rc_atomic_release_slow(struct orr_thread *thread, struct orr_object *object)
{
    if (drop(thread, object))
        die(thread, object);
}

/* --- the cold table -------------------------------------------------------------------------------- */

static bool
try_retain(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    return orr_rc_atomic_try_retain(object);
}

static void
revive(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed, both: ours alone; who finds it again finds it through the finalizer, or orr_weak_resume */
    orr_store_relaxed(&object->counts, (uint64_t)orr_revived_count(thread, object, 1));
    orr_store_relaxed(&object->flags, orr_revived_flags(object));
}

static void
immortalise(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    /* relaxed, both: whoever decrements to zero later is ordered after us by the reference it holds */
    orr_store_relaxed(&object->owner, ORR_OWNER_IMMORTAL);
    orr_add_relaxed(&object->count, ORR_IMMORTAL_COUNT);
}

static void
publish(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_or_relaxed(&object->flags, ORR_FLAG_PUBLISHED); /* relaxed: see is_ours_alone */
}

const struct orr_rc orr_rc_atomic = {
    .name = "atomic",
    .summary = "one atomic count per object, any number of threads",
    .counts = true,
    .birth_count = 1,
    .release = release,
    .retain = retain,
    .try_retain = try_retain,
    .publish = publish,
    .immortalise = immortalise,
    .revive = revive,
    .cascade = empty_worklist,
};
