/* finalize.c - runtime/finalize: functions that run when an object dies, when they are called, or at the end;
 * once, whoever comes first.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/finalize.h"
#include "runtime/raise.h"
#include "runtime/weak.h"
#include "tests/unit/small_heap.h"

#include <stdio.h>
#include <string.h>

enum { NOTES_MAX = 64 };

static struct orr_heap *heap;
static struct orr_thread *thread;
static uintptr_t notes[NOTES_MAX]; /* arguments, in the order of the calls */
static size_t note_count;
static char last_error[400];
static unsigned errors;

static void
note(struct orr_thread *caller, void *argument)
{
    (void)caller;
    cr_assert_lt(note_count, (size_t)NOTES_MAX);
    notes[note_count++] = (uintptr_t)argument;
}

static void
keep_error(void *context, const char *where, const char *message)
{
    (void)context;
    (void)where;
    snprintf(last_error, sizeof last_error, "%s", message);
    errors++;
}

static void
open_heap(const char *collector)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.listener.failed = keep_error;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
}

static void
close_heap(void)
{
    orr_settle(thread);
    cr_assert_eq(small_live(heap), 0, "%lu objects are left", (unsigned long)small_live(heap));
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static struct orr_finalize *
add(struct orr_object *object, uintptr_t argument)
{
    struct orr_finalize *const entry = orr_finalize_add(thread, object, note, (void *)argument);
    cr_assert(entry);
    return entry;
}

Test(finalize, a_function_runs_once_when_the_object_dies)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    struct orr_finalize *const entry = add(object, 7);
    cr_assert(orr_finalize_is_alive(entry));
    orr_poll_slow(thread);
    cr_assert_eq(note_count, 0);
    orr_release(thread, object);
    cr_assert_eq(note_count, 1);
    cr_assert_eq(notes[0], 7);
    cr_assert_not(orr_finalize_is_alive(entry));
    cr_assert_not(orr_finalize_call(thread, entry));
    cr_assert_not(orr_finalize_detach(thread, entry));
    cr_assert_eq(orr_finalize_all(thread), 0);
    cr_assert_eq(note_count, 1);
    close_heap();
}

Test(finalize, a_call_comes_before_the_death_and_instead_of_it)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    struct orr_finalize *const entry = add(object, 7);
    cr_assert(orr_finalize_call(thread, entry));
    cr_assert_not(orr_finalize_call(thread, entry));
    cr_assert_eq(note_count, 1);
    orr_release(thread, object);
    cr_assert_eq(note_count, 1);
    close_heap();
}

Test(finalize, a_detached_function_never_runs)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    struct orr_finalize *const entry = add(object, 7);
    cr_assert(orr_finalize_detach(thread, entry));
    cr_assert_not(orr_finalize_detach(thread, entry));
    cr_assert_not(orr_finalize_is_alive(entry));
    orr_release(thread, object);
    cr_assert_eq(orr_finalize_all(thread), 0);
    cr_assert_eq(note_count, 0);
    close_heap();
}

Test(finalize, one_object_may_have_many)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    uintptr_t sum = 0;
    for (uintptr_t i = 1; i <= 10; i++)
        add(object, i);
    orr_release(thread, object);
    for (size_t i = 0; i < note_count; i++)
        sum += notes[i];
    cr_assert_eq(note_count, 10);
    cr_assert_eq(sum, 55, "each once");
    close_heap();
}

/* --- the end ----------------------------------------------------------------------------------------- */

static struct orr_object *held;

static void
add_one_more(struct orr_thread *caller, void *argument)
{
    note(caller, argument);
    add(held, 99);
}

Test(finalize, at_the_end_the_newest_runs_first)
{
    open_heap("none");
    held = orr_new(thread, &small_pair);
    add(held, 1);
    struct orr_finalize *const not_at_exit = add(held, 2);
    cr_assert(orr_finalize_add(thread, held, add_one_more, (void *)3));
    add(held, 4);
    orr_finalize_at_exit(not_at_exit, false);
    cr_assert_eq(orr_finalize_all(thread), 4);
    const uintptr_t expected[] = {4, 3, 99, 1};
    cr_assert_eq(note_count, 4);
    cr_assert_arr_eq(notes, expected, sizeof expected);
    cr_assert(orr_finalize_is_alive(not_at_exit));
    orr_release(thread, held);
    cr_assert_eq(note_count, 5, "its own death still calls it");
    close_heap();
}

Test(finalize, what_is_left_at_the_end_of_a_heap_is_freed_with_it)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    add(object, 1);
    orr_release(thread, object);
    struct orr_object *const leaked = orr_new(thread, &small_pair);
    add(leaked, 2);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
    cr_assert_eq(note_count, 1);
}

/* --- forgetting -------------------------------------------------------------------------------------- */

static struct orr_finalize *own_entry;

static void
forget_itself(struct orr_thread *caller, void *argument)
{
    note(caller, argument);
    orr_finalize_forget(caller, own_entry);
}

