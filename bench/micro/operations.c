/* operations.c - rows of single operations: counts, slots, locals, polls, tracing.
 *
 * Rows of a strategy that does not count say what its barriers cost and what tracing costs; those of its
 * counts would say nothing. Linked locals (biased_rooted) change nothing but locals.
 */
#include "bench/micro/rows.h"

#include "runtime/heap.h"
#include "runtime/platform.h"
#include "runtime/rc.h"

#include <stdio.h>
#include <stdlib.h>

enum { OBJECTS_MANY = 1 << 20 /* of 48 bytes: 48 MiB, past every cache near a processor */ };

/* A benchmark's stand, and what most of them work on. */
struct bed {
    const struct orr_loops *loops;
    struct orr_stand stand;
    struct orr_object *node, *values[2];
};

static bool
open_bed(struct orr_gbench_state *state, void *argument, struct bed *bed)
{
    bed->loops = argument;
    if (!orr_micro_open(state, bed->loops, "blocks", &bed->stand))
        return false;
    struct orr_thread *thread = bed->stand.thread;
    bed->node = bed->loops->make_node(thread);
    for (int i = 0; i < 2; i++)
        bed->values[i] = bed->loops->make_cell(thread);
    if (bed->node && bed->values[0] && bed->values[1])
        return true;
    orr_gbench_error(state, "no memory for three objects");
    orr_stand_close(&bed->stand);
    return false;
}

static void
close_bed(struct bed *bed)
{
    struct orr_thread *thread = bed->stand.thread;
    bed->loops->release(thread, bed->node);
    for (int i = 0; i < 2; i++)
        bed->loops->release(thread, bed->values[i]);
    orr_stand_close(&bed->stand);
}

/* --- one object ------------------------------------------------------------------------------------- */

