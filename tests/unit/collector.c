/* collector.c - runtime/collector.h: what a collector is asked and told, tried by one that only listens.
 *
 * What the project's own collectors make of it is tested in conformance/; here are the operations and hooks that few
 * of them have, so that the next one finds them working.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/weakmap.h"
#include "tests/unit/small_heap.h"

/* Of the heap's; calls are counted, and the last arguments kept. */
struct listening {
    uint64_t born, written, died, polled, filled, settled, collected;
    struct orr_object *holder, *old, *value, *kept, *hidden;
    bool keeps;
};

static struct listening *
of(struct orr_thread *thread)
{
    return thread->heap->collector_private;
}

static void
born(struct orr_thread *thread, struct orr_object *object)
{
    of(thread)->born++;
    of(thread)->value = object;
}

static void
dead(struct orr_thread *thread, struct orr_object *object)
{
    of(thread)->died++;
    if (of(thread)->keeps)
        of(thread)->kept = object;
    else
        orr_cell_give_back(thread, object);
}

static void
written(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
        struct orr_object *value)
{
    of(thread)->written++;
    of(thread)->holder = holder;
    of(thread)->old = orr_slot_peek(slot);
    of(thread)->value = value;
}

static void
polled(struct orr_thread *thread)
{
    of(thread)->polled++;
}

static void
filled(struct orr_thread *thread)
{
    of(thread)->filled++;
}

static void
settled(struct orr_thread *thread)
{
    of(thread)->settled++;
}

static void
collect(struct orr_thread *thread, struct orr_collection *collection)
{
    (void)collection;
    of(thread)->collected++;
}

static void
visit(struct orr_heap *heap, void (*each)(struct orr_object *object, void *argument),
      void *argument)
{
    const struct listening *listening = heap->collector_private;
    if (listening->hidden)
        each(listening->hidden, argument);
}

static const struct orr_collector listener = {
    .name = "listener",
    .summary = "listens",
    .needs = ORR_NEEDS_CANDIDATES,
    .hooks = ORR_HOOK_BORN | ORR_HOOK_WRITE | ORR_HOOK_DEAD,
    .frees_untraced = true,
    .completeness = 1,
    .trigger = {.kind = ORR_TRIGGER_manual},
    .heap_bytes = sizeof(struct listening),
    .thread_bytes = 64,
    .born = born,
    .dead = dead,
    .write = written,
    .poll = polled,
    .candidate = filled,
    .settle = settled,
    .collect = collect,
    .visit = visit,
};

static struct orr_heap *heap;
static struct orr_thread *thread;

static void
open_heap(void)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    options.collector = &listener;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

TestSuite(collector, .init = open_heap, .fini = close_heap);

/* --- hooks ------------------------------------------------------------------------------------------- */

Test(collector, hears_of_each_birth_with_its_object)
{
    for (uint64_t i = 1; i <= 3; i++) {
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        cr_assert_eq(of(thread)->born, i);
        cr_assert_eq(of(thread)->value, pair.ref);
    }
}

Test(collector, hears_of_a_write_before_the_slot_has_changed)
{
    ORR_OWN(thread, holder, orr_new(thread, &small_pair));
    ORR_OWN(thread, first, orr_new(thread, &small_pair));
    ORR_OWN(thread, second, orr_new(thread, &small_pair));
    orr_set(thread, holder.ref, 0, first.ref);
    cr_assert_eq(of(thread)->written, 1);
    cr_assert_eq(of(thread)->holder, holder.ref);
    cr_assert_null(of(thread)->old);
    cr_assert_eq(of(thread)->value, first.ref);
    orr_set(thread, holder.ref, 0, second.ref);
    cr_assert_eq(of(thread)->written, 2);
    cr_assert_eq(of(thread)->old, first.ref);
    cr_assert_eq(of(thread)->value, second.ref);
    orr_set(thread, holder.ref, 0, NULL);
    cr_assert_eq(of(thread)->old, second.ref);
    cr_assert_null(of(thread)->value);
}

/* The value of an entry is a slot of its key's: a collector that follows references must hear of it. */
Test(collector, hears_of_what_is_written_to_a_weak_map)
{
    ORR_OWN(thread, map, orr_weak_keys_new(thread));
    ORR_OWN(thread, key, orr_new(thread, &small_pair));
    ORR_OWN(thread, value, orr_new(thread, &small_pair));
    uint64_t before = of(thread)->written;
    cr_assert(orr_weak_keys_set(thread, map.ref, key.ref, value.ref));
    cr_assert_eq(of(thread)->written, before + 1);
    cr_assert_eq(of(thread)->holder, key.ref);
    cr_assert_null(of(thread)->old);
    cr_assert_eq(of(thread)->value, value.ref);
    cr_assert(orr_weak_keys_remove(thread, map.ref, key.ref));
    cr_assert_eq(of(thread)->written, before + 2, "what is taken out is written over by nothing");
    cr_assert_eq(of(thread)->old, value.ref);
    cr_assert_null(of(thread)->value);
}

