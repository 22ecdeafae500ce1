/* faults_waiting.c - group f, where a finalizer waits: for a collection it asks for, for another thread, for a
 * lock. The world runs meanwhile, and others go on.
 */
#include "tests/conformance/faults.h"

/* --- f5: collecting ------------------------------------------------------------------------------- */

static void
collect_here(struct orr_thread *thread, struct creature *creature)
{
    struct orr_gc_result result = {0};
    struct orr_error error;
    for (int generation = 0; generation <= ORR_GENERATION_OLDEST; generation++) {
        cr_assert_eq(orr_gc_collect(thread, generation, &result, &error), ORR_OK);
        if (stage_finds_all()) /* in a collection: it does not nest */
            cr_assert_eq(result.number, 0, "%s: a collection in a collection",
                         world_name(&stage.world));
        creature_check(creature);
    }
}

static void
f5_here(void)
{
    stage.on_finalize = collect_here;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 5), 5);
    stage_settle(5);
}

static void
collect_there(struct orr_thread *thread)
{
    struct orr_gc_result result = {0};
    struct orr_error error;
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, &error), ORR_OK);
    if (stage_finds_all()) {
        cr_assert_eq(result.number, 0, "%s", world_name(&stage.world));
        cr_assert(result.finalizers_pending > 0, "%s: no finalizer is pending, they say",
                  world_name(&stage.world));
    }
    ORR_OWN(thread, node, orr_new(thread, &type_node));
    cr_assert(node.ref);
}

static void
collect_on_another_thread(struct orr_thread *thread, struct creature *creature)
{
    struct helper helper;
    helper_start(&helper, collect_there);
    helper_join(&helper, thread);
    creature_check(creature);
}

static void
f5_elsewhere(void)
{
    stage.on_finalize = collect_on_another_thread;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 2), 2);
    stage_settle(2);
}

/* --- f6: waiting ---------------------------------------------------------------------------------- */

enum { HAS_COME, MAY_GO, IS_LOCKED };

static void
block(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    stage_announce(&stage.flags[HAS_COME]);
    stage_await_blocked(thread, &stage.flags[MAY_GO], 1);
    creature_check(creature);
}

/* What it drops is its own: the finalizer of another's could run where that one merges, and wait for itself. */
static void
make_and_drop(struct orr_thread *thread)
{
    orr_release(thread, creature_chain(thread, &creature_type, 1, 3));
    if (stage_finds_all())
        orr_settle(thread);
}

static void
go_on(struct orr_thread *thread)
{
    for (uint32_t i = 0; i < 2000; i++) {
        ORR_OWN(thread, one, orr_new(thread, &type_node));
        ORR_OWN(thread, other, orr_new(thread, &type_node));
        cr_assert(one.ref && other.ref);
        orr_set(thread, one.ref, 0, other.ref);
        orr_poll(thread);
    }
}

/* A finalizer blocks on another thread. Everybody goes on, and a collection that is asked for says what it
 * would have to wait for. */
static void
f6_blocks(void)
{
    struct orr_thread *const thread = stage.world.thread;
    struct orr_gc_result result = {0};
    struct helper helper;
    stage.on_finalize = block;
    helper_start(&helper, make_and_drop);
    stage_await_blocked(thread, &stage.flags[HAS_COME], 1);
    go_on(thread);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    if (stage_finds_all()) {
        cr_assert_eq(result.number, 0, "%s", world_name(&stage.world));
        cr_assert_eq(result.finalizers_pending, 3 - orr_load_acquire(&stage.finalized), "%s: %lu",
                     world_name(&stage.world), (unsigned long)result.finalizers_pending);
        cr_assert_eq(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
        cr_assert_eq(result.number, 0, "%s", world_name(&stage.world));
        cr_assert(result.finalizers_pending > 0, "%s", world_name(&stage.world));
    }
    world_verify(&stage.world, false); /* the world can be stopped meanwhile */
    go_on(thread);
    stage_announce(&stage.flags[MAY_GO]);
    helper_join(&helper, thread);
    stage_await(thread, &stage.finalized, 3);
    stage_settle(3);
}

static struct orr_mutex lock;

static void
take_lock(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    stage_announce(&stage.flags[HAS_COME]);
    orr_block_enter(thread);
    orr_mutex_lock(&lock);
    orr_mutex_unlock(&lock);
    orr_block_leave(thread);
}

/* Takes the lock in a blocking region, and comes out of it with the lock, to allocate and to collect, while a
 * finalizer waits for it. */
static void
hold_lock(struct orr_thread *thread)
{
    orr_block_enter(thread);
    orr_mutex_lock(&lock);
    stage_announce(&stage.flags[IS_LOCKED]);
    orr_block_leave(thread);
    stage_await_blocked(thread, &stage.flags[HAS_COME], 1);
    go_on(thread);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    orr_mutex_unlock(&lock);
}

static void
f6_lock(void)
{
    struct orr_thread *const thread = stage.world.thread;
    struct helper helper;
    orr_mutex_init(&lock);
    stage.on_finalize = take_lock;
    ORR_OWN(thread, garbage, creature_chain(thread, &creature_type, 1, 3));
    helper_start(&helper, hold_lock);
    stage_await_blocked(thread, &stage.flags[IS_LOCKED], 1);
    stage_let_die(orr_take(&garbage), 3);
    helper_join(&helper, thread);
    stage_settle(3);
    orr_mutex_fini(&lock);
}

/* --- f9: a thread --------------------------------------------------------------------------------- */

static void
live_a_little(struct orr_thread *thread)
{
    go_on(thread);
    orr_add_acq_rel(&stage.flags[HAS_COME], 1);
}

static void
start_thread(struct orr_thread *thread, struct creature *creature)
{
    struct helper helper;
    helper_start(&helper, live_a_little);
    helper_join(&helper, thread);
    creature_check(creature);
}

static void
f9_thread(void)
{
    stage.on_finalize = start_thread;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 3), 3);
    cr_assert_eq(orr_load_acquire(&stage.flags[HAS_COME]), 3);
    stage_settle(3);
}

/* --- the cases ------------------------------------------------------------------------------------ */

#define COLLECTOR(collector, summary)                                                              \
    CASE(f5_collects, collector, f5_here, true, true, BOTH)                                        \
    CASE(f5_collects_on_a_thread_it_joins, collector, f5_elsewhere, true, true, CROWDED)           \
    CASE(f6_blocks_while_others_go_on, collector, f6_blocks, true, true, CROWDED)                  \
    CASE(f6_takes_a_lock_that_a_mutator_holds, collector, f6_lock, true, true, CROWDED)            \
    CASE(f9_starts_a_thread, collector, f9_thread, true, true, CROWDED)
#include "collectors/list.def"
#undef COLLECTOR
