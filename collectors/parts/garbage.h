/* garbage.h - what happens to a set of objects that a collector has proved dead.
 *
 * The set is closed: every reference to a member comes from a member. Its members carry the colour
 * ORR_COLOUR_GARBAGE; nobody else does. The rules are PEP 442's and CPython's order (handle_legacy_finalizers,
 * handle_weakrefs, finalize_garbage, handle_resurrected_objects, delete_garbage):
 *
 *   world stopped (orr_garbage_close)
 *   1. Members with a legacy finalizer, and all they reach, are set aside: uncollectable.
 *   2. Weak references to members are cleared; live ones with a callback are noted.
 *   world running (orr_garbage_free)
 *   3. Callbacks of those weak references.
 *   4. The set is held (one count each) and its finalizers run, by priority.
 *   5. In a second stop death is proved again within the set (law 6): what a finalizer made reachable survives
 *      with all it reaches; weak references made meanwhile to the others are cleared.
 *   6. `destroy` of all that are left, while they are whole.
 *   7. References from members to others are dropped, as the strategy drops them, and cells given back.
 *      Under ORR_DEBUG_SAVEALL the members go to the garbage list instead of 6 and 7.
 *
 * 3 to 5 cost nothing where no member has a weak reference or a finalizer.
 *
 * At every safepoint from 3 on the list holds the members that are not freed, and says how far they are; so the
 * child of a fork can take the set over (orr_garbage_forked).
 */
#ifndef ORR_COLLECTORS_PARTS_GARBAGE_H
#define ORR_COLLECTORS_PARTS_GARBAGE_H

#include "collectors/parts/object_list.h"
#include "runtime/collector.h"

static inline bool
orr_is_garbage(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour) ==
           ORR_COLOUR_GARBAGE; /* relaxed: the collector's byte */
}

static inline void
orr_garbage_mark(struct orr_object *object)
{
    orr_store_relaxed(&object->colour, ORR_COLOUR_GARBAGE); /* relaxed: as above */
}

/* In the permanent set (gc.h): looked at by nobody, and all it refers to is held from outside. */
static inline bool
orr_is_frozen_now(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour) == ORR_COLOUR_FROZEN; /* relaxed: changed at stops */
}

/* Whether there are such objects: spares a look at each. World stopped. */
static inline bool
orr_any_frozen(const struct orr_heap *heap)
{
    return orr_load_relaxed(&heap->gc.frozen) != 0; /* relaxed: stopped */
}

/* World stopped: zeroes the side table; beside frozen objects, whose words are zero, it writes only where it must, so
 * that the child of a fork shares their table too. */
void orr_garbage_clear_scratch(struct orr_heap *heap);

/* World stopped, on the collecting thread: the list holds the members, each once, coloured. Members that must be
 * kept leave it; then has_outside of orr_garbage_free must be true. Returns whether any did. */
bool orr_garbage_close(struct orr_thread *thread, struct orr_object_list *members,
                       struct orr_collection *collection);

/* World running, on the collecting thread, after orr_garbage_close; the list is empty afterwards.
 * has_outside: some member may refer to an object that is no member; false spares a pass. Fills freed, saved and
 * freed_bytes of *collection. prove: where nothing is counted, the collector's own second proof; called with the
 * world stopped, it gives members that are reachable another colour. Null: by counts. */
void orr_garbage_free(struct orr_thread *thread, struct orr_object_list *members, bool has_outside,
                      void (*prove)(struct orr_thread *thread), struct orr_collection *collection);

/* In the child of a fork, world running, on the one thread that is left: ends what the collecting thread, which is
 * gone, had begun. Before the second proof all members go back to the living, and a later collection finds them;
 * after it their end is completed, and no destroy runs twice. */
void orr_garbage_forked(struct orr_thread *thread, struct orr_object_list *members);

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
