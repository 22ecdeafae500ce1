/* replay.c - the heap of a real program lives on: rebuilt from a dump, then walked, replaced piece by piece
 * and torn down root by root, for as long as the run lasts.
 *
 * Each worker builds replicas of the dump of its own (parts/replica.h). A dump does not tell how its program
 * went on. This is the turnover model in its place:
 *
 *   walk      every operation goes `steps` references from a root, or from any object (half and half),
 *             choosing at random, through shared loads; foreign_percent of the operations walk a second
 *             time, in a heap that another worker owns.
 *   replace   replace_percent of them take a cluster (parts/heap_plan.h: up to `component` objects that
 *             hang together), build new objects of the same sizes wired in the same way, redirect every
 *             reference to the old ones, roots included, and let go: what was a cycle in the dump dies
 *             as a cycle. young_percent of the replacements fall upon every tenth cluster.
 *   rebuild   root_percent of them do the same at once to what one root reached first, up to root_objects:
 *             a session ends, another begins.
 *
 * So at every moment the live graph is the dump's, object by object: the live heap is stationary, any walk
 * can be foretold, and an object freed too early shows. What the model does not have: garbage that was
 * never linked in, growth, and the ages of the dump's objects, which nobody knows. Objects that many refer
 * to, or that refer to many (`hub`), are never replaced: in programs they are the old ones.
 *
 * Notes    objects, references: of one replica. mobile_share: of its objects, what can be replaced.
 *          cyclic_share: of the mobile, what then dies only by a collection. build_ns_per_object.
 * Latency  the gap between two readings of the clock, one after each operation.
 * Digest   the objects met by each worker's first operations, and how many references of every replica are
 *          the dump's at the end. An object that is not what it should be fails the run.
 */
#include "workloads/workload.h"

#include "workloads/parts/heap_file.h"
#include "workloads/parts/heap_path.h"
#include "workloads/parts/heap_plan.h"
#include "workloads/parts/replica.h"
#include "workloads/parts/tally.h"

#include <stdlib.h>

#define DEFAULT_HEAP "python.heap"

struct settings {
    char input[ORR_OPTION_TEXT_BYTES];
    uint64_t copies, steps, component, root_objects, hub;
    double replace_percent, root_percent, young_percent, foreign_percent;
};

/* One per worker, who alone writes it. */
struct result {
    uint64_t digest;
    struct orr_tally building;
};

struct state {
    struct orr_heap_graph graph;
    struct orr_heap_plan plan;
    struct orr_root regions; /* an array: per replica an array of its roots; shared slots */
    bool has_root;
    struct orr_replica *replicas; /* copies per worker; null outside prepare .. finish */
    struct result *results;       /* likewise */
    uint64_t digest;
};

/* What an operation works with. */
struct player {
    struct orr_worker *worker;
    struct orr_thread *thread;
    const struct settings *settings;
    const struct orr_heap_plan *plan;
    uint32_t node_count;          /* of the graph */
    struct orr_replica *replicas; /* all */
    struct orr_object *regions;   /* held by work, as the next */
    struct orr_replica_bench bench;
    uint32_t first_replica;  /* own: this one and the copies after it */
    uint32_t random;         /* own walks and replacements: nothing others do flows into it */
    uint32_t foreign_random; /* walks in others' heaps */
};

/* Builds the worker's replicas and shows them to the others; false without memory. */
static bool
build_replicas(struct player *player, struct state *state, struct result *result)
{
    bool measured = orr_tally_begins(player->worker->run);
    uint64_t start_ns = orr_clock_ns();
    for (uint32_t i = 0; i < player->settings->copies; i++) {
        uint32_t which = player->first_replica + i;
        struct orr_replica *replica = &state->replicas[which];
        replica->graph = &state->graph;
        replica->plan = &state->plan;
        replica->where = calloc(state->graph.node_count, sizeof(struct orr_object *));
        if (!replica->where || !orr_replica_build(player->thread, replica, player->regions,
                                                  orr_element(player->regions, which)))
            return false;
    }
    orr_tally_add(&result->building, measured, orr_clock_ns() - start_ns,
                  player->settings->copies * state->plan.kept_count);
    return true;
}

/* --- walking -------------------------------------------------------------------------------------- */

