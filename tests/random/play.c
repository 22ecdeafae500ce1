/* play.c - plays a program: threads by turns, under the judge; or freely, compared where they meet.
 *
 * By turns: whoever waits is in a blocking region, so that others can stop the world, merge and collect for it. A turn
 * ends in the next blocking region; what callbacks saw meanwhile belongs to it.
 *
 * Freely: what is expected does not depend on the order. Where all meet (OP_BARRIER), with the world stopped:
 *   each object that the heap has is whole and not destroyed; each that it has not was destroyed once
 *   counted references = slots + roots + hands, object by object
 *   what is reached is there; after settling, nothing else is
 *   weak references lead to what is there, or nowhere; the verifier agrees
 *
 * Compiled once per variant of a strategy. The stage is static: one program at a time in a process.
 */
#include "tests/random/play.h"

#include "tests/conformance/variant.h"
#include "tests/random/acts.h"
#include "tests/random/census.h"
#include "tests/random/judge.h"

enum { PARK_NS = 50000000, STEPS_MOST = OPS_MOST + THREADS_MOST + 1 };

static struct {
    struct program *program;
    struct judge judge;
    struct player players[THREADS_MOST];
    _Atomic(uint32_t) turn;          /* of this step */
    _Atomic(uint32_t) arrived, left; /* at barriers, all in all */
    _Atomic(uint32_t) ready;         /* at starting lines, likewise */
    _Atomic(uint8_t) born[THINGS];   /* freely */
} play;

static void
stage_note(enum note what, unsigned object, unsigned other)
{
    if (stage.is_free) {
        if (what == NOTE_SPAWN)
            orr_store_relaxed(&play.born[other], 1); /* relaxed: read after all have met */
        return;
    }
    bool is_collecting = false;
    for (unsigned i = 0; i < play.program->threads; i++)
        is_collecting |= play.players[i].thread && play.players[i].thread->collecting;
    judge_note(&play.judge, what, object, other, is_collecting);
}

/* --- one operation ----------------------------------------------------------------------------------- */

static bool
is_complete(void)
{
    return stage.heap->collector->completeness != 0 || stage.heap->collector->settle;
}

/* By moving, or by copying: see act_give. Without a judge nobody knows which reference is the last. */
static bool
copies(struct op *op)
{
    const bool does = stage.is_free ? stage.heap->wants_candidates : judge_loses(&play.judge, op);
    op->d = (uint8_t)(does ? COPIES : 0);
    return does;
}

static const void *
perform(struct player *p, struct op *op)
{
    static const char done;
    switch ((enum op_kind)op->kind) {
    case OP_NEW: return act_new(p, op->a, op->b, op->c, op->d, op->id);
    case OP_COPY: return act_copy(p, op->a, op->b);
    case OP_MOVE: return act_move(p, op->a, op->b);
    case OP_DROP: return act_drop(p, op->a);
    case OP_GET: return act_get(p, op->a, op->b, op->c);
    case OP_SET: return act_set(p, op->a, op->b, op->c);
    case OP_GIVE: return act_give(p, op->a, op->b, op->c, copies(op));
    case OP_CLEAR: return act_clear(p, op->a, op->b);
    case OP_ASSIGN: return act_assign(p, op->a, op->b, op->c);
    case OP_PEEK: return act_peek(p, op->a, op->b);
    case OP_LOAD: return act_load(p, op->a, op->b, op->c);
    case OP_STORE: return act_store(p, op->a, op->b, op->c);
    case OP_EXCHANGE: return act_exchange(p, op->a, op->b, op->c, copies(op));
    case OP_ROOT_LOAD: return act_root_load(p, op->a, op->b);
    case OP_ROOT_STORE: return act_root_store(p, op->a, op->b);
    case OP_ROOT_EXCHANGE: return act_root_exchange(p, op->a, op->b);
    case OP_WEAK: return act_weak(p, op->a, op->b, op->c, op->d, op->id);
    case OP_UPGRADE: return act_upgrade(p, op->a, op->b);
    case OP_MAP: return act_map(p, op->a, op->id);
    case OP_MAP_SET: return act_map_set(p, op->a, op->b, op->c);
    case OP_MAP_GET: return act_map_get(p, op->a, op->b, op->c);
    case OP_MAP_REMOVE: return act_map_remove(p, op->a, op->b);
    case OP_RESCUE: return act_rescue(p, op->a, op->id);
    case OP_IMMORTAL: return act_immortal(p, op->a);
    case OP_PIN: return act_pin(p, op->a, op->b);
    case OP_UNPIN: return act_unpin(p, op->a);
    case OP_FREEZE: return act_freeze(p) ? &done : NULL;
    case OP_UNFREEZE: act_unfreeze(p); break;
    case OP_TRY: return act_try(p, op->a, op->b);
    case OP_UNIQUE: return act_unique(p, op->a) ? &done : NULL;
    case OP_COLLECT: return act_collect(p, op->d) ? &done : NULL;
    case OP_STEP: act_step(p); break;
    case OP_SETTLE: act_settle(p); break;
    case OP_BLOCK: act_block(p); break;
    case OP_REATTACH: act_reattach(p); break;
    case OP_POLL: act_poll(p); break;
    case OP_BARRIER:
    case OP_KINDS: break;
    }
    return NULL;
}

