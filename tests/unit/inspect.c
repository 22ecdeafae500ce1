/* inspect.c - runtime/inspect: lists of objects, referrers, referents, visits, and the histogram. */
#include "tests/unit/inspect_scene.h"

#include "runtime/gc.h"

#include <signal.h>

static uint64_t
times_listed(struct orr_object *const *list, uint64_t count, const struct orr_object *object)
{
    uint64_t times = 0;
    for (uint64_t i = 0; i < count; i++)
        times += list[i] == object;
    return times;
}

static int64_t
counted_on(const struct scene *scene, const struct orr_object *object)
{
    return scene->heap->rc->counts ? orr_count_stopped(object) : 0;
}

/* --- one object ---------------------------------------------------------------------------------- */

static void
do_nothing(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
}

static uint16_t loud_index, loud_green_index;
static const struct orr_type loud_type = {.name = "loud",
                                          .bytes = sizeof(struct node),
                                          .references = NODE_SLOTS,
                                          .finalize = do_nothing,
                                          .index = &loud_index};
static const struct orr_type loud_green_type = {.name = "loud green",
                                                .bytes = sizeof(struct node),
                                                .flags = ORR_TYPE_ACYCLIC,
                                                .finalize = do_nothing,
                                                .index = &loud_green_index};

Test(inspect, an_object_is_tracked_unless_its_type_is_acyclic)
{
    struct scene scene;
    scene_open(&scene, "biased", "trial", "blocks");
    cr_assert(orr_is_tracked(scene_root(&scene, 0, scene_new(&scene, &node_type))));
    cr_assert(!orr_is_tracked(scene_root(&scene, 1, scene_new(&scene, &green_type))));
    scene_close(&scene);
}

Test(inspect, an_object_is_finalized_once_its_flag_says_so_and_its_type_has_a_finalizer)
{
    struct scene scene;
    struct orr_error error;
    scene_open(&scene, "biased", "trial", "blocks");
    cr_assert_eq(orr_type_register(&loud_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&loud_green_type, &error), ORR_OK);
    struct orr_object *loud = scene_root(&scene, 0, scene_new(&scene, &loud_type));
    struct orr_object *node = scene_root(&scene, 1, scene_new(&scene, &node_type));
    struct orr_object *green = scene_root(&scene, 2, scene_new(&scene, &loud_green_type));
    cr_assert(!orr_is_finalized(loud) && !orr_is_finalized(node) && !orr_is_finalized(green));
    orr_or_relaxed(&loud->flags, ORR_FLAG_FINALIZED);
    cr_assert(orr_is_finalized(loud));
    cr_assert(!orr_is_finalized(node));
    scene_close(&scene);
}

Test(inspect, an_object_is_frozen_by_its_colour)
{
    struct scene scene;
    scene_open(&scene, "biased", "trial", "blocks");
    struct orr_object *node = scene_root(&scene, 0, scene_new(&scene, &node_type));
    cr_assert(!orr_is_frozen(node));
    orr_gc_freeze(scene.thread);
    cr_assert(orr_is_frozen(node));
    orr_gc_unfreeze(scene.thread);
    cr_assert(!orr_is_frozen(node));
    scene_close(&scene);
}

/* --- objects ------------------------------------------------------------------------------------- */

