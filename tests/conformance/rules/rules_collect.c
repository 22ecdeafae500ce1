/* collect.c - rules 1 to 7: what a request to collect finds, returns and refuses. */
#include "tests/conformance/rules/rule.h"

#include <limits.h>

static void
drop_loop(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    rule_drop_ring(thread, &rule_type_node, 1);
}

RULE(1, "an object that refers to itself outlives its last outside reference; collecting finds it, "
        "and counts 1")
{
    rule_needs_collector(rule);
    rule_crew(rule, drop_loop, NULL);
    RULE_EQUAL(rule_live(rule), rule->threads);
    RULE_EQUAL(rule_collect(rule), rule->threads);
    RULE_EQUAL(rule_live(rule), 0);
}

/* An array that is filled at birth and never written again, and a node that refers back to it. */
static void
drop_fixed_pair(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, array, orr_new_array(thread, &rule_type_array, 1, 0));
    RULE_CHECK(array.ref);
    orr_retain(thread, node.ref);
    orr_init_slot(thread, array.ref, orr_element(array.ref, 0), node.ref);
    orr_set(thread, node.ref, 0, array.ref);
}

RULE(2, "a cycle of two counts 2, also when one of them never changes after its birth")
{
    rule_needs_collector(rule);
    rule_crew(rule, drop_fixed_pair, NULL);
    RULE_EQUAL(rule_live(rule), 2 * rule->threads);
    RULE_EQUAL(rule_collect(rule), 2 * rule->threads);
    RULE_EQUAL(rule_live(rule), 0);
}

/* One pair that dies, one loop that is kept for its legacy finalizer, one loop that comes back. */
static void
drop_three_kinds(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    rule_drop_ring(thread, &rule_type_node, 2);
    rule_drop_ring(thread, &rule_type_legacy, 1);
    ORR_OWN(thread, loop, rule_new_ring(thread, &rule_type_loud, 1));
    rule_node_of(loop.ref)->rescue = &rule->roots[index];
}

static void
break_garbage(struct orr_thread *thread)
{
    for (uint64_t i = 0; i < orr_gc_garbage_count(thread->heap); i++) {
        ORR_OWN(thread, object, orr_gc_garbage_get(thread, i));
        orr_set(thread, object.ref, 0, NULL);
    }
    orr_gc_garbage_clear(thread);
}

RULE(3, "a collection returns what it freed and what it could not free; what its finalizers "
        "brought back is in neither")
{
    rule_needs_collector(rule);
    struct orr_gc_result result;
    rule_crew(rule, drop_three_kinds, rule);
    RULE_EQUAL(orr_gc_collect(rule->thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.collected, 2 * rule->threads);
    RULE_EQUAL(result.uncollectable, rule->threads);
    RULE_EQUAL(result.unreachable, result.collected + result.uncollectable);
    RULE_EQUAL(rule_live(rule), 2 * rule->threads);
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(rule->thread, loop, rule_root_get(rule->thread, &rule->roots[i]));
        RULE_CHECK(loop.ref);
        rule_root_put(rule->thread, &rule->roots[i], NULL);
    }
    RULE_EQUAL(rule_collect(rule), rule->threads);
    break_garbage(rule->thread);
}

static void
drop_pair_keep_pair(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    rule_drop_ring(thread, &rule_type_node, 2);
    rule_root_put(thread, &rule->roots[index], rule_new_ring(thread, &rule_type_node, 2));
}

RULE(4, "a collection straight after another finds nothing")
{
    rule_crew(rule, drop_pair_keep_pair, rule);
    RULE_EQUAL(rule_collect(rule), rule_found(rule, 2 * rule->threads));
    RULE_EQUAL(rule_collect(rule), 0);
    RULE_EQUAL(rule_collect(rule), 0);
}

RULE(5, "collecting works while automatic collections are disabled; collecting if enabled then "
        "does nothing")
{
    struct orr_gc_result result;
    RULE_CHECK(orr_gc_is_enabled(rule->heap));
    orr_gc_disable(rule->heap);
    RULE_CHECK(!orr_gc_is_enabled(rule->heap));
    rule_crew(rule, drop_loop, NULL);
    memset(&result, 0xff, sizeof result);
    RULE_EQUAL(orr_gc_collect_if_enabled(rule->thread, ORR_GENERATION_OLDEST, &result, NULL),
               ORR_OK);
    RULE_EQUAL(result.number, 0);
    RULE_EQUAL(result.unreachable, 0);
    RULE_CHECK(!rule->collector->collect || rule_live(rule) == rule->threads);
    RULE_EQUAL(rule_collect(rule), rule_found(rule, rule->threads));
    RULE_CHECK(!orr_gc_is_enabled(rule->heap));

    orr_gc_enable(rule->heap);
    rule_crew(rule, drop_loop, NULL);
    RULE_EQUAL(orr_gc_collect_if_enabled(rule->thread, ORR_GENERATION_OLDEST, &result, NULL),
               ORR_OK);
    RULE_EQUAL(result.unreachable, rule_found(rule, rule->threads));
}

