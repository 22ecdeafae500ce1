/* slots.c - many readers and writers on a few shared slots: what is found is alive, and each dies once.
 *
 * All threads stay, and do nothing but load, store and exchange two roots and two fields of one object.
 * Every object has a number, and a table says by number how often its destroy has run: never while somebody
 * holds it, once when all is over. The death ledger says the same from the runtime's side.
 */
#include "tests/stress/stress.h"

#include "runtime/mutator.h"

enum {
    READERS = 2,
    WRITERS = 2,
    TEAM = READERS + WRITERS,
    ROOTS = 2,
    FIELDS = 2,       /* of the holder, written by all */
    OBJECTS = 1 << 20 /* numbers to give out; then writers move what exists */
};

struct item {
    struct orr_object header;
    uint64_t number, check;
};

struct slots {
    struct orr_heap *heap;
    struct orr_root roots[ROOTS];
    struct orr_root holder; /* its object is never replaced while the team runs */
    _Atomic(uint32_t) numbers;
    _Atomic(uint8_t) deaths[OBJECTS];
    uint64_t deadline_ns;
};

struct member {
    struct orr_object *holder; /* held by slots.holder */
    uint64_t chance, found;    /* loads that found something */
};

/* One run at a time; static, for the callback of the dead finds it here. */
static struct slots slots;

static uint16_t item_index, holder_index;

static void
destroy_item(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    const uint64_t number = ((struct item *)object)->number;
    const uint8_t before =
        orr_add_relaxed(&slots.deaths[number], 1); /* relaxed: one word, its own order */
    stress_check(before == 0, "object %llu dies for the second time", (unsigned long long)number);
}

static const struct orr_type type_item = {.name = "item",
                                          .bytes = sizeof(struct item),
                                          .flags = ORR_TYPE_ACYCLIC,
                                          .destroy = destroy_item,
                                          .index = &item_index};
static const struct orr_type type_holder = {
    .name = "holder", .bytes = 32, .references = FIELDS, .index = &holder_index};

static void
check_item(const struct orr_object *object)
{
    const struct item *const item = (const struct item *)object;
    stress_check(item->check == ~item->number && item->number < OBJECTS,
                 "what was found is no item of ours");
    /* relaxed: the load of the slot orders us after its birth, and we hold it */
    stress_check(orr_load_relaxed(&slots.deaths[item->number]) == 0,
                 "object %llu was found after its death", (unsigned long long)item->number);
}

/* A fresh object, or null when all numbers are given out. Counted. */
static struct orr_object *
make_item(struct orr_thread *thread)
{
    uint32_t number = orr_load_relaxed(&slots.numbers); /* relaxed, both: only unique */
    do
        if (number == OBJECTS)
            return NULL;
    while (!orr_cas_relaxed(&slots.numbers, &number, number + 1));
    struct orr_object *const object = orr_new(thread, &type_item);
    stress_check(object, "no memory");
    ((struct item *)object)->number = number;
    ((struct item *)object)->check = ~(uint64_t)number;
    return object;
}

/* --- the team -------------------------------------------------------------------------------------- */

/* Which of the shared slots; its holder, or null for a root. */
static struct orr_slot *
pick(struct member *member, struct orr_object **holder)
{
    const uint32_t i = stress_below(&member->chance, ROOTS + FIELDS);
    *holder = i < ROOTS ? NULL : member->holder;
    return i < ROOTS ? &slots.roots[i].slot : orr_field(member->holder, i - ROOTS);
}

static void *
read_slots(void *argument)
{
    struct member *const member = argument;
    struct orr_thread *const thread = stress_attach(slots.heap);
    while (orr_clock_ns() < slots.deadline_ns) {
        struct orr_object *holder;
        ORR_OWN(thread, held, orr_load_slot(thread, pick(member, &holder)));
        if (held.ref) {
            check_item(held.ref);
            orr_retain(thread, held.ref);
            orr_release(thread, held.ref);
            if (stress_below(&member->chance, 64) == 0)
                orr_yield(); /* held for longer */
            check_item(held.ref);
            member->found++;
        }
        orr_poll(thread);
    }
    orr_thread_detach(thread);
    return NULL;
}

