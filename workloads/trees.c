/* trees.c - binary trees, built, counted and dropped: nothing but allocation and death, no cycles.
 *
 * The Computer Language Benchmarks Game's program (benchmarksgame-team.pages.debian.net, "binary-trees").
 * One round is the whole program: a tree of depth n + 1 comes and goes; one of depth n stays; for each
 * d = 4, 6 .. n, 2^(n - d + 4) trees of depth d come and go; the one that stayed is counted last. A node
 * is two references and nothing else.
 *
 * Deviation: none in the work. A tree is built by moving each child into its fresh parent and counted
 * through borrowed reads, as a careful program does it, so what is left of counting is the drop.
 *
 * Notes    ns_per_node: of one worker, building, counting and dropping together.
 * Digest   the nodes counted in a worker's first round; every later round must count as many.
 * Threads  each worker runs a program of its own.
 */
#include "workloads/workload.h"

#include "workloads/parts/tally.h"

#include <stdlib.h>

enum { LEFT, RIGHT, REFERENCES };

static uint16_t node_index;
static const struct orr_type node_type = {
    .name = "tree_node",
    .bytes = sizeof(struct orr_object) + REFERENCES * sizeof(struct orr_slot),
    .references = REFERENCES,
    .index = &node_index,
};

struct settings {
    uint64_t depth;
};

struct result {
    uint64_t nodes; /* counted in one round */
    struct orr_tally tally;
};

struct state {
    struct result *results; /* one per worker, who writes it; null outside prepare .. finish */
    uint64_t digest;
};

/* A tree of that depth, counted; null without memory, and then nothing of it is left. */
static struct orr_object *
build(struct orr_thread *thread, uint64_t depth)
{
    orr_poll(thread);
    ORR_OWN(thread, node, orr_new(thread, &node_type));
    if (depth == 0 || !node.ref)
        return orr_take(&node);
    struct orr_object *left = build(thread, depth - 1);
    if (!left)
        return NULL;
    orr_init(thread, node.ref, LEFT, left);
    struct orr_object *right = build(thread, depth - 1);
    if (!right)
        return NULL;
    orr_init(thread, node.ref, RIGHT, right);
    return orr_take(&node);
}

/* The nodes of a tree. They are borrowed across polls: the caller owns the root, nobody writes the tree,
 * and so each node is held by its parent the whole time. */
static uint64_t
count(struct orr_thread *thread, struct orr_object *node)
{
    orr_poll(thread);
    struct orr_object *left = orr_peek(thread, node, LEFT);
    if (!left)
        return 1;
    return 1 + count(thread, left) + count(thread, orr_peek(thread, node, RIGHT));
}

static bool
build_and_count(struct orr_thread *thread, uint64_t depth, uint64_t *nodes)
{
    ORR_OWN(thread, tree, build(thread, depth));
    if (!tree.ref)
        return false;
    *nodes += count(thread, tree.ref);
    return true;
}

/* The program; false without memory. */
static bool
run_program(struct orr_thread *thread, uint64_t depth_max, uint64_t *nodes)
{
    if (!build_and_count(thread, depth_max + 1, nodes))
        return false;
    ORR_OWN(thread, keep, build(thread, depth_max));
    if (!keep.ref)
        return false;
    for (uint64_t depth = 4; depth <= depth_max; depth += 2)
        for (uint64_t i = (uint64_t)1 << (depth_max - depth + 4); i > 0; i--)
            if (!build_and_count(thread, depth, nodes))
                return false;
    *nodes += count(thread, keep.ref);
    return true;
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct state *state = worker->run->state;
    enum orr_status status = orr_type_register(&node_type, error);
    if (status != ORR_OK)
        return status;
    state->results = calloc(worker->run->threads, sizeof *state->results);
    if (!state->results)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "trees: no memory for the results");
    return ORR_OK;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    const struct settings *settings = worker->run->settings;
    struct result *result = &((struct state *)worker->run->state)->results[worker->index];
    while (orr_worker_goes_another_round(worker)) {
        bool measured = orr_tally_begins(worker->run);
        uint64_t nodes = 0;
        uint64_t start_ns = orr_clock_ns();
        if (!run_program(worker->thread, settings->depth, &nodes))
            return orr_fail(error, ORR_OUT_OF_MEMORY,
                            "trees: no memory after %llu nodes of a round; allow more, or set a "
                            "smaller depth",
                            (unsigned long long)nodes);
        orr_tally_add(&result->tally, measured, orr_clock_ns() - start_ns, nodes);
        if (result->nodes && result->nodes != nodes)
            return orr_fail(error, ORR_CHECK_FAILED,
                            "trees: a round counted %llu nodes, the first one %llu",
                            (unsigned long long)nodes, (unsigned long long)result->nodes);
        result->nodes = nodes;
        orr_worker_did(worker);
    }
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
        state->digest = orr_mix(state->digest, state->results[i].nodes);
    }
    orr_tally_note(run, "ns_per_node", &sum);
    free(state->results);
    state->results = NULL;
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"depth", ORR_OPTION_NUMBER, offsetof(struct settings, depth), "levels", "18", 4, 28, NULL,
     "depth of the tree that stays"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(trees, .name = "trees",
                    .summary = "binary trees come and go: allocation and death, no cycles",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .is_job = true, .prepare = prepare,
                    .work = work, .finish = finish, .digest = digest);
