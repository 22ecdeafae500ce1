/* storm.h - mutators that do everything a program may do, for runs whose hardship comes from elsewhere.
 *
 * A team of threads works on one heap: what each of them does is a set of doings (below), drawn at random round
 * by round. The stress program `races` runs the storm under every pair, for the checkers; the programs of
 * tests/hardship run it while signals, clocks or the scheduler are against it.
 *
 * What must hold is checked where it can be seen: whatever is held is whole; a finalizer runs once; a callback runs
 * once, for a referent that cannot be had; and at the end nothing is left and the three books agree.
 *
 * A run:  storm_open, storm_start, (the hardship), storm_join, storm_close. The caller is not attached.
 *
 * Included by one file per program, after which it is that program's; compiled with linked locals, which every
 * collector can live with. One storm at a time: callbacks find it through a variable of the process.
 */
#ifndef ORR_TESTS_STRESS_STORM_H
#define ORR_TESTS_STRESS_STORM_H

#include "tests/stress/stress.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"
#include "runtime/weak.h"

enum storm_doing {
    STORM_CHURN = 1,      /* arrays of all sizes that one thread makes and another gives back */
    STORM_SHARING = 2,    /* objects in shared roots and fields, dropped by whoever comes along; blocking */
    STORM_WEAK = 4,       /* weak references, with and without callbacks, made and cleared by anybody */
    STORM_FINALIZER = 8,  /* objects that are finalized, some of which come back */
    STORM_COMING = 16,    /* threads that detach and attach all the time */
    STORM_CONTROL = 32,   /* collections, stops and questions that mutators ask for */
    STORM_MIXED = 63
};

enum {
    STORM_STALLS = 6,
    STORM_TEAM_MOST = 64,
    STORM_LETTER = 3000,     /* raw bytes of arrays, at most */
    STORM_BORN_MOST = 150000 /* objects after which a collector that frees no cycles has seen enough */
};

struct storm_plan {
    const struct orr_collector *collector;
    const struct orr_heap_kind *kind;
    uint32_t threads;
    unsigned doings;  /* enum storm_doing, added up */
    double seconds;   /* on the runtime's clock; 0: until storm_join, or so many rounds */
    uint64_t rounds;  /* of each thread, at most; 0: no limit */
    uint64_t trigger; /* candidates or net allocations; 0: 300 */
    bool verifies;    /* before and after each collection */
    struct orr_listener listener;
};

struct storm_member {
    uint64_t chance;
    _Atomic(uint64_t) rounds; /* done; the thread writes, anybody looks */
    struct orr_os_thread os_thread;
};

struct storm {
    struct storm_plan plan;
    struct orr_heap *heap;
    bool makes_cycles; /* the collector will free them */
    uint64_t deadline_ns;
    struct orr_root things[STORM_STALLS], weaks[STORM_STALLS], letters[STORM_STALLS];
    struct storm_member members[STORM_TEAM_MOST];
    _Atomic(uint32_t) is_over;  /* the team goes home */
    _Atomic(uint32_t) is_final; /* nothing comes back */
    /* relaxed, wherever they are used: tallies, read after the join or for a glance */
    _Atomic(uint64_t) born, actors, finalized, destroyed, armed, called, stops;
    uint64_t collections; /* written by storm_close */
};

static struct storm *storm_now; /* the run; written before there are threads */

/* --- objects ---------------------------------------------------------------------------------------- */

/* Nodes, and actors, which have callbacks. */
struct storm_thing {
    struct orr_object header;
    struct orr_slot tie, weak; /* shared: anybody writes them */
    uint64_t check;            /* the address, while it lives */
    _Atomic(uint32_t) finalized;
};

static inline void
storm_check(struct orr_object *object)
{
    stress_check(((struct storm_thing *)object)->check == (uintptr_t)object,
                 "object %p is held and was written to, or is dead", (void *)object);
}

static inline struct orr_slot *
storm_pick(struct orr_root *roots, uint64_t *chance)
{
    return &roots[stress_below(chance, STORM_STALLS)].slot;
}

