/* rules_freeze.c - rules 27 and 28: the permanent set. */
#include "tests/conformance/rules/rule.h"

/* --- 27 --------------------------------------------------------------------------------------------- */

static void
keep_ring_drop_ring(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    rule_root_put(thread, &rule->roots[index], rule_new_ring(thread, &rule_type_node, 2));
    if (rule->collector->collect)
        rule_drop_ring(thread, &rule_type_loud, 2);
}

static void
expect_frozen(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    ORR_OWN(thread, first, rule_root_get(thread, &rule->roots[index]));
    ORR_OWN(thread, second, orr_get(thread, first.ref, 0));
    RULE_CHECK(orr_is_frozen(first.ref) && orr_is_frozen(second.ref));
    ORR_OWN(thread, later, rule_new(thread, &rule_type_node));
    RULE_CHECK(!orr_is_frozen(later.ref));
}

static void
expect_oldest(struct rule *rule)
{
    struct orr_object **list;
    uint64_t count;
    RULE_EQUAL(orr_objects(rule->thread, ORR_GENERATION_OLDEST, &list, &count, NULL), ORR_OK);
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(rule->thread, kept, rule_root_get(rule->thread, &rule->roots[i]));
        RULE_CHECK(!orr_is_frozen(kept.ref));
        RULE_EQUAL(rule_listed(list, count, kept.ref), 1);
    }
    orr_objects_free(rule->thread, list, count);
}

RULE(27, "freezing moves every reachable tracked object to the permanent set, and no garbage; "
         "unfreezing moves all to the oldest generation")
{
    struct orr_thread *const thread = rule->thread;
    RULE_EQUAL(orr_gc_freeze_count(thread), 0);
    rule_crew(rule, keep_ring_drop_ring, rule);
    RULE_CHECK(orr_gc_freeze(thread));
    RULE_EQUAL(orr_gc_freeze_count(thread), 2 * rule->threads);
    RULE_EQUAL(rule_live(rule), 2 * rule->threads);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), /* relaxed: all have gone */
               rule_found(rule, 2 * rule->threads));
    rule_crew(rule, expect_frozen, rule);
    RULE_EQUAL(rule_collect(rule),
               ORR_COUNTED ? 0 : rule->threads); /* what came later, and is gone */

    orr_gc_unfreeze(thread);
    RULE_EQUAL(orr_gc_freeze_count(thread), 0);
    expect_oldest(rule);
    for (uint32_t i = 0; i < rule->threads; i++)
        rule_root_put(thread, &rule->roots[i], NULL);
    RULE_EQUAL(rule_collect(rule), rule_found(rule, 2 * rule->threads));
}

/* --- 28 --------------------------------------------------------------------------------------------- */

static void
keep_rings(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    rule_root_put(thread, &rule->roots[index], rule_new_ring(thread, &rule_type_node, 2));
    rule_root_put(thread, &rule->roots[RULE_CREW + index],
                  rule_new_ring(thread, &rule_type_node, 2));
}

/* Garbage that refers to what is frozen and to an immortal; and a child that only the frozen ring holds. */
static void
hang_on(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    ORR_OWN(thread, frozen, rule_root_get(thread, &rule->roots[index]));
    ORR_OWN(thread, garbage, rule_new_ring(thread, &rule_type_node, 2));
    ORR_OWN(thread, other, orr_get(thread, garbage.ref, 0));
    ORR_OWN(thread, immortal, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, child, rule_new_ring(thread, &rule_type_node, 2));
    RULE_CHECK(orr_immortalise(thread, immortal.ref));
    orr_set(thread, garbage.ref, 1, frozen.ref);
    orr_set(thread, other.ref, 1, immortal.ref);
    rule_node_of(child.ref)->id = 28;
    orr_store(thread, frozen.ref, 1, child.ref);
}

RULE(28, "edges into frozen and immortal objects are not taken off, and what only they hold lives")
{
    rule_needs_collector(rule);
    struct orr_thread *const thread = rule->thread;
    rule_crew(rule, keep_rings, rule);
    RULE_CHECK(orr_gc_freeze(thread));
    rule_crew(rule, hang_on, rule);
    for (uint32_t i = 0; i < rule->threads; i++) /* these become garbage, but stay frozen */
        rule_root_put(thread, &rule->roots[RULE_CREW + i], NULL);
    RULE_EQUAL(rule_collect(rule), 2 * rule->threads);
    RULE_EQUAL(orr_gc_freeze_count(thread), 4 * rule->threads);
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(thread, frozen, rule_root_get(thread, &rule->roots[i]));
        ORR_OWN(thread, child, orr_load(thread, frozen.ref, 1));
        ORR_OWN(thread, next, orr_get(thread, child.ref, 0));
        RULE_EQUAL(rule_node_of(child.ref)->id, 28);
        RULE_CHECK(orr_peek(thread, next.ref, 0) == child.ref);
        RULE_CHECK(orr_is_frozen(frozen.ref) && !orr_is_frozen(child.ref));
    }
    RULE_EQUAL(rule_collect(rule), 0);
    orr_gc_unfreeze(thread);
    RULE_EQUAL(rule_collect(rule), 2 * rule->threads); /* what was dropped while it was frozen */
}
