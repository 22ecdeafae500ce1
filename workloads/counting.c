/* counting.c - one retain and one release: what a strategy costs where it is all there is.
 *
 * Objects of 64 bytes without references, held throughout by an array. A round is about `pairs` pairs:
 *   case=one       one object, retain then release, in a row: a dependent chain
 *   case=l1_256    256 objects: a sweep of retains, then a sweep of releases
 *   case=cold_1M   the same over 2^20 objects in a random order: every access misses the caches
 * sharing=none is for one thread. With several, each has objects of its own (disjoint, made by itself) or
 * all work on the first worker's (same: under biased counting the others take the shared path).
 *
 * The objects cannot be on a cycle and their type says so, so no collector hears of them.
 *
 * Notes    ns_per_pair: of one worker.
 * Digest   the objects' own numbers, summed after the last round.
 */
#include "workloads/workload.h"

#include "workloads/parts/permutation.h"
#include "workloads/parts/tally.h"

#include <stdlib.h>

enum counting_case { ONE, L1_256, COLD_1M };
static const char *const cases[] = {"one", "l1_256", "cold_1M", NULL};
static const uint32_t case_objects[] = {1, 256, 1 << 20};
enum sharing { NONE, DISJOINT, SAME };
static const char *const sharings[] = {"none", "disjoint", "same", NULL};

enum { PAIRS_PER_POLL = 4096 }; /* a few microseconds apart, and not to be seen in the result */

struct line {
    struct orr_object header;
    uint64_t number;
    uint64_t rest[5];
};
static_assert(sizeof(struct line) == 64, "one cache line");

static uint16_t line_index, array_index;
static const struct orr_type line_type = {
    .name = "counting_line",
    .bytes = sizeof(struct line),
    .flags = ORR_TYPE_ACYCLIC,
    .index = &line_index,
};
static const struct orr_type array_type = {
    .name = "counting_array",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &array_index,
};

struct settings {
    uint64_t which, sharing, pairs;
};

struct result {
    uint64_t sum;
    struct orr_tally tally;
};

struct state {
    struct orr_root shared; /* sharing=same: the array all work on */
    bool has_root;
    struct result *results; /* one per worker, who writes it; null outside prepare .. finish */
    uint64_t digest;
};

/* An array of n objects, counted; null without memory. */
static struct orr_object *
make_objects(struct orr_thread *thread, uint32_t n)
{
    ORR_OWN(thread, array, orr_new_array(thread, &array_type, n, 0));
    for (uint32_t i = 0; array.ref && i < n; i++) {
        struct orr_object *object = orr_new(thread, &line_type);
        if (!object)
            return NULL;
        ((struct line *)object)->number = i;
        orr_init_slot(thread, array.ref, orr_element(array.ref, i), object);
    }
    return orr_take(&array);
}

/* The objects in the order of the sweeps. They are borrowed for the whole of work: the array is held, and
 * nobody writes it. Null without memory. */
static struct orr_object **
list_objects(struct orr_thread *thread, struct orr_object *array, uint32_t n, uint32_t seed)
{
    struct orr_object **objects = malloc(n * sizeof(struct orr_object *));
    uint32_t *order = orr_permutation_make(n, false, seed);
    for (uint32_t i = 0; objects && order && i < n; i++) {
        orr_poll(thread);
        objects[i] = orr_peek_slot(thread, orr_element(array, n > 256 ? order[i] : i));
    }
    if (!order) {
        free(objects);
        objects = NULL;
    }
    free(order);
    return objects;
}

/* --- rounds; each returns the pairs it did --------------------------------------------------------- */

static uint64_t
count_one(struct orr_thread *thread, struct orr_object *object, uint64_t pairs)
{
    uint64_t done = 0;
    for (; done < pairs; done += PAIRS_PER_POLL) {
        orr_poll(thread);
        for (int i = 0; i < PAIRS_PER_POLL; i++) {
            orr_retain(thread, object);
            orr_release(thread, object);
        }
    }
    return done;
}

static void
retain_all(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_retain(thread, objects[i]);
}

static void
release_all(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_release(thread, objects[i]);
}

