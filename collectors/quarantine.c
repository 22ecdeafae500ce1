/* quarantine.c - never reuses memory and protects the dead: the debugger.
 *
 * After: Electric Fence, and the PageProtect plan of MMTk (papers/reading/quarantine.md). A use after free
 * mostly works, because the memory is still there or already another object's; here neither is true. A
 * dead object's cell is overwritten and never given back. On the `blocks` heap, once every cell that lies
 * on a page is dead, the page is sealed: an access to it is a fault of the instruction that made it.
 *
 * What a dead object looks like, until its page is sealed
 *   type      0, as no object lives here: walks pass by, checked operations say "dead and gone"
 *   colour    ORR_POISON, in no living object under this collector: "kept"
 *   counts    one merged reference: one release too many is a second death, under every strategy, and is
 *             told as that; a retain leaves a trace that the verifier finds
 *   the rest  ORR_POISON; a reference made of it leads to no mapped address. Forbidden under
 *             AddressSanitizer
 *
 * A large object of the `blocks` heap has pages of its own: those behind its header are sealed at once.
 * Other heaps mix our cells with their own books, so there the pattern is all.
 *
 * Always   block->quarantined = kept cells of the block
 *          bit k of block->sealed is set: every cell that overlaps page k was born and is kept. Page 0 holds
 *          the head and is never sealed
 *          runs = sealed stretches of pages <= RUNS_MAX
 *          a grave's readable bytes are as they were filled (asserted by verify)
 *
 * Threads: dead on any; one lock around everything. verify and walks with the world stopped. The heap
 * gives access back when it closes.
 */
#include "runtime/collector.h"

#include "runtime/cells.h"
#include "runtime/heap_blocks.h"

/* Each stretch costs the kernel two mappings, and it grants a process 65,530 (vm.max_map_count); the rest
 * is left to the program. Past this, only pages that lengthen a stretch are sealed. */
enum { RUNS_MAX = 24000 };

/* What is known of a dead object; its own memory no longer says it. */
struct grave {
    struct orr_object *object;
    size_t bytes;   /* filled, header included */
    uint16_t type;  /* that it had */
    bool is_large;  /* of the blocks heap */
    bool is_sealed; /* large: the pages behind the header */
};

struct quarantine {
    struct orr_mutex lock; /* all below, and the two fields of blocks */
    struct grave *graves;  /* in the order of death */
    size_t count, room;
    uint64_t runs;
};

/* --- the corpse ------------------------------------------------------------------------------------- */

#define KEPT_BIRTH ((uint64_t)ORR_POISON << 56) /* owner 0, type 0, flags 0, and the colour */
#define KEPT_COUNTS (1 | (uint64_t)(ORR_SHARED_UNIT | ORR_SHARED_MERGED) << 32)

static struct grave
dig(const struct orr_heap *heap, const struct orr_object *object)
{
    struct grave grave = {
        .object = (struct orr_object *)object,
        .bytes = orr_object_bytes(object),
        .type = orr_load_relaxed(&object->type), /* relaxed: the object is ours alone */
    };
    if (heap->kind != &orr_heap_blocks)
        return grave;
    grave.is_large = orr_cell_class(grave.bytes) == 0;
    if (!grave.is_large)
        grave.bytes = orr_block_of(object)->cell_bytes;
    return grave;
}

static void
fill(const struct grave *grave)
{
    struct orr_object *object = grave->object;
    size_t rest = grave->bytes - sizeof *object;
    /* relaxed, both: whoever looks from now on does wrong */
    orr_store_relaxed(&object->birth, KEPT_BIRTH);
    orr_store_relaxed(&object->counts, KEPT_COUNTS);
    ASAN_UNPOISON_MEMORY_REGION(object + 1, rest); /* a cell may be longer than what lived in it */
    memset(object + 1, ORR_POISON, rest);
    ASAN_POISON_MEMORY_REGION(object + 1, rest);
}

static bool
is_kept(const struct orr_object *cell)
{
    return orr_load_relaxed(&cell->colour) == ORR_POISON; /* relaxed: set under the lock */
}

