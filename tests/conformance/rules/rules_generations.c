/* generations.c - rules 8 to 14: ages, counts, statistics, thresholds, and when nothing may start. */
#include "tests/conformance/rules/rule.h"

static void
collect_generation(struct rule *rule, int generation)
{
    RULE_EQUAL(orr_gc_collect(rule->thread, generation, NULL, NULL), ORR_OK);
}

/* --- 8 ---------------------------------------------------------------------------------------------- */

/* The objects in the first roots lie in this generation, and in no other. */
static void
expect_generation(struct rule *rule, int generation)
{
    for (int g = 0; g < ORR_GENERATIONS; g++) {
        struct orr_object **list;
        uint64_t count;
        RULE_EQUAL(orr_objects(rule->thread, g, &list, &count, NULL), ORR_OK);
        for (uint32_t i = 0; i < rule->threads; i++) {
            ORR_OWN(rule->thread, kept, rule_root_get(rule->thread, &rule->roots[i]));
            RULE_EQUAL(rule_listed(list, count, kept.ref), g == generation);
        }
        orr_objects_free(rule->thread, list, count);
    }
}

static void
keep_node(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    rule_root_put(thread, &rule->roots[index], rule_new(thread, &rule_type_node));
}

RULE(8, "a new object is in generation 0; surviving a collection of its generation moves it one "
        "up, not beyond the oldest")
{
    rule_needs_generations(rule);
    rule_crew(rule, keep_node, rule);
    expect_generation(rule, 0);
    collect_generation(rule, 0);
    expect_generation(rule, 1);
    collect_generation(rule, 0);
    expect_generation(rule, 1);
    collect_generation(rule, 1);
    expect_generation(rule, 2);
    collect_generation(rule, 0);
    collect_generation(rule, 1);
    collect_generation(rule, 2);
    expect_generation(rule, 2);
}

/* --- 9 ---------------------------------------------------------------------------------------------- */

static void
expect_counts(struct rule *rule, uint64_t first, uint64_t second)
{
    uint64_t counts[ORR_GENERATIONS];
    orr_gc_count(rule->heap, rule->thread, counts);
    RULE_EQUAL(counts[1], first);
    RULE_EQUAL(counts[2], second);
}

static void
expect_rise(struct orr_thread *thread, uint32_t index, void *argument)
{
    uint64_t before[ORR_GENERATIONS], after[ORR_GENERATIONS];
    (void)argument;
    if (index != 0)
        return; /* what others do meanwhile is counted too */
    orr_gc_count(thread->heap, thread, before);
    ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
    orr_gc_count(thread->heap, thread, after);
    RULE_CHECK(after[0] > before[0]);
}

RULE(9, "a collection is counted with the generation above its own, whose count it leaves at one "
        "more, and younger ones at 0; an allocation raises the first count")
{
    rule_crew(rule, keep_node, rule);
    collect_generation(rule, 2);
    expect_counts(rule, 0, 0);
    collect_generation(rule, 0);
    expect_counts(rule, 1, 0);
    collect_generation(rule, 0);
    expect_counts(rule, 2, 0);
    collect_generation(rule, 1);
    expect_counts(rule, 0, 1);
    collect_generation(rule, 0);
    expect_counts(rule, 1, 1);
    collect_generation(rule, 2);
    expect_counts(rule, 0, 0);
    rule_crew(rule, expect_rise, NULL);
}

/* --- 10 --------------------------------------------------------------------------------------------- */

static void
drop_pair(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    rule_drop_ring(thread, &rule_type_node, 2);
}

static void
read_stats(struct rule *rule, struct orr_gc_stats stats[ORR_GENERATIONS])
{
    for (int g = 0; g < ORR_GENERATIONS; g++)
        RULE_EQUAL(orr_gc_stats(rule->heap, g, &stats[g], NULL), ORR_OK);
}

