/* dump.c - runtime/inspect: a heap that is written to a file, and read back as the graph it is. */
#include "tests/unit/inspect_scene.h"

#include "tests/unit/scratch.h"
#include "workloads/parts/heap_file.h"

TestSuite(dump, .init = scratch_make, .fini = scratch_remove);

/* --- the heap, seen by a visit -------------------------------------------------------------------- */

struct seen {
    struct orr_object **objects;
    uint32_t count;
};

static bool
see(struct orr_object *object, void *argument)
{
    struct seen *seen = argument;
    seen->objects = realloc(seen->objects, (seen->count + 1) * sizeof *seen->objects);
    seen->objects[seen->count++] = object;
    return true;
}

static uint32_t
number_of(const struct seen *seen, const struct orr_object *object)
{
    uint32_t i = 0;
    while (i < seen->count && seen->objects[i] != object)
        i++;
    return i;
}

struct edges {
    const struct seen *seen;
    const struct orr_heap_graph *graph;
    uint64_t at;
};

static void
compare_edge(struct orr_slot *slot, void *argument)
{
    struct edges *edges = argument;
    struct orr_object *to = orr_slot_peek(slot);
    if (to)
        cr_assert_eq(edges->graph->edges[edges->at++], number_of(edges->seen, to));
}

/* Nodes are in the order of the walk, as a visit's are. */
static void
compare(struct scene *scene, const struct orr_heap_graph *graph)
{
    struct seen seen = {0};
    cr_assert_eq(orr_visit_all(scene->thread, see, &seen, NULL), ORR_OK);
    cr_assert_eq(graph->node_count, seen.count);
    struct edges edges = {.seen = &seen, .graph = graph};
    for (uint32_t i = 0; i < seen.count; i++) {
        struct orr_object *object = seen.objects[i];
        cr_assert_str_eq(graph->type_names[graph->node_type[i]], orr_type_of(object)->name);
        cr_assert_eq(graph->first_edge[i], edges.at);
        orr_object_trace(object, orr_layout_of(object), compare_edge, &edges);
        const uint64_t head = orr_type_of(object)->flags & ORR_TYPE_ARRAY ? 24 : 16;
        const uint64_t references = 8 * (edges.at - graph->first_edge[i]);
        cr_assert_eq(graph->node_bytes[i] + references + head, orr_object_bytes(object));
    }
    cr_assert_eq(graph->edge_count, edges.at);
    for (uint32_t i = 0, k = 0; i < seen.count; i++) {
        bool is_root = false;
        for (uint32_t r = 0; r < ROOTS; r++)
            is_root |= orr_slot_peek(&scene->roots[r].slot) == seen.objects[i];
        cr_assert_eq(is_root, k < graph->root_count && graph->roots[k] == i);
        k += is_root;
    }
    free(seen.objects);
}

static void
round_trip(struct scene *scene)
{
    struct orr_error error = {.message = ""};
    struct orr_heap_graph graph;
    const char *path = scratch_path("own.heap");
    struct orr_object *ring = scene_root(scene, 0, scene_ring(scene, &node_type, 7, 1));
    struct orr_object *array =
        scene_root(scene, 3, orr_new_array(scene->thread, &array_type, 900, 12345));
    struct orr_object *odd = scene_root(scene, 2, scene_new(scene, &odd_type));
    struct orr_object *leaf = scene_new(scene, &green_type);
    scene_refer(scene, ring, 0, array);
    scene_refer(scene, ring, 2, array);
    scene_refer_slot(scene, orr_element(array, 0), ring);
    scene_refer_slot(scene, orr_element(array, 899), leaf);
    scene_refer_slot(scene, &((struct odd *)odd)->slots[1], leaf);
    scene_release(scene, leaf);
    scene_release(scene, scene_ring(scene, &other_type, 3, 0)); /* garbage is dumped too */
    cr_assert_eq(orr_heap_dump(scene->thread, path, &error), ORR_OK, "%s", error.message);
    scene_verify(scene, true);
    cr_assert_eq(orr_heap_graph_read(path, &graph, &error), ORR_OK, "%s", error.message);
    cr_assert_eq(graph.root_count, 3);
    cr_assert_eq(graph.type_count, 5);
    compare(scene, &graph);
    orr_heap_graph_fini(&graph);
}

Test(dump, the_reader_finds_the_same_objects_types_payloads_references_and_roots)
{
    scene_each(round_trip);
}

