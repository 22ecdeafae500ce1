/* quarantine.c - collectors/quarantine: the use of a dead object faults, or leaves a trace that is found. */
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 0
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/heap_blocks.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

#include <signal.h>

enum { CELL_BYTES = 64, BLOCKS_FILLED = 3, LARGE_SLOTS = 16384 };

/* Words of a dead object are read behind AddressSanitizer's back: the faults we expect are the pages'. */
#define UNCHECKED __attribute__((no_sanitize("address")))

static uint16_t pair_index, array_index;
static const struct orr_type pair_type = {
    .name = "pair", .bytes = CELL_BYTES, .references = 2, .index = &pair_index};
static const struct orr_type array_type = {.name = "array",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY,
                                           .index = &array_index};

static struct orr_heap *heap;
static struct orr_thread *thread;

static void
open_limited(const char *strategy, const struct orr_heap_kind *kind, uint64_t bytes_limit)
{
    struct orr_error error;
    struct orr_heap_options options = {.rc = orr_rc_find(strategy),
                                       .collector = orr_collector_find("quarantine"),
                                       .kind = kind,
                                       .trigger = {.kind = ORR_TRIGGER_KINDS},
                                       .bytes_limit = bytes_limit};
    cr_assert_eq(orr_type_register(&pair_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&array_type, &error), ORR_OK);
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
}

