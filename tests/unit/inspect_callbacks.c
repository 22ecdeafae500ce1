/* inspect_callbacks.c - runtime/inspect from finalizers, destroy callbacks and callbacks of weak references, while a
 * collection is under way here or on another thread, and beside mutators that run.
 */
#include "tests/unit/inspect_scene.h"

#include "runtime/gc.h"
#include "runtime/heap_file.h"

#include <unistd.h>

/* A node whose callbacks look around; `neighbour` is what its slot 0 holds in the tests below. */
static void finalize_looker(struct orr_thread *thread, struct orr_object *object);
static void destroy_looker(struct orr_thread *thread, struct orr_object *object);

static uint16_t finalized_index, destroyed_index;
static const struct orr_type finalized_type = {.name = "finalized",
                                               .bytes = sizeof(struct node),
                                               .references = NODE_SLOTS,
                                               .finalize = finalize_looker,
                                               .index = &finalized_index};
static const struct orr_type destroyed_type = {.name = "destroyed",
                                               .bytes = sizeof(struct node),
                                               .references = NODE_SLOTS,
                                               .destroy = destroy_looker,
                                               .index = &destroyed_index};

static _Atomic(uint32_t) looks;
static char dump_path[64];

static bool
is_listed(struct orr_object *const *list, uint64_t count, const struct orr_object *object)
{
    for (uint64_t i = 0; i < count; i++)
        if (list[i] == object)
            return true;
    return false;
}

static bool
is_not(struct orr_object *object, void *hidden)
{
    cr_assert_neq(object, hidden, "a visit shows what is dying");
    return true;
}

