/* heap_libc.c - every object a block of malloc, with a registry: for AddressSanitizer, which then sees each
 * object's edges and its death.
 *
 * Before each object lie 16 bytes: its place in the registry, and the collector's word. Speed is no aim.
 *
 * Always   entries[place of o] == o for every allocated object
 *
 * Threads: any; one lock around the registry.
 */
#include "runtime/heap.h"

struct prefix {
    uint64_t place;
    _Atomic(uint32_t) scratch; /* 8 bytes before the object */
    uint32_t unused;
};

static_assert(sizeof(struct prefix) == 16, "the object stays aligned to 16");

struct registry {
    struct orr_mutex lock; /* all below */
    struct orr_object **entries;
    uint64_t used, room;
};

static struct prefix *
prefix_of(struct orr_object *object)
{
    return (struct prefix *)object - 1;
}

static bool
register_locked(struct registry *registry, struct orr_object *object)
{
    if (registry->used == registry->room) {
        uint64_t room = registry->room ? registry->room * 2 : 1024;
        struct orr_object **entries = orr_reallocate(registry->entries, room * sizeof *entries);
        if (!entries)
            return false;
        registry->entries = entries;
        registry->room = room;
    }
    prefix_of(object)->place = registry->used;
    registry->entries[registry->used++] = object;
    return true;
}

static struct orr_object *
allocate(struct orr_thread *thread, size_t bytes)
{
    struct orr_heap *heap = thread->heap;
    struct registry *registry = heap->kind_private;
    if (bytes > SIZE_MAX / 2 || !orr_heap_charge(heap, bytes))
        return NULL;
    struct prefix *prefix = orr_allocate(sizeof *prefix + bytes);
    if (prefix) {
        orr_mutex_lock(&registry->lock);
        bool registered = register_locked(registry, (struct orr_object *)(prefix + 1));
        orr_mutex_unlock(&registry->lock);
        if (registered) {
            orr_heap_took(heap, bytes);
            return (struct orr_object *)(prefix + 1);
        }
        orr_deallocate(prefix);
    }
    orr_heap_discharge(heap, bytes);
    return NULL;
}

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    struct registry *registry = thread->heap->kind_private;
    size_t bytes = orr_object_bytes(object);
    orr_mutex_lock(&registry->lock);
    uint64_t place = prefix_of(object)->place; /* under the lock: a release elsewhere may change it */
    struct orr_object *last = registry->entries[--registry->used];
    registry->entries[place] = last;
    prefix_of(last)->place = place;
    orr_mutex_unlock(&registry->lock);
    orr_heap_discharge(thread->heap, bytes);
    orr_deallocate(prefix_of(object));
}

static bool
thread_attach(struct orr_thread *thread)
{
    (void)thread;
    return true;
}

static void
thread_detach(struct orr_thread *thread)
{
    (void)thread;
}

/* From the end, so that a visit may free what it is given: the last entry that moves into its place has been
 * visited. The first part does it all. */
static void
walk(struct orr_heap *heap, uint32_t part, uint32_t parts,
     void (*visit)(struct orr_object *, void *), void *argument)
{
    struct registry *registry = heap->kind_private;
    (void)parts;
    if (part != 0)
        return;
    for (uint64_t i = registry->used; i-- > 0;)
        if (orr_load_relaxed(&registry->entries[i]->type) != 0) /* relaxed: the world is stopped */
            visit(registry->entries[i], argument);
}

static struct orr_object *
find(struct orr_heap *heap, const void *pointer)
{
    struct registry *registry = heap->kind_private;
    uintptr_t address = (uintptr_t)pointer;
    for (uint64_t i = 0; i < registry->used; i++) {
        struct orr_object *object = registry->entries[i];
        if (orr_load_relaxed(&object->type) != 0 && address >= (uintptr_t)object && /* stopped */
            address < (uintptr_t)object + orr_object_bytes(object))
            return object;
    }
    return NULL;
}

static enum orr_status
open_registry(struct orr_heap *heap, struct orr_error *error)
{
    struct registry *registry = orr_allocate(sizeof *registry);
    if (!registry)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the registry of a heap");
    orr_mutex_init(&registry->lock);
    heap->kind_private = registry;
    return ORR_OK;
}

static void
close_registry(struct orr_heap *heap)
{
    struct registry *registry = heap->kind_private;
    for (uint64_t i = 0; i < registry->used; i++)
        orr_deallocate(prefix_of(registry->entries[i]));
    orr_mutex_fini(&registry->lock);
    orr_deallocate(registry->entries);
    orr_deallocate(registry);
}

static bool
scratch(struct orr_heap *heap)
{
    heap->scratch_shift = 2; /* the word lies 8 bytes before the object, in its prefix */
    heap->scratch_base = (uintptr_t)0 - 8;
    return true;
}

static void
scratch_clear(struct orr_heap *heap)
{
    struct registry *registry = heap->kind_private;
    for (uint64_t i = 0; i < registry->used; i++) /* relaxed: the world is stopped */
        orr_store_relaxed(&prefix_of(registry->entries[i])->scratch, 0);
}

const struct orr_heap_kind orr_heap_libc = {
    .name = "libc",
    .summary = "malloc and free with a registry, walkable; for AddressSanitizer",
    .is_walkable = true,
    .finds_interior = true,
    .check_every = 64,
    .open = open_registry,
    .close = close_registry,
    .thread_attach = thread_attach,
    .thread_detach = thread_detach,
    .allocate = allocate,
    .release = release,
    .walk = walk,
    .find = find,
    .scratch = scratch,
    .scratch_clear = scratch_clear,
};
