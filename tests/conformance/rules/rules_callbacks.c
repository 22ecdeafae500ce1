/* rules_callbacks.c - rules 15 to 17: what is called at the start and the end of a collection. */
#include "tests/conformance/rules/rule.h"

/* --- 15, 16 ----------------------------------------------------------------------------------------- */

enum { NOTES = 4 * RULE_CREW };

struct note {
    uint32_t callback;
    struct orr_gc_event event;
};

static struct note notes[NOTES];
static _Atomic(uint32_t) noted;

static void
note_event(const struct orr_gc_event *event, uint32_t callback)
{
    /* relaxed: collections follow one another */
    const uint32_t at = orr_add_relaxed(&noted, 1);
    RULE_CHECK(at < NOTES);
    notes[at] = (struct note){callback, *event};
}

static void
note_first(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)thread;
    RULE_CHECK(context == &notes[0]);
    note_event(event, 0);
}

static void
note_second(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)thread;
    RULE_CHECK(context == &notes[1]);
    note_event(event, 1);
}

static void
listen(struct rule *rule)
{
    orr_store_relaxed(&noted, 0); /* relaxed: nobody else runs */
    RULE_CHECK(orr_gc_callback_add(rule->heap, note_first, &notes[0]));
    RULE_CHECK(orr_gc_callback_add(rule->heap, note_second, &notes[1]));
}

static void
listen_no_more(struct rule *rule)
{
    RULE_CHECK(orr_gc_callback_remove(rule->heap, note_first, &notes[0]));
    RULE_CHECK(!orr_gc_callback_remove(rule->heap, note_first, &notes[0]));
    RULE_CHECK(orr_gc_callback_remove(rule->heap, note_second, &notes[1]));
}

/* First and second at the start, first and second at the end; again for each run. */
static void
expect_runs(uint32_t runs)
{
    RULE_EQUAL(orr_load_relaxed(&noted), 4 * runs); /* relaxed: nobody else runs */
    for (uint32_t i = 0; i < 4 * runs; i++) {
        RULE_EQUAL(notes[i].callback, i % 2);
        RULE_EQUAL(notes[i].event.phase, i % 4 < 2 ? ORR_GC_START : ORR_GC_STOP);
        RULE_EQUAL(notes[i].event.generation, notes[i / 4 * 4].event.generation);
    }
}

struct requests {
    _Atomic(uint32_t) runs, of[ORR_GENERATIONS];
};

static void
request(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct requests *const requests = argument;
    const int generation = (int)(index % ORR_GENERATIONS);
    struct orr_gc_result result;
    rule_drop_ring(thread, &rule_type_node, 1);
    RULE_EQUAL(orr_gc_collect(thread, generation, &result, NULL), ORR_OK);
    if (result.number == 0)
        return;                          /* another one ran */
    orr_add_relaxed(&requests->runs, 1); /* relaxed, both: counts */
    orr_add_relaxed(&requests->of[generation], 1);
}

RULE(15, "each callback is called at the start and at the end of each collection, in the order of "
         "registration, with the generation asked for")
{
    struct requests requests = {0};
    listen(rule);
    rule_crew(rule, request, &requests);
    const uint32_t runs = orr_load_relaxed(&requests.runs); /* relaxed: all have gone */
    RULE_CHECK(runs >= 1);
    expect_runs(runs);
    for (int g = 0; g < ORR_GENERATIONS; g++) {
        uint32_t times = 0;
        for (uint32_t i = 0; i < 4 * runs; i++)
            times += notes[i].event.generation == g;
        RULE_EQUAL(times, 4 * orr_load_relaxed(&requests.of[g])); /* relaxed: as above */
    }
    orr_store_relaxed(&noted, 0); /* relaxed: as above */
    for (int g = 0; g < ORR_GENERATIONS; g++)
        RULE_EQUAL(orr_gc_collect(rule->thread, g, NULL, NULL), ORR_OK);
    expect_runs(ORR_GENERATIONS);
    for (int g = 0; g < ORR_GENERATIONS; g++)
        RULE_EQUAL(notes[4 * g].event.generation, g);
    listen_no_more(rule);
    rule_collect(rule);
    expect_runs(ORR_GENERATIONS);
}