/* All that inspect.h has; `hidden` is in none of it. */
static void
look_around(struct orr_thread *thread, struct orr_object *hidden)
{
    struct orr_object **list;
    struct orr_type_row *types;
    struct orr_cycle_row *cycles;
    struct orr_path_step *steps;
    enum orr_hold hold;
    uint64_t count;
    cr_assert_eq(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    cr_assert(!is_listed(list, count, hidden));
    orr_objects_free(thread, list, count);
    cr_assert_eq(orr_referrers(thread, hidden, &list, &count, NULL), ORR_OK);
    cr_assert_eq(count, 0, "the dying are referred to by the dying alone");
    orr_objects_free(thread, list, count);
    cr_assert_eq(orr_visit_all(thread, is_not, hidden, NULL), ORR_OK);
    cr_assert_eq(orr_type_histogram(thread, &types, &count, NULL), ORR_OK);
    orr_rows_free(types);
    cr_assert_eq(orr_cycle_report(thread, &cycles, &count, NULL), ORR_OK);
    orr_rows_free(cycles);
    cr_assert_eq(orr_why_alive(thread, hidden, &hold, &steps, &count, NULL), ORR_OK);
    cr_assert(steps == NULL && count == 0);
    orr_path_free(thread, steps, count);
    if (dump_path[0])
        cr_assert_eq(orr_heap_dump(thread, dump_path, NULL), ORR_OK);
    orr_add_relaxed(&looks, 1);
}

static void
finalize_looker(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_object **list, *neighbour = orr_slot_peek(orr_field(object, 0));
    uint64_t count;
    cr_assert(orr_is_finalized(object));
    cr_assert_eq(orr_referents(thread, object, &list, &count, NULL), ORR_OK);
    cr_assert(count == (neighbour != NULL) && (!neighbour || list[0] == neighbour),
              "a finalizer sees its neighbours");
    orr_objects_free(thread, list, count);
    look_around(thread, object);
}

static void
destroy_looker(struct orr_thread *thread, struct orr_object *object)
{
    look_around(thread, object);
}

/* A root over a living ring and a green object, so that there is something to see. */
static void
furnish(struct scene *scene)
{
    cr_assert_eq(orr_type_register(&finalized_type, NULL), ORR_OK);
    cr_assert_eq(orr_type_register(&destroyed_type, NULL), ORR_OK);
    scene_root(scene, 0, scene_ring(scene, &node_type, 5, 0));
    scene_root(scene, 1, scene_new(scene, &green_type));
    orr_store_relaxed(&looks, 0);
    snprintf(dump_path, sizeof dump_path, "/tmp/orr_inspect_%ld.heap", (long)getpid());
}

static void
leave(struct scene *scene, uint32_t expected)
{
    scene_verify(scene, true);
    cr_assert_eq(orr_load_relaxed(&looks), expected, "%s: %u looks", scene->names,
                 orr_load_relaxed(&looks));
    unlink(dump_path);
}

/* --- on the thread that collects ------------------------------------------------------------------ */

static void
look_in_cycles(struct scene *scene)
{
    furnish(scene);
    scene_release(scene, scene_ring(scene, &finalized_type, 3, 0));
    scene_release(scene, scene_ring(scene, &destroyed_type, 2, 0));
    orr_collect(scene->thread, "test");
    cr_assert_eq(scene_live(scene), 6, "%s", scene->names);
    leave(scene, 5);
}

Test(inspect_callbacks, of_cycles_see_the_living_and_disturb_nothing)
{
    scene_each(look_in_cycles);
}

static void
look_at_last_release(struct scene *scene)
{
    if (!scene->heap->rc->counts)
        return;
    furnish(scene);
    scene_release(scene, scene_new(scene, &finalized_type));
    scene_release(scene, scene_new(scene, &destroyed_type));
    /* A chain: each dies in the cascade of the one before. */
    struct orr_object *chain = scene_new(scene, &finalized_type);
    for (uint32_t i = 0; i < 4; i++) {
        struct orr_object *next = scene_new(scene, i % 2 ? &finalized_type : &destroyed_type);
        scene_refer(scene, next, 0, chain);
        scene_release(scene, chain);
        chain = next;
    }
    scene_release(scene, chain);
    orr_poll(scene->thread);
    cr_assert_eq(scene_live(scene), 6, "%s", scene->names);
    leave(scene, 7);
}

Test(inspect_callbacks, of_last_releases_see_the_living_and_disturb_nothing)
{
    scene_each(look_at_last_release);
}

static void
look_at_weak(struct orr_thread *thread, struct orr_object *weak, void *scene)
{
    struct orr_object **list;
    uint64_t count;
    (void)scene;
    cr_assert_eq(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    for (uint64_t i = 0; i < count; i++)
        cr_assert(orr_type_of(list[i]) != &other_type, "the referent is dying");
    cr_assert_eq(is_listed(list, count, weak), orr_is_tracked(weak));
    orr_objects_free(thread, list, count);
    orr_add_relaxed(&looks, 1);
}

static void
look_in_weak_callbacks(struct scene *scene)
{
    furnish(scene);
    for (uint32_t i = 0; i < 2; i++) {
        struct orr_object *ring = scene_ring(scene, &other_type, 2, 0);
        scene_root(scene, 2 + i, ring);
        scene_root(scene, 4 + i, orr_weak_new(scene->thread, ring, look_at_weak, scene, NULL));
        scene_root(scene, 2 + i, NULL);
    }
    orr_collect(scene->thread, "test");
    scene_root(scene, 4, NULL);
    scene_root(scene, 5, NULL);
    leave(scene, 2);
}

Test(inspect_callbacks, of_weak_references_see_the_living_and_disturb_nothing)
{
    scene_each(look_in_weak_callbacks);
}

/* --- a finalizer that is asked for more ------------------------------------------------------------ */

static struct orr_object **kept;
static uint64_t kept_count;

static void
keep_neighbours(struct orr_thread *thread, struct orr_object *object)
{
    if (!kept)
        cr_assert_eq(orr_referents(thread, object, &kept, &kept_count, NULL), ORR_OK);
}

static uint16_t keeper_index;
static const struct orr_type keeper_type = {.name = "keeper",
                                            .bytes = sizeof(struct node),
                                            .references = NODE_SLOTS,
                                            .finalize = keep_neighbours,
                                            .index = &keeper_index};

static void
resurrect(struct scene *scene)
{
    cr_assert_eq(orr_type_register(&keeper_type, NULL), ORR_OK);
    kept = NULL;
    scene_release(scene, scene_ring(scene, &keeper_type, 3, 0));
    orr_collect(scene->thread, "test");
    cr_assert_eq(scene_live(scene), 3, "%s: what a list holds was freed", scene->names);
    cr_assert(kept_count == 1 && orr_is_finalized(kept[0]));
    scene_verify(scene, false);
    orr_objects_free(scene->thread, kept, kept_count);
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 0);
}

Test(inspect_callbacks, referents_that_a_finalizer_keeps_live_on)
{
    scene_each(resurrect);
}

/* --- beside another thread ------------------------------------------------------------------------ */

static _Atomic(uint32_t) stage; /* 1: in the finalizer; 2: the other thread has looked */

static void
wait_for_stage(struct orr_thread *thread, uint32_t wanted)
{
    orr_block_enter(thread);
    while (orr_load_acquire(&stage) < wanted)
        orr_park(&stage, wanted - 1, 1000000);
    orr_block_leave(thread);
}

static void
reach_stage(uint32_t reached)
{
    orr_store_release(&stage, reached);
    orr_wake_all(&stage);
}

static struct orr_object *buried;

static void
finalize_slowly(struct orr_thread *thread, struct orr_object *object)
{
    buried = object;
    reach_stage(1);
    wait_for_stage(thread, 2);
}

static uint16_t slow_index;
static const struct orr_type slow_type = {.name = "slow",
                                          .bytes = sizeof(struct node),
                                          .references = NODE_SLOTS,
                                          .finalize = finalize_slowly,
                                          .index = &slow_index};

static void *
look_meanwhile(void *argument)
{
    struct scene *scene = argument;
    struct orr_thread *thread;
    cr_assert_eq(orr_thread_attach(scene->heap, &thread, NULL), ORR_OK);
    wait_for_stage(thread, 1);
    struct orr_object **list;
    uint64_t count;
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
        cr_assert_eq(count, 5, "%s: %llu", scene->names, (unsigned long long)count);
        cr_assert(!is_listed(list, count, buried));
        orr_objects_free(thread, list, count);
        cr_assert_eq(orr_visit_all(thread, is_not, buried, NULL), ORR_OK);
        struct orr_cycle_row *rows;
        cr_assert_eq(orr_cycle_report(thread, &rows, &count, NULL), ORR_OK);
        cr_assert_eq(count, 0, "claimed garbage is not reported again");
        cr_assert_eq(orr_heap_dump(thread, dump_path, NULL), ORR_OK);
    }
    orr_add_relaxed(&looks, 1);
    reach_stage(2);
    orr_thread_detach(thread);
    return NULL;
}

