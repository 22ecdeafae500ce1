/* faults_finalizers.c - group f: finalizers that misbehave.
 *
 * f5, f6 and f9, where a finalizer waits for somebody else, are in faults_waiting.c; f20 and f21 in
 * faults_last_acts.c. Not here: f11, a finalizer that leaves by longjmp (not allowed: locals are linked, local.h), and
 * one that detaches the thread it runs on (not allowed: thread.h). Old generations as a place of rescue are a
 * collector's own business; here it is a root, another garbage object, or an immortal one.
 */
#include "runtime/finalize.h"
#include "runtime/finish.h"
#include "tests/conformance/faults.h"

#include <stdlib.h>

/* --- f1: resurrection ----------------------------------------------------------------------------- */

/* Stores another reference to the object in the root. */
static void
keep(struct orr_thread *thread, uint32_t i, struct orr_object *object)
{
    orr_store_slot(thread, NULL, &stage.keep[i].slot, object);
}

static void
rescue_itself(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id == 1)
        keep(thread, 0, &creature->header);
}

/* What root i keeps is whole; then it goes for good. */
static void
see_kept_die(uint32_t i, uint32_t destroyed)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, kept, root_load(thread, &stage.keep[i]));
        cr_assert(kept.ref, "%s: nothing was kept", world_name(&stage.world));
        creature_check(creature_of(kept.ref));
    }
    stage.on_finalize = NULL;
    root_put(thread, &stage.keep[i], NULL);
    stage_settle(destroyed);
}

/* It is finalized once, survives collections, and its second death is silent. Its chain or ring lives with it. */
static void
f1_itself(void)
{
    stage.on_finalize = rescue_itself;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 3),
                  stage_finds_all() ? 3 : 1);
    stage_settle(0);
    cr_assert_eq(orr_load_acquire(&stage.finalized), stage_finds_all() ? 3 : 1);
    see_kept_die(0, 3);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 3, "%s", world_name(&stage.world));
}

static void
rescue_neighbour(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    ORR_OWN(thread, next, orr_get(thread, &creature->header, 0));
    keep(thread, 0, next.ref);
}

static void
f1_neighbour(void)
{
    stage.on_finalize = rescue_neighbour;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 3),
                  stage_finds_all() ? 3 : 1);
    stage_settle(stage.way == BY_RELEASE ? 1 : 0); /* of a ring, the neighbour holds all */
    see_kept_die(0, 3);
}

static void
rescue_any(struct orr_thread *thread, struct creature *creature)
{
    keep(thread, (uint32_t)creature->payload.id, &creature->header);
}

static void
f1_everything(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = rescue_any;
    stage_let_die(creature_chain(thread, &creature_type, 0, KEEPS), stage_finds_all() ? KEEPS : 1);
    stage_settle(0);
    for (uint32_t i = 1; i < KEEPS; i++)
        root_put(thread, &stage.keep[i], NULL);
    stage_settle(0);
    see_kept_die(0, KEEPS);
}

/* Two rings; the finalizer of the one moves it into the other, which is garbage too. */
static void
move_over(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    ORR_OWN(thread, other, orr_get(thread, &creature->header, 1));
    orr_set(thread, other.ref, 2, &creature->header);
}

static void
f1_other_garbage(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = move_over;
    {
        ORR_OWN(thread, ring, creature_chain(thread, &creature_type, 1, 2));
        ORR_OWN(thread, other, creature_chain(thread, &creature_type, 11, 2));
        orr_set(thread, ring.ref, 1, other.ref);
        orr_own_set(&other, NULL);
        stage_let_die(orr_take(&ring), 4);
    }
    stage_settle(4);
}

static struct orr_object *refuge; /* immortal */

static void
store_into_refuge(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id == 1)
        orr_set(thread, refuge, 0, &creature->header);
}

static void
f1_immortal(void)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref && orr_immortalise(thread, node.ref));
        refuge = node.ref;
    }
    stage.immortals = 1;
    stage.on_finalize = store_into_refuge;
    stage_let_die(creature_chain(thread, &creature_type, 1, 3), stage_finds_all() ? 3 : 1);
    stage_settle(0);
    {
        ORR_OWN(thread, kept, orr_get(thread, refuge, 0));
        cr_assert(kept.ref);
        creature_check(creature_of(kept.ref));
    }
    stage.on_finalize = NULL;
    orr_set(thread, refuge, 0, NULL);
    stage_settle(3);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 3);
}

/* --- f2, f3: allocation --------------------------------------------------------------------------- */

enum { PLENTY = UNDER_SANITIZER ? 2000 : 50000 };