/* --- 6: requests while one runs --------------------------------------------------------------------- */

struct nested {
    struct rule *rule;
    _Atomic(uint32_t) inside; /* 1: the finalizer of thread 0 runs */
    _Atomic(uint32_t) tried;  /* requests answered meanwhile */
    _Atomic(uint32_t) all;    /* 1: all others have tried */
};

static struct nested *nested;

static void
try_to_collect(struct orr_thread *thread)
{
    struct orr_gc_result result;
    memset(&result, 0xff, sizeof result);
    RULE_EQUAL(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.number, 0);
    RULE_EQUAL(result.unreachable, 0);
    /* relaxed: a count */
    if (orr_add_relaxed(&nested->tried, 1) + 1 == nested->rule->threads)
        rule_announce(&nested->all);
}

static void
collect_in_finalizer(struct orr_thread *thread, struct orr_object *object)
{
    (void)object;
    rule_drop_ring(thread, &rule_type_node, 1);
    rule_announce(&nested->inside);
    try_to_collect(thread);
    rule_await(&nested->all, thread, true);
}

static void
collect_in_callback(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    struct orr_gc_result result;
    uint32_t *const calls = context;
    (void)event;
    RULE_EQUAL(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.number, 0);
    ++*calls;
}

static void
collect_meanwhile(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct orr_gc_result result;
    (void)argument;
    if (index != 0) {
        rule_await(&nested->inside, thread, true);
        try_to_collect(thread);
        return;
    }
    {
        ORR_OWN(thread, loop, rule_new_ring(thread, &rule_type_loud, 1));
        rule_node_of(loop.ref)->last_words = collect_in_finalizer;
    }
    RULE_EQUAL(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.unreachable, 1);
}

RULE(6, "a request while a collection runs, by a finalizer, a callback or another thread, does "
        "nothing, at once")
{
    struct nested state = {.rule = rule};
    uint32_t calls = 0;
    nested = &state;
    RULE_CHECK(orr_gc_callback_add(rule->heap, collect_in_callback, &calls));
    if (rule->collector->collect) {
        rule_crew(rule, collect_meanwhile, NULL);
        RULE_EQUAL(orr_load_relaxed(&state.tried), rule->threads); /* relaxed: all have gone */
    } else {
        rule_collect(rule); /* without finalizers there is nothing but the callbacks */
    }
    RULE_EQUAL(calls, 2);
    RULE_CHECK(orr_gc_callback_remove(rule->heap, collect_in_callback, &calls));
    RULE_EQUAL(rule_collect(rule), rule_found(rule, 1)); /* what the finalizer dropped */
}

/* --- 7 ---------------------------------------------------------------------------------------------- */

static void
expect_refusal(enum orr_status status, struct orr_error *error)
{
    RULE_EQUAL(status, ORR_BAD_INPUT);
    RULE_EQUAL(error->status, ORR_BAD_INPUT);
    RULE_CHECK(error->message[0]);
    *error = (struct orr_error){0};
}

static void
ask_for_no_generation(struct orr_thread *thread, uint32_t index, void *argument)
{
    static const int wrong[] = {-1, ORR_GENERATIONS, ORR_GENERATIONS + 1, INT_MAX, INT_MIN};
    struct orr_error error = {0};
    (void)index;
    (void)argument;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct orr_gc_stats stats;
        expect_refusal(orr_gc_collect(thread, wrong[i], NULL, &error), &error);
        expect_refusal(orr_gc_collect_if_enabled(thread, wrong[i], NULL, &error), &error);
        expect_refusal(orr_gc_collect_wait(thread, wrong[i], NULL, &error), &error);
        expect_refusal(orr_gc_stats(thread->heap, wrong[i], &stats, &error), &error);
        RULE_EQUAL(orr_gc_collect(thread, wrong[i], NULL, NULL), ORR_BAD_INPUT);
        if (wrong[i] == ORR_GENERATION_ANY)
            continue;
        struct orr_object **list = NULL;
        uint64_t count = 0;
        expect_refusal(orr_objects(thread, wrong[i], &list, &count, &error), &error);
    }
}

RULE(
    7,
    "a generation that does not exist is refused as bad input, below as above, and nothing happens")
{
    struct orr_gc_stats stats;
    rule_crew(rule, drop_loop, NULL);
    rule_crew(rule, ask_for_no_generation, NULL);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        RULE_EQUAL(orr_gc_stats(rule->heap, generation, &stats, NULL), ORR_OK);
        RULE_EQUAL(stats.collections, 0);
    }
    if (rule->collector->collect)
        RULE_EQUAL(rule_live(rule), rule->threads);
}
