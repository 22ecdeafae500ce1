/* rules_maps.c - rules 59 to 61: maps that hold keys or values weakly, and the registry of finalizers. */
#include "tests/conformance/rules/scene.h"

/* --- 59 --------------------------------------------------------------------------------------------- */

enum { KEYS = 24, STEPS = UNDER_SANITIZER ? 40 : 300, MOST = KEYS * RULE_CREW };

struct atlas {
    struct rule *rule;
    struct orr_root values, keys; /* maps that all use at once */
};

static struct orr_object *
new_named(struct orr_thread *thread, uint64_t id)
{
    struct orr_object *const object = rule_new(thread, &rule_type_node);
    rule_node_of(object)->id = id;
    return object;
}

/* Walks the map; seen[k] tells how often the entry of number k was shown. Returns how many were. */
static uint32_t
walk(struct orr_thread *thread, struct orr_object *map, bool has_keys, uint8_t seen[MOST])
{
    uint64_t cursor = 0, number = 0;
    uint32_t count = 0;
    struct orr_object *key, *value;
    memset(seen, 0, MOST);
    while (orr_weak_map_next(thread, map, &cursor, &key, &number, &value)) {
        ORR_OWN(thread, held_key, key);
        ORR_OWN(thread, held, value);
        RULE_CHECK(held.ref && (held_key.ref != NULL) == has_keys);
        if (has_keys)
            number = rule_node_of(held_key.ref)->id;
        RULE_CHECK(number < MOST);
        RULE_EQUAL(rule_node_of(held.ref)->id, number);
        seen[number]++;
        count++;
        orr_poll(thread);
    }
    return count;
}

static void
expect_once(const uint8_t seen[MOST], const struct orr_array *held, uint32_t first)
{
    for (uint32_t i = 0; i < MOST; i++)
        RULE_CHECK(seen[i] <= 1);
    for (uint32_t i = 0; i < KEYS; i++)
        if (orr_slot_peek(&held->elements[i]))
            RULE_EQUAL(seen[first + i], 1);
}

/* Gives one of the thread's own entries another object, or ends it: by hand, or by the object's death. */
static void
change_one(struct orr_thread *thread, struct orr_object *values, struct orr_object *keys,
           struct orr_object *held, uint32_t first, uint32_t step)
{
    const uint32_t i = step * 7 % KEYS;
    struct orr_slot *const slot = orr_element(held, i);
    ORR_OWN(thread, old, orr_get_slot(thread, slot));
    if (step % 3 == 0 && old.ref) {
        RULE_CHECK(orr_weak_values_remove(thread, values, first + i));
        RULE_CHECK(!orr_weak_values_remove(thread, values, first + i));
        RULE_CHECK(orr_weak_keys_remove(thread, keys, old.ref));
        RULE_CHECK(!orr_weak_keys_remove(thread, keys, old.ref));
    }
    orr_set_slot(thread, held, slot, NULL);
    if (step % 3 == 1) {
        ORR_OWN(thread, fresh, new_named(thread, first + i));
        ORR_OWN(thread, note, new_named(thread, first + i));
        RULE_CHECK(orr_weak_values_set(thread, values, first + i, fresh.ref));
        RULE_CHECK(orr_weak_keys_set(thread, keys, fresh.ref, note.ref));
        orr_set_slot(thread, held, slot, fresh.ref);
    }
}

static void
use_maps(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct atlas *const atlas = argument;
    const uint32_t first = index * KEYS;
    uint8_t seen[MOST];
    ORR_OWN(thread, values, rule_root_get(thread, &atlas->values));
    ORR_OWN(thread, keys, rule_root_get(thread, &atlas->keys));
    ORR_OWN(thread, held, orr_new_array(thread, &rule_type_array, KEYS, 0));
    RULE_CHECK(held.ref);
    const struct orr_array *const array = (const struct orr_array *)held.ref;
    for (uint32_t step = 0; step < STEPS; step++) {
        change_one(thread, values.ref, keys.ref, held.ref, first, step);
        RULE_CHECK(orr_weak_values_size(thread, values.ref) <= atlas->rule->threads * KEYS);
        for (uint32_t i = 0; i < KEYS; i++) {
            struct orr_object *const own = orr_slot_peek(&array->elements[i]);
            ORR_OWN(thread, value, orr_weak_values_get(thread, values.ref, first + i));
            if (own)
                RULE_CHECK(value.ref == own);
            else if (ORR_COUNTED)
                RULE_CHECK(!value.ref || atlas->rule->threads > 1); /* a walker may still hold it */
        }
        if (step % 8 != index)
            continue;
        walk(thread, values.ref, false, seen);
        expect_once(seen, array, first);
        walk(thread, keys.ref, true, seen);
        for (uint32_t i = 0; i < KEYS; i++)
            if (orr_slot_peek(&array->elements[i]))
                RULE_CHECK(seen[first + i] >= 1); /* an older object of that id may still live */
        if (index == 0)
            orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    }
}

