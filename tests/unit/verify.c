/* verify.c - runtime/verify: for each assertion by name, a heap in which exactly that is broken. A verifier that
 * reports nothing proves nothing, so each test first sees the heap sound, and again after the repair.
 *
 * Biased counting and trial deletion: between them they have everything that the verifier looks at.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/ledger.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

struct pair {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t number;
};

static uint16_t pair_index;
static const struct orr_type pair = {
    .name = "pair", .bytes = sizeof(struct pair), .references = 2, .index = &pair_index};

static struct orr_heap *heap;
static struct orr_thread *thread;
static struct orr_root root;
static struct orr_object *held, *child,
    *loose; /* root -> held -> child -> held; loose: by us alone */

static _Alignas(16) char nowhere[64]; /* no object of any heap */

static void
open_with(const struct orr_rc *rc, const char *collector)
{
    const struct orr_heap_options options = {.rc = rc,
                                             .collector = orr_collector_find(collector),
                                             .kind = &orr_heap_blocks,
                                             .trigger = {.kind = ORR_TRIGGER_manual},
                                             .ledger = true};
    struct orr_error error;
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_type_register(&pair, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
}

static void
populate(void)
{
    orr_root_add(heap, &root);
    held = orr_new(thread, &pair);
    orr_exchange_slot(thread, NULL, &root.slot, held);
    child = orr_new(thread, &pair);
    orr_init(thread, held, 0, child);
    orr_set(thread, child, 0, held);
    loose = orr_new(thread, &pair);
}

static void
setup(void)
{
    open_with(&orr_rc_biased, "trial");
    populate();
}

static void
teardown(void)
{
    orr_release(thread, loose);
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, NULL));
    orr_root_remove(heap, &root);
    orr_settle(thread);
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    cr_assert_eq(totals.live, 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

/* The report, or null. */
static const char *
report_of(bool exact)
{
    static struct orr_error error;
    error = (struct orr_error){0};
    orr_world_stop(heap, thread);
    const bool sound = (exact ? orr_heap_verify_exact : orr_heap_verify)(heap, thread, &error);
    orr_world_resume(heap);
    if (sound)
        return NULL;
    cr_assert_eq(error.status, ORR_CHECK_FAILED);
    return error.message;
}

static void
expect_sound(void)
{
    const char *const report = report_of(false);
    cr_assert_null(report, "%s", report);
}

/* The report begins with the name, and names the object if there is one. */
static void
expect_report(const char *name, const struct orr_object *object)
{
    const char *const report = report_of(false);
    const size_t length = strlen(name);
    char address[32];
    snprintf(address, sizeof address, "%p", (const void *)object);
    cr_assert(report, "%s is not reported", name);
    cr_assert(strncmp(report, name, length) == 0 && report[length] == ':', "%s expected: %s", name,
              report);
    cr_assert(!object || strstr(report, address), "%s should name %s: %s", name, address, report);
}

/* Overwrites a field, expects the report, restores the field, and expects none. */
#define EXPECT_WHEN(field, value, name, object)                                                    \
    do {                                                                                           \
        expect_sound();                                                                            \
        const uint64_t before = (uint64_t)orr_load_relaxed(&(field));                              \
        orr_store_relaxed(&(field), value);                                                        \
        expect_report(name, object);                                                               \
        atomic_store_explicit(&(field), before, memory_order_relaxed);                             \
        expect_sound();                                                                            \
    } while (0)

TestSuite(verify, .init = setup, .fini = teardown);

Test(verify, a_sound_heap_reports_nothing)
{
    expect_sound();
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, NULL)); /* a garbage cycle */
    expect_sound();
    orr_settle(thread);
    expect_sound();
}

Test(verify, type)
{
    EXPECT_WHEN(loose->type, 65000, "type", loose);
}

Test(verify, flags)
{
    EXPECT_WHEN(loose->flags, ORR_FLAG_SERIAL | ORR_FLAG_DYING, "flags", loose);
    EXPECT_WHEN(held->flags, ORR_FLAG_SERIAL | ORR_FLAG_HELD_LOCAL, "flags", held);
    EXPECT_WHEN(held->flags, ORR_FLAG_SERIAL | ORR_FLAG_HELD_SHARED, "flags", held);
}

Test(verify, slot_locked)
{
    struct orr_slot *const slot = orr_field(held, 0);
    EXPECT_WHEN(slot->word, orr_load_relaxed(&slot->word) | ORR_SLOT_LOCK, "slot-locked", held);
    EXPECT_WHEN(root.slot.word, orr_load_relaxed(&root.slot.word) | ORR_SLOT_LOCK, "slot-locked",
                held);
    EXPECT_WHEN(orr_field(held, 1)->word, ORR_SLOT_LOCK, "slot-locked",
                held); /* and holds nothing */
}

Test(verify, edge)
{
    EXPECT_WHEN(orr_field(held, 1)->word, (uintptr_t)nowhere, "edge", held);
    EXPECT_WHEN(orr_field(held, 1)->word, (uintptr_t)&held->counts, "edge", held);
}

