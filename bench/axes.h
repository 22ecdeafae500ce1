/* axes.h - the axes of a run and the names on them: strategies, collectors, heaps, triggers,
 * workloads; and the papers they come from.
 *
 * The names come from the lists that make the things (rc.def, collectors/list.def, heap.def,
 * trigger.def, workloads/list.def, papers/reading), so what is listed is what works.
 *
 * Threads: any; everything here is constant.
 */
#ifndef ORR_BENCH_AXES_H
#define ORR_BENCH_AXES_H

#include "runtime/error.h"

#include <stddef.h>

enum orr_axis {
    ORR_AXIS_STRATEGIES,
    ORR_AXIS_COLLECTORS,
    ORR_AXIS_HEAPS,
    ORR_AXIS_TRIGGERS,
    ORR_AXIS_WORKLOADS,
    ORR_AXIS_PAPERS,
    ORR_AXES
};

enum { ORR_AXIS_NAMES_MAX = 64 }; /* longer lists are cut; the tests know the lengths */

struct orr_axis_entry {
    const char *name, *summary; /* null name: past the end */
};

const char *orr_axis_title(enum orr_axis axis); /* "strategies" */
const char *orr_axis_kind(enum orr_axis axis);  /* "strategy" */
struct orr_axis_entry orr_axis_entry(enum orr_axis axis, size_t i);

/* The names of an axis; returns how many. */
size_t orr_axis_names(enum orr_axis axis, const char *names[ORR_AXIS_NAMES_MAX]);

/* The position of a name; ORR_BAD_INPUT lists the known ones and suggests the nearest. */
enum orr_status orr_axis_find(enum orr_axis axis, const char *name, size_t *position,
                              struct orr_error *error);

#endif
