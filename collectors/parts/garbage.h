/* garbage.h - what happens to a set of objects that a collector has proved dead.
 *
 * The set is closed: every reference to a member comes from a member. Its members carry the colour
 * ORR_COLOUR_GARBAGE; nobody else does.
 *
 *   1. If members have a `destroy`, the set is held (one count each), the callbacks run with the world
 *      running, and then, in a second stop, death is proved again within the set (law 6): what a callback
 *      made reachable survives, with all it reaches, and is not destroyed again.
 *   2. References from members to others are dropped, as the strategy drops them.
 *   3. Cells are given back.
 *
 * Only where references are counted. Source: the two windows of CPython's collector.
 */
#ifndef ORR_COLLECTORS_PARTS_GARBAGE_H
#define ORR_COLLECTORS_PARTS_GARBAGE_H

#include "collectors/parts/object_list.h"
#include "runtime/collector.h"

enum { ORR_COLOUR_GARBAGE = 0xff };

static inline bool
orr_is_garbage(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour) == ORR_COLOUR_GARBAGE; /* relaxed: the collector's byte */
}

static inline void
orr_garbage_mark(struct orr_object *object)
{
    orr_store_relaxed(&object->colour, ORR_COLOUR_GARBAGE); /* relaxed: as above */
}

/* World running, on the collecting thread; the list holds the members, each once, and is empty afterwards.
 * has_outside: some member may refer to an object that is no member; false spares a pass. Fills freed and
 * freed_bytes of *collection. */
void orr_garbage_free(struct orr_thread *thread, struct orr_object_list *members, bool has_outside,
                      struct orr_collection *collection);

/* Begins and ends a phase of a collection. */
static inline void
orr_phase_begin(struct orr_collection *collection, const char *name)
{
    orr_assert(collection->phase_count < ORR_PHASES_MAX);
    collection->phases[collection->phase_count++] =
        (struct orr_phase){.name = name, .start_ns = orr_clock_ns()};
}

static inline void
orr_phase_end(struct orr_collection *collection)
{
    collection->phases[collection->phase_count - 1].stop_ns = orr_clock_ns();
}

#endif