static void
list_tracked(struct scene *scene)
{
    struct orr_object **list = NULL, *ring = scene_ring(scene, &node_type, 3, 1);
    uint64_t count = 99;
    scene_root(scene, 0, ring);
    struct orr_object *green = scene_root(scene, 1, scene_new(scene, &green_type));
    struct orr_object *big =
        scene_root(scene, 2, orr_new_array(scene->thread, &array_type, 2000, 9));
    const int64_t before = counted_on(scene, ring);
    cr_assert_eq(orr_objects(scene->thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    cr_assert_eq(count, 4, "%s: %llu", scene->names, (unsigned long long)count);
    cr_assert_eq(times_listed(list, count, green), 0);
    cr_assert_eq(times_listed(list, count, big), 1);
    for (struct orr_object *node = orr_slot_peek(orr_field(ring, 1)); node != ring;
         node = orr_slot_peek(orr_field(node, 1)))
        cr_assert_eq(times_listed(list, count, node), 1);
    cr_assert_eq(counted_on(scene, ring), before + scene->heap->rc->counts);
    scene_verify(scene, false);
    orr_objects_free(scene->thread, list, count);
    cr_assert_eq(counted_on(scene, ring), before);
    scene_verify(scene, true);
}

Test(inspect, objects_lists_each_tracked_object_once_with_a_reference)
{
    scene_each(list_tracked);
}

static void
outlive(struct scene *scene)
{
    struct orr_object **list;
    uint64_t count;
    scene_root(scene, 0, scene_ring(scene, &node_type, 5, 0));
    cr_assert_eq(orr_objects(scene->thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    scene_root(scene, 0, NULL);
    orr_collect(scene->thread, "test");
    cr_assert_eq(scene_live(scene), 5, "%s", scene->names);
    for (uint64_t i = 0; i < count; i++)
        cr_assert_eq(orr_type_of(list[i]), &node_type);
    orr_objects_free(scene->thread, list, count);
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 0, "%s", scene->names);
}

Test(inspect, what_a_list_names_outlives_everything_else_that_held_it)
{
    scene_each(outlive);
}

static void
list_nothing(struct scene *scene)
{
    struct orr_object *some, **list = &some;
    uint64_t count = 99;
    scene_root(scene, 0, scene_new(scene, &green_type));
    cr_assert_eq(orr_objects(scene->thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    cr_assert(list == NULL && count == 0);
    orr_objects_free(scene->thread, list, count);
}

Test(inspect, a_list_of_nothing_is_null)
{
    scene_each(list_nothing);
}

static void
list_the_rest_of_a_cascade(struct scene *scene)
{
    struct orr_object **list, *chain = scene_new(scene, &node_type);
    uint64_t count;
    if (!scene->heap->rc->counts)
        scene_root(scene, 0, chain);
    for (uint32_t i = 0; i < 40; i++) {
        struct orr_object *next = scene_new(scene, &node_type);
        scene_refer(scene, next, 0, chain);
        scene_release(scene, chain);
        chain = next;
    }
    scene->heap->options.release_slice = 3;
    scene_release(scene, chain);
    scene_root(scene, 0, NULL);
    cr_assert_eq(orr_objects(scene->thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    cr_assert_eq(count, scene->heap->rc->counts ? 0 : 41, "%s: %llu", scene->names,
                 (unsigned long long)count);
    orr_objects_free(scene->thread, list, count);
}

Test(inspect, what_waits_for_a_cascade_to_go_on_is_dead)
{
    scene_each(list_the_rest_of_a_cascade);
}

Test(inspect, a_generation_that_does_not_exist_is_refused)
{
    struct scene scene;
    struct orr_object *some, **list = &some;
    uint64_t count = 7;
    scene_open(&scene, "biased", "trial", "blocks");
    static const int bad[] = {-2, ORR_GENERATION_OLDEST + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        struct orr_error error = {.message = ""};
        cr_assert_eq(orr_objects(scene.thread, bad[i], &list, &count, &error), ORR_BAD_INPUT);
        cr_assert(error.status == ORR_BAD_INPUT && strstr(error.message, "generation"));
        cr_assert(list == &some && count == 7);
    }
    scene_close(&scene);
}

static uint64_t
objects_of(struct scene *scene, int generation)
{
    struct orr_object **list;
    uint64_t count;
    cr_assert_eq(orr_objects(scene->thread, generation, &list, &count, NULL), ORR_OK);
    orr_objects_free(scene->thread, list, count);
    return count;
}

static void
list_generations(struct scene *scene)
{
    const bool apart = scene->heap->collector->generational;
    struct orr_object *nodes[4];
    for (uint32_t i = 0; i < 4; i++)
        nodes[i] = scene_root(scene, i, scene_new(scene, &node_type));
    if (!apart) {
        for (int g = 0; g < ORR_GENERATIONS; g++)
            cr_assert_eq(objects_of(scene, g), 4, "%s", scene->names);
        return;
    }
    cr_assert_eq(objects_of(scene, 0), 4);
    cr_assert_eq(objects_of(scene, 1) + objects_of(scene, 2), 0);
    cr_assert_eq(orr_gc_collect(scene->thread, 0, NULL, NULL), ORR_OK);
    cr_assert_eq(objects_of(scene, 1), 4);
    scene_root(scene, 4, scene_new(scene, &node_type));
    cr_assert_eq(objects_of(scene, 0), 1);
    cr_assert_eq(objects_of(scene, ORR_GENERATION_ANY), 5);
    cr_assert(orr_gc_freeze(scene->thread));
    for (int g = 0; g < ORR_GENERATIONS; g++)
        cr_assert_eq(objects_of(scene, g), 0, "the frozen are in no generation");
    cr_assert_eq(objects_of(scene, ORR_GENERATION_ANY), 5);
    orr_gc_unfreeze(scene->thread);
    cr_assert_eq(objects_of(scene, 2), 5);
    cr_assert(orr_is_tracked(nodes[3]));
}

Test(inspect, a_generation_is_its_objects_where_they_are_kept_apart_and_all_elsewhere)
{
    scene_each(list_generations);
}

/* --- references ---------------------------------------------------------------------------------- */

static uint64_t
referrers_of(struct scene *scene, struct orr_object *object, const struct orr_object *a,
             const struct orr_object *b)
{
    struct orr_object **list;
    uint64_t count;
    cr_assert_eq(orr_referrers(scene->thread, object, &list, &count, NULL), ORR_OK);
    cr_assert(!a || times_listed(list, count, a) == 1, "%s", scene->names);
    cr_assert(!b || times_listed(list, count, b) == 1, "%s", scene->names);
    orr_objects_free(scene->thread, list, count);
    return count;
}

static void
find_referrers(struct scene *scene)
{
    struct orr_object *target = scene_root(scene, 0, scene_new(scene, &node_type));
    struct orr_object *twice = scene_root(scene, 1, scene_new(scene, &node_type));
    struct orr_object *green = scene_root(scene, 2, scene_new(scene, &green_type));
    struct orr_object *odd = scene_root(scene, 3, scene_new(scene, &odd_type));
    struct orr_object *array =
        scene_root(scene, 4, orr_new_array(scene->thread, &array_type, 3000, 0));
    scene_root(scene, 5, scene_new(scene, &node_type));
    cr_assert_eq(referrers_of(scene, target, NULL, NULL), 0);
    scene_refer(scene, twice, 0, target);
    scene_refer(scene, twice, 2, target);
    cr_assert_eq(referrers_of(scene, target, twice, NULL), 1);
    scene_refer(scene, green, 1, target);
    scene_refer(scene, target, 1, target);
    cr_assert_eq(referrers_of(scene, target, green, target), 3);
    scene_refer_slot(scene, &((struct odd *)odd)->slots[1], target);
    scene_refer_slot(scene, orr_element(array, 2999), target);
    cr_assert_eq(referrers_of(scene, target, odd, array), 5);
    cr_assert_eq(referrers_of(scene, green, NULL, NULL), 0);
    scene_verify(scene, true);
}

Test(inspect, referrers_are_found_once_each_whatever_their_layout)
{
    scene_each(find_referrers);
}

static void
expect_referents(struct scene *scene, struct orr_object *object, uint64_t expected,
                 struct orr_object *const *referents)
{
    struct orr_object **list;
    uint64_t count;
    cr_assert_eq(orr_referents(scene->thread, object, &list, &count, NULL), ORR_OK);
    cr_assert_eq(count, expected, "%s: %llu", scene->names, (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++)
        cr_assert_eq(list[i], referents[i], "%s", scene->names);
    orr_objects_free(scene->thread, list, count);
}

static void
find_referents(struct scene *scene)
{
    struct orr_object *a = scene_root(scene, 0, scene_new(scene, &node_type));
    struct orr_object *b = scene_root(scene, 1, scene_new(scene, &green_type));
    struct orr_object *odd = scene_root(scene, 2, scene_new(scene, &odd_type));
    struct orr_object *array =
        scene_root(scene, 3, orr_new_array(scene->thread, &array_type, 4, 3));
    expect_referents(scene, a, 0, NULL);
    scene_refer(scene, a, 0, b);
    scene_refer(scene, a, 2, b);
    expect_referents(scene, a, 2, (struct orr_object *[]){b, b});
    scene_refer(scene, a, 1, a);
    expect_referents(scene, a, 3, (struct orr_object *[]){b, a, b});
    scene_refer(scene, b, 0, odd);
    expect_referents(scene, b, 0, NULL);
    scene_refer_slot(scene, &((struct odd *)odd)->slots[1], a);
    expect_referents(scene, odd, 1, (struct orr_object *[]){a});
    scene_refer_slot(scene, orr_element(array, 1), a);
    scene_refer_slot(scene, orr_element(array, 3), odd);
    expect_referents(scene, array, 2, (struct orr_object *[]){a, odd});
    scene_refer(scene, b, 0, NULL);
}

Test(inspect, referents_are_the_traced_edges_in_order_and_none_of_the_untracked)
{
    scene_each(find_referents);
}

/* --- everything, by type ------------------------------------------------------------------------- */

struct visits {
    uint64_t objects, green, most;
};

static bool
count_visit(struct orr_object *object, void *argument)
{
    struct visits *visits = argument;
    visits->objects++;
    visits->green += !orr_is_tracked(object);
    return visits->objects < visits->most;
}

static void
visit_everything(struct scene *scene)
{
    struct visits visits = {.most = UINT64_MAX};
    scene_root(scene, 0, scene_ring(scene, &node_type, 3, 0));
    scene_root(scene, 1, scene_new(scene, &green_type));
    cr_assert(orr_gc_freeze(scene->thread), "%s", scene->names);
    scene_root(scene, 2, scene_new(scene, &node_type));
    cr_assert_eq(orr_visit_all(scene->thread, count_visit, &visits, NULL), ORR_OK);
    cr_assert(visits.objects == 5 && visits.green == 1, "%s", scene->names);
    visits = (struct visits){.most = 2};
    cr_assert_eq(orr_visit_all(scene->thread, count_visit, &visits, NULL), ORR_OK);
    cr_assert_eq(visits.objects, 2);
    orr_fail_allocation(1, true);
    cr_assert_eq(orr_visit_all(scene->thread, count_visit, &visits, NULL), ORR_OK);
    orr_fail_allocation(0, false);
    orr_gc_unfreeze(scene->thread);
}

Test(inspect, a_visit_shows_every_object_until_it_has_seen_enough)
{
    scene_each(visit_everything);
}

static void
count_types(struct scene *scene)
{
    struct orr_type_row *rows;
    uint64_t count;
    cr_assert_eq(orr_type_histogram(scene->thread, &rows, &count, NULL), ORR_OK);
    cr_assert_eq(count, 0);
    orr_rows_free(rows);
    for (uint32_t i = 0; i < 4; i++)
        scene_root(scene, i, scene_new(scene, i < 3 ? &node_type : &green_type));
    scene_root(scene, 4, orr_new_array(scene->thread, &array_type, 10, 500));
    cr_assert_eq(orr_type_histogram(scene->thread, &rows, &count, NULL), ORR_OK);
    cr_assert_eq(count, 3);
    cr_assert(rows[0].type == &array_type && rows[0].objects == 1);
    cr_assert_eq(rows[0].bytes, orr_array_bytes(10, 500));
    cr_assert(rows[1].type == &node_type && rows[1].objects == 3);
    cr_assert_eq(rows[1].bytes, 3 * sizeof(struct node));
    cr_assert(rows[2].type == &green_type && rows[2].objects == 1);
    orr_rows_free(rows);
    orr_rows_free(NULL);
}

Test(inspect, the_histogram_has_a_row_per_living_type_most_bytes_first)
{
    scene_each(count_types);
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void
expect_refusal(enum orr_status status, const struct orr_error *error)
{
    cr_assert_eq(status, ORR_NOT_APPLICABLE);
    cr_assert_eq(error->status, ORR_NOT_APPLICABLE);
    cr_assert(strstr(error->message, "mimalloc"), "%s", error->message);
}

Test(inspect, a_heap_that_cannot_be_walked_shows_referents_and_nothing_else)
{
    struct scene scene;
    struct orr_object **list;
    struct orr_type_row *types;
    struct orr_cycle_row *cycles;
    struct orr_path_step *steps;
    enum orr_hold hold;
    uint64_t count;
    scene_open(&scene, "biased", "none", "mimalloc");
    struct orr_object *node = scene_root(&scene, 0, scene_new(&scene, &node_type));
    struct orr_error e = {.message = ""};
    struct visits visits = {.most = UINT64_MAX};
    expect_refusal(orr_objects(scene.thread, ORR_GENERATION_ANY, &list, &count, &e), &e);
    expect_refusal(orr_referrers(scene.thread, node, &list, &count, &e), &e);
    expect_refusal(orr_visit_all(scene.thread, count_visit, &visits, &e), &e);
    expect_refusal(orr_type_histogram(scene.thread, &types, &count, &e), &e);
    expect_refusal(orr_cycle_report(scene.thread, &cycles, &count, &e), &e);
    expect_refusal(orr_cycle_print(scene.thread, stderr, &e), &e);
    expect_refusal(orr_why_alive(scene.thread, node, &hold, &steps, &count, &e), &e);
    expect_refusal(orr_heap_dump(scene.thread, "/dev/null", &e), &e);
    cr_assert_eq(visits.objects, 0);
    scene_refer(&scene, node, 0, node);
    expect_referents(&scene, node, 1, (struct orr_object *[]){node});
    scene_refer(&scene, node, 0, NULL);
    scene_close(&scene);
}

static enum orr_status
work_objects(struct scene *scene, struct orr_error *error)
{
    struct orr_object **list;
    uint64_t count;
    enum orr_status status = orr_objects(scene->thread, ORR_GENERATION_ANY, &list, &count, error);
    if (status == ORR_OK)
        orr_objects_free(scene->thread, list, count);
    return status;
}

static enum orr_status
work_referrers(struct scene *scene, struct orr_error *error)
{
    struct orr_object **list, *object = orr_slot_peek(&scene->roots[0].slot);
    uint64_t count;
    enum orr_status status = orr_referrers(scene->thread, object, &list, &count, error);
    if (status == ORR_OK)
        orr_objects_free(scene->thread, list, count);
    return status;
}

static enum orr_status
work_referents(struct scene *scene, struct orr_error *error)
{
    struct orr_object **list, *object = orr_slot_peek(&scene->roots[0].slot);
    uint64_t count;
    enum orr_status status = orr_referents(scene->thread, object, &list, &count, error);
    if (status == ORR_OK)
        orr_objects_free(scene->thread, list, count);
    return status;
}

static enum orr_status
work_histogram(struct scene *scene, struct orr_error *error)
{
    struct orr_type_row *rows;
    uint64_t count;
    enum orr_status status = orr_type_histogram(scene->thread, &rows, &count, error);
    if (status == ORR_OK)
        orr_rows_free(rows);
    return status;
}

static void
refuse_memory(struct scene *scene)
{
    scene_root(scene, 0,
               scene_ring(scene, &node_type, 2500, 0)); /* more than two chunks of a buffer */
    cr_assert_geq(scene_refuse_each(scene, work_objects), 4);
    cr_assert_geq(scene_refuse_each(scene, work_referrers), 2);
    cr_assert_geq(scene_refuse_each(scene, work_referents), 2);
    cr_assert_geq(scene_refuse_each(scene, work_histogram), 1);
}

Test(inspect, without_memory_nothing_is_held_and_nothing_is_lost)
{
    scene_each(refuse_memory);
}

Test(inspect, whoever_has_stopped_the_world_is_told_so, .signal = SIGABRT)
{
    struct scene scene;
    struct orr_object **list;
    uint64_t count;
    scene_open(&scene, "biased", "trial", "blocks");
    orr_world_stop(scene.heap, scene.thread);
    orr_objects(scene.thread, ORR_GENERATION_ANY, &list, &count, NULL);
}

Test(inspect, a_list_that_is_freed_with_another_length_aborts, .signal = SIGABRT)
{
    struct scene scene;
    struct orr_object **list;
    uint64_t count;
    scene_open(&scene, "biased", "trial", "blocks");
    scene_root(&scene, 0, scene_new(&scene, &node_type));
    cr_assert_eq(orr_objects(scene.thread, ORR_GENERATION_ANY, &list, &count, NULL), ORR_OK);
    orr_objects_free(scene.thread, list, count + 1);
}
