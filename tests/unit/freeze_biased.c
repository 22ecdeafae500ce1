/* freeze_biased.c - runtime/freeze, where objects have two claims: whoever is named by either is named once.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

enum { OBJECTS = 4 };

static struct orr_heap *heap;
static struct orr_object *objects[OBJECTS];

/* Counts the second one, as a stranger, while it is frozen; makes the third one, which it leaves merged. */
static void *
visit(void *unused)
{
    struct orr_thread *const other = small_attach(heap);
    orr_retain(other, objects[1]);
    orr_release(other, objects[1]);
    orr_release(other, objects[2]);
    orr_thread_detach(other);
    return unused;
}

static void *
make_one(void *unused)
{
    struct orr_thread *const other = small_attach(heap);
    objects[2] = orr_new(other, &small_pair);
    orr_retain(other, objects[2]);
    orr_thread_detach(other);
    return unused;
}

static void
elsewhere(void *(*what)(void *))
{
    struct orr_os_thread other;
    cr_assert(orr_os_thread_start(&other, what, NULL, 0));
    orr_os_thread_join(&other);
}

Test(freeze_biased, what_is_unfrozen_is_named_once)
{
    const struct orr_heap_options options = small_options(&orr_rc_biased, "trial", &orr_heap_blocks);
    struct orr_error error = {0};
    heap = small_heap_open(&options);
    struct orr_thread *const thread = small_attach(heap);
    for (int i = 0; i < OBJECTS; i++)
        if (i != 2)
            objects[i] = orr_new(thread, &small_pair);
    orr_block_enter(thread);
    elsewhere(make_one);
    orr_block_leave(thread);
    cr_assert(orr_gc_freeze(thread));
    orr_retain(thread, objects[0]); /* a claim of the owner's; then one of a stranger's, and one of a merged object */
    orr_release(thread, objects[0]);
    orr_block_enter(thread);
    elsewhere(visit);
    orr_block_leave(thread);
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    orr_gc_unfreeze(thread);
    cr_assert_eq(heap->parked.total, OBJECTS);
    orr_world_stop(heap, thread);
    cr_assert(orr_heap_verify(heap, thread, &error), "%s", error.message);
    orr_world_resume(heap);
    for (int i = 0; i < OBJECTS; i++)
        orr_release(thread, objects[i]);
    cr_assert_eq(small_live(heap), 0);
    orr_settle(thread);
    cr_assert_eq(heap->parked.total, 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}
