/* rc_tracing.c - the cold half of counting nothing. */
#include "runtime/rc_tracing.h"

static bool
try_retain(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
    return true; /* what can be found is alive: nothing dies between collections */
}

static void
cascade(struct orr_thread *thread, uint64_t slice)
{
    (void)slice;
    orr_assert(!thread->dead);
    (void)thread;
}

static void
publish(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_or_relaxed(&object->flags, ORR_FLAG_PUBLISHED); /* relaxed: under the lock of weak.c, or stopped */
}

static void
immortalise(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    orr_store_relaxed(&object->owner, ORR_OWNER_IMMORTAL); /* relaxed: one-way */
}

const struct orr_rc orr_rc_tracing = {
    .name = "tracing",
    .summary = "no counts at all: the baseline that shows what counting costs",
    .counts = false,
    .birth_count = 0,
    .release = orr_rc_release,
    .retain = orr_rc_retain,
    .try_retain = try_retain,
    .publish = publish,
    .immortalise = immortalise,
    .cascade = cascade,
};