Test(dump, a_count_beyond_the_edges_is_a_root)
{
    struct scene scene;
    struct orr_error error;
    struct orr_heap_graph graph;
    scene_open(&scene, "atomic", "trial", "jemalloc");
    struct orr_object *ring = scene_ring(&scene, &node_type, 3, 0);
    cr_assert_eq(orr_heap_dump(scene.thread, scratch_path("a.heap"), &error), ORR_OK);
    cr_assert_eq(orr_heap_graph_read(scratch_path("a.heap"), &graph, &error), ORR_OK);
    cr_assert(graph.node_count == 3 && graph.root_count == 1);
    orr_heap_graph_fini(&graph);
    scene_release(&scene, ring);
    cr_assert_eq(orr_heap_dump(scene.thread, scratch_path("a.heap"), &error), ORR_OK);
    cr_assert_eq(orr_heap_graph_read(scratch_path("a.heap"), &graph, &error), ORR_OK);
    cr_assert(graph.node_count == 3 && graph.root_count == 0);
    orr_heap_graph_fini(&graph);
    scene_close(&scene);
}

/* --- what a file cannot hold ---------------------------------------------------------------------- */

static uint16_t rude_index;
static char rude_name[400];
static const struct orr_type rude_type = {
    .name = rude_name, .bytes = 32, .references = 1, .index = &rude_index};

Test(dump, a_name_that_a_file_cannot_hold_is_cut_and_cleaned)
{
    struct scene scene;
    struct orr_error error;
    struct orr_heap_graph graph;
    memset(rude_name, 'x', sizeof rude_name - 1);
    rude_name[0] = '\n';
    scene_open(&scene, "biased", "trial", "blocks");
    cr_assert_eq(orr_type_register(&rude_type, &error), ORR_OK);
    scene_root(&scene, 0, scene_new(&scene, &rude_type));
    cr_assert_eq(orr_heap_dump(scene.thread, scratch_path("a.heap"), &error), ORR_OK);
    cr_assert_eq(orr_heap_graph_read(scratch_path("a.heap"), &graph, &error), ORR_OK);
    cr_assert_eq(strlen(graph.type_names[0]), ORR_HEAP_TYPE_NAME_MAX);
    cr_assert_eq(strncmp(graph.type_names[0], "?xxx", 4), 0);
    orr_heap_graph_fini(&graph);
    scene_close(&scene);
}

static void
expect_bad(struct scene *scene, const char *path, const char *reason)
{
    struct orr_error error = {.message = ""};
    cr_assert_eq(orr_heap_dump(scene->thread, path, &error), ORR_BAD_INPUT);
    cr_assert_eq(error.status, ORR_BAD_INPUT);
    cr_assert(strstr(error.message, reason), "%s", error.message);
}

Test(dump, what_cannot_be_written_is_bad_input_and_changes_nothing)
{
    struct scene scene;
    size_t bytes;
    scene_open(&scene, "biased", "trial", "blocks");
    scratch_write("old.heap", "old", 3);
    expect_bad(&scene, scratch_path("old.heap"), "no object");
    scene_root(&scene, 0, scene_new(&scene, &node_type));
    expect_bad(&scene, scratch_path("no/folder.heap"), "written");
    expect_bad(&scene, "/dev/null", "regular");
    char *old = scratch_read("old.heap", &bytes);
    cr_assert_str_eq(old, "old");
    free(old);
    cr_assert_eq(scratch_files(0), 1);
    scene_close(&scene);
}

/* --- size and memory ------------------------------------------------------------------------------ */

enum { DEEP = 100000 };

static void *
dump_deep(void *argument)
{
    struct scene *scene = argument;
    struct orr_error error = {.message = ""};
    struct orr_heap_graph graph;
    scene_open(scene, "biased", "subtract", "blocks");
    scene_root(scene, 0, scene_ring(scene, &node_type, DEEP, 1));
    cr_assert_eq(orr_heap_dump(scene->thread, scratch_path("deep.heap"), &error), ORR_OK, "%s",
                 error.message);
    cr_assert_eq(orr_heap_graph_read(scratch_path("deep.heap"), &graph, &error), ORR_OK);
    cr_assert(graph.node_count == DEEP && graph.edge_count == DEEP && graph.root_count == 1);
    orr_heap_graph_fini(&graph);
    scene_close(scene);
    return NULL;
}

Test(dump, a_deep_list_needs_no_stack)
{
    struct scene scene;
    struct orr_os_thread small;
    cr_assert(orr_os_thread_start(&small, dump_deep, &scene, 512 << 10));
    orr_os_thread_join(&small);
}

static enum orr_status
work_dump(struct scene *scene, struct orr_error *error)
{
    return orr_heap_dump(scene->thread, scratch_path("own.heap"), error);
}

static void
refuse_memory(struct scene *scene)
{
    scene_root(scene, 0, scene_ring(scene, &node_type, 300, 0));
    scene_root(scene, 1, scene_new(scene, &other_type));
    cr_assert_geq(scene_refuse_each(scene, work_dump), 15);
    cr_assert_eq(scratch_files(1), 1, "a temporary file was left");
}

Test(dump, without_memory_nothing_is_lost_and_no_file_is_left)
{
    scene_each(refuse_memory);
}