/* As many objects as the story says, of which every tenth is kept in a list for the time being. */
static void
allocate(struct orr_thread *thread, struct creature *creature)
{
    ORR_OWN(thread, list, NULL);
    if (creature->payload.id != 1)
        return;
    for (uint64_t i = 0; i < stage.numbers[0]; i++) {
        ORR_OWN(thread, node, orr_new(thread, &type_node));
        cr_assert(node.ref);
        if (i % 10)
            continue;
        if (list.ref)
            orr_set(thread, node.ref, 0, list.ref);
        orr_own_set(&list, orr_take(&node));
    }
}

static void
allocate_in_finalizer(uint64_t count)
{
    stage.on_finalize = allocate;
    stage.numbers[0] = count;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 3), 3);
    stage_settle(3);
}

static void
f2_one(void)
{
    allocate_in_finalizer(1);
}

static void
f2_many(void)
{
    allocate_in_finalizer(PLENTY);
}

static void
limit_heap(struct orr_heap_options *options)
{
    options->bytes_limit = 4 << 20;
}

/* Takes all memory there is, is refused, and lets go. */
static void
take_all_memory(struct orr_thread *thread, struct creature *creature)
{
    enum { RAW = 10000 };
    if (creature->payload.id != 1)
        return;
    ORR_OWN(thread, list, NULL);
    for (;;) {
        ORR_OWN(thread, array, orr_new_array(thread, &type_plain, 1, RAW));
        if (!array.ref)
            break;
        cr_assert(stage.numbers[1]++ < 10000, "%s: the limit is no limit",
                  world_name(&stage.world));
        orr_set_slot(thread, array.ref, orr_element(array.ref, 0), list.ref);
        orr_own_set(&list, orr_take(&array));
    }
    creature_check(creature);
}

static void
f3_limit(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = take_all_memory;
    stage_let_die(creature_chain(thread, &creature_type, 1, 3), 3);
    cr_assert(stage.numbers[1] > 100, "%s: refused after %lu", world_name(&stage.world),
              (unsigned long)stage.numbers[1]);
    stage_settle(3);
    if (stage.world.heap->collector->hooks & ORR_HOOK_DEAD)
        return; /* memory of the dead may be kept for good */
    ORR_OWN(thread, array, orr_new_array(thread, &type_plain, 1, 1 << 20));
    cr_assert(array.ref, "%s: what was let go is not given again", world_name(&stage.world));
}

/* --- f4: peers ------------------------------------------------------------------------------------ */

static void
drop_next(struct orr_thread *thread, struct creature *creature)
{
    orr_set(thread, &creature->header, 0, NULL);
    creature_check(creature);
}

/* Each finalizer lets go of the next: a ring falls apart while its finalizers run. */
static void
f4_peers(void)
{
    stage.on_finalize = drop_next;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 6), 6);
    stage_settle(6);
}

static void
drop_next_of_first(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id == 1)
        drop_next(thread, creature);
}

/* One breaks its own ring; references from it hold neighbours alone. */
static void
f4_own_cycle(void)
{
    stage.on_finalize = drop_next_of_first;
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 4), 4);
    stage_settle(4);
}

/* The last reference to a living thing, held by the garbage alone or by a root: both go in the finalizer. */
static void
throw_away(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    root_put(thread, &stage.keep[0], NULL);
    orr_set(thread, &creature->header, 1, NULL);
    creature_check(creature);
}

static void
f4_last_external(void)
{
    struct orr_thread *const thread = stage.world.thread;
    const enum way way = stage.way;
    ORR_OWN(thread, garbage, creature_chain(thread, &creature_type, 1, 1));
    stage.way = BY_RELEASE; /* chains */
    root_put(thread, &stage.keep[0], creature_chain(thread, &creature_type, 11, 2));
    orr_give(thread, garbage.ref, 1, creature_new(thread, &creature_type, 21));
    stage.way = way;
    stage.on_finalize = throw_away;
    /* of the outside chain, without counts, nobody knows before the next collection */
    stage_let_die(orr_take(&garbage), ORR_COUNTED ? 4 : 2);
    stage_settle(4);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 4);
}

/* --- f7, f8: cycles, peers ------------------------------------------------------------------------ */

/* A ring of two fresh objects, and one with the creature itself. */
static void
make_cycles(struct orr_thread *thread, struct creature *creature)
{
    ORR_OWN(thread, one, orr_new(thread, &type_node));
    ORR_OWN(thread, other, orr_new(thread, &type_node));
    ORR_OWN(thread, third, orr_new(thread, &type_node));
    cr_assert(one.ref && other.ref && third.ref);
    orr_set(thread, one.ref, 0, other.ref);
    orr_set(thread, other.ref, 0, one.ref);
    orr_set(thread, third.ref, 0, &creature->header);
    orr_set(thread, &creature->header, 1, third.ref);
}

