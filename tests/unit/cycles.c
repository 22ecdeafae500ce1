/* cycles.c - runtime/inspect: the cycle report, against graphs drawn by hand and against a slow, obvious search of
 * random ones.
 */
#include "tests/unit/inspect_scene.h"

#include "runtime/gc.h"

#include <stdio.h>
#include <stdlib.h>

static struct orr_cycle_row *
report(struct scene *scene, uint64_t expected)
{
    struct orr_cycle_row *rows = NULL;
    uint64_t count = 99;
    cr_assert_eq(orr_cycle_report(scene->thread, &rows, &count, NULL), ORR_OK);
    cr_assert_eq(count, expected, "%s: %llu rows", scene->names, (unsigned long long)count);
    cr_assert((rows == NULL) == (count == 0));
    return rows;
}

static void
expect_row(const struct scene *scene, const struct orr_cycle_row *row, uint64_t components,
           uint64_t objects, uint64_t hanging)
{
    cr_assert(row->components == components && row->objects == objects &&
                  row->hanging_objects == hanging,
              "%s: %llu components of %llu objects and %llu hanging", scene->names,
              (unsigned long long)row->components, (unsigned long long)row->objects,
              (unsigned long long)row->hanging_objects);
}

static void
expect_edge(const struct orr_cycle_edge *edge, const struct orr_type *from, uint32_t field,
            const struct orr_type *to, uint64_t count)
{
    cr_assert(edge->from == from && edge->to == to, "%s to %s", edge->from->name, edge->to->name);
    cr_assert_eq(edge->field, field);
    cr_assert_eq(edge->count, count);
}

/* Drops what the roots hold and a test has looked at. */
static void
clean(struct scene *scene)
{
    for (uint32_t i = 0; i < ROOTS; i++)
        scene_root(scene, i, NULL);
    orr_settle(scene->thread);
    cr_assert_eq(scene_live(scene), 0, "%s", scene->names);
}

/* --- which cycles -------------------------------------------------------------------------------- */

static void
see_no_cycles(struct scene *scene)
{
    report(scene, 0);
    scene_root(scene, 0, scene_ring(scene, &node_type, 4, 0));
    struct orr_object *tail = scene_new(scene, &node_type);
    scene_refer(scene, tail, 0, scene_root(scene, 1, scene_ring(scene, &other_type, 2, 1)));
    scene_root(scene, 1, tail);
    report(scene, 0);
    orr_rows_free(NULL);
}

Test(cycles, that_are_held_by_roots_are_none_of_the_report)
{
    scene_each(see_no_cycles);
}

static void
see_a_pair(struct scene *scene)
{
    struct orr_object *node = scene_new(scene, &node_type), *other = scene_new(scene, &other_type);
    scene_refer(scene, node, 2, other);
    scene_refer(scene, node, 1, other);
    scene_refer(scene, other, 0, node);
    scene_release(scene, other);
    scene_release(scene, node);
    struct orr_cycle_row *rows = report(scene, 1);
    expect_row(scene, rows, 1, 2, 0);
    cr_assert_eq(rows->bytes, node_type.bytes + other_type.bytes);
    cr_assert(rows->type_count == 2 && rows->types_total == 2);
    cr_assert(rows->edge_count == 3 && rows->edges_total == 3);
    bool seen[3] = {false};
    for (uint32_t i = 0; i < 3; i++) {
        const struct orr_cycle_edge *edge = &rows->edges[i];
        bool back = edge->from == &other_type;
        expect_edge(edge, back ? &other_type : &node_type, edge->field,
                    back ? &node_type : &other_type, 1);
        cr_assert(edge->field < 3 && !seen[edge->field] && (edge->field == 0) == back);
        seen[edge->field] = true;
    }
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, a_pair_is_told_with_its_types_and_fields)
{
    scene_each(see_a_pair);
}

