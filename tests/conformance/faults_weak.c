/* faults_weak.c - group d: weak references that race with death, and callbacks that misbehave.
 *
 * Not here: d6 and d8 (upgrading and clearing beside a marker that keeps a snapshot) concern collectors that mark
 * while the program runs, snapshot and tide, and there are none yet. d10, the overflow of a weak count, cannot
 * happen: weak references are listed, not counted. d12, keys that only their own values reach, is the business
 * of weakmap.c.
 */
#include "tests/conformance/faults.h"

#include <string.h>

enum { ROUNDS = UNDER_SANITIZER ? 30 : 100, SETTLE_EVERY = 25 };

static uint32_t
draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

/* A chain or ring of two, alone. */
static struct orr_object *
new_pair(struct orr_thread *thread, uint64_t id)
{
    return creature_chain(thread, &creature_type, id, 2);
}

/* --- d1: upgrade against the last release --------------------------------------------------------- */

/* What it gets is alive, and stays so while it is held. */
static void
upgrade_all_the_time(struct orr_thread *thread)
{
    while (orr_load_acquire(&stage.is_over) == 0) {
        {
            ORR_OWN(thread, weak, root_load(thread, &stage.weaks[0]));
            ORR_OWN(thread, referent, weak.ref ? orr_weak_get(thread, weak.ref) : NULL);
            if (referent.ref) {
                creature_check(creature_of(referent.ref));
                orr_poll(thread);
                creature_check(creature_of(referent.ref));
                ORR_OWN(thread, again, orr_weak_get(thread, weak.ref));
                cr_assert_eq(again.ref, referent.ref, "%s: what is held can be had again",
                             world_name(&stage.world));
            }
        }
        orr_poll(thread);
        orr_yield();
    }
}

static void
d1_race(void)
{
    struct orr_thread *const thread = stage.world.thread;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        ORR_OWN(thread, object, new_pair(thread, round * 10));
        stage_weak(thread, 0, object.ref, round % 2);
        for (uint32_t i = 0; i < round % 7; i++) /* various distances between making and dropping */
            orr_yield();
        orr_own_set(&object, NULL);
        if (round % SETTLE_EVERY == 0 && stage_finds_all())
            orr_settle(thread);
        orr_poll(thread);
    }
    stage_announce(
        &stage.is_over); /* or the last one would be held for ever, by one or the other */
    stage_settle(2 * ROUNDS);
    cr_assert(stage_weak_is_null(thread, 0), "%s", world_name(&stage.world));
    cr_assert_eq(orr_load_acquire(&stage.finalized), 2 * ROUNDS);
}

/* --- d2: creation against destruction ------------------------------------------------------------- */

static void
create_all_the_time(struct orr_thread *thread)
{
    for (uint32_t round = 0; orr_load_acquire(&stage.is_over) == 0; round++) {
        {
            ORR_OWN(thread, object, root_load(thread, &stage.keep[0]));
            ORR_OWN(thread, weak, NULL);
            if (object.ref) {
                if (round % 2)
                    stage_weak(thread, 1 + round % 3, object.ref, true);
                orr_own_set(&weak, orr_weak_new(thread, object.ref, NULL, NULL, NULL));
                cr_assert(weak.ref);
                ORR_OWN(thread, referent, orr_weak_get(thread, weak.ref));
                cr_assert_eq(referent.ref, object.ref);
            }
            orr_own_set(&object, NULL); /* perhaps the last */
        }
        orr_poll(thread);
        orr_yield();
    }
}

static void
d2_race(void)
{
    struct orr_thread *const thread = stage.world.thread;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        root_put(thread, &stage.keep[0], new_pair(thread, round * 10));
        for (uint32_t i = 0; i < round % 7; i++)
            orr_yield();
        if (round % SETTLE_EVERY == 0 && stage_finds_all())
            orr_settle(thread);
        orr_poll(thread);
    }
    root_put(thread, &stage.keep[0], NULL);
    stage_settle(2 * ROUNDS);
}

/* --- d3: both at once ----------------------------------------------------------------------------- */

static struct orr_root *
any_root(uint64_t *state)
{
    const uint32_t i = draw(state, 2 * KEEPS);
    return i < KEEPS ? &stage.keep[i] : &stage.weaks[i - KEEPS];
}

static void
drop_all_the_time(struct orr_thread *thread)
{
    uint64_t state = (uintptr_t)thread;
    while (orr_load_acquire(&stage.is_over) == 0) {
        root_put(thread, any_root(&state), NULL);
        orr_poll(thread);
        orr_yield();
    }
}

