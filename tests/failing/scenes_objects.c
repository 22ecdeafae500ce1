/* scenes_objects.c - heaps and threads come and go; objects of every size; counts, queues, cascades. */
#include "tests/failing/stage.h"

/* --- life ------------------------------------------------------------------------------------------- */

/* True: the thread is attached. */
static bool
open_own(void)
{
    stage.heap = NULL;
    if (!stage_ok(orr_heap_create(&stage.options, &stage.heap, &stage.error)))
        return false;
    if (stage_ok(orr_thread_attach(stage.heap, &stage.thread, &stage.error)))
        return true;
    orr_heap_destroy(stage.heap);
    return false;
}

static void
close_own(void)
{
    orr_thread_detach(stage.thread);
    orr_heap_destroy(stage.heap);
}

/* A heap is destroyed with objects in it: an immortal one, and a cycle. */
static void
live_a_little(struct orr_thread *thread)
{
    ORR_OWN(thread, one, stage_new(thread, &actor_type, 1));
    ORR_OWN(thread, other, stage_new(thread, &actor_type, 2));
    if (!one.ref || !other.ref)
        return;
    stage_note(stage_given(orr_immortalise(thread, one.ref)));
    struct orr_root *pin = orr_pin(thread, other.ref);
    if (stage_given(pin != NULL))
        orr_unpin(thread, pin);
    orr_set(thread, other.ref, 0, other.ref);
    ORR_OWN(thread, map, orr_weak_keys_new(thread));
    if (!stage_given(map.ref != NULL))
        return;
    orr_set(thread, one.ref, 0, map.ref); /* stays, with an entry, and with a weak reference that is cleared */
    stage_note(stage_given(orr_weak_keys_set(thread, map.ref, one.ref, one.ref)));
    ORR_OWN(thread, brief, stage_new(thread, &actor_type, 3));
    ORR_OWN(thread, weak, brief.ref ? orr_weak_new(thread, brief.ref, NULL, NULL, NULL) : NULL);
    if (stage_given(weak.ref != NULL))
        orr_set(thread, one.ref, 1, weak.ref);
}

void
play_life(void)
{
    if (!open_own())
        return;
    live_a_little(stage.thread);
    close_own();
}

/* --- threads ---------------------------------------------------------------------------------------- */

static void
work_a_little(struct orr_thread *thread)
{
    ORR_OWN(thread, chain, stage_chain(thread, &actor_type, 5, false));
    ORR_OWN(thread, last, stage_new(thread, &green_type, 7));
    if (chain.ref && last.ref)
        orr_set(thread, chain.ref, 1, last.ref);
    if (chain.ref)
        stage_root_set(thread, 0, orr_take(&chain)); /* outlives its thread */
}

void
play_threads(void)
{
    for (int i = 0; i < 3; i++)
        stage_partner(work_a_little, NULL);
    ORR_OWN(stage.thread, left, stage_root_get(stage.thread, 0));
    stage_note(left.ref != NULL);
    stage_root_set(stage.thread, 0, NULL);
}

/* --- sizes ------------------------------------------------------------------------------------------ */

static uint32_t
size_of(unsigned i)
{
    const unsigned classes = ORR_CLASSES - ORR_CELL_MIN / 16;
    if (i < classes)
        return (uint32_t)(orr_cell_class_bytes(ORR_CELL_MIN / 16 + i) - sizeof(struct orr_array));
    return 100000u << 2 * (i - classes); /* and three that are no cells */
}

void
play_sizes(void)
{
    enum { SIZES = ORR_CLASSES - ORR_CELL_MIN / 16 + 3 };
    struct orr_thread *const thread = stage.thread;
    ORR_OWN(thread, all, stage_array(thread, SIZES, 0));
    for (unsigned i = 0; all.ref && i < SIZES; i++) {
        struct orr_object *array = stage_array(thread, 0, size_of(i));
        if (!array)
            break;
        orr_give_slot(thread, all.ref, orr_element(all.ref, i), array);
        stage_note(i);
    }
}

/* So many that tables of objects grow. */
void
play_crowd(void)
{
    stage_note(stage_crowd(0, &actor_type, 1500));
    stage_root_set(stage.thread, 0, NULL);
}

/* --- candidates ------------------------------------------------------------------------------------- */