Test(verify, edge_to_the_dead)
{
    struct orr_object *const dead = orr_new(thread, &pair);
    orr_release(thread, dead);
    EXPECT_WHEN(orr_field(held, 1)->word, (uintptr_t)dead, "edge", held);
}

Test(verify, root)
{
    EXPECT_WHEN(root.slot.word, (uintptr_t)nowhere, "root", NULL);
}

Test(verify, root_that_is_a_local)
{
    struct orr_own own = {.ref = NULL};
    orr_own_begin(thread, &own);
    EXPECT_WHEN(own.slot.word, (uintptr_t)nowhere, "root", NULL);
    orr_own_end(&own);
}

Test(verify, count_zero)
{
    /* Merged, and nobody holds it: it should have been freed. */
    expect_sound();
    const uint64_t birth = orr_load_relaxed(&loose->birth);
    const uint64_t counts = orr_load_relaxed(&loose->counts);
    orr_store_relaxed(&loose->owner, 0);
    orr_store_relaxed(&loose->count, ORR_UNCLAIMED);
    orr_store_relaxed(&loose->shared, (uint32_t)(ORR_SHARED_MERGED | ORR_SHARED_UNCLAIMED));
    expect_report("count-zero", loose);
    orr_store_relaxed(&loose->birth, birth);
    orr_store_relaxed(&loose->counts, counts);
    expect_sound();
}

Test(verify, count_low)
{
    orr_retain(thread, held); /* root, child, we */
    EXPECT_WHEN(held->count, ORR_UNCLAIMED | 1, "count-low", held);
    EXPECT_WHEN(held->shared, ORR_SHARED_UNCLAIMED + (uint32_t)-2 * ORR_SHARED_UNIT, "count-low",
                held);
    orr_release(thread, held);
}

Test(verify, count_high)
{
    const char *report = report_of(true);
    cr_assert(report && strncmp(report, "count-high: ", 12) == 0,
              "what we hold is in no linked local: %s", report);
    struct orr_own own = {.ref = loose};
    orr_own_begin(thread, &own);
    report = report_of(true);
    cr_assert_null(report, "%s", report);
    orr_add_relaxed(&child->count, 1);
    report = report_of(true);
    cr_assert(report && strncmp(report, "count-high: ", 12) == 0, "%s", report);
    expect_sound(); /* the form that is not exact allows for references it cannot see */
    orr_sub_relaxed(&child->count, 1);
    orr_add_relaxed(&child->shared, ORR_SHARED_UNIT);
    report = report_of(true);
    cr_assert(report && strncmp(report, "count-high: ", 12) == 0, "%s", report);
    orr_sub_relaxed(&child->shared, ORR_SHARED_UNIT);
    orr_take(&own);
    orr_own_end(&own);
}

Test(verify, owner)
{
    const uint32_t unclaimed = ORR_SHARED_UNCLAIMED;
    EXPECT_WHEN(held->shared, unclaimed | ORR_SHARED_QUEUED, "owner", held);
    EXPECT_WHEN(held->shared, unclaimed | ORR_SHARED_MERGED, "owner", held);
    EXPECT_WHEN(held->owner, 0, "owner", held); /* its half is not empty */
    EXPECT_WHEN(loose->count, ORR_UNCLAIMED, "owner", loose);
}

Test(verify, owner_of_a_merged_object)
{
    orr_store_relaxed(&held->owner, 0);
    orr_store_relaxed(&held->count, ORR_UNCLAIMED);
    orr_store_relaxed(&held->shared,
                      2 * ORR_SHARED_UNIT | (uint32_t)(ORR_SHARED_MERGED | ORR_SHARED_UNCLAIMED));
    expect_sound();
    EXPECT_WHEN(held->count, ORR_UNCLAIMED | 1, "owner", held);
    EXPECT_WHEN(held->owner, thread->id, "owner", held);
}

Test(verify, claim)
{
    EXPECT_WHEN(held->count, orr_load_relaxed(&held->count) & ORR_COUNT_MASK, "claim", held);
    EXPECT_WHEN(held->shared, 0, "claim", held);
}

Test(verify, claim_without_an_object)
{
    expect_sound();
    cr_assert(orr_buffer_push(&heap->orphans, (uintptr_t)nowhere));
    expect_report("claim", NULL);
    orr_buffer_pop(&heap->orphans);
    cr_assert(orr_buffer_push(&heap->parked, (uintptr_t)held)); /* which claims nothing */
    expect_report("claim", held);
    orr_buffer_pop(&heap->parked);
    cr_assert(orr_buffer_push(&thread->candidates, (uintptr_t)held | 1));
    expect_report("claim", held);
    orr_buffer_pop(&thread->candidates);
    expect_sound();
}

