/* rules_inspect.c - rules 23 to 26, 29 and 30: what is tracked, and what can be seen of a heap. */
#include "tests/conformance/rules/rule.h"

/* --- 23 --------------------------------------------------------------------------------------------- */

static void
expect_tracked(struct orr_thread *thread)
{
    ORR_OWN(thread, leaf, rule_new(thread, &rule_type_leaf));
    ORR_OWN(thread, loud_leaf, rule_new(thread, &rule_type_loud_leaf));
    ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, loud, rule_new(thread, &rule_type_loud));
    ORR_OWN(thread, array, orr_new_array(thread, &rule_type_array, 0, 0));
    RULE_CHECK(array.ref);
    orr_set(thread, node.ref, 0, leaf.ref);
    for (uint32_t i = 0; i < 2; i++) {
        RULE_CHECK(!orr_is_tracked(leaf.ref) && !orr_is_tracked(loud_leaf.ref));
        RULE_CHECK(orr_is_tracked(node.ref) && orr_is_tracked(loud.ref));
        RULE_CHECK(orr_is_tracked(array.ref));
        RULE_EQUAL(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    }
}

static void
expect_tracked_of_crew(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    expect_tracked(thread);
}

RULE(23, "objects whose type can be on no cycle are not tracked; all others are")
{
    rule_crew(rule, expect_tracked_of_crew, NULL);
}

/* --- 24 --------------------------------------------------------------------------------------------- */

/* An irregular type: two slots that its trace reports, behind two words that look like references to nothing. */
struct capsule {
    struct orr_object header;
    uint64_t words[2];
    struct orr_slot slots[2];
};

static void
trace_capsule(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct capsule *const capsule = (struct capsule *)object;
    visit(&capsule->slots[0], argument);
    visit(&capsule->slots[1], argument);
}

static uint16_t index_capsule;
static const struct orr_type type_capsule = {.name = "capsule",
                                             .bytes = sizeof(struct capsule),
                                             .trace = trace_capsule,
                                             .index = &index_capsule};

static void
expect_referents(struct orr_thread *thread, struct orr_object *object, uint64_t count,
                 const struct orr_object *a, uint64_t times_a, const struct orr_object *b,
                 uint64_t times_b)
{
    struct orr_object **list;
    uint64_t found;
    RULE_EQUAL(orr_referents(thread, object, &list, &found, NULL), ORR_OK);
    RULE_EQUAL(found, count);
    RULE_EQUAL(rule_listed(list, found, a), times_a);
    RULE_EQUAL(rule_listed(list, found, b), times_b);
    orr_objects_free(thread, list, found);
}

static void
ignore(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread;
    (void)weak;
    (void)argument;
}

static void
ask_for_referents(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    ORR_OWN(thread, a, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, b, rule_new(thread, &rule_type_leaf));
    ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
    expect_referents(thread, node.ref, 0, a.ref, 0, b.ref, 0);
    orr_set(thread, node.ref, 0, a.ref);
    orr_set(thread, node.ref, 1, a.ref);
    expect_referents(thread, node.ref, 2, a.ref, 2, b.ref, 0);
    orr_set(thread, node.ref, 1, b.ref);
    expect_referents(thread, node.ref, 2, a.ref, 1, b.ref, 1);

    ORR_OWN(thread, array, orr_new_array(thread, &rule_type_array, 5, 0));
    RULE_CHECK(array.ref);
    for (uint32_t i = 0; i < 4; i++)
        orr_set_slot(thread, array.ref, orr_element(array.ref, i), i < 3 ? a.ref : b.ref);
    expect_referents(thread, array.ref, 4, a.ref, 3, b.ref, 1);

    ORR_OWN(thread, capsule, rule_new(thread, &type_capsule));
    struct capsule *const inside = (struct capsule *)capsule.ref;
    memset(inside->words, 0xaa, sizeof inside->words);
    orr_set_slot(thread, capsule.ref, &inside->slots[1], b.ref);
    expect_referents(thread, capsule.ref, 1, a.ref, 0, b.ref, 1);

    /* What is not tracked shows nothing, though it has slots. */
    ORR_OWN(thread, green, rule_new(thread, &rule_type_leaf));
    orr_set(thread, green.ref, 0, b.ref);
    expect_referents(thread, green.ref, 0, a.ref, 0, b.ref, 0);

    /* A weak reference does not refer to what it knows, but to its context. */
    ORR_OWN(thread, weak, orr_weak_new(thread, node.ref, ignore, NULL, a.ref));
    RULE_CHECK(weak.ref);
    expect_referents(thread, weak.ref, 1, a.ref, 1, node.ref, 0);
}