/* --- comparing with the census ------------------------------------------------------------------------- */

static void
compare_counts(void)
{
    for (unsigned i = 0; i < census.count; i++) {
        struct orr_object *const object = census.object[i];
        const int64_t counted = orr_count_stopped(object);
        if (stage.heap->rc->counts && !orr_is_immortal(object) && counted != census.references[i])
            wrong("object %d of type %s has %lld references, and counts %lld",
                  is_tagged(object) ? (int)id_of(object) : -1, orr_type_of(object)->name,
                  (long long)census.references[i], (long long)counted);
        if (is_tagged(object) && orr_load_relaxed(&stage.destroyed[id_of(object)])) /* relaxed: stopped */
            wrong("object %u was destroyed, and the heap has it", id_of(object));
    }
}

static void
compare_slots(const struct thing *thing, int id, struct orr_object *object)
{
    if (slots_of(object) != thing->slots)
        wrong("object %d has other slots than it was born with", id);
    for (unsigned i = 0; i < thing->slots; i++) {
        struct orr_object *const child = orr_slot_peek(slot_of(object, i));
        const int expected = thing->slot[i];
        const int found = !child ? NOTHING : is_tagged(child) ? (int)id_of(child) : expected;
        if (found != expected || (child && play.judge.shadow.thing[expected].address &&
                                  play.judge.shadow.thing[expected].address != child))
            wrong("slot %u of object %d refers to object %d, expected is %d", i, id, found, expected);
    }
}

/* Objects and slots are those of the judge's shadow. */
static void
compare_shadow(void)
{
    if (census.count != shadow_alive(&play.judge.shadow))
        wrong("the heap has %u objects, expected are %u", census.count, shadow_alive(&play.judge.shadow));
    for (unsigned i = 0; i < census.count; i++) {
        struct orr_object *const object = census.object[i];
        if (!is_tagged(object))
            continue;
        const int id = (int)id_of(object);
        const struct thing *const thing = &play.judge.shadow.thing[id];
        if (!thing->is_alive || (thing->address && thing->address != object))
            wrong("the heap has object %d at %p, which %s", id, (void *)object,
                  thing->is_alive ? "is elsewhere" : "is dead");
        compare_slots(thing, id, object);
    }
}

/* Where threads run freely. */
static void
compare_fates(bool is_settled)
{
    bool has[THINGS] = {false};
    for (unsigned i = 0; i < census.count; i++) {
        struct orr_object *const object = census.object[i];
        if (is_tagged(object)) {
            if (has[id_of(object)])
                wrong("object %u is there twice", id_of(object));
            has[id_of(object)] = true;
        }
        if (is_settled && is_complete() && !census.is_reached[i])
            wrong("object %d of type %s cannot be reached, and has outlived settling",
                  is_tagged(object) ? (int)id_of(object) : -1, orr_type_of(object)->name);
    }
    for (unsigned i = 0; i < THINGS && !stage.is_quiet; i++) /* relaxed, both: all have met */
        if (orr_load_relaxed(&play.born[i]) && !has[i] && orr_load_relaxed(&stage.destroyed[i]) != 1)
            wrong("object %u is gone, and was destroyed %u times", i, orr_load_relaxed(&stage.destroyed[i]));
}

/* World running, nobody else runs: weak references that are reached lead to what is there. */
static void
follow_weaks(struct player *p)
{
    for (unsigned i = 0; i < census.count; i++) {
        if (!census.is_reached[i] || !orr_is_weak(census.object[i]))
            continue;
        struct orr_object *const referent = orr_weak_get(p->thread, census.object[i]);
        if (referent && number_of(referent) < 0)
            wrong("a weak reference leads to %p, where no object is", (void *)referent);
        orr_release(p->thread, referent);
    }
}

