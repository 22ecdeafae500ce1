/* heap_kinds.c - the heaps: walks, finding by address, books, the limit, giving memory back, two at once. */
/* mutator.h is for a chosen strategy; heaps are the same under each. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/heap_blocks.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
enum { ALIGNED = 2 << 20 };

/* Here the system aligns ranges of addresses to a page and no more, as Linux did before 6.7. */
void *
mmap(void *wanted, size_t bytes, int protection, int flags, int file, off_t offset)
{
    bool is_range = !wanted && bytes >= (size_t)256 << 20;
    size_t more = is_range ? 2 * ALIGNED : 0;
    char *start = (char *)syscall(SYS_mmap, wanted, bytes + more, protection, flags, file, offset);
    if (!is_range || start == MAP_FAILED)
        return start;
    return start + -(uintptr_t)start % ALIGNED + getpagesize();
}
#endif

enum { OBJECTS = 3000, LIMIT = 4 << 20, PAIR_BYTES = 48, WIDE_RAW = 448 };

static uint16_t pair_index, array_index;
static const struct orr_type pair_type = {
    .name = "pair", .bytes = PAIR_BYTES, .references = 2, .index = &pair_index};
static const struct orr_type array_type = {.name = "array",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY,
                                           .index = &array_index};

/* A heap, its one thread, and all that lives there. */
struct world {
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct orr_object *objects[OBJECTS];
    uint32_t seen[OBJECTS]; /* by a walk */
    uint32_t strangers;     /* seen, but none of these */
};

static void
open_world(struct world *world, const struct orr_heap_kind *kind, uint64_t limit)
{
    struct orr_error error;
    struct orr_heap_options options = {.rc = &orr_rc_biased,
                                       .collector = orr_collector_find("none"),
                                       .kind = kind,
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .bytes_limit = limit};
    cr_assert_eq(orr_type_register(&pair_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&array_type, &error), ORR_OK);
    cr_assert_eq(orr_heap_create(&options, &world->heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(world->heap, &world->thread, &error), ORR_OK);
}

/* Small, odd and large ones, by turns. */
static void
fill(struct world *world)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint32_t raw = i % 100 == 0 ? 20000 : i % 7 * 100;
        world->objects[i] = i % 2 ? orr_new(world->thread, &pair_type)
                                  : orr_new_array(world->thread, &array_type, i % 5, raw);
        cr_assert(world->objects[i]);
    }
}

static void
drop_every(struct world *world, uint32_t step)
{
    for (uint32_t i = 0; i < OBJECTS; i += step) {
        orr_release(world->thread, world->objects[i]);
        world->objects[i] = NULL;
    }
}

/* Everything has been dropped; the thread's own cells count as used until it leaves. */
static void
close_world(struct world *world)
{
    struct orr_heap_totals totals;
    orr_thread_detach(world->thread);
    orr_heap_totals(world->heap, &totals);
    cr_assert_eq(totals.live, 0);
    cr_assert_eq(orr_load_relaxed(&world->heap->bytes_used), 0);
    cr_assert(orr_load_relaxed(&world->heap->bytes_peak) > 0);
    orr_heap_destroy(world->heap);
}

/* --- walks ------------------------------------------------------------------------------------------- */

static void
see(struct orr_object *object, void *argument)
{
    struct world *world = argument;
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (world->objects[i] == object) {
            world->seen[i]++;
            return;
        }
    world->strangers++;
}

static void
expect_walk(struct world *world, uint32_t parts)
{
    for (uint32_t i = 0; i < OBJECTS; i++)
        world->seen[i] = 0;
    world->strangers = 0;
    orr_world_stop(world->heap, world->thread);
    for (uint32_t part = 0; part < parts; part++)
        world->heap->kind->walk(world->heap, part, parts, see, world);
    orr_world_resume(world->heap);
    cr_assert_eq(world->strangers, 0, "%u objects are walked that do not live", world->strangers);
    for (uint32_t i = 0; i < OBJECTS; i++)
        cr_assert_eq(world->seen[i], world->objects[i] != NULL, "object %u is walked %u times", i,
                     world->seen[i]);
}

static struct world first, second;

static struct orr_object *
find(struct world *world, const void *address)
{
    orr_world_stop(world->heap, world->thread);
    struct orr_object *object = world->heap->kind->find(world->heap, address);
    orr_world_resume(world->heap);
    return object;
}

