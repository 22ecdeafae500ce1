/* rules_threads.c - rules 62 to 66: deep structures, finalizers that block, and who runs what where. */
#include "tests/conformance/rules/scene.h"

/* --- 62 --------------------------------------------------------------------------------------------- */

enum {
    DEEP = UNDER_SANITIZER ? 20000 : 1000000,      /* all threads together */
    STACK = UNDER_SANITIZER ? 256 << 10 : 64 << 10 /* sanitizers keep their own things on it */
};

/* What an object of a deep structure does to the next one. */
enum way { LINKED, CUT_IN_FINALIZE, CUT_IN_DESTROY, CUT_IN_CALLBACK };

struct tally {
    _Atomic(uint32_t) finalized, destroyed, called;
    struct orr_root first, weaks; /* the structure; an array of weak references to its members */
};

struct link {
    struct orr_object header;
    struct orr_slot next;
    struct tally *tally;
    uint64_t way;
};

static void
end_link(struct orr_thread *thread, struct orr_object *object, enum way way)
{
    if (((struct link *)object)->way == (uint64_t)way)
        orr_set(thread, object, 0, NULL);
}

static void
finalize_link(struct orr_thread *thread, struct orr_object *object)
{
    orr_add_relaxed(&((struct link *)object)->tally->finalized, 1); /* relaxed, both: counts */
    end_link(thread, object, CUT_IN_FINALIZE);
}

static void
destroy_link(struct orr_thread *thread, struct orr_object *object)
{
    orr_add_relaxed(&((struct link *)object)->tally->destroyed, 1);
    end_link(thread, object, CUT_IN_DESTROY);
}

static uint16_t index_link;
static const struct orr_type link_type = {.name = "link",
                                          .bytes = sizeof(struct link),
                                          .references = 1,
                                          .finalize = finalize_link,
                                          .destroy = destroy_link,
                                          .index = &index_link};

/* The context is a holder of the next object but one: letting it go kills that one in here. */
static void
call_link(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    struct tally *const tally = argument;
    struct orr_object *const holder = orr_slot_peek(&((struct orr_weak *)weak)->context);
    orr_add_relaxed(&tally->called, 1); /* relaxed: a count */
    orr_set(thread, holder, 0, NULL);
}

static struct orr_object *
new_link(struct orr_thread *thread, struct tally *tally, enum way way)
{
    struct orr_object *const object = rule_new(thread, &link_type);
    ((struct link *)object)->tally = tally;
    ((struct link *)object)->way = way;
    return object;
}

/* `count` links, each referring to the one before; the newest in tally->first. */
static void
make_chain(struct orr_thread *thread, struct tally *tally, uint32_t count, enum way way,
           bool closed)
{
    ORR_OWN(thread, oldest, new_link(thread, tally, way));
    ORR_OWN(thread, newest, orr_get_slot(thread, &oldest.slot));
    for (uint32_t i = 1; i < count; i++) {
        ORR_OWN(thread, link, new_link(thread, tally, way));
        orr_init(thread, link.ref, 0, orr_take(&newest));
        orr_own_set(&newest, orr_take(&link));
    }
    if (closed)
        orr_set(thread, oldest.ref, 0, newest.ref);
    rule_root_put(thread, &tally->first, orr_take(&newest));
}

/* Each link is held by a node alone, and each link's callback empties the node that holds the one before. */
static void
make_chain_of_callbacks(struct orr_thread *thread, struct tally *tally, uint32_t count)
{
    ORR_OWN(thread, weaks, orr_new_array(thread, &rule_type_array, count, 0));
    ORR_OWN(thread, holder, rule_new(thread, &rule_type_node));
    RULE_CHECK(weaks.ref);
    for (uint32_t i = 0; i < count; i++) {
        ORR_OWN(thread, link, new_link(thread, tally, LINKED));
        ORR_OWN(thread, weak, orr_weak_new(thread, link.ref, call_link, tally, holder.ref));
        RULE_CHECK(weak.ref);
        orr_init_slot(thread, weaks.ref, orr_element(weaks.ref, i), orr_take(&weak));
        orr_own_set(&holder, rule_new(thread, &rule_type_node));
        orr_set(thread, holder.ref, 0, link.ref);
    }
    rule_root_put(thread, &tally->weaks, orr_take(&weaks));
    rule_root_put(thread, &tally->first, orr_take(&holder));
}