static void
see_kinds(struct scene *scene)
{
    for (uint32_t length = 1; length <= 6; length++) /* one kind, whatever the length; 21 objects */
        scene_release(scene, scene_ring(scene, &node_type, length, 0));
    for (uint32_t i = 0; i < 3; i++)
        scene_release(scene, scene_ring(scene, &node_type, 2, 1)); /* another field, another kind */
    scene_release(scene, scene_ring(scene, &other_type, 3, 0));    /* another type */
    struct orr_cycle_row *rows = report(scene, 3);
    expect_row(scene, &rows[0], 6, 21, 0);
    expect_edge(&rows[0].edges[0], &node_type, 0, &node_type, 21);
    cr_assert_eq(rows[0].type_count, 1);
    expect_row(scene, &rows[1], 1, 3, 0);
    cr_assert_eq(rows[1].types[0], &other_type);
    expect_row(scene, &rows[2], 3, 6, 0);
    expect_edge(&rows[2].edges[0], &node_type, 1, &node_type, 6);
    cr_assert(rows[0].bytes >= rows[1].bytes && rows[1].bytes >= rows[2].bytes);
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, are_of_one_kind_when_their_types_and_fields_are_the_same)
{
    scene_each(see_kinds);
}

static void
see_hanging(struct scene *scene)
{
    struct orr_object *one = scene_ring(scene, &node_type, 2, 0);
    struct orr_object *two = scene_ring(scene, &other_type, 1, 0);
    struct orr_object *list = scene_new(scene, &node_type), *end = scene_new(scene, &node_type);
    struct orr_object *shared = scene_new(scene, &node_type);
    struct orr_object *later = scene_ring(scene, &other_type, 2, 1);
    scene_refer(scene, list, 0, end); /* from one: two objects */
    scene_refer(scene, one, 1, list);
    scene_refer(scene, one, 2, shared); /* from both: of no kind */
    scene_refer(scene, two, 1, shared);
    scene_refer(scene, two, 2, later); /* a cycle of its own, though another holds it */
    scene_refer(scene, end, 0, later);
    scene_release(scene, end);
    scene_release(scene, list);
    scene_release(scene, shared);
    scene_release(scene, later);
    scene_release(scene, one);
    scene_release(scene, two);
    struct orr_cycle_row *rows = report(scene, 3);
    uint64_t cyclic = 0, hanging = 0, hanging_bytes = 0;
    for (uint32_t i = 0; i < 3; i++) {
        cyclic += rows[i].objects;
        hanging += rows[i].hanging_objects;
        hanging_bytes += rows[i].hanging_bytes;
        cr_assert(rows[i].hanging_objects == 0 || rows[i].types[0] == &node_type);
    }
    cr_assert_eq(cyclic, 5);
    cr_assert_eq(hanging, 2, "%s: %llu", scene->names, (unsigned long long)hanging);
    cr_assert_eq(hanging_bytes, 2 * sizeof(struct node));
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, what_hangs_from_one_kind_is_told_with_it)
{
    scene_each(see_hanging);
}

static void
see_layouts(struct scene *scene)
{
    struct orr_object *array = orr_new_array(scene->thread, &array_type, 100, 7);
    struct orr_object *odd = scene_new(scene, &odd_type);
    for (uint32_t i = 0; i < 100; i++)
        scene_refer_slot(scene, orr_element(array, i), odd);
    scene_refer_slot(scene, &((struct odd *)odd)->slots[1], array);
    scene_release(scene, array);
    scene_release(scene, odd);
    struct orr_cycle_row *rows = report(scene, 1);
    expect_row(scene, rows, 1, 2, 0);
    cr_assert_eq(rows->bytes, orr_array_bytes(100, 7) + sizeof(struct odd));
    expect_edge(&rows->edges[0], &array_type, ORR_FIELD_ELEMENT, &odd_type, 100);
    expect_edge(&rows->edges[1], &odd_type, 1, &array_type, 1);
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, elements_of_arrays_are_one_field_and_slots_of_irregular_types_are_numbered_by_trace)
{
    scene_each(see_layouts);
}

/* A ring of `nodes` nodes and `others` others, by field `slot`; dropped. */
static void
drop_mixed_ring(struct scene *scene, uint32_t nodes, uint32_t others, uint32_t slot)
{
    struct orr_object *first = scene_ring(scene, &node_type, nodes, slot), *last = first;
    struct orr_object *next = orr_slot_peek(orr_field(first, slot));
    scene_retain(scene, next);
    for (uint32_t i = 0; i < others; i++) {
        struct orr_object *other = scene_new(scene, &other_type);
        scene_refer(scene, last, slot, other);
        scene_release(scene, other);
        last = other;
    }
    scene_refer(scene, last, slot, next);
    scene_release(scene, next);
    scene_release(scene, first);
}