/* Memory that a large object has left full of anything becomes cells, of which not all are handed out. */
static void
walk_where_large_ones_were(const struct orr_heap_kind *kind)
{
    enum { ROUNDS = 4, RAW = 6 << 20 };
    open_world(&first, kind, 0);
    for (uint32_t round = 0, made = 0; round < ROUNDS; round++) {
        struct orr_object *large = orr_new_array(first.thread, &array_type, 0, RAW);
        cr_assert(large);
        memset((struct orr_array *)large + 1, 0x41, RAW);
        orr_release(first.thread, large);
        for (uint32_t i = 0; i < 10; i++) { /* each a class of its own, and so a block */
            struct orr_object *const object = orr_new_array(first.thread, &array_type, 0, (round * 10 + i) * 100);
            cr_assert(first.objects[made++] = object);
            if (kind == &orr_heap_blocks)
                cr_assert_null(find(&first, (char *)orr_block_of(object) + ORR_BLOCK_BYTES - 64));
        }
        expect_walk(&first, 1);
    }
    drop_every(&first, 1);
    close_world(&first);
}

static void
walk_on(const struct orr_heap_kind *kind)
{
    open_world(&first, kind, 0);
    expect_walk(&first, 1);
    fill(&first);
    expect_walk(&first, 1);
    expect_walk(&first, 3);
    drop_every(&first, 3);
    expect_walk(&first, 1);
    expect_walk(&first, 7);
    drop_every(&first, 1);
    expect_walk(&first, 1);
    close_world(&first);
}

/* Calls test for every kind that can do it. */
static void
on_each(bool walkable_only, void (*test)(const struct orr_heap_kind *kind))
{
    for (size_t i = 0; orr_heap_kinds[i]; i++)
        if (orr_heap_kinds[i]->is_walkable || !walkable_only)
            test(orr_heap_kinds[i]);
}

Test(heap_kinds, cells_where_a_large_object_was_are_no_objects)
{
    on_each(true, walk_where_large_ones_were);
}

Test(heap_kinds, a_walk_sees_exactly_what_lives_in_however_many_parts)
{
    on_each(true, walk_on);
}

/* --- finding ----------------------------------------------------------------------------------------- */

static void
find_on(const struct orr_heap_kind *kind)
{
    cr_assert(kind->finds_interior);
    open_world(&first, kind, 0);
    fill(&first);
    for (uint32_t i = 0; i < OBJECTS; i += 17) {
        struct orr_object *object = first.objects[i];
        size_t bytes = orr_object_bytes(object);
        cr_assert_eq(find(&first, object), object);
        cr_assert_eq(find(&first, (char *)object + 1), object);
        cr_assert_eq(find(&first, (char *)object + bytes / 2), object);
        cr_assert_eq(find(&first, (char *)object + bytes - 1), object);
        cr_assert_neq(find(&first, (char *)object - 1), object);
    }
    struct orr_object *gone = first.objects[1], *gone_large = first.objects[100];
    drop_every(&first, 1);
    cr_assert_eq(find(&first, gone), NULL);
    cr_assert_eq(find(&first, gone_large), NULL);
    cr_assert_eq(find(&first, &first), NULL);
    cr_assert_eq(find(&first, NULL), NULL);
    cr_assert_eq(find(&first, (void *)UINTPTR_MAX), NULL);
    close_world(&first);
}

Test(heap_kinds, any_address_of_an_object_finds_it_and_no_other_finds_anything)
{
    on_each(true, find_on);
}

/* --- the limit --------------------------------------------------------------------------------------- */

/* Objects until none fits, each referring to the one before; their number. */
static uint64_t
fill_up(struct world *world, bool wide, struct orr_object **chain)
{
    uint64_t count = 0;
    for (;;) {
        struct orr_object *object = wide ? orr_new_array(world->thread, &array_type, 1, WIDE_RAW)
                                         : orr_new(world->thread, &pair_type);
        if (!object)
            return count;
        orr_init_slot(world->thread, object, wide ? orr_element(object, 0) : orr_field(object, 0),
                      *chain);
        *chain = object;
        count++;
        cr_assert(count <= LIMIT / PAIR_BYTES, "the limit is not kept");
    }
}

static void
limit_on(const struct orr_heap_kind *kind)
{
    struct orr_object *chain = NULL;
    open_world(&first, kind, LIMIT);
    uint64_t pairs = fill_up(&first, false, &chain);
    cr_assert(pairs * PAIR_BYTES > LIMIT / 2, "%s: only %llu objects fit", kind->name,
              (unsigned long long)pairs);
    cr_assert(orr_load_relaxed(&first.heap->bytes_used) <= LIMIT);
    struct orr_object *next = orr_get(first.thread, chain, 0);
    orr_release(first.thread, chain);
    chain = next;
    struct orr_object *again = orr_new(first.thread, &pair_type);
    cr_assert(again, "%s: no room for one after one was dropped", kind->name);
    orr_release(first.thread, again);
    orr_release(first.thread, chain);
    chain = NULL;
    uint64_t wide = fill_up(&first, true, &chain);
    cr_assert(wide * (sizeof(struct orr_array) + 8 + WIDE_RAW) > LIMIT / 2,
              "%s: only %llu wide objects fit where narrow ones were", kind->name,
              (unsigned long long)wide);
    orr_release(first.thread, chain);
    close_world(&first);
}

