/* buffer.c - chunks of a buffer: growth, hand-over, taking back, sifting. */
#include "runtime/buffer.h"

#include "runtime/platform.h"

static_assert(sizeof(struct orr_chunk) == 8192, "a chunk is 8 KiB");

static _Atomic(uint32_t) chunk_room = ORR_CHUNK_ENTRIES; /* of new chunks */

void
orr_buffers_tiny(bool tiny)
{
    orr_store_relaxed(&chunk_room, tiny ? ORR_CHUNK_TINY : ORR_CHUNK_ENTRIES); /* relaxed: a setting */
}

bool
orr_buffer_reserve(struct orr_buffer *buffer)
{
    if (orr_buffer_has_room(buffer))
        return true;
    struct orr_chunk *chunk = orr_allocate(sizeof *chunk);
    if (!chunk)
        return false;
    chunk->room = orr_load_relaxed(&chunk_room); /* relaxed: a setting */
    chunk->previous = buffer->newest;
    if (buffer->newest)
        buffer->newest->next = chunk;
    else
        buffer->oldest = chunk;
    buffer->newest = chunk;
    return true;
}

void
orr_buffer_append(struct orr_buffer *buffer, struct orr_buffer *from)
{
    if (!from->oldest)
        return;
    if (buffer->newest) {
        buffer->newest->next = from->oldest;
        from->oldest->previous = buffer->newest;
    } else
        buffer->oldest = from->oldest;
    buffer->newest = from->newest;
    buffer->total += from->total;
    *from = (struct orr_buffer){0};
}

void
orr_buffer_clear(struct orr_buffer *buffer)
{
    for (struct orr_chunk *chunk = buffer->oldest, *next; chunk; chunk = next) {
        next = chunk->next;
        orr_deallocate(chunk);
    }
    *buffer = (struct orr_buffer){0};
}

static void
drop_newest_chunk(struct orr_buffer *buffer)
{
    struct orr_chunk *chunk = buffer->newest;
    buffer->newest = chunk->previous;
    if (buffer->newest)
        buffer->newest->next = NULL;
    else
        buffer->oldest = NULL;
    orr_deallocate(chunk);
}

uintptr_t
orr_buffer_pop(struct orr_buffer *buffer)
{
    while (buffer->newest && buffer->newest->used == 0)
        drop_newest_chunk(buffer);
    if (!buffer->newest)
        return 0;
    buffer->total--;
    return buffer->newest->entries[--buffer->newest->used];
}

void
orr_buffer_each(struct orr_buffer *buffer, void (*visit)(uintptr_t *, void *), void *argument)
{
    for (struct orr_chunk *chunk = buffer->oldest; chunk; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->used; i++)
            visit(&chunk->entries[i], argument);
}

/* Where the next entry that is kept goes; never ahead of the entry that is looked at. */
struct sieve {
    struct orr_chunk *chunk;
    uint32_t used;
};

static void
sieve_push(struct sieve *sieve, uintptr_t entry)
{
    if (sieve->used == sieve->chunk->room) {
        sieve->chunk->used = sieve->used;
        *sieve = (struct sieve){.chunk = sieve->chunk->next};
    }
    sieve->chunk->entries[sieve->used++] = entry;
}

void
orr_buffer_filter(struct orr_buffer *buffer, bool (*keeps)(uintptr_t *, void *), void *argument)
{
    struct sieve sieve = {.chunk = buffer->oldest};
    size_t kept = 0;
    for (struct orr_chunk *chunk = buffer->oldest; chunk; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->used; i++) {
            if (!keeps(&chunk->entries[i], argument))
                continue;
            sieve_push(&sieve, chunk->entries[i]);
            kept++;
        }
    buffer->total = kept;
    if (sieve.chunk)
        sieve.chunk->used = sieve.used;
    while (buffer->newest != (kept ? sieve.chunk : NULL))
        drop_newest_chunk(buffer);
}