/* Referents and weak references to them lie side by side; whoever comes takes the one or the other. */
static void
d3_race(void)
{
    struct orr_thread *const thread = stage.world.thread;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        ORR_OWN(thread, object, new_pair(thread, round * 10));
        for (uint32_t i = 0; i < 3; i++)
            stage_weak(thread, (round + i) % KEEPS, object.ref, i != 0);
        root_put(thread, &stage.keep[round % KEEPS], orr_take(&object));
        for (uint32_t i = 0; i < round % 5; i++)
            orr_yield();
        if (round % SETTLE_EVERY == 0 && stage_finds_all())
            orr_settle(thread);
        orr_poll(thread);
    }
    for (uint32_t i = 0; i < KEEPS; i++) {
        root_put(thread, &stage.keep[i], NULL);
        root_put(thread, &stage.weaks[i], NULL);
    }
    stage_settle(2 * ROUNDS);
    cr_assert(orr_load_acquire(&stage.called) <= 2 * ROUNDS);
}

/* --- d4: callbacks -------------------------------------------------------------------------------- */

static orr_weak_callback *misbehave; /* what the callbacks of a story do */

static void
run_callback(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    cr_assert_null(referent.ref, "%s: a callback of the living", world_name(&stage.world));
    if (misbehave)
        misbehave(thread, weak, argument);
    orr_add_acq_rel(&stage.called, 1);
}

/* A weak reference in stage.weaks[i] with the story's callback, whose argument is i. */
static void
watch(struct orr_thread *thread, uint32_t i, struct orr_object *referent)
{
    ORR_OWN(thread, weak, orr_weak_new(thread, referent, run_callback, &stage.weaks[i], NULL));
    cr_assert(weak.ref);
    root_put(thread, &stage.weaks[i], orr_take(&weak));
}

/* Drops a pair, each of which has a callback, and waits for both. */
static void
drop_watched_pair(void)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, pair, new_pair(thread, 1));
        ORR_OWN(thread, next, orr_get(thread, pair.ref, 0));
        watch(thread, 0, pair.ref);
        watch(thread, 1, next.ref);
        orr_own_set(&next, NULL);
        stage_let_die(orr_take(&pair), 2);
    }
    stage_settle(2);
    stage_await(thread, &stage.called, 2);
    cr_assert_eq(orr_load_acquire(&stage.called), 2, "%s: %u callbacks", world_name(&stage.world),
                 orr_load_acquire(&stage.called));
    cr_assert(stage_weak_is_null(thread, 0) && stage_weak_is_null(thread, 1));
}

static void
upgrade_the_other(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)weak;
    if (argument == &stage.weaks[1])
        return;
    ORR_OWN(thread, other, stage_weak_get(thread, 1));
    if (stage_finds_all())
        cr_assert_null(other.ref, "%s: all are cleared before any is called",
                       world_name(&stage.world));
    orr_store_slot(thread, NULL, &stage.keep[0].slot, other.ref);
}

/* The head's callback takes the next of the chain, which is alive until the head lets go of it. */
static void
d4_resurrects(void)
{
    struct orr_thread *const thread = stage.world.thread;
    misbehave = upgrade_the_other;
    if (stage_finds_all()) {
        drop_watched_pair();
        return;
    }
    {
        ORR_OWN(thread, pair, new_pair(thread, 1));
        ORR_OWN(thread, next, orr_get(thread, pair.ref, 0));
        watch(thread, 0, pair.ref);
        watch(thread, 1, next.ref);
        orr_own_set(&next, NULL);
        stage_let_die(orr_take(&pair), 1);
    }
    stage_settle(1);
    cr_assert_eq(orr_load_acquire(&stage.called), 1);
    {
        ORR_OWN(thread, kept, root_load(thread, &stage.keep[0]));
        cr_assert(kept.ref);
        creature_check(creature_of(kept.ref));
        ORR_OWN(thread, referent, stage_weak_get(thread, 1));
        cr_assert_eq(referent.ref, kept.ref, "%s: the living lost its weak references",
                     world_name(&stage.world));
    }
    root_put(thread, &stage.keep[0], NULL);
    stage_settle(2);
    cr_assert_eq(orr_load_acquire(&stage.called), 2);
}

static void
allocate(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)weak;
    (void)argument;
    for (uint32_t i = 0; i < (UNDER_SANITIZER ? 500 : 5000); i++) {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        if (is_complete(stage.world.heap->collector))
            orr_set(thread, node.ref, 0, node.ref);
    }
}

static void
d4_allocates(void)
{
    misbehave = allocate;
    drop_watched_pair();
}

