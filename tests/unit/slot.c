/* slot.c - runtime/slot: the lock in bit 0. Objects here are mere addresses. */
#include "runtime/slot.h"

#include <criterion/criterion.h>

static struct orr_object objects[8];

static struct orr_slot
slot_with(struct orr_object *object)
{
    return (struct orr_slot){(uintptr_t)object};
}

static bool
is_locked(struct orr_slot *slot)
{
    return orr_load_relaxed(&slot->word) & ORR_SLOT_LOCK;
}

Test(slot, locking_returns_what_it_holds)
{
    struct orr_slot slot = slot_with(&objects[1]);
    cr_assert_eq(orr_slot_lock(&slot), &objects[1]);
    cr_assert(is_locked(&slot));
    cr_assert_eq(orr_slot_peek(&slot), &objects[1], "peeking sees through the lock");
    orr_slot_unlock(&slot, &objects[1]);
    cr_assert(!is_locked(&slot));
    cr_assert_eq(orr_slot_peek_private(&slot), &objects[1]);
}

Test(slot, an_empty_slot_is_not_locked)
{
    struct orr_slot slot = slot_with(NULL);
    cr_assert_null(orr_slot_lock(&slot));
    cr_assert(!is_locked(&slot));
}

Test(slot, exchange_returns_what_it_held)
{
    struct orr_slot slot = slot_with(NULL);
    cr_assert_null(orr_slot_exchange(&slot, &objects[1]));
    cr_assert_eq(orr_slot_exchange(&slot, &objects[2]), &objects[1]);
    cr_assert_eq(orr_slot_exchange(&slot, &objects[2]), &objects[2], "with itself");
    cr_assert_eq(orr_slot_exchange(&slot, NULL), &objects[2]);
    cr_assert_null(orr_slot_peek(&slot));
}

/* --- who waits for whom ---------------------------------------------------------------------------- */

struct other {
    struct orr_slot *slot;
    struct orr_object *value, *found;
    _Atomic(uint32_t) has_begun, is_done;
};

static void *
exchange(void *argument)
{
    struct other *const other = argument;
    orr_store_release(&other->has_begun, 1);
    other->found = orr_slot_exchange(other->slot, other->value);
    orr_store_release(&other->is_done, 1);
    return NULL;
}

static void *
lock_and_unlock(void *argument)
{
    struct other *const other = argument;
    orr_store_release(&other->has_begun, 1);
    other->found = orr_slot_lock(other->slot);
    orr_slot_unlock(other->slot, other->found);
    orr_store_release(&other->is_done, 1);
    return NULL;
}

/* Runs body on another thread while the slot is locked: it must not get on before the slot is unlocked. */
static struct orr_object *
waits(void *(*body)(void *), struct orr_slot *slot, struct orr_object *value)
{
    struct other other = {.slot = slot, .value = value};
    struct orr_os_thread thread;
    struct orr_object *const held = orr_slot_lock(slot);
    cr_assert(orr_os_thread_start(&thread, body, &other, 0));
    while (!orr_load_acquire(&other.has_begun))
        orr_yield();
    orr_sleep_ns(20000000);
    cr_assert(!orr_load_acquire(&other.is_done), "the lock was passed over");
    cr_assert_eq(orr_load_relaxed(&slot->word), (uintptr_t)held | ORR_SLOT_LOCK);
    orr_slot_unlock(slot, held);
    orr_os_thread_join(&thread);
    return other.found;
}

Test(slot, a_writer_waits_for_a_reader)
{
    struct orr_slot slot = slot_with(&objects[1]);
    cr_assert_eq(waits(exchange, &slot, &objects[2]), &objects[1]);
    cr_assert_eq(orr_slot_peek_private(&slot), &objects[2]);
}

Test(slot, a_reader_waits_for_a_reader)
{
    struct orr_slot slot = slot_with(&objects[1]);
    cr_assert_eq(waits(lock_and_unlock, &slot, NULL), &objects[1]);
    cr_assert_eq(orr_slot_peek_private(&slot), &objects[1]);
}

/* --- many ------------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 3000 };

struct crowd {
    struct orr_slot slot;
    uint64_t inside; /* plain: the lock protects it */
};

struct member {
    struct crowd *crowd;
    struct orr_object *mine; /* goes into the slot for what is in it */
    uint64_t locks;
};

static void *
read_and_write(void *argument)
{
    struct member *const member = argument;
    struct crowd *const crowd = member->crowd;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct orr_object *const object = orr_slot_lock(&crowd->slot);
        if (object) {
            crowd->inside++;
            member->locks++;
            orr_slot_unlock(&crowd->slot, object);
        }
        if (i % 3 == 0)
            member->mine = orr_slot_exchange(&crowd->slot, member->mine);
    }
    return NULL;
}

/* Four references and a null among four threads and a slot: none is lost, none is doubled. */
Test(slot, a_lock_excludes_and_an_exchange_loses_nothing)
{
    static struct crowd crowd;
    struct member members[THREADS];
    struct orr_os_thread threads[THREADS];
    uint64_t locks = 0;
    unsigned found[THREADS + 1] = {0};
    crowd.slot = slot_with(&objects[0]);
    for (size_t i = 0; i < THREADS; i++)
        members[i] = (struct member){.crowd = &crowd, .mine = i == 0 ? NULL : &objects[i]};
    for (size_t i = 0; i < THREADS; i++)
        cr_assert(orr_os_thread_start(&threads[i], read_and_write, &members[i], 0));
    for (size_t i = 0; i < THREADS; i++)
        orr_os_thread_join(&threads[i]);
    cr_assert(!is_locked(&crowd.slot));
    for (size_t i = 0; i <= THREADS; i++) {
        struct orr_object *const object =
            i == THREADS ? orr_slot_peek(&crowd.slot) : members[i].mine;
        locks += i == THREADS ? 0 : members[i].locks;
        found[object ? object - objects : THREADS]++;
    }
    for (size_t i = 0; i <= THREADS; i++)
        cr_assert_eq(found[i], 1, "%s", i == THREADS ? "the null" : "a reference");
    cr_assert_eq(crowd.inside, locks, "two threads were inside at once");
}
