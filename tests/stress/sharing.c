/* sharing.c - objects that outlive, or are dropped far from, the thread that made them.
 *
 * Mutators attach, allocate, publish in shared roots, drop what others made, keep some of it in their
 * pockets over long stretches, go into blocking regions while others drop what is theirs, leave with
 * foreign references still about, and come again under another id. At the end everything is dropped: nothing
 * may be left, nobody may have died twice, and the ways that the strategy has for last references that end
 * elsewhere must have been used.
 *
 * Everything is acyclic, so counting alone has to free it: fields are filled at birth with older objects, and
 * the depth is bounded so that history does not pile up.
 */
#include "tests/stress/stress.h"

#include "runtime/mutator.h"

enum {
    ROOTS = 6,
    MAIL = 32, /* roots that a thread fills before it blocks, so that others drop it meanwhile */
    TEAM = 4,
    POCKETS = 8,
    DEPTH = 5,
    ROUNDS = 200 /* at most, in one attachment */
};

struct sharing {
    struct orr_heap *heap;
    struct orr_root roots[ROOTS], mail[MAIL];
    uint64_t deadline_ns;
    _Atomic(uint64_t) born, destroyed; /* objects of the type with a destroy callback */
};

struct member {
    struct sharing *sharing;
    uint64_t chance;
};

/* --- objects --------------------------------------------------------------------------------------- */

struct payload {
    uint64_t depth, check;
};

static uint16_t node_index, noisy_index;
static struct sharing *destroying; /* the run, for the callback; written before there are threads */

/* Comes to a safepoint in the middle of a death, and makes another thread's object die there. */
static void
destroy_noisy(struct orr_thread *thread, struct orr_object *object)
{
    struct sharing *const sharing = destroying;
    orr_add_relaxed(&sharing->destroyed, 1); /* relaxed: a tally, read after the join */
    orr_poll(thread);
    struct orr_root *const root = &sharing->mail[((uintptr_t)object >> 4) % MAIL];
    orr_release(thread, orr_exchange_slot(thread, NULL, &root->slot, NULL));
}

static const struct orr_type type_node = {
    .name = "node", .bytes = 48, .references = 2, .index = &node_index};
static const struct orr_type type_noisy = {
    .name = "noisy", .bytes = 48, .references = 2, .destroy = destroy_noisy, .index = &noisy_index};

static struct payload *
payload_of(struct orr_object *object)
{
    return (struct payload *)orr_field(object, 2);
}

static void
check_payload(struct orr_object *object)
{
    const struct payload *const payload = payload_of(object);
    stress_check(payload->check == (payload->depth ^ (uintptr_t)object), "object %p was written to",
                 (void *)object);
}

/* A fresh object that refers to `first` and `second`, unless they are null or too deep. Counted. */
static struct orr_object *
make(struct member *member, struct orr_thread *thread, struct orr_object *first,
     struct orr_object *second)
{
    const bool is_noisy = stress_below(&member->chance, 8) == 0;
    struct orr_object *const fresh =
        is_noisy ? orr_new(thread, &type_noisy) : orr_new(thread, &type_node);
    struct orr_object *const targets[] = {first, second};
    uint64_t depth = 0;
    stress_check(fresh, "no memory");
    if (is_noisy)
        orr_add_relaxed(&member->sharing->born, 1); /* relaxed: a tally */
    for (uint32_t i = 0; i < 2; i++) {
        if (!targets[i] || payload_of(targets[i])->depth >= DEPTH)
            continue;
        if (payload_of(targets[i])->depth >= depth)
            depth = payload_of(targets[i])->depth + 1;
        orr_retain(thread, targets[i]);
        orr_init(thread, fresh, i, targets[i]);
    }
    *payload_of(fresh) = (struct payload){depth, depth ^ (uintptr_t)fresh};
    return fresh;
}

/* --- what a mutator does --------------------------------------------------------------------------- */

static struct orr_slot *
pick(struct member *member)
{
    struct sharing *const sharing = member->sharing;
    return &sharing->roots[stress_below(&member->chance, ROOTS)].slot;
}

/* Fills the mail with objects of ours and blocks; the others empty it meanwhile. */
static void
block_with_mail(struct member *member, struct orr_thread *thread)
{
    struct sharing *const sharing = member->sharing;
    for (uint32_t i = 0; i < MAIL; i++) {
        struct orr_object *const letter = make(member, thread, NULL, NULL);
        orr_release(thread, orr_exchange_slot(thread, NULL, &sharing->mail[i].slot, letter));
    }
    if (stress_below(&member->chance, 2)) /* or they queue first, while we run on without a poll */
        orr_sleep_ns(20000);
    orr_block_enter(thread);
    orr_sleep_ns(stress_below(&member->chance, 200000));
    orr_block_leave(thread);
}

static void
empty_mail(struct member *member, struct orr_thread *thread)
{
    struct sharing *const sharing = member->sharing;
    for (uint32_t i = 0; i < MAIL; i++)
        orr_release(thread, orr_exchange_slot(thread, NULL, &sharing->mail[i].slot, NULL));
}