static bool
are_hands_empty(void)
{
    for (unsigned i = 0; i < play.program->threads; i++)
        for (unsigned hand = 0; play.players[i].thread && hand < HANDS; hand++)
            if (in_hand(&play.players[i], hand))
                return false;
    return true;
}

/* Stops the world and takes the census. Settling the counts of a stopped world can find that an object is dead; where
 * threads run freely nobody else can be in the middle of a death, so what then still waits for callbacks gets them, and
 * all is taken anew. False: this heap cannot say what it has. */
static bool
stop_and_count(struct player *p)
{
    for (unsigned rounds = 0;; rounds++) {
        orr_world_stop(stage.heap, p->thread);
        orr_counts_settle(p->thread);
        const bool is_known = take_census(play.players, play.program->threads);
        if (!is_known || !stage.is_free || census.waiting == 0)
            return is_known;
        if (rounds > THINGS) /* each has one finalizer at most */
            wrong("%u dead objects wait for their callbacks in vain", census.waiting);
        orr_world_resume(stage.heap);
        orr_settle(p->thread);
    }
}

static void
compare(struct player *p, bool is_settled)
{
    const bool is_known = stop_and_count(p);
    if (is_known) {
        compare_counts();
        if (stage.is_free)
            compare_fates(is_settled);
        else
            compare_shadow();
    }
    orr_world_resume(stage.heap);
    if (is_known && stage.is_free)
        follow_weaks(p);
    stage_verify(p, ORR_ROOTED || are_hands_empty());
}

/* --- by turns ---------------------------------------------------------------------------------------- */

/* Step i is operation i; behind them each thread leaves in a step of its own, the first last. */
static unsigned
thread_of(unsigned step)
{
    const struct program *const program = play.program;
    return step < program->ops ? program->op[step].thread : program->threads - 1 - (step - program->ops);
}

static void
await_turn(struct player *p, unsigned step)
{
    uint32_t turn;
    while ((turn = orr_load_acquire(&play.turn)) != step) /* acquire: what was done in the turns before */
        orr_park(&play.turn, turn, PARK_NS);
    if (!p->thread) {
        player_open(p, p->number);
        return;
    }
    orr_block_leave(p->thread);
    judge_meanwhile(&play.judge);
}

static void
pass_turn(struct player *p, unsigned step)
{
    if (p->thread) {
        orr_block_enter(p->thread);
        judge_meanwhile(&play.judge);
    }
    orr_store_release(&play.turn, step); /* release: what we did */
    orr_wake_all(&play.turn);
}

static void
do_judged(struct player *p, struct op op)
{
    op.thread = (uint8_t)p->number;
    const void *const result = perform(p, &op);
    judge_operation(&play.judge, &op, result);
}

/* Lets go of everything, one by one. */
static void
let_go(struct player *p)
{
    for (uint8_t i = 0; i < HANDS; i++)
        do_judged(p, (struct op){.kind = OP_DROP, .a = i});
    for (uint8_t i = 0; i < PINS; i++)
        do_judged(p, (struct op){.kind = OP_UNPIN, .a = i});
    if (p->number != 0)
        return;
    do_judged(p, (struct op){.kind = OP_UNFREEZE});
    for (uint8_t i = 0; i < ROOTS; i++)
        do_judged(p, (struct op){.kind = OP_ROOT_STORE, .a = i});
    for (uint8_t i = 0; i < OBJECTS; i++)
        do_judged(p, (struct op){.kind = OP_RESCUE, .id = i});
    do_judged(p, (struct op){.kind = OP_DROP});
    stage_empty(p);
    judge_end(&play.judge);
    compare(p, true);
}

static void
leave(struct player *p)
{
    let_go(p);
    player_close(p);
    p->thread = NULL;
    judge_meanwhile(&play.judge);
}

static void
take_step(struct player *p, unsigned step)
{
    struct program *const program = play.program;
    if (step >= program->ops) {
        leave(p);
        return;
    }
    struct op *const op = &program->op[step];
    const void *const result = perform(p, op);
    judge_operation(&play.judge, op, result);
    if (op->kind == OP_SETTLE)
        compare(p, true);
    if (orr_load_relaxed(&stage.heap->verification_failed)) /* relaxed: one way */
        wrong("a verification around a collection has failed");
}