Test(heap_kinds, at_the_limit_allocation_refuses_until_something_was_dropped)
{
    on_each(false, limit_on);
}

static void
oversize_on(const struct orr_heap_kind *kind)
{
    open_world(&first, kind, LIMIT);
    cr_assert_eq(orr_new_array(first.thread, &array_type, 0, 2 * LIMIT), NULL);
    struct orr_object *small = orr_new(first.thread, &pair_type);
    cr_assert(small);
    orr_release(first.thread, small);
    close_world(&first);
}

Test(heap_kinds, an_object_larger_than_the_limit_is_refused_and_the_heap_goes_on)
{
    on_each(false, oversize_on);
}

/* What a slice has left on the worklist is freed before anybody is refused. */
Test(heap_kinds, at_the_limit_the_dead_are_freed_first)
{
    enum { CHAIN = 100, RAW = 8000 };
    struct orr_heap_options options = {.rc = &orr_rc_biased,
                                       .collector = orr_collector_find("none"),
                                       .kind = &orr_heap_libc,
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .release_slice = 1,
                                       .bytes_limit = 1 << 20};
    struct orr_object *chain = NULL;
    cr_assert_eq(orr_type_register(&array_type, NULL), ORR_OK);
    cr_assert_eq(orr_heap_create(&options, &first.heap, NULL), ORR_OK);
    cr_assert_eq(orr_thread_attach(first.heap, &first.thread, NULL), ORR_OK);
    for (int i = 0; i < CHAIN; i++) {
        struct orr_object *const next = orr_new_array(first.thread, &array_type, 1, RAW);
        cr_assert(next);
        orr_init_slot(first.thread, next, orr_element(next, 0), chain);
        chain = next;
    }
    orr_release(first.thread, chain);
    struct orr_object *const large = orr_new_array(first.thread, &array_type, 0, 700 << 10);
    cr_assert(large);
    orr_release(first.thread, large);
    close_world(&first);
}

/* Less than kinds charge at once. */
static void
small_limit_on(const struct orr_heap_kind *kind)
{
    open_world(&first, kind, 40 << 10);
    struct orr_object *const pair = orr_new(first.thread, &pair_type);
    cr_assert(pair, "%s", kind->name);
    cr_assert(orr_load_relaxed(&first.heap->bytes_used) <= 40 << 10, "%s", kind->name);
    orr_release(first.thread, pair);
    close_world(&first);
}

Test(heap_kinds, a_small_limit_admits_what_is_smaller)
{
    on_each(false, small_limit_on);
}

/* What the system refuses was never had. */
static void
refusal_on(const struct orr_heap_kind *kind)
{
    enum { LARGE = 100 << 20 };
    open_world(&first, kind, 0);
    struct orr_object *small = orr_new(first.thread, &pair_type);
    cr_assert(small);
    orr_fail_allocation(1, true);
    cr_assert_eq(orr_new_array(first.thread, &array_type, 0, LARGE), NULL);
    orr_fail_allocation(0, false);
    orr_release(first.thread, orr_new(first.thread, &pair_type));
    cr_assert(orr_load_relaxed(&first.heap->bytes_peak) < LARGE, "%s", kind->name);
    cr_assert(orr_load_relaxed(&first.heap->bytes_taken) < LARGE, "%s", kind->name);
    orr_release(first.thread, orr_new_array(first.thread, &array_type, 0, LARGE));
    cr_assert(orr_load_relaxed(&first.heap->bytes_peak) >= LARGE, "%s", kind->name);
    cr_assert(orr_load_relaxed(&first.heap->bytes_taken) >= LARGE, "%s", kind->name);
    orr_release(first.thread, small);
    close_world(&first);
}

Test(heap_kinds, what_is_refused_does_not_count_as_taken_and_what_is_not_does)
{
    on_each(false, refusal_on);
}

/* Kinds that charge in steps keep a few in hand, and not all that was ever charged; `blocks` keeps its cells. */
static void
refund_on(const struct orr_heap_kind *kind)
{
    enum { HAND = 512 << 10 };
    open_world(&first, kind, 0);
    fill(&first);
    const uint64_t used = orr_load_relaxed(&first.heap->bytes_used);
    cr_assert(used > 2 * HAND, "%s", kind->name);
    drop_every(&first, 1);
    cr_assert(kind == &orr_heap_blocks || orr_load_relaxed(&first.heap->bytes_used) < HAND, "%s",
              kind->name);
    close_world(&first);
}