static void
see_frequent_types(struct scene *scene)
{
    drop_mixed_ring(scene, 12, 2, 0);
    drop_mixed_ring(scene, 2, 3, 1);
    struct orr_cycle_row *rows = report(scene, 2);
    expect_row(scene, &rows[0], 1, 14, 0);
    cr_assert(rows[0].types[0] == &node_type && rows[0].types[1] == &other_type);
    expect_row(scene, &rows[1], 1, 5, 0);
    cr_assert(rows[1].types[0] == &other_type && rows[1].types[1] == &node_type);
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, the_types_of_a_kind_are_ordered_by_its_own_objects)
{
    scene_each(see_frequent_types);
}

static void
see_far(struct scene *scene)
{
    struct orr_object *near = scene_ring(scene, &node_type, 100, 0);
    for (uint32_t i = 0; i < 4;
         i++) { /* so large that allocators keep them apart from small ones */
        struct orr_object *array = orr_new_array(scene->thread, &array_type, 200000, 0);
        scene_refer_slot(scene, orr_element(array, 199999 - i), near);
        scene_refer_slot(scene, orr_element(array, i), orr_slot_peek(orr_field(near, 1)));
        scene_refer(scene, near, 1, array);
        scene_release(scene, array);
    }
    scene_release(scene, near);
    struct orr_cycle_row *rows = report(scene, 1);
    expect_row(scene, rows, 1, 104, 0);
    cr_assert_eq(rows->edges_total, 4);
    orr_rows_free(rows);
    clean(scene);
}

Test(cycles, objects_that_lie_far_apart_are_found)
{
    scene_each(see_far);
}

enum { MANY = 20 };
static uint16_t many_index[MANY];
static char many_names[MANY][16];
static struct orr_type many_types[MANY];

Test(cycles, a_kind_of_many_types_shows_the_most_frequent)
{
    struct scene scene;
    struct orr_object *objects[2 * MANY];
    scene_open(&scene, "biased", "trial", "blocks");
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(many_names[i], sizeof many_names[i], "many %u", i);
        many_types[i] = (struct orr_type){
            .name = many_names[i], .bytes = 64, .references = 3, .index = &many_index[i]};
        cr_assert_eq(orr_type_register(&many_types[i], NULL), ORR_OK);
    }
    /* Twice: two of type 13, twelve of type 7, and one of each other; all in one ring. */
    for (uint32_t times = 0; times < 2; times++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < MANY; i++)
            objects[count++] = scene_new(&scene, &many_types[i]);
        objects[count++] = scene_new(&scene, &many_types[13]);
        for (uint32_t i = 0; i < 11; i++)
            objects[count++] = scene_new(&scene, &many_types[7]);
        for (uint32_t i = 0; i < count; i++)
            scene_refer(&scene, objects[i], 0, objects[(i + 1) % count]);
        for (uint32_t i = 0; i < count; i++)
            scene_release(&scene, objects[i]);
    }
    struct orr_cycle_row *rows = report(&scene, 1);
    expect_row(&scene, rows, 2, 2 * (MANY + 12), 0);
    cr_assert(rows->types_total == MANY && rows->type_count == ORR_CYCLE_TYPES);
    cr_assert(rows->types[0] == &many_types[7] && rows->types[1] == &many_types[13]);
    cr_assert(rows->edges_total > ORR_CYCLE_EDGES && rows->edge_count == ORR_CYCLE_EDGES);
    expect_edge(&rows->edges[0], &many_types[7], 0, &many_types[7], 20);
    for (uint32_t i = 1; i < rows->edge_count; i++)
        cr_assert(rows->edges[i - 1].count >= rows->edges[i].count);
    orr_rows_free(rows);
    clean(&scene);
    scene_close(&scene);
}

/* --- what is held -------------------------------------------------------------------------------- */

static void
see_counted(struct scene *scene)
{
    struct orr_object *ring = scene_ring(scene, &node_type, 3, 0);
    /* Held by nothing but our count: alive where counts are kept, garbage where they are not. */
    struct orr_cycle_row *rows = report(scene, !scene->heap->rc->counts);
    orr_rows_free(rows);
    scene_release(scene, ring);
    orr_rows_free(report(scene, 1));
    clean(scene);
}

Test(cycles, a_count_beyond_the_edges_holds_a_cycle)
{
    scene_each(see_counted);
}

static void
see_frozen(struct scene *scene)
{
    scene_root(scene, 0, scene_ring(scene, &node_type, 3, 0));
    cr_assert(orr_gc_freeze(scene->thread));
    scene_root(scene, 0, NULL);
    report(scene, 0);
    orr_gc_unfreeze(scene->thread);
    orr_rows_free(report(scene, 1));
    clean(scene);
}

