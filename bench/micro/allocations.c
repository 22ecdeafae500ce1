/* allocations.c - rows of birth and death: 48 bytes with their header, by heap and strategy, and of what
 * plain allocators do for the same object.
 *
 *   allocate_pair     made and dropped one at a time: the same cell over and over
 *   allocate_batch    100 or 100,000 made, then dropped in the same order: in the first cache, and past it
 *
 * A strategy that does not count frees nothing here, so it has no rows.
 */
#include "bench/micro/rows.h"
#include "bench/rivals.h"

#include "runtime/rc.h"

#include <stdio.h>
#include <stdlib.h>

enum { HELD_MOST = 100000 };
static const uint32_t batches[] = {100, HELD_MOST};
enum { BATCHES = sizeof batches / sizeof batches[0], ROWS_MAX = 128 };

/* What a row measures; it lives as long as the program. */
struct row {
    const struct orr_loops *loops; /* ours */
    const char *heap;
    const struct orr_rival *rival; /* or theirs */
    uint32_t batch;                /* 0: one at a time */
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static void *held[HELD_MOST];

/* --- ours ------------------------------------------------------------------------------------------- */

static void
run_pair(struct orr_gbench_state *state, void *argument)
{
    const struct row *row = argument;
    struct orr_stand stand;
    bool has_memory = true;
    if (!orr_micro_open(state, row->loops, row->heap, &stand))
        return;
    while (has_memory && orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        has_memory = row->loops->pair(stand.thread, ORR_MICRO_BATCH) == ORR_MICRO_BATCH;
    if (!has_memory)
        orr_gbench_error(state, "no memory for an object");
    orr_stand_close(&stand);
}

static void
run_batch(struct orr_gbench_state *state, void *argument)
{
    const struct row *row = argument;
    struct orr_stand stand;
    if (!orr_micro_open(state, row->loops, row->heap, &stand))
        return;
    struct orr_object **objects = (struct orr_object **)held;
    /* Once outside the clock: memory that is touched for the first time is another figure. */
    bool has_memory = row->loops->batch(stand.thread, objects, row->batch) == row->batch;
    while (has_memory && orr_gbench_next_batch(state, row->batch))
        has_memory = row->loops->batch(stand.thread, objects, row->batch) == row->batch;
    if (!has_memory)
        orr_gbench_error(state, "no memory for a batch of objects");
    orr_stand_close(&stand);
}

/* --- theirs ----------------------------------------------------------------------------------------- */

static void
run_rival_pair(struct orr_gbench_state *state, void *argument)
{
    const struct row *row = argument;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        row->rival->pair(ORR_MICRO_BATCH);
}

static void
run_rival_batch(struct orr_gbench_state *state, void *argument)
{
    const struct row *row = argument;
    row->rival->batch(held, row->batch);
    while (orr_gbench_next_batch(state, row->batch))
        row->rival->batch(held, row->batch);
}

/* --- registration ----------------------------------------------------------------------------------- */

/* allocate_pair/WHO, or allocate_batch/WHO/100. */
static void
add(const char *who, struct row row, orr_gbench_run *run)
{
    char name[96];
    if (row_count == ROWS_MAX)
        return;
    if (row.batch)
        snprintf(name, sizeof name, "allocate_batch/%s/%u", who, row.batch);
    else
        snprintf(name, sizeof name, "allocate_pair/%s", who);
    rows[row_count] = row;
    orr_gbench_register(name, run, &rows[row_count++]);
}

static void
add_all(const char *who, struct row row)
{
    add(who, row, row.rival ? run_rival_pair : run_pair);
    for (size_t i = 0; i < BATCHES; i++) {
        row.batch = batches[i];
        add(who, row, row.rival ? run_rival_batch : run_batch);
    }
}

void
orr_micro_allocations(void)
{
    char who[64];
    for (size_t k = 0; orr_loops_list[k]; k++)
        for (size_t h = 0; orr_heap_kinds[h]; h++) {
            const struct orr_loops *loops = orr_loops_list[k];
            if (loops->is_rooted || !orr_rc_find(loops->strategy)->counts)
                continue;
            snprintf(who, sizeof who, "%s/%s", orr_heap_kinds[h]->name, loops->strategy);
            add_all(who, (struct row){.loops = loops, .heap = orr_heap_kinds[h]->name});
        }
    for (const struct orr_rival *rival = orr_rivals; rival->name; rival++) {
        snprintf(who, sizeof who, "rival_%s", rival->name);
        add_all(who, (struct row){.rival = rival});
    }
}