static void
run_retain_release(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->retain_release(bed.stand.thread, bed.values[0], ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_local(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->local(bed.stand.thread, bed.values[0], ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_try_retain(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    bed.stand.heap->rc->publish(bed.stand.thread, bed.values[0]);
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->try_retain(bed.stand.thread, bed.values[0], ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_upgrade(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    struct orr_object *weak = bed.loops->make_weak(bed.stand.thread, bed.values[0]);
    if (!weak)
        orr_gbench_error(state, "no memory for a weak reference");
    while (weak && orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->upgrade(bed.stand.thread, weak, ORR_MICRO_BATCH);
    bed.loops->release(bed.stand.thread, weak);
    close_bed(&bed);
}

static void
run_poll(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->poll(bed.stand.thread, ORR_MICRO_BATCH);
    close_bed(&bed);
}

/* --- many objects ----------------------------------------------------------------------------------- */

/* n nodes on the bed's heap; null without memory. Freed with free_nodes. */
static struct orr_object **
make_nodes(struct bed *bed, uint32_t n)
{
    struct orr_object **nodes = calloc(n, sizeof(struct orr_object *));
    for (uint32_t i = 0; nodes && i < n; i++) {
        nodes[i] = bed->loops->make_node(bed->stand.thread);
        if (!nodes[i]) {
            for (uint32_t k = 0; k < i; k++)
                bed->loops->release(bed->stand.thread, nodes[k]);
            free(nodes);
            return NULL;
        }
        bed->loops->set(bed->stand.thread, nodes[i], bed->values, 1);
    }
    return nodes;
}

static void
free_nodes(struct bed *bed, struct orr_object **nodes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        bed->loops->release(bed->stand.thread, nodes[i]);
    free(nodes);
}

static void
run_sweep(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    struct orr_object **nodes = make_nodes(&bed, ORR_MICRO_BATCH);
    if (!nodes)
        orr_gbench_error(state, "no memory for the nodes");
    while (nodes && orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->sweep(bed.stand.thread, nodes, ORR_MICRO_BATCH);
    if (nodes)
        free_nodes(&bed, nodes, ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
trace_nodes(struct orr_gbench_state *state, void *argument, uint32_t n)
{
    struct bed bed;
    uint64_t found = 0;
    if (!open_bed(state, argument, &bed))
        return;
    struct orr_object **nodes = make_nodes(&bed, n);
    if (!nodes)
        orr_gbench_error(state, "no memory for the nodes");
    while (nodes && orr_gbench_next_batch(state, n))
        found += bed.loops->trace(nodes, n);
    if (nodes && found != (uint64_t)orr_gbench_done(state))
        orr_gbench_error(state, "a reference was lost: each node has one");
    if (nodes)
        free_nodes(&bed, nodes, n);
    close_bed(&bed);
}

static void
run_trace_near(struct orr_gbench_state *state, void *argument)
{
    trace_nodes(state, argument, ORR_MICRO_BATCH);
}

static void
run_trace_far(struct orr_gbench_state *state, void *argument)
{
    trace_nodes(state, argument, OBJECTS_MANY);
}

/* --- another thread's object ------------------------------------------------------------------------ */

struct maker {
    struct bed *bed;
    struct orr_object *object; /* counted; for the one that waits */
};

static void *
make_foreign(void *argument)
{
    struct maker *maker = argument;
    struct orr_thread *thread;
    if (orr_thread_attach(maker->bed->stand.heap, &thread, NULL) != ORR_OK)
        return NULL;
    maker->object = maker->bed->loops->make_cell(thread);
    if (maker->object)
        thread->heap->rc->publish(thread, maker->object);
    orr_thread_detach(thread);
    return NULL;
}

/* Its owner has left, which changes nothing: it is not ours, so every count goes to the shared word. */
static void
run_foreign(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    struct maker maker = {.bed = &bed};
    struct orr_os_thread thread;
    if (!open_bed(state, argument, &bed))
        return;
    orr_block_enter(bed.stand.thread);
    bool is_started = orr_os_thread_start(&thread, make_foreign, &maker, 0);
    if (is_started)
        orr_os_thread_join(&thread);
    orr_block_leave(bed.stand.thread);
    if (!maker.object)
        orr_gbench_error(state, "no thread, or no memory, for an object of another thread");
    while (maker.object && orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->retain_release(bed.stand.thread, maker.object, ORR_MICRO_BATCH);
    if (maker.object)
        bed.loops->release(bed.stand.thread, maker.object);
    close_bed(&bed);
}

/* --- slots ------------------------------------------------------------------------------------------ */

static void
run_set(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->set(bed.stand.thread, bed.node, bed.values, ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_give(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    bed.loops->set(bed.stand.thread, bed.node, bed.values, 1);
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->give(bed.stand.thread, bed.node, ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_init(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    bed.loops->set(bed.stand.thread, bed.node, bed.values, 1);
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->init(bed.stand.thread, bed.node, ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_store(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->store(bed.stand.thread, bed.node, bed.values, ORR_MICRO_BATCH);
    close_bed(&bed);
}

static void
run_load(struct orr_gbench_state *state, void *argument)
{
    struct bed bed;
    if (!open_bed(state, argument, &bed))
        return;
    bed.loops->store(bed.stand.thread, bed.node, bed.values, 1);
    while (orr_gbench_next_batch(state, ORR_MICRO_BATCH))
        bed.loops->load(bed.stand.thread, bed.node, ORR_MICRO_BATCH);
    close_bed(&bed);
}

/* --- registration ----------------------------------------------------------------------------------- */

enum {
    COUNTED = 1,  /* not of a strategy that does not count */
    THREADED = 2, /* not of a strategy for one thread */
    LOCALS = 4    /* of linked locals too */
};

static const struct {
    const char *name;
    orr_gbench_run *run;
    unsigned only;
} rows[] = {
    {"retain_release", run_retain_release, COUNTED},
    {"retain_release_256", run_sweep, COUNTED},
    {"retain_release_foreign", run_foreign, COUNTED | THREADED},
    {"try_retain", run_try_retain, COUNTED},
    {"weak_get", run_upgrade, COUNTED},
    {"local", run_local, LOCALS},
    {"set", run_set, 0},
    {"give", run_give, 0},
    {"init", run_init, 0},
    {"store", run_store, 0},
    {"load", run_load, 0},
    {"poll", run_poll, 0},
    {"trace_256", run_trace_near, 0},
    {"trace_1Mi", run_trace_far, 0},
};

static bool
has_row(const struct orr_loops *loops, unsigned only)
{
    const struct orr_rc *rc = orr_rc_find(loops->strategy);
    if ((only & COUNTED) && !rc->counts)
        return false;
    if ((only & THREADED) && rc->threads_max == 1)
        return false;
    return (only & LOCALS) || loops->is_rooted == !rc->counts;
}

void
orr_micro_operations(void)
{
    char name[96];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t k = 0; orr_loops_list[k]; k++) {
            const struct orr_loops *loops = orr_loops_list[k];
            const char *suffix =
                loops->is_rooted && orr_rc_find(loops->strategy)->counts ? "_rooted" : "";
            if (!has_row(loops, rows[i].only))
                continue;
            snprintf(name, sizeof name, "%s/%s%s", rows[i].name, loops->strategy, suffix);
            orr_gbench_register(name, rows[i].run, (void *)loops);
        }
}