static void
open_heap(const char *strategy, const struct orr_heap_kind *kind)
{
    open_limited(strategy, kind, 0);
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static void
drop(struct orr_object *object)
{
    heap->rc->release(thread, object);
}

static bool
verify(struct orr_error *error)
{
    orr_world_stop(heap, thread);
    bool sound = orr_heap_verify(heap, thread, error);
    orr_world_resume(heap);
    return sound;
}

static void
assert_sound(void)
{
    struct orr_error error = {.message = ""};
    cr_assert(verify(&error), "%s", error.message);
}

static UNCHECKED uint64_t
read_word(const struct orr_object *object, size_t i)
{
    return ((const volatile uint64_t *)object)[i];
}

static UNCHECKED void
write_word(struct orr_object *object, size_t i, uint64_t word)
{
    ((volatile uint64_t *)object)[i] = word;
}

/* Objects enough to complete some blocks; dropped in the order given, or the other way round. */
static struct orr_object *objects[BLOCKS_FILLED * ORR_BLOCK_BYTES / CELL_BYTES];
enum { OBJECTS = sizeof objects / sizeof objects[0] };

static void
fill(void)
{
    for (int i = 0; i < OBJECTS; i++)
        cr_assert(objects[i] = orr_new(thread, &pair_type));
}

static void
drop_all(bool last_first)
{
    for (int i = 0; i < OBJECTS; i++)
        drop(objects[last_first ? OBJECTS - 1 - i : i]);
}

static bool
is_sealed(const struct orr_object *object)
{
    return orr_block_is_sealed(orr_block_of(object), object);
}

static int
count_sealed(void)
{
    int sealed = 0;
    for (int i = 0; i < OBJECTS; i++)
        sealed += is_sealed(objects[i]);
    return sealed;
}

/* --- before the page is complete --------------------------------------------------------------------- */

Test(quarantine, fills_the_dead_and_keeps_their_cells)
{
    open_heap("biased", &orr_heap_blocks);
    struct orr_object *dead = orr_new(thread, &pair_type), *alive = orr_new(thread, &pair_type);
    drop(dead);
    cr_assert(!is_sealed(dead), "a page with a living object is no dead page");
    cr_assert_eq(orr_load_relaxed(&dead->type), 0);
    for (size_t i = 2; i < CELL_BYTES / 8; i++)
        cr_assert_eq(read_word(dead, i), UINT64_C(0xdbdbdbdbdbdbdbdb));
    for (int i = 0; i < 1000; i++)
        cr_assert(orr_new(thread, &pair_type) != dead, "a dead cell was given out again");
    assert_sound();
    drop(alive);
    close_heap();
}

Test(quarantine, keeps_the_books)
{
    struct orr_heap_totals totals;
    open_heap("biased", &orr_heap_blocks);
    fill();
    uint64_t used = orr_load_relaxed(&heap->bytes_used);
    drop_all(false);
    orr_heap_totals(heap, &totals);
    cr_assert_eq(totals.allocated, OBJECTS);
    cr_assert_eq(totals.freed, OBJECTS);
    cr_assert_eq(orr_load_relaxed(&heap->bytes_used), used, "what is kept is not given back");
    assert_sound();
    close_heap();
}

Test(quarantine, finds_a_write_to_the_dead, .signal = SIGABRT)
{
    struct orr_error error;
    open_heap("biased", &orr_heap_blocks);
    struct orr_object *dead = orr_new(thread, &pair_type);
    drop(dead);
    write_word(dead, 3, 0);
    verify(&error);
}

Test(quarantine, finds_a_retain_of_the_dead, .signal = SIGABRT)
{
    struct orr_error error;
    open_heap("plain", &orr_heap_blocks);
    struct orr_object *dead = orr_new(thread, &pair_type);
    drop(dead);
    heap->rc->retain(thread, dead);
    verify(&error);
}

Test(quarantine, stops_one_release_too_many_under_plain, .signal = SIGABRT)
{
    open_heap("plain", &orr_heap_blocks);
    struct orr_object *object = orr_new(thread, &pair_type);
    drop(object);
    drop(object);
}

Test(quarantine, stops_one_release_too_many_under_atomic, .signal = SIGABRT)
{
    open_heap("atomic", &orr_heap_jemalloc);
    struct orr_object *object = orr_new(thread, &pair_type);
    drop(object);
    drop(object);
}

Test(quarantine, stops_one_release_too_many_under_biased, .signal = SIGABRT)
{
    open_heap("biased", &orr_heap_libc);
    struct orr_object *object = orr_new(thread, &pair_type);
    heap->rc->release(thread, object);
    heap->rc->release(thread, object);
}

/* --- complete pages ---------------------------------------------------------------------------------- */

Test(quarantine, seals_every_page_but_a_blocks_first)
{
    for (int last_first = 0; last_first < 2; last_first++) {
        open_heap("biased", &orr_heap_blocks);
        fill();
        drop_all(last_first);
        /* The last block may be half used: its last page may hold cells that were never given out. */
        int heads = (BLOCKS_FILLED + 1) * ORR_PAGE_BYTES / CELL_BYTES;
        cr_assert(count_sealed() >= OBJECTS - heads - ORR_PAGE_BYTES / CELL_BYTES);
        for (int i = 0; i < OBJECTS; i++)
            if ((uintptr_t)objects[i] % ORR_BLOCK_BYTES < ORR_PAGE_BYTES)
                cr_assert(!is_sealed(objects[i]), "the head of a block must stay readable");
        assert_sound();
        close_heap();
    }
}

Test(quarantine, leaves_a_page_open_for_one_living_object)
{
    open_heap("biased", &orr_heap_blocks);
    fill();
    int kept = OBJECTS / 2;
    for (int i = 0; i < OBJECTS; i++)
        if (i != kept)
            drop(objects[i]);
    cr_assert(!is_sealed(objects[kept]));
    cr_assert(is_sealed(objects[kept + 2 * ORR_PAGE_BYTES / CELL_BYTES]));
    assert_sound();
    drop(objects[kept]);
    cr_assert(is_sealed(objects[kept]));
    close_heap();
}

Test(quarantine, a_read_of_a_sealed_page_faults, .signal = SIGSEGV)
{
    open_heap("biased", &orr_heap_blocks);
    fill();
    drop_all(false);
    cr_assert(is_sealed(objects[OBJECTS / 2]));
    read_word(objects[OBJECTS / 2], 2);
}

Test(quarantine, a_retain_of_a_sealed_object_faults, .signal = SIGSEGV)
{
    open_heap("biased", &orr_heap_blocks);
    fill();
    drop_all(true);
    cr_assert(is_sealed(objects[OBJECTS / 2]));
    heap->rc->retain(thread, objects[OBJECTS / 2]);
}

Test(quarantine, a_dead_large_array_faults_behind_its_header, .signal = SIGSEGV)
{
    open_heap("biased", &orr_heap_blocks);
    struct orr_object *array = orr_new_array(thread, &array_type, LARGE_SLOTS, 0);
    drop(array);
    assert_sound();
    cr_assert_eq(orr_load_relaxed(&array->type), 0);
    read_word(array, LARGE_SLOTS / 2);
}

/* Trimming looks at every cell of every block. */
Test(quarantine, over_the_limit_the_heap_stays_whole)
{
    open_limited("biased", &orr_heap_blocks, 4 * ORR_BLOCK_BYTES);
    struct orr_object *object;
    int births = 0;
    while ((object = orr_new(thread, &pair_type))) {
        drop(object);
        births++;
    }
    cr_assert(births >= 3 * ORR_BLOCK_BYTES / CELL_BYTES, "only %d births fit", births);
    assert_sound();
    close_heap();
}

/* --- several threads, several sizes, other heaps ------------------------------------------------------ */

enum { CHURNS = 20000, HELD = 64 };

static void *
churn(void *argument)
{
    struct orr_thread *mine;
    struct orr_error error;
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    struct orr_object *held[HELD] = {NULL};
    if (orr_thread_attach(heap, &mine, &error) != ORR_OK)
        return &heap;
    for (int i = 0; i < CHURNS; i++) {
        seed = seed * 1664525 + 1013904223;
        struct orr_object **place = &held[seed >> 16 & (HELD - 1)];
        orr_release(mine, *place);
        *place = seed & 0x8000 ? orr_new(mine, &pair_type)
                               : orr_new_array(mine, &array_type, seed >> 22 & 255, seed & 63);
        orr_poll(mine);
    }
    for (int i = 0; i < HELD; i++)
        orr_release(mine, held[i]);
    orr_thread_detach(mine);
    return NULL;
}

static void
churn_on(const struct orr_heap_kind *kind)
{
    struct orr_os_thread threads[2];
    struct orr_heap_totals totals;
    open_heap("biased", kind);
    for (uintptr_t i = 0; i < 2; i++)
        cr_assert(orr_os_thread_start(&threads[i], churn, (void *)(i + 1), 0));
    orr_block_enter(thread);
    for (int i = 0; i < 2; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(thread);
    orr_heap_totals(heap, &totals);
    cr_assert_eq(totals.allocated, 2 * CHURNS);
    cr_assert_eq(totals.live, 0);
    if (kind->is_walkable)
        assert_sound();
    close_heap();
}

Test(quarantine, two_threads_on_blocks)
{
    churn_on(&orr_heap_blocks);
}

Test(quarantine, two_threads_on_jemalloc)
{
    churn_on(&orr_heap_jemalloc);
}

Test(quarantine, two_threads_on_mimalloc)
{
    churn_on(&orr_heap_mimalloc);
}

Test(quarantine, two_threads_on_libc)
{
    churn_on(&orr_heap_libc);
}

Test(quarantine, is_not_for_a_strategy_without_counts)
{
    struct orr_error error;
    cr_assert(!orr_pair_applies(orr_rc_find("tracing"), orr_collector_find("quarantine"),
                                &orr_heap_blocks, 1, &error));
    cr_assert_eq(error.status, ORR_NOT_APPLICABLE);
}
