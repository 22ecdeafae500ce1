/* heap_kind.c - the places where objects live, each held to the contract of runtime/heap.h: a walk sees exactly
 * what was allocated, an address inside an object finds it, memory is charged while it is used and not after.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 0
#include "runtime/mutator.h"

#include "runtime/heap_blocks.h"
#include "tests/unit/small_heap.h"

#include <stdlib.h>
#include <string.h>

static uint16_t bytes_index;
static const struct orr_type bytes_type = {.name = "bytes",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
                                           .index = &bytes_index};

static struct orr_heap *heap;
static struct orr_thread *thread;

static void
open_kind(const struct orr_heap_kind *kind, uint64_t bytes_limit)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, "none", kind);
    struct orr_error error;
    options.bytes_limit = bytes_limit;
    heap = small_heap_open(&options);
    cr_assert_eq(orr_type_register(&bytes_type, &error), ORR_OK);
    thread = small_attach(heap);
}

static void
close_kind(void)
{
    orr_thread_detach(thread);
    cr_assert_eq(orr_load_relaxed(&heap->bytes_used), 0, "%s: %lu bytes are charged for nothing",
                 heap->kind->name, (unsigned long)orr_load_relaxed(&heap->bytes_used));
    orr_heap_destroy(heap);
}

/* Runs body on a fresh heap of every kind that satisfies `wanted`. */
static void
for_each_kind(bool (*wanted)(const struct orr_heap_kind *), void (*body)(void))
{
    unsigned tried = 0;
    for (size_t i = 0; orr_heap_kinds[i]; i++) {
        if (wanted && !wanted(orr_heap_kinds[i]))
            continue;
        open_kind(orr_heap_kinds[i], 0);
        body();
        close_kind();
        tried++;
    }
    cr_assert(tried > 0);
}

static bool
is_walkable(const struct orr_heap_kind *kind)
{
    return kind->is_walkable;
}

static bool
finds_interior(const struct orr_heap_kind *kind)
{
    return kind->finds_interior;
}

static bool
trims(const struct orr_heap_kind *kind)
{
    return kind->trim != NULL;
}

static bool
has_scratch(const struct orr_heap_kind *kind)
{
    return kind->scratch != NULL;
}

/* --- a population ---------------------------------------------------------------------------------- */

enum { COUNT = 3000 };

static struct orr_object *objects[COUNT]; /* null: freed */

static uint32_t
draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

/* Mostly small objects, some of each class, some large. */
static uint32_t
draw_bytes(uint64_t *state)
{
    switch (draw(state, 8)) {
    case 0:
        return draw(state, 40000);
    case 1:
    case 2:
        return draw(state, 8200);
    default:
        return draw(state, 300);
    }
}

static void
fill(size_t i, uint32_t bytes)
{
    objects[i] = orr_new_array(thread, &bytes_type, 0, bytes);
    cr_assert(objects[i], "%s: %u bytes", heap->kind->name, bytes);
    cr_assert_eq((uintptr_t)objects[i] % 16, 0, "%s: %u bytes", heap->kind->name, bytes);
    memset(((struct orr_array *)objects[i])->elements, (int)(i % 255) + 1, bytes);
}

static void
check_contents(size_t i)
{
    const struct orr_array *const array = (const struct orr_array *)objects[i];
    const unsigned char *const bytes = (const unsigned char *)array->elements;
    for (uint32_t b = 0; b < array->raw_bytes; b++)
        cr_assert_eq(bytes[b], i % 255 + 1, "%s: byte %u of object %zu", heap->kind->name, b, i);
}

static void
populate(void)
{
    uint64_t state = 7;
    for (size_t i = 0; i < COUNT; i++)
        fill(i, draw_bytes(&state));
}

/* Frees some, allocates some of other sizes in their place; leaves gaps. */
static void
mix(void)
{
    uint64_t state = 11;
    for (size_t i = 0; i < 2 * COUNT; i++) {
        const size_t k = draw(&state, COUNT);
        if (objects[k]) {
            check_contents(k);
            orr_release(thread, objects[k]);
            objects[k] = NULL;
        } else
            fill(k, draw_bytes(&state));
    }
}

