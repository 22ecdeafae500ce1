/* faults.c - the stage: opening, the extras, the creatures, and the reckoning at the end. */
#include "tests/conformance/faults.h"

#include <stdio.h>

struct stage stage;
void (*stage_prepare)(struct orr_heap_options *options);
static void be_an_extra(struct orr_thread *thread);
void (*stage_extra)(struct orr_thread *thread) = be_an_extra;

/* --- creatures ------------------------------------------------------------------------------------ */

static void finalize_creature(struct orr_thread *thread, struct orr_object *object);
static void destroy_creature(struct orr_thread *thread, struct orr_object *object);

static uint16_t index_creature, index_first, index_green, index_mourner;

const struct orr_type creature_type = {.name = "creature",
                                       .bytes = sizeof(struct creature),
                                       .references = 3,
                                       .finalize = finalize_creature,
                                       .destroy = destroy_creature,
                                       .index = &index_creature};
const struct orr_type creature_first_type = {.name = "creature that goes first",
                                             .bytes = sizeof(struct creature),
                                             .references = 3,
                                             .finalize = finalize_creature,
                                             .destroy = destroy_creature,
                                             .index = &index_first,
                                             .priority = 1};
const struct orr_type creature_green_type = {.name = "green creature",
                                             .bytes = sizeof(struct creature),
                                             .flags = ORR_TYPE_ACYCLIC,
                                             .finalize = finalize_creature,
                                             .destroy = destroy_creature,
                                             .index = &index_green};
const struct orr_type mourner_type = {.name = "mourner",
                                      .bytes = sizeof(struct creature),
                                      .references = 3,
                                      .destroy = destroy_creature,
                                      .index = &index_mourner};

static bool
is_creature(const struct orr_object *object)
{
    const struct orr_type *const type = orr_type_of(object);
    return type == &creature_type || type == &creature_first_type || type == &creature_green_type ||
           type == &mourner_type;
}

static uint64_t
check_of(const struct creature *creature)
{
    return (creature->payload.id ^ (uintptr_t)creature) * 0x9e3779b97f4a7c15u;
}

static void
check_one(struct creature *creature)
{
    cr_assert_eq(creature->payload.check, check_of(creature), "%s: creature %lu was written to",
                 world_name(&stage.world), (unsigned long)creature->payload.id);
    cr_assert_eq(orr_load_relaxed(&creature->destroyed), 0, "%s: creature %lu was destroyed",
                 world_name(&stage.world), (unsigned long)creature->payload.id);
}

void
creature_check(struct creature *creature)
{
    check_one(creature);
    for (uint32_t i = 0; i < orr_type_of(&creature->header)->references; i++) {
        struct orr_object *const child = orr_slot_peek(&creature->slots[i]);
        cr_assert(!child || orr_type_of(child), "%s: creature %lu refers to nothing that lives",
                  world_name(&stage.world), (unsigned long)creature->payload.id);
        if (child && is_creature(child))
            check_one(creature_of(child));
    }
}

struct orr_object *
creature_new(struct orr_thread *thread, const struct orr_type *type, uint64_t id)
{
    struct orr_object *const object = orr_new(thread, type);
    struct creature *const creature = (struct creature *)object;
    cr_assert(creature, "no memory for a creature");
    creature->payload.id = id;
    creature->payload.check = check_of(creature);
    orr_add_relaxed(&stage.born, 1);
    return object;
}

struct orr_object *
creature_chain(struct orr_thread *thread, const struct orr_type *type, uint64_t first,
               uint32_t count)
{
    ORR_OWN(thread, head, creature_new(thread, type, first));
    ORR_OWN(thread, last, orr_get_slot(thread, &head.slot));
    for (uint32_t i = 1; i < count; i++) {
        ORR_OWN(thread, next, creature_new(thread, type, first + i));
        orr_set(thread, last.ref, 0, next.ref);
        orr_own_set(&last, orr_take(&next));
    }
    if (stage.way == BY_COLLECTION)
        orr_set(thread, last.ref, 0, head.ref);
    return orr_take(&head);
}

/* Green ones are finalized at each of their deaths. */
static void
finalize_creature(struct orr_thread *thread, struct orr_object *object)
{
    struct creature *const creature = creature_of(object);
    creature_check(creature);
    const uint32_t times = orr_add_relaxed(&creature->finalized, 1);
    cr_assert(times == 0 || orr_is_green(object), "%s: creature %lu was finalized twice",
              world_name(&stage.world), (unsigned long)creature->payload.id);
    if (stage.on_finalize)
        stage.on_finalize(thread, creature);
    orr_add_acq_rel(&stage.finalized, 1);
}

static void
destroy_creature(struct orr_thread *thread, struct orr_object *object)
{
    struct creature *const creature = creature_of(object);
    cr_assert_eq(creature->payload.check, check_of(creature));
    cr_assert_eq(orr_add_relaxed(&creature->destroyed, 1), 0, "%s: creature %lu died twice",
                 world_name(&stage.world), (unsigned long)creature->payload.id);
    cr_assert(!orr_type_of(object)->finalize || orr_load_relaxed(&creature->finalized) != 0,
              "%s: creature %lu was not finalized", world_name(&stage.world),
              (unsigned long)creature->payload.id);
    if (stage.on_destroy)
        stage.on_destroy(thread, creature);
    orr_add_acq_rel(&stage.destroyed, 1);
}

