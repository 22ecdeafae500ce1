/* faults_last_acts.c - f20 and f21: finalizers that make their object immortal, or settle and let go of the next. */
#include "tests/conformance/faults.h"

/* Immortal, and one reference of its own more, which is not counted any more. */
static void
immortalise_itself(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    cr_assert(orr_immortalise(thread, &creature->header));
    orr_set(thread, &creature->header, 2, &creature->header);
}

/* It stays, and so does what it refers to. */
static void
f20_immortal(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = immortalise_itself;
    stage_let_die(creature_chain(thread, &creature_type, 1, 3), stage_finds_all() ? 3 : 1);
    orr_settle(thread);
    cr_assert_eq(orr_load_acquire(&stage.destroyed), 0, "%s", world_name(&stage.world));
    stage.immortals = 3;
    orr_sub_relaxed(&stage.born, 3);
}

/* stage.numbers: how deep we are, and how deep we have been. */
static void
settle_and_let_go(struct orr_thread *thread, struct creature *creature)
{
    if (++stage.numbers[0] > stage.numbers[1])
        stage.numbers[1] = stage.numbers[0];
    orr_settle(thread);
    orr_set(thread, &creature->header, 0, NULL);
    stage.numbers[0]--;
}

/* The next one dies of it, but not within the callback: a chain is not a stack (law 7). */
static void
f21_settles(void)
{
    stage.on_finalize = settle_and_let_go;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 9), 9);
    stage_settle(9);
    cr_assert_eq(stage.numbers[1], 1, "%s: %lu deep", world_name(&stage.world), (unsigned long)stage.numbers[1]);
}

#define COLLECTOR(collector, summary)                                                              \
    CASE(f20_makes_itself_immortal, collector, f20_immortal, true, true, ALONE)                    \
    CASE(f21_settles_and_lets_go_of_the_next, collector, f21_settles, true, true, ALONE)
#include "collectors/list.def"
#undef COLLECTOR
