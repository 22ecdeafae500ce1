/* fork_destroys.c - runtime/fork: a fork beside a collection that is at its destroys. None is called twice, and what
 * they let go of is named to nobody who is left.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/owner.h"
#include "tests/unit/fork_stage.h"

TestSuite(fork_destroys, .disabled = UNDER_TSAN);

/* --- a ring that is destroyed, and nothing else ------------------------------------------------------------ */

static void
destroy(struct orr_thread *actor, struct orr_object *object)
{
    (void)object;
    take_step(actor, DESTROY);
    if (is_child)
        orr_collect(actor, "within"); /* is told at once that one is under way: the one that vanished */
}

static uint16_t destroyed_index;
static const struct orr_type destroyed_type = {.name = "destroyed",
                                               .bytes = sizeof(struct small_pair),
                                               .references = 2,
                                               .destroy = destroy,
                                               .index = &destroyed_index};

/* No finalizer, no callback: the set is proved once, and the destroys are all that runs. */
static void *
die_without_a_word(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    (void)unused;
    {
        ORR_OWN(actor, first, orr_new(actor, &destroyed_type));
        struct orr_object *newest = first.ref;
        for (uint32_t i = 1; i < RING; i++) {
            struct orr_object *next = orr_new(actor, &destroyed_type);
            orr_give(actor, newest, 0, next);
            newest = next;
        }
        orr_set(actor, newest, 0, first.ref);
    }
    orr_settle(actor);
    orr_thread_detach(actor);
    return NULL;
}

static void
expect_destroyed_once(void)
{
    let_go();
    orr_settle(thread);
    orr_settle(thread);
    expect_eq(orr_load_relaxed(&taken[DESTROY]), RING);
    expect_eq(small_live(heap), 0);
    verify_exact();
}

Test(fork_destroys, what_a_vanished_thread_has_destroyed_is_not_destroyed_again)
{
    static const char *const collectors[] = {"trial", "subtract", "generations", "mark"};
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++)
        for (uint32_t turn = 1; turn <= RING; turn++) {
            stage_open(collectors[i]);
            expect_eq(orr_type_register(&destroyed_type, NULL), ORR_OK);
            fork_beside(die_without_a_word, DESTROY, turn, expect_destroyed_once);
            stage_close();
        }
}

/* --- a collection, and one who waits for it ------------------------------------------------------------------- */

static uint64_t complete_at;

static void *
collect_too(void *unused)
{
    struct orr_thread *const actor = small_attach(heap);
    orr_collect(actor, "test");
    orr_thread_detach(actor);
    return unused;
}

/* Neither has the collection been complete, nor does anybody wait any more. */
static void
expect_neither(void)
{
    expect_eq(orr_load_relaxed(&heap->gc.waiting), 0);
    expect_eq(orr_load_relaxed(&heap->gc.taken_at_complete), complete_at);
    orr_settle(thread);
    expect_eq(small_live(heap), 0);
}

Test(fork_destroys, a_collection_that_vanished_was_not_complete_and_who_waited_for_it_waits_no_more, .timeout = 90)
{
    struct orr_os_thread actor, other;
    stage_open("trial");
    expect_eq(orr_type_register(&destroyed_type, NULL), ORR_OK);
    orr_release(thread, orr_new(thread, &destroyed_type));
    orr_store_relaxed(&taken[DESTROY], 0);
    orr_collect(thread, "test");
    complete_at = orr_load_relaxed(&heap->gc.taken_at_complete);
    cr_assert(complete_at != 0);
    wait_at = DESTROY;
    wait_turn = 1;
    cr_assert(orr_os_thread_start(&actor, die_without_a_word, NULL, 0));
    await(&is_waiting);
    cr_assert(orr_load_relaxed(&heap->gc.taken_at_complete) > complete_at);
    cr_assert(orr_os_thread_start(&other, collect_too, NULL, 0));
    while (orr_load_relaxed(&heap->gc.waiting) == 0)
        orr_poll(thread);
    fork_once(thread, expect_neither);
    let_go();
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_os_thread_join(&other);
    orr_block_leave(thread);
    cr_assert_eq(orr_load_relaxed(&heap->gc.waiting), 0);
    stage_close();
}

/* --- a member in the forking thread's queue ---------------------------------------------------------------- */

static _Atomic(uint32_t) destroy_begins, may_let_go, has_let_go;

/* Lets go, twice, of a member that the forking thread owns: that queues it there. */
static void
let_member_go(struct orr_thread *actor, struct orr_object *object)
{
    orr_store_release(&destroy_begins, 1);
    spin_until(&may_let_go);
    for (uint32_t i = 0; i < 2; i++)
        orr_set(actor, object, i, NULL);
    orr_store_release(&has_let_go, 1);
    while (!orr_load_acquire(&may_go))
        orr_poll(actor);
}

static uint16_t holder_index;
static const struct orr_type holder_type = {.name = "holder",
                                            .bytes = sizeof(struct small_pair),
                                            .references = 2,
                                            .destroy = let_member_go,
                                            .index = &holder_index};

/* Ties the member, which comes with two references, to a holder, and collects both. */
static void *
collect_member(void *member)
{
    struct orr_thread *const actor = small_attach(heap);
    struct orr_object *const holder = orr_new(actor, &holder_type);
    for (uint32_t i = 0; i < 2; i++)
        orr_init(actor, holder, i, member);
    orr_set(actor, member, 0, holder);
    orr_release(actor, holder);
    orr_gc_collect(actor, ORR_GENERATION_OLDEST, NULL, NULL);
    orr_thread_detach(actor);
    return NULL;
}

/* In the cells where the cycle was. */
static void
use_its_cells(void)
{
    {
        ORR_OWN(thread, one, orr_new(thread, &small_pair));
        ORR_OWN(thread, other, orr_new(thread, &small_pair));
        orr_poll_slow(thread);
        verify_exact();
    }
    expect_eq(small_live(heap), 0);
}

/* Who prepares a second heap does not block, so what is queued for it stays queued until the fork. */
Test(fork_destroys, a_queue_names_no_member_that_the_child_frees, .timeout = 90)
{
    const struct orr_heap_options options = small_options(&orr_rc_biased, "none", &orr_heap_blocks);
    struct orr_os_thread actor;
    stage_open("subtract");
    expect_eq(orr_type_register(&holder_type, NULL), ORR_OK);
    struct orr_heap *const second = small_heap_open(&options);
    struct orr_thread *const in_second = small_attach(second);
    struct orr_object *const member = orr_new(thread, &small_pair);
    orr_retain(thread, member);
    cr_assert(orr_os_thread_start(&actor, collect_member, member, 0));
    while (!orr_load_acquire(&destroy_begins))
        orr_poll(thread);
    orr_fork_prepare(in_second);
    orr_store_release(&may_let_go, 1);
    spin_until(&has_let_go);
    cr_assert(orr_owner_has_queue(thread));
    orr_fork_prepare(thread);
    const pid_t child = fork();
    if (child == 0) {
        is_child = true;
        alarm(CHILD_SECONDS);
        orr_fork_child(thread);
        orr_fork_child(in_second);
        use_its_cells();
        _exit(CHILD_DONE);
    }
    orr_fork_parent(thread);
    orr_fork_parent(in_second);
    expect_child(thread, child);
    let_go();
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    use_its_cells();
    orr_thread_detach(in_second);
    orr_heap_destroy(second);
    stage_close();
}
