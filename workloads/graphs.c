/* graphs.c - one collection of one known graph, timed: the cost of an object, live or dead, by shape.
 *
 * One round builds `objects` nodes held by an array, links them in a shape, and collects once while all
 * are live, as if they had grown old. Then
 *   state=dead   drops the array and times the collection that finds the graph dead
 *   state=live   three times: takes and lets go of a reference to every node (candidates=all) or to one,
 *                so that they are candidates, and times a collection that frees nothing
 * From each time that of a collection of the empty heap is subtracted. A node is three references and an
 * id; its number is its place in the array, which is the order of allocation, or with order=shuffled a
 * random one, so that the shape leads through memory at random.
 *
 *   ring2      rings of two            dlist   next and previous, not closed
 *   ring100    rings of a hundred      rand3   next round, and two random nodes: one component
 *   ring       one ring, in order      tree    complete binary, with parents
 *   ringshuf   one ring, random order (Sattolo's shuffle)
 *
 * The workload says itself when to collect: whatever trigger was chosen is set aside (manual) while it
 * runs. A collector that collects nothing gives no ns_per_object.
 *
 * Notes    ns_per_object, drop_ns_per_object (state=dead), empty_collection_ns: medians.
 * Digest   the ids and links of the graph as built, in order; not what was reclaimed.
 */
#include "workloads/workload.h"

#include "runtime/gc.h"

#include "workloads/parts/permutation.h"

#include <stdlib.h>

enum { A, B, C, REFERENCES };
#define NOTHING UINT32_MAX /* a link that leads nowhere */

enum shape { RING2, RING100, RING, RINGSHUF, DLIST, RAND3, TREE };
static const char *const shapes[] = {"ring2", "ring100", "ring", "ringshuf",
                                     "dlist", "rand3",   "tree", NULL};
enum graph_state { DEAD, LIVE };
static const char *const states[] = {"dead", "live", NULL};
enum order { ALLOC, SHUFFLED };
static const char *const orders[] = {"alloc", "shuffled", NULL};
enum candidates { ALL, ONE };
static const char *const candidate_names[] = {"all", "one", NULL};

enum {
    EMPTY_COLLECTIONS = 5, /* timed before the first round */
    LIVE_COLLECTIONS = 3,  /* timed per round */
    SAMPLES_MAX = 1024     /* kept per series; more rounds replace the oldest */
};

struct node {
    struct orr_object header;
    struct orr_slot links[REFERENCES];
    uint64_t id;
};

static uint16_t node_index, array_index;
static const struct orr_type node_type = {
    .name = "graph_node",
    .bytes = sizeof(struct node),
    .references = REFERENCES,
    .index = &node_index,
};
static const struct orr_type array_type = {
    .name = "graph_array",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &array_index,
};

struct settings {
    uint64_t shape, state, objects, order, candidates;
};

struct series {
    uint64_t count;
    double values[SAMPLES_MAX];
};

struct state {
    struct series empty_ns, collection_ns, drop_ns; /* of whole collections and drops */
    uint32_t *places;  /* order=shuffled: the number of the node allocated k-th; else null */
    uint32_t *shuffle; /* shape=ringshuf: who follows; else null */
    struct orr_trigger trigger; /* what the heap had */
    bool has_trigger;
    uint64_t digest;
};

/* --- the shape ------------------------------------------------------------------------------------ */

/* Where the references of node i lead. Called for i = 0, 1 .. n - 1, for the sake of *random. */
static void
shape_links(enum shape shape, const uint32_t *shuffle, uint32_t i, uint32_t n, uint32_t *random,
            uint32_t to[REFERENCES])
{
    to[A] = to[B] = to[C] = NOTHING;
    switch (shape) {
    case RING2:
        to[A] = (i ^ 1) < n ? i ^ 1 : i;
        return;
    case RING100:
        to[A] = i % 100 == 99 || i + 1 == n ? i - i % 100 : i + 1;
        return;
    case RING:
        to[A] = (i + 1) % n;
        return;
    case RINGSHUF:
        to[A] = shuffle[i];
        return;
    case DLIST:
        to[A] = i + 1 < n ? i + 1 : NOTHING;
        to[B] = i > 0 ? i - 1 : NOTHING;
        return;
    case RAND3:
        to[A] = (i + 1) % n;
        to[B] = orr_random(random) % n;
        to[C] = orr_random(random) % n;
        return;
    case TREE:
        to[A] = 2 * (uint64_t)i + 1 < n ? 2 * i + 1 : NOTHING;
        to[B] = 2 * (uint64_t)i + 2 < n ? 2 * i + 2 : NOTHING;
        to[C] = i > 0 ? (i - 1) / 2 : NOTHING;
        return;
    }
    orr_unreachable();
}

