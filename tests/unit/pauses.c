/* pauses.c - bench/pauses: pauses that were put in come out, and what is missing is told. */
#include "bench/pauses.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

enum { STOP, ASSIST, LOCK, CAUSES };

static const char *const names[CAUSES] = {"stop", "assist", "lock"};

static const uint64_t second = 1000000000;
static const uint64_t millisecond = 1000000;

static struct orr_pauses *
create(size_t capacity)
{
    struct orr_pauses *pauses;
    cr_assert_eq(orr_pauses_create(&pauses, names, CAUSES, capacity, NULL), ORR_OK);
    return pauses;
}

/* A run of 1000 s in which a thread stands still for `injected` once a second: the figures must be
 * the injected ones. */
static void
check_injected(uint64_t injected)
{
    struct orr_pauses *const pauses = create(2000);
    struct orr_mmu mmu[4] = {{.window_ns = millisecond},
                             {.window_ns = 10 * millisecond},
                             {.window_ns = 100 * millisecond},
                             {.window_ns = second}};
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t start = 5 * second + i * second + i * 1000;
        orr_pauses_record(pauses, 1, STOP, start, start + injected);
    }
    const struct orr_histogram *const stops = pauses->by_cause[STOP];
    cr_assert_eq(stops->count, 1000);
    cr_assert_eq(stops->max_ns, injected);
    cr_assert_eq(stops->total_ns, 1000 * injected);
    cr_assert_float_eq((double)orr_histogram_percentile(stops, 99.9), (double)injected,
                       0.02 * (double)injected);
    cr_assert_eq(orr_pauses_mmu(pauses, 5 * second, 1006 * second, mmu, 4, NULL), ORR_OK);
    for (unsigned i = 0; i < 4; i++) {
        const double lost = (double)injected / (double)mmu[i].window_ns;
        cr_assert(mmu[i].is_measured);
        cr_assert_float_eq(mmu[i].worst_thread, lost < 1.0 ? 1.0 - lost : 0.0, 1e-9);
        cr_assert_float_eq(mmu[i].any_thread, lost < 1.0 ? 1.0 - lost : 0.0, 1e-9);
    }
    orr_pauses_destroy(pauses);
}

Test(pauses, injected_pauses_are_recovered)
{
    check_injected(1 * millisecond);
    check_injected(10 * millisecond);
    check_injected(100 * millisecond);
}

Test(pauses, causes_are_kept_apart)
{
    struct orr_pauses *const pauses = create(10);
    orr_pauses_record(pauses, 1, STOP, 100, 150);
    orr_pauses_record(pauses, 2, LOCK, 100, 130);
    orr_pauses_record(pauses, 1, LOCK, 300, 310);
    cr_assert_eq(pauses->by_cause[STOP]->total_ns, 50);
    cr_assert_eq(pauses->by_cause[ASSIST]->count, 0);
    cr_assert_eq(pauses->by_cause[LOCK]->count, 2);
    cr_assert_eq(pauses->by_cause[LOCK]->total_ns, 40);
    cr_assert_eq(pauses->listed, 3);
    cr_assert_eq(pauses->intervals[1].thread, 2);
    cr_assert_eq(pauses->intervals[1].cause, LOCK);
    orr_pauses_destroy(pauses);
}

Test(pauses, a_full_list_still_counts_and_makes_no_claim_about_utilisation)
{
    struct orr_pauses *const pauses = create(2);
    struct orr_mmu mmu = {.window_ns = 10};
    for (uint64_t i = 0; i < 5; i++)
        orr_pauses_record(pauses, 1, STOP, i * 100, i * 100 + 7);
    cr_assert_eq(pauses->by_cause[STOP]->count, 5);
    cr_assert_eq(pauses->listed, 2);
    cr_assert_eq(pauses->unlisted, 3);
    cr_assert_eq(orr_pauses_mmu(pauses, 0, 1000, &mmu, 1, NULL), ORR_OK);
    cr_assert(!mmu.is_measured);
    orr_pauses_destroy(pauses);
}