/* Sweeps in stretches, polling in between. */
static void
sweep(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n,
      void (*do_all)(struct orr_thread *, struct orr_object *const *, uint32_t))
{
    for (uint32_t i = 0; i < n; i += PAIRS_PER_POLL) {
        orr_poll(thread);
        do_all(thread, objects + i, n - i < PAIRS_PER_POLL ? n - i : PAIRS_PER_POLL);
    }
}

static uint64_t
count_many(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n, uint64_t pairs)
{
    uint64_t done = 0;
    for (; done < pairs; done += n) {
        sweep(thread, objects, n, retain_all);
        sweep(thread, objects, n, release_all);
    }
    return done;
}

static void
run_rounds(struct orr_worker *worker, struct orr_object *const *objects, uint32_t n)
{
    const struct settings *settings = worker->run->settings;
    struct result *result = &((struct state *)worker->run->state)->results[worker->index];
    while (orr_worker_goes_another_round(worker)) {
        bool measured = orr_tally_begins(worker->run);
        uint64_t start_ns = orr_clock_ns();
        uint64_t done = n == 1 ? count_one(worker->thread, objects[0], settings->pairs)
                               : count_many(worker->thread, objects, n, settings->pairs);
        orr_tally_add(&result->tally, measured, orr_clock_ns() - start_ns, done);
        orr_worker_did(worker);
    }
    for (uint32_t i = 0; i < n; i++)
        result->sum += ((const struct line *)objects[i])->number;
}

/* --- the workload --------------------------------------------------------------------------------- */

static enum orr_status
no_memory(struct orr_error *error)
{
    return orr_fail(error, ORR_OUT_OF_MEMORY,
                    "counting: no memory for the objects; allow more, or set case=l1_256");
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    if (settings->sharing == NONE && run->threads > 1)
        return orr_fail(error, ORR_BAD_INPUT,
                        "counting: sharing=none is for one thread; set disjoint or same for %u",
                        run->threads);
    enum orr_status status = orr_type_register(&line_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&array_type, error);
    if (status != ORR_OK)
        return status;
    state->results = calloc(run->threads, sizeof *state->results);
    if (!state->results)
        return no_memory(error);
    if (settings->sharing != SAME)
        return ORR_OK;
    struct orr_object *array = make_objects(worker->thread, case_objects[settings->which]);
    if (!array) {
        free(state->results);
        state->results = NULL;
        return no_memory(error);
    }
    orr_root_add(run->heap, &state->shared);
    state->has_root = true;
    orr_exchange_slot(worker->thread, NULL, &state->shared.slot, array);
    return ORR_OK;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    const struct settings *settings = worker->run->settings;
    struct state *state = worker->run->state;
    struct orr_thread *thread = worker->thread;
    uint32_t n = case_objects[settings->which];
    ORR_OWN(thread, array,
            settings->sharing == SAME ? orr_load_slot(thread, &state->shared.slot)
                                      : make_objects(thread, n));
    if (!array.ref)
        return no_memory(error);
    struct orr_object **objects = list_objects(thread, array.ref, n, worker->seed);
    if (!objects)
        return no_memory(error);
    run_rounds(worker, objects, n);
    free(objects);
    return ORR_OK;
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
    orr_tally_note(run, "ns_per_pair", &sum);
    free(state->results);
    state->results = NULL;
    if (!state->has_root)
        return;
    orr_release(worker->thread, orr_exchange_slot(worker->thread, NULL, &state->shared.slot, NULL));
    orr_root_remove(run->heap, &state->shared);
    state->has_root = false;
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"case", ORR_OPTION_CHOICE, offsetof(struct settings, which), "", "l1_256", 0, 0, cases,
     "how many objects, and so where they lie"},
    {"sharing", ORR_OPTION_CHOICE, offsetof(struct settings, sharing), "", "disjoint", 0, 0,
     sharings, "whose objects the threads count: none is for one thread"},
    {"pairs", ORR_OPTION_NUMBER, offsetof(struct settings, pairs), "pairs", "5e6", 1, 1e12, NULL,
     "pairs of a round, rounded up to whole sweeps"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(counting, .name = "counting",
                    .summary = "one retain and one release: the price of a count",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .is_job = true, .prepare = prepare,
                    .work = work, .finish = finish, .digest = digest);