static void *
play_by_turns(void *argument)
{
    struct player *const p = argument;
    const unsigned steps = play.program->ops + play.program->threads;
    bool is_mine = false;
    for (unsigned step = 0; step < steps; step++) {
        if (thread_of(step) != p->number)
            continue;
        if (!is_mine)
            await_turn(p, step);
        take_step(p, step);
        is_mine = step + 1 < steps && thread_of(step + 1) == p->number;
        if (!is_mine)
            pass_turn(p, step + 1);
    }
    return NULL;
}

/* --- freely ------------------------------------------------------------------------------------------ */

static void
await(_Atomic(uint32_t) *word, uint32_t least)
{
    uint32_t seen;
    while ((seen = orr_load_acquire(word)) < least) /* acquire: what the others did */
        orr_park(word, seen, PARK_NS);
}

/* All wait, blocked, while the first compares. */
static void
meet(struct player *p, unsigned number, bool settles)
{
    const uint32_t others = play.program->threads - 1u;
    orr_block_enter(p->thread);
    if (p->number != 0) {
        orr_add_acq_rel(&play.arrived, 1); /* release: what we did */
        orr_wake_all(&play.arrived);
        await(&play.left, number + 1);
        orr_block_leave(p->thread);
        return;
    }
    await(&play.arrived, (number + 1) * others);
    orr_block_leave(p->thread);
    if (settles)
        act_settle(p);
    compare(p, settles);
    orr_store_release(&play.left, number + 1); /* release: as above */
    orr_wake_all(&play.left);
}

enum { SPINS = 1000 };

/* All begin at once: a part takes less time than to be woken. */
static void
line_up(unsigned number)
{
    const uint32_t all = (number + 1) * play.program->threads;
    orr_add_acq_rel(&play.ready, 1); /* release: as in meet */
    for (unsigned spins = 0; orr_load_acquire(&play.ready) < all; spins++) { /* acquire: as in meet */
        if (spins < SPINS)
            orr_spin_hint();
        else
            orr_yield();
    }
}

static void
perform_freely(struct player *p, struct op *op)
{
    if (op->kind == OP_NEW)
        orr_store_relaxed(&play.born[op->id], 1); /* relaxed: read after all have met */
    perform(p, op);
}

/* The next barrier, or the end. */
static unsigned
end_of_part(const struct program *program, unsigned from)
{
    while (from < program->ops && program->op[from].kind != OP_BARRIER)
        from++;
    return from;
}

static void
run_lap(struct player *p, unsigned from, unsigned end, unsigned lap)
{
    for (unsigned i = from; i < end; i++) {
        struct op *const op = &play.program->op[i];
        if (op->thread == p->number && (lap == 0 || !program_makes(op)))
            perform_freely(p, op);
    }
}

