/* run.h - one run of a workload, as the workload sees it. bench/ fills it; the same for all variants.
 *
 * Threads: a worker belongs to its thread; what other threads write is _Atomic and says who.
 */
#ifndef ORR_WORKLOADS_RUN_H
#define ORR_WORKLOADS_RUN_H

#include "runtime/heap.h"

enum { ORR_DIGEST_OPERATIONS = 2000 };

struct orr_run {
    struct orr_heap *heap;
    uint32_t threads;
    uint32_t seed;          /* of the run; worker i derives its own by orr_seed_of */
    uint64_t operations;    /* per worker; 0: until stop */
    void *settings;         /* the workload's, filled from its options */
    void *state;            /* the workload's own, zeroed before prepare */
    _Atomic(bool) stop;     /* bench's timer: time is up */
    _Atomic(bool) measuring; /* bench's timer: the warm-up is over */
    /* Where results beyond throughput go: name is a key of the record's "results". Any worker. */
    void (*note)(struct orr_run *run, const char *name, double value);
    void *bench; /* bench's own */
};

struct orr_worker {
    struct orr_run *run;
    struct orr_thread *thread;
    uint32_t index;
    uint32_t seed;                /* xorshift32 state, never 0 */
    _Atomic(uint64_t) operations; /* done; the worker writes, bench reads (relaxed) */
    /* Records one operation's latency or gap, nanoseconds, while measuring; null-safe. */
    void (*latency)(struct orr_worker *worker, uint64_t ns);
    void *bench;
};

/* xorshift32, the generator that every runtime can run. */
static inline uint32_t
orr_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A worker's own seed: the run's for worker 0, so that one-threaded runs equal other runtimes' runs. */
static inline uint32_t
orr_seed_of(uint32_t seed, uint32_t index)
{
    uint32_t x = seed + index * 0x9e3779b9u;
    return x ? x : 1;
}

/* Whether the worker should do another operation. */
static inline bool
orr_worker_goes_on(struct orr_worker *worker)
{
    uint64_t done = orr_load_relaxed(&worker->operations); /* relaxed: own counter */
    if (worker->run->operations)
        return done < worker->run->operations;
    if (done < ORR_DIGEST_OPERATIONS)
        return true;
    return !orr_load_relaxed(&worker->run->stop); /* relaxed: seen sooner or later */
}

/* The same for a job: one round at least, and none that begins after the time is up. */
static inline bool
orr_worker_goes_another_round(struct orr_worker *worker)
{
    uint64_t done = orr_load_relaxed(&worker->operations); /* relaxed: own counter */
    if (worker->run->operations)
        return done < worker->run->operations;
    return done == 0 || !orr_load_relaxed(&worker->run->stop); /* relaxed: seen sooner or later */
}

/* Counts one operation. */
static inline void
orr_worker_did(struct orr_worker *worker)
{
    /* relaxed: own counter; readers want a moment's picture */
    orr_store_relaxed(&worker->operations, orr_load_relaxed(&worker->operations) + 1);
}

/* Hands a latency to whoever keeps them. */
static inline void
orr_worker_took(struct orr_worker *worker, uint64_t ns)
{
    if (worker->latency)
        worker->latency(worker, ns);
}

/* One step of a digest: mixes a value in (order matters). */
static inline uint64_t
orr_mix(uint64_t digest, uint64_t value)
{
    digest ^= value + 0x9e3779b97f4a7c15u + (digest << 6) + (digest >> 2);
    return digest * 0xff51afd7ed558ccdu;
}

#endif