/* Once in its life; now and then the object comes back, or lets go of another. */
static inline void
storm_finalize(struct orr_thread *thread, struct orr_object *object)
{
    uint64_t chance = stress.seed ^ orr_add_relaxed(&storm_now->finalized, 1) << 32;
    storm_check(object);
    stress_check(orr_add_relaxed(&((struct storm_thing *)object)->finalized, 1) == 0,
                 "object %p is finalized twice", (void *)object);
    if (orr_load_acquire(&storm_now->is_final) == 0 && stress_below(&chance, 4) == 0)
        orr_store_slot(thread, NULL, storm_pick(storm_now->things, &chance), object);
    else if (stress_below(&chance, 4) == 0)
        orr_release(thread, orr_exchange_slot(thread, NULL, storm_pick(storm_now->things, &chance), NULL));
    orr_poll(thread);
    storm_check(object);
}

static inline void
storm_destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    storm_check(object);
    ((struct storm_thing *)object)->check = 0;
    orr_add_relaxed(&storm_now->destroyed, 1);
}

static uint16_t storm_node_index, storm_actor_index, storm_letter_index;
static const struct orr_type storm_node = {
    .name = "node", .bytes = sizeof(struct storm_thing), .references = 2, .index = &storm_node_index};
static const struct orr_type storm_actor = {.name = "actor",
                                            .bytes = sizeof(struct storm_thing),
                                            .references = 2,
                                            .finalize = storm_finalize,
                                            .destroy = storm_destroy,
                                            .index = &storm_actor_index};
static const struct orr_type storm_letter = {.name = "letter",
                                             .bytes = sizeof(struct orr_array),
                                             .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
                                             .index = &storm_letter_index};

static inline struct orr_object *
storm_make(struct storm_member *member, struct orr_thread *thread)
{
    const bool is_actor = (storm_now->plan.doings & STORM_FINALIZER) && stress_below(&member->chance, 2);
    struct orr_object *const object = is_actor ? orr_new(thread, &storm_actor) : orr_new(thread, &storm_node);
    stress_check(object, "no memory");
    ((struct storm_thing *)object)->check = (uintptr_t)object;
    orr_add_relaxed(&storm_now->born, 1);
    if (is_actor)
        orr_add_relaxed(&storm_now->actors, 1);
    return object;
}

/* --- doings ------------------------------------------------------------------------------------------ */

/* First and last bytes of an array tell whose they are: a sharer of the cell would have written over them. */
static inline void
storm_swap_letter(struct storm_member *member, struct orr_thread *thread)
{
    const uint32_t bytes = 16 + stress_below(&member->chance, STORM_LETTER);
    struct orr_object *const letter = orr_new_array(thread, &storm_letter, 0, bytes);
    stress_check(letter, "no memory");
    uint8_t *const raw = (uint8_t *)((struct orr_array *)letter)->elements;
    raw[0] = raw[bytes - 1] = (uint8_t)bytes;
    orr_add_relaxed(&storm_now->born, 1);
    struct orr_object *const old =
        orr_exchange_slot(thread, NULL, storm_pick(storm_now->letters, &member->chance), letter);
    if (!old)
        return;
    const uint32_t length = ((struct orr_array *)old)->raw_bytes;
    const uint8_t *const found = (const uint8_t *)((struct orr_array *)old)->elements;
    stress_check(found[0] == (uint8_t)length && found[length - 1] == (uint8_t)length,
                 "a letter of %u bytes was written to", length);
    orr_release(thread, old);
}

/* A ring of fresh things, dropped, or first published. Without a collector that frees it, a chain. */
static inline void
storm_drop_ring(struct storm_member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, first, storm_make(member, thread));
    ORR_OWN(thread, last, orr_get_slot(thread, &first.slot));
    for (uint32_t i = stress_below(&member->chance, 6); i > 0; i--) {
        ORR_OWN(thread, next, storm_make(member, thread));
        orr_store(thread, next.ref, 0, last.ref);
        orr_own_set(&last, orr_take(&next));
    }
    if (storm_now->makes_cycles)
        orr_store(thread, first.ref, 0, last.ref);
    if (stress_below(&member->chance, 3) == 0)
        orr_store_slot(thread, NULL, storm_pick(storm_now->things, &member->chance), last.ref);
}

