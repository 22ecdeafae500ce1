/* heap_jemalloc.c - objects straight from a jemalloc arena, made walkable by side bits.
 *
 * The arena lies in a reserved range (space.h); a bit per 16 bytes says where an object starts, as MMTk's
 * valid-object bits do. Each thread has a jemalloc thread cache of its own, and an account (account.h).
 *
 * Always   a bit is set exactly while its object is allocated
 *
 * Threads: bits are shared words, set and cleared by read-modify-write; walks with the world stopped.
 */
#include "runtime/account.h"
#include "runtime/space.h"

struct arena {
    struct orr_space space;   /* first: its hooks are */
    _Atomic(uint64_t) *bits;  /* one per 16 bytes of the range */
    size_t bits_bytes;
};

struct thread_cache {
    unsigned tcache;
    struct orr_account account;
};

static struct arena *
arena_of(const struct orr_heap *heap)
{
    return heap->kind_private;
}

static void
set_bit(struct arena *arena, const struct orr_object *object)
{
    size_t granule = ((uintptr_t)object - arena->space.start) / 16;
    /* relaxed: read only while the world is stopped */
    orr_or_relaxed(&arena->bits[granule / 64], (uint64_t)1 << granule % 64);
}

static void
clear_bit(struct arena *arena, const struct orr_object *object)
{
    size_t granule = ((uintptr_t)object - arena->space.start) / 16;
    /* relaxed: as above */
    orr_and_relaxed(&arena->bits[granule / 64], ~((uint64_t)1 << granule % 64));
}

static int
flags_of(const struct arena *arena, const struct thread_cache *cache)
{
    return (int)MALLOCX_ARENA(arena->space.arena) | (int)MALLOCX_TCACHE(cache->tcache);
}

static struct orr_object *
allocate(struct orr_thread *thread, size_t bytes)
{
    struct arena *arena = arena_of(thread->heap);
    struct thread_cache *cache = thread->heap_private;
    if (bytes < 32)
        bytes = 32; /* the side table's distance */
    if (bytes > SIZE_MAX / 2 || !orr_account_spend(thread->heap, &cache->account, bytes))
        return NULL;
    struct orr_object *object =
        orr_refuses_allocation() ? NULL : mallocx(bytes, flags_of(arena, cache) | (int)MALLOCX_ALIGN(16));
    if (!object) {
        orr_account_refund(thread->heap, &cache->account, bytes);
        return NULL;
    }
    orr_account_took(thread->heap, &cache->account);
    orr_store_relaxed(&object->type, 0); /* relaxed: a stopped walk reads it */
    set_bit(arena, object);
    return object;
}

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    struct arena *arena = arena_of(thread->heap);
    struct thread_cache *cache = thread->heap_private;
    size_t bytes = orr_object_bytes(object);
    if (bytes < 32)
        bytes = 32;
    clear_bit(arena, object);
    dallocx(object, flags_of(arena, cache));
    orr_account_refund(thread->heap, &cache->account, bytes);
}

static bool
thread_attach(struct orr_thread *thread)
{
    struct thread_cache *cache = orr_allocate(sizeof *cache);
    if (!cache)
        return false;
    size_t size = sizeof cache->tcache;
    if (orr_refuses_allocation() ||
        mallctl("tcache.create", &cache->tcache, &size, NULL, 0) != 0) {
        orr_deallocate(cache);
        return false;
    }
    thread->heap_private = cache;
    return true;
}

static void
thread_detach(struct orr_thread *thread)
{
    struct thread_cache *cache = thread->heap_private;
    orr_account_close(thread->heap, &cache->account);
    mallctl("tcache.destroy", NULL, NULL, &cache->tcache, sizeof cache->tcache);
    orr_deallocate(cache);
}

static size_t
words_in_use(const struct arena *arena)
{
    uintptr_t top = orr_load_relaxed(&arena->space.top); /* relaxed: the world is stopped */
    return ((top - arena->space.start) / 16 + 63) / 64;
}