RULE(10, "there is one record of statistics per generation, and a collection adds to its own alone")
{
    struct orr_gc_stats before[ORR_GENERATIONS], after[ORR_GENERATIONS];
    rule_crew(rule, keep_node, rule); /* some collectors look at nothing but the living */
    for (int g = 0; g < ORR_GENERATIONS; g++) {
        read_stats(rule, before);
        rule_crew(rule, drop_pair, NULL);
        rule_drop_ring(rule->thread, &rule_type_legacy, 1);
        collect_generation(rule, g);
        read_stats(rule, after);
        for (int k = 0; k < ORR_GENERATIONS; k++) {
            const uint64_t share = k == g;
            RULE_EQUAL(after[k].collections, before[k].collections + share);
            RULE_EQUAL(after[k].collected,
                       before[k].collected + rule_found(rule, 2 * rule->threads * share));
            RULE_EQUAL(after[k].uncollectable, before[k].uncollectable + rule_found(rule, share));
            RULE_CHECK((after[k].candidates > before[k].candidates) ==
                       (rule_found(rule, share) == 1));
            RULE_CHECK((after[k].duration_ns > before[k].duration_ns) == (share == 1));
        }
        RULE_EQUAL(orr_gc_garbage_count(rule->heap), rule_found(rule, (uint64_t)g + 1));
    }
}

/* --- 11 --------------------------------------------------------------------------------------------- */

enum { DUE = 100, ENOUGH = 100 * DUE };

struct race {
    bool reads;
    uint64_t steps; /* of thread 0, until a collection came */
    _Atomic(uint32_t) is_over;
};

static void
read_everything(struct orr_thread *thread)
{
    uint64_t counts[ORR_GENERATIONS];
    struct orr_gc_stats stats;
    orr_gc_count(thread->heap, thread, counts);
    orr_gc_count(thread->heap, NULL, counts);
    orr_gc_stats(thread->heap, 0, &stats, NULL);
}

/* Thread 0 drops pairs until a collection starts by itself; the others read meanwhile. */
static void
wait_for_a_collection(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct race *const race = argument;
    /* relaxed, all: counters */
    if (index != 0) {
        while (race->reads && orr_load_relaxed(&race->is_over) == 0) {
            read_everything(thread);
            orr_poll(thread);
        }
        return;
    }
    while (race->steps < ENOUGH && orr_load_relaxed(&thread->heap->collections_done) == 0) {
        rule_drop_ring(thread, &rule_type_node, 2);
        if (race->reads)
            read_everything(thread);
        orr_poll(thread);
        race->steps++;
    }
    orr_store_relaxed(&race->is_over, 1);
}

RULE(11, "reading counts and statistics neither loses nor postpones a collection that is due")
{
    rule_needs_collector(rule);
    struct race quiet = {.reads = false}, noisy = {.reads = true};
    struct orr_heap_options options = rule_options(rule);
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = DUE};
    rule_reopen(rule, &options);
    rule_crew(rule, wait_for_a_collection, &quiet);
    RULE_CHECK(quiet.steps < ENOUGH);
    rule_reopen(rule, &options);
    rule_crew(rule, wait_for_a_collection, &noisy);
    RULE_CHECK(noisy.steps <= quiet.steps);
}

/* --- 12, 13 ----------------------------------------------------------------------------------------- */

static void
drop_many(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    for (uint32_t i = 0; i < 10 * DUE; i++) {
        rule_drop_ring(thread, &rule_type_node, 2);
        orr_poll(thread);
    }
}

static void
set_thresholds(struct rule *rule, uint64_t first, uint64_t second, uint64_t third)
{
    const uint64_t set[ORR_GENERATIONS] = {first, second, third};
    uint64_t got[ORR_GENERATIONS];
    orr_gc_threshold_set(rule->heap, set);
    orr_gc_threshold(rule->heap, got);
    for (int g = 0; g < ORR_GENERATIONS; g++)
        RULE_EQUAL(got[g], set[g]);
}

static uint64_t
collections(const struct rule *rule)
{
    return orr_load_relaxed(&rule->heap->collections_done); /* relaxed: nobody else runs */
}

RULE(12, "thresholds come back as they were set; with 0 in the first place nothing starts by "
         "itself, with another number it does")
{
    set_thresholds(rule, 0, 7, 9);
    rule_crew(rule, drop_many, NULL);
    RULE_EQUAL(collections(rule), 0);
    set_thresholds(rule, DUE, 5, 3);
    rule_crew(rule, drop_many, NULL);
    RULE_CHECK(!rule->collector->collect || collections(rule) > 0);
    const uint64_t before = collections(rule);
    set_thresholds(rule, 0, 5, 3);
    rule_crew(rule, drop_many, NULL);
    RULE_EQUAL(collections(rule), before);
}

