/* garbage.c - destroying, proving again, dropping, freeing.
 *
 * Threads: the collecting thread; the second proof with the world stopped.
 */
#include "collectors/parts/garbage.h"

enum { AHEAD = 16 }; /* members fetched before they are freed */

static bool
wants_destroy(const struct orr_object *object)
{
    return orr_type_of(object)->destroy &&
           !(orr_load_relaxed(&object->flags) & ORR_FLAG_DESTROYED); /* relaxed: unreachable */
}

static bool
any_wants_destroy(const struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++)
        if (wants_destroy(orr_list_object(members, i)))
            return true;
    return false;
}

/* --- the second window ----------------------------------------------------------------------------- */

/* Takes what lives out of the set, with all it reaches inside. */
static void
save(struct orr_object *object, struct orr_object_list *reached)
{
    orr_store_relaxed(&object->colour, 0); /* relaxed: stopped */
    orr_list_push(reached, (uintptr_t)object);
}

static void
save_child(struct orr_slot *slot, void *reached)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && orr_is_garbage(child))
        save(child, reached);
}

static void
take_internal(struct orr_slot *slot, void *heap)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && orr_is_garbage(child)) /* relaxed: stopped */
        orr_sub_relaxed(orr_scratch(heap, child), 1);
}

/* World stopped, counts settled. Members with references beyond ours and the set's own are alive. */
static void
prove_again(struct orr_heap *heap, struct orr_object_list *members)
{
    size_t count = members->count;
    for (size_t i = 0; i < count; i++) { /* relaxed, all: stopped */
        struct orr_object *object = orr_list_object(members, i);
        orr_store_relaxed(orr_scratch(heap, object), (uint32_t)orr_count_stopped(object) - 1);
    }
    for (size_t i = 0; i < count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        orr_object_trace(object, orr_layout_of(object), take_internal, heap);
    }
    struct orr_object_list reached = {.items = members->items + count}; /* behind the list */
    for (size_t i = 0; i < count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        if (orr_is_garbage(object) && orr_load_relaxed(orr_scratch(heap, object)) != 0)
            save(object, &reached);
        while (reached.count) {
            struct orr_object *next = (struct orr_object *)reached.items[--reached.count];
            orr_object_trace(next, orr_layout_of(next), save_child, &reached);
        }
    }
    for (size_t i = 0; i < count; i++)
        orr_store_relaxed(orr_scratch(heap, orr_list_object(members, i)), 0);
}

/* Holds the members, runs their callbacks, and keeps in the list those that are dead all the same. */
static void
destroy_members(struct orr_thread *thread, struct orr_object_list *members)
{
    struct orr_heap *heap = thread->heap;
    for (size_t i = 0; i < members->count; i++)
        heap->rc->retain(thread, orr_list_object(members, i));
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        if (!wants_destroy(object))
            continue;
        orr_or_relaxed(&object->flags, ORR_FLAG_DESTROYED); /* relaxed: read by this thread */
        orr_type_of(object)->destroy(thread, object);
    }
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    prove_again(heap, members);
    orr_world_resume(heap);
    size_t dead = 0;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        if (orr_is_garbage(object))
            members->items[dead++] = (uintptr_t)object;
        else
            heap->rc->release(thread, object);
    }
    if (members->count > members->most)
        members->most = members->count;
    members->count = dead;
}

/* --- freeing --------------------------------------------------------------------------------------- */

static void
drop_outside(struct orr_slot *slot, void *thread)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && !orr_is_garbage(child))
        orr_drop(thread, child);
}

static void
drop_all_outside(struct orr_thread *thread, const struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++) {
        if (i + AHEAD < members->count)
            __builtin_prefetch((void *)members->items[i + AHEAD]);
        struct orr_object *object = orr_list_object(members, i);
        orr_object_trace(object, orr_layout_of(object), drop_outside, thread);
    }
}

void
orr_garbage_free(struct orr_thread *thread, struct orr_object_list *members, bool has_outside,
                 struct orr_collection *collection)
{
    if (any_wants_destroy(members))
        destroy_members(thread, members);
    if (has_outside)
        drop_all_outside(thread, members);
    for (size_t i = 0; i < members->count; i++) {
        if (i + AHEAD < members->count)
            __builtin_prefetch((void *)members->items[i + AHEAD], 1);
        struct orr_object *object = orr_list_object(members, i);
        collection->freed_bytes += orr_object_bytes(object);
        orr_garbage_release(thread, object);
    }
    collection->freed += members->count;
    orr_list_rest(members);
}
