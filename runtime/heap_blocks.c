/* heap_blocks.c - size-class blocks of 64 KiB on a jemalloc arena. The default heap.
 *
 * Cells of one class fill a block. Free cells live in their threads' lists, two batches at most per class
 * (a batch is 256 cells, or 64 KiB if that is less), and beyond that in the central pool of the class, whole
 * batches at a time. A thread whose lists are dry takes a batch from the pool (newest first: round robin
 * costs a factor of two to three when a large freed heap stands behind), else carves fresh cells from its own
 * block of the class. So freeing what another thread allocated costs what freeing one's own costs, plus a
 * lock per batch; a producer and a consumer trade batches through the pool.
 *
 * Blocks come from 2 MiB chunks with huge pages preferred: a first touch costs a page fault per 2 MiB and
 * not per 4 KiB. Objects above 8 KiB are jemalloc's own, in a list.
 *
 * Always   a free cell is in exactly one list, its type 0; current holds orr_cell_batch(class) - room cells
 *          bytes_used = cells outside the central pool and beyond no carve, plus large objects
 *          map[i] is 1 exactly for blocks that are in use
 *
 * Threads: a thread's lists are its own; pool, blocks and map under their locks; walks with the world stopped.
 * Progress: blocking, one short lock per batch.
 */
#include "runtime/heap_blocks.h"

#include "runtime/space.h"

enum {
    CHUNK_BYTES = 2 << 20,
    CHUNK_BLOCKS = CHUNK_BYTES / ORR_BLOCK_BYTES,
    CARVE_BYTES = 4096, /* fresh cells linked at once: they stay in the first-level cache */
    CARVE_LEAST = 4,
    LARGE_HEAD = 64
};

/* A full or partial batch in the pool: the fields are in the payload of its first cell. */
struct batch {
    struct orr_object first; /* the cells are linked through counts */
    struct batch *next;
    uint64_t cells;
};

static_assert(sizeof(struct batch) <= ORR_CELL_MIN, "a batch's fields fit in the smallest cell");

struct pool {
    struct orr_mutex lock; /* all below */
    struct batch *batches;
    struct orr_block *half_carved; /* blocks of threads that left */
};

struct large {
    struct large *next, *previous;
    size_t bytes;
};

static_assert(sizeof(struct large) <= LARGE_HEAD, "the head of a large object");

struct blocks {
    struct orr_space space; /* first: its hooks are */
    struct pool pools[ORR_CLASSES];
    struct orr_mutex blocks_lock; /* free blocks, map */
    struct orr_block *free_blocks;
    uint8_t *map; /* one per 64 KiB of the range: 1 = a block in use */
    struct orr_mutex large_lock;
    struct large *large;
};

struct thread_blocks {
    struct orr_block *carving[ORR_CLASSES];
};

static struct blocks *
blocks_of(const struct orr_heap *heap)
{
    return heap->kind_private;
}

static size_t
map_index(const struct blocks *blocks, const void *address)
{
    return ((uintptr_t)address - blocks->space.start) / ORR_BLOCK_BYTES;
}

/* --- blocks ---------------------------------------------------------------------------------------- */

static_assert(ORR_SPACE_ALIGNMENT % CHUNK_BYTES == 0, "the map counts blocks from the start of the range");

static bool
add_chunk_locked(struct blocks *blocks)
{
    char *chunk = orr_space_allocate(&blocks->space, CHUNK_BYTES, CHUNK_BYTES);
    if (!chunk)
        return false;
    orr_pages_prefer_huge(chunk, CHUNK_BYTES);
    for (size_t i = CHUNK_BLOCKS; i-- > 0;) { /* backwards, so that they are used in address order */
        struct orr_block *block = (void *)(chunk + i * ORR_BLOCK_BYTES);
        block->next = blocks->free_blocks;
        blocks->free_blocks = block;
    }
    return true;
}

static struct orr_block *
take_block(struct blocks *blocks, unsigned class)
{
    orr_mutex_lock(&blocks->blocks_lock);
    if (!blocks->free_blocks && !add_chunk_locked(blocks)) {
        orr_mutex_unlock(&blocks->blocks_lock);
        return NULL;
    }
    struct orr_block *block = blocks->free_blocks;
    blocks->free_blocks = block->next;
    blocks->map[map_index(blocks, block)] = 1;
    orr_mutex_unlock(&blocks->blocks_lock);
    uint32_t cell_bytes = (uint32_t)orr_cell_class_bytes(class);
    *block = (struct orr_block){.cell_bytes = cell_bytes,
                                .class = class,
                                .cells = (ORR_BLOCK_BYTES - ORR_BLOCK_HEAD) / cell_bytes};
    return block;
}