/* Entries are removed, one by one, from under a walk; those that stay are shown. */
static void
remove_on_the_way(struct orr_thread *thread, uint32_t index, void *argument)
{
    ORR_OWN(thread, map, orr_weak_values_new(thread));
    ORR_OWN(thread, held, orr_new_array(thread, &rule_type_array, KEYS, 0));
    uint64_t cursor = 0, number;
    uint32_t shown = 0;
    struct orr_object *key, *value;
    (void)index, (void)argument;
    RULE_CHECK(map.ref && held.ref);
    for (uint32_t i = 0; i < KEYS; i++) {
        orr_give_slot(thread, held.ref, orr_element(held.ref, i), new_named(thread, i));
        RULE_CHECK(
            orr_weak_values_set(thread, map.ref, i, orr_slot_peek(orr_element(held.ref, i))));
        RULE_EQUAL(orr_weak_values_size(thread, map.ref), i + 1);
    }
    while (orr_weak_map_next(thread, map.ref, &cursor, &key, &number, &value)) {
        ORR_OWN(thread, shown_value, value);
        shown++;
        RULE_CHECK(!key);
        RULE_CHECK(orr_weak_values_remove(thread, map.ref, number));
        orr_set_slot(thread, held.ref, orr_element(held.ref, (uint32_t)number), NULL);
    }
    RULE_EQUAL(shown, KEYS);
    RULE_EQUAL(orr_weak_values_size(thread, map.ref), 0);
}

/* No entry outlives its object, and no look at it brings that back. */
static void
outlive(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    uint8_t seen[MOST];
    (void)index, (void)argument;
    {
        ORR_OWN(thread, values, orr_weak_values_new(thread));
        ORR_OWN(thread, keys, orr_weak_keys_new(thread));
        {
            ORR_OWN(thread, object, actor_new(thread, scene, &actor_type, 0));
            ORR_OWN(thread, note, actor_new(thread, scene, &actor_type, 1));
            RULE_CHECK(orr_weak_values_set(thread, values.ref, 5, object.ref));
            RULE_CHECK(orr_weak_keys_set(thread, keys.ref, object.ref, note.ref));
            orr_own_set(&note, NULL);
            scene_let_die(thread);
            RULE_EQUAL(scene_count(scene, FINALIZED), 0); /* the note lives with its key */
            orr_own_set(&note, orr_weak_keys_get(thread, keys.ref, object.ref));
            RULE_CHECK(note.ref == &scene->cast[1]->header);
        }
        scene_let_die(thread);
        RULE_EQUAL(scene_count(scene, DESTROYED), 2);
        RULE_EQUAL(orr_weak_values_size(thread, values.ref), 0);
        RULE_EQUAL(orr_weak_keys_size(thread, keys.ref), 0);
        ORR_OWN(thread, gone, orr_weak_values_get(thread, values.ref, 5));
        RULE_CHECK(!gone.ref);
        RULE_EQUAL(walk(thread, values.ref, false, seen), 0);
        RULE_EQUAL(walk(thread, keys.ref, true, seen), 0);
        if (thread->heap->collector->collect) { /* a note that refers to its key does not keep it */
            {
                ORR_OWN(thread, key, actor_new(thread, scene, &actor_type, 2));
                ORR_OWN(thread, note, actor_new(thread, scene, &actor_type, 3));
                orr_set(thread, note.ref, 0, key.ref);
                RULE_CHECK(orr_weak_keys_set(thread, keys.ref, key.ref, note.ref));
            }
            scene_sweep(thread);
            RULE_EQUAL(scene_count(scene, DESTROYED), 4);
            RULE_EQUAL(orr_weak_keys_size(thread, keys.ref), 0);
        }
    }
    scene_close(thread, scene);
}

