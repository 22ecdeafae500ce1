/* weak.c - weak references while their referents, and they themselves, die on any thread.
 *
 * Mutators publish objects and weak references to them in shared roots, upgrade what they find while others drop
 * the last references, make weak references while others clear them, list them, put them into objects that
 * become garbage, and drop cycles that collections of any thread find meanwhile. Callbacks allocate,
 * upgrade, drop and collect; some objects come back from their finalizers, with their weak references if they
 * died by a release. What an upgrade gives must be alive and whole; a callback runs once, for a referent that
 * it cannot have; at the end nothing is left.
 */
#include "tests/stress/stress.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"
#include "runtime/weak.h"

enum {
    TEAM = 3,
    STALLS = 4,
    TRIGGER = 300,     /* candidates or net allocations */
    BORN_MOST = 150000 /* objects after which a heap that never reuses memory has seen enough */
};

struct bazaar {
    struct orr_heap *heap;
    bool makes_cycles;              /* the collector will free them */
    struct orr_root things[STALLS]; /* strong references */
    struct orr_root weaks[STALLS];
    uint64_t deadline_ns;
    _Atomic(uint32_t) is_over; /* nothing comes back */
    _Atomic(uint64_t) born, finalized, destroyed, armed, called, got, missed;
};

static struct bazaar *bazaar; /* the run; written before there are threads */

struct member {
    uint64_t chance;
};

/* --- objects ---------------------------------------------------------------------------------------- */

enum { ALIVE = 0xa11fe, DEAD = 0xdead };

struct thing {
    struct orr_object header;
    struct orr_slot tie, weak; /* shared: anybody writes them */
    uint64_t state, check;
};

/* The context of a weak reference with a callback. */
struct ticket {
    struct orr_object header;
    _Atomic(uint32_t) uses;
};

static void
destroy_thing(struct orr_thread *thread, struct orr_object *object)
{
    struct thing *const thing = (struct thing *)object;
    (void)thread;
    stress_check(thing->state == ALIVE, "object %p is destroyed in state %llx", (void *)object,
                 (unsigned long long)thing->state);
    thing->state = DEAD;
    orr_add_relaxed(&bazaar->destroyed,
                    1); /* relaxed, all of this file: tallies, read after the join */
}

/* Comes back, now and then. */
static void
finalize_thing(struct orr_thread *thread, struct orr_object *object)
{
    uint64_t chance = stress.seed ^ orr_add_relaxed(&bazaar->finalized, 1) << 32;
    struct thing *const thing = (struct thing *)object;
    stress_check(thing->state == ALIVE, "object %p is finalized in state %llx", (void *)object,
                 (unsigned long long)thing->state);
    if (stress_below(&chance, 3) == 0 && orr_load_acquire(&bazaar->is_over) == 0)
        orr_store_slot(thread, NULL, &bazaar->things[stress_below(&chance, STALLS)].slot, object);
    orr_poll(thread);
}

static uint16_t thing_index, class_index, revenant_index, ticket_index;
static const struct orr_type type_thing = {.name = "thing",
                                           .bytes = sizeof(struct thing),
                                           .references = 2,
                                           .destroy = destroy_thing,
                                           .index = &thing_index};
static const struct orr_type type_class = {.name = "class",
                                           .bytes = sizeof(struct thing),
                                           .references = 2,
                                           .flags = ORR_TYPE_CLASS,
                                           .destroy = destroy_thing,
                                           .index = &class_index};
static const struct orr_type type_revenant = {.name = "revenant",
                                              .bytes = sizeof(struct thing),
                                              .references = 2,
                                              .finalize = finalize_thing,
                                              .destroy = destroy_thing,
                                              .index = &revenant_index};
static const struct orr_type type_ticket = {.name = "ticket",
                                            .bytes = sizeof(struct ticket),
                                            .flags = ORR_TYPE_ACYCLIC,
                                            .index = &ticket_index};

