/* churn.c - objects without references are born and die: the allocator, and the count's last step.
 *
 * `bytes` is the whole object with its header; one word of it is written. A round is 100,000 objects:
 *   case=pair     allocated and dropped one at a time
 *   case=fifo     all allocated, then dropped in the same order
 *   case=lifo     all allocated, then dropped in the opposite order
 *   case=remote   threads in pairs: the even one allocates, the odd one drops, in chunks of 10,000 that
 *                 change hands through two shared slots per chunk, four chunks in flight
 * What waits to be dropped is held by an array; under a strategy that does not count, dropping is
 * forgetting, and the collector pays.
 *
 *   remote, chunk k:  giver takes it from `empty[k]`, fills it, puts it into `full[k]`
 *                     taker takes it from `full[k]`, empties it, puts it into `empty[k]`
 * A chunk is in one slot or in one hand, so its elements are private to whoever has it. The giver says
 * when it is over; the taker then takes what is still full. Who waits polls.
 *
 * Notes    ns_per_object: of one worker; with remote, of one giver.
 * Digest   the words of the objects dropped in a worker's first round.
 */
#include "workloads/workload.h"

#include "workloads/parts/tally.h"

#include <stdlib.h>

enum churn_case { PAIR, FIFO, LIFO, REMOTE };
static const char *const cases[] = {"pair", "fifo", "lifo", "remote", NULL};
static const char *const sizes[] = {"32", "48", "64", NULL};

enum {
    BATCH = 100000,
    CHUNK = 10000,
    CHUNKS = 4, /* in flight */
    OBJECTS_PER_POLL = 256,
    LOOKS_PER_YIELD = 64 /* in a wait; then the processor is given away, the partner may need it */
};
static_assert(BATCH % CHUNK == 0, "a round is whole chunks");

struct cell {
    struct orr_object header;
    uint64_t word;
};

static uint16_t cell_index[3], array_index;
static const struct orr_type cell_types[] = {
    {.name = "churn_32", .bytes = 32, .flags = ORR_TYPE_ACYCLIC, .index = &cell_index[0]},
    {.name = "churn_48", .bytes = 48, .flags = ORR_TYPE_ACYCLIC, .index = &cell_index[1]},
    {.name = "churn_64", .bytes = 64, .flags = ORR_TYPE_ACYCLIC, .index = &cell_index[2]},
};
static const struct orr_type array_type = {
    .name = "churn_array",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &array_index,
};

struct settings {
    uint64_t bytes, which;
};

struct result {
    uint64_t sum; /* of the words of the first round */
    struct orr_tally tally;
};

struct state {
    struct orr_root boxes; /* remote: an array of slots, see box_slot */
    bool has_root;
    _Atomic(uint32_t) *over; /* remote, per pair: 1 once the giver, who writes it, is over */
    struct result *results;  /* one per worker, who writes it; null outside prepare .. finish */
    uint64_t digest;
};

/* --- one size each, so that the compiler knows it ------------------------------------------------- */

static inline struct orr_object *
new_cell(struct orr_thread *thread, const struct orr_type *type, uint64_t word)
{
    struct orr_object *cell = orr_new(thread, type);
    if (cell)
        ((struct cell *)cell)->word = word;
    return cell;
}

static inline __attribute__((always_inline)) bool
pair_cells(struct orr_thread *thread, const struct orr_type *type, uint64_t *sum)
{
    for (uint64_t i = 0; i < BATCH; i++) {
        if (i % OBJECTS_PER_POLL == 0)
            orr_poll(thread);
        struct orr_object *cell = new_cell(thread, type, i);
        if (!cell)
            return false;
        *sum += ((volatile struct cell *)cell)->word; /* volatile: it goes through memory */
        orr_release(thread, cell);
    }
    return true;
}

static inline __attribute__((always_inline)) bool
fill_cells(struct orr_thread *thread, const struct orr_type *type, struct orr_object *array,
           uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i % OBJECTS_PER_POLL == 0)
            orr_poll(thread);
        struct orr_object *cell = new_cell(thread, type, i);
        if (!cell)
            return false;
        orr_init_slot(thread, array, orr_element(array, i), cell);
    }
    return true;
}

/* A batch allocated and dropped one by one; adds up the words. False without memory. */
static bool
pair(struct orr_thread *thread, uint64_t size, uint64_t *sum)
{
    switch (size) {
    case 0:
        return pair_cells(thread, &cell_types[0], sum);
    case 1:
        return pair_cells(thread, &cell_types[1], sum);
    default:
        return pair_cells(thread, &cell_types[2], sum);
    }
}

/* Fills elements [0, n) of the array; on false there was no memory, and some are filled. */
static bool
fill(struct orr_thread *thread, uint64_t size, struct orr_object *array, uint32_t n)
{
    switch (size) {
    case 0:
        return fill_cells(thread, &cell_types[0], array, n);
    case 1:
        return fill_cells(thread, &cell_types[1], array, n);
    default:
        return fill_cells(thread, &cell_types[2], array, n);
    }
}