static void
f7_cycles(void)
{
    const bool complete = is_complete(stage.world.heap->collector);
    stage.on_finalize = make_cycles;
    /* what is alive again through its own cycle does not drop the rest of the chain */
    stage_let_die(creature_chain(stage.world.thread, &creature_type, 1, 3),
                  stage_finds_all() ? 3 : 1);
    if (!complete)
        return; /* they leak */
    stage_settle(3);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 3);
}

/* All of the ring is there, finalized or not; weak references are not. */
static void
look_at_peers(struct orr_thread *thread, struct creature *creature)
{
    const struct creature *peer = creature;
    uint32_t count = 0;
    do {
        creature_check((struct creature *)orr_slot_peek(&peer->slots[0]));
        peer = (const struct creature *)orr_slot_peek(&peer->slots[0]);
        cr_assert(++count <= 5);
    } while (peer != creature);
    cr_assert_eq(count, 5);
    cr_assert(stage_weak_is_null(thread, 0), "%s: weak references last till finalizers",
              world_name(&stage.world));
}

static void
f8_peers(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = look_at_peers;
    ORR_OWN(thread, ring, creature_chain(thread, &creature_type, 1, 5));
    stage_weak(thread, 0, ring.ref, false);
    stage_let_die(orr_take(&ring), 5);
    stage_settle(5);
}

/* --- f10: an error -------------------------------------------------------------------------------- */

static void
raise_error(struct orr_thread *thread, struct creature *creature)
{
    cr_assert_null(orr_raised(thread), "%s: somebody else's error", world_name(&stage.world));
    orr_raise(thread, ORR_BAD_INPUT, "creature %lu does not like it",
              (unsigned long)creature->payload.id);
}

/* Each goes to the sink; the one that the program carries stays. */
static void
f10_error(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = raise_error;
    orr_raise(thread, ORR_OUT_OF_MEMORY, "the program's own");
    stage_let_die(creature_chain(thread, &creature_type, 1, 4), 4);
    stage_settle(4);
    cr_assert_eq(orr_load_relaxed(&stage.failed), 4, "%s: %u errors were told",
                 world_name(&stage.world), orr_load_relaxed(&stage.failed));
    const struct orr_error *const error = orr_raised(thread);
    cr_assert(error && error->status == ORR_OUT_OF_MEMORY);
    cr_assert_str_eq(error->message, "the program's own");
    orr_raise_clear(thread);
}

/* --- f12, f13 ------------------------------------------------------------------------------------- */

/* Twice rescued: but the second time nobody asks it. Green ones are asked at each death, rule 33. */
static void
rescue_at_first(struct orr_thread *thread, struct creature *creature)
{
    if (orr_load_relaxed(&creature->finalized) == 1)
        keep(thread, 0, &creature->header);
}

static void
f12_twice(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = rescue_at_first;
    stage_let_die(creature_chain(thread, &creature_type, 1, 1), 1);
    stage_settle(0);
    root_put(thread, &stage.keep[0], NULL);
    stage_settle(1);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 1);
}

static void
f12_green(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = rescue_at_first;
    stage_let_die(creature_new(thread, &creature_green_type, 1), 1);
    stage_settle(0);
    root_put(thread, &stage.keep[0], NULL);
    stage_settle(1);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 2);
}

static void
note_end(struct orr_thread *thread, void *argument)
{
    (void)thread;
    (void)argument;
    orr_add_acq_rel(&stage.flags[0], 1);
}

static struct orr_finalize *watch;

/* A weak reference with a callback, and an entry of the registry: for an object that dies all the same. */
static void
watch_itself(struct orr_thread *thread, struct creature *creature)
{
    if (creature->payload.id != 1)
        return;
    stage_weak(thread, 0, &creature->header, true);
    watch = orr_finalize_add(thread, &creature->header, note_end, NULL);
    cr_assert(watch);
}

static void
f13_itself(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = watch_itself;
    stage_let_die(creature_chain(thread, &creature_type, 1, 2), 2);
    stage_settle(2);
    cr_assert(stage_weak_is_null(thread, 0), "%s: a weak reference to the dead",
              world_name(&stage.world));
    cr_assert(orr_load_acquire(&stage.called) <= 1);
    orr_finalize_call(thread, watch); /* now at the latest, and not again */
    cr_assert_eq(orr_load_acquire(&stage.flags[0]), 1, "%s: called %u times",
                 world_name(&stage.world), orr_load_acquire(&stage.flags[0]));
    cr_assert(!orr_finalize_is_alive(watch));
}