static void
let_all_die(struct orr_thread *thread, struct tally *tally, uint32_t count, bool by_collection)
{
    rule_root_put(thread, &tally->first, NULL);
    if (by_collection)
        scene_sweep(thread);
    else
        scene_let_die(thread);
    RULE_EQUAL(orr_load_relaxed(&tally->finalized), count); /* relaxed, all: quiet */
    RULE_EQUAL(orr_load_relaxed(&tally->destroyed), count);
    orr_store_relaxed(&tally->finalized, 0);
    orr_store_relaxed(&tally->destroyed, 0);
}

static void
die_deep(struct orr_thread *thread, uint32_t count)
{
    const bool collects = thread->heap->collector->collect != NULL;
    struct tally tally = {0};
    orr_root_add(thread->heap, &tally.first);
    orr_root_add(thread->heap, &tally.weaks);
    make_chain(thread, &tally, count, LINKED, false);
    let_all_die(thread, &tally, count, false);
    for (uint32_t way = CUT_IN_FINALIZE; way <= CUT_IN_DESTROY; way++) {
        make_chain(thread, &tally, count / 4, (enum way)way, false);
        let_all_die(thread, &tally, count / 4, false);
    }
    for (uint32_t way = LINKED; collects && way <= CUT_IN_DESTROY; way++) {
        make_chain(thread, &tally, count / 4, (enum way)way, true);
        let_all_die(thread, &tally, count / 4, true);
    }
    if (ORR_COUNTED) { /* where a callback kills the next at once */
        make_chain_of_callbacks(thread, &tally, count / 8);
        let_all_die(thread, &tally, count / 8, false);
        RULE_EQUAL(orr_load_relaxed(&tally.called), count / 8); /* relaxed: quiet */
        rule_root_put(thread, &tally.weaks, NULL);
    }
    orr_root_remove(thread->heap, &tally.first);
    orr_root_remove(thread->heap, &tally.weaks);
}

struct diver {
    struct orr_os_thread thread;
    struct orr_heap *heap;
    uint32_t count;
    bool is_back;
};

static void *
dive(void *argument)
{
    struct diver *const diver = argument;
    struct orr_error error;
    struct orr_thread *thread;
    RULE_EQUAL(orr_thread_attach(diver->heap, &thread, &error), ORR_OK);
    die_deep(thread, diver->count);
    orr_thread_detach(thread);
    diver->is_back = true;
    return NULL;
}

RULE(62, "structures of any depth are freed with a bounded stack, through finalizers, destroys and "
         "callbacks too")
{
    struct diver divers[RULE_CREW];
    struct orr_heap_options options = rule_options(rule);
    struct orr_heap *heap;
    struct orr_error error;
    options.verify = false; /* walks of a million objects would be all we time */
    rule_close(rule);
    RULE_EQUAL(orr_type_register(&link_type, NULL), ORR_OK);
    RULE_EQUAL(orr_heap_create(&options, &heap, &error), ORR_OK);
    for (uint32_t i = 0; i < rule->threads; i++) {
        divers[i] = (struct diver){.heap = heap, .count = DEEP / rule->threads};
        RULE_CHECK(orr_os_thread_start(&divers[i].thread, dive, &divers[i], STACK));
    }
    for (uint32_t i = 0; i < rule->threads; i++) {
        orr_os_thread_join(&divers[i].thread);
        RULE_CHECK(divers[i].is_back);
    }
    orr_heap_destroy(heap);
}

/* --- 63 --------------------------------------------------------------------------------------------- */

enum { CHAIN = UNDER_SANITIZER ? 300 : 3000, CHAINS = 12, BLOCK_EVERY = 100 };

struct crowd {
    struct orr_root stalls[3]; /* chains that anybody may take and drop */
    _Atomic(uint32_t) made, finalized, destroyed;
};

static struct crowd crowd;

struct bead {
    struct orr_object header;
    struct orr_slot next;
    uint64_t number;
};

static void
finalize_bead(struct orr_thread *thread, struct orr_object *object)
{
    orr_add_relaxed(&crowd.finalized, 1); /* relaxed, all of this rule: counts */
    if (((struct bead *)object)->number % BLOCK_EVERY)
        return;
    orr_block_enter(thread);
    orr_sleep_ns(10000);
    orr_block_leave(thread);
}