/* --- weak references ------------------------------------------------------------------------------ */

static void
count_call(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)argument;
    cr_assert_null(orr_weak_get(thread, weak), "a callback's weak reference is dead");
    orr_add_acq_rel(&stage.called, 1);
}

void
stage_weak(struct orr_thread *thread, uint32_t i, struct orr_object *referent, bool with_callback)
{
    ORR_OWN(thread, weak,
            orr_weak_new(thread, referent, with_callback ? count_call : NULL, NULL, NULL));
    cr_assert(weak.ref, "no memory for a weak reference");
    root_put(thread, &stage.weaks[i], orr_take(&weak));
}

struct orr_object *
stage_weak_get(struct orr_thread *thread, uint32_t i)
{
    ORR_OWN(thread, weak, root_load(thread, &stage.weaks[i]));
    cr_assert(weak.ref);
    return orr_weak_get(thread, weak.ref);
}

bool
stage_weak_is_null(struct orr_thread *thread, uint32_t i)
{
    ORR_OWN(thread, referent, stage_weak_get(thread, i));
    return referent.ref == NULL;
}

/* --- time ----------------------------------------------------------------------------------------- */

enum { PATIENCE_S = 30 };

static void
expect_time(uint64_t deadline_ns, const char *what)
{
    cr_assert(orr_clock_ns() < deadline_ns, "%s: waited %u s for %s", world_name(&stage.world),
              PATIENCE_S, what);
}

void
stage_await(struct orr_thread *thread, _Atomic(uint32_t) *word, uint32_t least)
{
    const uint64_t deadline_ns = orr_clock_ns() + PATIENCE_S * 1000000000ull;
    while (orr_load_acquire(word) < least) {
        expect_time(deadline_ns, "a running thread");
        orr_poll(thread);
        orr_yield();
    }
}

void
stage_await_blocked(struct orr_thread *thread, _Atomic(uint32_t) *word, uint32_t least)
{
    const uint64_t deadline_ns = orr_clock_ns() + PATIENCE_S * 1000000000ull;
    uint32_t found;
    orr_block_enter(thread);
    while ((found = orr_load_acquire(word)) < least) {
        expect_time(deadline_ns, "an announcement");
        orr_park(word, found, 10000000);
    }
    orr_block_leave(thread);
}

void
stage_announce(_Atomic(uint32_t) *word)
{
    orr_store_release(word, 1);
    orr_wake_all(word);
}

void
stage_let_die(struct orr_object *object, uint32_t finalized)
{
    struct orr_thread *const thread = stage.world.thread;
    orr_release(thread, object);
    if (!ORR_COUNTED || stage.way == BY_COLLECTION)
        orr_settle(thread);
    /* another thread may have found it, and still be at it */
    stage_await(thread, &stage.finalized, finalized);
    cr_assert_eq(orr_load_acquire(&stage.finalized), finalized, "%s", world_name(&stage.world));
}

void
stage_settle(uint32_t destroyed)
{
    struct orr_thread *const thread = stage.world.thread;
    const uint64_t deadline_ns = orr_clock_ns() + PATIENCE_S * 1000000000ull;
    do { /* an extra's collection may have claimed it, and be at finalizers */
        orr_settle(thread);
        orr_yield();
        expect_time(deadline_ns, "the end of garbage");
    } while (orr_load_acquire(&stage.destroyed) < destroyed);
    cr_assert_eq(orr_load_acquire(&stage.destroyed), destroyed, "%s: %u destroyed",
                 world_name(&stage.world), orr_load_acquire(&stage.destroyed));
    world_verify(&stage.world, false);
}

/* --- threads -------------------------------------------------------------------------------------- */

static void *
help(void *argument)
{
    struct helper *const helper = argument;
    struct orr_thread *thread;
    struct orr_error error;
    cr_assert_eq(orr_thread_attach(stage.world.heap, &thread, &error), ORR_OK, "%s", error.message);
    helper->body(thread);
    orr_thread_detach(thread);
    return NULL;
}

void
helper_start(struct helper *helper, void (*body)(struct orr_thread *thread))
{
    helper->body = body;
    cr_assert(orr_os_thread_start(&helper->os, help, helper, 0));
}

void
helper_join(struct helper *helper, struct orr_thread *thread)
{
    orr_block_enter(thread);
    orr_os_thread_join(&helper->os);
    orr_block_leave(thread);
}

