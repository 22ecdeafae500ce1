/* axes.c - the names on the axes, read from the lists that make them; see axes.h. */
#include "bench/axes.h"

#include "bench/suggest.h"
#include "collectors/catalogue.h"
#include "workloads/catalogue.h"

#include <string.h>

static const struct {
    const char *title, *kind;
} axes[ORR_AXES] = {
    [ORR_AXIS_STRATEGIES] = {"strategies", "strategy"},
    [ORR_AXIS_COLLECTORS] = {"collectors", "collector"},
    [ORR_AXIS_HEAPS] = {"heaps", "heap"},
    [ORR_AXIS_TRIGGERS] = {"triggers", "trigger"},
    [ORR_AXIS_WORKLOADS] = {"workloads", "workload"},
    [ORR_AXIS_PAPERS] = {"papers", "paper"},
};

static const struct orr_axis_entry triggers[] = {
#define TRIGGER(name, summary) {#name, summary},
#include "runtime/trigger.def"
#undef TRIGGER
    {NULL, NULL},
};

/* Made by bench/CMakeLists.txt from the first line of every page in papers/reading. */
static const struct orr_axis_entry papers[] = {
#define PAPER(name, summary) {name, summary},
#include "bench/papers.def"
#undef PAPER
    {NULL, NULL},
};

const char *
orr_axis_title(enum orr_axis axis)
{
    return axes[axis].title;
}

const char *
orr_axis_kind(enum orr_axis axis)
{
    return axes[axis].kind;
}

struct orr_axis_entry
orr_axis_entry(enum orr_axis axis, size_t i)
{
    switch (axis) {
    case ORR_AXIS_STRATEGIES:
        return orr_rcs[i] ? (struct orr_axis_entry){orr_rcs[i]->name, orr_rcs[i]->summary}
                          : (struct orr_axis_entry){NULL, NULL};
    case ORR_AXIS_COLLECTORS:
        return orr_collectors[i]
                   ? (struct orr_axis_entry){orr_collectors[i]->name, orr_collectors[i]->summary}
                   : (struct orr_axis_entry){NULL, NULL};
    case ORR_AXIS_HEAPS:
        return orr_heap_kinds[i]
                   ? (struct orr_axis_entry){orr_heap_kinds[i]->name, orr_heap_kinds[i]->summary}
                   : (struct orr_axis_entry){NULL, NULL};
    case ORR_AXIS_TRIGGERS:
        return triggers[i];
    case ORR_AXIS_WORKLOADS:
        return (struct orr_axis_entry){orr_workload_entries[i].name,
                                       orr_workload_entries[i].summary};
    default:
        return papers[i];
    }
}

size_t
orr_axis_names(enum orr_axis axis, const char *names[ORR_AXIS_NAMES_MAX])
{
    size_t count = 0;
    while (count < ORR_AXIS_NAMES_MAX && orr_axis_entry(axis, count).name) {
        names[count] = orr_axis_entry(axis, count).name;
        count++;
    }
    return count;
}

enum orr_status
orr_axis_find(enum orr_axis axis, const char *name, size_t *position, struct orr_error *error)
{
    const char *names[ORR_AXIS_NAMES_MAX];
    const size_t count = orr_axis_names(axis, names);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            *position = i;
            return ORR_OK;
        }
    return orr_suggest_unknown(axes[axis].kind, name, names, count, error);
}