static void
collect(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    struct orr_gc_result result = {0};
    (void)weak;
    (void)argument;
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    if (stage_finds_all())
        cr_assert_eq(result.number, 0, "%s: a collection in a collection",
                     world_name(&stage.world));
}

static void
d4_collects(void)
{
    misbehave = collect;
    drop_watched_pair();
}

/* Drops the other weak reference, whose callback is to run too, and makes new ones: to the context, to the weak
 * reference itself (which is refused), with callbacks of their own. */
static void
register_and_clear(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)argument;
    ORR_OWN(thread, living, root_load(thread, &stage.keep[0]));
    root_put(thread, &stage.weaks[0], NULL);
    root_put(thread, &stage.weaks[1], NULL);
    for (uint32_t i = 0; i < 50; i++) {
        ORR_OWN(thread, fresh, orr_weak_new(thread, living.ref, run_callback, argument, NULL));
        cr_assert(fresh.ref);
        root_put(thread, &stage.weaks[2 + i % 2], orr_take(&fresh));
    }
    cr_assert_null(orr_weak_new(thread, weak, NULL, NULL, NULL));
    cr_assert(orr_is_weak(weak));
}

static void
d4_registers_and_clears(void)
{
    struct orr_thread *const thread = stage.world.thread;
    root_put(thread, &stage.keep[0], orr_new(thread, &type_node));
    misbehave = register_and_clear;
    {
        ORR_OWN(thread, pair, new_pair(thread, 1));
        watch(thread, 0, pair.ref);
        watch(thread, 1, pair.ref);
        stage_let_die(orr_take(&pair), 2);
    }
    stage_settle(2);
    const uint32_t called = orr_load_acquire(&stage.called);
    cr_assert(called == 1 || called == 2, "%s: %u callbacks", world_name(&stage.world), called);
    ORR_OWN(thread, living, root_load(thread, &stage.keep[0]));
    const uint64_t deadline_ns = orr_clock_ns() + 20000000000u;
    while (orr_weak_count(thread, living.ref) != 2 && orr_clock_ns() < deadline_ns)
        orr_settle(
            thread); /* where nothing is counted, those that were dropped are there until then */
    cr_assert_eq(orr_weak_count(thread, living.ref), 2,
                 "%s, %u threads: %lu weak references are left", world_name(&stage.world),
                 stage.threads, (unsigned long)orr_weak_count(thread, living.ref));
    misbehave = NULL;
}

enum { HAS_COME, MAY_GO };

static void
block(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)weak;
    (void)argument;
    stage_announce(&stage.flags[HAS_COME]);
    stage_await_blocked(thread, &stage.flags[MAY_GO], 1);
}

/* What it drops is its own: the callback of another's could run where that one merges, and wait for itself. */
static void
make_and_drop(struct orr_thread *thread)
{
    {
        ORR_OWN(thread, pair, new_pair(thread, 1));
        watch(thread, 0, pair.ref);
        stage_weak(thread, 1, pair.ref, false);
    }
    if (stage_finds_all())
        orr_settle(thread);
}

/* Others go on, upgrade in vain, and are told what a collection would wait for. */
static void
d4_blocks(void)
{
    struct orr_thread *const thread = stage.world.thread;
    struct orr_gc_result result = {0};
    struct helper helper;
    misbehave = block;
    helper_start(&helper, make_and_drop);
    stage_await_blocked(thread, &stage.flags[HAS_COME], 1);
    cr_assert(stage_weak_is_null(thread, 0) && stage_weak_is_null(thread, 1), "%s",
              world_name(&stage.world));
    for (uint32_t i = 0; i < 1000; i++) {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        ORR_OWN(thread, weak, orr_weak_new(thread, node.ref, NULL, NULL, NULL));
        cr_assert(weak.ref);
    }
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    if (stage_finds_all()) {
        cr_assert_eq(result.number, 0, "%s", world_name(&stage.world));
        cr_assert(result.finalizers_pending > 0, "%s", world_name(&stage.world));
    }
    world_verify(&stage.world, false);
    stage_announce(&stage.flags[MAY_GO]);
    helper_join(&helper, thread);
    stage_settle(2);
}

/* --- d5: the order -------------------------------------------------------------------------------- */

/* A finalizer of the last release still finds itself; that of a cycle does not. */
static void
upgrade_itself(struct orr_thread *thread, struct creature *creature)
{
    ORR_OWN(thread, referent, stage_weak_get(thread, (uint32_t)creature->payload.id));
    if (stage.way == BY_COLLECTION)
        cr_assert_null(referent.ref, "%s: not cleared before finalizers", world_name(&stage.world));
    else if (ORR_COUNTED)
        cr_assert_eq(referent.ref, &creature->header, "%s: cleared before the finalizer",
                     world_name(&stage.world));
}

