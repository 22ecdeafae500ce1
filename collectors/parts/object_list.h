/* object_list.h - a list of objects as long as the heap can be: an array in reserved address space.
 *
 * Nothing is copied when it grows and a push cannot fail: the reservation (ORR_LIST_MOST entries) exceeds
 * what a heap's range can hold. Memory is taken by touching it; orr_list_rest gives back what a collection
 * used beyond a keepsake, so that the next one does not fault it in again and an idle heap stays small.
 *
 * Used as a list that later passes read linearly, and as a mark stack.
 * Threads: one user at a time.
 */
#ifndef ORR_COLLECTORS_PARTS_OBJECT_LIST_H
#define ORR_COLLECTORS_PARTS_OBJECT_LIST_H

#include "runtime/object.h"
#include "runtime/platform.h"

struct orr_object_list {
    uintptr_t *items; /* objects; a collector may tag bits 0 to 2 */
    size_t count;
    size_t most; /* highest count since the last rest */
    /* Of a set of garbage (garbage.c): how far its end has come, for the child of a fork. */
    bool is_held;   /* one count on each member is ours */
    bool is_final;  /* nothing can come back */
    size_t destroyed; /* members whose destroy has begun, from the first on */
};

#define ORR_LIST_MOST ((size_t)1 << 31)
#define ORR_LIST_BYTES (ORR_LIST_MOST * sizeof(uintptr_t))
#define ORR_LIST_KEPT ((size_t)16 << 20) /* bytes that stay resident between collections */

static inline bool
orr_list_open(struct orr_object_list *list)
{
    *list = (struct orr_object_list){.items = orr_pages_reserve(ORR_LIST_BYTES)};
    if (list->items)
        orr_pages_prefer_huge(list->items, ORR_LIST_BYTES);
    return list->items != NULL;
}

static inline void
orr_list_close(struct orr_object_list *list)
{
    if (list->items)
        orr_pages_release(list->items, ORR_LIST_BYTES);
    list->items = NULL;
}

static inline void
orr_list_push(struct orr_object_list *list, uintptr_t item)
{
    orr_assert(list->count < ORR_LIST_MOST);
    list->items[list->count++] = item;
}

static inline struct orr_object *
orr_list_object(const struct orr_object_list *list, size_t i)
{
    return (struct orr_object *)list->items[i];
}

/* Empties the list; memory beyond the keepsake goes back to the system. */
static inline void
orr_list_rest(struct orr_object_list *list)
{
    size_t used = (list->count > list->most ? list->count : list->most) * sizeof(uintptr_t);
    if (used > ORR_LIST_KEPT)
        orr_pages_discard((char *)list->items + ORR_LIST_KEPT, used - ORR_LIST_KEPT);
    list->count = list->most = list->destroyed = 0;
    list->is_held = list->is_final = false;
}

#endif
