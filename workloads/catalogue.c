/* catalogue.c - the workloads of one variant; compiled once per variant, like them. */
#include "workloads/catalogue.h"

#include "workloads/workload.h"


#define WORKLOAD(name, summary) extern const struct orr_workload ORR_WORKLOAD_SYMBOL(name);
#include "workloads/list.def"
#undef WORKLOAD

extern const struct orr_workload *const ORR_WORKLOAD_SYMBOL(list)[];
const struct orr_workload *const ORR_WORKLOAD_SYMBOL(list)[] = {
#define WORKLOAD(name, summary) &ORR_WORKLOAD_SYMBOL(name),
#include "workloads/list.def"
#undef WORKLOAD
    NULL,
};