struct switches {
    uint32_t debug;
    bool is_enabled;
};

static void
expect_switches(struct orr_thread *thread, uint32_t index, void *argument)
{
    const struct switches *const switches = argument;
    (void)index;
    RULE_EQUAL(orr_gc_debug(thread->heap), switches->debug);
    RULE_EQUAL(orr_gc_is_enabled(thread->heap), switches->is_enabled);
}

RULE(13, "whether collections start by themselves and what is debugged are set apart, and stay as "
         "they were set")
{
    static const uint32_t flags[] = {0,
                                     ORR_DEBUG_STATS,
                                     ORR_DEBUG_COLLECTABLE,
                                     ORR_DEBUG_UNCOLLECTABLE,
                                     ORR_DEBUG_SAVEALL,
                                     ORR_DEBUG_LEAK};
    for (size_t i = 0; i < 2 * (sizeof flags / sizeof flags[0]); i++) {
        struct switches switches = {.debug = flags[i / 2], .is_enabled = i % 2};
        orr_gc_debug_set(rule->heap, switches.debug);
        (switches.is_enabled ? orr_gc_enable : orr_gc_disable)(rule->heap);
        rule_collect(rule);
        expect_switches(rule->thread, 0, &switches);
        const struct switches saved = {orr_gc_debug(rule->heap), orr_gc_is_enabled(rule->heap)};
        orr_gc_debug_set(rule->heap, ORR_DEBUG_LEAK);
        (saved.is_enabled ? orr_gc_disable : orr_gc_enable)(rule->heap);
        (saved.is_enabled ? orr_gc_enable : orr_gc_disable)(rule->heap);
        orr_gc_debug_set(rule->heap, saved.debug);
        expect_switches(rule->thread, 0, &switches);
    }
    struct switches last = {.debug = ORR_DEBUG_LEAK, .is_enabled = true};
    rule_crew(rule, expect_switches, &last);
}

/* --- 14 --------------------------------------------------------------------------------------------- */

static _Atomic(uint32_t) depth, deepest;

static void
note_depth(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)thread;
    (void)context;
    /* relaxed, all: collections are one at a time, or this is what is wrong */
    if (event->phase == ORR_GC_STOP) {
        orr_sub_relaxed(&depth, 1);
        return;
    }
    const uint32_t now = orr_add_relaxed(&depth, 1) + 1;
    if (now > orr_load_relaxed(&deepest))
        orr_store_relaxed(&deepest, now);
}

static void
allocate_a_lot(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    for (uint32_t i = 0; i < 3 * DUE; i++) {
        rule_drop_ring(thread, &rule_type_node, 2);
        orr_poll(thread);
    }
}

static void
drop_allocating(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    for (uint32_t i = 0; i < 3; i++) {
        ORR_OWN(thread, loop, rule_new_ring(thread, &rule_type_loud, 1));
        rule_node_of(loop.ref)->last_words = allocate_a_lot;
    }
    orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    drop_many(thread, 0, NULL);
}

RULE(14, "a finalizer may allocate past the threshold: no collection starts inside another")
{
    rule_needs_collector(rule);
    struct orr_heap_options options = rule_options(rule);
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = DUE};
    options.verify = false; /* of many collections; once is enough, at the end */
    rule_reopen(rule, &options);
    orr_store_relaxed(&depth, 0); /* relaxed, both: nobody else runs */
    orr_store_relaxed(&deepest, 0);
    RULE_CHECK(orr_gc_callback_add(rule->heap, note_depth, NULL));
    rule_crew(rule, drop_allocating, NULL);
    rule_settle(rule);
    RULE_EQUAL(orr_load_relaxed(&depth), 0); /* relaxed, all: as above */
    RULE_EQUAL(orr_load_relaxed(&deepest), 1);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), 3 * rule->threads);
    RULE_EQUAL(rule_live(rule), 0);
}