/* --- the graph ------------------------------------------------------------------------------------ */

/* An array of n nodes without links, counted; null without memory. */
static struct orr_object *
make_nodes(struct orr_thread *thread, uint32_t n, const uint32_t *places)
{
    ORR_OWN(thread, array, orr_new_array(thread, &array_type, n, 0));
    for (uint32_t k = 0; array.ref && k < n; k++) {
        struct orr_object *node = orr_new(thread, &node_type);
        if (!node)
            return NULL;
        uint32_t number = places ? places[k] : k;
        ((struct node *)node)->id = number & 127;
        orr_init_slot(thread, array.ref, orr_element(array.ref, number), node);
    }
    return orr_take(&array);
}

static void
link_nodes(struct orr_thread *thread, struct orr_object *array, const struct settings *settings,
           const uint32_t *shuffle, uint32_t random)
{
    uint32_t n = (uint32_t)settings->objects;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to[REFERENCES];
        shape_links((enum shape)settings->shape, shuffle, i, n, &random, to);
        orr_poll(thread);
        struct orr_object *node = orr_peek_slot(thread, orr_element(array, i));
        for (uint32_t k = 0; k < REFERENCES; k++) {
            if (to[k] == NOTHING)
                continue;
            struct orr_object *target = orr_peek_slot(thread, orr_element(array, to[k]));
            orr_retain(thread, target);
            orr_init(thread, node, k, target);
        }
    }
}

/* A checksum of all ids and of the ids that all links lead to. */
static uint64_t
walk_nodes(struct orr_thread *thread, struct orr_object *array, uint32_t n)
{
    uint64_t sum = n;
    for (uint32_t i = 0; i < n; i++) {
        orr_poll(thread);
        struct orr_object *node = orr_peek_slot(thread, orr_element(array, i));
        sum = orr_mix(sum, ((struct node *)node)->id);
        for (uint32_t k = 0; k < REFERENCES; k++) {
            struct orr_object *target = orr_peek(thread, node, k);
            sum = orr_mix(sum, target ? ((struct node *)target)->id : NOTHING);
        }
    }
    return sum;
}

/* A reference is taken and let go: of every node, or of one in the middle. */
static void
touch_nodes(struct orr_thread *thread, struct orr_object *array, uint32_t n,
            enum candidates candidates)
{
    uint32_t begin = candidates == ALL ? 0 : n / 2;
    uint32_t end = candidates == ALL ? n : n / 2 + 1;
    for (uint32_t i = begin; i < end; i++) {
        orr_poll(thread);
        orr_release(thread, orr_get_slot(thread, orr_element(array, i)));
    }
}

/* --- measuring ------------------------------------------------------------------------------------ */

static void
add_sample(struct series *series, uint64_t ns)
{
    series->values[series->count++ % SAMPLES_MAX] = (double)ns;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the series; 0 for an empty one. */
static double
median_of(struct series *series)
{
    size_t n = series->count < SAMPLES_MAX ? series->count : SAMPLES_MAX;
    qsort(series->values, n, sizeof series->values[0], compare_doubles);
    if (n == 0)
        return 0;
    return (series->values[(n - 1) / 2] + series->values[n / 2]) / 2;
}

static uint64_t
time_collection(struct orr_thread *thread)
{
    uint64_t start_ns = orr_clock_ns();
    orr_collect(thread, "program");
    return orr_clock_ns() - start_ns;
}

/* --- the workload --------------------------------------------------------------------------------- */

static void
free_permutations(struct state *state)
{
    free(state->places);
    free(state->shuffle);
    state->places = state->shuffle = NULL;
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    enum orr_status status = orr_type_register(&node_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&array_type, error);
    if (status != ORR_OK)
        return status;
    uint32_t n = (uint32_t)settings->objects;
    if (settings->order == SHUFFLED)
        state->places = orr_permutation_make(n, false, orr_seed_of(run->seed, 1));
    if (settings->shape == RINGSHUF)
        state->shuffle = orr_permutation_make(n, true, worker->seed);
    if ((settings->order == SHUFFLED && !state->places) ||
        (settings->shape == RINGSHUF && !state->shuffle)) {
        free_permutations(state);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "graphs: no memory for a permutation");
    }
    orr_gc_trigger(run->heap, &state->trigger);
    state->has_trigger = true;
    orr_gc_trigger_set(run->heap, &(struct orr_trigger){.kind = ORR_TRIGGER_manual});
    orr_collect(worker->thread, "program");
    for (int i = 0; i < EMPTY_COLLECTIONS; i++)
        add_sample(&state->empty_ns, time_collection(worker->thread));
    return ORR_OK;
}

