/* scenes_ends.c - what hears of deaths: weak references and maps, finalizers, collections of cycles. */
#include "tests/failing/stage.h"

/* --- weak references -------------------------------------------------------------------------------- */

static void
be_called(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)argument;
    orr_add_relaxed(&stage.called, 1); /* relaxed, all: read when all is over */
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    if (referent.ref)
        complain("a weak reference that was called leads somewhere");
}

enum { REFERENTS = 70 }; /* more than the table's first buckets */

/* A weak reference to member i, with a callback or without, in the same place of the array. */
static bool
refer_weakly(struct orr_object *crowd, struct orr_object *weaks, uint32_t i)
{
    struct orr_thread *const thread = stage.thread;
    ORR_OWN(thread, member, orr_load_slot(thread, orr_element(crowd, i)));
    struct orr_object *weak =
        orr_weak_new(thread, member.ref, i % 2 ? be_called : NULL, NULL, i % 4 ? NULL : crowd);
    if (!stage_given(weak != NULL))
        return false;
    orr_give_slot(thread, weaks, orr_element(weaks, i), weak);
    return true;
}

static void
upgrade_all(struct orr_object *weaks)
{
    struct orr_thread *const thread = stage.thread;
    for (uint32_t i = 0; i < REFERENTS; i++) {
        struct orr_object *weak = orr_peek_slot(thread, orr_element(weaks, i));
        if (!weak)
            return;
        ORR_OWN(thread, referent, orr_weak_get(thread, weak));
        stage_note(referent.ref ? ((struct actor *)referent.ref)->number : 99);
        if (referent.ref)
            stage_note(orr_weak_count(thread, referent.ref));
    }
}

void
play_weak(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &actor_type, REFERENTS))
        return;
    ORR_OWN(thread, weaks, stage_array(thread, REFERENTS, 0));
    {
        ORR_OWN(thread, crowd, stage_root_get(thread, 0));
        for (uint32_t i = 0; weaks.ref && i < REFERENTS; i++)
            if (!refer_weakly(crowd.ref, weaks.ref, i))
                break;
        if (weaks.ref)
            upgrade_all(weaks.ref);
        for (uint32_t i = 0; i < REFERENTS; i++)
            orr_store_slot(thread, crowd.ref, orr_element(crowd.ref, i), NULL);
    }
    stage_root_set(thread, 0, NULL);
    orr_settle(thread);
    if (weaks.ref)
        upgrade_all(weaks.ref);
    stage_note(orr_load_relaxed(&stage.called));
}

/* --- weak maps -------------------------------------------------------------------------------------- */

enum { ENTRIES = 24 };

static void
walk_map(struct orr_object *map)
{
    struct orr_thread *const thread = stage.thread;
    uint64_t cursor = 0, number, shown = 0;
    struct orr_object *key, *value;
    while (orr_weak_map_next(thread, map, &cursor, &key, &number, &value)) {
        ORR_OWN(thread, its_key, key);
        ORR_OWN(thread, its_value, value);
        shown += ((struct actor *)its_value.ref)->number + number;
    }
    stage_note(shown);
}

static bool
fill_maps(struct orr_object *crowd, struct orr_object *keys, struct orr_object *values)
{
    struct orr_thread *const thread = stage.thread;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        ORR_OWN(thread, member, orr_load_slot(thread, orr_element(crowd, i)));
        ORR_OWN(thread, value, stage_new(thread, &actor_type, 100 + i));
        if (!value.ref)
            return false;
        if (i % 3 && stage_collects() && thread->heap->collector->needs & ORR_NEEDS_WALK)
            orr_set(thread, value.ref, 0, member.ref); /* a cycle through the entry */
        if (!stage_given(orr_weak_keys_set(thread, keys, member.ref, value.ref)) ||
            !stage_given(orr_weak_values_set(thread, values, i % 20, member.ref)))
            return false;
    }
    return true;
}

static void
use_maps(struct orr_object *keys, struct orr_object *values)
{
    struct orr_thread *const thread = stage.thread;
    {
        ORR_OWN(thread, crowd, stage_root_get(thread, 0));
        if (!fill_maps(crowd.ref, keys, values))
            stage.soft = true;
        ORR_OWN(thread, member, orr_load_slot(thread, orr_element(crowd.ref, 2)));
        ORR_OWN(thread, found, orr_weak_keys_get(thread, keys, member.ref));
        stage_note(found.ref ? ((struct actor *)found.ref)->number : 0);
        stage_note(orr_weak_keys_remove(thread, keys, member.ref));
        stage_note(orr_weak_values_remove(thread, values, 3));
        walk_map(keys);
        walk_map(values);
        for (uint32_t i = 0; i < ENTRIES; i += 2)
            orr_store_slot(thread, crowd.ref, orr_element(crowd.ref, i), NULL);
    }
    orr_settle(thread);
    walk_map(keys);
    walk_map(values);
}

void
play_maps(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &actor_type, ENTRIES))
        return;
    {
        ORR_OWN(thread, keys, orr_weak_keys_new(thread));
        ORR_OWN(thread, values, orr_weak_values_new(thread));
        if (stage_given(keys.ref && values.ref))
            use_maps(keys.ref, values.ref);
    }
    stage_root_set(thread, 0, NULL);
}

/* --- finalizers ------------------------------------------------------------------------------------- */

static void
note_call(struct orr_thread *thread, void *argument)
{
    (void)argument;
    orr_add_relaxed(&stage.called, 1);
    orr_raise(thread, ORR_BAD_INPUT, "an entry complains");
}