RULE(59,
     "weak maps show what was put in and lives, each once, whatever others do to them meanwhile")
{
    struct atlas atlas = {.rule = rule};
    orr_root_add(rule->heap, &atlas.values);
    orr_root_add(rule->heap, &atlas.keys);
    rule_root_put(rule->thread, &atlas.values, orr_weak_values_new(rule->thread));
    rule_root_put(rule->thread, &atlas.keys, orr_weak_keys_new(rule->thread));
    rule_crew(rule, remove_on_the_way, NULL);
    rule_crew(rule, outlive, NULL);
    rule_crew(rule, use_maps, &atlas);
    rule_settle(rule);
    {
        ORR_OWN(rule->thread, values, rule_root_get(rule->thread, &atlas.values));
        ORR_OWN(rule->thread, keys, rule_root_get(rule->thread, &atlas.keys));
        RULE_EQUAL(orr_weak_values_size(rule->thread, values.ref), 0);
        RULE_EQUAL(orr_weak_keys_size(rule->thread, keys.ref), 0);
    }
    rule_root_put(rule->thread, &atlas.values, NULL);
    rule_root_put(rule->thread, &atlas.keys, NULL);
    orr_root_remove(rule->heap, &atlas.values);
    orr_root_remove(rule->heap, &atlas.keys);
    rule_settle(rule);
    RULE_EQUAL(rule_live(rule), 0);
}

/* --- 60 --------------------------------------------------------------------------------------------- */

enum { REPLACEMENTS = UNDER_SANITIZER ? 60 : 600 };

struct replacing {
    struct orr_root map, handed; /* a value that somebody else is to drop */
};

/* Each has a key of its own, whose old value somebody else may drop at any time. */
static void
replace_values(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct replacing *const replacing = argument;
    ORR_OWN(thread, map, rule_root_get(thread, &replacing->map));
    ORR_OWN(thread, present, NULL);
    for (uint32_t i = 0; i < REPLACEMENTS; i++) {
        ORR_OWN(thread, fresh, new_named(thread, index));
        if (i % 3 == 0 && thread->heap->collector->collect)
            orr_set(thread, fresh.ref, 0, fresh.ref); /* dies in a collection */
        RULE_CHECK(orr_weak_values_set(thread, map.ref, index, fresh.ref));
        rule_root_put(thread, &replacing->handed, orr_take(&present)); /* drops another's */
        orr_own_set(&present, orr_take(&fresh));
        if (i % 20 == 0 && index == 0)
            orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
        ORR_OWN(thread, found, orr_weak_values_get(thread, map.ref, index));
        RULE_CHECK(found.ref == present.ref);
    }
}

RULE(60, "the death of an old value under a key leaves the new value there")
{
    struct orr_thread *const thread = rule->thread;
    struct replacing replacing = {0};
    orr_root_add(rule->heap, &replacing.map);
    orr_root_add(rule->heap, &replacing.handed);
    rule_root_put(thread, &replacing.map, orr_weak_values_new(thread));
    {
        ORR_OWN(thread, map, rule_root_get(thread, &replacing.map));
        ORR_OWN(thread, new, new_named(thread, 99));
        {
            ORR_OWN(thread, old, new_named(thread, 99));
            RULE_CHECK(orr_weak_values_set(thread, map.ref, 99, old.ref));
            RULE_CHECK(orr_weak_values_set(thread, map.ref, 99, new.ref));
        }
        scene_let_die(thread);
        ORR_OWN(thread, found, orr_weak_values_get(thread, map.ref, 99));
        RULE_CHECK(found.ref == new.ref);
        RULE_EQUAL(orr_weak_values_size(thread, map.ref), 1);
    }
    rule_crew(rule, replace_values, &replacing);
    rule_root_put(thread, &replacing.handed, NULL);
    rule_settle(rule);
    {
        ORR_OWN(thread, map, rule_root_get(thread, &replacing.map));
        RULE_EQUAL(orr_weak_values_size(thread, map.ref), 0);
    }
    rule_root_put(thread, &replacing.map, NULL);
    orr_root_remove(rule->heap, &replacing.map);
    orr_root_remove(rule->heap, &replacing.handed);
}

/* --- 61 --------------------------------------------------------------------------------------------- */

enum { AT_EXIT = 5 };

struct note {
    _Atomic(uint32_t) *clock; /* of all notes */
    _Atomic(uint32_t) times, when;
};

struct notebook {
    _Atomic(uint32_t) clock;
    struct note at_exit[RULE_CREW][AT_EXIT];
    struct orr_root kept[RULE_CREW];
};

static void
write_note(struct orr_thread *thread, void *argument)
{
    struct note *const note = argument;
    orr_add_relaxed(&note->times, 1); /* relaxed: a count */
    orr_store_relaxed(&note->when, orr_add_acq_rel(note->clock, 1));
    RULE_CHECK(!orr_raised(thread));
    orr_raise(thread, ORR_BAD_INPUT, "a function of a test says no");
}

