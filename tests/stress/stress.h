/* stress.h - what the stress programs share: arguments, a seed that is told, checks, teams of threads.
 *
 * Each program is one file that includes this once; the run below is its own. The seed is printed before
 * anything happens, so that it is known after an abort or a hang too, and again by a failed check.
 *
 * Exit status: 0 done; 1 a check failed; 2 usage; 3 the strategy allows one thread only.
 */
#ifndef ORR_TESTS_STRESS_STRESS_H
#define ORR_TESTS_STRESS_STRESS_H

#include "collectors/catalogue.h"
#include "runtime/orrery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRESS_PASTE_(a, b) a##b
#define STRESS_PASTE(a, b) STRESS_PASTE_(a, b)
#ifdef ORR_RC
#define STRATEGY_UNDER_TEST (&STRESS_PASTE(orr_rc_, ORR_RC))
#endif

/* The run: written by stress_begin, before there are threads. */
static struct {
    uint64_t seed;
    double seconds;
} stress = {.seconds = 1.5};

/* --- checks ---------------------------------------------------------------------------------------- */

/* Ends the process at once: other threads are in the middle of something. */
#define stress_check(condition, ...)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s is false (--seed %llu): ", __FILE__, __LINE__, #condition,  \
                    (unsigned long long)stress.seed);                                              \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            _Exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* --- arguments ------------------------------------------------------------------------------------- */

static inline void
stress_usage(const char *program, const char *argument)
{
    fprintf(stderr, "%s: cannot read \"%s\"; arguments are --seed NUMBER and --seconds NUMBER\n",
            program, argument);
    exit(2);
}

static inline void
stress_begin(int count, char **arguments)
{
    stress.seed = orr_clock_ns();
    for (int i = 1; i < count; i += 2) {
        char *end = NULL;
        if (i + 1 < count && strcmp(arguments[i], "--seed") == 0)
            stress.seed = strtoull(arguments[i + 1], &end, 10);
        else if (i + 1 < count && strcmp(arguments[i], "--seconds") == 0)
            stress.seconds = strtod(arguments[i + 1], &end);
        if (!end || end == arguments[i + 1] || *end || !(stress.seconds > 0))
            stress_usage(arguments[0], arguments[i]);
    }
    fprintf(stderr, "%s --seed %llu --seconds %g\n", arguments[0], (unsigned long long)stress.seed,
            stress.seconds);
}

/* When a part of the run that may last this share of its seconds ends. */
static inline uint64_t
stress_deadline_ns(double share)
{
    return orr_clock_ns() + (uint64_t)(stress.seconds * share * 1e9);
}

/* --- chance ---------------------------------------------------------------------------------------- */

static inline uint64_t
stress_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64: Steele, Lea, Flood 2014 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint32_t
stress_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(stress_draw(state) % limit);
}

/* --- heaps and threads ----------------------------------------------------------------------------- */

static inline void
stress_register(const struct orr_type *type)
{
    struct orr_error error;
    stress_check(orr_type_register(type, &error) == ORR_OK, "%s", error.message);
}

/* Null, with a line that says why, where the sanitizers leave too little address space for a side table. */
static inline struct orr_heap *
stress_heap(const struct orr_heap_options *options)
{
    struct orr_error error;
    struct orr_heap *heap;
    const enum orr_status status = orr_heap_create(options, &heap, &error);
    if (status == ORR_OK)
        return heap;
    stress_check(status == ORR_OUT_OF_MEMORY, "%s", error.message);
    fprintf(stderr, "%s on %s is left out: %s\n", options->collector->name, options->kind->name,
            error.message);
    return NULL;
}

static inline struct orr_thread *
stress_attach(struct orr_heap *heap)
{
    struct orr_error error;
    struct orr_thread *thread;
    stress_check(orr_thread_attach(heap, &thread, &error) == ORR_OK, "%s", error.message);
    return thread;
}

static inline void
stress_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument)
{
    stress_check(orr_os_thread_start(thread, body, argument, 0), "the system refuses a thread");
}

/* Joins the team; `self`, attached, waits in a blocking region. */
static inline void
stress_join(struct orr_os_thread *team, unsigned count, struct orr_thread *self)
{
    orr_block_enter(self);
    for (unsigned i = 0; i < count; i++)
        orr_os_thread_join(&team[i]);
    orr_block_leave(self);
}

/* Settles and verifies. With `exact`, every reference lies in objects, roots and linked locals. */
static inline void
stress_settle(struct orr_heap *heap, struct orr_thread *self, bool exact)
{
    struct orr_error error;
    orr_settle(self);
    orr_world_stop(heap, self);
    orr_counts_settle(self);
    const bool sound = (exact ? orr_heap_verify_exact : orr_heap_verify)(heap, self, &error);
    orr_world_resume(heap);
    stress_check(sound || (!heap->kind->is_walkable && error.status == ORR_NOT_APPLICABLE), "%s",
                 error.message);
}

/* Nothing is left, and the three books agree: counters, ledger, and (where there is one) the walk. */
static inline void
stress_expect_empty(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    uint64_t births, deaths;
    orr_heap_totals(heap, &totals);
    orr_ledger_totals(heap->ledger, &births, &deaths);
    stress_check(totals.allocated != 0, "nothing was ever allocated on %s", heap->kind->name);
    stress_check(totals.live == 0, "%s, %s: %llu of %llu objects are left", heap->collector->name,
                 heap->kind->name, (unsigned long long)totals.live,
                 (unsigned long long)totals.allocated);
    stress_check(births == totals.allocated && deaths == births,
                 "%s, %s: allocated %llu, births %llu, deaths %llu", heap->collector->name,
                 heap->kind->name, (unsigned long long)totals.allocated, (unsigned long long)births,
                 (unsigned long long)deaths);
}

/* --- pairs ----------------------------------------------------------------------------------------- */

#ifdef ORR_RC
/* Calls body for each collector and heap kind that go with this strategy and that many threads, with the share of
 * the run's seconds that it gets; the trigger goes off every `trigger` candidates or net allocations. Ends
 * the process with status 3 if there is none. */
static inline void
stress_each_pair(uint32_t threads, uint64_t trigger,
                 void (*body)(const struct orr_heap_options *options, double share))
{
    unsigned applied = 0;
    for (unsigned round = 0; round < 2; round++) /* counted first, then run */
        for (size_t i = 0; orr_collectors[i]; i++)
            for (size_t k = 0; orr_heap_kinds[k]; k++) {
                const struct orr_heap_options options = {
                    .rc = STRATEGY_UNDER_TEST,
                    .collector = orr_collectors[i],
                    .kind = orr_heap_kinds[k],
                    .trigger = {.kind = ORR_TRIGGER_count, .count = trigger},
                    .workers = 1,
                    .verify = orr_heap_kinds[k]->is_walkable,
                    .ledger = true};
                struct orr_error error;
                if (!orr_pair_applies(options.rc, options.collector, options.kind, threads, &error))
                    continue;
                if (round == 0)
                    applied++;
                else
                    body(&options, 1.0 / applied);
            }
    if (applied == 0) {
        fprintf(stderr, "%s with %u threads: no collector applies\n", STRATEGY_UNDER_TEST->name,
                threads);
        exit(3);
    }
}
#endif

#endif
