/* faults_depth.c - group e: ten million objects in one list, one ring, one array, and what finalizers, callbacks
 * and other threads make of long lists; all on a stack of 64 KiB (law 7).
 *
 * deep.c has the plain shapes with a million objects on every heap. Here they are told once more on the first
 * heap alone, with ten million, and what deep.c has not: lists that do something when they die.
 */
#include "tests/conformance/faults.h"

enum {
    MOST = UNDER_SANITIZER ? 20000 : 10000000,
    MANY = UNDER_SANITIZER ? 5000 : 200000,        /* objects that do something */
    FEWER = UNDER_SANITIZER ? 1000 : 10000,        /* on heaps but the first */
    STACK = UNDER_SANITIZER ? 256 << 10 : 64 << 10 /* sanitizers keep their own things on it */
};

/* As small as an object with a reference can be. */
struct bead {
    struct orr_object header;
    struct orr_slot next;
    uint64_t unused;
};

static uint16_t index_bead;
static const struct orr_type type_bead = {
    .name = "bead", .bytes = sizeof(struct bead), .references = 1, .index = &index_bead};

/* --- a small stack -------------------------------------------------------------------------------- */

static struct {
    const struct orr_heap_options *options;
    void (*story)(struct world *world, uint32_t count);
    uint32_t count;
    bool told;
} tale;