/* --- f14: candidates ------------------------------------------------------------------------------ */

enum { CROWD = UNDER_SANITIZER ? 500 : 3000 };

/* Decrements of the living: each is a candidate, while a collection works at candidates. */
static void
touch_crowd(struct orr_thread *thread, struct creature *creature)
{
    (void)creature;
    ORR_OWN(thread, crowd, root_load(thread, &stage.keep[0]));
    for (uint32_t i = 0; i < CROWD; i++) {
        ORR_OWN(thread, member, orr_get_slot(thread, orr_element(crowd.ref, i)));
        orr_set(thread, member.ref, 0, member.ref);
        orr_set(thread, member.ref, 0, NULL);
    }
}

static void
f14_candidates(void)
{
    struct orr_thread *const thread = stage.world.thread;
    orr_buffers_tiny(true);
    {
        ORR_OWN(thread, crowd, orr_new_array(thread, &type_plain, CROWD, 0));
        cr_assert(crowd.ref);
        for (uint32_t i = 0; i < CROWD; i++) {
            ORR_OWN(thread, member, orr_new(thread, &type_node));
            cr_assert(member.ref);
            orr_set_slot(thread, crowd.ref, orr_element(crowd.ref, i), member.ref);
        }
        root_put(thread, &stage.keep[0], orr_take(&crowd));
    }
    stage.on_finalize = touch_crowd;
    stage_let_die(creature_chain(thread, &creature_type, 1, 3), 3);
    stage_settle(3);
    orr_buffers_tiny(false);
}

/* --- f15: no quadratic work ----------------------------------------------------------------------- */

static void
litter(struct orr_thread *thread, struct creature *creature)
{
    (void)creature;
    ORR_OWN(thread, node, orr_new(thread, &type_node));
    cr_assert(node.ref);
    if (is_complete(stage.world.heap->collector))
        orr_set(thread, node.ref, 0, node.ref);
}

static void
forget_books(struct orr_heap_options *options)
{
    options->ledger = options->verify = false;
}

/* Processor time for `count` creatures, in rings of two or alone, whose finalizers all make garbage. */
static uint64_t
time_of(uint32_t count)
{
    struct orr_thread *const thread = stage.world.thread;
    const uint64_t start_ns = orr_thread_cpu_ns();
    {
        ORR_OWN(thread, all, orr_new_array(thread, &type_plain, count / 2, 0));
        cr_assert(all.ref);
        for (uint32_t i = 0; i < count / 2; i++)
            orr_give_slot(thread, all.ref, orr_element(all.ref, i),
                          creature_chain(thread, &creature_type, i, 2));
    }
    orr_settle(thread);
    return orr_thread_cpu_ns() - start_ns;
}