static inline bool
walk(struct player *player, struct orr_object *start, uint32_t *random, uint64_t *sum)
{
    return orr_replica_walk(player->thread, start, player->node_count, player->settings->steps,
                            random, sum);
}

static bool
walk_own(struct player *player, uint32_t which, uint64_t *sum)
{
    const struct orr_heap_plan *plan = player->plan;
    struct orr_thread *thread = player->thread;
    bool from_root = orr_random(&player->random) % 2 == 0;
    uint32_t choice = orr_random(&player->random);
    struct orr_object *start;
    if (from_root) {
        struct orr_object *roots = player->replicas[which].roots;
        start = orr_load_slot(thread, orr_element(roots, choice % orr_replica_length(roots)));
    } else {
        start = player->replicas[which].where[plan->kept[choice % plan->kept_count]];
        orr_retain(thread, start);
    }
    return walk(player, start, &player->random, sum);
}

/* Walks in a replica of another worker, if that is built. */
static bool
walk_foreign(struct player *player)
{
    struct orr_thread *thread = player->thread;
    const uint32_t copies = (uint32_t)player->settings->copies;
    uint32_t others = orr_replica_length(player->regions) - copies;
    if (others == 0)
        return true;
    uint32_t which = orr_random(&player->foreign_random) % others;
    if (which >= player->first_replica)
        which += copies;
    uint32_t choice = orr_random(&player->foreign_random);
    uint64_t unused = 0;
    ORR_OWN(thread, roots, orr_load_slot(thread, orr_element(player->regions, which)));
    if (!roots.ref)
        return true;
    struct orr_slot *slot = orr_element(roots.ref, choice % orr_replica_length(roots.ref));
    return walk(player, orr_load_slot(thread, slot), &player->foreign_random, &unused);
}

/* --- operations ----------------------------------------------------------------------------------- */

/* Happens in that many of a hundred cases. */
static inline bool
happens(uint32_t *random, double percent)
{
    return orr_random(random) < percent * 42949672.96; /* 2^32 / 100 */
}

static struct orr_replica_stretch
stretch_of(struct player *player, uint32_t which, uint32_t begin_cluster, uint32_t end_cluster)
{
    return (struct orr_replica_stretch){
        .replica = &player->replicas[which],
        .bench = &player->bench,
        .begin = player->plan->cluster_start[begin_cluster],
        .end = player->plan->cluster_start[end_cluster],
    };
}

static struct orr_replica_stretch
choose_cluster(struct player *player, uint32_t which)
{
    bool is_young = happens(&player->random, player->settings->young_percent);
    uint32_t cluster = orr_random(&player->random) % player->plan->cluster_count;
    if (is_young)
        cluster -= cluster % 10;
    return stretch_of(player, which, cluster, cluster + 1);
}

/* What one root reached first, or as much of it as allowed, from a random cluster on. */
static struct orr_replica_stretch
choose_region(struct player *player, uint32_t which)
{
    const struct orr_heap_plan *plan = player->plan;
    const uint32_t choice = orr_random(&player->random) % plan->region_count;
    const struct orr_heap_region *region = &plan->regions[choice];
    const uint32_t limit = (uint32_t)player->settings->root_objects;
    const uint32_t *start = &plan->cluster_start[region->first_cluster];
    uint32_t first = orr_random(&player->random) % region->cluster_count;
    if (start[region->cluster_count] - start[0] <= limit)
        first = 0;
    uint32_t end = first + 1;
    while (end < region->cluster_count && start[end + 1] - start[first] <= limit)
        end++;
    return stretch_of(player, which, region->first_cluster + first, region->first_cluster + end);
}