/* One round of an extra: a ring or a chain with a weak reference to it, dropped. */
static void
play(struct orr_thread *thread, uint32_t round)
{
    const bool closed = is_complete(stage.world.heap->collector) && round % 2;
    ORR_OWN(thread, one, orr_new(thread, &type_node));
    ORR_OWN(thread, other, orr_new(thread, &type_node));
    cr_assert(one.ref && other.ref);
    orr_set(thread, one.ref, 0, other.ref);
    if (closed)
        orr_set(thread, other.ref, 0, one.ref);
    ORR_OWN(thread, weak, orr_weak_new(thread, one.ref, NULL, NULL, NULL));
    cr_assert(weak.ref);
    orr_own_set(&one, NULL);
    orr_own_set(&other, orr_weak_get(thread, weak.ref));
    cr_assert(!(ORR_COUNTED && !closed && other.ref), "upgraded after the last release");
}

static void
be_an_extra(struct orr_thread *thread)
{
    enum { ROUNDS_MOST = UNDER_SANITIZER ? 500 : 5000, COLLECT_EVERY = 100 };
    uint32_t round = 0;
    for (; orr_load_acquire(&stage.is_over) == 0 && round < ROUNDS_MOST; round++) {
        play(thread, round);
        orr_poll(thread);
        if (round % COLLECT_EVERY == COLLECT_EVERY - 1)
            orr_gc_collect(thread, (int)(round / COLLECT_EVERY % ORR_GENERATIONS), NULL, NULL);
    }
    stage_await_blocked(thread, &stage.is_over, 1);
}

/* --- the performance ------------------------------------------------------------------------------ */

static void
note_failure(void *context, const char *where, const char *message)
{
    (void)context;
    cr_assert(where && message[0]);
    orr_add_relaxed(&stage.failed, 1);
}

static void
open_stage(const struct orr_heap_options *chosen, enum way way, uint32_t threads)
{
    const struct orr_type *const types[] = {&creature_type, &creature_first_type,
                                            &creature_green_type, &mourner_type};
    struct orr_heap_options options = *chosen;
    struct orr_error error;
    options.listener.failed = note_failure;
    if (stage_prepare)
        stage_prepare(&options);
    stage = (struct stage){.way = way, .threads = threads};
    stage.world = world_open(&options);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        cr_assert_eq(orr_type_register(types[i], &error), ORR_OK, "%s", error.message);
    for (uint32_t i = 0; i < KEEPS; i++) {
        orr_root_add(stage.world.heap, &stage.keep[i]);
        orr_root_add(stage.world.heap, &stage.weaks[i]);
    }
}

static void
close_stage(void)
{
    struct orr_thread *const thread = stage.world.thread;
    stage.on_finalize = stage.on_destroy = NULL;
    for (uint32_t i = 0; i < KEEPS; i++) {
        root_put(thread, &stage.keep[i], NULL);
        root_put(thread, &stage.weaks[i], NULL);
    }
    orr_settle(thread);
    orr_settle(thread); /* what finalizers left behind */
    for (uint32_t i = 0; i < KEEPS; i++) {
        orr_root_remove(stage.world.heap, &stage.keep[i]);
        orr_root_remove(stage.world.heap, &stage.weaks[i]);
    }
    if (is_complete(stage.world.heap->collector)) {
        cr_assert_eq(orr_load_acquire(&stage.destroyed), orr_load_acquire(&stage.born),
                     "%s: %u of %u creatures destroyed", world_name(&stage.world),
                     orr_load_acquire(&stage.destroyed), orr_load_acquire(&stage.born));
        cr_assert_eq(world_live(&stage.world), stage.immortals, "%s: %lu objects live",
                     world_name(&stage.world), (unsigned long)world_live(&stage.world));
    }
    world_close(&stage.world);
}

static struct {
    const struct orr_collector *collector;
    void (*story)(void);
    bool ways[WAYS];
    uint32_t threads;
} programme;

static void
perform(const struct orr_heap_options *options)
{
    for (uint32_t threads = 1; threads <= 1 + EXTRAS; threads += EXTRAS)
        for (unsigned way = 0; way < WAYS; way++) {
            struct helper extras[EXTRAS];
            if (!programme.ways[way] || (programme.threads && programme.threads != threads) ||
                (way == BY_COLLECTION && !is_complete(options->collector)) ||
                (threads > 1 && !world_applies(options->collector, options->kind, threads)))
                continue;
            open_stage(options, (enum way)way, threads);
            for (uint32_t i = 1; i < threads; i++)
                helper_start(&extras[i - 1], stage_extra);
            programme.story();
            stage_announce(&stage.is_over);
            for (uint32_t i = 1; i < threads; i++)
                helper_join(&extras[i - 1], stage.world.thread);
            close_stage();
        }
}

void
stage_each(const struct orr_collector *collector, void (*story)(void), bool by_release,
           bool by_collection, uint32_t threads)
{
    programme.collector = collector;
    programme.story = story;
    programme.ways[BY_RELEASE] = by_release;
    programme.ways[BY_COLLECTION] = by_collection;
    programme.threads = threads;
    if (!by_release && !is_complete(collector))
        cr_skip_test("not applicable: %s leaves cycles alone", collector->name);
    for_main_heaps(collector, threads ? threads : 1, perform);
}