RULE(24, "the referents of an object are the edges its type traces, each as often as it is there; "
         "of an untracked one, none")
{
    RULE_EQUAL(orr_type_register(&type_capsule, NULL), ORR_OK);
    rule_crew(rule, ask_for_referents, NULL);
}

/* --- 25 --------------------------------------------------------------------------------------------- */

/* The test's own copies of addresses: objects of this round that must not be seen any more. */
static _Atomic(uintptr_t) hidden[RULE_CREW][2];
static _Atomic(uint32_t) looked;

static void
expect_hidden(struct orr_object *const *list, uint64_t count, uint64_t index)
{
    for (uint32_t i = 0; i < 2; i++) /* relaxed: written by this thread, or before it began */
        RULE_EQUAL(
            rule_listed(list, count, (struct orr_object *)orr_load_relaxed(&hidden[index][i])), 0);
}

static void
look_around(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_object **list;
    uint64_t count;
    const uint64_t index = rule_node_of(object)->id;
    orr_add_relaxed(&looked, 1); /* relaxed: a count */
    RULE_EQUAL(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    expect_hidden(list, count, index);
    orr_objects_free(thread, list, count);
    RULE_EQUAL(orr_referrers(thread, object, &list, &count, NULL), ORR_OK);
    expect_hidden(list, count, index);
    orr_objects_free(thread, list, count);
}

static void
drop_looking_ring(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)argument;
    ORR_OWN(thread, first, rule_new_ring(thread, &rule_type_loud, 2));
    ORR_OWN(thread, second, orr_get(thread, first.ref, 0));
    struct orr_object *const both[2] = {first.ref, second.ref};
    for (uint32_t i = 0; i < 2; i++) {
        rule_node_of(both[i])->id = index;
        rule_node_of(both[i])->last_words = look_around;
        orr_store_relaxed(&hidden[index][i], (uintptr_t)both[i]); /* relaxed: see expect_hidden */
    }
}

static void
drop_looking_node(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)argument;
    ORR_OWN(thread, node, rule_new(thread, &rule_type_loud));
    rule_node_of(node.ref)->id = index;
    rule_node_of(node.ref)->last_words = look_around;
    for (uint32_t i = 0; i < 2; i++)
        orr_store_relaxed(&hidden[index][i], (uintptr_t)node.ref); /* relaxed: see expect_hidden */
}

RULE(25, "a list asked for by a finalizer never shows what is being buried, by a release or a "
         "collection, and disturbs nothing")
{
    orr_store_relaxed(&looked, 0); /* relaxed, all: nobody else runs */
    if (ORR_COUNTED) {
        rule_crew(rule, drop_looking_node, NULL);
        RULE_EQUAL(orr_load_relaxed(&looked), rule->threads);
        RULE_EQUAL(rule_live(rule), 0);
        orr_store_relaxed(&looked, 0);
    }
    if (!rule->collector->collect)
        return;
    rule_crew(rule, drop_looking_ring, NULL);
    RULE_EQUAL(rule_collect(rule), 2 * rule->threads);
    RULE_EQUAL(orr_load_relaxed(&looked), 2 * rule->threads);
    RULE_EQUAL(rule_live(rule), 0);
}

/* --- 26 --------------------------------------------------------------------------------------------- */

static void
keep_mixture(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    ORR_OWN(thread, ring, rule_new_ring(thread, &rule_type_node, 3));
    ORR_OWN(thread, leaf, rule_new(thread, &rule_type_leaf));
    orr_set(thread, ring.ref, 1, leaf.ref);
    rule_root_put(thread, &rule->roots[index], orr_take(&ring));
}

static uint64_t
allocated(struct rule *rule)
{
    struct orr_heap_totals totals;
    orr_heap_totals(rule->heap, &totals);
    return totals.allocated;
}