/* --- cells ----------------------------------------------------------------------------------------- */

static void
link_cell(struct orr_object *cell, struct orr_object *next)
{
    orr_store_relaxed(&cell->counts, (uint64_t)next); /* relaxed: the cell is the caller's */
}

/* The thread's block of the class with cells left to carve; null: no memory. */
static struct orr_block *
carving_block(struct orr_thread *thread, unsigned class)
{
    struct blocks *blocks = blocks_of(thread->heap);
    struct thread_blocks *mine = thread->heap_private;
    struct orr_block *block = mine->carving[class];
    if (block && block->carved < block->cells)
        return block;
    struct pool *pool = &blocks->pools[class];
    orr_mutex_lock(&pool->lock);
    block = pool->half_carved;
    if (block)
        pool->half_carved = block->next;
    orr_mutex_unlock(&pool->lock);
    if (!block)
        block = take_block(blocks, class);
    mine->carving[class] = block;
    return block;
}

/* Links fresh cells of the thread's block into the empty list. False: no memory, or over the limit. */
static bool
carve(struct orr_thread *thread, unsigned class)
{
    struct orr_block *block = carving_block(thread, class);
    if (!block)
        return false;
    uint32_t count = CARVE_BYTES / block->cell_bytes;
    if (count < CARVE_LEAST)
        count = CARVE_LEAST;
    if (count > block->cells - block->carved)
        count = block->cells - block->carved;
    if (!orr_heap_charge(thread->heap, (uint64_t)count * block->cell_bytes)) {
        count = 1; /* near the limit, one by one */
        if (!orr_heap_charge(thread->heap, block->cell_bytes))
            return false;
    }
    orr_heap_took(thread->heap, (uint64_t)count * block->cell_bytes);
    struct orr_object *list = NULL;
    for (uint32_t i = count; i-- > 0;) {
        struct orr_object *cell = orr_block_cell(block, block->carved + i);
        link_cell(cell, list);
        orr_store_relaxed(&cell->type, 0); /* relaxed: as link_cell. A large object may have been here. */
        orr_poison_fill(cell, block->cell_bytes);
        list = cell;
    }
    block->carved += count;
    thread->cells[class].current = list;
    thread->cells[class].room = orr_cell_batch(class) - count;
    return true;
}

/* Takes the newest batch of the pool into the empty list. */
static bool
take_batch(struct orr_thread *thread, unsigned class)
{
    struct pool *pool = &blocks_of(thread->heap)->pools[class];
    orr_mutex_lock(&pool->lock);
    struct batch *batch = pool->batches;
    if (batch && !orr_heap_charge(thread->heap, batch->cells * orr_cell_class_bytes(class)))
        batch = NULL;
    if (batch)
        pool->batches = batch->next;
    orr_mutex_unlock(&pool->lock);
    if (!batch)
        return false;
    orr_heap_took(thread->heap, batch->cells * orr_cell_class_bytes(class));
    thread->cells[class].current = &batch->first;
    thread->cells[class].room = (uint32_t)(orr_cell_batch(class) - batch->cells);
    return true;
}

static void
give_batch(struct orr_heap *heap, unsigned class, struct orr_object *first, uint64_t cells)
{
    struct pool *pool = &blocks_of(heap)->pools[class];
    struct batch *batch = (struct batch *)first;
    batch->cells = cells;
    orr_mutex_lock(&pool->lock);
    batch->next = pool->batches;
    pool->batches = batch;
    orr_mutex_unlock(&pool->lock);
    orr_heap_discharge(heap, cells * orr_cell_class_bytes(class));
}

static bool
refill(struct orr_thread *thread, unsigned class)
{
    struct orr_cell_list *list = &thread->cells[class];
    if (list->current) /* freed by the safepoint or the collection that came before */
        return true;
    if (list->spare) {
        list->current = list->spare;
        list->spare = NULL;
        list->room = 0;
        return true;
    }
    return take_batch(thread, class) || carve(thread, class);
}

/* --- large objects --------------------------------------------------------------------------------- */