static void *
tell(void *unused)
{
    struct orr_error error;
    stage = (struct stage){.way = BY_RELEASE};
    stage.world = world_open(tale.options);
    cr_assert_eq(orr_type_register(&type_bead, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_type_register(&creature_type, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(orr_type_register(&mourner_type, &error), ORR_OK, "%s", error.message);
    for (uint32_t i = 0; i < KEEPS; i++)
        orr_root_add(stage.world.heap, &stage.keep[i]);
    tale.story(&stage.world, tale.count);
    if (stage.world.thread)
        orr_thread_detach(stage.world.thread);
    orr_heap_destroy(stage.world.heap);
    tale.told = true;
    return unused;
}

static void
tell_on_small_stack(const struct orr_heap_options *chosen, uint64_t slice, uint32_t count)
{
    struct orr_heap_options options = *chosen;
    struct orr_os_thread thread;
    options.ledger = options.verify = false; /* they would be all we time */
    options.release_slice = slice;
    tale.options = &options;
    tale.count = count;
    tale.told = false;
    cr_assert(orr_os_thread_start(&thread, tell, NULL, STACK));
    orr_os_thread_join(&thread);
    cr_assert(tale.told);
}

static void
expect_empty(struct world *world, uint32_t leaked)
{
    orr_settle(world->thread);
    orr_settle(world->thread); /* what callbacks dropped */
    cr_assert_eq(world_live(world), is_complete(world->heap->collector) ? 0 : leaked,
                 "%s: %lu objects live", world_name(world), (unsigned long)world_live(world));
}

/* --- e1, e3, e4: ten million ---------------------------------------------------------------------- */

/* `count` beads in keep[0], the newest first. Returns the oldest, without a reference. */
static struct orr_object *
string_beads(struct orr_thread *thread, uint32_t count)
{
    struct orr_object *oldest = NULL;
    for (uint32_t i = 0; i < count; i++) {
        ORR_OWN(thread, bead, orr_new(thread, &type_bead));
        cr_assert(bead.ref);
        if (!oldest)
            oldest = bead.ref;
        orr_init(thread, bead.ref, 0, orr_exchange_slot(thread, NULL, &stage.keep[0].slot, NULL));
        root_put(thread, &stage.keep[0], orr_take(&bead));
    }
    return oldest;
}

static void
tell_list(struct world *world, uint32_t count)
{
    string_beads(world->thread, count);
    root_put(world->thread, &stage.keep[0], NULL);
    if (ORR_COUNTED)
        cr_assert_eq(world_live(world), 0, "%s: counting frees a list", world_name(world));
    expect_empty(world, 0);
}

static void
tell_ring(struct world *world, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    struct orr_object *const oldest = string_beads(thread, count);
    {
        ORR_OWN(thread, newest, root_load(thread, &stage.keep[0]));
        orr_set(thread, oldest, 0, newest.ref);
    }
    root_put(thread, &stage.keep[0], NULL);
    expect_empty(world, count);
}

/* One array of `count` elements, of which every tenth is a list of three. */
static void
tell_array(struct world *world, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    {
        ORR_OWN(thread, array, orr_new_array(thread, &type_plain, count, 0));
        cr_assert(array.ref);
        for (uint32_t i = 0; i < count; i += 10) {
            string_beads(thread, 3);
            orr_give_slot(thread, array.ref, orr_element(array.ref, i),
                          orr_exchange_slot(thread, NULL, &stage.keep[0].slot, NULL));
        }
    }
    expect_empty(world, 0);
}

static void
tell_ten_million(const struct orr_heap_options *options, void (*story)(struct world *, uint32_t))
{
    if (options->kind != orr_heap_kinds[0])
        return;
    tale.story = story;
    tell_on_small_stack(options, 0, MOST);
}

static void
try_list(const struct orr_heap_options *options)
{
    tell_ten_million(options, tell_list);
}

static void
try_ring(const struct orr_heap_options *options)
{
    if (is_complete(options->collector))
        tell_ten_million(options, tell_ring);
}

static void
try_array(const struct orr_heap_options *options)
{
    tell_ten_million(options, tell_array);
}

/* --- e2: with finalizers, with callbacks ---------------------------------------------------------- */

/* A chain, then a ring, of creatures: finalized and destroyed one by one. */
static void
tell_finalizers(struct world *world, uint32_t count)
{
    const bool complete = is_complete(world->heap->collector);
    for (unsigned way = 0; way < (complete ? WAYS : BY_COLLECTION); way++) {
        stage.way = (enum way)way;
        orr_store_relaxed(&stage.finalized, 0);
        orr_store_relaxed(&stage.destroyed, 0);
        orr_release(world->thread, creature_chain(world->thread, &creature_type, 0, count));
        expect_empty(world, 0);
        cr_assert_eq(orr_load_acquire(&stage.finalized), count, "%s", world_name(world));
        cr_assert_eq(orr_load_acquire(&stage.destroyed), count, "%s", world_name(world));
    }
}

static void
count_call(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)argument;
    cr_assert_null(orr_weak_get(thread, weak));
    orr_add_acq_rel(&stage.called, 1);
}

/* A list or ring, each of whose beads has a weak reference with a callback in an array in keep[1]. */
static void
watch_beads(struct orr_thread *thread, uint32_t count, bool closed)
{
    struct orr_object *const oldest = string_beads(thread, count);
    ORR_OWN(thread, weaks, orr_new_array(thread, &type_plain, count, 0));
    cr_assert(weaks.ref);
    ORR_OWN(thread, bead, root_load(thread, &stage.keep[0]));
    if (closed)
        orr_set(thread, oldest, 0, bead.ref);
    for (uint32_t i = 0; i < count; i++) {
        orr_give_slot(thread, weaks.ref, orr_element(weaks.ref, i),
                      orr_weak_new(thread, bead.ref, count_call, NULL, NULL));
        orr_own_set(&bead, orr_get(thread, bead.ref, 0));
    }
    root_put(thread, &stage.keep[1], orr_take(&weaks));
}

static void
tell_callbacks(struct world *world, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    for (unsigned closed = 0; closed <= is_complete(world->heap->collector); closed++) {
        orr_store_relaxed(&stage.called, 0);
        watch_beads(thread, count, closed);
        root_put(thread, &stage.keep[0], NULL);
        orr_settle(thread);
        cr_assert_eq(orr_load_acquire(&stage.called), count, "%s: %u of %u callbacks",
                     world_name(world), orr_load_acquire(&stage.called), count);
        root_put(thread, &stage.keep[1], NULL);
        expect_empty(world, 0);
    }
}

static void
tell_many(const struct orr_heap_options *options, void (*story)(struct world *, uint32_t),
          uint64_t slice)
{
    tale.story = story;
    tell_on_small_stack(options, slice, options->kind == orr_heap_kinds[0] ? MANY : FEWER);
}

static void
try_finalizers(const struct orr_heap_options *options)
{
    tell_many(options, tell_finalizers, 0);
}

static void
try_callbacks(const struct orr_heap_options *options)
{
    tell_many(options, tell_callbacks, 0);
}

/* --- e6: drops inside drops ----------------------------------------------------------------------- */

/* Each creature, when it is finalized or destroyed, drops the next, which an array holds: no reference leads from
 * the one to the other, so no cascade sees it coming. */
static void
drop_next(struct orr_thread *thread, struct creature *creature)
{
    ORR_OWN(thread, array, root_load(thread, &stage.keep[0]));
    const uint64_t next = creature->payload.id + 1;
    if (array.ref && next < ((struct orr_array *)array.ref)->length)
        orr_set_slot(thread, array.ref, orr_element(array.ref, (uint32_t)next), NULL);
}

static void
tell_nested_of(struct world *world, const struct orr_type *type, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    {
        ORR_OWN(thread, array, orr_new_array(thread, &type_plain, count, 0));
        cr_assert(array.ref);
        for (uint32_t i = 0; i < count; i++)
            orr_give_slot(thread, array.ref, orr_element(array.ref, i),
                          creature_new(thread, type, i));
        orr_store_slot(thread, NULL, &stage.keep[0].slot, array.ref);
        orr_store_relaxed(&stage.destroyed, 0);
        orr_set_slot(thread, array.ref, orr_element(array.ref, 0), NULL); /* the first stone */
    }
    cr_assert_eq(orr_load_acquire(&stage.destroyed), count, "%s: %u of %u fell", world_name(world),
                 orr_load_acquire(&stage.destroyed), count);
    root_put(thread, &stage.keep[0], NULL);
}

static void
tell_nested(struct world *world, uint32_t count)
{
    if (!ORR_COUNTED)
        return; /* nothing dies of a drop */
    stage.on_destroy = drop_next;
    tell_nested_of(world, &mourner_type, count);
    stage.on_destroy = NULL;
    stage.on_finalize = drop_next;
    tell_nested_of(world, &creature_type, count);
    expect_empty(world, 0);
}

static void
try_nested(const struct orr_heap_options *options)
{
    tell_many(options, tell_nested, 0);
}

/* --- e7: from several ends ------------------------------------------------------------------------ */

enum { PARTIES = 4 };

static void
drop_part(struct orr_thread *thread)
{
    const uint32_t part = orr_add_relaxed(&stage.flags[1], 1);
    stage_await(thread, &stage.flags[0], 1);
    root_put(thread, &stage.keep[part], NULL);
}

/* Four threads hold a list at four places, and drop it at once: each frees up to where the next one holds, or
 * beyond, if that one has let go. */
static void
tell_parties(struct world *world, uint32_t count)
{
    struct orr_thread *const thread = world->thread;
    struct helper helpers[PARTIES];
    {
        ORR_OWN(thread, at, creature_chain(thread, &creature_type, 0, count));
        for (uint32_t i = 0; i < count; i++) {
            if (i % (count / PARTIES) == 0 && i / (count / PARTIES) < PARTIES)
                orr_store_slot(thread, NULL, &stage.keep[i / (count / PARTIES)].slot, at.ref);
            orr_own_set(&at, orr_get(thread, at.ref, 0));
        }
    }
    for (uint32_t i = 0; i < PARTIES; i++)
        helper_start(&helpers[i], drop_part);
    stage_announce(&stage.flags[0]);
    for (uint32_t i = 0; i < PARTIES; i++)
        helper_join(&helpers[i], thread);
    expect_empty(world, 0);
    cr_assert_eq(orr_load_acquire(&stage.finalized), count, "%s", world_name(world));
    cr_assert_eq(orr_load_acquire(&stage.destroyed), count, "%s", world_name(world));
}

static void
try_parties(const struct orr_heap_options *options)
{
    tell_many(options, tell_parties, 0);
}

/* --- e8, e9: what is not freed yet ---------------------------------------------------------------- */

/* Lists are dropped faster than slices free them; nothing is lost, and nobody has to ask. */
static void
tell_backlog(struct world *world, uint32_t count)
{
    enum { LIST = 50 };
    struct orr_thread *const thread = world->thread;
    for (uint32_t i = 0; i < count / LIST; i++)
        orr_release(thread, creature_chain(thread, &mourner_type, i, LIST));
    const uint64_t deadline_ns = orr_clock_ns() + 60000000000u;
    while (ORR_COUNTED && world_live(world) != 0 && orr_clock_ns() < deadline_ns)
        orr_poll(thread);
    expect_empty(world, 0);
    cr_assert_eq(orr_load_acquire(&stage.destroyed), count / LIST * LIST, "%s", world_name(world));
}

static void
try_backlog(const struct orr_heap_options *options)
{
    tell_many(options, tell_backlog, 3);
}

/* The thread leaves, and the heap ends, with a list of which one object has been freed. */
static void
tell_end(struct world *world, uint32_t count)
{
    orr_release(world->thread, creature_chain(world->thread, &creature_type, 0, count));
    orr_thread_detach(world->thread);
    world->thread = NULL;
    if (ORR_COUNTED) {
        cr_assert_eq(orr_load_acquire(&stage.destroyed), count, "%s: %u of %u destroyed",
                     world_name(world), orr_load_acquire(&stage.destroyed), count);
        cr_assert_eq(world_live(world), 0);
    }
}

static void
try_end(const struct orr_heap_options *options)
{
    tell_many(options, tell_end, 1);
}

#define DEPTH(name, collector, threads, body)                                                      \
    Test(name, collector)                                                                          \
    {                                                                                              \
        for_main_heaps(orr_collector_find(#collector), threads, body);                             \
    }

#define COLLECTOR(collector, summary)                                                              \
    DEPTH(e1_list_of_ten_million, collector, 1, try_list)                                          \
    DEPTH(e2_list_with_finalizers, collector, 1, try_finalizers)                                   \
    DEPTH(e2_list_with_weak_callbacks, collector, 1, try_callbacks)                                \
    DEPTH(e3_array_of_ten_million, collector, 1, try_array)                                        \
    DEPTH(e4_ring_of_ten_million, collector, 1, try_ring)                                          \
    DEPTH(e6_drops_inside_drops, collector, 1, try_nested)                                         \
    DEPTH(e7_dropped_from_several_ends, collector, 1 + PARTIES, try_parties)                       \
    DEPTH(e8_backlog_of_slices, collector, 1, try_backlog)                                         \
    DEPTH(e9_end_with_pending_frees, collector, 1, try_end)
#include "collectors/list.def"
#undef COLLECTOR