Test(pauses, negative_durations_and_unknown_causes_are_refused_not_recorded)
{
    struct orr_pauses *const pauses = create(10);
    struct orr_mmu mmu = {.window_ns = 10};
    orr_pauses_record(pauses, 1, STOP, 100, 99);
    orr_pauses_record(pauses, 1, CAUSES, 100, 200);
    cr_assert_eq(pauses->refused, 2);
    cr_assert_eq(pauses->listed, 0);
    for (unsigned cause = 0; cause < CAUSES; cause++)
        cr_assert_eq(pauses->by_cause[cause]->count, 0);
    cr_assert_eq(orr_pauses_mmu(pauses, 0, 1000, &mmu, 1, NULL), ORR_OK);
    cr_assert(!mmu.is_measured);
    orr_pauses_destroy(pauses);
}

Test(pauses, merging_threads_keeps_every_pause_and_every_loss)
{
    struct orr_pauses *const all = create(3);
    struct orr_pauses *const one = create(2);
    struct orr_pauses *const two = create(2);
    orr_pauses_record(one, 1, STOP, 0, 10);
    orr_pauses_record(one, 1, LOCK, 20, 25);
    orr_pauses_record(two, 2, STOP, 0, 30);
    orr_pauses_record(two, 2, STOP, 40, 41);
    orr_pauses_record(two, 2, STOP, 50, 51);
    orr_pauses_record(two, 2, STOP, 60, 59);
    orr_pauses_merge(all, one);
    orr_pauses_merge(all, two);
    cr_assert_eq(all->by_cause[STOP]->count, 4);
    cr_assert_eq(all->by_cause[LOCK]->count, 1);
    cr_assert_eq(all->listed, 3);
    cr_assert_eq(all->unlisted, 2);
    cr_assert_eq(all->refused, 1);
    orr_pauses_destroy(two);
    orr_pauses_destroy(one);
    orr_pauses_destroy(all);
}

Test(pauses, merging_pauses_with_other_causes_is_refused)
{
    struct orr_pauses *const pauses = create(3);
    struct orr_pauses *other;
    cr_assert_eq(orr_pauses_create(&other, names, CAUSES - 1, 3, NULL), ORR_OK);
    orr_pauses_record(other, 1, STOP, 0, 10);
    orr_pauses_merge(pauses, other);
    cr_assert_eq(pauses->refused, 1);
    cr_assert_eq(pauses->by_cause[STOP]->count, 0);
    orr_pauses_destroy(other);
    orr_pauses_destroy(pauses);
}

Test(pauses, the_log_has_one_untagged_line_and_one_per_cause_that_occurred)
{
    struct orr_pauses *const pauses = create(10);
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    orr_pauses_record(pauses, 1, STOP, 0, 2 * millisecond);
    orr_pauses_record(pauses, 1, LOCK, 0, 1 * millisecond);
    cr_assert_eq(orr_pauses_write_hlog(pauses, file, 1e9, 2.5, NULL), ORR_OK);
    fclose(file);
    cr_assert(strstr(text, "\n0.000,2.500,2.000,HISTF"), "%s", text);
    cr_assert(strstr(text, "\nTag=stop,0.000,2.500,2.000,HISTF"), "%s", text);
    cr_assert(strstr(text, "\nTag=lock,0.000,2.500,1.000,HISTF"), "%s", text);
    cr_assert(!strstr(text, "Tag=assist"), "%s", text);
    free(text);
    orr_pauses_destroy(pauses);
}

Test(pauses, the_distribution_covers_all_causes_in_milliseconds)
{
    struct orr_pauses *const pauses = create(10);
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    orr_pauses_record(pauses, 1, STOP, 0, 3 * millisecond);
    orr_pauses_record(pauses, 1, LOCK, 0, 1 * millisecond);
    cr_assert_eq(orr_pauses_write_hgrm(pauses, file, NULL), ORR_OK);
    fclose(file);
    cr_assert(strstr(text, "       3.000 1.000000000000          2\n"), "%s", text);
    cr_assert(strstr(text, "#[Mean    =        2.000,"), "%s", text);
    free(text);
    orr_pauses_destroy(pauses);
}
