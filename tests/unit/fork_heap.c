/* fork_heap.c - runtime/fork: a heap whose threads all came through: its pages, its markers, a second heap. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#undef ORR_ROOTED
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "bench/usage.h"
#include "tests/unit/fork_stage.h"

#include <sys/mman.h>

enum { NODES = 200000 }; /* 9.6 MB */

TestSuite(fork_heap, .disabled = UNDER_TSAN);

static struct orr_root chain;

static void
open_heap(const char *collector, uint32_t workers)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.workers = workers;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static void
plant_chain(void)
{
    orr_root_add(heap, &chain);
    for (uint32_t i = 0; i < NODES; i++) {
        struct orr_object *const node = orr_new(thread, &small_pair);
        orr_init_slot(thread, node, orr_field(node, 0),
                      orr_exchange_slot(thread, NULL, &chain.slot, NULL));
        orr_exchange_slot(thread, NULL, &chain.slot, node);
    }
}

static void
drop_chain(void)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &chain.slot, NULL));
    orr_root_remove(heap, &chain);
}

/* --- markers ------------------------------------------------------------------------------------------------ */

static void
mark_and_drop(void)
{
    orr_settle(thread);
    expect_eq(small_live(heap), NODES);
    drop_chain();
    orr_settle(thread);
    expect_eq(small_live(heap), 0);
    close_heap();
}

static void
close_without_a_collection(void)
{
    drop_chain();
    close_heap();
}

Test(fork_heap, a_team_of_markers_works_again_in_the_child)
{
    open_heap("mark", 3);
    plant_chain();
    orr_settle(thread);
    fork_once(thread, mark_and_drop);
    fork_once(thread, close_without_a_collection);
    mark_and_drop();
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static uint64_t *own_bytes; /* in memory that parent and child share */

static void
collect_and_measure(void)
{
    const struct orr_measure before = orr_usage_private_dirty();
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    const struct orr_measure after = orr_usage_private_dirty();
    *own_bytes = after.value - before.value;
    expect(before.is_measured && after.is_measured, "pages of its own can be counted");
}

/* What a collection in a child makes its own. */
static uint64_t
measure_child(const char *collector, bool freezes)
{
    open_heap(collector, 0);
    plant_chain();
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    if (freezes)
        cr_assert(orr_gc_freeze(thread));
    fork_once(thread, collect_and_measure);
    drop_chain();
    close_heap();
    return *own_bytes;
}

Test(fork_heap, what_was_frozen_stays_shared)
{
    const char *const collectors[] = {"mark", "subtract", "generations"};
    own_bytes =
        mmap(NULL, sizeof *own_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(own_bytes != MAP_FAILED);
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        const uint64_t loose = measure_child(collectors[i], false);
        const uint64_t frozen = measure_child(collectors[i], true);
        cr_assert(frozen < loose / 10, "%s: %lu of %lu bytes", collectors[i], (unsigned long)frozen,
                  (unsigned long)loose);
    }
}

/* --- two heaps ---------------------------------------------------------------------------------------------- */

static bool
is_sound(struct orr_thread *caller)
{
    struct orr_error error;
    orr_world_stop(caller->heap, caller);
    const bool sound = orr_heap_verify_exact(caller->heap, caller, &error);
    orr_world_resume(caller->heap);
    return sound;
}

Test(fork_heap, several_heaps_are_prepared_one_after_the_other)
{
    open_heap("subtract", 1);
    struct orr_heap *const first_heap = heap;
    struct orr_thread *const first = thread;
    open_heap("trial", 1);
    orr_fork_prepare(first);
    orr_fork_prepare(thread);
    const pid_t child = fork();
    void (*const go_on)(struct orr_thread *) = child == 0 ? orr_fork_child : orr_fork_parent;
    go_on(first);
    go_on(thread);
    is_child = child == 0;
    expect(is_sound(first) && is_sound(thread), "both are sound");
    if (!is_child)
        expect_child(thread, child);
    close_heap();
    orr_thread_detach(first);
    orr_heap_destroy(first_heap);
    if (is_child)
        _exit(CHILD_DONE);
}
