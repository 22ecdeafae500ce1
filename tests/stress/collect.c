/* collect.c - mutators that build and drop cycles in shared roots, under every collector that applies.
 *
 * Rings are built in private, published in roots, tied to one another through fields that everybody writes,
 * taken apart, and dropped. The trigger is small, so collections come all the time, from whichever thread it
 * hits; each is verified before and after. What is found must be whole at any moment. At the end all is dropped:
 * a collector that promises completeness has left nothing, and one that promises nothing has left a heap that
 * verifies.
 *
 * Compiled with linked locals, which every collector can live with.
 */
#include "tests/stress/stress.h"

#include "runtime/mutator.h"

enum {
    TEAM = 3,
    ROOTS = 4,
    RING_MOST = 8,
    TRIGGER = 200,     /* candidates or net allocations */
    LEFT_MOST = 100000 /* objects after which a collector that frees no cycles has seen enough */
};

/* The number of a node that is on no ring: garbage that counting alone sees. */
static const uint64_t loose = UINT64_MAX;

enum { NEXT, TIE }; /* fields: NEXT is written at birth alone, TIE is shared by all */

struct crowd {
    struct orr_heap *heap;
    struct orr_root roots[ROOTS];
    uint64_t deadline_ns;
};

struct member {
    struct crowd *crowd;
    uint64_t chance, rings;
};

struct payload {
    uint64_t number, check;
};

static uint16_t node_index;
static const struct orr_type type_node = {
    .name = "node", .bytes = 48, .references = 2, .index = &node_index};

static struct payload *
payload_of(struct orr_object *object)
{
    return (struct payload *)orr_field(object, 2);
}

static void
check_node(struct orr_object *object)
{
    const struct payload *const payload = payload_of(object);
    stress_check(payload->check == (payload->number ^ (uintptr_t)object),
                 "object %p was written to, or is no object", (void *)object);
}

static struct orr_object *
make_node(struct orr_thread *thread, uint64_t number)
{
    struct orr_object *const node = orr_new(thread, &type_node);
    stress_check(node, "no memory");
    *payload_of(node) = (struct payload){number, number ^ (uintptr_t)node};
    return node;
}

/* --- what mutators do ------------------------------------------------------------------------------ */

static struct orr_slot *
pick(struct member *member)
{
    return &member->crowd->roots[stress_below(&member->chance, ROOTS)].slot;
}

/* A ring of fresh nodes; counted. The first comes to refer to the last at the end: until it is published,
 * its fields are ours alone. */
static struct orr_object *
make_ring(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, first, make_node(thread, member->rings++));
    ORR_OWN(thread, last, orr_get_slot(thread, &first.slot));
    for (uint32_t i = stress_below(&member->chance, RING_MOST); i > 0; i--) {
        ORR_OWN(thread, node, make_node(thread, member->rings));
        orr_set(thread, node.ref, NEXT, last.ref);
        orr_own_set(&last, orr_take(&node));
    }
    orr_set(thread, first.ref, NEXT, last.ref);
    return orr_take(&first);
}

/* Walks some steps along the ring and checks what is met. NEXT never changes once it can be found. */
static void
walk(struct member *member, struct orr_thread *thread, struct orr_own *at)
{
    for (uint32_t i = stress_below(&member->chance, RING_MOST); i > 0; i--) {
        if (payload_of(at->ref)->number == loose)
            return;
        orr_own_set(at, orr_get(thread, at->ref, NEXT));
        stress_check(at->ref, "a ring has an end");
        check_node(at->ref);
    }
}

/* Two rings tied: garbage of several cycles, when both are dropped. `held`, here and below: perhaps nothing. */
static void
tie_rings(struct member *member, struct orr_thread *thread, struct orr_object *held)
{
    ORR_OWN(thread, other, orr_load_slot(thread, pick(member)));
    if (held)
        orr_store(thread, held, TIE, other.ref);
}

/* A tie goes; a loose node comes in its place, or not. */
static void
untie(struct member *member, struct orr_thread *thread, struct orr_object *held)
{
    ORR_OWN(thread, node, stress_below(&member->chance, 2) ? make_node(thread, loose) : NULL);
    if (held)
        orr_store(thread, held, TIE, node.ref);
}