static struct orr_object *
allocate_large(struct orr_heap *heap, size_t bytes)
{
    struct blocks *blocks = blocks_of(heap);
    if (bytes > SIZE_MAX / 2 || !orr_heap_charge(heap, bytes))
        return NULL;
    struct large *large = orr_space_allocate(&blocks->space, LARGE_HEAD + bytes, 64);
    if (!large) {
        orr_heap_discharge(heap, bytes);
        return NULL;
    }
    orr_heap_took(heap, bytes);
    large->bytes = bytes;
    struct orr_object *object = (void *)((char *)large + LARGE_HEAD);
    orr_store_relaxed(&object->type, 0); /* relaxed: a stopped walk reads it */
    orr_mutex_lock(&blocks->large_lock);
    large->previous = NULL;
    large->next = blocks->large;
    if (blocks->large)
        blocks->large->previous = large;
    blocks->large = large;
    orr_mutex_unlock(&blocks->large_lock);
    return object;
}

static void
release_large(struct orr_heap *heap, struct orr_object *object)
{
    struct blocks *blocks = blocks_of(heap);
    struct large *large = (void *)((char *)object - LARGE_HEAD);
    orr_mutex_lock(&blocks->large_lock);
    if (large->previous)
        large->previous->next = large->next;
    else
        blocks->large = large->next;
    if (large->next)
        large->next->previous = large->previous;
    orr_mutex_unlock(&blocks->large_lock);
    orr_heap_discharge(heap, large->bytes);
    orr_space_free(&blocks->space, large);
}

/* --- the contract ---------------------------------------------------------------------------------- */

static struct orr_object *
allocate(struct orr_thread *thread, size_t bytes)
{
    unsigned class = orr_cell_class(bytes);
    if (class == 0)
        return allocate_large(thread->heap, bytes);
    if (!refill(thread, class))
        return NULL;
    struct orr_cell_list *list = &thread->cells[class];
    struct orr_object *cell = list->current;
    list->current = orr_cell_next(cell);
    list->room++;
    return cell;
}

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    size_t bytes = orr_object_bytes(object);
    unsigned class = orr_cell_class(bytes);
    if (class == 0) {
        release_large(thread->heap, object);
        return;
    }
    struct orr_cell_list *list = &thread->cells[class];
    if (list->room == 0) {
        if (list->spare)
            give_batch(thread->heap, class, list->spare, orr_cell_batch(class));
        list->spare = list->current;
        list->current = NULL;
        list->room = orr_cell_batch(class);
    }
    orr_cell_put(thread, object, class, bytes);
}

static bool
thread_attach(struct orr_thread *thread)
{
    thread->heap_private = orr_allocate(sizeof(struct thread_blocks));
    if (!thread->heap_private)
        return false;
    for (unsigned class = ORR_CELL_MIN / 16; class < ORR_CLASSES; class ++)
        thread->cells[class].room = orr_cell_batch(class);
    return true;
}

static void
leave_carving(struct blocks *blocks, struct orr_block *block)
{
    struct pool *pool = &blocks->pools[block->class];
    orr_mutex_lock(&pool->lock);
    block->next = pool->half_carved;
    pool->half_carved = block;
    orr_mutex_unlock(&pool->lock);
}

static void
thread_detach(struct orr_thread *thread)
{
    struct thread_blocks *mine = thread->heap_private;
    for (unsigned class = ORR_CELL_MIN / 16; class < ORR_CLASSES; class ++) {
        struct orr_cell_list *list = &thread->cells[class];
        if (list->current)
            give_batch(thread->heap, class, list->current, orr_cell_batch(class) - list->room);
        if (list->spare)
            give_batch(thread->heap, class, list->spare, orr_cell_batch(class));
        struct orr_block *block = mine->carving[class];
        if (block && block->carved < block->cells)
            leave_carving(blocks_of(thread->heap), block);
    }
    orr_deallocate(mine);
}

/* Whether an object lives in the cell; the world is stopped. A sealed page holds none and is not touched. */
static inline bool
is_used(const struct orr_block *block, const struct orr_object *cell)
{
    if (__builtin_expect(block->sealed != 0, 0) && orr_block_is_sealed(block, cell))
        return false;
    return orr_load_relaxed(&cell->type) != 0; /* relaxed: stopped */
}

/* Indexes of the map that may be in use; the world is stopped. */
static size_t
blocks_in_range(const struct blocks *blocks)
{
    uintptr_t top = orr_load_relaxed(&blocks->space.top); /* relaxed: the world is stopped */
    return (top - blocks->space.start + ORR_BLOCK_BYTES - 1) / ORR_BLOCK_BYTES;
}

static void
walk_block(struct orr_block *block, void (*visit)(struct orr_object *, void *), void *argument)
{
    for (uint32_t i = 0; i < block->carved; i++) {
        struct orr_object *cell = orr_block_cell(block, i);
        if (is_used(block, cell))
            visit(cell, argument);
    }
}

