/* figure_stops.c - stopping the world without work: as many mutators as processors count and poll, and
 * one of them stops the others again and again.
 *
 * Threads: the caller's is the requester; the others are started and joined here.
 */
#include "bench/figure.h"

#include "bench/loops.h"
#include "bench/stand.h"
#include "runtime/safepoint.h"

#include <stdlib.h>

/* Between stops: long enough for those that were stopped to run again. */
#define RUN_NS UINT64_C(100000)
#define NS_PER_US 1e3
enum { PAIRS_PER_POLL = 256, MUTATORS_MAX = 64 };

struct stopping {
    struct orr_stand stand;
    const struct orr_loops *loops;
    _Atomic(bool) is_over; /* the requester sets it */
    double *reached_us; /* of each stopped thread at each stop, from the request to its safepoint */
    size_t reached, room;
    double *waits_us; /* of each stop, what the requester waited */
};

static void
note_reached(void *context, uint32_t thread_id, uint64_t requested_ns, uint64_t reached_ns)
{
    struct stopping *const stopping = context;
    (void)thread_id;
    if (stopping->reached < stopping->room)
        stopping->reached_us[stopping->reached++] =
            reached_ns > requested_ns ? (double)(reached_ns - requested_ns) / NS_PER_US : 0;
}

/* What a mutator does, the requester between stops too. */
static void
count_and_poll(const struct stopping *stopping, struct orr_thread *thread, struct orr_object *own)
{
    stopping->loops->retain_release(thread, own, PAIRS_PER_POLL);
    stopping->loops->poll(thread, 1);
}

static void *
run_mutator(void *argument)
{
    struct stopping *const stopping = argument;
    struct orr_thread *thread;
    if (orr_thread_attach(stopping->stand.heap, &thread, NULL) != ORR_OK)
        return NULL;
    struct orr_object *const own = stopping->loops->make_cell(thread);
    while (own && !orr_load_relaxed(&stopping->is_over)) /* relaxed: seen sooner or later */
        count_and_poll(stopping, thread, own);
    stopping->loops->release(thread, own);
    orr_thread_detach(thread);
    return NULL;
}

static void
stop_often(struct stopping *stopping, uint64_t stops)
{
    struct orr_stand *const stand = &stopping->stand;
    struct orr_object *const own = stopping->loops->make_cell(stand->thread);
    orr_require(own, "no memory for one object");
    for (uint64_t i = 0; i < stops; i++) {
        const uint64_t until_ns = orr_clock_ns() + RUN_NS;
        while (orr_clock_ns() < until_ns)
            count_and_poll(stopping, stand->thread, own);
        const uint64_t start_ns = orr_clock_ns();
        orr_world_stop(stand->heap, stand->thread);
        stopping->waits_us[i] = (double)(orr_clock_ns() - start_ns) / NS_PER_US;
        orr_world_resume(stand->heap);
    }
    stopping->loops->release(stand->thread, own);
}

/* Runs the others beside the requester; false if the system refuses one of them. */
static bool
stop_others(struct stopping *stopping, unsigned others, uint64_t stops)
{
    struct orr_os_thread threads[MUTATORS_MAX];
    unsigned started = 0;
    while (started < others && orr_os_thread_start(&threads[started], run_mutator, stopping, 0))
        started++;
    /* relaxed: an estimate that ends right; a thread that cannot attach is not waited for long */
    for (int i = 0; i < 1000; i++)
        if (orr_load_relaxed(&stopping->stand.heap->thread_count) <= started)
            orr_sleep_ns(RUN_NS);
    if (started == others)
        stop_often(stopping, stops);
    orr_store_relaxed(&stopping->is_over, true); /* relaxed: as above */
    orr_block_enter(stopping->stand.thread);
    for (unsigned i = 0; i < started; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(stopping->stand.thread);
    return started == others;
}

static void
fill_values(struct stopping *stopping, uint64_t stops, double *values)
{
    if (stopping->reached != 0) {
        values[0] = orr_quantile_of(stopping->reached_us, stopping->reached, 0.5);
        values[1] = orr_quantile_of(stopping->reached_us, stopping->reached, 0.99);
    }
    values[2] = orr_quantile_of(stopping->waits_us, stops, 0.5);
    values[3] = orr_quantile_of(stopping->waits_us, stops, 0.99);
}

/* Values 0, 1: microseconds to safepoint, p50 and p99; 2, 3: those that the requester waited. */
enum orr_status
orr_measure_stops(const struct orr_figure_arm *arm, uint64_t size, double *values,
                  struct orr_error *error)
{
    const unsigned processors = orr_processor_count();
    const unsigned others = processors > MUTATORS_MAX ? MUTATORS_MAX - 1 : processors - 1;
    struct stopping stopping = {.loops = orr_loops_find(arm->strategy, false)};
    if (others == 0)
        return orr_fail(error, ORR_NOT_APPLICABLE, "one processor: there is nobody to stop");
    enum orr_status status = stopping.loops->prepare(error);
    if (status == ORR_OK)
        status = orr_stand_open(&stopping.stand, arm->strategy, arm->collector, arm->heap, error);
    if (status != ORR_OK)
        return status;
    stopping.room = size * others;
    stopping.reached_us = calloc(stopping.room, sizeof *stopping.reached_us);
    stopping.waits_us = calloc(size, sizeof *stopping.waits_us);
    /* Before anybody else is attached. */
    stopping.stand.heap->listener =
        (struct orr_listener){.context = &stopping, .safepoint = note_reached};
    if (!stopping.reached_us || !stopping.waits_us || !stop_others(&stopping, others, size))
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory, or no thread, for the mutators");
    else
        fill_values(&stopping, size, values);
    orr_stand_close(&stopping.stand);
    free(stopping.reached_us);
    free(stopping.waits_us);
    return status;
}
