/* fork.c - runtime/fork: what vanished threads were in the middle of, step by step, and left behind.
 *
 * An actor, a thread of its own, goes to a chosen step of a death and waits there, polling, while the test forks.
 * Child and parent then both go on, and both must come to the same books: nothing is done twice, nothing is left.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#undef ORR_ROOTED
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/owner.h"
#include "runtime/weak.h"
#include "tests/unit/fork_stage.h"

TestSuite(fork, .disabled = UNDER_TSAN);

static struct orr_root
    weaks[2]; /* weak references with callbacks, which outlive what they refer to */
static struct orr_root
    keepers[RING]; /* hold what a ring refers to, until its first finalizer runs */

/* --- types --------------------------------------------------------------------------------------------- */

static void
finalize(struct orr_thread *actor, struct orr_object *object)
{
    (void)object;
    for (int i = 0; i < RING; i++)
        orr_release(actor, orr_exchange_slot(actor, NULL, &keepers[i].slot, NULL));
    take_step(actor, FINALIZE);
}

static void
destroy(struct orr_thread *actor, struct orr_object *object)
{
    (void)object;
    take_step(actor, DESTROY);
}

static void
finalize_outside(struct orr_thread *actor, struct orr_object *object)
{
    (void)object;
    take_step(actor, OUTSIDE);
}

static void
call_back(struct orr_thread *actor, struct orr_object *weak, void *argument)
{
    (void)weak;
    (void)argument;
    take_step(actor, CALLBACK);
}

static uint16_t last_index, green_index, outside_index;
static const struct orr_type last_type = {.name = "last",
                                          .bytes = sizeof(struct small_pair),
                                          .references = 2,
                                          .finalize = finalize,
                                          .destroy = destroy,
                                          .index = &last_index};
static const struct orr_type green_type = {.name = "green",
                                           .bytes = 32,
                                           .flags = ORR_TYPE_ACYCLIC,
                                           .finalize = finalize,
                                           .destroy = destroy,
                                           .index = &green_index};
static const struct orr_type outside_type = {.name = "outside",
                                             .bytes = sizeof(struct small_pair),
                                             .references = 2,
                                             .finalize = finalize_outside,
                                             .index = &outside_index};

/* --- heaps and children -------------------------------------------------------------------------------- */

static struct orr_root
    weaks[2]; /* weak references with callbacks, which outlive what they refer to */

static void
add_roots(void)
{
    for (int i = 0; i < 2; i++)
        orr_root_add(heap, &weaks[i]);
    for (int i = 0; i < RING; i++)
        orr_root_add(heap, &keepers[i]);
}

static void
remove_roots(void)
{
    for (int i = 0; i < 2; i++)
        orr_root_remove(heap, &weaks[i]);
    for (int i = 0; i < RING; i++)
        orr_root_remove(heap, &keepers[i]);
}

static void
open_heap(const char *collector)
{
    struct orr_error error;
    stage_open(collector);
    expect_eq(orr_type_register(&last_type, &error), ORR_OK);
    expect_eq(orr_type_register(&green_type, &error), ORR_OK);
    expect_eq(orr_type_register(&outside_type, &error), ORR_OK);
    add_roots();
}

static void
put(struct orr_root *root, struct orr_object *value)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &root->slot, value));
}

static void
clear_weaks(void)
{
    for (int i = 0; i < 2; i++)
        put(&weaks[i], NULL);
}

static void
close_heap(void)
{
    clear_weaks();
    remove_roots();
    stage_close();
}

/* --- a death by counting ------------------------------------------------------------------------------- */

static struct orr_object *
make_last(struct orr_thread *actor)
{
    ORR_OWN(actor, object, orr_new(actor, &last_type));
    orr_init_slot(actor, object.ref, orr_field(object.ref, 1), orr_new(actor, &outside_type));
    return orr_take(&object);
}