static void
clear(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        orr_release(thread, objects[i]);
        objects[i] = NULL;
    }
    cr_assert_eq(small_live(heap), 0);
}

/* --- walks ----------------------------------------------------------------------------------------- */

struct roll {
    struct orr_object *seen[COUNT + 1];
    size_t count;
};

static void
enter(struct orr_object *object, void *argument)
{
    struct roll *const roll = argument;
    cr_assert(roll->count < COUNT, "%s: more objects than there are", heap->kind->name);
    roll->seen[roll->count++] = object;
}

static int
compare_objects(const void *a, const void *b)
{
    const uintptr_t one = *(const uintptr_t *)a, other = *(const uintptr_t *)b;
    return one < other ? -1 : one > other;
}

/* The walk, in that many parts, sees exactly the living. */
static void
expect_walk(uint32_t parts)
{
    static struct roll roll;
    static struct orr_object *living[COUNT];
    size_t count = 0;
    roll.count = 0;
    orr_world_stop(heap, thread);
    for (uint32_t part = 0; part < parts; part++)
        heap->kind->walk(heap, part, parts, enter, &roll);
    orr_world_resume(heap);
    for (size_t i = 0; i < COUNT; i++)
        if (objects[i])
            living[count++] = objects[i];
    qsort(living, count, sizeof living[0], compare_objects);
    qsort(roll.seen, roll.count, sizeof roll.seen[0], compare_objects);
    cr_assert_eq(roll.count, count, "%s, %u parts: %zu of %zu", heap->kind->name, parts, roll.count,
                 count);
    cr_assert_eq(memcmp(roll.seen, living, count * sizeof living[0]), 0);
}

static void
try_walk(void)
{
    expect_walk(1);
    populate();
    expect_walk(1);
    mix();
    expect_walk(1);
    for (uint32_t parts = 2; parts <= 7; parts++)
        expect_walk(parts);
    clear();
    expect_walk(3);
}

Test(heap_kind, a_walk_sees_exactly_the_living)
{
    for_each_kind(is_walkable, try_walk);
}

/* Frees two of three; the others stay between them. */
static void
free_visited(struct orr_object *object, void *argument)
{
    size_t *const visits = argument;
    if ((*visits)++ % 3 != 0)
        orr_garbage_release(thread, object);
}

static void
try_freeing_walk(void)
{
    static struct roll roll;
    size_t visits = 0;
    populate();
    roll.count = 0;
    orr_world_stop(heap, thread);
    heap->kind->walk(heap, 0, 1, free_visited, &visits);
    heap->kind->walk(heap, 0, 1, enter, &roll);
    cr_assert_eq(visits, COUNT, "%s: %zu visits", heap->kind->name, visits);
    cr_assert_eq(roll.count, COUNT / 3, "%s: %zu are left", heap->kind->name, roll.count);
    for (size_t i = 0; i < roll.count; i++)
        orr_garbage_release(thread, roll.seen[i]);
    orr_world_resume(heap);
    memset(objects, 0, sizeof objects);
    expect_walk(1);
    cr_assert_eq(small_live(heap), 0);
}

Test(heap_kind, a_walk_may_free_what_it_is_given)
{
    for_each_kind(is_walkable, try_freeing_walk);
}

/* --- finding --------------------------------------------------------------------------------------- */

static void
expect_found(struct orr_object *object)
{
    const size_t bytes = orr_object_bytes(object);
    for (size_t offset = 0; offset < bytes; offset += offset < 64 ? 1 : bytes / 16 + 1)
        cr_assert_eq(heap->kind->find(heap, (char *)object + offset), object,
                     "%s: byte %zu of %zu finds another", heap->kind->name, offset, bytes);
    cr_assert_eq(heap->kind->find(heap, (char *)object + bytes - 1), object, "%s: the last of %zu",
                 heap->kind->name, bytes);
}

static void
try_find(void)
{
    int local;
    populate();
    mix();
    orr_world_stop(heap, thread);
    for (size_t i = 0; i < COUNT; i += 7)
        if (objects[i])
            expect_found(objects[i]);
    cr_assert_null(heap->kind->find(heap, NULL));
    cr_assert_null(heap->kind->find(heap, &local));
    cr_assert_null(heap->kind->find(heap, (void *)UINTPTR_MAX));
    cr_assert_null(heap->kind->find(heap, heap));
    orr_world_resume(heap);
    struct orr_object *const last = orr_new_array(thread, &bytes_type, 0, 5000);
    orr_release(thread, last);
    orr_world_stop(heap, thread);
    cr_assert_null(heap->kind->find(heap, last), "%s: the dead", heap->kind->name);
    orr_world_resume(heap);
    clear();
}