Test(cycles, the_frozen_are_no_garbage)
{
    scene_each(see_frozen);
}

static void
agree(struct scene *scene)
{
    scene_root(scene, 0, scene_ring(scene, &node_type, 10, 0));
    for (uint32_t i = 0; i < 50; i++)
        scene_release(scene, scene_ring(scene, i % 2 ? &node_type : &other_type, 1 + i % 7, i % 3));
    const uint64_t live = scene_live(scene);
    struct orr_cycle_row *rows;
    uint64_t count, garbage = 0;
    cr_assert_eq(orr_cycle_report(scene->thread, &rows, &count, NULL), ORR_OK);
    for (uint64_t i = 0; i < count; i++)
        garbage += rows[i].objects + rows[i].hanging_objects;
    orr_rows_free(rows);
    scene_verify(scene, true); /* claims, colours and side table are as they were */
    orr_settle(scene->thread);
    cr_assert_eq(live - scene_live(scene), garbage, "%s", scene->names);
    cr_assert_eq(garbage, live - 10);
}

Test(cycles, what_is_reported_is_what_a_collection_then_frees)
{
    scene_each(agree);
}

/* --- random graphs ------------------------------------------------------------------------------- */

enum { RANDOM_NODES = 24, RANDOM_ROUNDS = 60 };

struct picture {
    uint64_t components, cyclic, dead;
};

/* Reachability by repeated squaring of the obvious: slow, and with nothing in it that could be subtle. */
static struct picture
look_slowly(bool edge[RANDOM_NODES][RANDOM_NODES], const bool *held)
{
    static bool path[RANDOM_NODES][RANDOM_NODES];
    struct picture picture = {0};
    memcpy(path, edge, sizeof path);
    for (uint32_t k = 0; k < RANDOM_NODES; k++)
        for (uint32_t i = 0; i < RANDOM_NODES; i++)
            for (uint32_t j = 0; j < RANDOM_NODES; j++)
                path[i][j] |= path[i][k] && path[k][j];
    for (uint32_t i = 0; i < RANDOM_NODES; i++) {
        bool lives = held[i];
        bool first = true; /* of its component */
        for (uint32_t j = 0; j < RANDOM_NODES; j++) {
            lives |= held[j] && path[j][i];
            first &= !(j < i && path[i][j] && path[j][i]);
        }
        if (lives)
            continue;
        picture.dead++;
        picture.cyclic += path[i][i];
        picture.components += path[i][i] && first;
    }
    return picture;
}

static void
compare_random(struct scene *scene, unsigned seed)
{
    static bool edge[RANDOM_NODES][RANDOM_NODES];
    struct orr_object *nodes[RANDOM_NODES];
    bool held[RANDOM_NODES] = {false};
    memset(edge, 0, sizeof edge);
    for (uint32_t i = 0; i < RANDOM_NODES; i++)
        nodes[i] = scene_new(scene, rand_r(&seed) % 2 ? &node_type : &other_type);
    for (uint32_t k = 0, edges = (uint32_t)rand_r(&seed) % (2 * RANDOM_NODES); k < edges; k++) {
        const uint32_t i = (uint32_t)rand_r(&seed) % RANDOM_NODES;
        const uint32_t j = (uint32_t)rand_r(&seed) % RANDOM_NODES, slot = k % NODE_SLOTS;
        if (orr_slot_peek(orr_field(nodes[i], slot)))
            continue;
        scene_refer(scene, nodes[i], slot, nodes[j]);
        edge[i][j] = true;
    }
    for (uint32_t i = 0, roots = (uint32_t)rand_r(&seed) % 3; i < roots; i++) {
        const uint32_t root = (uint32_t)rand_r(&seed) % RANDOM_NODES;
        scene_retain(scene, nodes[root]);
        scene_root(scene, i, nodes[root]);
        held[root] = true;
    }
    for (uint32_t i = 0; i < RANDOM_NODES; i++)
        scene_release(scene, nodes[i]);
    const struct picture picture = look_slowly(edge, held);
    struct orr_cycle_row *rows;
    uint64_t count, components = 0, cyclic = 0, hanging = 0;
    cr_assert_eq(orr_cycle_report(scene->thread, &rows, &count, NULL), ORR_OK);
    for (uint64_t i = 0; i < count; i++) {
        components += rows[i].components;
        cyclic += rows[i].objects;
        hanging += rows[i].hanging_objects;
    }
    orr_rows_free(rows);
    cr_assert(components == picture.components && cyclic == picture.cyclic,
              "%s, seed %u: %llu components of %llu, not %llu of %llu", scene->names, seed,
              (unsigned long long)components, (unsigned long long)cyclic,
              (unsigned long long)picture.components, (unsigned long long)picture.cyclic);
    cr_assert_leq(cyclic + hanging, picture.dead);
    clean(scene);
}