static void
watch(struct orr_thread *actor, struct orr_object *object)
{
    for (int i = 0; i < 2; i++) {
        struct orr_object *const weak = orr_weak_new(actor, object, call_back, NULL, NULL);
        orr_release(actor, orr_exchange_slot(actor, NULL, &weaks[i].slot, weak));
    }
}

static void *
die_alone(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    {
        ORR_OWN(actor, object, make_last(actor));
        watch(actor, object.ref);
    }
    orr_thread_detach(actor);
    return NULL;
}

/* A weak reference whose callback a vanished thread was in stays held, as by any of that thread's locals. */
static void
verify(void)
{
    if (wait_at != CALLBACK)
        verify_exact();
}

static void
expect_one_death(void)
{
    let_go();
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[FINALIZE]), 1);
    expect_eq(orr_load_relaxed(&taken[CALLBACK]), 2);
    expect_eq(orr_load_relaxed(&taken[DESTROY]), 1);
    expect_eq(orr_load_relaxed(&taken[OUTSIDE]), 1);
    expect(small_live(heap) == 2, "two weak references");
    verify();
}

static void
fork_at_each_step(const char *collector, void *(*act)(void *), uint32_t turns, void (*check)(void))
{
    for (int step = 0; step < STEPS; step++)
        for (uint32_t turn = 1; turn <= (step == CALLBACK ? 2 : turns); turn++) {
            open_heap(collector);
            fork_beside(act, (enum step)step, turn, check);
            close_heap();
        }
}

Test(fork, a_death_by_counting_is_completed_wherever_it_was)
{
    fork_at_each_step("none", die_alone, 1, expect_one_death);
    fork_at_each_step("trial", die_alone, 1, expect_one_death);
    fork_at_each_step("mark", die_alone, 1, expect_one_death);
}

static void *
die_green(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    orr_release(actor, orr_new(actor, &green_type));
    orr_thread_detach(actor);
    return NULL;
}

static void
expect_one_green_death(void)
{
    let_go();
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[FINALIZE]), 1);
    expect_eq(orr_load_relaxed(&taken[DESTROY]), 1);
    expect_eq(small_live(heap), 0);
    verify_exact();
}

Test(fork, a_green_object_is_not_finalized_again_either)
{
    open_heap("none");
    fork_beside(die_green, FINALIZE, 1, expect_one_green_death);
    close_heap();
    open_heap("none");
    fork_beside(die_green, DESTROY, 1, expect_one_green_death);
    close_heap();
}

/* --- a death in a ring ---------------------------------------------------------------------------------- */

static void *
die_in_a_ring(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    {
        ORR_OWN(actor, first, make_last(actor));
        ORR_OWN(actor, newest,
                orr_get_slot(actor, &(struct orr_slot){.word = (uintptr_t)first.ref}));
        for (uint32_t i = 1; i < RING; i++) {
            ORR_OWN(actor, next, make_last(actor));
            orr_set(actor, newest.ref, 0, next.ref);
            orr_own_set(&newest, orr_take(&next));
        }
        orr_set(actor, newest.ref, 0, first.ref);
        watch(actor, first.ref);
        for (uint32_t i = 0; i < RING; i++) {
            ORR_OWN(actor, next, orr_get(actor, newest.ref, 0));
            ORR_OWN(actor, outside, orr_get(actor, next.ref, 1));
            orr_exchange_slot(actor, NULL, &keepers[i].slot, orr_take(&outside));
            orr_own_set(&newest, orr_take(&next));
        }
    }
    orr_settle(actor);
    orr_thread_detach(actor);
    return NULL;
}

static void
expect_ring_dead(void)
{
    let_go();
    expect(orr_load_relaxed(&heap->collecting) == 0 || heap->threads->next, "nobody is left who collects");
    orr_settle(thread);
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[FINALIZE]), RING);
    expect_eq(orr_load_relaxed(&taken[CALLBACK]), 2);
    expect_eq(orr_load_relaxed(&taken[DESTROY]), RING);
    expect_eq(orr_load_relaxed(&taken[OUTSIDE]), RING);
    expect(small_live(heap) == 2, "two weak references");
    verify();
}