static void
walk(struct orr_heap *heap, uint32_t part, uint32_t parts,
     void (*visit)(struct orr_object *, void *), void *argument)
{
    struct blocks *blocks = blocks_of(heap);
    size_t count = blocks_in_range(blocks);
    for (size_t i = count * part / parts; i < count * (part + 1) / parts; i++)
        if (blocks->map[i])
            walk_block((struct orr_block *)(blocks->space.start + i * ORR_BLOCK_BYTES), visit,
                       argument);
    if (part != 0)
        return;
    for (struct large *large = blocks->large, *next; large; large = next) {
        next = large->next;
        struct orr_object *object = (void *)((char *)large + LARGE_HEAD);
        if (orr_load_relaxed(&object->type) != 0) /* relaxed: the world is stopped */
            visit(object, argument);
    }
}

static struct orr_object *
find_large(struct blocks *blocks, uintptr_t address)
{
    for (struct large *large = blocks->large; large; large = large->next) {
        uintptr_t start = (uintptr_t)large + LARGE_HEAD;
        if (address >= start && address < start + large->bytes)
            return (struct orr_object *)start;
    }
    return NULL;
}

static struct orr_object *
find(struct orr_heap *heap, const void *pointer)
{
    struct blocks *blocks = blocks_of(heap);
    uintptr_t address = (uintptr_t)pointer;
    if (address < blocks->space.start || address >= orr_load_relaxed(&blocks->space.top)) /* stopped */
        return NULL;
    if (blocks->map[map_index(blocks, pointer)]) {
        struct orr_block *block = orr_block_of(pointer);
        uintptr_t offset = address - (uintptr_t)block;
        if (offset < ORR_BLOCK_HEAD)
            return NULL;
        uint32_t index = (uint32_t)((offset - ORR_BLOCK_HEAD) / block->cell_bytes);
        if (index >= block->carved)
            return NULL;
        struct orr_object *cell = orr_block_cell(block, index);
        return is_used(block, cell) ? cell : NULL;
    }
    struct orr_object *object = find_large(blocks, address);
    return object && orr_load_relaxed(&object->type) != 0 ? object : NULL; /* relaxed: stopped */
}

/* --- giving memory back ---------------------------------------------------------------------------- */

static void
count_live(struct orr_block *block)
{
    block->live = 0;
    for (uint32_t i = 0; i < block->carved; i++)
        if (is_used(block, orr_block_cell(block, i)))
            block->live++;
    block->live += block->quarantined;
}

/* Unlinks from a list the cells of empty blocks; returns how many went. */
static uint64_t
filter_cells(struct orr_object **list)
{
    uint64_t gone = 0;
    struct orr_object *kept = NULL, *cell = *list;
    while (cell) {
        struct orr_object *next = orr_cell_next(cell);
        if (orr_block_of(cell)->live == 0)
            gone++;
        else {
            link_cell(cell, kept);
            kept = cell;
        }
        cell = next;
    }
    *list = kept;
    return gone;
}

static void
filter_pool(struct orr_heap *heap, unsigned class)
{
    struct pool *pool = &blocks_of(heap)->pools[class];
    struct batch *batch = pool->batches;
    pool->batches = NULL;
    while (batch) {
        struct batch *next = batch->next;
        uint64_t cells = batch->cells;
        struct orr_object *list = &batch->first;
        cells -= filter_cells(&list);
        if (list) {
            struct batch *kept = (struct batch *)list;
            kept->cells = cells;
            kept->next = pool->batches;
            pool->batches = kept;
        }
        batch = next;
    }
    struct orr_block **link = &pool->half_carved;
    while (*link)
        if ((*link)->live == 0)
            *link = (*link)->next;
        else
            link = &(*link)->next;
}

static void
filter_thread(struct orr_thread *thread, unsigned class)
{
    struct thread_blocks *mine = thread->heap_private;
    struct orr_cell_list *list = &thread->cells[class];
    uint64_t gone = filter_cells(&list->current);
    list->room += (uint32_t)gone;
    if (list->spare) { /* a spare is full by definition; what is left of it goes to the pool */
        struct orr_object *spare = list->spare;
        uint64_t spare_gone = filter_cells(&spare);
        list->spare = NULL;
        if (spare)
            give_batch(thread->heap, class, spare, orr_cell_batch(class) - spare_gone);
        gone += spare_gone;
    }
    orr_heap_discharge(thread->heap, gone * orr_cell_class_bytes(class));
    if (mine->carving[class] && mine->carving[class]->live == 0)
        mine->carving[class] = NULL;
}