static void *
play_freely(void *argument)
{
    struct player *const p = argument;
    struct program *const program = play.program;
    unsigned met = 0;
    player_open(p, p->number);
    for (unsigned i = 0; i < program->ops; i++) {
        const unsigned end = end_of_part(program, i);
        line_up(met);
        for (unsigned lap = 0; lap < program->laps; lap++)
            run_lap(p, i, end, lap);
        i = end;
        if (i < program->ops)
            meet(p, met++, program->op[i].d & 1);
    }
    meet(p, met++, true);
    player_empty(p);
    meet(p, met++, true);
    if (p->number != 0) {
        player_close(p);
        orr_add_acq_rel(&play.arrived, 1); /* release: what we did */
        orr_wake_all(&play.arrived);
        return NULL;
    }
    orr_block_enter(p->thread);
    await(&play.arrived, (met + 1) * (program->threads - 1u));
    orr_block_leave(p->thread);
    for (unsigned i = 1; i < program->threads; i++)
        play.players[i].thread = NULL;
    stage_empty(p);
    compare(p, true);
    player_close(p);
    return NULL;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static struct orr_heap_options
options_of(const struct program *program)
{
    static const char *const tiny[] = {"budget=64", NULL};
    const struct orr_collector *const collector = orr_collectors[program->collector];
    const struct orr_heap_kind *const kind = orr_heap_kinds[program->heap];
    return (struct orr_heap_options){
        .rc = STRATEGY_UNDER_TEST,
        .collector = collector,
        .kind = kind,
        .trigger = {.kind = program->trigger ? ORR_TRIGGER_count : ORR_TRIGGER_manual, .count = program->trigger},
        .release_slice = program->slice,
        .workers = program->is_tiny,
        .stress_every = program->stress,
        .verify = program->verifies && kind->is_walkable,
        .ledger = !program->is_quiet,
        .settings = program->is_tiny && strcmp(collector->name, "trial") == 0 ? tiny : NULL};
}

static bool
applies(const struct program *program, struct orr_error *error)
{
    const struct orr_collector *const collector = orr_collectors[program->collector];
    if ((collector->needs & ORR_NEEDS_ROOTS) && !ORR_ROOTED) {
        orr_fail(error, ORR_NOT_APPLICABLE, "%s enumerates roots, and this variant links no locals", collector->name);
        return false;
    }
    return orr_pair_applies(STRATEGY_UNDER_TEST, collector, orr_heap_kinds[program->heap], program->threads, error);
}

static struct player *
player_on_turn(void)
{
    for (unsigned i = 0; i < play.program->threads; i++) {
        struct orr_thread *const thread = play.players[i].thread;
        if (thread && orr_load_relaxed(&thread->state) == ORR_THREAD_RUNNING) /* relaxed: our own turn */
            return &play.players[i];
    }
    return &play.players[0];
}

static const void *
look_weak(const void *weak)
{
    struct orr_thread *const thread = player_on_turn()->thread;
    struct orr_object *const referent = orr_weak_get(thread, (struct orr_object *)(uintptr_t)weak);
    orr_release(thread, referent);
    return referent;
}

static const void *
look_map(const void *map, const void *key)
{
    struct orr_thread *const thread = player_on_turn()->thread;
    struct orr_object *const value =
        orr_weak_keys_get(thread, (struct orr_object *)(uintptr_t)map, (struct orr_object *)(uintptr_t)key);
    orr_release(thread, value);
    return value;
}

/* A map there. */
static bool
exists(const void *address)
{
    struct orr_thread *const thread = player_on_turn()->thread;
    orr_world_stop(stage.heap, thread);
    orr_counts_settle(thread);
    const bool is_there = take_census(play.players, play.program->threads) && number_of(address) >= 0 &&
                          is_map(census.object[number_of(address)]);
    orr_world_resume(stage.heap);
    return is_there;
}

static uint64_t
live(void)
{
    struct orr_heap_totals totals;
    orr_heap_totals(stage.heap, &totals);
    return totals.live;
}

static struct rules
rules_of_heap(void)
{
    const struct orr_heap *const heap = stage.heap;
    return (struct rules){.counts = heap->rc->counts,
                          .is_complete = is_complete(),
                          .has_owner = heap->rc->has_owner,
                          .is_generational = heap->collector->generational,
                          .keeps_budget = heap->options.settings != NULL,
                          .wants_candidates = heap->wants_candidates,
                          .referent_of = look_weak,
                          .value_of = look_map,
                          .exists = exists,
                          .live = live};
}

static uint64_t
play_program(struct program *program)
{
    struct orr_error error = {0};
    struct orr_os_thread team[THREADS_MOST];
    const struct orr_heap_options options = options_of(program);
    void *(*const body)(void *) = program->is_free ? play_freely : play_by_turns;
    memset(&play, 0, sizeof play);
    play.program = program;
    orr_buffers_tiny(program->is_tiny);
    if (!stage_open(&options, program->is_free, program->is_quiet, &error)) {
        if (UNDER_SANITIZER && error.status == ORR_OUT_OF_MEMORY)
            return 0; /* sanitizers need most of the address space for themselves */
        wrong("%s", error.message);
    }
    stage.plant = program->plant;
    const struct rules rules = rules_of_heap();
    judge_begin(&play.judge, program, &rules);
    for (unsigned i = 0; i < program->threads; i++)
        play.players[i].number = i;
    for (unsigned i = 1; i < program->threads; i++)
        if (!orr_os_thread_start(&team[i], body, &play.players[i], 0))
            wrong("the system refuses a thread");
    body(&play.players[0]);
    for (unsigned i = 1; i < program->threads; i++)
        orr_os_thread_join(&team[i]);
    orr_heap_destroy(stage.heap);
    return play.judge.digest;
}

const struct performer PASTE(PASTE(performer_, ORR_RC), ORR_ROOTED) = {
    .name = VARIANT_NAME,
    .strategy = TEXT(ORR_RC),
    .rc = STRATEGY_UNDER_TEST,
    .rooted = ORR_ROOTED,
    .applies = applies,
    .play = play_program};
