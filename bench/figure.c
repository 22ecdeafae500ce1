/* figure.c - measuring a figure round by round, and judging its bars; see figure.h. */
#include "bench/figure.h"

#include "runtime/platform.h"
#include "workloads/run.h"

#include <math.h>
#include <mimalloc.h>
#include <stdio.h>
#include <string.h>

/* --- measuring -------------------------------------------------------------------------------------- */

static size_t
count_arms(const struct orr_figure *figure)
{
    size_t count = 0;
    while (count < ORR_FIGURE_ARMS && figure->arms[count].label)
        count++;
    return count;
}

static void
draw_order(size_t *order, size_t count, uint32_t *random)
{
    for (size_t i = 0; i < count; i++) {
        const size_t k = orr_random(random) % (i + 1);
        order[i] = order[k];
        order[k] = i;
    }
}

static void
measure_arm(const struct orr_figure *figure, size_t i, bool is_small,
            struct orr_figure_result *result)
{
    const struct orr_figure_arm *const arm = &figure->arms[i];
    double *const values = result->samples[i][result->rounds];
    struct orr_error error = {.message = ""};
    for (size_t k = 0; k < ORR_FIGURE_VALUES; k++)
        values[k] = NAN;
    if (result->status[i] != ORR_OK)
        return;
    fprintf(stderr, "figures: %s, round %u: %s\n", figure->name, result->rounds + 1, arm->label);
    /* What mimalloc kept of an earlier arm goes back to the system, as our own heaps do: all start cold. */
    mi_collect(true);
    result->status[i] = arm->measure(arm, is_small ? arm->small_size : arm->size, values, &error);
    if (result->status[i] != ORR_OK)
        snprintf(result->reason[i], sizeof result->reason[i], "%s", error.message);
}

void
orr_figure_measure(const struct orr_figure *figure, unsigned rounds, bool is_small,
                   struct orr_figure_result *result)
{
    const size_t count = count_arms(figure);
    uint32_t random = orr_seed_of((uint32_t)orr_clock_ns(), 0);
    size_t order[ORR_FIGURE_ARMS];
    memset(result, 0, sizeof *result);
    for (; result->rounds < rounds; result->rounds++) {
        draw_order(order, count, &random);
        for (size_t i = 0; i < count; i++)
            measure_arm(figure, order[i], is_small, result);
    }
}

/* --- judging ---------------------------------------------------------------------------------------- */

static const char *
find_reason(const struct orr_figure_result *result, unsigned arm)
{
    return result->status[arm] == ORR_OK ? NULL : result->reason[arm];
}

/* The value, or the quotient of two arms', of each round; false if a round has none. */
static bool
collect_values(const struct orr_figure_result *result, const struct orr_figure_bar *bar,
               unsigned arm, unsigned divisor, bool is_ratio, double *values)
{
    const double scale = bar->scale != 0 ? bar->scale : 1;
    for (unsigned round = 0; round < result->rounds; round++) {
        const double value = result->samples[arm][round][bar->value];
        values[round] =
            is_ratio ? value / result->samples[divisor][round][bar->value] : value * scale;
        if (!isfinite(values[round]))
            return false;
    }
    return true;
}

static void
judge_number(const struct orr_figure_bar *bar, struct orr_figure_verdict *verdict)
{
    const struct orr_interval *const measured = &verdict->measured;
    const bool is_least = bar->relation == ORR_AT_LEAST;
    verdict->word = "-";
    if (bar->relation == ORR_REPORTED)
        return;
    verdict->is_missed = is_least ? measured->median < bar->limit : measured->median > bar->limit;
    const bool is_sure =
        measured->is_known && (measured->low > bar->limit || measured->high < bar->limit);
    if (verdict->is_missed)
        verdict->word = is_sure ? "miss" : "miss, not sure";
    else
        verdict->word = is_sure ? "pass" : "pass, not sure";
}

struct orr_figure_verdict
orr_figure_judge(const struct orr_figure_bar *bar, const struct orr_figure_result *result)
{
    struct orr_figure_verdict verdict = {.word = "absent"};
    double values[ORR_FIGURE_ROUNDS];
    verdict.reason = find_reason(result, bar->arm);
    if (!verdict.reason && bar->is_ratio)
        verdict.reason = find_reason(result, bar->rival);
    if (!verdict.reason && bar->is_ratio)
        verdict.reason = find_reason(result, bar->control);
    if (verdict.reason)
        return verdict;
    if (!collect_values(result, bar, bar->arm, bar->rival, bar->is_ratio, values)) {
        verdict.reason = "it could not be measured here";
        return verdict;
    }
    verdict.measured = orr_interval_of(values, result->rounds);
    judge_number(bar, &verdict);
    if (bar->is_ratio && collect_values(result, bar, bar->control, bar->of, true, values))
        verdict.control = orr_interval_of(values, result->rounds);
    return verdict;
}
