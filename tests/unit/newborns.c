/* newborns.c - the entries that name the young, under collectors/generations: they neither dangle nor pile up,
 * whoever made or freed the objects, and there may be no memory for them.
 */
#include "tests/unit/generations_heap.h"

/* --- entries --------------------------------------------------------------------------------------- */

static uint64_t
bytes_used(const struct fixture *fixture)
{
    return orr_load_relaxed(&fixture->heap->bytes_used);
}

Test(newborns, the_short_lived_leave_nothing_behind_without_collections)
{
    struct fixture fixture = {.heap = NULL};
    struct orr_heap_options options = options_of("generations", &fixture.observed);
    options.ledger = options.verify = false;
    options.gc_disabled = true;
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 2000};
    open_with(&fixture, &options);
    struct orr_object *held[SCAFFOLD] = {NULL};
    for (uint32_t i = 0; i < 1000000; i++) {
        struct orr_object **place = &held[(uint64_t)i * i % SCAFFOLD];
        orr_release(fixture.thread, *place);
        *place = make(fixture.thread);
    }
    cr_assert_eq(fixture.observed.collections, 0);
    cr_assert(bytes_used(&fixture) < 2 << 20, "%llu bytes",
              (unsigned long long)bytes_used(&fixture));
    cr_assert(fixture.thread->candidates.total < 64 << 10, "%zu entries",
              fixture.thread->candidates.total);
    for (size_t i = 0; i < SCAFFOLD; i++)
        orr_release(fixture.thread, held[i]);
    close_empty(&fixture);
}

Test(newborns, the_middle_aged_leave_nothing_behind_without_their_collection)
{
    enum { ROUNDS = 300, BATCH = 200 };
    struct fixture fixture = {.heap = NULL};
    struct orr_heap_options options = options_of("generations", &fixture.observed);
    options.ledger = options.verify = false;
    open_with(&fixture, &options);
    struct orr_object *held[BATCH];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BATCH; i++)
            held[i] = make(fixture.thread);
        collect(&fixture, 0);
        for (size_t i = 0; i < BATCH; i++)
            orr_release(fixture.thread, held[i]);
    }
    cr_assert(fixture.heap->parked.total < 4 * ORR_CHUNK_ENTRIES, "%zu entries",
              fixture.heap->parked.total);
    verify(&fixture);
    collect(&fixture, 1);
    cr_assert_eq(fixture.heap->parked.total, 0);
    cr_assert_eq(small_live(fixture.heap), 0);
    close_empty(&fixture);
}

/* What other threads do: objects made there, in a root, and cycles left behind. */
struct visit {
    struct orr_heap *heap;
    struct orr_root root;   /* an array of SCAFFOLD */
    uint32_t cycles, drops; /* made; and fields emptied, whoever made what was there */
};

static void *
visit(void *argument)
{
    struct visit *visit = argument;
    struct orr_thread *thread = small_attach(visit->heap);
    struct orr_object *array = orr_load_slot(thread, &visit->root.slot);
    for (uint32_t i = 0; i < visit->cycles; i++) {
        struct orr_object *cycle = make_cycle(thread);
        orr_store_slot(thread, array, orr_element(array, i * 7 % SCAFFOLD), cycle);
        orr_release(thread, cycle);
        orr_release(thread, make(thread)); /* a shell */
    }
    for (uint32_t i = 0; i < visit->drops; i++)
        orr_store_slot(thread, array, orr_element(array, i % SCAFFOLD), NULL);
    orr_release(thread, array);
    orr_thread_detach(thread);
    return NULL;
}

static void
let_visit(struct fixture *fixture, struct visit *guest, uint32_t cycles, uint32_t drops)
{
    struct orr_os_thread other;
    guest->cycles = cycles;
    guest->drops = drops;
    orr_block_enter(fixture->thread);
    cr_assert(orr_os_thread_start(&other, visit, guest, 0));
    orr_os_thread_join(&other);
    orr_block_leave(fixture->thread);
}

static void
open_visit(struct fixture *fixture, struct visit *guest)
{
    struct orr_object *array = orr_new_array(fixture->thread, &array_type, SCAFFOLD, 0);
    cr_assert(array);
    *guest = (struct visit){.heap = fixture->heap};
    orr_root_add(fixture->heap, &guest->root);
    orr_exchange_slot(fixture->thread, NULL, &guest->root.slot, array);
}