/* --- one thread ----------------------------------------------------------------------------------- */

static inline uint64_t
drop(struct orr_thread *thread, struct orr_object *array, uint32_t i)
{
    struct orr_slot *slot = orr_element(array, i);
    uint64_t word = ((struct cell *)orr_peek_slot(thread, slot))->word;
    orr_give_slot(thread, array, slot, NULL);
    return word;
}

/* Drops elements [0, n), in the order they came or the other way round; returns the sum of their words. */
static uint64_t
empty(struct orr_thread *thread, struct orr_object *array, uint32_t n, bool last_first)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i % OBJECTS_PER_POLL == 0)
            orr_poll(thread);
        sum += drop(thread, array, last_first ? n - 1 - i : i);
    }
    return sum;
}

static bool
churn_alone(struct orr_worker *worker, struct orr_object *array)
{
    const struct settings *settings = worker->run->settings;
    struct result *result = &((struct state *)worker->run->state)->results[worker->index];
    while (orr_worker_goes_another_round(worker)) {
        bool measured = orr_tally_begins(worker->run);
        uint64_t sum = 0;
        uint64_t start_ns = orr_clock_ns();
        if (settings->which == PAIR) {
            if (!pair(worker->thread, settings->bytes, &sum))
                return false;
        } else {
            if (!fill(worker->thread, settings->bytes, array, BATCH))
                return false;
            sum = empty(worker->thread, array, BATCH, settings->which == LIFO);
        }
        orr_tally_add(&result->tally, measured, orr_clock_ns() - start_ns, BATCH);
        if (orr_load_relaxed(&worker->operations) == 0) /* relaxed: own counter */
            result->sum = sum;
        orr_worker_did(worker);
    }
    return true;
}

/* --- two threads ---------------------------------------------------------------------------------- */

static struct orr_slot *
box_slot(struct orr_object *boxes, uint32_t pair, bool is_full, uint64_t chunk)
{
    return orr_element(boxes, (pair * 2 + (is_full ? 1 : 0)) * CHUNKS + (uint32_t)(chunk % CHUNKS));
}

/* Waits for a chunk in the slot and takes it, counted. Null once the giver is over and there is none. */
static struct orr_object *
take_chunk(struct orr_thread *thread, struct orr_object *boxes, struct orr_slot *slot,
           _Atomic(uint32_t) *over)
{
    for (uint32_t looks = 1;; looks++) {
        /* Read before the slot: what the giver put, it put before it was over. */
        bool is_over = orr_load_acquire(over) != 0;
        struct orr_object *chunk = orr_exchange_slot(thread, boxes, slot, NULL);
        if (chunk || is_over)
            return chunk;
        orr_poll(thread);
        if (looks % LOOKS_PER_YIELD == 0)
            orr_yield();
        else
            orr_spin_hint();
    }
}

static void
put_chunk(struct orr_thread *thread, struct orr_object *boxes, struct orr_slot *slot,
          struct orr_own *chunk)
{
    struct orr_object *none = orr_exchange_slot(thread, boxes, slot, orr_take(chunk));
    orr_assert(none == NULL);
    (void)none;
}

/* One round of the giver: ten chunks. On false there is no memory; the chunk in hand is dropped. */
static bool
give_chunks(struct orr_worker *worker, struct orr_object *boxes, uint64_t *chunks,
            _Atomic(uint32_t) *never)
{
    const struct settings *settings = worker->run->settings;
    uint32_t pair = worker->index / 2;
    for (uint32_t i = 0; i < BATCH / CHUNK; i++, ++*chunks) {
        struct orr_slot *from = box_slot(boxes, pair, false, *chunks);
        ORR_OWN(worker->thread, chunk, take_chunk(worker->thread, boxes, from, never));
        if (!fill(worker->thread, settings->bytes, chunk.ref, CHUNK))
            return false;
        put_chunk(worker->thread, boxes, box_slot(boxes, pair, true, *chunks), &chunk);
    }
    return true;
}

static bool
give(struct orr_worker *worker, struct orr_object *boxes, _Atomic(uint32_t) *over)
{
    struct result *result = &((struct state *)worker->run->state)->results[worker->index];
    _Atomic(uint32_t) never = 0; /* the taker empties every chunk that is put */
    uint64_t chunks = 0;
    bool has_memory = true;
    while (has_memory && orr_worker_goes_another_round(worker)) {
        bool measured = orr_tally_begins(worker->run);
        uint64_t start_ns = orr_clock_ns();
        has_memory = give_chunks(worker, boxes, &chunks, &never);
        if (!has_memory)
            break;
        orr_tally_add(&result->tally, measured, orr_clock_ns() - start_ns, BATCH);
        orr_worker_did(worker);
    }
    orr_store_release(over, 1); /* release: all chunks are put */
    return has_memory;
}

