/* space.c - the extent hooks of a reserved range. */
#include "runtime/space.h"

#include "runtime/assert.h"
#include "runtime/poison.h"

#include <stdio.h>
#include <string.h>

/* 64 GiB of addresses, halved until the system grants it: a limit on address space is honoured. */
#define RANGE_MOST ((size_t)64 << 30)
#define RANGE_LEAST ((size_t)256 << 20)

static struct orr_space *
space_of(extent_hooks_t *hooks)
{
    return (struct orr_space *)hooks;
}

static void *
extent_alloc(extent_hooks_t *hooks, void *wanted, size_t size, size_t alignment, bool *zero,
             bool *commit, unsigned arena)
{
    struct orr_space *space = space_of(hooks);
    (void)arena;
    if (wanted)
        return NULL;
    uintptr_t top = orr_load_relaxed(&space->top); /* relaxed: re-checked by the cas */
    uintptr_t piece;
    do {
        piece = (top + alignment - 1) & ~(uintptr_t)(alignment - 1);
        if (piece > space->end || size > space->end - piece)
            return NULL;
    } while (!orr_cas_relaxed(&space->top, &top, piece + size)); /* relaxed: numbers, no contents */
    *zero = true;
    *commit = true;
    return (void *)piece;
}

/* Refused: jemalloc keeps the extent and reuses it. */
static bool
extent_dalloc(extent_hooks_t *hooks, void *address, size_t size, bool committed, unsigned arena)
{
    (void)hooks;
    (void)address;
    (void)size;
    (void)committed;
    (void)arena;
    return true;
}

static bool
extent_purge(extent_hooks_t *hooks, void *address, size_t size, size_t offset, size_t length,
             unsigned arena)
{
    (void)hooks;
    (void)size;
    (void)arena;
    orr_pages_discard((char *)address + offset, length);
    return false;
}

static bool
extent_split(extent_hooks_t *hooks, void *address, size_t size, size_t first, size_t second,
             bool committed, unsigned arena)
{
    (void)hooks;
    (void)address;
    (void)size;
    (void)first;
    (void)second;
    (void)committed;
    (void)arena;
    return false;
}

static bool
extent_merge(extent_hooks_t *hooks, void *first, size_t first_size, void *second,
             size_t second_size, bool committed, unsigned arena)
{
    (void)hooks;
    (void)first;
    (void)first_size;
    (void)second;
    (void)second_size;
    (void)committed;
    (void)arena;
    return false;
}

/* The system aligns to a page alone, as it likes. */
static char *
reserve_aligned(size_t bytes)
{
    char *start = orr_pages_reserve(bytes + ORR_SPACE_ALIGNMENT);
    if (!start)
        return NULL;
    size_t before = -(uintptr_t)start % ORR_SPACE_ALIGNMENT;
    if (before > 0)
        orr_pages_release(start, before);
    orr_pages_release(start + before + bytes, ORR_SPACE_ALIGNMENT - before);
    return start + before;
}

static bool
reserve_range(struct orr_space *space)
{
    for (size_t bytes = RANGE_MOST; bytes >= RANGE_LEAST; bytes /= 2) {
        char *start = reserve_aligned(bytes);
        if (start) {
            space->start = (uintptr_t)start;
            space->end = space->start + bytes;
            orr_store_relaxed(&space->top, space->start); /* relaxed: not yet shared */
            return true;
        }
    }
    return false;
}

enum orr_status
orr_space_open(struct orr_space *space, struct orr_error *error)
{
    if (!reserve_range(space))
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for a heap (%zu MiB wanted)",
                        RANGE_LEAST >> 20);
    space->hooks = (extent_hooks_t){
        .alloc = extent_alloc,
        .dalloc = extent_dalloc,
        .purge_forced = extent_purge,
        .split = extent_split,
        .merge = extent_merge,
    };
    extent_hooks_t *hooks = &space->hooks;
    size_t size = sizeof space->arena;
    if (orr_refuses_allocation() ||
        mallctl("arenas.create", &space->arena, &size, &hooks, sizeof hooks) != 0) {
        orr_pages_release((void *)space->start, space->end - space->start);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "jemalloc has no arena for a heap");
    }
    return ORR_OK;
}

void
orr_space_close(struct orr_space *space)
{
    char name[64];
    size_t used = orr_load_relaxed(&space->top) - space->start; /* relaxed: no threads */
    /* The range comes back to life under another owner, and AddressSanitizer remembers across munmap. */
    ASAN_UNPOISON_MEMORY_REGION((void *)space->start, used);
    snprintf(name, sizeof name, "arena.%u.destroy", space->arena);
    int failed = mallctl(name, NULL, NULL, NULL, 0);
    orr_require(failed == 0, "jemalloc refuses to destroy arena %u", space->arena);
    orr_pages_release((void *)space->start, space->end - space->start);
    if (space->scratch)
        orr_pages_release(space->scratch, space->scratch_bytes);
}

bool
orr_space_reserve_scratch(struct orr_space *space, uintptr_t *base)
{
    space->scratch_bytes = (((space->end - space->start) >> ORR_SPACE_SCRATCH_SHIFT) + 1) << 2;
    space->scratch = orr_pages_reserve(space->scratch_bytes);
    if (!space->scratch)
        return false;
    orr_pages_prefer_huge(space->scratch, space->scratch_bytes);
    *base = (uintptr_t)space->scratch - ((space->start >> ORR_SPACE_SCRATCH_SHIFT) << 2);
    return true;
}

void
orr_space_clear_scratch(struct orr_space *space, uintptr_t start, size_t bytes)
{
    uintptr_t first = (start - space->start) >> ORR_SPACE_SCRATCH_SHIFT;
    memset((char *)space->scratch + (first << 2), 0, bytes >> ORR_SPACE_SCRATCH_SHIFT << 2);
}

void *
orr_space_allocate(struct orr_space *space, size_t bytes, size_t alignment)
{
    if (orr_refuses_allocation())
        return NULL;
    return mallocx(bytes, MALLOCX_ARENA(space->arena) | MALLOCX_TCACHE_NONE |
                              MALLOCX_ALIGN(alignment));
}

void
orr_space_free(struct orr_space *space, void *memory)
{
    dallocx(memory, MALLOCX_ARENA(space->arena) | MALLOCX_TCACHE_NONE);
}