/* Each loses a reference and lives on: a candidate. Half of them close a cycle then. */
void
play_candidates(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &actor_type, 40))
        return;
    {
        ORR_OWN(thread, crowd, stage_root_get(thread, 0));
        for (uint32_t i = 0; i < 40; i++) {
            ORR_OWN(thread, member, orr_load_slot(thread, orr_element(crowd.ref, i)));
            orr_set(thread, member.ref, 1, member.ref);
            if (i % 2)
                orr_set(thread, member.ref, 1, NULL);
        }
    }
    orr_collect(thread, "test");
    stage_note(stage_live());
    stage_root_set(thread, 0, NULL);
    orr_collect(thread, "test");
    stage_note(stage_live());
}

/* --- merging ---------------------------------------------------------------------------------------- */

enum { MEMBERS = 30 };

/* The last references to what another thread owns, one by one. */
static void
take_and_drop(struct orr_thread *thread)
{
    ORR_OWN(thread, crowd, stage_root_get(thread, 0));
    for (uint32_t i = 0; i < MEMBERS; i++) {
        ORR_OWN(thread, member,
                orr_exchange_slot(thread, crowd.ref, orr_element(crowd.ref, i), NULL));
        orr_poll(thread);
    }
}

static void
merge(void (*meanwhile)(struct orr_thread *))
{
    if (!stage_crowd(0, &person_type, MEMBERS))
        return;
    stage_partner(take_and_drop, meanwhile);
    stage_root_set(stage.thread, 0, NULL);
    orr_poll(stage.thread);
    orr_settle(stage.thread);
    stage_note(orr_load_relaxed(&stage.destroyed)); /* relaxed, here and below: the partner is gone */
    stage_note(orr_load_relaxed(&stage.finalized));
}

void
play_merging_blocked(void)
{
    merge(NULL);
}

static void
poll_now(struct orr_thread *thread)
{
    orr_poll(thread);
}

void
play_merging_running(void)
{
    merge(poll_now);
}

/* --- cascades --------------------------------------------------------------------------------------- */

void
play_cascade(void)
{
    struct orr_thread *const thread = stage.thread;
    for (int i = 0; i < 2; i++) {
        ORR_OWN(thread, chain, stage_chain(thread, i ? &person_type : &actor_type, 60, false));
        if (!chain.ref)
            return;
        ORR_OWN(thread, array, stage_array(thread, 20, 100));
        if (array.ref)
            orr_set_slot(thread, array.ref, orr_element(array.ref, 7), chain.ref);
    }
    stage_note(stage_live());
    stage_note(orr_load_relaxed(&stage.destroyed));
}

/* A burial hands over what it finds: the partner's chain and array hold the last references to what the other
 * thread owns, who polls and collects all the while. */
static void
bury_much(struct orr_thread *thread)
{
    ORR_OWN(thread, crowd, stage_root_get(thread, 0));
    ORR_OWN(thread, chain, stage_chain(thread, &person_type, MEMBERS, false));
    ORR_OWN(thread, array, stage_array(thread, MEMBERS, 0));
    if (!chain.ref || !array.ref)
        return;
    ORR_OWN(thread, link, NULL);
    orr_retain(thread, chain.ref);
    orr_own_set(&link, chain.ref);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct orr_object *member =
            orr_exchange_slot(thread, crowd.ref, orr_element(crowd.ref, i), NULL);
        if (i % 2)
            orr_give(thread, link.ref, 1, member);
        else
            orr_give_slot(thread, array.ref, orr_element(array.ref, i), member);
        if (i % 3 == 0) /* a candidate, should it live on */
            orr_set(thread, link.ref, 2, link.ref), orr_set(thread, link.ref, 2, NULL);
        orr_own_set(&link, orr_get(thread, link.ref, 0));
    }
    orr_own_set(&link, NULL);
    orr_set(thread, chain.ref, 2, array.ref);
    orr_own_set(&array, NULL);
    orr_own_set(&chain, NULL);
}

static void
collect_now(struct orr_thread *thread)
{
    orr_poll(thread);
    orr_collect(thread, "test");
}

void
play_burial(void)
{
    if (!stage_crowd(0, &actor_type, MEMBERS))
        return;
    stage_partner(bury_much, collect_now);
    stage_root_set(stage.thread, 0, NULL);
    orr_settle(stage.thread);
    stage_note(stage_live());
    stage_note(orr_load_relaxed(&stage.destroyed));
}
