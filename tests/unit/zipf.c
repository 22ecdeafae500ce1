/* zipf.c - workloads/parts/zipf: ranks come as often as Zipf says, and always the same ones. */
#include "workloads/parts/zipf.h"

#include "workloads/run.h"

#include <criterion/criterion.h>

#include <math.h>

enum { DRAWS = 200000, RANKS = 10 };

/* Draws, and compares each rank's share with k^-skew / sum; five standard deviations is one alarm in a
 * million draws of the seed, and the seed is fixed. */
static void
expect_shares(double skew)
{
    struct orr_zipf zipf;
    uint32_t random = 2463534242u;
    uint32_t drawn[RANKS + 1] = {0};
    double sum = 0;
    orr_zipf_init(&zipf, RANKS, skew);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t rank = orr_zipf_draw(&zipf, &random);
        cr_assert(rank >= 1 && rank <= RANKS, "rank %u", rank);
        drawn[rank]++;
    }
    for (int k = 1; k <= RANKS; k++)
        sum += pow(k, -skew);
    for (int k = 1; k <= RANKS; k++) {
        double share = pow(k, -skew) / sum;
        double deviation = sqrt(DRAWS * share * (1 - share));
        cr_expect(fabs(drawn[k] - DRAWS * share) < 5 * deviation, "skew %g, rank %d: %u of %.0f",
                  skew, k, drawn[k], DRAWS * share);
    }
}

Test(zipf, ranks_come_in_proportion_to_their_weight)
{
    expect_shares(0.5);
    expect_shares(0.99);
    expect_shares(1);
    expect_shares(1.5);
    expect_shares(3);
}

Test(zipf, no_skew_is_uniform)
{
    expect_shares(0);
}

Test(zipf, a_hair_beside_skew_1_is_like_skew_1)
{
    struct orr_zipf beside, at;
    uint32_t random_beside = 7, random_at = 7;
    orr_zipf_init(&beside, 1000000, 1 + 1e-13);
    orr_zipf_init(&at, 1000000, 1);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(orr_zipf_draw(&beside, &random_beside), orr_zipf_draw(&at, &random_at));
}

Test(zipf, one_rank_is_always_the_first)
{
    struct orr_zipf zipf;
    uint32_t random = 1;
    orr_zipf_init(&zipf, 1, 0.99);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(orr_zipf_draw(&zipf, &random), 1);
}

Test(zipf, the_last_rank_is_reached_and_not_passed)
{
    struct orr_zipf zipf;
    uint32_t random = 1, highest = 0;
    orr_zipf_init(&zipf, 4000000000u, 0);
    for (int i = 0; i < 100000; i++) {
        uint32_t rank = orr_zipf_draw(&zipf, &random);
        highest = rank > highest ? rank : highest;
    }
    cr_assert(highest > 3999000000u && highest <= 4000000000u, "%u", highest);
}

/* What this code drew when its shares had been checked as above: a workload's digest rests on it. */
Test(zipf, a_seed_draws_what_it_always_drew)
{
    static const uint32_t expected[] = {14375, 105, 356, 417, 5, 36850, 2594, 15689};
    struct orr_zipf zipf;
    uint32_t random = 2463534242u;
    orr_zipf_init(&zipf, 100000, 0.99);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_expect_eq(orr_zipf_draw(&zipf, &random), expected[i], "draw %zu", i);
}
