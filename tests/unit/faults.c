/* faults.c - memory that runs out at every point of a heap's life, one after the other.
 *
 * A scenario (a heap, a thread, some hundred operations, collections, the end) is run once for each
 * allocation of the library's own books that it makes, with that one refused, and again with that one and
 * all later ones refused. Whatever then fails says ORR_OUT_OF_MEMORY or, from an operation, null; nothing
 * crashes, and the heap can be left in order.
 */
/* mutator.h is for a chosen strategy; the refusals are the same under each. */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

enum { OPERATIONS = 500, FIELDS = 8, POINTS_LEAST = 20, POINTS_MOST = 5000 };

static uint16_t pair_index, array_index;
static const struct orr_type pair_type = {
    .name = "pair", .bytes = 48, .references = 2, .index = &pair_index};
static const struct orr_type array_type = {.name = "array",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY,
                                           .index = &array_index};

struct scenario {
    struct orr_heap_options options;
    struct orr_error error;
    struct orr_heap *heap;
    struct orr_root root; /* an array of FIELDS, written as shared slots */
    uint64_t refused;     /* objects that were not given */
};

/* --- the scenario ------------------------------------------------------------------------------------ */

static struct orr_object *
fresh_object(struct scenario *scenario, struct orr_thread *thread, uint32_t i)
{
    struct orr_object *object =
        i % 16 == 0 ? orr_new_array(thread, &array_type, 2, 9000) : orr_new(thread, &pair_type);
    scenario->refused += object == NULL;
    return object;
}

/* Object i becomes field k of the array and refers to a neighbour or to itself: cycles of every kind. */
static void
operate(struct scenario *scenario, struct orr_thread *thread, struct orr_object *array, uint32_t i)
{
    struct orr_slot *slot = orr_element(array, i % FIELDS);
    ORR_OWN(thread, fresh, fresh_object(scenario, thread, i));
    if (!fresh.ref || i % 16 == 0)
        return;
    ORR_OWN(thread, neighbour, orr_load_slot(thread, orr_element(array, i * 5 % FIELDS)));
    orr_store(thread, fresh.ref, 0, neighbour.ref);
    orr_store(thread, fresh.ref, 1, fresh.ref);
    if (neighbour.ref)
        orr_store(thread, neighbour.ref, 1, fresh.ref);
    orr_store_slot(thread, array, slot, fresh.ref);
    orr_poll(thread);
}

/* Another thread drops what the first one made, and leaves things behind. */
static void *
meddle(void *argument)
{
    struct scenario *scenario = argument;
    struct orr_thread *thread;
    if (orr_thread_attach(scenario->heap, &thread, &scenario->error) != ORR_OK) {
        cr_assert_eq(scenario->error.status, ORR_OUT_OF_MEMORY, "%s", scenario->error.message);
        scenario->refused++;
        return NULL;
    }
    struct orr_object *array = orr_load_slot(thread, &scenario->root.slot);
    for (uint32_t i = 0; i < FIELDS * 4; i++)
        operate(scenario, thread, array, i);
    orr_release(thread, array);
    orr_thread_detach(thread);
    return NULL;
}

static void
let_meddle(struct scenario *scenario, struct orr_thread *thread)
{
    struct orr_os_thread other;
    orr_block_enter(thread);
    cr_assert(orr_os_thread_start(&other, meddle, scenario, 0));
    orr_os_thread_join(&other);
    orr_block_leave(thread);
}

static void
verify(struct scenario *scenario, struct orr_thread *thread)
{
    struct orr_error error = {.message = ""};
    orr_world_stop(scenario->heap, thread);
    bool sound = orr_heap_verify(scenario->heap, thread, &error);
    orr_world_resume(scenario->heap);
    cr_assert(sound || error.status == ORR_OUT_OF_MEMORY, "%s", error.message);
}

