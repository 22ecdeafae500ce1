/* figure.h - the figures that this project promises: what is measured, against what, and the bar.
 *
 * A figure is a few arms, measured in turn within each round, in an order that is drawn anew, so that
 * what changes with time (heat, neighbours) does not fall on one of them. A bar is a number of one arm, or
 * the ratio of the same number of two, taken within each round. Beside a ratio stands a control: one of
 * its arms once more under another label, over the first; it differs from 1 by noise alone.
 *
 * Threads: one, which starts and joins what an arm needs.
 */
#ifndef ORR_BENCH_FIGURE_H
#define ORR_BENCH_FIGURE_H

#include "bench/interval.h"
#include "runtime/error.h"

#include <stdint.h>

enum {
    ORR_FIGURE_VALUES = 4, /* that one arm gives */
    ORR_FIGURE_ARMS = 6,
    ORR_FIGURE_BARS = 6,
    ORR_FIGURE_ROUNDS = 101
};

struct orr_figure_arm {
    const char *label; /* null: past the end */
    /* Measures once; what it does not know it leaves as it is (not a number). */
    enum orr_status (*measure)(const struct orr_figure_arm *arm, uint64_t size, double *values,
                               struct orr_error *error);
    uint64_t size, small_size; /* objects, levels, rounds; see size_key */

    /* A run of a workload: names as on the command line, null for its presets. */
    const char *workload, *strategy, *collector, *heap, *threads, *workers;
    const char *settings[4];
    const char *size_key; /* the setting that is the size; null: the operations are */
    const char *note;     /* the number of the workload's that is value 0 */

    const char *rival; /* or a plain allocator */
};

enum orr_relation { ORR_AT_MOST, ORR_AT_LEAST, ORR_REPORTED };

struct orr_figure_bar {
    const char *name; /* null: past the end */
    enum orr_relation relation;
    double limit;
    const char *unit;     /* of a number; a ratio has none */
    double scale;         /* from the arm's unit to this one; 0: 1 */
    unsigned value;       /* which of the arm's */
    unsigned arm;         /* places in arms */
    unsigned rival;       /* of a ratio, the divisor */
    unsigned control, of; /* of a ratio: the same code twice */
    bool is_ratio;
};

struct orr_figure {
    const char *name, *title; /* null: past the end */
    struct orr_figure_arm arms[ORR_FIGURE_ARMS];
    struct orr_figure_bar bars[ORR_FIGURE_BARS];
};

extern const struct orr_figure orr_figures[];

/* What was measured of one figure. */
struct orr_figure_result {
    unsigned rounds;
    double samples[ORR_FIGURE_ARMS][ORR_FIGURE_ROUNDS][ORR_FIGURE_VALUES];
    enum orr_status status[ORR_FIGURE_ARMS]; /* of an arm that could not be measured, and why */
    char reason[ORR_FIGURE_ARMS][400];
};

/* Measures round by round. Small: sizes that show that everything works, and no figure. */
void orr_figure_measure(const struct orr_figure *figure, unsigned rounds, bool is_small,
                        struct orr_figure_result *result);

/* What a bar came to. */
struct orr_figure_verdict {
    const char *word;   /* pass, miss, ...; "-" where there is no bar */
    const char *reason; /* there is no number, because ...; else null */
    struct orr_interval measured;
    struct orr_interval control; /* of a ratio */
    bool is_missed;
};
struct orr_figure_verdict orr_figure_judge(const struct orr_figure_bar *bar,
                                           const struct orr_figure_result *result);

/* How arms are measured (figure_arms.c, figure_stops.c, figure_control.c). */
enum orr_status orr_measure_workload(const struct orr_figure_arm *arm, uint64_t size,
                                     double *values, struct orr_error *error);
enum orr_status orr_measure_batches(const struct orr_figure_arm *arm, uint64_t size, double *values,
                                    struct orr_error *error);
enum orr_status orr_measure_rival_batches(const struct orr_figure_arm *arm, uint64_t size,
                                          double *values, struct orr_error *error);
enum orr_status orr_measure_rival_trees(const struct orr_figure_arm *arm, uint64_t size,
                                        double *values, struct orr_error *error);
enum orr_status orr_measure_stops(const struct orr_figure_arm *arm, uint64_t size, double *values,
                                  struct orr_error *error);
enum orr_status orr_measure_upgrades(const struct orr_figure_arm *arm, uint64_t size,
                                     double *values, struct orr_error *error);
enum orr_status orr_measure_empty(const struct orr_figure_arm *arm, uint64_t size, double *values,
                                  struct orr_error *error);
enum orr_status orr_measure_rings(const struct orr_figure_arm *arm, uint64_t size, double *values,
                                  struct orr_error *error);
enum orr_status orr_measure_finalized_rings(const struct orr_figure_arm *arm, uint64_t size,
                                            double *values, struct orr_error *error);
enum orr_status orr_measure_list(const struct orr_figure_arm *arm, uint64_t size, double *values,
                                 struct orr_error *error);

#endif