static void
destroy_bead(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
    orr_add_relaxed(&crowd.destroyed, 1);
}

static uint16_t index_bead;
static const struct orr_type bead_type = {.name = "bead",
                                          .bytes = sizeof(struct bead),
                                          .references = 1,
                                          .finalize = finalize_bead,
                                          .destroy = destroy_bead,
                                          .index = &index_bead};

static struct orr_object *
make_beads(struct orr_thread *thread, bool closed)
{
    ORR_OWN(thread, oldest, rule_new(thread, &bead_type));
    ORR_OWN(thread, newest, orr_get_slot(thread, &oldest.slot));
    for (uint32_t i = 1; i < CHAIN; i++) {
        ORR_OWN(thread, bead, rule_new(thread, &bead_type));
        ((struct bead *)bead.ref)->number = i;
        orr_init(thread, bead.ref, 0, orr_take(&newest));
        orr_own_set(&newest, orr_take(&bead));
    }
    if (closed)
        orr_set(thread, oldest.ref, 0, newest.ref);
    orr_add_relaxed(&crowd.made, CHAIN);
    return orr_take(&newest);
}

static void
make_and_drop_beads(struct orr_thread *thread, uint32_t index, void *argument)
{
    const bool collects = thread->heap->collector->collect != NULL;
    (void)argument;
    for (uint32_t i = 0; i < CHAINS; i++) {
        struct orr_root *const stall = &crowd.stalls[(index + i) % 3];
        rule_root_put(thread, stall, make_beads(thread, collects && i % 4 == 3));
        if (collects && i % 4 == index % 4)
            orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
        orr_poll(thread);
    }
}

RULE(63,
     "threads that drop deep structures with blocking finalizers finalize all that was made, once")
{
    RULE_EQUAL(orr_type_register(&bead_type, NULL), ORR_OK);
    crowd = (struct crowd){0};
    for (uint32_t i = 0; i < 3; i++)
        orr_root_add(rule->heap, &crowd.stalls[i]);
    rule_crew(rule, make_and_drop_beads, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        rule_root_put(rule->thread, &crowd.stalls[i], NULL);
        orr_root_remove(rule->heap, &crowd.stalls[i]);
    }
    rule_settle(rule);
    RULE_EQUAL(orr_load_relaxed(&crowd.made), rule->threads * CHAINS * CHAIN);
    RULE_EQUAL(orr_load_relaxed(&crowd.finalized), orr_load_relaxed(&crowd.made));
    RULE_EQUAL(orr_load_relaxed(&crowd.destroyed), orr_load_relaxed(&crowd.made));
    RULE_EQUAL(rule_live(rule), 0);
}

/* --- 64 --------------------------------------------------------------------------------------------- */

static _Thread_local struct orr_thread
    *here;                               /* the attached thread that runs on this system thread */
static _Atomic(uint32_t) ticks, is_over; /* others run; they need not any more */

static void
expect_world_running(struct orr_thread *thread)
{
    RULE_CHECK(thread == here);
    RULE_CHECK(!orr_world_is_stopped(thread->heap));
    RULE_EQUAL(orr_load_relaxed(&thread->state), ORR_THREAD_RUNNING); /* relaxed: our own */
    orr_world_stop(thread->heap, thread); /* waits for ever inside another stop */
    RULE_CHECK(orr_world_is_stopped(thread->heap));
    orr_world_resume(thread->heap);
    ORR_OWN(thread, fresh, rule_new(thread, &rule_type_node));
    orr_block_enter(thread);
    orr_yield();
    orr_block_leave(thread);
}

static void
run_in_finalize(struct orr_thread *thread, struct actor *actor)
{
    (void)actor;
    expect_world_running(thread);
}

static void
run_in_callback(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak, (void)cue;
    expect_world_running(thread);
}