Test(collector, may_give_the_cell_of_the_dead_back_at_once)
{
    uint64_t used = 0;
    for (int i = 0; i < 1000; i++) {
        ORR_OWN(thread, pair, orr_new(thread, &small_pair));
        if (i == 10)
            used = orr_load_relaxed(&heap->bytes_used);
    }
    cr_assert_eq(of(thread)->died, 1000);
    cr_assert_eq(orr_load_relaxed(&heap->bytes_used), used, "cells are used again");
}

Test(collector, may_keep_the_cell_of_the_dead_and_give_it_back_later)
{
    of(thread)->keeps = true;
    struct orr_object *object = orr_new(thread, &small_pair);
    orr_release(thread, object);
    cr_assert_eq(of(thread)->kept, object);
    for (int i = 0; i < 10; i++) {
        ORR_OWN(thread, other, orr_new(thread, &small_pair));
        cr_assert_neq(other.ref, object, "its cell is not free");
        of(thread)->keeps = false;
    }
    uint64_t died = of(thread)->died;
    orr_cell_give_back(thread, object);
    cr_assert_eq(of(thread)->died, died, "it dies once");
    ORR_OWN(thread, next, orr_new(thread, &small_pair));
    cr_assert_eq(next.ref, object, "the cell that was freed last is the first to serve");
}

/* --- turns ------------------------------------------------------------------------------------------- */

Test(collector, has_its_turn_at_the_slow_half_of_a_safepoint)
{
    uint64_t before = of(thread)->polled;
    orr_poll_slow(thread);
    cr_assert_eq(of(thread)->polled, before + 1);
}

Test(collector, hears_of_each_chunk_of_candidates_that_is_full)
{
    struct orr_object *objects[2 * ORR_CHUNK_ENTRIES];
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        cr_assert(objects[i] = orr_new(thread, &small_pair));
        orr_retain(thread, objects[i]);
        orr_release(thread, objects[i]); /* to non-zero: a candidate */
        cr_assert_eq(of(thread)->filled, i + 1 >= ORR_CHUNK_ENTRIES, "after %zu", i + 1);
    }
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
        orr_release(thread, objects[i]);
}

Test(collector, that_knows_how_to_settle_is_asked_for_nothing_else)
{
    orr_settle(thread);
    cr_assert_eq(of(thread)->settled, 1);
    cr_assert_eq(of(thread)->collected, 0);
    orr_collect(thread, "test");
    cr_assert_eq(of(thread)->collected, 1);
}

/* --- what the verifier asks --------------------------------------------------------------------------- */

static bool
is_sound(struct orr_error *error)
{
    orr_world_stop(heap, thread);
    bool sound = orr_heap_verify_exact(heap, thread, error);
    orr_world_resume(heap);
    return sound;
}

Test(collector, tells_the_verifier_what_it_refers_to)
{
    struct orr_error error = {0};
    ORR_OWN(thread, pair, orr_new(thread, &small_pair));
    cr_assert(is_sound(&error), "%s", error.message);
    orr_retain(thread, pair.ref); /* a count that no reference explains */
    cr_assert(!is_sound(&error));
    of(thread)->hidden = pair.ref;
    cr_assert(is_sound(&error), "%s", error.message);
    orr_release(thread, pair.ref);
    cr_assert(!is_sound(&error), "a reference that no count stands for");
    of(thread)->hidden = NULL;
    cr_assert(is_sound(&error), "%s", error.message);
}

/* --- refusals ---------------------------------------------------------------------------------------- */

static enum orr_status
refuse_heap(struct orr_heap *refused, struct orr_error *error)
{
    (void)refused;
    return orr_fail(error, ORR_NOT_APPLICABLE, "not on a Sunday");
}

Test(collector, may_refuse_a_heap_and_says_why)
{
    struct orr_collector refusing = listener;
    struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    struct orr_heap *refused;
    struct orr_error error;
    refusing.heap_init = refuse_heap;
    options.collector = &refusing;
    cr_assert_eq(orr_heap_create(&options, &refused, &error), ORR_NOT_APPLICABLE);
    cr_assert_str_eq(error.message, "not on a Sunday");
}

static bool admits;

static bool
admit(struct orr_thread *candidate)
{
    cr_assert(candidate->collector_private, "its state is there before");
    return admits;
}

Test(collector, may_refuse_a_thread_and_take_it_later)
{
    struct orr_collector choosy = listener;
    struct orr_heap_options options = small_options(&orr_rc_atomic, "none", &orr_heap_blocks);
    struct orr_thread *late;
    struct orr_error error;
    choosy.thread_attach = admit;
    options.collector = &choosy;
    struct orr_heap *other = small_heap_open(&options);
    admits = false;
    cr_assert_eq(orr_thread_attach(other, &late, &error), ORR_OUT_OF_MEMORY);
    cr_assert_eq(orr_load_relaxed(&other->thread_count), 0);
    admits = true;
    late = small_attach(other);
    orr_release(late, orr_new(late, &small_pair));
    cr_assert_eq(small_live(other), 0);
    orr_thread_detach(late);
    orr_heap_destroy(other);
}