Test(finalize, a_forgotten_entry_serves_again)
{
    open_heap("none");
    struct orr_object *const one = orr_new(thread, &small_pair), *const other =
                                                                     orr_new(thread, &small_pair);
    struct orr_finalize *const entry = add(one, 1);
    orr_finalize_forget(thread, entry);
    cr_assert_eq(add(other, 2), entry, "its memory is reused");
    orr_release(thread, one);
    cr_assert_eq(note_count, 0);
    orr_release(thread, other);
    cr_assert_eq(notes[0], 2);
    own_entry = entry;
    orr_finalize_forget(thread, entry);
    struct orr_object *const third = orr_new(thread, &small_pair);
    own_entry = orr_finalize_add(thread, third, forget_itself, (void *)3);
    orr_release(thread, third);
    cr_assert_eq(notes[1], 3);
    struct orr_object *const fourth = orr_new(thread, &small_pair);
    cr_assert_eq(add(fourth, 4), own_entry);
    orr_release(thread, fourth);
    cr_assert_eq(note_count, 3);
    close_heap();
}

static struct orr_finalize *doomed, *fresh;
static struct orr_object *survivor;

static void
reuse_an_entry(struct orr_thread *caller, void *argument)
{
    note(caller, argument);
    orr_finalize_forget(caller, doomed);
    fresh = add(survivor, 9);
}

/* Both callbacks are due; the first gives the second's entry to another object, which lives. */
Test(finalize, an_entry_that_serves_again_is_not_taken_for_what_it_was)
{
    open_heap("none");
    struct orr_object *const dying = orr_new(thread, &small_pair);
    survivor = orr_new(thread, &small_pair);
    cr_assert(orr_finalize_add(thread, dying, reuse_an_entry, (void *)1));
    doomed = add(dying, 2);
    orr_release(thread, dying);
    cr_assert_eq(fresh, doomed, "its memory is reused");
    cr_assert_eq(note_count, 1);
    cr_assert(orr_finalize_is_alive(fresh));
    orr_release(thread, survivor);
    cr_assert_eq(note_count, 2);
    cr_assert_eq(notes[1], 9);
    close_heap();
}

/* --- cycles ------------------------------------------------------------------------------------------ */

static void
die_in_a_ring(const char *collector)
{
    struct orr_root root;
    open_heap(collector);
    note_count = 0;
    orr_root_add(heap, &root);
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, orr_new(thread, &small_pair)));
    struct orr_object *const ring = orr_slot_peek(&root.slot);
    orr_set(thread, ring, 0, ring);
    add(ring, 7);
    orr_settle(thread);
    cr_assert_eq(note_count, 0, "%s: it lives, and so does its weak reference", collector);
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, NULL));
    cr_assert_eq(note_count, 0);
    orr_settle(thread);
    cr_assert_eq(note_count, 1, "%s", collector);
    cr_assert_eq(notes[0], 7);
    orr_root_remove(heap, &root);
    close_heap();
}

Test(finalize, a_death_in_a_ring_is_a_death)
{
    die_in_a_ring("trial");
    die_in_a_ring("subtract");
    die_in_a_ring("generations");
    die_in_a_ring("mark");
}

/* --- errors and refusals ------------------------------------------------------------------------------ */

static void
fail(struct orr_thread *caller, void *argument)
{
    note(caller, argument);
    orr_raise(caller, ORR_BAD_INPUT, "number %lu fails", (unsigned long)(uintptr_t)argument);
}

Test(finalize, errors_go_to_the_sink_and_stop_nothing)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    add(object, 1);
    cr_assert(orr_finalize_add(thread, object, fail, (void *)2));
    struct orr_finalize *const called = orr_finalize_add(thread, object, fail, (void *)3);
    orr_raise(thread, ORR_OUT_OF_MEMORY, "the program's own");
    cr_assert(orr_finalize_call(thread, called));
    cr_assert_eq(errors, 1);
    cr_assert_str_eq(last_error, "number 3 fails");
    cr_assert_eq(orr_finalize_all(thread), 2);
    cr_assert_eq(errors, 2);
    cr_assert_eq(note_count, 3);
    cr_assert_str_eq(orr_raised(thread)->message, "the program's own");
    orr_raise_clear(thread);
    orr_release(thread, object);
    close_heap();
}

Test(finalize, a_weak_reference_cannot_be_watched)
{
    open_heap("none");
    struct orr_object *const object = orr_new(thread, &small_pair);
    struct orr_object *const weak = orr_weak_new(thread, object, NULL, NULL, NULL);
    cr_assert_null(orr_finalize_add(thread, weak, note, NULL));
    orr_release(thread, weak);
    orr_release(thread, object);
    close_heap();
}

Test(finalize, without_memory_nothing_is_registered)
{
    bool refused = true;
    for (uint64_t n = 1; refused; n++) {
        open_heap("none");
        struct orr_object *const object = orr_new(thread, &small_pair);
        note_count = 0;
        orr_fail_allocation(n, false);
        refused = !orr_finalize_add(thread, object, note, (void *)1);
        orr_fail_allocation(0, false);
        cr_assert_lt(n, 20u);
        orr_release(thread, object);
        cr_assert_eq(note_count, !refused, "allocation %lu", (unsigned long)n);
        close_heap();
    }
}