static void
work(struct scenario *scenario, struct orr_thread *thread)
{
    struct orr_object *array = orr_new_array(thread, &array_type, FIELDS, 0);
    if (!array) {
        scenario->refused++;
        return;
    }
    orr_exchange_slot(thread, NULL, &scenario->root.slot, array);
    scenario->refused += !orr_immortalise(thread, array);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        operate(scenario, thread, array, i);
        if (i % 200 == 199)
            orr_collect(thread, "test");
    }
    let_meddle(scenario, thread);
    verify(scenario, thread);
    for (uint32_t i = 0; i < FIELDS; i++)
        orr_store_slot(thread, array, orr_element(array, i), NULL);
    orr_release(thread, orr_exchange_slot(thread, NULL, &scenario->root.slot, NULL));
    orr_settle(thread);
}

/* True: nothing was refused. */
static bool
run(struct scenario *scenario)
{
    struct orr_thread *thread;
    scenario->refused = 0;
    enum orr_status status = orr_heap_create(&scenario->options, &scenario->heap, &scenario->error);
    if (status != ORR_OK) {
        cr_assert_eq(status, ORR_OUT_OF_MEMORY, "%s", scenario->error.message);
        return false;
    }
    status = orr_thread_attach(scenario->heap, &thread, &scenario->error);
    if (status == ORR_OK) {
        orr_root_add(scenario->heap, &scenario->root);
        work(scenario, thread);
        orr_root_remove(scenario->heap, &scenario->root);
        orr_thread_detach(thread);
    } else
        cr_assert_eq(status, ORR_OUT_OF_MEMORY, "%s", scenario->error.message);
    orr_heap_destroy(scenario->heap);
    return status == ORR_OK && scenario->refused == 0;
}

/* --- refusals ---------------------------------------------------------------------------------------- */

/* Whether the scenario makes an n-th allocation: then the countdown was used up, and one more is refused. */
static bool
run_with_refusal(struct scenario *scenario, uint64_t n, bool persistent)
{
    orr_fail_allocation(n, persistent);
    run(scenario);
    if (persistent) {
        void *probe = orr_allocate(1);
        orr_fail_allocation(0, false);
        orr_deallocate(probe);
        return probe == NULL;
    }
    orr_fail_allocation(0, false);
    return true;
}

static void
expect_to_survive(const char *collector, const struct orr_heap_kind *kind, bool many_workers)
{
    struct orr_error error;
    static struct scenario scenario;
    scenario.options = (struct orr_heap_options){.rc = &orr_rc_biased,
                                                 .collector = orr_collector_find(collector),
                                                 .kind = kind,
                                                 .trigger = {.kind = ORR_TRIGGER_manual},
                                                 .workers = many_workers ? 1 : 0,
                                                 .ledger = true};
    cr_assert_eq(orr_type_register(&pair_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&array_type, &error), ORR_OK);
    uint64_t points = 0;
    while (run_with_refusal(&scenario, points + 1, true)) {
        run_with_refusal(&scenario, ++points, false);
        cr_assert(points < POINTS_MOST, "the scenario does not come to an end");
    }
    cr_assert_gt(points, POINTS_LEAST, "only %llu allocations", (unsigned long long)points);
    cr_assert(run(&scenario), "%llu objects were refused while there was memory: %s",
              (unsigned long long)scenario.refused, scenario.error.message);
}

Test(faults, trial_on_blocks_survives_every_refusal)
{
    expect_to_survive("trial", &orr_heap_blocks, false);
}

Test(faults, subtract_on_jemalloc_survives_every_refusal)
{
    expect_to_survive("subtract", &orr_heap_jemalloc, false);
}

Test(faults, generations_on_blocks_survives_every_refusal)
{
    expect_to_survive("generations", &orr_heap_blocks, false);
}

Test(faults, mark_on_blocks_survives_every_refusal)
{
    expect_to_survive("mark", &orr_heap_blocks, false);
}

Test(faults, mark_with_a_helper_survives_every_refusal)
{
    expect_to_survive("mark", &orr_heap_jemalloc, true);
}

Test(faults, trial_on_libc_survives_every_refusal)
{
    expect_to_survive("trial", &orr_heap_libc, false);
}