static void
write_once(struct member *member, struct orr_thread *thread)
{
    struct orr_object *holder, *other_holder;
    struct orr_slot *const slot = pick(member, &holder);
    struct orr_slot *const other = pick(member, &other_holder);
    ORR_OWN(thread, fresh, NULL);
    switch (stress_below(&member->chance, 4)) {
    case 0: { /* from one slot to the other */
        ORR_OWN(thread, moved, orr_load_slot(thread, slot));
        if (moved.ref)
            check_item(moved.ref);
        orr_store_slot(thread, other_holder, other, moved.ref);
        break;
    }
    case 1: { /* taken out, and put back elsewhere or dropped */
        ORR_OWN(thread, out, orr_exchange_slot(thread, holder, slot, NULL));
        if (out.ref)
            check_item(out.ref);
        if (stress_below(&member->chance, 2))
            orr_own_set(&out, orr_exchange_slot(thread, other_holder, other, orr_take(&out)));
        break;
    }
    default: /* in two slots at once */
        orr_own_set(&fresh, make_item(thread));
        if (fresh.ref) {
            orr_store_slot(thread, holder, slot, fresh.ref);
            orr_store_slot(thread, other_holder, other, fresh.ref);
        }
    }
}

static void *
write_slots(void *argument)
{
    struct member *const member = argument;
    struct orr_thread *const thread = stress_attach(slots.heap);
    while (orr_clock_ns() < slots.deadline_ns) {
        write_once(member, thread);
        orr_poll(thread);
    }
    orr_thread_detach(thread);
    return NULL;
}

/* --- the run --------------------------------------------------------------------------------------- */

static void
empty_root(struct orr_thread *self, struct orr_root *root)
{
    orr_release(self, orr_exchange_slot(self, NULL, &root->slot, NULL));
    orr_root_remove(slots.heap, root);
}

static void
run_team(struct orr_thread *self)
{
    struct member members[TEAM];
    struct orr_os_thread team[TEAM];
    uint64_t found = 0;
    ORR_OWN(self, holder, orr_new(self, &type_holder));
    stress_check(holder.ref, "no memory");
    orr_store_slot(self, NULL, &slots.holder.slot, holder.ref);
    for (uint32_t i = 0; i < TEAM; i++) {
        members[i] = (struct member){.holder = holder.ref, .chance = stress.seed + i};
        stress_start(&team[i], i < READERS ? read_slots : write_slots, &members[i]);
    }
    stress_join(team, TEAM, self);
    for (uint32_t i = 0; i < TEAM; i++)
        found += members[i].found;
    fprintf(stderr, "%u born, %llu found\n", orr_load_relaxed(&slots.numbers), /* relaxed: joined */
            (unsigned long long)found);
    stress_check(found != 0, "nobody ever found anything");
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    stress_register(&type_item);
    stress_register(&type_holder);
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = orr_collector_find("none"),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_manual},
                                             .ledger = true};
    struct orr_error error;
    if (!orr_pair_applies(options.rc, options.collector, options.kind, TEAM + 1, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 3;
    }
    slots.heap = stress_heap(&options);
    slots.deadline_ns = stress_deadline_ns(1);
    stress_check(slots.heap, "there is no heap");
    struct orr_thread *const self = stress_attach(slots.heap);
    orr_root_add(slots.heap, &slots.holder);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_add(slots.heap, &slots.roots[i]);
    run_team(self);
    stress_settle(slots.heap, self, true);
    empty_root(self, &slots.holder);
    for (uint32_t i = 0; i < ROOTS; i++)
        empty_root(self, &slots.roots[i]);
    stress_settle(slots.heap, self, true);
    stress_expect_empty(slots.heap);
    const uint32_t born =
        orr_load_relaxed(&slots.numbers); /* relaxed, both: all have been joined */
    for (uint32_t i = 0; i < born; i++)
        stress_check(orr_load_relaxed(&slots.deaths[i]) == 1, "object %u died %u times", i,
                     orr_load_relaxed(&slots.deaths[i]));
    orr_thread_detach(self);
    orr_heap_destroy(slots.heap);
    return 0;
}