static void
walk(struct orr_heap *heap, uint32_t part, uint32_t parts,
     void (*visit)(struct orr_object *, void *), void *argument)
{
    struct arena *arena = arena_of(heap);
    size_t words = words_in_use(arena);
    for (size_t i = words * part / parts; i < words * (part + 1) / parts; i++) {
        uint64_t word = orr_load_relaxed(&arena->bits[i]); /* relaxed: the world is stopped */
        for (; word; word &= word - 1) {
            size_t granule = i * 64 + (size_t)__builtin_ctzll(word);
            struct orr_object *object = (struct orr_object *)(arena->space.start + granule * 16);
            if (orr_load_relaxed(&object->type) != 0) /* relaxed: as above */
                visit(object, argument);
        }
    }
}

static struct orr_object *
find(struct orr_heap *heap, const void *pointer)
{
    struct arena *arena = arena_of(heap);
    uintptr_t address = (uintptr_t)pointer;
    if (address < arena->space.start || address >= orr_load_relaxed(&arena->space.top)) /* stopped */
        return NULL;
    size_t granule = (address - arena->space.start) / 16;
    for (size_t i = granule / 64 + 1; i-- > 0;) { /* the nearest start at or below the address */
        uint64_t word = orr_load_relaxed(&arena->bits[i]); /* relaxed: the world is stopped */
        if (i == granule / 64 && granule % 64 != 63)
            word &= ((uint64_t)2 << granule % 64) - 1;
        if (!word)
            continue;
        size_t start = i * 64 + 63 - (size_t)__builtin_clzll(word);
        struct orr_object *object = (struct orr_object *)(arena->space.start + start * 16);
        bool inside = orr_load_relaxed(&object->type) != 0 &&
                      address < (uintptr_t)object + orr_object_bytes(object);
        return inside ? object : NULL;
    }
    return NULL;
}

static enum orr_status
open_arena(struct orr_heap *heap, struct orr_error *error)
{
    struct arena *arena = orr_allocate(sizeof *arena);
    if (!arena)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a jemalloc heap");
    enum orr_status status = orr_space_open(&arena->space, error);
    if (status != ORR_OK) {
        orr_deallocate(arena);
        return status;
    }
    arena->bits_bytes = (arena->space.end - arena->space.start) / 128;
    arena->bits = orr_pages_reserve(arena->bits_bytes);
    if (!arena->bits) {
        orr_space_close(&arena->space);
        orr_deallocate(arena);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the side bits of a heap");
    }
    heap->kind_private = arena;
    return ORR_OK;
}

static void
close_arena(struct orr_heap *heap)
{
    struct arena *arena = arena_of(heap);
    orr_pages_release((void *)arena->bits, arena->bits_bytes);
    orr_space_close(&arena->space);
    orr_deallocate(arena);
}

static bool
scratch(struct orr_heap *heap)
{
    heap->scratch_shift = ORR_SPACE_SCRATCH_SHIFT;
    return orr_space_reserve_scratch(&arena_of(heap)->space, &heap->scratch_base);
}

static void
scratch_clear(struct orr_heap *heap)
{
    struct arena *arena = arena_of(heap);
    size_t words = words_in_use(arena);
    for (size_t i = 0; i < words; i++)
        if (orr_load_relaxed(&arena->bits[i]) != 0) /* relaxed: the world is stopped */
            orr_space_clear_scratch(&arena->space, arena->space.start + i * 1024, 1024);
}

const struct orr_heap_kind orr_heap_jemalloc = {
    .name = "jemalloc",
    .summary = "a jemalloc arena with extent hooks and side bits, walkable",
    .is_walkable = true,
    .finds_interior = true,
    .check_every = 64,
    .open = open_arena,
    .close = close_arena,
    .thread_attach = thread_attach,
    .thread_detach = thread_detach,
    .allocate = allocate,
    .release = release,
    .walk = walk,
    .find = find,
    .scratch = scratch,
    .scratch_clear = scratch_clear,
};
