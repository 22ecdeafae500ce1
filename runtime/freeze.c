/* freeze.c - the permanent set: objects that no collection looks at (gc.h).
 *
 * A frozen object has the colour ORR_COLOUR_FROZEN. Collectors pass it by, and neither subtract references to it
 * nor write to it; what it refers to is held from outside as far as they can see. heap->gc.frozen says whether
 * there may be any.
 *
 * Threads: the calling thread; colours change with the world stopped.
 */
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/gc.h"

static void
freeze_object(struct orr_object *object, void *argument)
{
    struct orr_heap *heap = argument;
    /* relaxed, all of this file: the world is stopped */
    if (orr_is_corpse(object) || orr_is_green(object) ||
        orr_load_relaxed(&object->colour) == ORR_COLOUR_FROZEN)
        return;
    orr_store_relaxed(&object->colour, (uint8_t)ORR_COLOUR_FROZEN);
    orr_add_relaxed(&heap->gc.frozen, 1);
}

/* Newborns that are frozen are no newborns any more; shells among them are given back. */
static bool
ends_claim(uintptr_t *entry, void *thread)
{
    orr_candidate_unclaim(thread, *entry);
    return false;
}

static void
end_newborns(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    struct orr_buffer newborns = {0};
    orr_candidates_take(heap, &newborns);
    orr_buffer_append(&newborns, &heap->parked);
    orr_buffer_filter(&newborns, ends_claim, thread);
}

enum { FREEZE_MOST = 100 }; /* others may begin to collect each time in between */

/* Collects; then takes the right to collect. False: a callback of a collection asks, or a collection is at its
 * callbacks, or others were first each time. */
static bool
collect_and_keep_others_from_it(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    for (int i = 0; i < FREEZE_MOST; i++) {
        struct orr_collection collection = {
            .cause = "freeze", .urgency = ORR_URGENCY_COMPLETE, .generation = ORR_GENERATION_OLDEST};
        /* relaxed: a collection that begins later sees what garbage we have now */
        const uint64_t begun = orr_load_relaxed(&heap->collections_begun);
        orr_collection_run(thread, &collection, true);
        /* sync:collecting  acquire: perhaps another thread's */
        if (orr_load_acquire(&heap->gc.done[ORR_URGENCY_COMPLETE][ORR_GENERATION_OLDEST]) <= begun)
            return false;
        if (orr_collecting_begin(thread))
            return true;
    }
    return false;
}

/* Without garbage: collects first, and keeps the right to collect until all is frozen. */
bool
orr_gc_freeze(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (!heap->kind->is_walkable || !collect_and_keep_others_from_it(thread))
        return false;
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    if (heap->wants_newborns)
        end_newborns(thread);
    heap->kind->walk(heap, 0, 1, freeze_object, heap);
    orr_world_resume(heap);
    orr_collecting_end(thread);
    return true;
}

/* Where decrements name the candidates, those that led to something frozen have been looked at, and are forgotten: what
 * held them from outside is a candidate instead. There may be as many as the heap has objects: the next collection
 * looks at all at once, and not within a budget for each. */
static void
unfreeze_object(struct orr_object *object, void *argument)
{
    struct orr_thread *thread = argument;
    struct orr_heap *heap = thread->heap;
    if (orr_load_relaxed(&object->colour) != ORR_COLOUR_FROZEN)
        return;
    orr_store_relaxed(&object->colour,
                      heap->collector->generational ? (uint8_t)ORR_GENERATION_OLDEST : (uint8_t)0);
    if (heap->wants_candidates && !heap->wants_newborns && !orr_is_corpse(object))
        orr_candidate_claim(thread, object);
}

void
orr_gc_unfreeze(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (orr_load_relaxed(&heap->gc.frozen) == 0)
        return;
    orr_world_stop(heap, thread);
    orr_counts_settle(thread); /* so that what is no corpse has counts */
    heap->kind->walk(heap, 0, 1, unfreeze_object, thread);
    heap->parked_due = heap->wants_candidates && !heap->wants_newborns;
    orr_store_relaxed(&heap->gc.frozen, (uint64_t)0);
    orr_world_resume(heap);
}

static void
count_frozen(struct orr_object *object, void *count)
{
    *(uint64_t *)count +=
        !orr_is_corpse(object) && orr_load_relaxed(&object->colour) == ORR_COLOUR_FROZEN;
}

uint64_t
orr_gc_freeze_count(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    uint64_t count = 0;
    if (orr_load_relaxed(&heap->gc.frozen) == 0)
        return 0;
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    heap->kind->walk(heap, 0, 1, count_frozen, &count);
    orr_world_resume(heap);
    return count;
}