/* Blocks while others drop what is ours. */
static inline void
storm_block(struct storm_member *member, struct orr_thread *thread)
{
    orr_block_enter(thread);
    if (stress_below(&member->chance, 4) == 0)
        orr_sleep_ns(stress_below(&member->chance, 50000));
    else
        orr_yield();
    orr_block_leave(thread);
}

static inline void
storm_share(struct storm_member *member, struct orr_thread *thread)
{
    struct orr_root *const things = storm_now->things;
    ORR_OWN(thread, held, orr_load_slot(thread, storm_pick(things, &member->chance)));
    switch (stress_below(&member->chance, 6)) {
    case 0: {
        ORR_OWN(thread, fresh, storm_make(member, thread));
        if (held.ref && stress_below(&member->chance, 2)) /* private yet: no cycle comes of it */
            orr_store(thread, fresh.ref, 0, storm_now->makes_cycles ? held.ref : NULL);
        orr_store_slot(thread, NULL, storm_pick(things, &member->chance), fresh.ref);
        break;
    }
    case 1: /* the last reference, perhaps */
        orr_release(thread, orr_exchange_slot(thread, NULL, storm_pick(things, &member->chance), NULL));
        break;
    case 2:
        orr_store_slot(thread, NULL, storm_pick(things, &member->chance), held.ref);
        break;
    case 3: { /* a tie, which may close a cycle */
        ORR_OWN(thread, other, orr_load_slot(thread, storm_pick(things, &member->chance)));
        if (held.ref)
            orr_store(thread, held.ref, 0, storm_now->makes_cycles ? other.ref : NULL);
        break;
    }
    case 4: { /* along a tie */
        ORR_OWN(thread, tied, held.ref ? orr_load(thread, held.ref, 0) : NULL);
        if (tied.ref)
            storm_check(tied.ref);
        break;
    }
    default:
        storm_block(member, thread);
    }
    if (held.ref)
        storm_check(held.ref);
}

static inline void
storm_call(struct orr_thread *thread, struct orr_object *weak, void *unused)
{
    (void)unused;
    orr_add_relaxed(&storm_now->called, 1);
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    stress_check(!referent.ref, "the referent of a callback can still be had");
}

static inline void
storm_refer(struct storm_member *member, struct orr_thread *thread)
{
    struct orr_slot *const stall = storm_pick(storm_now->weaks, &member->chance);
    if (stress_below(&member->chance, 2)) { /* what does it lead to? */
        ORR_OWN(thread, weak, orr_load_slot(thread, stall));
        ORR_OWN(thread, thing, weak.ref ? orr_weak_get(thread, weak.ref) : NULL);
        if (thing.ref) {
            storm_check(thing.ref);
            orr_poll(thread);
            storm_check(thing.ref);
            if (stress_below(&member->chance, 4) == 0) /* held again, from a weak reference alone */
                orr_store_slot(thread, NULL, storm_pick(storm_now->things, &member->chance), thing.ref);
        }
        return;
    }
    ORR_OWN(thread, thing, orr_load_slot(thread, storm_pick(storm_now->things, &member->chance)));
    if (!thing.ref)
        orr_own_set(&thing, storm_make(member, thread));
    const bool is_called = stress_below(&member->chance, 2) != 0;
    ORR_OWN(thread, weak, orr_weak_new(thread, thing.ref, is_called ? storm_call : NULL, NULL, NULL));
    stress_check(weak.ref, "no memory for a weak reference");
    orr_add_relaxed(&storm_now->armed, is_called);
    if (stress_below(&member->chance, 4) == 0) /* it will die with an object */
        orr_store(thread, thing.ref, 1, weak.ref);
    orr_store_slot(thread, NULL, stall, weak.ref);
}