Test(verify, claim_twice)
{
    orr_retain(thread, held);
    orr_release(thread, held); /* claims */
    expect_sound();
    cr_assert(orr_buffer_push(&thread->candidates, (uintptr_t)held));
    expect_report("claim", held);
    orr_buffer_pop(&thread->candidates);
    expect_sound();
}

Test(verify, shell)
{
    EXPECT_WHEN(loose->flags, ORR_FLAG_SERIAL | ORR_FLAG_SHELL, "shell", loose);
    EXPECT_WHEN(loose->flags, ORR_FLAG_SERIAL | ORR_FLAG_SHELL | ORR_FLAG_HELD_LOCAL, "claim",
                loose);
}

Test(verify, a_shell_that_a_buffer_names_is_sound)
{
    struct orr_object *const object = orr_new(thread, &pair);
    orr_retain(thread, object);
    orr_release(thread, object); /* claims */
    orr_release(thread, object); /* dies; the cell waits */
    cr_assert(orr_load_relaxed(&object->flags) & ORR_FLAG_SHELL);
    expect_sound();
}

Test(verify, a_shell_that_a_borrower_keeps_is_sound)
{
    if (!ORR_IS_CHECKED)
        cr_skip_test("only checked builds keep what was borrowed");
    struct orr_object *const borrowed = orr_new(thread, &pair);
    orr_init(thread, loose, 0, borrowed);
    cr_assert_eq(orr_peek(thread, loose, 0), borrowed);
    orr_set(thread, loose, 0, NULL); /* it dies; its cell waits for the next safepoint */
    cr_assert(orr_load_relaxed(&borrowed->flags) & ORR_FLAG_SHELL);
    expect_sound();
    orr_poll(thread);
    expect_sound();
}

Test(verify, scratch)
{
    EXPECT_WHEN(*orr_scratch(heap, held), 1, "scratch", held);
    EXPECT_WHEN(*orr_scratch(heap, loose), UINT32_MAX, "scratch", loose);
}

Test(verify, conservation)
{
    const uint64_t allocated = orr_load_relaxed(&thread->counters.allocated);
    EXPECT_WHEN(thread->counters.allocated, allocated + 1, "conservation", NULL);
    EXPECT_WHEN(thread->counters.freed, orr_load_relaxed(&thread->counters.freed) + 1,
                "conservation", NULL);
    EXPECT_WHEN(heap->gone.allocated, 1, "conservation", NULL);
}

Test(verify, ledger)
{
    expect_sound();
    orr_ledger_born(heap->ledger, (struct orr_object *)nowhere);
    expect_report("ledger", NULL);
    orr_ledger_died(heap->ledger, (struct orr_object *)nowhere);
    orr_ledger_died(heap->ledger, loose);
    expect_report("ledger", NULL);
    orr_ledger_born(heap->ledger, loose);
    expect_sound();
}

/* --- where there are no owners ---------------------------------------------------------------------- */

Test(verify_unowned, owner, .init = NULL, .fini = NULL)
{
    open_with(&orr_rc_atomic, "none");
    loose = orr_new(thread, &pair);
    EXPECT_WHEN(loose->owner, 1, "owner", loose);
    EXPECT_WHEN(loose->shared, ORR_SHARED_UNIT, "owner", loose);
    heap->rc->release(thread, loose);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

Test(verify_unowned, count_zero)
{
    open_with(&orr_rc_atomic, "none");
    loose = orr_new(thread, &pair);
    EXPECT_WHEN(loose->count, 0, "count-zero", loose);
    heap->rc->release(thread, loose);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

/* --- where it cannot be done ------------------------------------------------------------------------ */

Test(verify_refused, without_a_walk)
{
    const struct orr_heap_options options = {.rc = &orr_rc_atomic,
                                             .collector = orr_collector_find("none"),
                                             .kind = &orr_heap_mimalloc,
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    struct orr_error error = {0};
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
    orr_world_stop(heap, thread);
    cr_assert(!orr_heap_verify(heap, thread, &error));
    orr_world_resume(heap);
    cr_assert_eq(error.status, ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, "mimalloc cannot be walked"), "%s", error.message);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

Test(verify_refused, as_an_option_of_such_a_heap)
{
    const struct orr_heap_options options = {.rc = &orr_rc_atomic,
                                             .collector = orr_collector_find("none"),
                                             .kind = &orr_heap_mimalloc,
                                             .trigger = {.kind = ORR_TRIGGER_manual},
                                             .verify = true};
    struct orr_error error = {0};
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, "mimalloc cannot be walked"), "%s", error.message);
}

Test(verify, without_memory)
{
    struct orr_error error = {0};
    orr_world_stop(heap, thread);
    orr_fail_allocation(1, true);
    const bool sound = orr_heap_verify(heap, thread, &error);
    orr_fail_allocation(0, false);
    orr_world_resume(heap);
    cr_assert(!sound);
    cr_assert_eq(error.status, ORR_OUT_OF_MEMORY, "%s", error.message);
    expect_sound();
}
