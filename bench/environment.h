/* environment.h - the facts about machine, kernel and build that a result depends on.
 *
 * A fact that cannot be read is absent: an empty text, or a number of 0, which none of them can be.
 * The facts of the build come from the compiler's own macros and from four definitions that the
 * build gives: ORR_BUILD_TYPE, ORR_BUILD_FLAGS, ORR_SANITIZE and ORR_COMMIT.
 *
 * Owns:    nothing; the struct is flat.
 * Threads: collect it once, before a run; it reads a few dozen small files.
 */
#ifndef ORR_BENCH_ENVIRONMENT_H
#define ORR_BENCH_ENVIRONMENT_H

#include "bench/measure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { ORR_CACHES_MAX = 8, ORR_FACT_BYTES = 96 };

struct orr_cache {
    char type[16];    /* Data, Instruction, Unified */
    unsigned level;   /* 1 is nearest to the processor */
    uint64_t bytes;   /* its size */
    unsigned sharing; /* how many processors share it */
};

struct orr_environment {
    char date[32];                  /* when this was collected, UTC, ISO 8601 */
    char host[ORR_FACT_BYTES];      /* the machine's name */
    char cpu_model[ORR_FACT_BYTES]; /* as the kernel calls it */
    unsigned cpu_mhz;               /* of the first processor, when asked */
    char virtual_machine[8];        /* under a hypervisor: yes, no */
    unsigned cores;                 /* processors online */
    unsigned cores_usable;          /* of these, those this process may run on */
    struct orr_cache caches[ORR_CACHES_MAX];
    unsigned cache_count;
    uint64_t memory_bytes;            /* of the machine */
    uint64_t page_bytes;              /* of the kernel */
    char kernel[ORR_FACT_BYTES];      /* system, release, machine */
    char microcode[32];               /* of the processor */
    char governor[32];                /* of processor frequency */
    char turbo[8];                    /* on, off */
    char huge_pages[16];              /* transparent: always, madvise, never */
    char address_randomisation[8];    /* off, partial, full */
    char cpu_limit[32];               /* of the control group: quota and period in us */
    uint64_t memory_limit_bytes;      /* of the control group */
    struct orr_real load[3];          /* mean length of the run queue: 1, 5, 15 minutes */
    char compiler[ORR_FACT_BYTES];    /* name and version */
    char build[ORR_FACT_BYTES];       /* the build type */
    char flags[512];                  /* of the compiler */
    char commit[48];                  /* of this program's source */
    char sanitizers[32];              /* what was given to -fsanitize= */
    bool is_optimized;                /* the compiler was asked to */
    bool is_checked;                  /* assertions and verifiers are compiled in */
    char libc[ORR_FACT_BYTES];        /* name and version */
    char jemalloc[ORR_FACT_BYTES];    /* its version, if it is linked in */
    char mimalloc[ORR_FACT_BYTES];    /* likewise */
    struct orr_real clock_cost_ns;    /* of reading the clock once */
    struct orr_measure clock_step_ns; /* the smallest step it was seen to make */
};

/* Collects everything but the clock's figures. root is "" for the machine; tests give a directory
 * that holds a made-up /proc and /sys. */
void orr_environment_collect(struct orr_environment *environment, const char *root);

/* Measures what reading this clock costs and how finely it steps: effects below are not there. */
void orr_environment_time_clock(struct orr_environment *environment, uint64_t (*clock_ns)(void));

/* The facts as a JSON object; null if there is no memory. */
json_t *orr_environment_json(const struct orr_environment *environment);

#endif
