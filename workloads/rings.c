/* rings.c - small cycles die beside a large live heap: what a collector's pauses come from.
 *
 * Live: a binary tree of `live` nodes with links to their parents, held by an array. One operation builds a
 * ring of four nodes and stores its head at a random place of a table of `table` references; the ring
 * that was there is garbage, which counting alone never finds. With touch=1 it also takes a reference to
 * a random live node, changes its id and lets go: that is what makes live nodes candidates.
 *
 * A node is three references and an id, as in the programs this is compared with in other runtimes, and
 * the generator and the order of its use are theirs too.
 *
 * Latency  the gap between two readings of the clock, one after each operation.
 * Digest   the rings found in the places written by a worker's first operations, then its whole table;
 *          and every link of the live tree at the end.
 * Threads  each worker has a table of its own; all touch the same tree, through shared loads.
 */
#include "workloads/workload.h"

#include <stdlib.h>

enum { A, B, C, REFERENCES };
enum { RING = 4 };

/* Node i of n of the tree has its children at 2i + 1 and 2i + 2, and in C its parent. */
struct node {
    struct orr_object header;
    struct orr_slot links[REFERENCES];
    _Atomic(uint64_t) id; /* any thread, relaxed: nobody counts on it */
};

static uint16_t node_index, array_index;
static const struct orr_type node_type = {
    .name = "ring_node",
    .bytes = sizeof(struct node),
    .references = REFERENCES,
    .index = &node_index,
};
static const struct orr_type array_type = {
    .name = "ring_array",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &array_index,
};

struct settings {
    uint64_t live, touch, table;
};

struct state {
    struct orr_root live; /* the array that holds the tree */
    bool has_root;
    uint64_t *digests; /* one per worker, who alone writes it; null outside prepare .. finish */
    uint64_t digest;
};

static inline struct orr_object *
new_node(struct orr_thread *thread, uint64_t i)
{
    struct orr_object *node = orr_new(thread, &node_type);
    if (node) /* relaxed: nobody else sees it yet */
        orr_store_relaxed(&((struct node *)node)->id, i & 127);
    return node;
}

/* --- the live tree -------------------------------------------------------------------------------- */

static void
link_nodes(struct orr_thread *thread, struct orr_object *array, uint64_t from, uint32_t field,
           uint64_t to)
{
    struct orr_object *target = orr_peek_slot(thread, orr_element(array, (uint32_t)to));
    struct orr_object *holder = orr_peek_slot(thread, orr_element(array, (uint32_t)from));
    orr_retain(thread, target);
    orr_init(thread, holder, field, target);
}

/* The array that holds a tree of n nodes, counted; null without memory. */
static struct orr_object *
build_live(struct orr_thread *thread, uint64_t n)
{
    ORR_OWN(thread, array, orr_new_array(thread, &array_type, (uint32_t)n, 0));
    for (uint64_t i = 0; array.ref && i < n; i++) {
        struct orr_object *node = new_node(thread, i);
        if (!node)
            return NULL;
        orr_init_slot(thread, array.ref, orr_element(array.ref, (uint32_t)i), node);
    }
    for (uint64_t i = 1; array.ref && i < n; i++) {
        orr_poll(thread);
        link_nodes(thread, array.ref, (i - 1) / 2, i % 2 ? A : B, i);
        link_nodes(thread, array.ref, i, C, (i - 1) / 2);
    }
    return orr_take(&array);
}

/* How many links of the tree are as they were built. */
static uint64_t
count_links(struct orr_thread *thread, struct orr_object *array, uint64_t n)
{
    uint64_t right = 0;
    for (uint64_t i = 1; i < n; i++) {
        orr_poll(thread);
        struct orr_object *node = orr_peek_slot(thread, orr_element(array, (uint32_t)i));
        struct orr_object *up = orr_peek_slot(thread, orr_element(array, (uint32_t)((i - 1) / 2)));
        right += orr_peek(thread, node, C) == up;
        right += orr_peek(thread, up, i % 2 ? A : B) == node;
    }
    return right;
}

/* --- operations ----------------------------------------------------------------------------------- */

/* A ring of four, counted, named by its head; null without memory. */
static inline struct orr_object *
make_ring(struct orr_thread *thread)
{
    ORR_OWN(thread, head, new_node(thread, 0));
    if (!head.ref)
        return NULL;
    struct orr_object *tail = head.ref; /* hangs from head throughout */
    for (uint64_t i = 1; i < RING; i++) {
        struct orr_object *node = new_node(thread, i);
        if (!node)
            return NULL; /* what there is of it is a chain, and dies with its head */
        orr_init(thread, tail, A, node);
        tail = node;
    }
    orr_retain(thread, head.ref);
    orr_init(thread, tail, A, head.ref);
    return orr_take(&head);
}

/* A checksum of the ring at a place of the table: its length and its ids in order. */
static uint64_t
walk_ring(struct orr_thread *thread, struct orr_object *table, uint32_t place)
{
    struct orr_object *head = orr_peek_slot(thread, orr_element(table, place));
    uint64_t sum = place;
    struct orr_object *node = head;
    for (uint32_t i = 0; node && i <= RING; i++) {
        /* relaxed: our own ring */
        sum = orr_mix(sum, orr_load_relaxed(&((struct node *)node)->id));
        node = orr_peek(thread, node, A);
        if (node == head)
            return orr_mix(sum, i);
    }
    return sum;
}