/* --- pages of cells --------------------------------------------------------------------------------- */

/* Whether every cell that overlaps the page is kept. A cell that was never carved is no kept one. */
static bool
page_is_dead_locked(struct orr_block *block, uint32_t page)
{
    uint32_t first_byte = page * ORR_PAGE_BYTES - ORR_BLOCK_HEAD;
    uint32_t first = first_byte / block->cell_bytes;
    uint32_t last = (first_byte + ORR_PAGE_BYTES - 1) / block->cell_bytes;
    for (uint32_t i = first; i <= last && i < block->cells; i++) {
        const struct orr_object *cell = orr_block_cell(block, i);
        if (!orr_block_is_sealed(block, cell) && !is_kept(cell))
            return false;
    }
    return true;
}

/* Stretches of set bits. */
static uint64_t
count_runs(uint32_t pages)
{
    return (uint64_t)__builtin_popcount(pages & ~(pages << 1));
}

static void
seal_page_locked(struct quarantine *quarantine, struct orr_block *block, uint32_t page)
{
    uint32_t sealed = block->sealed | (uint32_t)1 << page;
    uint64_t runs = quarantine->runs + count_runs(sealed) - count_runs(block->sealed);
    if (runs > RUNS_MAX && runs > quarantine->runs)
        return;
    orr_pages_protect((char *)block + (size_t)page * ORR_PAGE_BYTES, ORR_PAGE_BYTES, true);
    block->sealed = sealed;
    quarantine->runs = runs;
}

static void
seal_cell_locked(struct quarantine *quarantine, const struct grave *grave)
{
    struct orr_block *block = orr_block_of(grave->object);
    uint32_t offset = (uint32_t)((uintptr_t)grave->object % ORR_BLOCK_BYTES);
    uint32_t last_page = (offset + block->cell_bytes - 1) / ORR_PAGE_BYTES;
    block->quarantined++;
    for (uint32_t page = offset / ORR_PAGE_BYTES; page <= last_page; page++)
        if (page != 0 && page_is_dead_locked(block, page))
            seal_page_locked(quarantine, block, page);
}

/* --- pages of large objects -------------------------------------------------------------------------- */

/* The pages that are the object's alone and do not hold its header, as [*start, *stop). */
static void
inner_pages(const struct grave *grave, uintptr_t *start, uintptr_t *stop)
{
    uintptr_t mask = ~(uintptr_t)(ORR_PAGE_BYTES - 1);
    *start = ((uintptr_t)(grave->object + 1) + ORR_PAGE_BYTES - 1) & mask;
    *stop = ((uintptr_t)grave->object + grave->bytes) & mask;
}

static void
seal_large_locked(struct quarantine *quarantine, struct grave *grave)
{
    uintptr_t start, stop;
    inner_pages(grave, &start, &stop);
    if (start >= stop || quarantine->runs >= RUNS_MAX)
        return;
    orr_pages_protect((void *)start, stop - start, true);
    grave->is_sealed = true;
    quarantine->runs++;
}

/* --- the hook --------------------------------------------------------------------------------------- */

/* Without memory for it, a grave is not verified; the object stays kept all the same. */
static void
record_locked(struct quarantine *quarantine, const struct grave *grave)
{
    if (quarantine->count == quarantine->room) {
        size_t room = quarantine->room ? quarantine->room * 2 : 1024;
        struct grave *graves = orr_reallocate(quarantine->graves, room * sizeof *graves);
        if (!graves)
            return;
        quarantine->graves = graves;
        quarantine->room = room;
    }
    quarantine->graves[quarantine->count++] = *grave;
}

static const char *
find_type_locked(const struct quarantine *quarantine, const struct orr_object *object)
{
    for (size_t i = quarantine->count; i-- > 0;)
        if (quarantine->graves[i].object == object)
            return orr_type_table[quarantine->graves[i].type]->name;
    return "unknown";
}

