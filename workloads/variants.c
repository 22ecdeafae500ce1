/* variants.c - the one place that knows which variants of the workloads were compiled: every counting
 * strategy with plain and with linked locals, every other one with linked locals. */
#include "workloads/catalogue.h"

#include <stddef.h>
#include <string.h>

#define LISTS_counted(rc)                                                                          \
    extern const struct orr_workload *const orr_workload_list_##rc##_0[];                         \
    extern const struct orr_workload *const orr_workload_list_##rc##_1[];
#define LISTS_traced(rc) extern const struct orr_workload *const orr_workload_list_##rc##_1[];
#define STRATEGY(rc, kind, summary) LISTS_##kind(rc)
#include "runtime/rc.def"
#undef STRATEGY

#define ROWS_counted(rc)                                                                           \
    {#rc, false, orr_workload_list_##rc##_0}, {#rc, true, orr_workload_list_##rc##_1},
#define ROWS_traced(rc) {#rc, true, orr_workload_list_##rc##_1},

static const struct {
    const char *strategy;
    bool rooted;
    const struct orr_workload *const *list;
} variants[] = {
#define STRATEGY(rc, kind, summary) ROWS_##kind(rc)
#include "runtime/rc.def"
#undef STRATEGY
};

static bool strategy_is_traced(const char *strategy);

const struct orr_workload *
orr_workload_find(const char *name, const char *strategy, bool rooted)
{
    rooted = rooted || strategy_is_traced(strategy);
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (variants[i].rooted != rooted || strcmp(variants[i].strategy, strategy) != 0)
            continue;
        for (size_t k = 0; variants[i].list[k]; k++)
            if (strcmp(variants[i].list[k]->name, name) == 0)
                return variants[i].list[k];
    }
    return NULL;
}

static bool
strategy_is_traced(const char *strategy)
{
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
        if (!variants[i].rooted && strcmp(variants[i].strategy, strategy) == 0)
            return false;
    return true;
}

const struct orr_workload_entry orr_workload_entries[] = {
#define WORKLOAD(name, summary) {#name, summary},
#include "workloads/list.def"
#undef WORKLOAD
    {NULL, NULL},
};