RULE(26, "the list of all objects holds each tracked one once, is the sum of the generations, and "
         "is itself no object")
{
    struct orr_thread *const thread = rule->thread;
    struct orr_object **list, **again;
    uint64_t count, count_again, sum = 0;
    rule_crew(rule, keep_mixture, rule);
    const uint64_t before = allocated(rule);
    RULE_EQUAL(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    RULE_EQUAL(count, 3 * rule->threads);
    RULE_EQUAL(orr_objects(thread, ORR_GENERATION_ANY, &again, &count_again, NULL), ORR_OK);
    RULE_EQUAL(count_again, count);
    for (uint64_t i = 0; i < count; i++) {
        RULE_CHECK(orr_is_tracked(list[i]));
        RULE_EQUAL(rule_listed(list, count, list[i]), 1);
        RULE_EQUAL(rule_listed(again, count, list[i]), 1);
    }
    orr_objects_free(thread, again, count_again);
    for (int g = 0; g < ORR_GENERATIONS; g++) {
        RULE_EQUAL(orr_objects(thread, g, &again, &count_again, NULL), ORR_OK);
        for (uint64_t i = 0; i < count_again; i++)
            RULE_EQUAL(rule_listed(list, count, again[i]), 1);
        orr_objects_free(thread, again, count_again);
        sum += count_again;
    }
    RULE_EQUAL(sum, rule->collector->generational ? count : ORR_GENERATIONS * count);
    orr_objects_free(thread, list, count);
    RULE_EQUAL(allocated(rule), before);
}

/* --- 29 --------------------------------------------------------------------------------------------- */

struct visit {
    struct orr_heap *heap;
    uint64_t objects, frozen, untracked, most;
    bool was_running;
};

static bool
count_visit(struct orr_object *object, void *argument)
{
    struct visit *const visit = argument;
    visit->objects++;
    visit->frozen += orr_is_frozen(object);
    visit->untracked += !orr_is_tracked(object);
    visit->was_running |= !orr_world_is_stopped(visit->heap);
    return visit->objects < visit->most;
}

static void
visit_and_count(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    struct visit visit = {.heap = rule->heap, .most = UINT64_MAX};
    (void)index;
    RULE_EQUAL(orr_visit_all(thread, count_visit, &visit, NULL), ORR_OK);
    RULE_EQUAL(visit.objects, 4 * rule->threads);
    RULE_EQUAL(visit.frozen, 3 * rule->threads);
    RULE_EQUAL(visit.untracked, rule->threads);
    RULE_CHECK(!visit.was_running);
    visit = (struct visit){.heap = rule->heap, .most = 2};
    RULE_EQUAL(orr_visit_all(thread, count_visit, &visit, NULL), ORR_OK);
    RULE_EQUAL(visit.objects, 2);
}

RULE(29, "a visit of the heap stops the world, and shows frozen and untracked objects too")
{
    rule_crew(rule, keep_mixture, rule);
    RULE_CHECK(orr_gc_freeze(rule->thread));
    rule_crew(rule, visit_and_count, rule);
    orr_gc_unfreeze(rule->thread);
}

/* --- 30 --------------------------------------------------------------------------------------------- */

static void
drop_and_rescue(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct rule *const rule = argument;
    ORR_OWN(thread, ring, rule_new_ring(thread, &rule_type_loud, 2));
    rule_node_of(ring.ref)->rescue = &rule->roots[index];
    RULE_CHECK(!orr_is_finalized(ring.ref));
    if (!ORR_COUNTED)
        return;
    ORR_OWN(thread, single, rule_new(thread, &rule_type_loud));
    rule_node_of(single.ref)->rescue = &rule->roots[RULE_CREW + index];
    RULE_CHECK(!orr_is_finalized(single.ref));
}

static void
expect_finalized(struct rule *rule, uint32_t from)
{
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(rule->thread, back, rule_root_get(rule->thread, &rule->roots[from + i]));
        RULE_CHECK(back.ref && orr_is_finalized(back.ref));
        rule_root_put(rule->thread, &rule->roots[from + i], NULL);
        RULE_CHECK(orr_is_finalized(back.ref));
    }
}

static void
expect_never_finalized(struct rule *rule)
{
    struct orr_thread *const thread = rule->thread;
    ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, leaf, rule_new(thread, &rule_type_loud_leaf));
    rule_node_of(leaf.ref)->rescue = &rule->roots[0];
    orr_own_set(&leaf, NULL);
    rule_settle(rule);
    ORR_OWN(thread, back, rule_root_get(thread, &rule->roots[0]));
    RULE_CHECK(back.ref);
    rule_node_of(back.ref)->rescue = NULL;
    rule_root_put(thread, &rule->roots[0], NULL);
    RULE_CHECK(!orr_is_finalized(back.ref) && !orr_is_finalized(node.ref));
}

RULE(30, "an object is finalized once its finalizer has run, also when it came back; never one of "
         "a type without, or untracked")
{
    rule_crew(rule, drop_and_rescue, rule);
    if (ORR_COUNTED)
        expect_finalized(rule, RULE_CREW);
    if (rule->collector->collect) {
        RULE_EQUAL(rule_collect(rule), 0);
        expect_finalized(rule, 0);
    }
    expect_never_finalized(rule);
}