static void
collect_live(struct orr_thread *thread, struct orr_object *array, const struct settings *settings,
             struct state *state)
{
    for (int i = 0; i < LIVE_COLLECTIONS; i++) {
        touch_nodes(thread, array, (uint32_t)settings->objects,
                    (enum candidates)settings->candidates);
        add_sample(&state->collection_ns, time_collection(thread));
    }
}

/* One round; false without memory. */
static bool
run_round(struct orr_worker *worker)
{
    const struct settings *settings = worker->run->settings;
    struct state *state = worker->run->state;
    struct orr_thread *thread = worker->thread;
    uint32_t n = (uint32_t)settings->objects;
    ORR_OWN(thread, array, make_nodes(thread, n, state->places));
    if (!array.ref)
        return false;
    link_nodes(thread, array.ref, settings, state->shuffle, worker->seed);
    if (state->digest == 0)
        state->digest = walk_nodes(thread, array.ref, n);
    orr_collect(thread, "program");
    if (settings->state == LIVE) {
        collect_live(thread, array.ref, settings, state);
        orr_own_set(&array, NULL);
        orr_collect(thread, "program");
        return true;
    }
    uint64_t start_ns = orr_clock_ns();
    orr_own_set(&array, NULL);
    add_sample(&state->drop_ns, orr_clock_ns() - start_ns);
    add_sample(&state->collection_ns, time_collection(thread));
    return true;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    while (orr_worker_goes_another_round(worker)) {
        if (!run_round(worker))
            return orr_fail(error, ORR_OUT_OF_MEMORY,
                            "graphs: no memory for the graph; allow more, or set fewer objects");
        orr_worker_did(worker);
    }
    return ORR_OK;
}

static void
note_medians(struct orr_run *run, struct state *state)
{
    double n = (double)((const struct settings *)run->settings)->objects;
    if (state->drop_ns.count)
        run->note(run, "drop_ns_per_object", median_of(&state->drop_ns) / n);
    if (!run->heap->collector->collect)
        return;
    double empty_ns = median_of(&state->empty_ns);
    if (state->empty_ns.count)
        run->note(run, "empty_collection_ns", empty_ns);
    if (state->collection_ns.count)
        run->note(run, "ns_per_object", (median_of(&state->collection_ns) - empty_ns) / n);
}

static void
finish(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    struct state *state = run->state;
    note_medians(run, state);
    if (state->has_trigger)
        orr_gc_trigger_set(run->heap, &state->trigger);
    state->has_trigger = false;
    free_permutations(state);
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"shape", ORR_OPTION_CHOICE, offsetof(struct settings, shape), "", "ring100", 0, 0, shapes,
     "how the nodes are linked"},
    {"state", ORR_OPTION_CHOICE, offsetof(struct settings, state), "", "dead", 0, 0, states,
     "what the timed collection finds"},
    {"objects", ORR_OPTION_NUMBER, offsetof(struct settings, objects), "objects", "1e6", 1, 4e9,
     NULL, "nodes of the graph; collections are the program's, whatever the trigger"},
    {"order", ORR_OPTION_CHOICE, offsetof(struct settings, order), "", "alloc", 0, 0, orders,
     "whether neighbours in the shape are neighbours in memory"},
    {"candidates", ORR_OPTION_CHOICE, offsetof(struct settings, candidates), "", "all", 0, 0,
     candidate_names, "state=live: which nodes are touched before each collection"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(graphs, .name = "graphs",
                    .summary = "one collection of one known graph, live or dead: cost per object",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .threads_max = 1, .is_job = true,
                    .prepare = prepare, .work = work, .finish = finish, .digest = digest);
