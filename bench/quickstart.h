/* quickstart.h - every pair of a strategy and a collector on every workload, compared on this
 * machine: the cells of that table, the runs that fill them, and the report.
 *
 * A cell is a workload under a pair on a number of threads. Each run of a cell is a process of its
 * own; a round runs every cell once, in an order of its own, so that what changes with time (heat,
 * neighbours) does not fall on one pair. The baseline, the first pair of a block, is there twice:
 * the second, the control, differs from it by nothing, so its ratio is the noise.
 *
 * Owns:    cells and their records. Threads: one.
 */
#ifndef ORR_BENCH_QUICKSTART_H
#define ORR_BENCH_QUICKSTART_H

#include "bench/environment.h"
#include "runtime/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { ORR_ROUNDS_MAX = 31, ORR_CELLS_MAX = 1024, ORR_EXCLUSIONS_MAX = 256 };

struct orr_cell {
    const char *workload, *strategy, *collector;
    uint32_t threads;
    bool is_control; /* the baseline once more */
    bool is_brief;   /* few operations instead of a time: it never gives memory back */
    json_t *runs[ORR_ROUNDS_MAX];
    size_t run_count;
    enum orr_status status; /* the worst that befell it */
    char reason[400];       /* its sentence */
};

/* A pair that cannot work on that many threads. */
struct orr_exclusion {
    const char *strategy, *collector;
    uint32_t threads;
    char reason[400];
};

struct orr_quickstart {
    struct orr_environment environment; /* before the first run */
    struct orr_cell *cells; /* block by block, workload by workload, the baseline first */
    size_t cell_count;
    struct orr_exclusion *exclusions;
    size_t exclusion_count;
    double window_seconds; /* of a run, but for workloads that need a longer one */
    size_t rounds;         /* done */
};

struct orr_quickstart_options {
    double seconds_total;
    bool is_quick;        /* two rounds, whatever time is left */
    const char *workload; /* this one alone; null: all */
    const char *program;  /* what runs a cell: this program */
    uint64_t timeout_ns;  /* of a run */
    bool shows_progress;
};

/* Lays out the cells. ORR_BAD_INPUT: no such workload. */
enum orr_status orr_quickstart_init(struct orr_quickstart *quickstart,
                                    const struct orr_quickstart_options *options,
                                    struct orr_error *error);
void orr_quickstart_fini(struct orr_quickstart *quickstart);

/* Runs rounds while there is time, two at least. A run that fails marks its cell and nothing else;
 * an error is returned only if nothing can be run at all. */
enum orr_status orr_quickstart_run(struct orr_quickstart *quickstart,
                                   const struct orr_quickstart_options *options,
                                   struct orr_error *error);

/* The measuring window of the runs of a workload, seconds. */
double orr_quickstart_window(const struct orr_quickstart *quickstart, const char *workload);

/* Marks every cell whose digest is not that of the others of its workload and threads. */
void orr_quickstart_check_digests(struct orr_quickstart *quickstart);

/* The worst status of all cells, a failed check before a crash before want of memory. */
enum orr_status orr_quickstart_status(const struct orr_quickstart *quickstart);

/* The report of quickstart_report.c: what was compared, the tables, what does not apply. */
enum orr_status orr_quickstart_report(const struct orr_quickstart *quickstart, FILE *file,
                                      struct orr_error *error);

/* {records[] failures[] not_applicable[]}; the caller drops it. */
enum orr_status orr_quickstart_json(const struct orr_quickstart *quickstart, json_t **object,
                                    struct orr_error *error);

#endif