Test(fork, a_collection_of_a_vanished_thread_is_ended_wherever_it_was)
{
    fork_at_each_step("trial", die_in_a_ring, RING, expect_ring_dead);
    fork_at_each_step("subtract", die_in_a_ring, RING, expect_ring_dead);
    fork_at_each_step("generations", die_in_a_ring, RING, expect_ring_dead);
    fork_at_each_step("mark", die_in_a_ring, RING, expect_ring_dead);
}

/* --- the forking thread's own collection ------------------------------------------------------------------ */

static bool forks_in_finalizer;
static pid_t own_child;

static void
finalize_and_fork(struct orr_thread *actor, struct orr_object *object)
{
    (void)object;
    take_step(actor, FINALIZE);
    if (!forks_in_finalizer)
        return;
    forks_in_finalizer = false;
    orr_fork_prepare(actor);
    own_child = fork();
    if (own_child == 0) {
        is_child = true;
        alarm(CHILD_SECONDS);
        orr_fork_child(actor);
    } else
        orr_fork_parent(actor);
}

static uint16_t forking_index;
static const struct orr_type forking_type = {.name = "forking",
                                             .bytes = sizeof(struct small_pair),
                                             .references = 2,
                                             .finalize = finalize_and_fork,
                                             .index = &forking_index};

static void
fork_in_a_finalizer(const char *collector)
{
    struct orr_error error;
    open_heap(collector);
    expect_eq(orr_type_register(&forking_type, &error), ORR_OK);
    {
        ORR_OWN(thread, one, orr_new(thread, &forking_type));
        ORR_OWN(thread, other, orr_new(thread, &forking_type));
        orr_set(thread, one.ref, 0, other.ref);
        orr_set(thread, other.ref, 0, one.ref);
    }
    forks_in_finalizer = true;
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[FINALIZE]), 2);
    expect_eq(small_live(heap), 0);
    verify_exact();
    if (own_child == 0)
        _exit(CHILD_DONE);
    expect_child(thread, own_child);
    close_heap();
}

Test(fork, a_finalizer_may_fork_and_its_collection_goes_on_in_both)
{
    fork_in_a_finalizer("trial");
    fork_in_a_finalizer("subtract");
    fork_in_a_finalizer("generations");
    fork_in_a_finalizer("mark");
}

/* --- what waits for owners, in buffers, in locals ---------------------------------------------------------- */

static _Atomic(uint32_t) has_made;
static struct orr_root gift;

/* Makes an object, and does not come to a safepoint before it is asked to stop: what is queued for it meanwhile
 * is still there when the world stands. */
static void *
make_and_look_away(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    orr_release(actor, orr_exchange_slot(actor, NULL, &gift.slot, orr_new(actor, &small_pair)));
    orr_store_release(&has_made, 1);
    while (!(orr_load_acquire(&actor->attention) & ORR_ATTENTION_STOP))
        orr_spin_hint();
    orr_poll(actor);
    while (!orr_load_acquire(&may_go))
        orr_poll(actor);
    orr_thread_detach(actor);
    return NULL;
}

static void
expect_merged(void)
{
    orr_poll_slow(thread);
    expect_eq(small_live(heap), 0);
    verify_exact();
}

Test(fork, what_was_queued_for_an_owner_that_vanished_is_merged)
{
    struct orr_os_thread actor;
    open_heap("none");
    orr_root_add(heap, &gift);
    orr_store_relaxed(&has_made, 0);
    cr_assert(orr_os_thread_start(&actor, make_and_look_away, NULL, 0));
    while (!orr_load_acquire(&has_made))
        orr_yield();
    put(&gift, NULL);
    expect(orr_owner_of(heap, heap->threads->id)->queue.total == 1,
           "the newest thread is the actor");
    fork_once(thread, expect_merged);
    let_go();
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    expect_merged();
    orr_root_remove(heap, &gift);
    close_heap();
}

