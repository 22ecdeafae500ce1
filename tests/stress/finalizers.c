/* finalizers.c - finalizers that bring back, allocate, collect, drop, block and raise, on all threads at once.
 *
 * Mutators make objects, alone and in cycles, and drop them where other threads find them; they leave while objects
 * of theirs are still in others' hands or in their queue, so that finalizers also run in detach. Each
 * object must be finalized once, or once per death if it cannot lie on a cycle; destroyed once, after that;
 * and be whole all the while. At the end nothing comes back any more, and nothing is left.
 */
#include "tests/stress/stress.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"
#include "runtime/raise.h"

enum {
    TEAM = 3,
    STALLS = 6,
    TRIGGER = 300,
    BORN_MOST = 150000 /* objects after which a heap that never reuses memory has seen enough */
};

struct theatre {
    struct orr_heap *heap;
    bool makes_cycles; /* the collector will free them */
    struct orr_root stalls[STALLS];
    uint64_t deadline_ns;
    _Atomic(uint32_t) is_over; /* nothing comes back */
    _Atomic(uint64_t) born, finalized, destroyed, returned, failed, calls;
};

static struct theatre *theatre; /* the run; written before there are threads */

struct member {
    uint64_t chance;
};

/* --- objects ---------------------------------------------------------------------------------------- */

struct player {
    struct orr_object header;
    struct orr_slot tie, other; /* shared; unused where the type is green */
    _Atomic(uint32_t) finalized, destroyed;
    uint64_t check;
};

static uint16_t player_index, extra_index;
static void finalize(struct orr_thread *thread, struct orr_object *object);
static void destroy(struct orr_thread *thread, struct orr_object *object);

static const struct orr_type type_player = {.name = "player",
                                            .bytes = sizeof(struct player),
                                            .references = 2,
                                            .finalize = finalize,
                                            .destroy = destroy,
                                            .index = &player_index};
static const struct orr_type type_extra = {.name = "extra",
                                           .bytes = sizeof(struct player),
                                           .flags = ORR_TYPE_ACYCLIC,
                                           .finalize = finalize,
                                           .destroy = destroy,
                                           .index = &extra_index};

static void
check_player(struct orr_object *object)
{
    const struct player *const player = (const struct player *)object;
    stress_check(player->check == (uintptr_t)object && orr_load_acquire(&player->destroyed) == 0,
                 "object %p is held, and was destroyed", (void *)object);
}

static struct orr_object *
make_player(struct member *member, struct orr_thread *thread)
{
    struct orr_object *const object =
        orr_new(thread, stress_below(&member->chance, 4) ? &type_player : &type_extra);
    stress_check(object, "no memory");
    ((struct player *)object)->check = (uintptr_t)object;
    orr_add_relaxed(&theatre->born,
                    1); /* relaxed, all of this file: tallies, read after the join */
    return object;
}

static struct orr_slot *
any_stall(struct member *member)
{
    return &theatre->stalls[stress_below(&member->chance, STALLS)].slot;
}

static void
drop_ring(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, first, make_player(member, thread));
    ORR_OWN(thread, last, orr_get_slot(thread, &first.slot));
    if (orr_is_green(first.ref))
        return;
    for (uint32_t i = stress_below(&member->chance, 4); i > 0; i--) {
        ORR_OWN(thread, next, make_player(member, thread));
        orr_store(thread, last.ref, 0, next.ref);
        if (orr_is_green(next.ref))
            return;
        orr_own_set(&last, orr_take(&next));
    }
    if (theatre->makes_cycles)
        orr_store(thread, last.ref, 0, first.ref);
    if (stress_below(&member->chance, 3) == 0)
        orr_store_slot(thread, NULL, any_stall(member), last.ref);
}

/* --- the end of an object ---------------------------------------------------------------------------- */

/* What a finalizer does beside its duty. */
static void
act(struct member *member, struct orr_thread *thread, struct orr_object *object)
{
    switch (stress_below(&member->chance, 10)) {
    case 0:
    case 1: /* comes back, for others to drop */
        if (orr_load_acquire(&theatre->is_over))
            break;
        orr_add_relaxed(&theatre->returned, 1);
        orr_store_slot(thread, NULL, any_stall(member), object);
        break;
    case 2:
        orr_gc_collect(thread, (int)stress_below(&member->chance, 3), NULL, NULL);
        break;
    case 3: /* makes garbage, with finalizers of its own */
        if (!orr_load_acquire(&theatre->is_over))
            drop_ring(member, thread);
        break;
    case 4: /* ends another */
        orr_release(thread, orr_exchange_slot(thread, NULL, any_stall(member), NULL));
        break;
    case 5: /* opens its own cycle */
        if (!orr_is_green(object))
            orr_store(thread, object, 0, NULL);
        break;
    case 6:
        orr_block_enter(thread);
        orr_yield();
        orr_block_leave(thread);
        break;
    case 7:
        orr_raise(thread, ORR_CHECK_FAILED, "a finalizer of the storm");
        break;
    default:
        orr_poll(thread);
    }
}

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    struct player *const player = (struct player *)object;
    struct member member = {.chance = stress.seed ^ orr_add_relaxed(&theatre->calls, 1) << 32};
    check_player(object);
    const uint32_t before = orr_add_acq_rel(&player->finalized, 1);
    stress_check(before == 0 || orr_is_green(object), "object %p is finalized twice",
                 (void *)object);
    orr_add_relaxed(&theatre->finalized, before == 0);
    act(&member, thread, object);
    check_player(object);
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    struct player *const player = (struct player *)object;
    (void)thread;
    check_player(object);
    stress_check(orr_load_acquire(&player->finalized) != 0, "object %p was not finalized",
                 (void *)object);
    stress_check(orr_add_acq_rel(&player->destroyed, 1) == 0, "object %p is destroyed twice",
                 (void *)object);
    orr_add_relaxed(&theatre->destroyed, 1);
}

