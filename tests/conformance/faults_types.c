/* faults_types.c - group g: types whose callbacks lie. The verifier says that something is wrong, the detector
 * (diagnose.h) which type and which word of it; unit/diagnose.c has it find a thousand lies in random graphs.
 *
 * The lie is told while they look, so that the heap itself stays sound.
 *
 * Not here: g5 and g6, a trace that stores, counts, allocates or takes locks (not allowed: object.h; nothing
 * could be promised of it); g7, a container resized beside a trace, which wants a collector that traces while
 * the program runs, and there is none; g9, a clear callback that clears the wrong things (there are no clear
 * callbacks); g10, an overwritten header, which unit/verify.c breaks word by word.
 */
#include "runtime/diagnose.h"
#include "runtime/finish.h"
#include "tests/conformance/world.h"

#include <signal.h>
#include <string.h>

/* --- a type that lies ----------------------------------------------------------------------------- */

enum lie { TRUTH, SKIPS, REPEATS, READS_RAW, READS_BORROWED, READS_MISALIGNED, STRAYS };

/* `first` and `second` are references; what `raw` and `borrowed` hold counts nothing. */
struct liar {
    struct orr_object header;
    struct orr_slot first;
    uint64_t raw;
    struct orr_slot second;
    struct orr_object *borrowed;
};

static enum lie lie;
static struct orr_slot elsewhere; /* in no object */

static void
trace_liar(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct liar *const liar = (struct liar *)object;
    visit(&liar->second, argument);
    if (lie != SKIPS)
        visit(&liar->first, argument);
    if (lie == REPEATS)
        visit(&liar->second, argument);
    if (lie == READS_RAW)
        visit((struct orr_slot *)&liar->raw, argument);
    if (lie == READS_BORROWED)
        visit((struct orr_slot *)&liar->borrowed, argument);
    if (lie == READS_MISALIGNED)
        visit((struct orr_slot *)(void *)((char *)&liar->raw + 4), argument);
    if (lie == STRAYS)
        visit(&elsewhere, argument);
}

static uint16_t index_liar, index_knot;
static const struct orr_type type_liar = {
    .name = "liar", .bytes = sizeof(struct liar), .trace = trace_liar, .index = &index_liar};
/* Says that it is on no cycle. */
static const struct orr_type type_knot = {
    .name = "knot", .bytes = 40, .references = 2, .flags = ORR_TYPE_ACYCLIC, .index = &index_knot};

enum { LIARS = 5 };

/* Liars in a row, each with a leaf; all of them know the first leaf, which they do not hold. */
static void
plant_liars(struct world *world, struct orr_root *root)
{
    struct orr_thread *const thread = world->thread;
    struct orr_object *known = NULL;
    for (uint32_t i = 0; i < LIARS; i++) {
        ORR_OWN(thread, object, orr_new(thread, &type_liar));
        ORR_OWN(thread, leaf, orr_new(thread, &type_leaf));
        cr_assert(object.ref && leaf.ref);
        struct liar *const liar = (struct liar *)object.ref;
        payload_set(leaf.ref, i);
        known = known ? known : leaf.ref;
        liar->borrowed = known;
        orr_give_slot(thread, object.ref, &liar->first,
                      orr_exchange_slot(thread, NULL, &root->slot, NULL));
        orr_give_slot(thread, object.ref, &liar->second, orr_take(&leaf));
        root_put(thread, root, orr_take(&object));
    }
}

static void
set_raw(struct orr_root *root, uint64_t raw)
{
    for (struct orr_object *object = orr_slot_peek(&root->slot); object;
         object = orr_slot_peek(&((struct liar *)object)->first))
        ((struct liar *)object)->raw = raw;
}

/* --- who notices ---------------------------------------------------------------------------------- */