static void
die_in_the_open(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    here = thread;
    scene->on_finalize = run_in_finalize;
    scene->on_destroy = run_in_finalize;
    scene->on_call = run_in_callback;
    {
        ORR_OWN(thread, lone, actor_new(thread, scene, &actor_type, 0));
        scene_weak(thread, scene, 0, lone.ref, true);
    }
    scene_let_die(thread);
    if (thread->heap->collector->collect) {
        {
            ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 1, 3));
            scene_weak(thread, scene, 1, ring.ref, true);
        }
        scene_sweep(thread);
        RULE_EQUAL(scene_count(scene, FINALIZED), 4);
        RULE_EQUAL(scene_count(scene, CALLED), 2);
    }
    scene_close(thread, scene);
}

/* Others go on meanwhile, whatever they are at. */
static void
wait_for_ticks(struct orr_thread *thread, struct actor *actor)
{
    const uint32_t since = orr_load_acquire(&ticks);
    (void)actor;
    while (orr_load_acquire(&ticks) - since < 20)
        orr_poll(thread);
}

/* Roles: the first finalizes and waits for the others, who allocate and drop. */
static void
tick_while_one_finalizes(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)argument;
    if (index != 0) {
        while (orr_load_acquire(&is_over) == 0) {
            orr_release(thread, rule_new(thread, &rule_type_node));
            orr_add_acq_rel(&ticks, 1);
            orr_poll(thread);
        }
        return;
    }
    struct scene *const scene = scene_open(thread);
    scene->on_finalize = wait_for_ticks;
    orr_release(thread, actor_new(thread, scene, &actor_type, 0));
    scene_let_die(thread);
    if (thread->heap->collector->collect) {
        scene_ring(thread, scene, &actor_type, 1, 2);
        scene_sweep(thread);
    }
    RULE_EQUAL(scene_count(scene, FINALIZED), thread->heap->collector->collect ? 3 : 1);
    orr_store_release(&is_over, 1);
    scene_close(thread, scene);
}

RULE(64, "finalizers and callbacks run on an attached thread, with the world running")
{
    rule_crew(rule, die_in_the_open, NULL);
    if (rule->threads == 1)
        return;
    orr_store_relaxed(&is_over, 0); /* relaxed: the crew does not exist yet */
    rule_crew(rule, tick_while_one_finalizes, NULL);
}

/* --- 65 --------------------------------------------------------------------------------------------- */

static void
read_collections(struct rule *rule, uint64_t collections[ORR_GENERATIONS])
{
    struct orr_gc_stats stats;
    for (int i = 0; i < ORR_GENERATIONS; i++) {
        RULE_EQUAL(orr_gc_stats(rule->heap, i, &stats, NULL), ORR_OK);
        collections[i] = stats.collections;
    }
}

static void
refuse_generations(struct rule *rule)
{
    const int wrong[] = {-2, -1, ORR_GENERATIONS, 1000};
    struct orr_error error = {0};
    struct orr_object **list;
    struct orr_gc_stats stats;
    uint64_t count;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct orr_gc_result result = {.number = 99};
        RULE_EQUAL(orr_gc_collect(rule->thread, wrong[i], &result, &error), ORR_BAD_INPUT);
        RULE_CHECK(error.message[0]);
        RULE_EQUAL(orr_gc_stats(rule->heap, wrong[i], &stats, &error), ORR_BAD_INPUT);
        if (wrong[i] != ORR_GENERATION_ANY)
            RULE_EQUAL(orr_objects(rule->thread, wrong[i], &list, &count, &error), ORR_BAD_INPUT);
    }
}

/* A ring that has survived collections of everything is found by one of the youngest. */
static void
collect_old_as_young(struct rule *rule, int generation)
{
    uint64_t before[ORR_GENERATIONS], after[ORR_GENERATIONS], found = 0;
    {
        ORR_OWN(rule->thread, ring, rule_new_ring(rule->thread, &rule_type_loud, 3));
        for (uint32_t i = 0; i < 3; i++)
            RULE_EQUAL(rule_collect(rule), 0);
    }
    read_collections(rule, before);
    for (uint32_t i = 0; i < rule->collector->completeness; i++) {
        struct orr_gc_result result;
        RULE_EQUAL(orr_gc_collect(rule->thread, generation, &result, NULL), ORR_OK);
        found += result.unreachable;
    }
    RULE_EQUAL(found, 3);
    read_collections(rule, after);
    for (int i = 0; i < ORR_GENERATIONS; i++)
        RULE_EQUAL(after[i] - before[i], i == generation ? rule->collector->completeness : 0);
}