/* How the slow one dies: in a cycle, or of its last release. */
static void
look_beside(struct scene *scene, bool in_cycle)
{
    struct orr_os_thread other;
    if (scene->heap->rc->threads_max == 1 || (!in_cycle && !scene->heap->rc->counts))
        return;
    furnish(scene);
    cr_assert_eq(orr_type_register(&slow_type, NULL), ORR_OK);
    orr_store_relaxed(&stage, 0);
    cr_assert(orr_os_thread_start(&other, look_meanwhile, scene, 0));
    scene_release(scene,
                  in_cycle ? scene_ring(scene, &slow_type, 1, 0) : scene_new(scene, &slow_type));
    if (in_cycle)
        orr_collect(scene->thread, "test");
    orr_block_enter(scene->thread);
    orr_os_thread_join(&other);
    orr_block_leave(scene->thread);
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 6, "%s", scene->names);
    leave(scene, 1);
}

static void
look_beside_a_collection(struct scene *scene)
{
    look_beside(scene, true);
}

static void
look_beside_a_release(struct scene *scene)
{
    look_beside(scene, false);
}

Test(inspect_callbacks, another_thread_looks_while_a_collection_runs_finalizers, .timeout = 60)
{
    scene_each(look_beside_a_collection);
}

Test(inspect_callbacks, another_thread_looks_while_a_release_runs_a_finalizer, .timeout = 60)
{
    scene_each(look_beside_a_release);
}

/* --- beside mutators that run ----------------------------------------------------------------------- */

enum { MUTATIONS = 3000, LOOKS = 25 };

static _Atomic(uint32_t) mutators;

/* Rings come, are moved through a shared root, and go. Works under every strategy: what it holds lies in roots of
 * its own. */