static void
dead(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_heap *heap = thread->heap;
    struct quarantine *quarantine = heap->collector_private;
    orr_mutex_lock(&quarantine->lock);
    /* relaxed: ours alone, or it is the error that we look for */
    orr_require(orr_load_relaxed(&object->type) != 0,
                "object %p, of type %s, dies a second time: it was released more often than held",
                (void *)object, find_type_locked(quarantine, object));
    struct grave grave = dig(heap, object);
    fill(&grave);
    if (grave.is_large)
        seal_large_locked(quarantine, &grave);
    else if (heap->kind == &orr_heap_blocks)
        seal_cell_locked(quarantine, &grave);
    record_locked(quarantine, &grave);
    orr_mutex_unlock(&quarantine->lock);
}

/* --- the pattern, world stopped --------------------------------------------------------------------- */

static bool
is_readable(const struct orr_heap *heap, const struct grave *grave, const char *address)
{
    if (heap->kind != &orr_heap_blocks)
        return true;
    if (!grave->is_large)
        return !orr_block_is_sealed(orr_block_of(grave->object), address);
    uintptr_t start, stop;
    inner_pages(grave, &start, &stop);
    return !grave->is_sealed || (uintptr_t)address < start || (uintptr_t)address >= stop;
}

/* The first byte of [from, to) that is not the pattern's; `to` if there is none. */
static char *
find_change(char *from, char *to)
{
    ASAN_UNPOISON_MEMORY_REGION(from, (size_t)(to - from));
    char *byte = from;
    while (byte < to && *(unsigned char *)byte == ORR_POISON)
        byte++;
    ASAN_POISON_MEMORY_REGION(from, (size_t)(to - from));
    return byte;
}

static void
check_grave(const struct orr_heap *heap, const struct grave *grave)
{
    struct orr_object *object = grave->object;
    const char *name = orr_type_table[grave->type]->name;
    if (!is_readable(heap, grave, (char *)object))
        return; /* a cell's later pages may be readable, but nobody got past its header */
    /* relaxed, both: the world is stopped */
    orr_require(orr_load_relaxed(&object->birth) == KEPT_BIRTH &&
                    orr_load_relaxed(&object->counts) == KEPT_COUNTS,
                "the header of object %p, of type %s, changed after its death", (void *)object,
                name);
    char *end = (char *)object + grave->bytes;
    for (char *from = (char *)(object + 1), *to; from < end; from = to) {
        to = (char *)(((uintptr_t)from | (ORR_PAGE_BYTES - 1)) + 1); /* to the end of the page */
        to = to < end ? to : end;
        char *change = is_readable(heap, grave, from) ? find_change(from, to) : to;
        orr_require(change == to, "byte %zu of object %p, of type %s, was written after its death",
                    (size_t)(change - (char *)object), (void *)object, name);
    }
}

static void
verify(struct orr_heap *heap)
{
    const struct quarantine *quarantine = heap->collector_private;
    for (size_t i = 0; i < quarantine->count; i++)
        check_grave(heap, &quarantine->graves[i]);
}

/* --- life ------------------------------------------------------------------------------------------- */

static enum orr_status
heap_init(struct orr_heap *heap, struct orr_error *error)
{
    struct quarantine *quarantine = heap->collector_private;
    (void)error;
    orr_mutex_init(&quarantine->lock);
    return ORR_OK;
}

static void
heap_fini(struct orr_heap *heap)
{
    struct quarantine *quarantine = heap->collector_private;
    orr_deallocate(quarantine->graves);
    orr_mutex_fini(&quarantine->lock);
}

extern const struct orr_collector orr_collector_quarantine;
const struct orr_collector orr_collector_quarantine = {
    .name = "quarantine",
    .summary = "never reuses memory and protects the dead: the debugger",
    .paper = "quarantine",
    .hooks = ORR_HOOK_DEAD,
    .trigger = {.kind = ORR_TRIGGER_manual},
    .heap_bytes = sizeof(struct quarantine),
    .heap_init = heap_init,
    .heap_fini = heap_fini,
    .dead = dead,
    .verify = verify,
};
