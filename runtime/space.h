/* space.h - a reserved range of addresses with a jemalloc arena in it.
 *
 * The arena's extent hooks hand out pieces of the range from its start upwards and keep them for ever
 * (jemalloc retains and reuses them), so every object of the heap lies between start and top. That is what
 * makes side tables plain arithmetic, and a jemalloc heap walkable by side bits.
 *
 * Threads: jemalloc calls the hooks from any thread; the cursor is atomic.
 */
#ifndef ORR_RUNTIME_SPACE_H
#define ORR_RUNTIME_SPACE_H

#include "runtime/error.h"
#include "runtime/platform.h"

#include <jemalloc/jemalloc.h>

#define ORR_SPACE_ALIGNMENT ((size_t)2 << 20) /* of the range: maps of it count in blocks and chunks */

struct orr_space {
    extent_hooks_t hooks; /* first: jemalloc hands its address back */
    uintptr_t start, end;
    _Atomic(uintptr_t) top; /* everything handed out lies below */
    unsigned arena;
    void *scratch; /* side table, or null */
    size_t scratch_bytes;
};

/* Where an object's u32 of the side table lies: one per 32 bytes, the smallest distance of two objects. */
enum { ORR_SPACE_SCRATCH_SHIFT = 5 };

enum orr_status orr_space_open(struct orr_space *space, struct orr_error *error);
/* Destroys the arena and everything in it. */
void orr_space_close(struct orr_space *space);
/* Reserves the side table; *base is what heap->scratch_base wants. False: no address space. */
bool orr_space_reserve_scratch(struct orr_space *space, uintptr_t *base);

/* Zeroes the side table's words of [start, start + bytes). The range that jemalloc took may be far longer than
 * what is in use, so a heap kind clears what it knows to be. */
void orr_space_clear_scratch(struct orr_space *space, uintptr_t start, size_t bytes);

/* Memory of the arena, without a thread cache; null when there is none. */
void *orr_space_allocate(struct orr_space *space, size_t bytes, size_t alignment);
void orr_space_free(struct orr_space *space, void *memory);

#endif