/* Leaves candidates in its buffer and waits; holds an object in a local. */
static void *
hold_and_wait(void *holds)
{
    struct orr_thread *const actor = small_attach(heap);
    for (int i = 0; i < 10; i++) {
        ORR_OWN(actor, ring, orr_new(actor, &small_pair));
        orr_set(actor, ring.ref, 0, ring.ref);
    }
    {
        ORR_OWN(actor, held, holds ? orr_new(actor, &small_pair) : NULL);
        orr_store_release(&is_waiting, 1);
        orr_wake_all(&is_waiting);
        while (!orr_load_acquire(&may_go))
            orr_poll(actor);
    }
    orr_thread_detach(actor);
    return NULL;
}

static void *
leave_candidates(void *unused)
{
    (void)unused;
    return hold_and_wait(NULL);
}

static void *
hold_something(void *unused)
{
    (void)unused;
    return hold_and_wait(&is_waiting);
}

static void
expect_nothing(void)
{
    orr_settle(thread);
    expect_eq(small_live(heap), 0);
    verify_exact();
}

static void
expect_what_is_held(void)
{
    orr_settle(thread);
    /* Counts keep it where counts decide; to `mark` it has no root any more. Its holder is gone or detached. */
    const bool lives =
        is_child && strcmp(heap->collector->name, "mark") != 0 && !orr_load_relaxed(&may_go);
    expect_eq(small_live(heap), lives);
}

Test(fork, candidates_of_vanished_threads_are_found)
{
    open_heap("trial");
    fork_beside(leave_candidates, STEPS, 1, expect_nothing);
    close_heap();
    open_heap("generations");
    fork_beside(leave_candidates, STEPS, 1, expect_nothing);
    close_heap();
}

Test(fork, references_in_vanished_locals_stay_counted_and_are_no_roots)
{
    open_heap("trial");
    fork_beside(hold_something, STEPS, 1, expect_what_is_held);
    close_heap();
    open_heap("mark");
    fork_beside(hold_something, STEPS, 1, expect_what_is_held);
    close_heap();
}

/* --- again and again --------------------------------------------------------------------------------------- */

enum { FORKS = 200 };

static void *
collect_on_and_on(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    while (!orr_load_acquire(&may_go)) {
        for (int i = 0; i < 20; i++) {
            ORR_OWN(actor, ring, orr_new(actor, &last_type));
            orr_set(actor, ring.ref, 0, ring.ref);
        }
        orr_gc_collect(actor, ORR_GENERATION_OLDEST, NULL, NULL);
        orr_poll(actor);
    }
    orr_thread_detach(actor);
    return NULL;
}

static void
settle_in_child(void)
{
    struct orr_error error;
    orr_world_stop(heap, thread);
    const bool sound = orr_heap_verify(heap, thread, &error);
    orr_world_resume(heap);
    expect(sound, "%s", error.message);
    orr_settle(thread);
    expect(small_live(heap) <= 1, "but for what the vanished thread held");
    expect_eq(orr_load_relaxed(&taken[FINALIZE]) - orr_load_relaxed(&taken[DESTROY]),
              small_live(heap));
}

static void
fork_during_collections(const char *collector)
{
    struct orr_os_thread actor;
    open_heap(collector);
    heap->options.verify = false;
    cr_assert(orr_os_thread_start(&actor, collect_on_and_on, NULL, 0));
    for (int i = 0; i < FORKS; i++)
        fork_once(thread, settle_in_child);
    let_go();
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[FINALIZE]), orr_load_relaxed(&taken[DESTROY]));
    close_heap();
}

Test(fork, two_hundred_times_during_collections)
{
    fork_during_collections("trial");
    fork_during_collections("subtract");
    fork_during_collections("generations");
    fork_during_collections("mark");
}