static void
see_order(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread;
    (void)weak;
    (void)argument;
    cr_assert_eq(orr_load_acquire(&stage.destroyed), 0, "%s", world_name(&stage.world));
    if (stage.way == BY_COLLECTION)
        cr_assert_eq(orr_load_acquire(&stage.finalized), 0, "%s: a finalizer before a callback",
                     world_name(&stage.world));
    else if (ORR_COUNTED)
        cr_assert_eq(orr_load_acquire(&stage.finalized), 1);
}

static void
d5_order(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = upgrade_itself;
    misbehave = see_order;
    {
        ORR_OWN(thread, one, creature_chain(thread, &creature_type, 0, 1));
        watch(thread, 0, one.ref);
        stage_let_die(orr_take(&one), 1);
    }
    stage_settle(1);
    cr_assert_eq(orr_load_acquire(&stage.called), 1, "%s", world_name(&stage.world));
}

/* A weak reference that is itself garbage is not called. */
static void
d5_trash(void)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, pair, new_pair(thread, 1));
        ORR_OWN(thread, weak, orr_weak_new(thread, pair.ref, run_callback, NULL, NULL));
        ORR_OWN(thread, next, orr_get(thread, pair.ref, 0));
        orr_set(thread, next.ref, 1, weak.ref);
        orr_own_set(&weak, NULL);
        orr_own_set(&next, NULL);
        stage_let_die(orr_take(&pair), 2);
    }
    stage_settle(2);
    cr_assert_eq(orr_load_acquire(&stage.called), 0, "%s: garbage was called",
                 world_name(&stage.world));
}

/* --- d7: between proof and freeing ---------------------------------------------------------------- */

static void
wait_in_finalizer(struct orr_thread *thread, struct creature *creature)
{
    (void)creature;
    stage_announce(&stage.flags[HAS_COME]);
    stage_await_blocked(thread, &stage.flags[MAY_GO], 1);
}

static void
drop_kept(struct orr_thread *thread)
{
    root_put(thread, &stage.keep[0], NULL);
    orr_settle(thread);
}

static void
d7_between(void)
{
    struct orr_thread *const thread = stage.world.thread;
    struct helper helper;
    stage.on_finalize = wait_in_finalizer;
    root_put(thread, &stage.keep[0], new_pair(thread, 1));
    {
        ORR_OWN(thread, pair, root_load(thread, &stage.keep[0]));
        ORR_OWN(thread, next, orr_get(thread, pair.ref, 0));
        stage_weak(thread, 0, pair.ref, false);
        stage_weak(thread, 1, next.ref, true);
    }
    helper_start(&helper, drop_kept);
    stage_await_blocked(thread, &stage.flags[HAS_COME], 1);
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert(stage_weak_is_null(thread, 0) && stage_weak_is_null(thread, 1),
                  "%s: garbage that is being finalized was given out", world_name(&stage.world));
        if (i % 50 == 0)
            world_verify(&stage.world, false);
    }
    stage_announce(&stage.flags[MAY_GO]);
    helper_join(&helper, thread);
    stage_await(thread, &stage.finalized, 2);
    stage_settle(2);
}

/* --- d9: many, and no memory ---------------------------------------------------------------------- */

static void
count_called(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread;
    (void)weak;
    (void)argument;
}

static void
d9_many(void)
{
    struct orr_thread *const thread = stage.world.thread;
    const bool first = stage.world.heap->kind == orr_heap_kinds[0] && stage.way == BY_RELEASE;
    const uint32_t many = UNDER_SANITIZER ? 3000 : first ? 1000000 : 50000;
    misbehave = count_called;
    {
        ORR_OWN(thread, referent, creature_chain(thread, &creature_type, 1, 1));
        ORR_OWN(thread, all, orr_new_array(thread, &type_plain, many, 0));
        cr_assert(all.ref);
        for (uint32_t i = 0; i < many; i++)
            orr_give_slot(thread, all.ref, orr_element(all.ref, i),
                          orr_weak_new(thread, referent.ref, run_callback, NULL, NULL));
        cr_assert_eq(orr_weak_count(thread, referent.ref), many);
        root_put(thread, &stage.keep[0], orr_take(&all));
        stage_let_die(orr_take(&referent), 1);
    }
    stage_settle(1);
    stage_await(thread, &stage.called, many);
    cr_assert_eq(orr_load_acquire(&stage.called), many, "%s: %u callbacks",
                 world_name(&stage.world), orr_load_acquire(&stage.called));
}