Test(heap_kind, an_address_inside_finds_its_object)
{
    for_each_kind(finds_interior, try_find);
}

/* --- giving back ----------------------------------------------------------------------------------- */

static uint64_t
trim(void)
{
    orr_world_stop(heap, thread);
    const uint64_t bytes = heap->kind->trim(heap);
    orr_world_resume(heap);
    return bytes;
}

static void
try_trim(void)
{
    populate();
    const uint64_t used = orr_load_relaxed(&heap->bytes_used);
    trim();
    for (size_t i = 0; i < COUNT; i++)
        check_contents(i);
    expect_walk(1);
    for (size_t i = 0; i < COUNT; i++)
        if (i % 50 != 0) {
            orr_release(thread, objects[i]);
            objects[i] = NULL;
        }
    trim();
    for (size_t i = 0; i < COUNT; i += 50)
        check_contents(i);
    expect_walk(1);
    mix(); /* what was given back serves again */
    expect_walk(1);
    clear();
    cr_assert(trim() > 0, "%s gives nothing back", heap->kind->name);
    cr_assert(orr_load_relaxed(&heap->bytes_used) < used / 100, "%s: %lu bytes of %lu are charged",
              heap->kind->name, (unsigned long)orr_load_relaxed(&heap->bytes_used),
              (unsigned long)used);
    cr_assert_eq(trim(), 0, "nothing is given back twice");
    populate();
    expect_walk(1);
    clear();
}

Test(heap_kind, empty_memory_is_given_back_and_serves_again)
{
    for_each_kind(trims, try_trim);
}

/* --- books ----------------------------------------------------------------------------------------- */

static void
try_books(void)
{
    uint64_t least = 0;
    populate();
    for (size_t i = 0; i < COUNT; i++)
        least += orr_object_bytes(objects[i]);
    const uint64_t used = orr_load_relaxed(&heap->bytes_used);
    cr_assert(used >= least, "%s: %lu bytes are charged for %lu", heap->kind->name,
              (unsigned long)used, (unsigned long)least);
    cr_assert(used <= least + least / 3 + (4 << 20), "%s: %lu bytes are charged for %lu",
              heap->kind->name, (unsigned long)used, (unsigned long)least);
    cr_assert(orr_load_relaxed(&heap->bytes_peak) >= used);
    clear();
}

Test(heap_kind, memory_is_charged_while_it_is_used_and_not_after)
{
    for_each_kind(NULL, try_books); /* close_kind sees the end */
}

static void *
free_there(void *argument)
{
    (void)argument;
    struct orr_thread *const other = small_attach(heap);
    for (size_t i = 0; i < COUNT; i++) {
        orr_release(other, objects[i]);
        objects[i] = NULL;
    }
    orr_thread_detach(other);
    return NULL;
}

/* Allocated by one, freed by another: over and over, memory does not pile up on either side. */
static void
try_foreign_free(void)
{
    uint64_t used = 0;
    for (unsigned round = 0; round < 8; round++) {
        struct orr_os_thread other;
        populate();
        if (round == 1)
            used = orr_load_relaxed(&heap->bytes_peak);
        orr_block_enter(thread);
        cr_assert(orr_os_thread_start(&other, free_there, NULL, 0));
        orr_os_thread_join(&other);
        orr_block_leave(thread);
    }
    cr_assert_eq(small_live(heap), 0);
    cr_assert(orr_load_relaxed(&heap->bytes_peak) <= used + used / 4, "%s: %lu bytes became %lu",
              heap->kind->name, (unsigned long)used,
              (unsigned long)orr_load_relaxed(&heap->bytes_peak));
}

Test(heap_kind, what_others_free_is_used_again)
{
    for_each_kind(NULL, try_foreign_free);
}

