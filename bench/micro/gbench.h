/* gbench.h - a C harness over Google Benchmark, which offers itself to C++ alone.
 *
 * A benchmark is a function and an argument, so that one function serves many rows (one per strategy,
 * per collector, ...). Google Benchmark calls it as often as it needs; each call runs the loop
 *
 *     while (orr_gbench_next_batch(state, 256))
 *         for (int i = 0; i < 256; i++)
 *             orr_retain(thread, object);
 *
 * until the harness says stop, and each batch counts as 256 iterations. One step of the loop through
 * this door costs about two nanoseconds, as much as the operations we measure: batches are the normal
 * way, orr_gbench_next is for work of a microsecond or more.
 *
 * Threads: registration and main on the first thread. A benchmark of n threads runs on n threads at
 *          once, each with a state of its own; all of them start and end their loops together, and in
 *          between nothing synchronises them, pause and resume included.
 * Fails:   never with a C++ exception. Memory for registration that is not there ends the program with
 *          status 4 and a sentence.
 * Limits:  the loop must run until the harness says stop, unless orr_gbench_error was called.
 *          Google Benchmark knows means over iterations, not percentiles: pauses belong to the
 *          histograms of the bench.
 */
#ifndef ORR_BENCH_MICRO_GBENCH_H
#define ORR_BENCH_MICRO_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct orr_gbench;       /* a registered benchmark, until main returns */
struct orr_gbench_state; /* one thread's view of one call */

/* --- registration: each setting returns its benchmark, so that calls chain ------------------------ */

typedef void orr_gbench_run(struct orr_gbench_state *state, void *argument);

/* The row `name`; slashes group rows, and filters match them. The name is copied, the argument is not. */
struct orr_gbench *orr_gbench_register(const char *name, orr_gbench_run *run, void *argument);

/* One more row with these values, which orr_gbench_value reads; names label them in the report. */
struct orr_gbench *orr_gbench_values(struct orr_gbench *bench, const int64_t *values, size_t count);
struct orr_gbench *orr_gbench_value_names(struct orr_gbench *bench, const char *const *names,
                                          size_t count);
/* One more row with this number of threads. */
struct orr_gbench *orr_gbench_threads(struct orr_gbench *bench, int threads);
struct orr_gbench *orr_gbench_repetitions(struct orr_gbench *bench, int repetitions);
/* At least this long per row; the command line's --benchmark_min_time is the default. */
struct orr_gbench *orr_gbench_seconds_min(struct orr_gbench *bench, double seconds);
/* Exactly this many iterations per thread, instead of a time. A multiple of the batch. */
struct orr_gbench *orr_gbench_iterations(struct orr_gbench *bench, int64_t iterations);

enum orr_gbench_clock {
    ORR_GBENCH_CPU,    /* processor time of the row's threads: the default */
    ORR_GBENCH_WALL,   /* elapsed time: what rows of several threads are compared by */
    ORR_GBENCH_MANUAL, /* what the function told by orr_gbench_spent */
};
struct orr_gbench *orr_gbench_clock(struct orr_gbench *bench, enum orr_gbench_clock clock);

/* --- inside a benchmark ---------------------------------------------------------------------------- */

/* True while there is one more iteration, or a batch of them, to run. */
bool orr_gbench_next(struct orr_gbench_state *state);
bool orr_gbench_next_batch(struct orr_gbench_state *state, int64_t iterations);

int64_t orr_gbench_value(const struct orr_gbench_state *state, size_t index);
int orr_gbench_thread(const struct orr_gbench_state *state); /* 0 to count - 1 */
int orr_gbench_thread_count(const struct orr_gbench_state *state);
/* Iterations that this thread has run; final once the loop has ended. */
int64_t orr_gbench_done(const struct orr_gbench_state *state);

/* Stops and starts this thread's clock inside the loop. Each reads two clocks of the system, so what
 * stands between should be large against that. */
void orr_gbench_pause(struct orr_gbench_state *state);
void orr_gbench_resume(struct orr_gbench_state *state);
/* ORR_GBENCH_MANUAL: what this iteration, or batch, took. */
void orr_gbench_spent(struct orr_gbench_state *state, double seconds);

/* A column of the row's report. The values of several threads are added up. */
enum {
    ORR_GBENCH_RATE = 1,           /* divided by the elapsed time */
    ORR_GBENCH_PER_THREAD = 2,     /* divided by the number of threads */
    ORR_GBENCH_PER_ITERATION = 4,  /* divided by the number of iterations */
    ORR_GBENCH_EACH_ITERATION = 8, /* multiplied by the number of iterations */
    ORR_GBENCH_INVERSE = 16,       /* its inverse, last of all */
};
void orr_gbench_counter(struct orr_gbench_state *state, const char *name, double value,
                        unsigned flags);
/* The two columns that Google Benchmark knows by name: items_per_second, bytes_per_second. */
void orr_gbench_items(struct orr_gbench_state *state, int64_t items);
void orr_gbench_bytes(struct orr_gbench_state *state, int64_t bytes);
/* A word beside the row. */
void orr_gbench_label(struct orr_gbench_state *state, const char *label);
/* Says why there is no number. The loop ends at its next step; the row's JSON carries the message, and
 * the program ends with status 1. */
void orr_gbench_error(struct orr_gbench_state *state, const char *message);

/* --- the program ----------------------------------------------------------------------------------- */

/* A line of the report's context: the machine, the commit, the heap. Before main. */
void orr_gbench_context(const char *key, const char *value);

/* Runs what was registered, as the --benchmark_... options say, and returns the exit status: 0 done;
 * 1 a row ended in an error; 2 an unknown option, or a filter that matches nothing. */
int orr_gbench_main(int argc, char **argv);

/* Makes the compiler believe that the value is used, so that what computed it stays. */
static inline void
orr_gbench_keep(const void *value)
{
    __asm__ volatile("" : : "g"(value) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
