/* buffer.h - a growable chunked buffer of object pointers: candidates, merge queues, lists, mark stacks.
 *
 * Chunks are handed over whole, never item by item: taking another buffer's contents is two stores.
 * Order is last in, first out by chunk for `pop`, and oldest first for `orr_buffer_each`.
 *
 * An entry may carry a tag in bits 0 to 2 (objects are aligned to 16); the buffer does not look at it.
 *
 * Invariant: bytes of all chunks = 8 KiB * chunks; after an append a chunk in the middle may be partly
 * filled.
 * Threads: a buffer has one user at a time; hand-over is the caller's synchronisation.
 */
#ifndef ORR_RUNTIME_BUFFER_H
#define ORR_RUNTIME_BUFFER_H

#include "runtime/assert.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ORR_CHUNK_ENTRIES = 1021, /* with the three words below: 8 KiB, a size allocators like */
    ORR_CHUNK_TINY = 3
};

struct orr_chunk {
    struct orr_chunk *next;     /* newer */
    struct orr_chunk *previous; /* older */
    uint32_t used, room; /* entries; room is ORR_CHUNK_ENTRIES but under orr_buffers_tiny */
    uintptr_t entries[ORR_CHUNK_ENTRIES];
};

struct orr_buffer {
    struct orr_chunk *oldest, *newest; /* both null when empty */
    size_t total;                      /* entries */
};

/* Makes sure that the next push cannot fail. False when there is no memory. */
bool orr_buffer_reserve(struct orr_buffer *buffer);
/* Makes chunks hold ORR_CHUNK_TINY entries from now on, in the whole process, so that every path of growth
 * and hand-over is walked all the time. For stress tests. Any thread. */
void orr_buffers_tiny(bool tiny);

/* Appends all of `from`, which is left empty. Order among chunks is kept. */
void orr_buffer_append(struct orr_buffer *buffer, struct orr_buffer *from);
/* Frees the chunks. */
void orr_buffer_clear(struct orr_buffer *buffer);

static inline bool
orr_buffer_has_room(const struct orr_buffer *buffer)
{
    return buffer->newest && buffer->newest->used < buffer->newest->room;
}

/* Appends an entry; only after orr_buffer_reserve or orr_buffer_has_room said true. */
static inline void
orr_buffer_push_reserved(struct orr_buffer *buffer, uintptr_t entry)
{
    struct orr_chunk *chunk = buffer->newest;
    orr_assert(orr_buffer_has_room(buffer));
    chunk->entries[chunk->used++] = entry;
    buffer->total++;
}

/* Appends an entry. False, and nothing changed, when there is no memory. */
static inline bool
orr_buffer_push(struct orr_buffer *buffer, uintptr_t entry)
{
    if (__builtin_expect(!orr_buffer_has_room(buffer), 0) && !orr_buffer_reserve(buffer))
        return false;
    orr_buffer_push_reserved(buffer, entry);
    return true;
}

/* Takes the newest entry; 0 when empty. */
uintptr_t orr_buffer_pop(struct orr_buffer *buffer);

/* Calls visit on every entry, oldest first; visit may change the entry in place. */
void orr_buffer_each(struct orr_buffer *buffer, void (*visit)(uintptr_t *entry, void *argument),
                     void *argument);

/* Keeps the entries that `keeps` says yes to, in their order; each is asked once, oldest first. Takes no
 * memory: what is kept moves together, and chunks that are left over are freed. */
void orr_buffer_filter(struct orr_buffer *buffer, bool (*keeps)(uintptr_t *entry, void *argument),
                       void *argument);

#endif