Test(heap_kind, a_limit_is_never_passed_and_never_forgotten)
{
    enum { LIMIT = 3 << 20 };
    for (size_t k = 0; orr_heap_kinds[k]; k++) {
        open_kind(orr_heap_kinds[k], LIMIT);
        for (unsigned round = 0; round < 5; round++) {
            uint64_t state = 100 + round, sum = 0;
            size_t count = 0;
            while (count < COUNT) {
                objects[count] = orr_new_array(thread, &bytes_type, 0, draw_bytes(&state));
                if (!objects[count])
                    break;
                sum += orr_object_bytes(objects[count++]);
            }
            cr_assert(count < COUNT, "%s: the limit is not felt", heap->kind->name);
            cr_assert(orr_load_relaxed(&heap->bytes_used) <= LIMIT);
            cr_assert(sum <= LIMIT && sum > LIMIT / 2, "%s: %lu bytes in %d", heap->kind->name,
                      (unsigned long)sum, LIMIT);
            clear();
        }
        cr_assert(orr_load_relaxed(&heap->bytes_peak) <= LIMIT);
        close_kind();
    }
}

Test(heap_kind, what_is_larger_than_the_limit_is_refused_at_once)
{
    for (size_t k = 0; orr_heap_kinds[k]; k++) {
        open_kind(orr_heap_kinds[k], 1 << 20);
        cr_assert_null(orr_new_array(thread, &bytes_type, 0, 1 << 20));
        cr_assert_null(orr_new_array(thread, &bytes_type, 0, UINT32_MAX));
        cr_assert_null(orr_new_array(thread, &bytes_type, UINT32_MAX, UINT32_MAX));
        struct orr_object *const object = orr_new_array(thread, &bytes_type, 0, 1 << 19);
        cr_assert(object, "%s", heap->kind->name);
        orr_release(thread, object);
        close_kind();
    }
}

/* --- the side table -------------------------------------------------------------------------------- */

static void
try_scratch(void)
{
    cr_assert(heap->kind->scratch(heap), "%s", heap->kind->name);
    populate();
    mix();
    for (size_t i = 0; i < COUNT; i++)
        if (objects[i]) {
            cr_assert_eq(orr_load_relaxed(orr_scratch(heap, objects[i])), 0, "%s: not clean",
                         heap->kind->name);
            orr_store_relaxed(orr_scratch(heap, objects[i]), (uint32_t)i + 1);
        }
    for (size_t i = 0; i < COUNT; i++)
        if (objects[i]) {
            cr_assert_eq(orr_load_relaxed(orr_scratch(heap, objects[i])), i + 1,
                         "%s: two objects share a word", heap->kind->name);
            check_contents(i);
        }
    if (heap->kind->scratch_clear) {
        orr_world_stop(heap, thread);
        heap->kind->scratch_clear(heap);
        orr_world_resume(heap);
        for (size_t i = 0; i < COUNT; i++)
            if (objects[i])
                cr_assert_eq(orr_load_relaxed(orr_scratch(heap, objects[i])), 0, "%s",
                             heap->kind->name);
    }
    clear();
}

static bool
has_scratch_here(const struct orr_heap_kind *kind)
{
    /* mimalloc's spans all addresses a program can have; sanitizers leave no room for that. */
#ifdef ORR_HAS_ASAN
    return has_scratch(kind) && kind->is_walkable;
#else
    return has_scratch(kind);
#endif
}

Test(heap_kind, every_object_has_a_word_of_its_own)
{
    for_each_kind(has_scratch_here, try_scratch);
}

/* --- names ----------------------------------------------------------------------------------------- */

Test(heap_kind, each_is_found_by_its_name)
{
    for (size_t i = 0; orr_heap_kinds[i]; i++) {
        cr_assert_eq(orr_heap_kind_find(orr_heap_kinds[i]->name), orr_heap_kinds[i]);
        cr_assert(orr_heap_kinds[i]->summary[0]);
        cr_assert(orr_heap_kinds[i]->is_walkable == (orr_heap_kinds[i]->walk != NULL));
        cr_assert(orr_heap_kinds[i]->finds_interior == (orr_heap_kinds[i]->find != NULL));
    }
    cr_assert_null(orr_heap_kind_find("block"));
    cr_assert_null(orr_heap_kind_find(""));
}