static void
collect_some_generation(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)argument;
    for (uint32_t i = 0; i < 6; i++) {
        scene_ring(thread, scene, &actor_type, 0, 2);
        for (uint32_t k = 0; k < thread->heap->collector->completeness; k++) {
            struct orr_gc_result result = {0};
            while (result.number == 0) {
                RULE_EQUAL(orr_gc_collect_wait(thread, (int)((index + i) % ORR_GENERATIONS),
                                               &result, NULL),
                           ORR_OK);
                orr_poll(thread);
            }
        }
        RULE_EQUAL(scene_count(scene, DESTROYED), 2 * (i + 1));
    }
    scene_close(thread, scene);
}

RULE(65, "where generations are not kept apart, each number is valid, and means everything")
{
    rule_needs_collector(rule);
    if (rule->collector->generational)
        rule_not_applicable(rule, "keeps generations apart");
    refuse_generations(rule);
    for (int i = 0; i < ORR_GENERATIONS; i++)
        collect_old_as_young(rule, i);
    rule_crew(rule, collect_some_generation, NULL);
    ORR_OWN(rule->thread, ring, rule_new_ring(rule->thread, &rule_type_node, 5));
    for (int i = ORR_GENERATION_ANY; i < ORR_GENERATIONS; i++) {
        struct orr_object **list;
        uint64_t count;
        RULE_EQUAL(orr_objects(rule->thread, i, &list, &count, NULL), ORR_OK);
        RULE_EQUAL(count, 5);
        RULE_EQUAL(rule_listed(list, count, ring.ref), 1);
        orr_objects_free(rule->thread, list, count);
        RULE_EQUAL(rule_collect(rule), 0);
    }
}

/* --- 66 --------------------------------------------------------------------------------------------- */

static void
raise_on_the_way(struct orr_thread *thread, struct actor *actor)
{
    (void)actor;
    orr_raise(thread, ORR_BAD_INPUT, "from a finalizer");
}

static void
expect_as_before(struct orr_thread *thread, const char *message, const struct orr_own *locals)
{
    const struct orr_error *const error = orr_raised(thread);
    RULE_CHECK(error && error->status == ORR_OUT_OF_MEMORY);
    RULE_CHECK(strcmp(error->message, message) == 0);
    RULE_EQUAL(orr_load_relaxed(&thread->state), ORR_THREAD_RUNNING); /* relaxed: our own */
    RULE_CHECK(!thread->collecting);
    RULE_CHECK(thread->locals == locals);
    RULE_CHECK(!orr_world_is_stopped(thread->heap));
}

static void
collect_anywhere(struct orr_thread *thread, uint32_t index, void *argument)
{
    char message[50];
    struct scene *const scene = scene_open(thread);
    (void)argument;
    scene->on_finalize = raise_on_the_way;
    snprintf(message, sizeof message, "carried by %u", index);
    orr_raise(thread, ORR_OUT_OF_MEMORY, "%s", message);
    const bool collects = thread->heap->collector->collect != NULL;
    const struct orr_own *const locals = thread->locals;
    for (uint32_t i = 0; i < 4; i++) {
        if (collects)
            scene_ring(thread, scene, &actor_type, 0, 3);
        RULE_EQUAL(orr_gc_collect(thread, i % ORR_GENERATIONS, NULL, NULL), ORR_OK);
        expect_as_before(thread, message, locals);
        RULE_EQUAL(orr_gc_collect_if_enabled(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
        expect_as_before(thread, message, locals);
        RULE_EQUAL(orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
        expect_as_before(thread, message, locals);
        RULE_EQUAL(orr_gc_collect(thread, -1, NULL, NULL), ORR_BAD_INPUT);
        expect_as_before(thread, message, locals);
    }
    if (collects)
        scene_sweep(thread);
    expect_as_before(thread, message, locals);
    RULE_EQUAL(scene_count(scene, DESTROYED), collects ? 12 : 0);
    orr_raise_clear(thread);
    scene_close(thread, scene);
}

RULE(66,
     "any attached thread may ask for a collection, and finds its error and its state as they were")
{
    rule_crew(rule, collect_anywhere, NULL);
    RULE_EQUAL(rule->failed.count, rule_found(rule, 12 * rule->threads));
}
