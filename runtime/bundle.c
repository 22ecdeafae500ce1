/* bundle.c - holding what is handed to a program. */
#include "runtime/bundle.h"

#include "runtime/collector.h"

struct bundle {
    uint64_t count;
    uint32_t item_bytes;
    bool has_roots;
    _Alignas(16) char items[];
};

static struct bundle *
bundle_of(void *items)
{
    return (struct bundle *)(void *)((char *)items - offsetof(struct bundle, items));
}

static struct orr_object **
item_of(struct bundle *bundle, uint64_t i)
{
    return (void *)(bundle->items + i * bundle->item_bytes);
}

static struct orr_root *
root_of(struct bundle *bundle, uint64_t i)
{
    return (struct orr_root *)(void *)(bundle->items + bundle->count * bundle->item_bytes) + i;
}

void *
orr_bundle_new(struct orr_heap *heap, uint64_t count, uint32_t item_bytes)
{
    bool has_roots = !heap->rc->counts || (heap->collector->needs & ORR_NEEDS_ROOTS);
    orr_assert(item_bytes % sizeof(void *) == 0);
    struct bundle *bundle = orr_allocate(
        sizeof *bundle + count * (item_bytes + (has_roots ? sizeof(struct orr_root) : 0)));
    if (!bundle)
        return NULL;
    bundle->count = count;
    bundle->item_bytes = item_bytes;
    bundle->has_roots = has_roots;
    return bundle->items;
}

void
orr_bundle_put(struct orr_thread *thread, void *items, uint64_t i, struct orr_object *object)
{
    struct bundle *bundle = bundle_of(items);
    orr_assert(i < bundle->count && !*item_of(bundle, i));
    thread->heap->rc->retain(thread, object);
    *item_of(bundle, i) = object;
    if (bundle->has_roots) {
        orr_root_add(thread->heap, root_of(bundle, i));
        orr_slot_put(&root_of(bundle, i)->slot, object);
    }
}

void
orr_bundle_free(struct orr_thread *thread, void *items, uint64_t count)
{
    if (!items)
        return;
    struct bundle *bundle = bundle_of(items);
    orr_require(bundle->count == count, "a list of %llu references is freed as one of %llu",
                (unsigned long long)bundle->count, (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        struct orr_object *object = *item_of(bundle, i);
        if (bundle->has_roots) {
            orr_slot_put(&root_of(bundle, i)->slot, NULL);
            orr_root_remove(thread->heap, root_of(bundle, i));
        }
        thread->heap->rc->release(thread, object);
    }
    orr_deallocate(bundle);
}
