/* loops.c - the table of all variants of the loops. */
#include "bench/loops.h"

#include <string.h>

#define LOOPS_counted(rc) extern const struct orr_loops orr_loops_##rc##_0, orr_loops_##rc##_1;
#define LOOPS_traced(rc) extern const struct orr_loops orr_loops_##rc##_1;
#define STRATEGY(rc, kind, summary) LOOPS_##kind(rc)
#include "runtime/rc.def"
#undef STRATEGY

#define ROWS_counted(rc) &orr_loops_##rc##_0, &orr_loops_##rc##_1,
#define ROWS_traced(rc) &orr_loops_##rc##_1,

const struct orr_loops *const orr_loops_list[] = {
#define STRATEGY(rc, kind, summary) ROWS_##kind(rc)
#include "runtime/rc.def"
#undef STRATEGY
    NULL,
};

const struct orr_loops *
orr_loops_find(const char *strategy, bool rooted)
{
    for (size_t i = 0; orr_loops_list[i]; i++)
        if (orr_loops_list[i]->is_rooted == rooted &&
            strcmp(orr_loops_list[i]->strategy, strategy) == 0)
            return orr_loops_list[i];
    return NULL;
}
