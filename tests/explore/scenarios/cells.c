/* cells.c - a heap of blocks: one thread's list of free cells runs over while two others' are dry, so that a
 * batch changes hands through the pool; nobody gets a cell that another has, and the heap's books are right. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

enum { CELL = ORR_CELL_MAX, BATCH = ORR_BATCH_LEAST, MADE = 4 * BATCH };

/* So large that a batch is as small as can be. */
struct large {
    struct orr_object header;
    uint64_t owner; /* the fibre that has it */
    char rest[CELL - sizeof(struct orr_object) - sizeof(uint64_t)];
};

static uint16_t type_index;
static const struct orr_type large_type = {
    .name = "large", .bytes = sizeof(struct large), .index = &type_index};

static struct orr_heap *heap;
static struct orr_object *last; /* of fibre 0: with it, a batch is complete */
static struct large *taken[3];  /* by the others */
static uint64_t live;           /* of the objects of fibre 0, without that one */

/* The list of the class that the objects are of. */
static struct orr_cell_list *
list_of(unsigned fibre)
{
    return &explore_thread(fibre)->cells[orr_cell_class(CELL)];
}

static void
setup(void)
{
    struct orr_object *objects[MADE];
    heap = explore_heap(&EXPLORE_RC, "none", "blocks");
    explore_attach(heap, 3);
    explore_check(orr_type_register(&large_type, NULL) == ORR_OK);
    struct orr_thread *thread = explore_thread(0);
    for (unsigned i = 0; i < MADE; i++)
        objects[i] = orr_new(thread, &large_type);
    unsigned gone = 0;
    while (list_of(0)->room != 0 || !list_of(0)->spare)
        orr_release(thread, objects[gone++]);
    last = objects[gone++];
    live = MADE - gone;
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_release(thread, last);
        return;
    }
    struct large *mine = (struct large *)orr_new(thread, &large_type);
    taken[fibre] = mine;
    mine->owner = fibre;
    explore_step();
    explore_check(mine->owner == fibre);
    explore_check(orr_load_relaxed(&mine->header.type) == type_index);
}

/* Free cells of a thread. */
static uint64_t
free_cells(unsigned fibre)
{
    uint64_t count = 0;
    for (struct orr_object *cell = list_of(fibre)->current; cell; cell = orr_cell_next(cell))
        count++;
    explore_check(count == BATCH - list_of(fibre)->room);
    for (struct orr_object *cell = list_of(fibre)->spare; cell; cell = orr_cell_next(cell))
        count++;
    return count;
}

static void
check(void)
{
    uint64_t cells = 0;
    explore_check(taken[1] != taken[2]);
    for (unsigned i = 0; i < 4; i++)
        cells += free_cells(i);
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    explore_check(totals.live == live + 2);
    explore_check(orr_load_relaxed(&heap->bytes_used) == (cells + totals.live) * CELL);
}

static void
verify(void)
{
    explore_verify(heap, NULL);
}

EXPLORE_SCENARIO(cells) = {.name = EXPLORE_NAME,
                           .covers = "A13",
                           .fibres = 3,
                           .setup = setup,
                           .body = body,
                           .check = check,
                           .verify = verify};