static void
take(struct orr_worker *worker, struct orr_object *boxes, _Atomic(uint32_t) *over)
{
    struct result *result = &((struct state *)worker->run->state)->results[worker->index];
    uint32_t pair = worker->index / 2;
    for (uint64_t chunks = 0;; chunks++) {
        struct orr_slot *from = box_slot(boxes, pair, true, chunks);
        ORR_OWN(worker->thread, chunk, take_chunk(worker->thread, boxes, from, over));
        if (!chunk.ref)
            return;
        uint64_t sum = empty(worker->thread, chunk.ref, CHUNK, false);
        if (chunks < BATCH / CHUNK)
            result->sum += sum;
        put_chunk(worker->thread, boxes, box_slot(boxes, pair, false, chunks), &chunk);
        if ((chunks + 1) % (BATCH / CHUNK) == 0)
            orr_worker_did(worker);
    }
}

/* Where the chunks are: per pair, those that are empty, then those that are full. Null without memory. */
static struct orr_object *
make_boxes(struct orr_thread *thread, uint32_t pairs)
{
    ORR_OWN(thread, boxes, orr_new_array(thread, &array_type, pairs * 2 * CHUNKS, 0));
    for (uint32_t pair = 0; boxes.ref && pair < pairs; pair++)
        for (uint32_t i = 0; i < CHUNKS; i++) {
            struct orr_object *chunk = orr_new_array(thread, &array_type, CHUNK, 0);
            if (!chunk)
                return NULL;
            orr_init_slot(thread, boxes.ref, box_slot(boxes.ref, pair, false, i), chunk);
        }
    return orr_take(&boxes);
}

/* --- the workload --------------------------------------------------------------------------------- */

static enum orr_status
no_memory(struct orr_error *error)
{
    return orr_fail(error, ORR_OUT_OF_MEMORY, "churn: no memory for a batch of %d objects", BATCH);
}

static void
free_books(struct state *state)
{
    free(state->results);
    free(state->over);
    state->results = NULL;
    state->over = NULL;
}

static enum orr_status
prepare_boxes(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    struct state *state = run->state;
    if (run->threads % 2 != 0)
        return orr_fail(error, ORR_BAD_INPUT,
                        "churn: case=remote needs an even number of threads, not %u", run->threads);
    state->over = calloc(run->threads / 2, sizeof *state->over);
    struct orr_object *boxes = state->over ? make_boxes(worker->thread, run->threads / 2) : NULL;
    if (!boxes)
        return no_memory(error);
    orr_root_add(run->heap, &state->boxes);
    state->has_root = true;
    orr_exchange_slot(worker->thread, NULL, &state->boxes.slot, boxes);
    return ORR_OK;
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    enum orr_status status = orr_type_register(&array_type, error);
    for (size_t i = 0; status == ORR_OK && i < sizeof cell_types / sizeof cell_types[0]; i++)
        status = orr_type_register(&cell_types[i], error);
    if (status != ORR_OK)
        return status;
    state->results = calloc(run->threads, sizeof *state->results);
    if (!state->results)
        return no_memory(error);
    if (settings->which == REMOTE)
        status = prepare_boxes(worker, error);
    if (status != ORR_OK)
        free_books(state);
    return status;
}

static enum orr_status
work_remotely(struct orr_worker *worker, struct orr_error *error)
{
    struct state *state = worker->run->state;
    _Atomic(uint32_t) *over = &state->over[worker->index / 2];
    ORR_OWN(worker->thread, boxes, orr_load_slot(worker->thread, &state->boxes.slot));
    if (worker->index % 2 == 0)
        return give(worker, boxes.ref, over) ? ORR_OK : no_memory(error);
    take(worker, boxes.ref, over);
    return ORR_OK;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    const struct settings *settings = worker->run->settings;
    if (settings->which == REMOTE)
        return work_remotely(worker, error);
    ORR_OWN(worker->thread, array,
            settings->which == PAIR ? NULL : orr_new_array(worker->thread, &array_type, BATCH, 0));
    if (settings->which != PAIR && !array.ref)
        return no_memory(error);
    return churn_alone(worker, array.ref) ? ORR_OK : no_memory(error);
}

static void
finish(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    struct state *state = run->state;
    struct orr_tally sum = {0};
    for (uint32_t i = 0; state->results && i < run->threads; i++) {
        orr_tally_sum(&sum, &state->results[i].tally);
        state->digest = orr_mix(state->digest, state->results[i].sum);
    }
    orr_tally_note(run, "ns_per_object", &sum);
    free_books(state);
    if (!state->has_root)
        return;
    orr_release(worker->thread, orr_exchange_slot(worker->thread, NULL, &state->boxes.slot, NULL));
    orr_root_remove(run->heap, &state->boxes);
    state->has_root = false;
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"bytes", ORR_OPTION_CHOICE, offsetof(struct settings, bytes), "bytes", "32", 0, 0, sizes,
     "an object with its header"},
    {"case", ORR_OPTION_CHOICE, offsetof(struct settings, which), "", "fifo", 0, 0, cases,
     "in which order objects die, and by whose hand"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(churn, .name = "churn",
                    .summary = "objects without references are born and die: the allocator",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .is_job = true, .prepare = prepare,
                    .work = work, .finish = finish, .digest = digest);