static void
check_thing(struct orr_object *object)
{
    const struct thing *const thing = (const struct thing *)object;
    stress_check(thing->state == ALIVE && thing->check == (uintptr_t)object,
                 "object %p is held in state %llx", (void *)object,
                 (unsigned long long)thing->state);
}

static struct orr_object *
make_thing(struct member *member, struct orr_thread *thread)
{
    static const struct orr_type *const types[] = {&type_thing, &type_thing, &type_revenant,
                                                   &type_class};
    struct orr_object *const object = orr_new(thread, types[stress_below(&member->chance, 4)]);
    stress_check(object, "no memory");
    ((struct thing *)object)->state = ALIVE;
    ((struct thing *)object)->check = (uintptr_t)object;
    orr_add_relaxed(&bazaar->born, 1);
    return object;
}

/* --- callbacks -------------------------------------------------------------------------------------- */

static struct orr_slot *
any_thing(struct member *member)
{
    return &bazaar->things[stress_below(&member->chance, STALLS)].slot;
}

static struct orr_slot *
any_weak(struct member *member)
{
    return &bazaar->weaks[stress_below(&member->chance, STALLS)].slot;
}

/* Finds a weak reference and tries to get what it leads to. */
static void
upgrade(struct member *member, struct orr_thread *thread, uint32_t polls)
{
    ORR_OWN(thread, weak, orr_load_slot(thread, any_weak(member)));
    if (!weak.ref)
        return;
    ORR_OWN(thread, thing, orr_weak_get(thread, weak.ref));
    orr_add_relaxed(thing.ref ? &bazaar->got : &bazaar->missed, 1);
    if (!thing.ref)
        return;
    check_thing(thing.ref);
    while (polls-- > 0)
        orr_poll(thread);
    check_thing(thing.ref);
    if (stress_below(&member->chance, 8) == 0) /* published again, from a weak reference alone */
        orr_store_slot(thread, NULL, any_thing(member), thing.ref);
}

static void
call(struct orr_thread *thread, struct orr_object *weak, void *unused)
{
    struct member member = {.chance = (uintptr_t)weak ^ orr_load_relaxed(&bazaar->called)};
    struct ticket *const ticket =
        (struct ticket *)orr_slot_peek(&((struct orr_weak *)weak)->context);
    (void)unused;
    stress_check(orr_add_relaxed(&ticket->uses, 1) == 0, "a callback ran twice");
    orr_add_relaxed(&bazaar->called, 1);
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    stress_check(!referent.ref, "the referent of a callback can still be had");
    switch (stress_below(&member.chance, 8)) {
    case 0:
        orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
        break;
    case 1: {
        ORR_OWN(thread, fresh, make_thing(&member, thread));
        break;
    }
    case 2: /* kills another, perhaps */
        orr_release(thread, orr_exchange_slot(thread, NULL, any_thing(&member), NULL));
        break;
    default:
        upgrade(&member, thread, 1);
    }
}

/* A weak reference to the thing, often with a callback. Counted. */
static struct orr_object *
make_weak(struct member *member, struct orr_thread *thread, struct orr_object *thing)
{
    struct orr_object *weak;
    if (stress_below(&member->chance, 2))
        weak = orr_weak_new(thread, thing, NULL, NULL, NULL);
    else {
        ORR_OWN(thread, ticket, orr_new(thread, &type_ticket));
        stress_check(ticket.ref, "no memory");
        weak = orr_weak_new(thread, thing, call, NULL, ticket.ref);
        orr_add_relaxed(&bazaar->armed, 1);
    }
    stress_check(weak && orr_is_weak(weak), "no memory for a weak reference");
    return weak;
}

/* --- what mutators do ------------------------------------------------------------------------------- */

static void
publish_weak(struct member *member, struct orr_thread *thread, struct orr_object *thing)
{
    ORR_OWN(thread, weak, make_weak(member, thread, thing));
    orr_store_slot(thread, NULL, any_weak(member), weak.ref);
    ORR_OWN(thread, same, orr_weak_get(thread, weak.ref));
    stress_check(same.ref == thing, "a weak reference to %p, which is held, leads to %p",
                 (void *)thing, (void *)same.ref);
}

