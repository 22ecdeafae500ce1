/* micro.c - the program: micro-benchmarks of the runtime, on Google Benchmark. */
#include "bench/environment.h"
#include "bench/micro/rows.h"
#include "bench/rivals.h"

bool
orr_micro_open(struct orr_gbench_state *state, const struct orr_loops *loops, const char *heap,
               struct orr_stand *stand)
{
    struct orr_error error;
    if (loops->prepare(&error) == ORR_OK &&
        orr_stand_open(stand, loops->strategy, NULL, heap, &error) == ORR_OK)
        return true;
    orr_gbench_error(state, error.message);
    return false;
}

static void
add_fact(const char *key, const char *value)
{
    if (value[0])
        orr_gbench_context(key, value);
}

/* What a number depends on and Google Benchmark does not know; it calls every Debian build "debug". */
static void
add_context(void)
{
    static struct orr_environment environment;
    orr_environment_collect(&environment, "");
    add_fact("orrery_commit", environment.commit);
    add_fact("orrery_compiler", environment.compiler);
    add_fact("orrery_flags", environment.flags);
    add_fact("jemalloc", environment.jemalloc);
    add_fact("mimalloc", environment.mimalloc);
    orr_gbench_context("malloc", orr_rival_malloc_is_jemalloc() ? "jemalloc" : "not jemalloc");
}

int
main(int argc, char **argv)
{
    orr_micro_operations();
    orr_micro_allocations();
    add_context();
    return orr_gbench_main(argc, argv);
}
