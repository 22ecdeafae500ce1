/* rc_plain.c - the slow half of plain counting: deaths and first candidates.
 *
 * Threads: one per heap (threads_max); a collector works for it while it stands still.
 */
#include "runtime/rc_plain.h"

#include "runtime/cascade.h"

/* The count has become zero or negative. True: the object died and is marked. */
static __attribute__((noinline)) bool
settle_count(struct orr_thread *thread, struct orr_object *object, uint32_t left)
{
    if ((left & ORR_COUNT_MASK) != 0) { /* negative: not claimed yet */
        if (orr_candidate_room(thread)) {
            orr_store_relaxed(&object->count, left & ORR_COUNT_MASK); /* relaxed: one thread */
            orr_candidate_push(thread, (uintptr_t)object);
        }
        return false;
    }
    if (ORR_NEVER(orr_is_immortal(object))) { /* but by 2^30 releases that nobody retained for */
        orr_store_relaxed(&object->count, ORR_IMMORTAL_COUNT); /* relaxed: one thread */
        return false;
    }
    mark_dying(object, left == 0 && orr_may_be_claimed(thread, object) ? ORR_FLAG_HELD_LOCAL : 0);
    return true;
}

/* The most common death: never claimed, and so nothing to mark. (No immortal comes here but by 2^30 releases
 * that nobody retained for.) */
static inline bool
dies_unclaimed(const struct orr_thread *thread, uint32_t left)
{
    return left == (uint32_t)thread->birth_unclaimed && !ORR_IS_CHECKED;
}

static inline enum drop_outcome
drop_quickly(struct orr_thread *thread, struct orr_object *object)
{
    uint32_t left = orr_load_relaxed(&object->count) - 1; /* relaxed: one thread */
    if (dies_unclaimed(thread, left))
        return DIED_UNMARKED;
    if ((int32_t)left <= 0)
        return UNDECIDED;
    orr_store_relaxed(&object->count, left); /* relaxed: one thread */
    return LIVED;
}

static inline bool
drop(struct orr_thread *thread, struct orr_object *object)
{
    uint32_t left = orr_load_relaxed(&object->count) - 1; /* relaxed: one thread */
    orr_store_relaxed(&object->count, left);
    return (int32_t)left <= 0 && settle_count(thread, object, left);
}

void
orr_rc_plain_released(struct orr_thread *thread, struct orr_object *object, uint32_t left)
{
    if (dies_unclaimed(thread, left) || settle_count(thread, object, left))
        die(thread, object);
}

/* --- the cold table -------------------------------------------------------------------------------- */

static bool
try_retain(struct orr_thread *thread, struct orr_object *object)
{
    if (!orr_rc_plain_is_alive(object))
        return false;
    orr_rc_retain(thread, object);
    return true;
}

static void
immortalise(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_store_relaxed(&object->owner, ORR_OWNER_IMMORTAL); /* relaxed, both: one thread */
    orr_store_relaxed(&object->count, ORR_IMMORTAL_COUNT);
}

static void
publish(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_require((uintptr_t)object >> 32 != 0,
                "the object %p lies below 4 GiB: the strategy plain has no weak references there",
                (void *)object);
    orr_or_relaxed(&object->flags, ORR_FLAG_PUBLISHED); /* relaxed: one thread */
}

static void
revive(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed, both: one thread */
    orr_store_relaxed(&object->counts, (uint64_t)orr_revived_count(thread, object, 1));
    orr_store_relaxed(&object->flags, orr_revived_flags(object));
}

const struct orr_rc orr_rc_plain = {
    .name = "plain",
    .summary = "one thread, plain adds and subtracts: the floor of counting",
    .counts = true,
    .threads_max = 1,
    .birth_count = 1,
    .release = release,
    .retain = retain,
    .try_retain = try_retain,
    .publish = publish,
    .immortalise = immortalise,
    .revive = revive,
    .cascade = empty_worklist,
};
