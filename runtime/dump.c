/* dump.c - the whole heap as a graph in memory, for the native heap file (heap_file.h).
 *
 * The graph is copied while the world stands; writing it, which may take long, is a blocking
 * region. An object is the node of its number in the census. Its payload is what is neither header
 * nor reference: slots that are null count as payload, so that a heap rebuilt from the file has the
 * same bytes.
 *
 * Threads: the caller's.
 */
#include "runtime/inspect.h"

#include "runtime/census.h"
#include "runtime/heap_file.h"

#include <string.h>

struct dump {
    struct orr_census census;
    struct orr_heap_graph graph;
    uint32_t *type_number; /* by type index: number in the graph + 1; 0: none yet */
};

/* --- types ------------------------------------------------------------------------------------ */

/* A copy that the file may hold: cut, and without control characters. */
static char *
copy_name(const char *name)
{
    size_t letters = strlen(name);
    size_t length = letters < ORR_HEAP_TYPE_NAME_MAX ? letters : ORR_HEAP_TYPE_NAME_MAX;
    char *copy = orr_allocate(length + 1);
    for (size_t i = 0; copy && i < length; i++)
        copy[i] = orr_heap_type_name_is_valid(&name[i], 1) ? name[i] : '?';
    return copy;
}

static bool
number_types(struct dump *dump)
{
    struct orr_heap_graph *graph = &dump->graph;
    for (uint32_t i = 0; i < dump->census.count; i++) {
        /* relaxed: constant while it lives */
        uint32_t index = orr_load_relaxed(&dump->census.objects[i]->type);
        if (dump->type_number[index] == 0) {
            char *name = copy_name(orr_type_table[index]->name);
            if (!name)
                return false;
            graph->type_names[graph->type_count++] = name;
            dump->type_number[index] = graph->type_count;
        }
        graph->node_type[i] = (uint16_t)(dump->type_number[index] - 1);
    }
    return true;
}

static_assert(ORR_TYPES_MAX <= ORR_HEAP_TYPES_MAX, "every type has a number in the file");
static_assert(ORR_CENSUS_MOST <= ORR_HEAP_NODES_MAX, "every object has a number in the file");

/* --- objects and references ------------------------------------------------------------------- */

static void
count_edge(struct orr_object *child, uint32_t field, void *argument)
{
    struct dump *dump = argument;
    (void)field;
    dump->graph.edge_count += orr_census_number(&dump->census, child) != ORR_CENSUS_NONE;
}

static void
copy_edge(struct orr_object *child, uint32_t field, void *argument)
{
    struct dump *dump = argument;
    uint32_t to = orr_census_number(&dump->census, child);
    (void)field;
    if (to != ORR_CENSUS_NONE)
        dump->graph.edges[dump->graph.edge_count++] = to;
}

static uint32_t
payload_of(const struct orr_object *object, uint64_t references)
{
    uint64_t bytes = orr_object_bytes(object);
    uint64_t taken = references * sizeof(struct orr_slot) +
                     (orr_layout_of(object).flags & ORR_LAYOUT_ARRAY ? sizeof(struct orr_array)
                                                                     : sizeof(struct orr_object));
    if (bytes <= taken) /* values of weak maps are references without a place in the object */
        return 0;
    return bytes - taken < UINT32_MAX ? (uint32_t)(bytes - taken) : UINT32_MAX;
}

static bool
copy_edges(struct dump *dump)
{
    struct orr_heap_graph *graph = &dump->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        orr_edges_visit(dump->census.objects[i], count_edge, dump);
        graph->first_edge[i + 1] = graph->edge_count;
        graph->node_bytes[i] =
            payload_of(dump->census.objects[i], graph->edge_count - graph->first_edge[i]);
    }
    graph->edges = orr_allocate((graph->edge_count + 1) * sizeof *graph->edges);
    if (!graph->edges)
        return false;
    graph->edge_count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++)
        orr_edges_visit(dump->census.objects[i], copy_edge, dump);
    return true;
}

static void
copy_roots(struct dump *dump)
{
    struct orr_heap_graph *graph = &dump->graph;
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (dump->census.hold[i] != ORR_NOT_HELD)
            graph->roots[graph->root_count++] = i;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool
make_room(struct dump *dump)
{
    struct orr_heap_graph *graph = &dump->graph;
    size_t count = dump->census.count;
    graph->node_count = dump->census.count;
    dump->type_number = orr_allocate(ORR_TYPES_MAX * sizeof *dump->type_number);
    graph->type_names = orr_allocate(ORR_TYPES_MAX * sizeof *graph->type_names);
    graph->node_type = orr_allocate((count + 1) * sizeof *graph->node_type);
    graph->node_bytes = orr_allocate((count + 1) * sizeof *graph->node_bytes);
    graph->first_edge = orr_allocate((count + 1) * sizeof *graph->first_edge);
    graph->roots = orr_allocate((count + 1) * sizeof *graph->roots);
    return dump->type_number && graph->type_names && graph->node_type && graph->node_bytes &&
           graph->first_edge && graph->roots;
}

/* World stopped. False: no memory. */
static bool
copy_heap(const struct orr_look *look, struct dump *dump)
{
    if (!orr_census_take(&dump->census, look))
        return false;
    orr_census_find_holds(&dump->census, NULL);
    bool has_memory = make_room(dump) && number_types(dump) && copy_edges(dump);
    if (has_memory)
        copy_roots(dump);
    orr_census_end(&dump->census);
    orr_deallocate(dump->type_number);
    return has_memory;
}

enum orr_status
orr_heap_dump(struct orr_thread *thread, const char *path, struct orr_error *error)
{
    enum orr_status status = orr_look_check(thread->heap, "it cannot be written to a file", error);
    if (status != ORR_OK)
        return status;
    struct dump dump = {0};
    struct orr_look look = orr_look_begin(thread);
    bool has_memory = copy_heap(&look, &dump);
    orr_look_end(&look);
    if (!has_memory)
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "%s: no memory for a copy of the heap's graph",
                          orr_path_tail(path));
    else if (dump.graph.node_count == 0)
        status = orr_fail(error, ORR_BAD_INPUT, "%s: not written: no object lives in this heap",
                          orr_path_tail(path));
    else {
        orr_block_enter(thread);
        status = orr_heap_graph_write(path, &dump.graph, error);
        orr_block_leave(thread);
    }
    orr_heap_graph_fini(&dump.graph);
    return status;
}