static int
compare_times(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The first round warms the heap up. */
static uint64_t
median_time_of(uint32_t count)
{
    enum { RUNS = 5 };
    uint64_t times[RUNS];
    time_of(count);
    for (uint32_t i = 0; i < RUNS; i++)
        times[i] = time_of(count);
    qsort(times, RUNS, sizeof times[0], compare_times);
    return times[RUNS / 2];
}

static void
f15_time(void)
{
    enum { FEW = UNDER_SANITIZER ? 5000 : 50000, MOST_TIMES = 3 };
    if (stage.world.heap->kind != orr_heap_kinds[0])
        return; /* the others allocate differently, and that is all */
    stage.on_finalize = litter;
    const uint64_t few_ns = median_time_of(FEW), many_ns = median_time_of(FEW * 2);
    cr_assert(many_ns <= MOST_TIMES * 2 * few_ns, "%s: %lu us for %d, %lu us for twice as many",
              world_name(&stage.world), (unsigned long)few_ns / 1000, FEW,
              (unsigned long)many_ns / 1000);
}

/* --- f16, f17, f18 -------------------------------------------------------------------------------- */

/* At the end of the heap: they may still allocate. */
static void
f16_end(void)
{
    struct orr_thread *const thread = stage.world.thread;
    struct orr_leaks leaks;
    stage.on_finalize = allocate;
    stage.numbers[0] = 100;
    orr_release(thread, creature_chain(thread, &creature_type, 1, 3));
    orr_release(thread, creature_chain(thread, &creature_type, 11, 3));
    stage_announce(&stage.is_over); /* they hold objects of their own until then */
    cr_assert_eq(orr_heap_finish(thread, &leaks), ORR_OK);
    if (stage.threads == 1)
        cr_assert_eq(leaks.objects, 0, "%s: %lu objects are left", world_name(&stage.world),
                     (unsigned long)leaks.objects);
    orr_leaks_free(&leaks);
    stage_await(thread, &stage.finalized, 6); /* an extra may have found them first */
    stage_settle(6);
}

/* It does not die, whatever is dropped. */
static void
f17_immortal(void)
{
    struct orr_thread *const thread = stage.world.thread;
    {
        ORR_OWN(thread, creature, creature_new(thread, &creature_type, 1));
        cr_assert(orr_immortalise(thread, creature.ref));
    }
    orr_settle(thread);
    cr_assert_eq(orr_load_acquire(&stage.finalized), 0, "%s", world_name(&stage.world));
    stage.immortals = 1;
    orr_sub_relaxed(&stage.born, 1);
}

/* The type with priority goes first, in whichever ring it is. */
static void
note_order(struct orr_thread *thread, struct creature *creature)
{
    (void)thread;
    if (orr_type_of(&creature->header) == &creature_first_type)
        cr_assert(stage.numbers[0] < 3, "%s: creature %lu comes too late", world_name(&stage.world),
                  (unsigned long)creature->payload.id);
    stage.numbers[0]++;
}

static void
f18_two_cycles(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = note_order;
    ORR_OWN(thread, one, creature_chain(thread, &creature_type, 1, 3));
    ORR_OWN(thread, other, creature_chain(thread, &creature_first_type, 11, 3));
    orr_set(thread, one.ref, 1, other.ref);
    orr_set(thread, other.ref, 1, one.ref);
    orr_own_set(&other, NULL);
    stage_let_die(orr_take(&one), 6);
    stage_settle(6);
}

/* --- the cases ------------------------------------------------------------------------------------ */

#define COLLECTOR(collector, summary)                                                              \
    CASE(f1_resurrects_itself, collector, f1_itself, true, true, BOTH)                             \
    CASE(f1_resurrects_a_neighbour, collector, f1_neighbour, true, true, BOTH)                     \
    CASE(f1_resurrects_everything, collector, f1_everything, true, true, BOTH)                     \
    CASE(f1_moves_into_other_garbage, collector, f1_other_garbage, false, true, BOTH)              \
    CASE(f1_stores_itself_into_an_immortal_object, collector, f1_immortal, true, true, BOTH)       \
    CASE(f2_allocates_one_object, collector, f2_one, true, true, BOTH)                             \
    CASE(f2_allocates_many_objects, collector, f2_many, true, true, BOTH)                          \
    CASE(f4_drops_its_peers, collector, f4_peers, true, true, BOTH)                                \
    CASE(f4_drops_its_own_cycle, collector, f4_own_cycle, true, true, BOTH)                        \
    CASE(f4_throws_away_its_last_external_reference, collector, f4_last_external, true, true,      \
         BOTH)                                                                                     \
    CASE(f7_makes_new_cycles, collector, f7_cycles, true, true, BOTH)                              \
    CASE(f8_sees_finalized_peers_whole, collector, f8_peers, false, true, BOTH)                    \
    CASE(f10_raises_an_error, collector, f10_error, true, true, BOTH)                              \
    CASE(f12_dies_twice_is_finalized_once, collector, f12_twice, true, true, BOTH)                 \
    CASE(f12_green_ones_are_finalized_at_each_death, collector, f12_green, true, false, BOTH)      \
    CASE(f13_watches_itself, collector, f13_itself, true, true, BOTH)                              \
    CASE(f14_grows_the_candidate_buffer, collector, f14_candidates, true, true, BOTH)              \
    CASE(f16_runs_at_the_end, collector, f16_end, true, true, BOTH)                                \
    CASE(f17_of_an_immortal_does_not_run, collector, f17_immortal, true, false, BOTH)              \
    CASE(f18_two_cycles_that_refer_to_each_other, collector, f18_two_cycles, false, true, BOTH)    \
    Test(f3_meets_the_heap_limit, collector)                                                       \
    {                                                                                              \
        stage_prepare = limit_heap;                                                                \
        stage_each(orr_collector_find(#collector), f3_limit, true, true, ALONE);                   \
    }                                                                                              \
    Test(f15_takes_linear_time, collector)                                                         \
    {                                                                                              \
        stage_prepare = forget_books;                                                              \
        stage_each(orr_collector_find(#collector), f15_time, true, true, ALONE);                   \
    }
#include "collectors/list.def"
#undef COLLECTOR