static inline void
storm_answer(struct orr_thread *subject, void *sum)
{
    orr_add_relaxed((_Atomic(uint64_t) *)sum, subject->id != 0); /* relaxed: the handshake orders it */
}

static inline void
storm_command(struct storm_member *member, struct orr_thread *thread)
{
    _Atomic(uint64_t) answers = 0;
    switch (stress_below(&member->chance, 64)) {
    case 0:
        orr_collect(thread, "storm");
        break;
    case 1:
        orr_gc_collect_wait(thread, (int)stress_below(&member->chance, ORR_GENERATIONS), NULL, NULL);
        break;
    case 2:
        orr_world_stop(storm_now->heap, thread);
        orr_world_resume(storm_now->heap);
        orr_add_relaxed(&storm_now->stops, 1);
        break;
    case 3:
        orr_handshake(storm_now->heap, thread, NULL, storm_answer, &answers);
        break;
    default:
        orr_poll(thread);
    }
}

static inline void
storm_round(struct storm_member *member, struct orr_thread *thread)
{
    const unsigned doings = storm_now->plan.doings;
    const unsigned draw = stress_below(&member->chance, 6);
    if (draw == 0 || (doings & ~(unsigned)(STORM_CHURN | STORM_COMING)) == 0)
        storm_drop_ring(member, thread);
    if ((doings & STORM_CHURN) && draw < 2)
        storm_swap_letter(member, thread);
    if ((doings & (STORM_SHARING | STORM_FINALIZER | STORM_WEAK)) && draw < 5)
        storm_share(member, thread);
    if ((doings & STORM_WEAK) && draw > 2)
        storm_refer(member, thread);
    if (doings & STORM_CONTROL)
        storm_command(member, thread);
    orr_poll(thread);
}

/* --- the team ---------------------------------------------------------------------------------------- */

static inline bool
storm_is_over(const struct storm_member *member)
{
    const struct storm *const storm = storm_now;
    if (orr_load_acquire(&storm->is_over))
        return true;
    if (storm->plan.rounds && orr_load_relaxed(&member->rounds) >= storm->plan.rounds)
        return true;
    if (storm->deadline_ns && orr_clock_ns() >= storm->deadline_ns)
        return true;
    return storm->heap->collector->completeness == 0 && orr_load_relaxed(&storm->born) > STORM_BORN_MOST;
}

static inline void *
storm_live(void *argument)
{
    struct storm_member *const member = argument;
    while (!storm_is_over(member)) {
        struct orr_thread *const thread = stress_attach(storm_now->heap);
        const uint64_t stay =
            storm_now->plan.doings & STORM_COMING ? 1 + stress_below(&member->chance, 60) : UINT64_MAX;
        for (uint64_t i = 0; i < stay && !storm_is_over(member); i++) {
            storm_round(member, thread);
            orr_add_relaxed(&member->rounds, 1); /* relaxed: a glance at progress */
        }
        orr_thread_detach(thread);
    }
    return NULL;
}

static inline void
storm_register(void)
{
    stress_register(&storm_node);
    stress_register(&storm_actor);
    stress_register(&storm_letter);
}