static void
list_weaks(struct orr_thread *thread, struct orr_object *thing)
{
    struct orr_object *list[8];
    const uint64_t count = orr_weak_list(thread, thing, list, 8);
    for (uint64_t i = 0; i < count && i < 8; i++) {
        ORR_OWN(thread, weak, list[i]);
        stress_check(orr_is_weak(weak.ref), "the list of %p names what is no weak reference",
                     (void *)thing);
        ORR_OWN(thread, same, orr_weak_get(thread, weak.ref));
        stress_check(same.ref == thing, "a listed weak reference leads elsewhere");
    }
}

/* A ring of two that knows itself weakly, and of which others may know. */
static void
drop_ring(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, a, make_thing(member, thread));
    ORR_OWN(thread, b, make_thing(member, thread));
    if (bazaar->makes_cycles) {
        orr_store(thread, a.ref, 0, b.ref);
        orr_store(thread, b.ref, 0, a.ref);
    }
    if (stress_below(&member->chance, 2)) {
        ORR_OWN(thread, weak, make_weak(member, thread, b.ref));
        orr_store(thread, a.ref, 1, weak.ref);
    }
    publish_weak(member, thread, a.ref);
    if (stress_below(&member->chance, 2))
        publish_weak(member, thread, b.ref);
}

/* One that is known weakly, and dies at once unless others are to drop it. */
static void
make_known(struct member *member, struct orr_thread *thread, bool is_shared)
{
    ORR_OWN(thread, thing, make_thing(member, thread));
    publish_weak(member, thread, thing.ref);
    if (is_shared)
        orr_store_slot(thread, NULL, any_thing(member), thing.ref);
}

/* What is held, perhaps nothing, comes to refer to a weak reference, which will die with it. */
static void
keep_weak(struct member *member, struct orr_thread *thread, struct orr_object *held)
{
    ORR_OWN(thread, weak, orr_load_slot(thread, any_weak(member)));
    if (held)
        orr_store(thread, held, 1, weak.ref);
}

/* A tie from what is held, which may close a cycle. */
static void
tie(struct member *member, struct orr_thread *thread, struct orr_object *held)
{
    ORR_OWN(thread, other, orr_load_slot(thread, any_thing(member)));
    if (held)
        orr_store(thread, held, 0, bazaar->makes_cycles ? other.ref : NULL);
}

static void
do_round(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, held, orr_load_slot(thread, any_thing(member)));
    if (held.ref)
        check_thing(held.ref);
    const uint32_t what = stress_below(&member->chance, 10);
    switch (what) {
    case 0:
    case 1:
        make_known(member, thread, what == 0);
        break;
    case 2: /* more weak references to what others are dropping */
        if (held.ref)
            publish_weak(member, thread, held.ref);
        break;
    case 3:
        if (held.ref)
            list_weaks(thread, held.ref);
        break;
    case 4: /* the last reference, perhaps */
        orr_release(thread, orr_exchange_slot(thread, NULL, any_thing(member), NULL));
        break;
    case 5: /* the last of a weak reference, perhaps */
        orr_release(thread, orr_exchange_slot(thread, NULL, any_weak(member), NULL));
        break;
    case 6:
        drop_ring(member, thread);
        break;
    case 7:
        keep_weak(member, thread, held.ref);
        break;
    case 8:
        tie(member, thread, held.ref);
        break;
    default:
        orr_block_enter(thread);
        orr_yield();
        orr_block_leave(thread);
    }
    upgrade(member, thread, stress_below(&member->chance, 3));
    if (held.ref)
        check_thing(held.ref);
    orr_poll(thread);
}

static bool
has_seen_enough(void)
{
    return bazaar->heap->collector->completeness == 0 &&
           orr_load_relaxed(&bazaar->born) > BORN_MOST;
}