static uint32_t
times(struct note *note)
{
    return orr_load_acquire(&note->times);
}

static uint32_t
when(struct note *note)
{
    return orr_load_acquire(&note->when);
}

/* The entry's life ends in each of the ways. */
enum ending { BY_DEATH, BY_CYCLE, BY_CALL, BY_DETACHING, BY_FORGETTING, ENDINGS };

static void
end_entry(struct orr_thread *thread, enum ending ending)
{
    _Atomic(uint32_t) clock = 0;
    struct note note = {.clock = &clock};
    struct orr_finalize *entry;
    const bool is_called = ending <= BY_CALL;
    {
        ORR_OWN(thread, object, rule_new(thread, &rule_type_node));
        entry = orr_finalize_add(thread, object.ref, write_note, &note);
        RULE_CHECK(entry && orr_finalize_is_alive(entry));
        if (ending == BY_CYCLE)
            orr_set(thread, object.ref, 0, object.ref);
        if (ending == BY_CALL) {
            RULE_CHECK(orr_finalize_call(thread, entry));
            RULE_EQUAL(times(&note), 1);
            RULE_CHECK(!orr_finalize_call(thread, entry));
            RULE_CHECK(!orr_finalize_detach(thread, entry));
        }
        if (ending == BY_DETACHING) {
            RULE_CHECK(orr_finalize_detach(thread, entry));
            RULE_CHECK(!orr_finalize_detach(thread, entry));
            RULE_CHECK(!orr_finalize_call(thread, entry));
        }
        if (ending == BY_FORGETTING)
            orr_finalize_forget(thread, entry);
        else
            RULE_EQUAL(orr_finalize_is_alive(entry), ending <= BY_CYCLE);
    }
    if (ending == BY_CYCLE)
        scene_sweep(thread);
    else
        scene_let_die(thread);
    RULE_EQUAL(times(&note), is_called);
    if (ending == BY_FORGETTING)
        return;
    RULE_CHECK(!orr_finalize_is_alive(entry));
    RULE_CHECK(!orr_finalize_call(thread, entry));
    orr_finalize_forget(thread, entry);
    RULE_EQUAL(times(&note), is_called);
}

static void
use_registry(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct notebook *const notebook = argument;
    for (uint32_t ending = 0; ending < ENDINGS; ending++)
        if (ending != BY_CYCLE || thread->heap->collector->collect)
            end_entry(thread, (enum ending)ending);
    rule_root_put(thread, &notebook->kept[index], rule_new(thread, &rule_type_node));
    ORR_OWN(thread, kept, rule_root_get(thread, &notebook->kept[index]));
    for (uint32_t i = 0; i < AT_EXIT; i++) {
        struct note *const note = &notebook->at_exit[index][i];
        note->clock = &notebook->clock;
        struct orr_finalize *const entry = orr_finalize_add(thread, kept.ref, write_note, note);
        RULE_CHECK(entry);
        if (i == 1)
            orr_finalize_at_exit(entry, false);
    }
}

RULE(61, "a registered function runs once: on death, on call, or at the end, the newest first")
{
    static struct notebook notebook;
    struct orr_leaks leaks;
    memset(&notebook, 0, sizeof notebook);
    for (uint32_t i = 0; i < rule->threads; i++)
        orr_root_add(rule->heap, &notebook.kept[i]);
    rule_crew(rule, use_registry, &notebook);
    const uint32_t failed = rule->failed.count;
    RULE_EQUAL(failed, rule->threads * (rule->collector->collect ? 3 : 2));
    RULE_EQUAL(orr_heap_finish(rule->thread, &leaks), ORR_OK);
    RULE_EQUAL(leaks.finalizers_run, rule->threads * (AT_EXIT - 1));
    orr_leaks_free(&leaks);
    RULE_EQUAL(rule->failed.count, failed + rule->threads * (AT_EXIT - 1));
    for (uint32_t index = 0; index < rule->threads; index++) {
        struct note *const notes = notebook.at_exit[index];
        for (uint32_t i = 0; i < AT_EXIT; i++)
            RULE_EQUAL(times(&notes[i]), i != 1);
        RULE_CHECK(when(&notes[4]) < when(&notes[3]) && when(&notes[3]) < when(&notes[2]) &&
                   when(&notes[2]) < when(&notes[0]));
        rule_root_put(rule->thread, &notebook.kept[index], NULL);
        orr_root_remove(rule->heap, &notebook.kept[index]);
    }
}