static void
compare_many(struct scene *scene)
{
    for (unsigned seed = 1; seed <= RANDOM_ROUNDS; seed++)
        compare_random(scene, seed * 7919);
}

Test(cycles, random_graphs_have_the_components_that_a_slow_search_finds)
{
    scene_each(compare_many);
}

/* --- size ---------------------------------------------------------------------------------------- */

enum { DEEP = 100000 };

static void *
report_deep(void *argument)
{
    struct scene *scene = argument;
    scene_open(scene, "biased", "subtract", "blocks");
    scene_release(scene, scene_ring(scene, &node_type, DEEP, 1));
    struct orr_cycle_row *rows = report(scene, 1);
    expect_row(scene, rows, 1, DEEP, 0);
    orr_rows_free(rows);
    clean(scene);
    scene_close(scene);
    return NULL;
}

Test(cycles, a_deep_ring_needs_no_stack)
{
    struct scene scene;
    struct orr_os_thread small;
    cr_assert(orr_os_thread_start(&small, report_deep, &scene, 256 << 10));
    orr_os_thread_join(&small);
}

/* --- for people ---------------------------------------------------------------------------------- */

static void
expect_text(struct scene *scene, const char *const *pieces)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    cr_assert_eq(orr_cycle_print(scene->thread, file, NULL), ORR_OK);
    fclose(file);
    const char *at = text;
    for (; *pieces; pieces++) {
        at = strstr(at, *pieces);
        cr_assert(at, "%s is missing, or out of order:\n%s", *pieces, text);
    }
    free(text);
}

static void
print(struct scene *scene)
{
    expect_text(scene, (const char *const[]){"no cycles of garbage\n", NULL});
    for (uint32_t i = 0; i < 9; i++)
        scene_release(scene, scene_ring(scene, &node_type, 1, 1));
    struct orr_object *array = orr_new_array(scene->thread, &array_type, 1, 0);
    struct orr_object *node = scene_new(scene, &node_type);
    scene_refer_slot(scene, orr_element(array, 0), node);
    scene_refer(scene, node, 2, array);
    scene_release(scene, node);
    scene_release(scene, array);
    expect_text(scene,
                (const char *const[]){"11 objects, ", " bytes of garbage\n", "84 %",
                                      "node through node.1\n", "16 %", "<->", "through ", NULL});
    clean(scene);
}

Test(cycles, the_table_says_share_types_and_fields)
{
    scene_each(print);
}

Test(cycles, a_table_that_cannot_be_written_is_bad_input)
{
    struct scene scene;
    struct orr_error error = {.message = ""};
    scene_open(&scene, "biased", "trial", "blocks");
    FILE *full = fopen("/dev/full", "w");
    cr_assert(full);
    cr_assert_eq(orr_cycle_print(scene.thread, full, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "written"));
    fclose(full);
    scene_close(&scene);
}

/* --- memory -------------------------------------------------------------------------------------- */

static enum orr_status
work_report(struct scene *scene, struct orr_error *error)
{
    struct orr_cycle_row *rows;
    uint64_t count;
    enum orr_status status = orr_cycle_report(scene->thread, &rows, &count, error);
    if (status == ORR_OK)
        orr_rows_free(rows);
    return status;
}

static void
refuse_memory(struct scene *scene)
{
    for (uint32_t i = 0; i < 60; i++) /* rings of three types and fields: many kinds */
        scene_release(scene, scene_ring(scene, i % 2 ? &node_type : &other_type, 2, i % 3));
    scene_root(scene, 0, scene_ring(scene, &node_type, 40, 0));
    cr_assert_geq(scene_refuse_each(scene, work_report), 20);
    clean(scene);
}

Test(cycles, without_memory_nothing_is_lost)
{
    scene_each(refuse_memory);
}