/* False: the pair does not work with so many threads, or there is no address space for it; says why. */
static inline bool
storm_open(struct storm *storm, const struct storm_plan *plan)
{
    const struct orr_heap_options options = {
        .rc = STRATEGY_UNDER_TEST,
        .collector = plan->collector,
        .kind = plan->kind,
        .trigger = {.kind = ORR_TRIGGER_count, .count = plan->trigger ? plan->trigger : 300},
        .workers = 1,
        .verify = plan->verifies && plan->kind->is_walkable,
        .ledger = true,
        .listener = plan->listener};
    struct orr_error error;
    stress_check(plan->threads <= STORM_TEAM_MOST, "%u threads are too many", plan->threads);
    if (!orr_pair_applies(options.rc, options.collector, options.kind, plan->threads + 1, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return false;
    }
    *storm = (struct storm){.plan = *plan, .makes_cycles = plan->collector->completeness != 0};
    storm->heap = stress_heap(&options);
    if (!storm->heap)
        return false;
    for (uint32_t i = 0; i < STORM_STALLS; i++) {
        orr_root_add(storm->heap, &storm->things[i]);
        orr_root_add(storm->heap, &storm->weaks[i]);
        orr_root_add(storm->heap, &storm->letters[i]);
    }
    storm_now = storm;
    return true;
}

static inline void
storm_start(struct storm *storm)
{
    if (storm->plan.seconds > 0)
        storm->deadline_ns = orr_clock_ns() + (uint64_t)(storm->plan.seconds * 1e9);
    for (uint32_t i = 0; i < storm->plan.threads; i++) {
        storm->members[i].chance = stress.seed + i;
        stress_start(&storm->members[i].os_thread, storm_live, &storm->members[i]);
    }
}

/* Rounds of all, and of the one who did least. */
static inline uint64_t
storm_rounds(const struct storm *storm, uint64_t *least)
{
    uint64_t sum = 0, fewest = UINT64_MAX;
    for (uint32_t i = 0; i < storm->plan.threads; i++) {
        const uint64_t rounds = orr_load_relaxed(&storm->members[i].rounds);
        sum += rounds;
        fewest = rounds < fewest ? rounds : fewest;
    }
    if (least)
        *least = fewest;
    return sum;
}

/* With `now`, the team is told to go; else it goes when its time or its rounds are over. */
static inline void
storm_join(struct storm *storm, bool now)
{
    if (now)
        orr_store_release(&storm->is_over, 1);
    for (uint32_t i = 0; i < storm->plan.threads; i++)
        orr_os_thread_join(&storm->members[i].os_thread);
}

static inline void
storm_check_end(struct storm *storm)
{
    const uint64_t actors = orr_load_relaxed(&storm->actors), called = orr_load_relaxed(&storm->called);
    const uint64_t finalized = orr_load_relaxed(&storm->finalized);
    const uint64_t destroyed = orr_load_relaxed(&storm->destroyed);
    stress_check(!orr_load_relaxed(&storm->heap->verification_failed), "a verification failed");
    stress_check(actors == finalized && actors == destroyed,
                 "%llu actors were born, %llu finalized, %llu destroyed", (unsigned long long)actors,
                 (unsigned long long)finalized, (unsigned long long)destroyed);
    stress_check(called <= orr_load_relaxed(&storm->armed), "more callbacks ran than were asked for: %llu",
                 (unsigned long long)called);
    stress_expect_empty(storm->heap);
    stress_check(orr_weak_cells(storm->heap) == 0, "cells of weak references are left");
}

/* Drops everything, settles, checks the books, and ends the heap. */
static inline void
storm_close(struct storm *storm)
{
    struct orr_heap *const heap = storm->heap;
    struct orr_thread *const self = stress_attach(heap);
    stress_settle(heap, self, true);
    orr_store_release(&storm->is_final, 1);
    for (uint32_t round = 0; round < 3; round++) { /* callbacks may publish what they find */
        for (uint32_t i = 0; i < STORM_STALLS; i++) {
            orr_release(self, orr_exchange_slot(self, NULL, &storm->things[i].slot, NULL));
            orr_release(self, orr_exchange_slot(self, NULL, &storm->weaks[i].slot, NULL));
            orr_release(self, orr_exchange_slot(self, NULL, &storm->letters[i].slot, NULL));
        }
        stress_settle(heap, self, true);
    }
    storm_check_end(storm);
    storm->collections = orr_load_relaxed(&heap->collections_done); /* relaxed: no threads */
    for (uint32_t i = 0; i < STORM_STALLS; i++) {
        orr_root_remove(heap, &storm->things[i]);
        orr_root_remove(heap, &storm->weaks[i]);
        orr_root_remove(heap, &storm->letters[i]);
    }
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

#endif