/* One operation. */
static enum orr_status
operate(struct player *player, uint64_t *sum)
{
    const struct settings *settings = player->settings;
    orr_poll(player->thread);
    uint32_t which = player->first_replica;
    if (settings->copies > 1)
        which += orr_random(&player->random) % (uint32_t)settings->copies;
    if (!walk_own(player, which, sum))
        return ORR_CHECK_FAILED;
    if (happens(&player->foreign_random, settings->foreign_percent) && !walk_foreign(player))
        return ORR_CHECK_FAILED;
    bool replaces = happens(&player->random, settings->replace_percent);
    bool rebuilds = happens(&player->random, settings->root_percent);
    if (player->plan->mobile_count == 0)
        return ORR_OK;
    if (replaces) {
        struct orr_replica_stretch stretch = choose_cluster(player, which);
        *sum = orr_mix(*sum, stretch.begin);
        if (!orr_replica_replace(player->thread, &stretch))
            return ORR_OUT_OF_MEMORY;
    }
    if (rebuilds) {
        struct orr_replica_stretch stretch = choose_region(player, which);
        *sum = orr_mix(*sum, stretch.end);
        if (!orr_replica_replace(player->thread, &stretch))
            return ORR_OUT_OF_MEMORY;
    }
    return ORR_OK;
}

static enum orr_status
no_memory(struct orr_error *error, const char *what)
{
    return orr_fail(error, ORR_OUT_OF_MEMORY,
                    "replay: no memory for %s; allow more, or set fewer copies", what);
}

static enum orr_status
play(struct player *player, struct result *result, struct orr_error *error)
{
    struct orr_worker *worker = player->worker;
    uint64_t last_ns = orr_clock_ns();
    for (uint64_t done = 0; orr_worker_goes_on(worker); done++) {
        uint64_t sum = 0;
        enum orr_status status = operate(player, &sum);
        if (status == ORR_CHECK_FAILED)
            return orr_fail(
                error, status,
                "replay: a walk met an object that is not of the dump: what is reachable "
                "was freed or overwritten");
        if (status != ORR_OK)
            return no_memory(error, "new objects");
        if (done < ORR_DIGEST_OPERATIONS)
            result->digest = orr_mix(result->digest, sum);
        uint64_t now_ns = orr_clock_ns();
        orr_worker_took(worker, now_ns - last_ns);
        last_ns = now_ns;
        orr_worker_did(worker);
    }
    return ORR_OK;
}

/* --- the workload --------------------------------------------------------------------------------- */

static enum orr_status
read_heap(const struct settings *settings, struct state *state, struct orr_error *error)
{
    char shipped[ORR_OPTION_TEXT_BYTES];
    const char *path = settings->input;
    enum orr_status status = ORR_OK;
    if (!path[0]) {
        path = shipped;
        status = orr_heap_path_find(DEFAULT_HEAP, shipped, sizeof shipped, error);
    }
    if (status == ORR_OK)
        status = orr_heap_graph_read(path, &state->graph, error);
    if (status == ORR_OK)
        status = orr_heap_plan_make(&state->graph, (uint32_t)settings->component,
                                    (uint32_t)settings->hub, &state->plan, error);
    return status;
}

static void
free_books(struct orr_run *run)
{
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    for (uint64_t i = 0; state->replicas && i < run->threads * settings->copies; i++)
        free(state->replicas[i].where);
    free(state->replicas);
    free(state->results);
    state->replicas = NULL;
    state->results = NULL;
    orr_heap_plan_fini(&state->plan);
    orr_heap_graph_fini(&state->graph);
}

static enum orr_status
make_books(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    const uint64_t replicas = run->threads * settings->copies;
    enum orr_status status = read_heap(settings, state, error);
    if (status != ORR_OK)
        return status;
    state->replicas = calloc(replicas, sizeof *state->replicas);
    state->results = calloc(run->threads, sizeof *state->results);
    if (!state->replicas || !state->results)
        return no_memory(error, "the results");
    struct orr_object *regions = orr_replica_new_table(worker->thread, replicas);
    if (!regions)
        return no_memory(error, "the table of replicas");
    orr_root_add(run->heap, &state->regions);
    state->has_root = true;
    orr_exchange_slot(worker->thread, NULL, &state->regions.slot, regions);
    return ORR_OK;
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    enum orr_status status = orr_replica_register_types(error);
    if (status == ORR_OK)
        status = make_books(worker, error);
    if (status != ORR_OK)
        free_books(worker->run);
    return status;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    const struct settings *settings = worker->run->settings;
    struct state *state = worker->run->state;
    struct result *result = &state->results[worker->index];
    const uint64_t fresh_max =
        settings->component > settings->root_objects ? settings->component : settings->root_objects;
    ORR_OWN(worker->thread, regions, orr_load_slot(worker->thread, &state->regions.slot));
    ORR_OWN(worker->thread, fresh, orr_replica_new_table(worker->thread, fresh_max));
    if (!fresh.ref)
        return no_memory(error, "a table of new objects");
    struct player player = {
        .worker = worker,
        .thread = worker->thread,
        .settings = settings,
        .plan = &state->plan,
        .node_count = state->graph.node_count,
        .replicas = state->replicas,
        .regions = regions.ref,
        .bench = {.fresh = fresh.ref, .made = calloc(fresh_max, sizeof(struct orr_object *))},
        .first_replica = worker->index * (uint32_t)settings->copies,
        .random = worker->seed,
        .foreign_random = orr_seed_of(worker->seed, 0x5eed),
    };
    enum orr_status status = player.bench.made && build_replicas(&player, state, result)
                                 ? play(&player, result, error)
                                 : no_memory(error, "a replica of the dump");
    free(player.bench.made);
    return status;
}