/* --- what mutators do ------------------------------------------------------------------------------- */

static void
do_round(struct member *member, struct orr_thread *thread)
{
    ORR_OWN(thread, held, orr_load_slot(thread, any_stall(member)));
    if (held.ref)
        check_player(held.ref);
    switch (stress_below(&member->chance, 7)) {
    case 0: { /* what was there is dropped here, whoever made it */
        ORR_OWN(thread, player, make_player(member, thread));
        orr_store_slot(thread, NULL, any_stall(member), player.ref);
        break;
    }
    case 1: {
        ORR_OWN(thread, player, make_player(member, thread));
        break;
    }
    case 2:
        drop_ring(member, thread);
        break;
    case 3:
        orr_release(thread, orr_exchange_slot(thread, NULL, any_stall(member), NULL));
        break;
    case 4: { /* a tie, which may close a cycle */
        ORR_OWN(thread, other, orr_load_slot(thread, any_stall(member)));
        if (held.ref && !orr_is_green(held.ref))
            orr_store(thread, held.ref, 1, theatre->makes_cycles ? other.ref : NULL);
        break;
    }
    case 5:
        orr_block_enter(thread);
        orr_yield();
        orr_block_leave(thread);
        break;
    default:
        orr_poll(thread);
    }
    if (held.ref)
        check_player(held.ref);
    stress_check(!orr_raised(thread), "a finalizer's error reached a mutator");
}

static bool
has_seen_enough(void)
{
    return theatre->heap->collector->completeness == 0 &&
           orr_load_relaxed(&theatre->born) > BORN_MOST;
}

static void *
live(void *argument)
{
    struct member *const member = argument;
    while (orr_clock_ns() < theatre->deadline_ns && !has_seen_enough()) {
        struct orr_thread *const thread = stress_attach(theatre->heap);
        for (uint32_t i = 1 + stress_below(&member->chance, 200); i > 0; i--)
            do_round(member, thread);
        orr_thread_detach(thread);
    }
    return NULL;
}

/* --- the run ---------------------------------------------------------------------------------------- */

static void
hear_failure(void *context, const char *where, const char *message)
{
    (void)context, (void)where;
    stress_check(strcmp(message, "a finalizer of the storm") == 0, "%s", message);
    orr_add_relaxed(&theatre->failed, 1);
}

static void
check_end(struct orr_heap *heap)
{
    const uint64_t born = orr_load_relaxed(&theatre->born);
    const uint64_t finalized = orr_load_relaxed(&theatre->finalized);
    const uint64_t destroyed = orr_load_relaxed(&theatre->destroyed);
    const uint64_t returned = orr_load_relaxed(&theatre->returned);
    fprintf(stderr, "%s on %s: %llu born, %llu came back, %llu collections\n",
            heap->collector->name, heap->kind->name, (unsigned long long)born,
            (unsigned long long)returned,
            (unsigned long long)orr_load_relaxed(&heap->collections_done));
    stress_check(!orr_load_relaxed(&heap->verification_failed), "a verification failed");
    stress_check(finalized == born && destroyed == born,
                 "%llu born, %llu finalized, %llu destroyed", (unsigned long long)born,
                 (unsigned long long)finalized, (unsigned long long)destroyed);
    stress_check(returned != 0 && orr_load_relaxed(&theatre->failed) != 0,
                 "finalizers did too little");
    stress_expect_empty(heap);
}

static void
run(const struct orr_heap_options *chosen, double share)
{
    struct orr_heap_options options = *chosen;
    options.listener.failed = hear_failure;
    struct orr_heap *const heap = stress_heap(&options);
    if (!heap)
        return;
    struct theatre run_of = {.heap = heap,
                             .makes_cycles = options.collector->completeness != 0,
                             .deadline_ns = stress_deadline_ns(share)};
    struct member members[TEAM];
    struct orr_os_thread team[TEAM];
    struct orr_thread *const self = stress_attach(heap);
    theatre = &run_of;
    for (uint32_t i = 0; i < STALLS; i++)
        orr_root_add(heap, &theatre->stalls[i]);
    for (uint32_t i = 0; i < TEAM; i++) {
        members[i] = (struct member){.chance = stress.seed + i};
        stress_start(&team[i], live, &members[i]);
    }
    stress_join(team, TEAM, self);
    stress_settle(heap, self, true);
    orr_store_release(&theatre->is_over, 1);
    for (uint32_t round = 0; round < 2; round++) { /* what came back at the last moment goes too */
        for (uint32_t i = 0; i < STALLS; i++)
            orr_release(self, orr_exchange_slot(self, NULL, &theatre->stalls[i].slot, NULL));
        stress_settle(heap, self, true);
    }
    check_end(heap);
    for (uint32_t i = 0; i < STALLS; i++)
        orr_root_remove(heap, &theatre->stalls[i]);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    stress_register(&type_player);
    stress_register(&type_extra);
    stress_each_pair(TEAM + 1, TRIGGER, run);
    return 0;
}