enum { WATCHED = 12 };

/* The first are called, detached, forgotten; the others die. */
static void
watch_crowd(void)
{
    struct orr_thread *const thread = stage.thread;
    ORR_OWN(thread, crowd, stage_root_get(thread, 0));
    for (uint32_t i = 0; i < WATCHED; i++) {
        ORR_OWN(thread, member, orr_load_slot(thread, orr_element(crowd.ref, i)));
        struct orr_finalize *entry = orr_finalize_add(thread, member.ref, note_call, NULL);
        if (!stage_given(entry != NULL))
            return;
        orr_finalize_at_exit(entry, i % 2);
        if (i == 0)
            stage_note(orr_finalize_call(thread, entry));
        if (i == 1)
            stage_note(orr_finalize_detach(thread, entry));
        if (i == 2)
            orr_finalize_forget(thread, entry);
    }
}

/* Everybody dies, and each in turn is saved by its finalizer; then they die for good. */
void
play_finalizers(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &person_type, WATCHED))
        return;
    watch_crowd();
    orr_store_relaxed(&stage.rescues, true);
    orr_raise(thread, ORR_BAD_INPUT, "the program's own");
    stage_root_set(thread, 0, NULL);
    orr_settle(thread);
    orr_store_relaxed(&stage.rescues, false);
    stage_root_set(thread, STAGE_ROOTS - 1, NULL);
    orr_settle(thread);
    stage_note(orr_raised(thread) != NULL);
    orr_raise_clear(thread);
    stage_note(orr_load_relaxed(&stage.finalized));
    stage_note(orr_load_relaxed(&stage.destroyed));
    stage_note(orr_load_relaxed(&stage.called));
    stage_note(orr_load_relaxed(&stage.failed));
}

/* --- garbage ---------------------------------------------------------------------------------------- */

/* A ring of persons, one of whom a weak reference in a root knows, with a callback. */
static bool
make_garbage(uint32_t length)
{
    struct orr_thread *const thread = stage.thread;
    ORR_OWN(thread, ring, stage_chain(thread, &person_type, length, true));
    if (!ring.ref)
        return false;
    ORR_OWN(thread, weak, orr_weak_new(thread, ring.ref, be_called, NULL, NULL));
    if (!stage_given(weak.ref != NULL))
        return false;
    ORR_OWN(thread, hanging, stage_array(thread, 2, 20000));
    if (hanging.ref)
        orr_set(thread, ring.ref, 2, hanging.ref);
    stage_root_set(thread, 1, orr_take(&weak));
    return true;
}

void
play_garbage(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_gc_result result = {0};
    for (uint32_t i = 1; i <= 3; i++) {
        orr_store_relaxed(&stage.rescues, i == 2);
        if (!make_garbage(i * 4))
            break;
        if (orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, &stage.error) != ORR_OK)
            complain("collect: %s", stage.error.message);
        stage_note(result.unreachable);
        stage_note(orr_load_relaxed(&stage.called));
    }
    orr_store_relaxed(&stage.rescues, false);
    stage_root_set(thread, 1, NULL);
    stage_root_set(thread, STAGE_ROOTS - 1, NULL);
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL);
    stage_note(result.collected);
    stage_note(orr_load_relaxed(&stage.destroyed));
}

/* --- the garbage list ------------------------------------------------------------------------------- */

/* What the list has no memory for is found again by the next collection: nobody is told. */
void
play_uncollectable(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_gc_result result = {0};
    stage.soft = true;
    {
        ORR_OWN(thread, kept, stage_chain(thread, &legacy_type, 5, true));
        ORR_OWN(thread, saved, stage_chain(thread, &person_type, 5, true));
    }
    orr_gc_debug_set(stage.heap, ORR_DEBUG_SAVEALL | ORR_DEBUG_STATS | ORR_DEBUG_COLLECTABLE);
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL);
    stage_note(result.uncollectable + result.collected);
    stage_note(orr_gc_garbage_count(stage.heap));
    {
        ORR_OWN(thread, member, stage_new(thread, &actor_type, 1));
        if (member.ref)
            stage_given(orr_gc_garbage_append(thread, member.ref));
    }
    orr_gc_debug_set(stage.heap, 0);
    for (uint64_t i = 0; i < orr_gc_garbage_count(stage.heap); i++) {
        ORR_OWN(thread, member, orr_gc_garbage_get(thread, i));
        if (member.ref && orr_type_of(member.ref) == &legacy_type)
            orr_set(thread, member.ref, 0, NULL);
    }
    if (orr_gc_garbage_count(stage.heap) > 0)
        orr_gc_garbage_remove(thread, 0);
    orr_gc_garbage_clear(thread);
    /* Legacy rings of which none is on the list: again, until they are. */
    for (int tries = 0; tries < 3 && stage_live() != 0; tries++) {
        orr_fail_allocation(0, false);
        orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL);
        for (uint64_t i = 0; i < orr_gc_garbage_count(stage.heap); i++) {
            ORR_OWN(thread, member, orr_gc_garbage_get(thread, i));
            orr_set(thread, member.ref, 0, NULL);
        }
        orr_gc_garbage_clear(thread);
    }
}

/* --- stress ----------------------------------------------------------------------------------------- */

/* A collection at every third birth. */
void
play_stress(void)
{
    struct orr_thread *const thread = stage.thread;
    if (stage_crowd(0, &actor_type, 10)) {
        ORR_OWN(thread, chain, stage_chain(thread, &person_type, 10, false));
        stage_note(chain.ref != NULL);
    }
    stage_root_set(thread, 0, NULL);
}