static void
drop_mixed(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    rule_drop_ring(thread, &rule_type_loud, 3);
    rule_drop_ring(thread, &rule_type_legacy, 1);
}

RULE(16, "a callback is told zeros at the start, and the final numbers at the end")
{
    struct orr_gc_result result;
    rule_crew(rule, drop_mixed, NULL);
    listen(rule);
    RULE_EQUAL(orr_gc_collect(rule->thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    expect_runs(1);
    for (uint32_t i = 0; i < 4; i++) {
        RULE_EQUAL(notes[i].event.collected, i < 2 ? 0 : rule_found(rule, 3 * rule->threads));
        RULE_EQUAL(notes[i].event.uncollectable, i < 2 ? 0 : rule_found(rule, rule->threads));
    }
    RULE_EQUAL(result.collected, rule_found(rule, 3 * rule->threads));
    RULE_EQUAL(result.uncollectable, rule_found(rule, rule->threads));
    listen_no_more(rule);
    orr_gc_garbage_clear(rule->thread);
}

/* --- 17 --------------------------------------------------------------------------------------------- */

/* At the end: throws away what the collection put on the list, and puts something else there. */
static void
replace_garbage(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    if (event->phase == ORR_GC_START)
        return;
    struct orr_root *const substitute = context;
    RULE_EQUAL(orr_gc_garbage_count(thread->heap), event->collected);
    while (orr_gc_garbage_count(thread->heap) > 0)
        RULE_CHECK(orr_gc_garbage_remove(thread, 0));
    RULE_CHECK(!orr_gc_garbage_remove(thread, 0));
    ORR_OWN(thread, object, rule_root_get(thread, substitute));
    RULE_CHECK(orr_gc_garbage_append(thread, object.ref));
}

static void
raise_an_error(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)context;
    RULE_CHECK(!orr_raised(thread));
    orr_raise(thread, ORR_BAD_INPUT, "a callback stumbled at the %s",
              event->phase == ORR_GC_START ? "start" : "end");
}

static void
drop_pair(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    rule_drop_ring(thread, &rule_type_node, 2);
}

RULE(17, "a callback may edit the garbage list at the end of a collection, and it stays so; its "
         "errors go to the error sink")
{
    struct orr_thread *const thread = rule->thread;
    rule_root_put(thread, &rule->roots[0], rule_new(thread, &rule_type_node));
    orr_gc_debug_set(rule->heap, ORR_DEBUG_SAVEALL);
    RULE_CHECK(orr_gc_callback_add(rule->heap, raise_an_error, NULL));
    RULE_CHECK(orr_gc_callback_add(rule->heap, replace_garbage, &rule->roots[0]));
    orr_raise(thread, ORR_OUT_OF_MEMORY, "the caller's own");
    rule_crew(rule, drop_pair, NULL);
    RULE_EQUAL(rule_collect(rule), rule_found(rule, 2 * rule->threads));

    RULE_EQUAL(orr_gc_garbage_count(rule->heap), 1);
    {
        ORR_OWN(thread, listed, orr_gc_garbage_get(thread, 0));
        ORR_OWN(thread, kept, rule_root_get(thread, &rule->roots[0]));
        RULE_CHECK(listed.ref == kept.ref);
    }
    RULE_EQUAL(rule->failed.count, 2);
    RULE_CHECK(strcmp(rule->failed.text, "a callback stumbled at the end") == 0);
    RULE_CHECK(rule->failed.where[0]);
    RULE_CHECK(orr_raised(thread) && orr_raised(thread)->status == ORR_OUT_OF_MEMORY);
    orr_raise_clear(thread);

    RULE_CHECK(orr_gc_callback_remove(rule->heap, raise_an_error, NULL));
    RULE_CHECK(orr_gc_callback_remove(rule->heap, replace_garbage, &rule->roots[0]));
    orr_gc_debug_set(rule->heap, 0);
    orr_gc_garbage_clear(thread);
    RULE_EQUAL(rule_collect(rule),
               rule_found(rule, 2 * rule->threads)); /* saved, and garbage still */
    RULE_EQUAL(rule_live(rule), 1 + 2 * rule->threads - rule_found(rule, 2 * rule->threads));
}
