/* owner.c - handing out thread ids. */
#include "runtime/owner.h"

static struct orr_owner *
take_free_slot(struct orr_heap *heap, uint32_t *index)
{
    for (uint32_t i = 0; i < heap->owners_used; i++) {
        struct orr_owner *owner = heap->owners[i];
        if (!owner->is_taken && owner->generation < ORR_OWNER_GENERATIONS) {
            *index = i;
            return owner;
        }
    }
    if (heap->owners_used == ORR_OWNERS_MAX)
        return NULL;
    struct orr_owner *owner = orr_allocate(sizeof *owner);
    if (!owner)
        return NULL;
    orr_mutex_init(&owner->lock);
    owner->generation = heap->owners_used == 0; /* slot 0, generation 0 would be id 0: nobody */
    *index = heap->owners_used;
    heap->owners[heap->owners_used++] = owner;
    return owner;
}

enum orr_status
orr_owner_register(struct orr_thread *thread, struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    uint32_t index;
    orr_mutex_lock(&heap->owners_lock);
    struct orr_owner *owner = take_free_slot(heap, &index);
    if (owner) {
        owner->is_taken = true;
        thread->id = index | owner->generation++ << 12;
    }
    orr_mutex_unlock(&heap->owners_lock);
    if (!owner)
        return orr_fail(error, ORR_OUT_OF_MEMORY,
                        "no thread id is left: no memory, or %d threads are attached",
                        ORR_OWNERS_MAX);
    orr_mutex_lock(&owner->lock);
    orr_assert(owner->id == 0 && owner->queue.total == 0);
    owner->id = thread->id;
    owner->thread = thread;
    orr_mutex_unlock(&owner->lock);
    return ORR_OK;
}

void
orr_owner_take_queue(struct orr_thread *thread, struct orr_buffer *queue)
{
    struct orr_owner *owner = orr_owner_of(thread->heap, thread->id);
    orr_mutex_lock(&owner->lock); /* sync:queue  what was queued, and the QUEUED state of its objects */
    orr_buffer_append(queue, &owner->queue);
    orr_mutex_unlock(&owner->lock);
}

bool
orr_owner_unregister(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    struct orr_owner *owner = orr_owner_of(heap, thread->id);
    orr_mutex_lock(&owner->lock);
    bool empty = owner->queue.total == 0;
    if (empty) {
        orr_buffer_clear(&owner->queue);
        owner->id = 0;
        owner->thread = NULL;
    }
    orr_mutex_unlock(&owner->lock);
    if (!empty)
        return false;
    orr_mutex_lock(&heap->owners_lock);
    owner->is_taken = false;
    orr_mutex_unlock(&heap->owners_lock);
    return true;
}

bool
orr_owner_has_queue(struct orr_thread *thread)
{
    struct orr_owner *owner = orr_owner_of(thread->heap, thread->id);
    orr_mutex_lock(&owner->lock);
    bool has = owner->queue.total != 0;
    orr_mutex_unlock(&owner->lock);
    return has;
}

void
orr_owners_free(struct orr_heap *heap)
{
    for (uint32_t i = 0; i < heap->owners_used; i++) {
        struct orr_owner *owner = heap->owners[i];
        orr_buffer_clear(&owner->queue);
        orr_mutex_fini(&owner->lock);
        orr_deallocate(owner);
    }
}