/* The verifier's first word begins with `assertion`; null: it sees nothing wrong. */
static void
expect_verifier(struct world *world, const char *assertion)
{
    struct orr_error error = {.message = ""};
    orr_world_stop(world->heap, world->thread);
    orr_counts_settle(world->thread);
    const bool sound = orr_heap_verify_exact(world->heap, world->thread, &error);
    orr_world_resume(world->heap);
    cr_assert_eq(sound, assertion == NULL, "%s: the verifier says: %s", world_name(world),
                 error.message);
    if (assertion)
        cr_assert(strncmp(error.message, assertion, strlen(assertion)) == 0,
                  "%s: %s expected, but: %s", world_name(world), assertion, error.message);
}

/* The detector's only fault. */
static void
expect_fault(struct world *world, enum orr_fault_kind kind, uint32_t offset, uint64_t objects)
{
    struct orr_fault fault;
    struct orr_error error = {.message = ""};
    uint32_t count;
    const enum orr_status status = orr_heap_diagnose(world->thread, &fault, 1, &count, &error);
    if (!ORR_COUNTED) {
        cr_assert_eq(status, ORR_NOT_APPLICABLE);
        return;
    }
    cr_assert_eq(status, ORR_CHECK_FAILED, "%s: nothing found", world_name(world));
    cr_assert(fault.kind == kind && fault.type == &type_liar && fault.offset == offset &&
                  fault.objects == objects,
              "%s: kind %d, byte %u, %lu objects expected, but: %s", world_name(world), (int)kind,
              offset, (unsigned long)objects, error.message);
    cr_assert_eq(count, 1, "%s: %u faults", world_name(world), count);
    cr_assert(strstr(error.message, "type liar: trace"), "%s", error.message);
}

static void
expect_clean(struct world *world)
{
    struct orr_fault fault;
    struct orr_error error = {.message = ""};
    uint32_t count;
    lie = TRUTH;
    expect_verifier(world, NULL);
    const enum orr_status status = orr_heap_diagnose(world->thread, &fault, 1, &count, &error);
    cr_assert_eq(status, ORR_COUNTED ? ORR_OK : ORR_NOT_APPLICABLE, "%s: false alarm: %s",
                 world_name(world), error.message);
}

/* One lie about one word; `counts` says whether only counts give it away. */
static void
try_lie(struct world *world, enum lie told, const char *assertion, bool counts,
        enum orr_fault_kind kind, uint32_t offset, uint64_t objects)
{
    expect_clean(world);
    lie = told;
    if (assertion && (ORR_COUNTED || !counts))
        expect_verifier(world, assertion);
    expect_fault(world, kind, offset, objects);
    expect_clean(world);
}

/* --- the stories ---------------------------------------------------------------------------------- */

static struct orr_root root;

static void
with_liars(const struct orr_heap_options *options, void (*story)(struct world *))
{
    struct orr_error error;
    if (!options->kind->is_walkable)
        return;
    struct world world = world_open(options);
    cr_assert_eq(orr_type_register(&type_liar, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_type_register(&type_knot, &error), ORR_OK, "%s", error.message);
    orr_root_add(world.heap, &root);
    plant_liars(&world, &root);
    story(&world);
    root_put(world.thread, &root, NULL);
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0, "%s", world_name(&world));
    orr_root_remove(world.heap, &root);
    world_close(&world);
}

static void
miss(struct world *world)
{
    try_lie(world, SKIPS, "count-high", true, ORR_FAULT_MISSED, offsetof(struct liar, first),
            LIARS - 1);
}

static void
repeat(struct world *world)
{
    try_lie(world, REPEATS, "count-low", true, ORR_FAULT_REPEATED, offsetof(struct liar, second),
            LIARS);
}

static void
borrow(struct world *world)
{
    try_lie(world, READS_BORROWED, "count-low", true, ORR_FAULT_INVENTED,
            offsetof(struct liar, borrowed), LIARS);
}

