/* pairs.c - orr_pair_applies: which strategy, collector and heap work together, and the reason where not. */
#include "collectors/catalogue.h"
#include "runtime/collector.h"
#include "runtime/heap.h"
#include "runtime/rc.h"

#include <criterion/criterion.h>

#include <string.h>

static struct orr_error error;

static bool
applies(const char *rc, const char *collector, const char *kind, uint32_t threads)
{
    error = (struct orr_error){.message = ""};
    return orr_pair_applies(orr_rc_find(rc), orr_collector_find(collector),
                            orr_heap_kind_find(kind), threads, &error);
}

static void
expect_refusal(const char *reason, const char *first, const char *second)
{
    cr_assert_eq(error.status, ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, reason), "%s", error.message);
    cr_assert(strstr(error.message, first) && strstr(error.message, second), "%s", error.message);
    cr_assert(!strchr(error.message, '\n'));
}

Test(pairs, a_collector_that_reads_counts_needs_a_strategy_that_keeps_them)
{
    cr_assert(!applies("tracing", "trial", "blocks", 1));
    expect_refusal("keeps none", "tracing", "trial");
    cr_assert(!applies("tracing", "subtract", "blocks", 1));
    expect_refusal("keeps none", "tracing", "subtract");
    cr_assert(applies("biased", "trial", "blocks", 1));
}

Test(pairs, without_counts_somebody_has_to_trace)
{
    cr_assert(!applies("tracing", "none", "blocks", 1));
    expect_refusal("nothing would ever be freed", "tracing", "none");
    cr_assert(applies("tracing", "mark", "blocks", 1));
}

Test(pairs, plain_counting_is_for_one_thread)
{
    cr_assert(applies("plain", "none", "blocks", 0));
    cr_assert(applies("plain", "none", "blocks", 1));
    cr_assert(!applies("plain", "none", "blocks", 2));
    expect_refusal("1 thread at most, not 2", "plain", "atomics");
    cr_assert(applies("atomic", "none", "blocks", 64));
}

Test(pairs, a_collector_that_walks_needs_a_heap_that_can_be_walked)
{
    cr_assert(!applies("atomic", "subtract", "mimalloc", 1));
    expect_refusal("cannot enumerate", "subtract", "mimalloc");
    cr_assert(!applies("atomic", "mark", "mimalloc", 1));
    expect_refusal("cannot enumerate", "mark", "mimalloc");
}

Test(pairs, a_collector_with_a_side_table_needs_a_heap_with_a_place_for_it)
{
    static const struct orr_heap_kind bare = {.name = "bare", .is_walkable = true};
    error = (struct orr_error){.message = ""};
    cr_assert(!orr_pair_applies(&orr_rc_atomic, orr_collector_find("trial"), &bare, 1, &error));
    expect_refusal("a word beside each object", "trial", "bare");
    cr_assert(orr_pair_applies(&orr_rc_atomic, orr_collector_find("none"), &bare, 1, &error));
}

Test(pairs, a_collector_that_protects_pages_needs_the_heap_that_lays_them_out)
{
    static const struct orr_collector warden = {.name = "warden", .needs = ORR_NEEDS_BLOCKS};
    error = (struct orr_error){.message = ""};
    cr_assert(orr_pair_applies(&orr_rc_atomic, &warden, &orr_heap_blocks, 1, &error));
    cr_assert(!orr_pair_applies(&orr_rc_atomic, &warden, &orr_heap_libc, 1, &error));
    expect_refusal("protects pages", "warden", "libc");
}

Test(pairs, nobody_has_to_ask_for_the_reason)
{
    cr_assert(
        !orr_pair_applies(&orr_rc_tracing, orr_collector_find("none"), &orr_heap_blocks, 1, NULL));
}

static void
expect_same_of_create(const struct orr_heap_options *options)
{
    struct orr_heap *heap = NULL;
    struct orr_error told = {.message = ""};
    error = (struct orr_error){.message = ""};
    bool does = orr_pair_applies(options->rc, options->collector, options->kind, 0, &error);
    enum orr_status status = orr_heap_create(options, &heap, &told);
    cr_assert_eq(status, does ? ORR_OK : ORR_NOT_APPLICABLE, "%s, %s, %s: %s", options->rc->name,
                 options->collector->name, options->kind->name, told.message);
    cr_assert_str_eq(told.message, error.message);
    if (does)
        orr_heap_destroy(heap);
}

Test(pairs, a_heap_is_created_exactly_where_the_three_apply)
{
    for (size_t i = 0; orr_rcs[i]; i++)
        for (size_t j = 0; orr_collectors[j]; j++)
            for (size_t k = 0; orr_heap_kinds[k]; k++) {
                struct orr_heap_options options = {.rc = orr_rcs[i],
                                                   .collector = orr_collectors[j],
                                                   .kind = orr_heap_kinds[k],
                                                   .trigger = {.kind = ORR_TRIGGER_KINDS}};
                expect_same_of_create(&options);
            }
}

Test(pairs, a_heap_that_cannot_be_walked_is_not_verified)
{
    struct orr_heap *heap;
    struct orr_heap_options options = {.rc = &orr_rc_atomic,
                                       .collector = orr_collector_find("none"),
                                       .kind = &orr_heap_mimalloc,
                                       .trigger = {.kind = ORR_TRIGGER_KINDS},
                                       .verify = true};
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_NOT_APPLICABLE);
    expect_refusal("cannot be verified", "mimalloc", "walked");
}