/* Through a tie; and a root is moved there. */
static void
follow_tie(struct member *member, struct orr_thread *thread, struct orr_object *held)
{
    ORR_OWN(thread, tied, held ? orr_load(thread, held, TIE) : NULL);
    if (!tied.ref)
        return;
    check_node(tied.ref);
    orr_store_slot(thread, NULL, pick(member), tied.ref);
}

static void
do_round(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, held, orr_load_slot(thread, pick(member)));
    if (held.ref) {
        check_node(held.ref);
        walk(member, thread, &held);
    }
    switch (stress_below(&member->chance, 8)) {
    case 0:
    case 1: { /* a ring in a root; what was there may become garbage */
        ORR_OWN(thread, ring, make_ring(member, thread));
        orr_store_slot(thread, NULL, pick(member), ring.ref);
        break;
    }
    case 2:
        tie_rings(member, thread, held.ref);
        break;
    case 3:
        untie(member, thread, held.ref);
        break;
    case 4:
        follow_tie(member, thread, held.ref);
        break;
    case 5: { /* dropped; what is held stays whole for as long */
        ORR_OWN(thread, out, orr_exchange_slot(thread, NULL, pick(member), NULL));
        orr_poll(thread);
        if (out.ref)
            check_node(out.ref);
        break;
    }
    case 6:
        orr_block_enter(thread);
        orr_yield();
        orr_block_leave(thread);
        break;
    default: { /* garbage at once */
        ORR_OWN(thread, ring, make_ring(member, thread));
    }
    }
    if (held.ref)
        check_node(held.ref);
    orr_poll(thread);
}

static bool
has_seen_enough(struct crowd *crowd)
{
    struct orr_heap_totals totals;
    if (crowd->heap->collector->completeness != 0)
        return false;
    orr_heap_totals(crowd->heap, &totals);
    return totals.live > LEFT_MOST;
}

static void *
live(void *argument)
{
    struct member *const member = argument;
    struct crowd *const crowd = member->crowd;
    while (orr_clock_ns() < crowd->deadline_ns && !has_seen_enough(crowd)) {
        struct orr_thread *const thread = stress_attach(crowd->heap);
        for (uint32_t i = 1 + stress_below(&member->chance, 500); i > 0; i--)
            do_round(member, thread);
        orr_thread_detach(thread);
    }
    return NULL;
}

/* --- the run --------------------------------------------------------------------------------------- */

static void
check_end(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    /* relaxed, all: the team has been joined */
    const uint64_t collections = orr_load_relaxed(&heap->collections_done);
    const uint64_t found = orr_load_relaxed(&heap->garbage_peak);
    orr_heap_totals(heap, &totals);
    fprintf(stderr, "%s on %s: %llu born, %llu left, %llu collections\n", heap->collector->name,
            heap->kind->name, (unsigned long long)totals.allocated, (unsigned long long)totals.live,
            (unsigned long long)collections);
    stress_check(!orr_load_relaxed(&heap->verification_failed), "a verification failed");
    if (heap->collector->completeness == 0)
        return;
    stress_expect_empty(heap);
    stress_check(collections > heap->collector->completeness, "the trigger never went off");
    stress_check(found != 0, "no collection ever found anything");
}

static void
run_crowd(const struct orr_heap_options *options, double share)
{
    struct orr_heap *const heap = stress_heap(options);
    if (!heap)
        return;
    struct crowd crowd = {.heap = heap, .deadline_ns = stress_deadline_ns(share)};
    struct member members[TEAM];
    struct orr_os_thread team[TEAM];
    struct orr_thread *const self = stress_attach(heap);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_add(heap, &crowd.roots[i]);
    for (uint32_t i = 0; i < TEAM; i++) {
        members[i] = (struct member){.crowd = &crowd, .chance = stress.seed + i};
        stress_start(&team[i], live, &members[i]);
    }
    stress_join(team, TEAM, self);
    stress_settle(heap, self, true);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_release(self, orr_exchange_slot(self, NULL, &crowd.roots[i].slot, NULL));
    stress_settle(heap, self, true);
    check_end(heap);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_remove(heap, &crowd.roots[i]);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    stress_register(&type_node);
    stress_each_pair(TEAM + 1, TRIGGER, run_crowd);
    return 0;
}