/* One operation; `pocket` is a place of ours. */
static void
do_round(struct member *member, struct orr_thread *thread, struct orr_object **pocket)
{
    ORR_OWN(thread, held, orr_load_slot(thread, pick(member)));
    if (held.ref)
        check_payload(held.ref);
    if (*pocket)
        check_payload(*pocket);
    switch (stress_below(&member->chance, 12)) {
    case 0:
    case 1:
    case 2: { /* a fresh object in a root */
        ORR_OWN(thread, fresh, make(member, thread, held.ref, *pocket));
        orr_store_slot(thread, NULL, pick(member), fresh.ref);
        break;
    }
    case 3: /* dropped, by whoever comes along */
        orr_release(thread, orr_exchange_slot(thread, NULL, pick(member), NULL));
        break;
    case 4: /* another reference to what was found */
        orr_store_slot(thread, NULL, pick(member), held.ref);
        break;
    case 5:
    case 6: /* what was found goes into the pocket, and the pocket's object goes */
        orr_release(thread, *pocket);
        *pocket = orr_take(&held);
        break;
    case 7: /* the pocket's reference is moved to whoever finds it */
        *pocket = orr_exchange_slot(thread, NULL, pick(member), *pocket);
        break;
    case 8: /* a field, of whoever's object */
        if (held.ref) {
            ORR_OWN(thread, child, orr_get(thread, held.ref, 0));
            if (child.ref)
                check_payload(child.ref);
        }
        break;
    case 9:
        empty_mail(member, thread);
        break;
    case 10:
        if (stress_below(&member->chance, 8) == 0)
            block_with_mail(member, thread);
        break;
    default: /* born and dropped in one place */
        orr_release(thread, make(member, thread, held.ref, NULL));
    }
}

/* One attachment. */
static void
live_once(struct member *member)
{
    struct orr_object *pockets[POCKETS] = {NULL};
    struct orr_thread *const thread = stress_attach(member->sharing->heap);
    const uint32_t poll_every = 1 + stress_below(&member->chance, 16); /* queues fill in between */
    for (uint32_t i = 1 + stress_below(&member->chance, ROUNDS); i > 0; i--) {
        do_round(member, thread, &pockets[stress_below(&member->chance, POCKETS)]);
        if (i % poll_every == 0)
            orr_poll(thread);
    }
    for (uint32_t i = 0; i < POCKETS; i++) { /* some of it stays behind, for those who stay */
        if (pockets[i] && stress_below(&member->chance, 2))
            pockets[i] = orr_exchange_slot(thread, NULL, pick(member), pockets[i]);
        orr_release(thread, pockets[i]);
    }
    orr_thread_detach(thread);
}

static void *
live(void *argument)
{
    struct member *const member = argument;
    while (orr_clock_ns() < member->sharing->deadline_ns)
        live_once(member);
    return NULL;
}

/* --- the run --------------------------------------------------------------------------------------- */

/* Empties the roots; what dies of it may empty others, and fills none. */
static void
drop_all(struct orr_thread *self, struct orr_root *roots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        orr_release(self, orr_exchange_slot(self, NULL, &roots[i].slot, NULL));
    for (uint32_t i = 0; i < count; i++)
        stress_check(orr_slot_peek(&roots[i].slot) == NULL, "a root was filled by nobody");
}

static void
expect_handing_over(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    fprintf(stderr, "%s: %llu born, %llu queued for their owners, %llu merged\n", heap->kind->name,
            (unsigned long long)totals.allocated, (unsigned long long)totals.merge_queued,
            (unsigned long long)totals.merged);
    if (heap->rc->has_owner)
        stress_check(totals.merge_queued != 0 && totals.merged != 0 && totals.rc_shared != 0,
                     "owned by one, dropped by others, and never merged");
}

static void
share(const struct orr_heap_options *options, double seconds_share)
{
    static struct sharing sharing; /* the callback of the dead finds it */
    struct orr_heap *const heap = stress_heap(options);
    struct member members[TEAM];
    struct orr_os_thread team[TEAM];
    stress_check(heap, "there is no heap");
    sharing = (struct sharing){.heap = heap, .deadline_ns = stress_deadline_ns(seconds_share)};
    destroying = &sharing;
    struct orr_thread *const self = stress_attach(heap);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_add(heap, &sharing.roots[i]);
    for (uint32_t i = 0; i < MAIL; i++)
        orr_root_add(heap, &sharing.mail[i]);
    for (uint32_t i = 0; i < TEAM; i++) {
        members[i] = (struct member){&sharing, stress.seed + i};
        stress_start(&team[i], live, &members[i]);
    }
    stress_join(team, TEAM, self);
    stress_settle(heap, self, true);
    drop_all(self, sharing.roots, ROOTS);
    drop_all(self, sharing.mail, MAIL);
    stress_settle(heap, self, true);
    stress_expect_empty(heap);
    expect_handing_over(heap);
    const uint64_t born = orr_load_relaxed(&sharing.born); /* relaxed, both: all have been joined */
    const uint64_t destroyed = orr_load_relaxed(&sharing.destroyed);
    stress_check(born == destroyed && born != 0, "%llu with a callback born, %llu destroyed",
                 (unsigned long long)born, (unsigned long long)destroyed);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_remove(heap, &sharing.roots[i]);
    for (uint32_t i = 0; i < MAIL; i++)
        orr_root_remove(heap, &sharing.mail[i]);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    static const char *const kinds[] = {"blocks", "libc"}; /* lists of cells, and none */
    stress_begin(count, arguments);
    stress_register(&type_node);
    stress_register(&type_noisy);
    for (uint32_t i = 0; i < 4; i++) {
        const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                                 .collector = orr_collector_find("none"),
                                                 .kind = orr_heap_kind_find(kinds[i % 2]),
                                                 .trigger = {.kind = ORR_TRIGGER_manual},
                                                 .release_slice = i / 2 ? 3 : 0,
                                                 .ledger = true};
        struct orr_error error;
        if (!orr_pair_applies(options.rc, options.collector, options.kind, TEAM + 1, &error)) {
            fprintf(stderr, "%s\n", error.message);
            return 3;
        }
        share(&options, 0.25);
    }
    return 0;
}