static uint64_t
walk_table(struct orr_thread *thread, struct orr_object *table, uint64_t sum)
{
    for (uint32_t i = 0; i < ((struct orr_array *)table)->length; i++) {
        orr_poll(thread);
        sum = orr_mix(sum, walk_ring(thread, table, i));
    }
    return sum;
}

static inline void
touch(struct orr_thread *thread, struct orr_object *live, uint32_t i)
{
    struct orr_object *node = orr_load_slot(thread, orr_element(live, i));
    orr_require(node, "the live tree has a hole at %u", i);
    _Atomic(uint64_t) *id = &((struct node *)node)->id;
    orr_store_relaxed(id, orr_load_relaxed(id) + 1); /* relaxed: a lost update is nobody's loss */
    orr_release(thread, node);
}

/* Operations until the end, or until there is no memory (false). */
static bool
operate(struct orr_worker *worker, struct orr_object *live, struct orr_object *table)
{
    const struct settings *settings = worker->run->settings;
    struct orr_thread *const thread = worker->thread;
    const uint32_t mask = (uint32_t)settings->table - 1;
    const uint32_t live_count = settings->touch ? (uint32_t)settings->live : 0;
    uint64_t *sum = &((struct state *)worker->run->state)->digests[worker->index];
    uint32_t random = worker->seed;
    uint64_t last_ns = orr_clock_ns();
    for (uint64_t done = 0; orr_worker_goes_on(worker); done++) {
        orr_poll(thread);
        struct orr_object *ring = make_ring(thread);
        if (!ring)
            return false;
        uint32_t place = orr_random(&random) & mask;
        if (__builtin_expect(done < ORR_DIGEST_OPERATIONS, 0))
            *sum = orr_mix(*sum, walk_ring(thread, table, place));
        orr_give_slot(thread, table, orr_element(table, place), ring);
        if (live_count)
            touch(thread, live, orr_random(&random) % live_count);
        if (__builtin_expect(done == ORR_DIGEST_OPERATIONS - 1, 0)) {
            *sum = walk_table(thread, table, *sum);
            last_ns = orr_clock_ns(); /* our own checking is nobody's latency */
        }
        uint64_t now_ns = orr_clock_ns();
        orr_worker_took(worker, now_ns - last_ns);
        last_ns = now_ns;
        orr_worker_did(worker);
    }
    return true;
}

/* --- the workload --------------------------------------------------------------------------------- */

static enum orr_status
no_memory(struct orr_error *error, const char *what)
{
    return orr_fail(error, ORR_OUT_OF_MEMORY,
                    "rings: no memory for %s; allow more, or set a smaller live", what);
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    if (settings->table & (settings->table - 1))
        return orr_fail(error, ORR_BAD_INPUT, "rings: table=%llu is not a power of two",
                        (unsigned long long)settings->table);
    enum orr_status status = orr_type_register(&node_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&array_type, error);
    if (status != ORR_OK)
        return status;
    state->digests = calloc(run->threads, sizeof *state->digests);
    if (!state->digests)
        return no_memory(error, "the results");
    struct orr_object *live = build_live(worker->thread, settings->live);
    if (!live) {
        free(state->digests);
        state->digests = NULL;
        return no_memory(error, "the live tree");
    }
    orr_root_add(run->heap, &state->live);
    state->has_root = true;
    orr_exchange_slot(worker->thread, NULL, &state->live.slot, live);
    return ORR_OK;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    const struct settings *settings = worker->run->settings;
    struct state *state = worker->run->state;
    ORR_OWN(worker->thread, live, orr_load_slot(worker->thread, &state->live.slot));
    ORR_OWN(worker->thread, table,
            orr_new_array(worker->thread, &array_type, (uint32_t)settings->table, 0));
    if (!table.ref)
        return no_memory(error, "a worker's table");
    return operate(worker, live.ref, table.ref) ? ORR_OK : no_memory(error, "another ring");
}

static void
finish(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    for (uint32_t i = 0; state->digests && i < run->threads; i++)
        state->digest = orr_mix(state->digest, state->digests[i]);
    free(state->digests);
    state->digests = NULL;
    if (!state->has_root)
        return;
    {
        ORR_OWN(worker->thread, live,
                orr_exchange_slot(worker->thread, NULL, &state->live.slot, NULL));
        state->digest =
            orr_mix(state->digest, count_links(worker->thread, live.ref, settings->live));
    }
    orr_root_remove(run->heap, &state->live);
    state->has_root = false;
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"live", ORR_OPTION_NUMBER, offsetof(struct settings, live), "objects", "100000", 1, 4e9, NULL,
     "nodes of the live tree"},
    {"touch", ORR_OPTION_NUMBER, offsetof(struct settings, touch), "", "1", 0, 1, NULL,
     "1: each operation takes and lets go of a reference to a live node"},
    {"table", ORR_OPTION_NUMBER, offsetof(struct settings, table), "rings", "16384", 1, 1 << 28,
     NULL, "rings that a worker keeps, a power of two; how many operations a ring lives"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(rings, .name = "rings",
                    .summary = "small rings die beside a large live tree: pauses",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .prepare = prepare, .work = work,
                    .finish = finish, .digest = digest);