static void
note_heap(struct orr_run *run, const struct orr_heap_plan *plan)
{
    run->note(run, "objects", plan->kept_count);
    run->note(run, "references", (double)plan->edge_count);
    run->note(run, "mobile_share", (double)plan->mobile_count / plan->kept_count);
    if (plan->mobile_count > 0)
        run->note(run, "cyclic_share", (double)plan->cyclic_count / plan->mobile_count);
}

static void
finish(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    struct orr_tally building = {0};
    if (state->has_root) {
        note_heap(run, &state->plan);
        for (uint64_t i = 0; i < run->threads * settings->copies; i++)
            if (state->replicas[i].roots)
                state->digest = orr_mix(
                    state->digest, orr_replica_count_right(worker->thread, &state->replicas[i]));
        for (uint32_t i = 0; i < run->threads; i++) {
            state->digest = orr_mix(state->digest, state->results[i].digest);
            orr_tally_sum(&building, &state->results[i].building);
        }
        orr_tally_note(run, "build_ns_per_object", &building);
        orr_release(worker->thread,
                    orr_exchange_slot(worker->thread, NULL, &state->regions.slot, NULL));
        orr_root_remove(run->heap, &state->regions);
        state->has_root = false;
    }
    free_books(run);
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"input", ORR_OPTION_TEXT, offsetof(struct settings, input), "", "", 0, 0, NULL,
     "a heap file, as orrery import writes it; without, the one of a Python program"},
    {"copies", ORR_OPTION_NUMBER, offsetof(struct settings, copies), "heaps", "1", 1, 1000, NULL,
     "replicas of the heap that each thread lives on"},
    {"steps", ORR_OPTION_NUMBER, offsetof(struct settings, steps), "references", "16", 0, 1e6, NULL,
     "how far a walk goes"},
    {"replace_percent", ORR_OPTION_SHARE, offsetof(struct settings, replace_percent), "%", "20", 0,
     100, NULL, "operations that replace a component"},
    {"component", ORR_OPTION_NUMBER, offsetof(struct settings, component), "objects", "32", 1, 1e6,
     NULL, "objects that are replaced together, at most"},
    {"root_percent", ORR_OPTION_SHARE, offsetof(struct settings, root_percent), "%", "0.1", 0, 100,
     NULL, "operations that rebuild what hangs from a root"},
    {"root_objects", ORR_OPTION_NUMBER, offsetof(struct settings, root_objects), "objects", "2000",
     1, 1e9, NULL, "objects that are rebuilt with a root, at most"},
    {"young_percent", ORR_OPTION_SHARE, offsetof(struct settings, young_percent), "%", "80", 0, 100,
     NULL, "replacements that fall upon one component in ten"},
    {"foreign_percent", ORR_OPTION_SHARE, offsetof(struct settings, foreign_percent), "%", "10", 0,
     100, NULL, "operations that also walk in another thread's heap"},
    {"hub", ORR_OPTION_NUMBER, offsetof(struct settings, hub), "references", "64", 1, 4e9, NULL,
     "objects with more references, to them or their own, are never replaced"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(replay, .name = "replay",
                    .summary = "the heap of a real program, rebuilt from a dump, lives on",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .prepare = prepare, .work = work,
                    .finish = finish, .digest = digest);