static void
close_visit(struct fixture *fixture, struct visit *guest)
{
    orr_release(fixture->thread, orr_exchange_slot(fixture->thread, NULL, &guest->root.slot, NULL));
    orr_root_remove(fixture->heap, &guest->root);
}

Test(newborns, what_threads_that_have_gone_made_is_young_like_any)
{
    struct fixture fixture;
    struct visit guest;
    open(&fixture);
    open_visit(&fixture, &guest);
    let_visit(&fixture, &guest, SCAFFOLD, 0);
    let_visit(&fixture, &guest, SCAFFOLD / 2,
              0); /* half of the first thread's cycles are garbage now */
    verify(&fixture);
    cr_assert_eq(collect(&fixture, 0), SCAFFOLD);
    cr_assert_eq(small_live(fixture.heap), 1 + 2 * SCAFFOLD);
    let_visit(&fixture, &guest, 0, SCAFFOLD);
    cr_assert_eq(collect(&fixture, 0), 0);
    cr_assert_eq(collect(&fixture, 1), 2 * SCAFFOLD);
    close_visit(&fixture, &guest);
    close_empty(&fixture);
}

Test(newborns, objects_that_others_free_leave_their_entry_in_order)
{
    struct fixture fixture;
    struct visit guest;
    open(&fixture);
    open_visit(&fixture, &guest);
    struct orr_object *array = orr_load_slot(fixture.thread, &guest.root.slot);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        for (uint32_t i = 0; i < SCAFFOLD;
             i++) { /* ours, and alone: they die by the other's release */
            struct orr_object *object = make(fixture.thread);
            orr_store_slot(fixture.thread, array, orr_element(array, i), object);
            orr_release(fixture.thread, object);
        }
        if (generation)
            collect(&fixture, generation - 1);
        let_visit(&fixture, &guest, 0, SCAFFOLD);
        orr_poll(fixture.thread);
        verify(&fixture);
        cr_assert_eq(collect(&fixture, generation), 0);
        cr_assert_eq(small_live(fixture.heap), 1);
    }
    orr_release(fixture.thread, array);
    close_visit(&fixture, &guest);
    close_empty(&fixture);
}

Test(newborns, the_immortal_move_up_and_hold)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *object = make_cycle(fixture.thread);
    cr_assert(orr_immortalise(fixture.thread, object));
    orr_release(fixture.thread, object);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        cr_assert_eq(collect(&fixture, generation), 0);
        verify(&fixture);
    }
    cr_assert_eq(generation_of(object), 2);
    cr_assert_eq(small_live(fixture.heap), 2);
    orr_thread_detach(fixture.thread);
    orr_heap_destroy(fixture.heap);
}

/* --- no memory for entries ------------------------------------------------------------------------------- */

/* The n-th allocation of the runtime's books is refused, and all later ones if so wanted. */
static void
make_without_memory(struct fixture *fixture, uint64_t n, bool persistent)
{
    struct orr_object *held[SCAFFOLD] = {NULL};
    orr_fail_allocation(n, persistent);
    for (size_t i = 0; i < SCAFFOLD; i++) {
        struct orr_object *object = orr_new(fixture->thread, &small_pair);
        if (object && i % 2)
            orr_set(fixture->thread, object, 0, object);
        held[i] = object;
        if (i % 16 == 15)
            orr_gc_collect(fixture->thread, (int)(i / 16 % 2), NULL, NULL);
    }
    orr_fail_allocation(0, false);
    verify(fixture);
    for (size_t i = 0; i < SCAFFOLD; i++)
        orr_release(fixture->thread, held[i]);
    verify(fixture);
    collect(fixture, ORR_GENERATION_OLDEST);
    cr_assert_eq(small_live(fixture->heap), 0);
}

Test(newborns, survive_every_refusal_of_memory)
{
    struct fixture fixture = {.heap = NULL};
    struct orr_heap_options options = options_of("generations", &fixture.observed);
    options.ledger = options.verify = false;
    orr_buffers_tiny(true);
    open_with(&fixture, &options);
    for (uint64_t n = 1; n <= 60; n++) {
        make_without_memory(&fixture, n, false);
        make_without_memory(&fixture, n, true);
    }
    close_empty(&fixture);
    orr_buffers_tiny(false);
}