static void *
live(void *argument)
{
    struct member *const member = argument;
    while (orr_clock_ns() < bazaar->deadline_ns && !has_seen_enough()) {
        struct orr_thread *const thread = stress_attach(bazaar->heap);
        for (uint32_t i = 1 + stress_below(&member->chance, 400); i > 0; i--)
            do_round(member, thread);
        orr_thread_detach(thread);
    }
    return NULL;
}

/* --- the run ---------------------------------------------------------------------------------------- */

static void
check_end(struct orr_heap *heap)
{
    const uint64_t born = orr_load_relaxed(&bazaar->born);
    const uint64_t called = orr_load_relaxed(&bazaar->called);
    const uint64_t got = orr_load_relaxed(&bazaar->got), missed = orr_load_relaxed(&bazaar->missed);
    fprintf(stderr, "%s on %s: %llu born, %llu callbacks, %llu upgrades, %llu in vain\n",
            heap->collector->name, heap->kind->name, (unsigned long long)born,
            (unsigned long long)called, (unsigned long long)got, (unsigned long long)missed);
    stress_check(!orr_load_relaxed(&heap->verification_failed), "a verification failed");
    stress_check(orr_load_relaxed(&bazaar->destroyed) == born, "%llu born, %llu destroyed",
                 (unsigned long long)born,
                 (unsigned long long)orr_load_relaxed(&bazaar->destroyed));
    stress_check(called != 0 && called <= orr_load_relaxed(&bazaar->armed),
                 "%llu callbacks ran, %llu were armed", (unsigned long long)called,
                 (unsigned long long)orr_load_relaxed(&bazaar->armed));
    stress_check(orr_load_relaxed(&bazaar->finalized) != 0, "nothing was finalized");
    stress_check(got != 0 && missed != 0, "upgrades: %llu, in vain: %llu", (unsigned long long)got,
                 (unsigned long long)missed);
    stress_expect_empty(heap);
    stress_check(orr_weak_cells(heap) == 0, "cells of weak references are left");
}

static void
run(const struct orr_heap_options *options, double share)
{
    struct orr_heap *const heap = stress_heap(options);
    if (!heap)
        return;
    struct bazaar run_of = {.heap = heap,
                            .makes_cycles = options->collector->completeness != 0,
                            .deadline_ns = stress_deadline_ns(share)};
    struct member members[TEAM];
    struct orr_os_thread team[TEAM];
    struct orr_thread *const self = stress_attach(heap);
    bazaar = &run_of;
    for (uint32_t i = 0; i < STALLS; i++) {
        orr_root_add(heap, &bazaar->things[i]);
        orr_root_add(heap, &bazaar->weaks[i]);
    }
    for (uint32_t i = 0; i < TEAM; i++) {
        members[i] = (struct member){.chance = stress.seed + i};
        stress_start(&team[i], live, &members[i]);
    }
    stress_join(team, TEAM, self);
    stress_settle(heap, self, true);
    orr_store_release(&bazaar->is_over, 1);
    for (uint32_t round = 0; round < 3; round++) { /* callbacks may publish what they find */
        for (uint32_t i = 0; i < STALLS; i++) {
            orr_release(self, orr_exchange_slot(self, NULL, &bazaar->things[i].slot, NULL));
            orr_release(self, orr_exchange_slot(self, NULL, &bazaar->weaks[i].slot, NULL));
        }
        stress_settle(heap, self, true);
    }
    check_end(heap);
    for (uint32_t i = 0; i < STALLS; i++) {
        orr_root_remove(heap, &bazaar->things[i]);
        orr_root_remove(heap, &bazaar->weaks[i]);
    }
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    stress_register(&type_thing);
    stress_register(&type_class);
    stress_register(&type_revenant);
    stress_register(&type_ticket);
    stress_each_pair(TEAM + 1, TRIGGER, run);
    return 0;
}