Test(heap_kinds, what_is_dropped_is_discharged_while_its_thread_stays)
{
    on_each(false, refund_on);
}

/* --- giving back ------------------------------------------------------------------------------------- */

static uint64_t
trim(struct world *world)
{
    orr_world_stop(world->heap, world->thread);
    uint64_t bytes = world->heap->kind->trim(world->heap);
    orr_world_resume(world->heap);
    return bytes;
}

Test(heap_kinds, trimmed_blocks_serve_another_size)
{
    open_world(&first, &orr_heap_blocks, 0);
    for (uint32_t i = 0; i < OBJECTS; i++)
        cr_assert(first.objects[i] = orr_new(first.thread, &pair_type));
    struct orr_block *head = orr_block_of(first.objects[0]);
    struct orr_object *kept = first.objects[OBJECTS - 1];
    struct orr_block *last = orr_block_of(kept);
    cr_assert_neq(head, last);
    cr_assert_eq(trim(&first), 0, "blocks in use were given back");
    first.objects[OBJECTS - 1] = NULL;
    drop_every(&first, 1);
    cr_assert_geq(trim(&first), (uint64_t)ORR_BLOCK_BYTES);
    expect_walk(&(struct world){.heap = first.heap, .thread = first.thread, .objects = {kept}}, 1);
    struct orr_object *wide = orr_new_array(first.thread, &array_type, 1, WIDE_RAW);
    cr_assert_eq(orr_block_of(wide), head, "a fresh block was taken before the empty ones");
    cr_assert_eq(find(&first, kept), kept);
    orr_release(first.thread, wide);
    orr_release(first.thread, kept);
    close_world(&first);
}

/* A thread carves a part of a block, and goes. */
static struct orr_object *
pair_of_a_visitor(bool keeps)
{
    struct orr_thread *visitor;
    cr_assert_eq(orr_thread_attach(first.heap, &visitor, NULL), ORR_OK);
    orr_block_enter(first.thread);
    struct orr_object *pair = orr_new(visitor, &pair_type);
    cr_assert(pair);
    if (!keeps)
        orr_release(visitor, pair);
    orr_thread_detach(visitor);
    orr_block_leave(first.thread);
    return pair;
}

Test(heap_kinds, a_trimmed_block_is_carved_no_further_for_what_it_was)
{
    open_world(&first, &orr_heap_blocks, 0);
    pair_of_a_visitor(false);
    cr_assert_eq(trim(&first), (uint64_t)ORR_BLOCK_BYTES);
    for (uint32_t i = 0; i < 200; i++)
        cr_assert(first.objects[i] = i % 2 ? orr_new(first.thread, &pair_type)
                                           : orr_new_array(first.thread, &array_type, 1, WIDE_RAW));
    expect_walk(&first, 1);
    for (uint32_t i = 0; i < 200; i++)
        cr_assert_eq(find(&first, first.objects[i]), first.objects[i]);
    drop_every(&first, 1);
    close_world(&first);
}

/* The pool's cells come first; then the rest of the block, before a fresh one. */
Test(heap_kinds, what_a_thread_that_has_gone_left_uncarved_serves_others)
{
    open_world(&first, &orr_heap_blocks, 0);
    first.objects[0] = pair_of_a_visitor(true);
    for (uint32_t i = 1; i < 200; i++) {
        cr_assert(first.objects[i] = orr_new(first.thread, &pair_type));
        cr_assert_eq(orr_block_of(first.objects[i]), orr_block_of(first.objects[0]));
    }
    expect_walk(&first, 1);
    drop_every(&first, 1);
    close_world(&first);
}

/* --- several ----------------------------------------------------------------------------------------- */

static void
two_on(const struct orr_heap_kind *kind)
{
    open_world(&first, kind, 0);
    open_world(&second, kind == &orr_heap_blocks ? &orr_heap_jemalloc : &orr_heap_blocks, 0);
    fill(&first);
    fill(&second);
    expect_walk(&first, 2);
    expect_walk(&second, 2);
    cr_assert_eq(find(&first, second.objects[5]), NULL);
    cr_assert_eq(find(&second, first.objects[5]), NULL);
    drop_every(&first, 1);
    close_world(&first);
    expect_walk(&second, 1);
    drop_every(&second, 1);
    close_world(&second);
}

Test(heap_kinds, two_heaps_at_once_know_nothing_of_each_other)
{
    on_each(true, two_on);
}

Test(heap_kinds, a_heap_takes_what_still_lives_with_it)
{
    for (size_t i = 0; orr_heap_kinds[i]; i++) {
        open_world(&first, orr_heap_kinds[i], 0);
        fill(&first);
        orr_thread_detach(first.thread);
        cr_assert(orr_load_relaxed(&first.heap->bytes_used) > 0);
        orr_heap_destroy(first.heap);
    }
}