static void
forget_books(struct orr_heap_options *options)
{
    options->ledger = options->verify = false;
}

/* Every allocation that the creation of a weak reference needs is refused once: null, and nothing is changed. */
static void
d9_refused(void)
{
    struct orr_thread *const thread = stage.world.thread;
    ORR_OWN(thread, referent, creature_chain(thread, &creature_type, 1, 1));
    stage_weak(thread, 0, referent.ref, true);
    for (uint32_t i = 0; i < 300; i++) { /* the table grows now and then */
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        ORR_OWN(thread, weak, NULL);
        cr_assert(node.ref);
        for (uint64_t n = 1; !weak.ref; n++) {
            cr_assert(n < 50);
            orr_fail_allocation(n, false);
            orr_own_set(&weak, orr_weak_new(thread, node.ref, NULL, NULL, NULL));
            orr_fail_allocation(0, false);
            cr_assert(weak.ref || orr_weak_count(thread, node.ref) == 0);
        }
        ORR_OWN(thread, again, orr_weak_get(thread, weak.ref));
        cr_assert_eq(again.ref, node.ref);
        ORR_OWN(thread, first, stage_weak_get(thread, 0));
        cr_assert_eq(first.ref, referent.ref);
        if (i < KEEPS - 1) { /* some stay */
            root_put(thread, &stage.weaks[1 + i], orr_take(&weak));
            root_put(thread, &stage.keep[i], orr_take(&node));
        }
    }
    world_verify(&stage.world, false);
    stage_let_die(orr_take(&referent), 1);
    stage_settle(1);
    cr_assert_eq(orr_load_acquire(&stage.called), 1);
}

/* --- d11: immortals ------------------------------------------------------------------------------- */

static void
d11_immortal(void)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, creature, creature_new(thread, &creature_type, 1));
        stage_weak(thread, 0, creature.ref, true);
        cr_assert(orr_immortalise(thread, creature.ref));
        stage_weak(thread, 1, creature.ref, true);
    }
    orr_settle(thread);
    for (uint32_t i = 0; i < 2; i++) {
        ORR_OWN(thread, referent, stage_weak_get(thread, i));
        cr_assert(referent.ref, "%s: an immortal has died", world_name(&stage.world));
        creature_check(creature_of(referent.ref));
    }
    cr_assert_eq(orr_load_acquire(&stage.called), 0);
    stage.immortals = 1;
    orr_sub_relaxed(&stage.born, 1);
}

/* --- the cases ------------------------------------------------------------------------------------ */

#define RACE(name, collector, story, extra)                                                        \
    Test(name, collector)                                                                          \
    {                                                                                              \
        stage_extra = extra;                                                                       \
        stage_each(orr_collector_find(#collector), story, true, true, BOTH);                       \
    }

#define COLLECTOR(collector, summary)                                                              \
    RACE(d1_upgrade_races_last_release, collector, d1_race, upgrade_all_the_time)                  \
    RACE(d2_creation_races_destruction, collector, d2_race, create_all_the_time)                   \
    RACE(d3_dies_together_with_its_referent, collector, d3_race, drop_all_the_time)                \
    CASE(d4_callback_that_takes_the_next, collector, d4_resurrects, true, true, BOTH)              \
    CASE(d4_callback_that_allocates, collector, d4_allocates, true, true, BOTH)                    \
    CASE(d4_callback_that_collects, collector, d4_collects, true, true, BOTH)                      \
    CASE(d4_callback_that_registers_and_clears, collector, d4_registers_and_clears, true, true,    \
         BOTH)                                                                                     \
    CASE(d4_callback_that_blocks, collector, d4_blocks, true, true, CROWDED)                       \
    CASE(d5_cleared_called_finalized, collector, d5_order, true, true, BOTH)                       \
    CASE(d5_garbage_is_not_called, collector, d5_trash, false, true, BOTH)                         \
    CASE(d7_upgrade_between_proof_and_freeing, collector, d7_between, false, true, CROWDED)        \
    CASE(d11_weak_reference_to_an_immortal, collector, d11_immortal, true, false, BOTH)            \
    Test(d9_refused_for_want_of_memory, collector)                                                 \
    {                                                                                              \
        stage_prepare = forget_books; /* which need memory themselves */                           \
        stage_each(orr_collector_find(#collector), d9_refused, true, true, ALONE);                 \
    }                                                                                              \
    Test(d9_a_million_to_one_object, collector)                                                    \
    {                                                                                              \
        stage_prepare = forget_books;                                                              \
        stage_each(orr_collector_find(#collector), d9_many, true, true, ALONE);                    \
    }
#include "collectors/list.def"
#undef COLLECTOR