/* Numbers, an address inside an object, where an object died, an object of another heap. */
static void
misread(struct world *world)
{
    struct orr_thread *const thread = world->thread;
    const struct orr_heap_options options = world->heap->options;
    struct world other = world_open(&options);
    struct orr_object *const foreign = orr_new(other.thread, &type_node);
    struct orr_object *const dead = orr_new(thread, &type_node);
    cr_assert(foreign && dead);
    orr_release(thread, dead);
    orr_settle(thread);
    const uint64_t words[] = {16,
                              12345,
                              UINT64_MAX & ~(uint64_t)15,
                              (uint64_t)orr_slot_peek(&root.slot) + 16,
                              (uint64_t)foreign,
                              (uint64_t)dead};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        set_raw(&root, words[i]);
        try_lie(world, READS_RAW, words[i] == 12345 ? NULL : "edge", false, ORR_FAULT_INVENTED,
                offsetof(struct liar, raw), LIARS);
    }
    orr_release(other.thread, foreign);
    orr_settle(other.thread);
    world_close(&other);
}

/* Only the detector: the verifier would read such slots. */
static void
misalign(struct world *world)
{
    try_lie(world, READS_MISALIGNED, NULL, false, ORR_FAULT_INVENTED,
            offsetof(struct liar, raw) + 4, LIARS);
    try_lie(world, STRAYS, NULL, false, ORR_FAULT_INVENTED, ORR_FAULT_OUTSIDE, LIARS);
}

#define STORY(name)                                                                                \
    static void try_##name(const struct orr_heap_options *options)                                 \
    {                                                                                              \
        with_liars(options, name);                                                                 \
    }
STORY(miss)
STORY(repeat)
STORY(borrow)
STORY(misread)
STORY(misalign)

/* --- g8: a cycle of those that say they are on none ----------------------------------------------- */

/* Whether a collector finds it is its own affair; the heap stays sound, and the report names what is left. */
static void
try_knots(const struct orr_heap_options *options)
{
    struct world world = world_open(options);
    struct orr_thread *const thread = world.thread;
    struct orr_error error;
    struct orr_leaks leaks;
    cr_assert_eq(orr_type_register(&type_knot, &error), ORR_OK, "%s", error.message);
    {
        ORR_OWN(thread, one, orr_new(thread, &type_knot));
        ORR_OWN(thread, other, orr_new(thread, &type_knot));
        cr_assert(one.ref && other.ref);
        orr_set(thread, one.ref, 0, other.ref);
        orr_set(thread, other.ref, 0, one.ref);
    }
    world_settle(&world);
    cr_assert_eq(orr_heap_finish(thread, &leaks), ORR_OK);
    cr_assert_eq(leaks.objects, world_live(&world), "%s: %lu objects live, %lu are reported",
                 world_name(&world), (unsigned long)world_live(&world),
                 (unsigned long)leaks.objects);
    cr_assert(leaks.objects == 0 || leaks.objects == 2);
    if (leaks.objects) {
        cr_assert(leaks.kind_count == 1 && leaks.kinds[0].type == &type_knot, "%s",
                  world_name(&world));
        cr_assert_eq(leaks.kinds[0].objects, 2);
    }
    orr_leaks_free(&leaks);
    world_close(&world);
}

/* --- g11: a size that cannot be ------------------------------------------------------------------- */

Test(g11_size_that_does_not_hold_the_references, is_refused, .signal = SIGABRT)
{
    static uint16_t index;
    static const struct orr_type small = {
        .name = "small", .bytes = 24, .references = 2, .index = &index};
    struct orr_error error;
    orr_type_register(&small, &error);
}

#define LIE(name, collector, body)                                                                 \
    Test(name, collector)                                                                          \
    {                                                                                              \
        for_main_heaps(orr_collector_find(#collector), 1, body);                                   \
    }

#define COLLECTOR(collector, summary)                                                              \
    LIE(g1_misses_an_edge, collector, try_miss)                                                    \
    LIE(g2_reports_a_borrowed_reference, collector, try_borrow)                                    \
    LIE(g3_reports_a_slot_twice, collector, try_repeat)                                            \
    LIE(g4_reports_what_is_no_reference, collector, try_misread)                                   \
    LIE(g4_reports_what_is_no_slot, collector, try_misalign)                                       \
    LIE(g8_acyclic_type_on_a_cycle, collector, try_knots)
#include "collectors/list.def"
#undef COLLECTOR
