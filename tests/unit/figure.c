/* figure.c - bench/figure: rounds are taken in turn, ratios within a round, and bars are judged. */
#include "bench/figure.h"

#include <criterion/criterion.h>

#include <math.h>

static struct orr_figure_result result;
static unsigned calls[ORR_FIGURE_ARMS];

/* Size is what it gives; each round it is that many again. */
static enum orr_status
measure_known(const struct orr_figure_arm *arm, uint64_t size, double *values,
              struct orr_error *error)
{
    unsigned *const mine = &calls[arm->label[0] - 'a'];
    (void)error;
    values[0] = (double)(size * ++*mine);
    return ORR_OK;
}

static enum orr_status
refuse(const struct orr_figure_arm *arm, uint64_t size, double *values, struct orr_error *error)
{
    (void)size, (void)values;
    calls[arm->label[0] - 'a']++;
    return orr_fail(error, ORR_NOT_APPLICABLE, "there is no such collector");
}

static const struct orr_figure figure = {
    .name = "known",
    .title = "known numbers",
    .arms = {{.label = "a", .measure = measure_known, .size = 30, .small_size = 3},
             {.label = "b", .measure = measure_known, .size = 30, .small_size = 3},
             {.label = "c", .measure = measure_known, .size = 20, .small_size = 2},
             {.label = "d", .measure = refuse}},
};

static struct orr_figure_verdict
judge(struct orr_figure_bar bar)
{
    return orr_figure_judge(&bar, &result);
}

Test(figure, ratios_are_taken_within_a_round)
{
    orr_figure_measure(&figure, 9, false, &result);
    /* The numbers grow from round to round, and the ratio does not. */
    const struct orr_figure_verdict verdict =
        judge((struct orr_figure_bar){.limit = 1.6, .is_ratio = true, .rival = 2, .control = 1});
    cr_assert_eq(verdict.measured.low, 1.5);
    cr_assert_eq(verdict.measured.high, 1.5);
    cr_assert_eq(verdict.control.median, 1);
    cr_assert_str_eq(verdict.word, "pass");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(calls[i], 9);
}

Test(figure, numbers_are_scaled_and_judged)
{
    orr_figure_measure(&figure, 9, true, &result);
    struct orr_figure_bar bar = {.limit = 40, .scale = 2};
    cr_assert_eq(judge(bar).measured.median, 30, "3 in the fifth round is 15, and 30 in its unit");
    cr_assert_str_eq(judge(bar).word, "pass, not sure");
    bar.limit = 29;
    cr_assert(judge(bar).is_missed);
    cr_assert_str_eq(judge(bar).word, "miss, not sure");
    bar.limit = 1;
    cr_assert_str_eq(judge(bar).word, "miss");
    bar.relation = ORR_AT_LEAST;
    cr_assert_str_eq(judge(bar).word, "pass");
    bar.limit = 1000;
    cr_assert_str_eq(judge(bar).word, "miss");
    bar.relation = ORR_REPORTED;
    cr_assert_str_eq(judge(bar).word, "-");
    cr_assert(!judge(bar).is_missed);
}

Test(figure, few_rounds_are_never_sure)
{
    orr_figure_measure(&figure, 3, false, &result);
    cr_assert_str_eq(judge((struct orr_figure_bar){.limit = 1000}).word, "pass, not sure");
}

Test(figure, what_cannot_be_measured_says_why)
{
    orr_figure_measure(&figure, 4, false, &result);
    cr_assert_eq(calls[3], 1, "an arm that is refused is not asked again");
    struct orr_figure_verdict verdict = judge((struct orr_figure_bar){.limit = 1, .arm = 3});
    cr_assert_str_eq(verdict.word, "absent");
    cr_assert_str_eq(verdict.reason, "there is no such collector");
    verdict = judge((struct orr_figure_bar){.limit = 1, .is_ratio = true, .rival = 3});
    cr_assert_not_null(verdict.reason);
    verdict = judge((struct orr_figure_bar){.limit = 1, .value = 1});
    cr_assert_not_null(verdict.reason, "a value that the arm did not give");
    cr_assert(!verdict.is_missed);
}

/* Every place that a bar names exists, and a control is the same code as what it is held against. */
Test(figure, the_list_is_well_formed)
{
    for (const struct orr_figure *f = orr_figures; f->name; f++) {
        unsigned arms = 0;
        while (arms < ORR_FIGURE_ARMS && f->arms[arms].label)
            arms++;
        cr_assert(arms > 0 && f->bars[0].name, "%s", f->name);
        for (size_t i = 0; i < ORR_FIGURE_BARS && f->bars[i].name; i++) {
            const struct orr_figure_bar *bar = &f->bars[i];
            cr_assert(bar->arm < arms && bar->rival < arms && bar->control < arms &&
                      bar->of < arms);
            cr_assert(bar->value < ORR_FIGURE_VALUES);
            cr_assert(bar->relation == ORR_REPORTED || bar->limit > 0, "%s", bar->name);
            cr_assert(bar->is_ratio || bar->unit, "%s: %s", f->name, bar->name);
            if (!bar->is_ratio)
                continue;
            const struct orr_figure_arm *twin = &f->arms[bar->control], *first = &f->arms[bar->of];
            cr_assert(twin != first && twin->measure == first->measure);
            cr_assert_eq(twin->size, first->size);
            cr_assert(twin->strategy == first->strategy && twin->heap == first->heap);
        }
    }
}