static void *
mutate(void *argument)
{
    const struct scene *shared = argument;
    struct scene scene = {.heap = shared->heap, .names = shared->names};
    cr_assert_eq(orr_thread_attach(scene.heap, &scene.thread, NULL), ORR_OK);
    for (uint32_t i = 0; i < ROOTS; i++)
        orr_root_add(scene.heap, &scene.roots[i]);
    for (uint32_t i = 0; i < MUTATIONS; i++) {
        struct orr_object *first = scene_root(&scene, i % 4, scene_new(&scene, &node_type));
        struct orr_object *second = scene_root(&scene, 4, scene_new(&scene, &other_type));
        scene_refer(&scene, first, 0, second);
        scene_refer(&scene, second, i % 3, first);
        scene_refer(&scene, second, 1, orr_slot_peek(&scene.roots[(i + 1) % 4].slot));
        if (i % 500 == 499)
            orr_collect(scene.thread, "test");
        orr_poll(scene.thread);
    }
    for (uint32_t i = 0; i < ROOTS; i++) {
        scene_root(&scene, i, NULL);
        orr_root_remove(scene.heap, &scene.roots[i]);
    }
    orr_thread_detach(scene.thread);
    orr_sub_relaxed(&mutators, 1);
    return NULL;
}

static void
look_once(struct orr_thread *thread)
{
    struct orr_object **list;
    struct orr_cycle_row *rows;
    struct orr_path_step *steps;
    enum orr_hold hold;
    uint64_t count, length;
    cr_assert_eq(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    for (uint64_t i = 0; i < count && i < 5; i++) {
        cr_assert_eq(orr_why_alive(thread, list[i], &hold, &steps, &length, NULL), ORR_OK);
        orr_path_free(thread, steps, length);
    }
    orr_objects_free(thread, list, count);
    cr_assert_eq(orr_cycle_report(thread, &rows, &count, NULL), ORR_OK);
    orr_rows_free(rows);
    orr_poll(thread);
}

static void
look_beside_mutators(struct scene *scene)
{
    struct orr_os_thread threads[2];
    if (scene->heap->rc->threads_max == 1)
        return;
    orr_store_relaxed(&mutators, 2);
    for (uint32_t i = 0; i < 2; i++)
        cr_assert(orr_os_thread_start(&threads[i], mutate, scene, 0));
    for (uint32_t i = 0; i < LOOKS || orr_load_relaxed(&mutators) > 0; i++)
        look_once(scene->thread);
    orr_block_enter(scene->thread);
    for (uint32_t i = 0; i < 2; i++)
        orr_os_thread_join(&threads[i]);
    orr_block_leave(scene->thread);
}

Test(inspect_callbacks, mutators_and_their_collections_go_on_between_looks, .timeout = 120)
{
    scene_each(look_beside_mutators);
}

/* --- a collection within a birth ------------------------------------------------------------------ */

static void
ignore_death(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread, (void)weak, (void)argument;
}

/* Asks all weak references that there are. */
static void
ask_weak_references(struct orr_thread *thread, const struct orr_gc_event *event, void *asked)
{
    struct orr_object **list;
    uint64_t count;
    (void)event;
    cr_assert_eq(orr_objects(thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    for (uint64_t i = 0; i < count; i++)
        if (orr_is_weak(list[i])) {
            struct orr_object *referent = orr_weak_get_any(thread, list[i]);
            cr_assert(referent, "whoever is asked lives");
            thread->heap->rc->release(thread, referent);
            ++*(unsigned *)asked;
        }
    orr_objects_free(thread, list, count);
}

static void
bear_under_stress(struct scene *scene, unsigned *asked)
{
    struct orr_object *node = scene_root(scene, 0, scene_new(scene, &node_type));
    for (uint32_t i = 1; i <= 2; i++) /* with callbacks: each is one of its own */
        scene_root(scene, i, orr_weak_new(scene->thread, node, ignore_death, NULL, NULL));
    *asked = 0;
    scene_release(scene, scene_new(scene, &node_type)); /* a collection, at whose two ends both are asked */
    cr_assert_eq(*asked, 4);
}

Test(inspect_callbacks, a_weak_reference_is_not_shown_while_it_is_being_born)
{
    static const char *const pairs[][2] = {{"biased", "trial"}, {"atomic", "mark"}, {"tracing", "mark"}};
    unsigned asked = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct scene scene;
        scene_open(&scene, pairs[i][0], pairs[i][1], "blocks");
        scene.heap->options.stress_every = 1;
        struct orr_thread *calm = scene.thread;
        cr_assert_eq(orr_thread_attach(scene.heap, &scene.thread, NULL), ORR_OK); /* this one is stressed */
        orr_thread_detach(calm);
        cr_assert(orr_gc_callback_add(scene.heap, ask_weak_references, &asked));
        bear_under_stress(&scene, &asked);
        orr_gc_callback_remove(scene.heap, ask_weak_references, &asked);
        scene_close(&scene);
    }
}
