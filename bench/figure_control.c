/* figure_control.c - how the figures of the control interface are measured: weak references, collections that
 * find nothing, and finalizers of garbage.
 */
#include "bench/figure.h"

#include "bench/loops.h"
#include "bench/stand.h"
#include "runtime/gc.h"

#include <inttypes.h>
#include <string.h>

enum { UPGRADES = 1000, WARM_COLLECTIONS = 20 };

static enum orr_status
open_stand(const struct orr_figure_arm *arm, struct orr_stand *stand,
           const struct orr_loops **loops, struct orr_error *error)
{
    /* Who finds the living by roots must see locals. */
    *loops = orr_loops_find(arm->strategy, strcmp(arm->collector, "mark") == 0);
    enum orr_status status = (*loops)->prepare(error);
    if (status == ORR_OK)
        status = orr_stand_open(stand, arm->strategy, arm->collector, arm->heap, error);
    return status;
}

/* --- weak references -------------------------------------------------------------------------------- */

/* Value 0: nanoseconds of an upgrade and the release of what it gave; 1: that, over a retain and a release of
 * the same object by the same thread just after it. */
enum orr_status
orr_measure_upgrades(const struct orr_figure_arm *arm, uint64_t size, double *values,
                     struct orr_error *error)
{
    const struct orr_loops *loops;
    struct orr_stand stand;
    enum orr_status status = open_stand(arm, &stand, &loops, error);
    if (status != ORR_OK)
        return status;
    struct orr_object *const cell = loops->make_cell(stand.thread);
    struct orr_object *const weak = cell ? loops->make_weak(stand.thread, cell) : NULL;
    if (weak) {
        loops->upgrade(stand.thread, weak, UPGRADES);
        const uint64_t start_ns = orr_clock_ns();
        for (uint64_t i = 0; i < size; i++)
            loops->upgrade(stand.thread, weak, UPGRADES);
        const uint64_t middle_ns = orr_clock_ns();
        for (uint64_t i = 0; i < size; i++)
            loops->retain_release(stand.thread, cell, UPGRADES);
        const uint64_t end_ns = orr_clock_ns();
        values[0] = (double)(middle_ns - start_ns) / (double)(size * UPGRADES);
        values[1] = (double)(middle_ns - start_ns) / (double)(end_ns - middle_ns);
    } else
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for an object and a weak reference");
    loops->release(stand.thread, weak);
    loops->release(stand.thread, cell);
    orr_stand_close(&stand);
    return status;
}

/* --- collections ------------------------------------------------------------------------------------ */

/* Value 0: nanoseconds of one complete collection of a heap without objects. */
enum orr_status
orr_measure_empty(const struct orr_figure_arm *arm, uint64_t size, double *values,
                  struct orr_error *error)
{
    const struct orr_loops *loops;
    struct orr_stand stand;
    enum orr_status status = open_stand(arm, &stand, &loops, error);
    if (status != ORR_OK)
        return status;
    for (int i = 0; i < WARM_COLLECTIONS; i++)
        orr_gc_collect(stand.thread, ORR_GENERATION_OLDEST, NULL, NULL);
    const uint64_t start_ns = orr_clock_ns();
    for (uint64_t i = 0; i < size && status == ORR_OK; i++)
        status = orr_gc_collect(stand.thread, ORR_GENERATION_OLDEST, NULL, error);
    values[0] = (double)(orr_clock_ns() - start_ns) / (double)size;
    orr_stand_close(&stand);
    return status;
}

/* Value 0: nanoseconds per object of a collection that finds `size` objects in dead rings. */
static enum orr_status
measure_rings(const struct orr_figure_arm *arm, uint64_t size, bool finalized, double *values,
              struct orr_error *error)
{
    const struct orr_loops *loops;
    struct orr_stand stand;
    struct orr_gc_result result = {0};
    enum orr_status status = open_stand(arm, &stand, &loops, error);
    if (status != ORR_OK)
        return status;
    if (loops->drop_rings(stand.thread, size, finalized)) {
        const uint64_t start_ns = orr_clock_ns();
        status = orr_gc_collect(stand.thread, ORR_GENERATION_OLDEST, &result, error);
        values[0] = (double)(orr_clock_ns() - start_ns) / (double)size;
        if (status == ORR_OK && result.collected != size)
            status = orr_fail(error, ORR_CHECK_FAILED,
                              "%" PRIu64 " of %" PRIu64 " objects in dead rings were collected",
                              result.collected, size);
    } else
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for %" PRIu64 " objects", size);
    orr_stand_close(&stand);
    return status;
}

enum orr_status
orr_measure_rings(const struct orr_figure_arm *arm, uint64_t size, double *values,
                  struct orr_error *error)
{
    return measure_rings(arm, size, false, values, error);
}

/* The same, each object with a finalizer that does nothing. */
enum orr_status
orr_measure_finalized_rings(const struct orr_figure_arm *arm, uint64_t size, double *values,
                            struct orr_error *error)
{
    return measure_rings(arm, size, true, values, error);
}