/* --- races ------------------------------------------------------------------------------------------- */

enum { RACE_OBJECTS = 2000, RACE_CALLERS = 3 };

static struct orr_finalize *race_entries[RACE_OBJECTS];
static _Atomic(uint32_t) race_runs[RACE_OBJECTS];
static _Atomic(uint32_t) race_go;
static bool race_forgets;

static void
count_run(struct orr_thread *caller, void *argument)
{
    (void)caller;
    orr_add_relaxed(&race_runs[(uintptr_t)argument], 1);
}

static void *
race(void *argument)
{
    struct orr_thread *const mine = small_attach(heap);
    (void)argument;
    while (!orr_load_acquire(&race_go))
        orr_poll(mine);
    for (size_t i = 0; i < RACE_OBJECTS; i++) {
        if (race_forgets)
            orr_finalize_forget(mine, race_entries[i]);
        else
            orr_finalize_call(mine, race_entries[i]);
        orr_poll(mine);
    }
    orr_thread_detach(mine);
    return NULL;
}

/* Runs callers against the deaths of all objects, which this thread lets go. */
static void
race_against_death(unsigned callers)
{
    static struct orr_object *objects[RACE_OBJECTS];
    struct orr_os_thread threads[RACE_CALLERS];
    open_heap("none");
    for (uintptr_t i = 0; i < RACE_OBJECTS; i++) {
        objects[i] = orr_new(thread, &small_pair);
        race_entries[i] = orr_finalize_add(thread, objects[i], count_run, (void *)i);
    }
    for (unsigned i = 0; i < callers; i++)
        cr_assert(orr_os_thread_start(&threads[i], race, NULL, 0));
    orr_store_release(&race_go, 1);
    for (size_t i = 0; i < RACE_OBJECTS; i++) {
        orr_release(thread, objects[i]);
        orr_poll(thread);
    }
    orr_block_enter(thread);
    for (unsigned i = 0; i < callers; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(thread);
    close_heap();
}

Test(finalize, of_all_who_race_one_runs_it)
{
    race_against_death(RACE_CALLERS);
    for (size_t i = 0; i < RACE_OBJECTS; i++)
        cr_assert_eq(orr_load_relaxed(&race_runs[i]), 1, "entry %zu", i);
}

Test(finalize, forgetting_races_with_death_and_one_of_them_wins)
{
    race_forgets = true;
    race_against_death(1);
    for (size_t i = 0; i < RACE_OBJECTS; i++)
        cr_assert_leq(orr_load_relaxed(&race_runs[i]), 1u);
}

/* --- green objects, finalizers of types ------------------------------------------------------------ */

static unsigned finalized[2]; /* first, second */

static void
finalize_first(struct orr_thread *caller, struct orr_object *object)
{
    (void)caller, (void)object;
    finalized[0]++;
}

static void
finalize_second(struct orr_thread *caller, struct orr_object *object)
{
    (void)caller, (void)object;
    finalized[1]++;
}

static uint16_t first_index, second_index;
static const struct orr_type first_type = {.name = "first",
                                           .bytes = sizeof(struct orr_object) + 16,
                                           .references = 2,
                                           .flags = ORR_TYPE_ACYCLIC,
                                           .finalize = finalize_first,
                                           .index = &first_index,
                                           .priority = 5};
static const struct orr_type second_type = {.name = "second",
                                            .bytes = sizeof(struct orr_object) + 16,
                                            .references = 2,
                                            .flags = ORR_TYPE_ACYCLIC,
                                            .finalize = finalize_second,
                                            .index = &second_index};

static void
drop_ring_with_leaves(void)
{
    ORR_OWN(thread, ring, orr_new(thread, &small_pair));
    ORR_OWN(thread, other, orr_new(thread, &small_pair));
    ORR_OWN(thread, first, orr_new(thread, &first_type));
    ORR_OWN(thread, second, orr_new(thread, &second_type));
    orr_set(thread, ring.ref, 0, other.ref);
    orr_set(thread, ring.ref, 1, first.ref);
    orr_set(thread, other.ref, 0, ring.ref);
    orr_set(thread, other.ref, 1, second.ref);
}

Test(finalize, green_leaves_of_a_cycle_are_finalized_once_whatever_their_priorities, .timeout = 20)
{
    static const char *const collectors[] = {"trial", "subtract", "generations", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof *collectors; i++) {
        open_heap(collectors[i]);
        cr_assert_eq(orr_type_register(&first_type, NULL), ORR_OK);
        cr_assert_eq(orr_type_register(&second_type, NULL), ORR_OK);
        finalized[0] = finalized[1] = 0;
        drop_ring_with_leaves();
        orr_settle(thread);
        cr_assert(finalized[0] == 1 && finalized[1] == 1, "%s: finalized %u and %u times", collectors[i], finalized[0],
                  finalized[1]);
        close_heap();
    }
}