static uint64_t
free_empty_blocks(struct blocks *blocks, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = count; i-- > 0;) {
        struct orr_block *block = (struct orr_block *)(blocks->space.start + i * ORR_BLOCK_BYTES);
        if (!blocks->map[i] || block->live != 0)
            continue;
        blocks->map[i] = 0;
        ASAN_UNPOISON_MEMORY_REGION(block, ORR_BLOCK_BYTES);
        orr_pages_discard(block, ORR_BLOCK_BYTES);
        block->next = blocks->free_blocks;
        blocks->free_blocks = block;
        bytes += ORR_BLOCK_BYTES;
    }
    return bytes;
}

static uint64_t
trim(struct orr_heap *heap)
{
    struct blocks *blocks = blocks_of(heap);
    size_t count = blocks_in_range(blocks);
    for (size_t i = 0; i < count; i++)
        if (blocks->map[i])
            count_live((struct orr_block *)(blocks->space.start + i * ORR_BLOCK_BYTES));
    for (unsigned class = ORR_CELL_MIN / 16; class < ORR_CLASSES; class ++) {
        for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
            filter_thread(thread, class);
        filter_pool(heap, class);
    }
    return free_empty_blocks(blocks, count);
}

/* --- life ------------------------------------------------------------------------------------------ */

static size_t
map_bytes(const struct blocks *blocks)
{
    return (blocks->space.end - blocks->space.start) / ORR_BLOCK_BYTES + 1;
}

static enum orr_status
open_blocks(struct orr_heap *heap, struct orr_error *error)
{
    struct blocks *blocks = orr_allocate(sizeof *blocks);
    if (!blocks)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a heap of blocks");
    enum orr_status status = orr_space_open(&blocks->space, error);
    if (status != ORR_OK) {
        orr_deallocate(blocks);
        return status;
    }
    blocks->map = orr_pages_reserve(map_bytes(blocks));
    if (!blocks->map) {
        orr_space_close(&blocks->space);
        orr_deallocate(blocks);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the map of a heap");
    }
    for (unsigned class = 0; class < ORR_CLASSES; class ++)
        orr_mutex_init(&blocks->pools[class].lock);
    orr_mutex_init(&blocks->blocks_lock);
    orr_mutex_init(&blocks->large_lock);
    heap->kind_private = blocks;
    return ORR_OK;
}

static void
close_blocks(struct orr_heap *heap)
{
    struct blocks *blocks = blocks_of(heap);
    void *start = (void *)blocks->space.start;
    size_t bytes = orr_load_relaxed(&blocks->space.top) - blocks->space.start; /* relaxed: no threads */
    orr_pages_protect(start, bytes, false); /* what a collector sealed */
    for (unsigned class = 0; class < ORR_CLASSES; class ++)
        orr_mutex_fini(&blocks->pools[class].lock);
    orr_mutex_fini(&blocks->blocks_lock);
    orr_mutex_fini(&blocks->large_lock);
    orr_pages_release(blocks->map, map_bytes(blocks));
    orr_space_close(&blocks->space);
    orr_deallocate(blocks);
}

static bool
scratch(struct orr_heap *heap)
{
    heap->scratch_shift = ORR_SPACE_SCRATCH_SHIFT;
    return orr_space_reserve_scratch(&blocks_of(heap)->space, &heap->scratch_base);
}

static void
scratch_clear(struct orr_heap *heap)
{
    struct blocks *blocks = blocks_of(heap);
    size_t count = blocks_in_range(blocks);
    for (size_t i = 0; i < count; i++)
        if (blocks->map[i])
            orr_space_clear_scratch(&blocks->space, blocks->space.start + i * ORR_BLOCK_BYTES,
                                    ORR_BLOCK_BYTES);
    for (struct large *large = blocks->large; large; large = large->next) /* relaxed: stopped */
        orr_store_relaxed(orr_scratch(heap, (void *)((char *)large + LARGE_HEAD)), 0);
}

const struct orr_heap_kind orr_heap_blocks = {
    .name = "blocks",
    .summary = "size-class blocks on a jemalloc arena, thread-local lists, walkable",
    .is_walkable = true,
    .finds_interior = true,
    .check_every = 1,
    .open = open_blocks,
    .close = close_blocks,
    .thread_attach = thread_attach,
    .thread_detach = thread_detach,
    .allocate = allocate,
    .release = release,
    .walk = walk,
    .find = find,
    .trim = trim,
    .scratch = scratch,
    .scratch_clear = scratch_clear,
};
