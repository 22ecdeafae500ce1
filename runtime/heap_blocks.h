/* heap_blocks.h - the layout of the blocks heap, for those who need pages and blocks (quarantine, tests). */
#ifndef ORR_RUNTIME_HEAP_BLOCKS_H
#define ORR_RUNTIME_HEAP_BLOCKS_H

#include "runtime/cells.h"
#include "runtime/heap.h"

enum {
    ORR_BLOCK_BYTES = 64 << 10,
    ORR_BLOCK_HEAD = 64, /* bytes before the first cell */
    ORR_PAGE_BYTES = 4096
};

/* The head of a block; cells of one size follow. */
struct orr_block {
    struct orr_block *next; /* in a list of free or half-carved blocks */
    uint32_t cell_bytes;
    uint32_t class;
    uint32_t cells;  /* that fit */
    uint32_t carved; /* that were ever handed out; the rest is memory of which nothing is known */
    uint32_t live;   /* scratch of trim */
    uint32_t quarantined; /* cells that a collector keeps for good; under that collector's lock */
    uint32_t sealed;      /* bit k: page k cannot be accessed, all its cells are kept; likewise */
};

static_assert(sizeof(struct orr_block) <= ORR_BLOCK_HEAD, "the head fits before the cells");

/* The block of an object that is not large. */
static inline struct orr_block *
orr_block_of(const void *address)
{
    return (struct orr_block *)((uintptr_t)address & ~(uintptr_t)(ORR_BLOCK_BYTES - 1));
}

static inline struct orr_object *
orr_block_cell(struct orr_block *block, uint32_t index)
{
    char *start = (char *)block + ORR_BLOCK_HEAD;
    return (void *)(start + (size_t)index * block->cell_bytes);
}

/* Whether the page of an address in the block is inaccessible. Walks leave such cells out. */
static inline bool
orr_block_is_sealed(const struct orr_block *block, const void *address)
{
    return block->sealed >> ((uintptr_t)address % ORR_BLOCK_BYTES / ORR_PAGE_BYTES) & 1;
}

#endif
