/* cells.h - taking a cell for an object and giving it back: the inline half of allocation.
 *
 * A thread keeps free cells per size class (thread.h). Taking and giving touch only the thread; when a
 * list runs dry or full, the heap kind's slow half trades a whole batch. Heap kinds that keep no lists
 * leave them empty with room 0, so that each operation falls through to the slow half: choosing a heap
 * costs the fast path nothing.
 *
 * Size classes: multiples of 16 from 32 to 512 (class = bytes/16), then four per doubling up to 8 KiB.
 * Class 0 is "too large for a cell": its lists are empty and full at once.
 *
 * A free cell has type 0 and is linked through counts; checked builds fill the rest with ORR_POISON.
 */
#ifndef ORR_RUNTIME_CELLS_H
#define ORR_RUNTIME_CELLS_H

#include "runtime/poison.h"
#include "runtime/thread.h"

enum {
    ORR_CELL_MIN = 32,
    ORR_CELL_SMALL = 512, /* up to here every multiple of 16 is a class */
    ORR_CELL_MAX = 8192
};

static inline unsigned
orr_cell_class(size_t bytes)
{
    if (bytes <= ORR_CELL_MIN)
        return ORR_CELL_MIN / 16;
    if (bytes <= ORR_CELL_SMALL)
        return (unsigned)((bytes + 15) / 16);
    if (bytes > ORR_CELL_MAX)
        return 0;
    /* 512 < bytes: four steps from each power of two to the next. */
    unsigned power = 63u - (unsigned)__builtin_clzll((unsigned long long)bytes - 1);
    size_t step = (size_t)1 << (power - 2);
    size_t above = (bytes - ((size_t)1 << power) + step - 1) / step; /* 1 to 4 */
    return ORR_CELL_SMALL / 16 + (power - 9) * 4 + (unsigned)above;
}

static inline size_t
orr_cell_class_bytes(unsigned class)
{
    if (class <= ORR_CELL_SMALL / 16)
        return (size_t)class * 16;
    unsigned beyond = class - ORR_CELL_SMALL / 16 - 1;
    size_t base = (size_t)ORR_CELL_SMALL << (beyond / 4);
    return base + (beyond % 4 + 1) * (base / 4);
}

/* Cells of a class that change hands at once; also what a thread's list holds at most. */
static inline uint32_t
orr_cell_batch(unsigned class)
{
    size_t cells = ORR_BATCH_BYTES / orr_cell_class_bytes(class);
    if (cells > ORR_BATCH_CELLS)
        return ORR_BATCH_CELLS;
    return cells < ORR_BATCH_LEAST ? ORR_BATCH_LEAST : (uint32_t)cells;
}

/* The slow half: polls, looks at the trigger, asks the heap kind; collects and asks again when the limit
 * is reached. A safepoint. Null: out of memory, with the heap intact. */
struct orr_object *orr_cell_take_slow(struct orr_thread *thread, size_t bytes);

/* Marks what the listed cell holds as another cell, or none. */
static inline struct orr_object *
orr_cell_next(const struct orr_object *cell)
{
    return (struct orr_object *)orr_load_relaxed(&cell->counts); /* relaxed: the cell is ours */
}

/* A cell, its contents undefined. */
static inline __attribute__((always_inline)) struct orr_object *
orr_cell_take(struct orr_thread *thread, size_t bytes)
{
    struct orr_cell_list *list = &thread->cells[orr_cell_class(bytes)];
    struct orr_object *cell = list->current;
    if (__builtin_expect(!cell, 0))
        return orr_cell_take_slow(thread, bytes);
    list->current = orr_cell_next(cell);
    list->room++;
    orr_poison_clear(cell, bytes);
    return cell;
}

/* The list is full, the heap keeps none, or the cell is too large for one. */
void orr_cell_put_slow(struct orr_thread *thread, struct orr_object *cell) __attribute__((noinline));

/* Gives a dead cell back to its thread's list; class and bytes as when it was taken. */
static inline void
orr_cell_put(struct orr_thread *thread, struct orr_object *cell, unsigned class, size_t bytes)
{
    struct orr_cell_list *list = &thread->cells[class];
    if (__builtin_expect(list->room == 0, 0)) {
        orr_cell_put_slow(thread, cell);
        return;
    }
    orr_poison_fill(cell, bytes);
    orr_store_relaxed(&cell->type, 0); /* relaxed: a stopped walk reads it */
    orr_store_relaxed(&cell->counts, (uint64_t)list->current);
    list->current = cell;
    list->room--;
}

#endif
