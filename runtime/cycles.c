/* cycles.c - the cycle report: strongly connected components of what nothing outside holds.
 *
 * After: Tarjan 1972 ("Depth-first search and linear graph algorithms"), iterative: the edges among
 * the dead are copied, so that a search can go on where it left an object, which `trace` cannot.
 *
 *   census        all objects; what is held from outside; what that reaches lives
 *   dead          the others, renumbered, with the edges among them
 *   components    in the order Tarjan ends them: each after those it leads to. A component is a
 *                 cycle when it has two members, or an edge from its one member to itself
 *   hanging       dead, on no cycle: follows its holders, backwards through the components, so
 *                 holders come first. It belongs to a kind when all its holders do
 *
 * The world runs again before rows are made.
 * Threads: the caller's.
 */
#include "runtime/inspect.h"

#include "runtime/census.h"
#include "runtime/cycle_kinds.h"

#include <inttypes.h>

#define KIND_SHARED (ORR_CYCLE_KIND_NONE - 1) /* holders of several kinds, or none */

struct edge {
    uint32_t to, field;
};

struct frame {
    uint32_t member;
    uint64_t next; /* edge to look at */
};

struct cycles {
    struct orr_census census;
    struct orr_cycle_kinds kinds;
    uint32_t
        *dead_number; /* by census number; lies in the census's references, which have served */
    uint32_t count;   /* the dead */
    uint64_t bytes;   /* theirs */
    struct orr_object **dead;
    uint64_t *first_edge; /* count + 1 */
    struct edge *edges;

    uint32_t *visit, *low; /* Tarjan's numbers; visit 0: not yet */
    uint32_t *stack;
    struct frame *frames;
    uint32_t visited, stacked;

    uint32_t *members;   /* the dead by component, in the order these ended */
    uint32_t *component; /* of each: the first place of its component in members, + 1; 0: not yet */
    uint32_t *kind;      /* of each */
    uint32_t placed;
    uint64_t present; /* edges counted, or copied, so far */
};

/* --- the living ------------------------------------------------------------------------------- */

struct reaching {
    struct orr_census *census;
    uint32_t *queue;
    uint32_t found;
};

static void
reach(struct reaching *reaching, uint32_t number)
{
    reaching->census->hold[number] = ORR_HOLD_ROOT; /* by what does not matter here */
    reaching->queue[reaching->found++] = number;
}

static void
reach_slot(struct orr_slot *slot, void *argument)
{
    struct reaching *reaching = argument;
    const struct orr_object *child = orr_slot_peek(slot);
    uint32_t number = child ? orr_census_number(reaching->census, child) : ORR_CENSUS_NONE;
    if (number != ORR_CENSUS_NONE && reaching->census->hold[number] == ORR_NOT_HELD)
        reach(reaching, number);
}

/* Leaves `hold` unheld for the dead alone. False: no memory. */
static bool
find_living(struct orr_census *census)
{
    struct reaching reaching = {.census = census};
    reaching.queue = orr_allocate(((size_t)census->count + 1) * sizeof *reaching.queue);
    if (!reaching.queue)
        return false;
    for (uint32_t i = 0; i < census->count; i++)
        if (census->hold[i] != ORR_NOT_HELD || orr_is_frozen(census->objects[i]))
            reach(&reaching, i);
    for (uint32_t i = 0; i < reaching.found; i++) {
        struct orr_object *object = census->objects[reaching.queue[i]];
        orr_object_trace(object, orr_layout_of(object), reach_slot, &reaching);
    }
    orr_deallocate(reaching.queue);
    return true;
}

/* --- the dead, and the edges among them ------------------------------------------------------- */

static uint32_t
dead_number(const struct cycles *cycles, const struct orr_object *object)
{
    uint32_t number = orr_census_number(&cycles->census, object);
    return number == ORR_CENSUS_NONE ? ORR_CENSUS_NONE : cycles->dead_number[number];
}

static bool
list_dead(struct cycles *cycles)
{
    struct orr_census *census = &cycles->census;
    for (uint32_t i = 0; i < census->count; i++)
        cycles->count += census->hold[i] == ORR_NOT_HELD;
    cycles->dead = orr_allocate(((size_t)cycles->count + 1) * sizeof *cycles->dead);
    if (!cycles->dead)
        return false;
    cycles->dead_number = census->references;
    for (uint32_t i = 0, k = 0; i < census->count; i++) {
        bool is_dead = census->hold[i] == ORR_NOT_HELD;
        cycles->dead_number[i] = is_dead ? k : ORR_CENSUS_NONE;
        if (is_dead) {
            cycles->dead[k++] = census->objects[i];
            cycles->bytes += orr_object_bytes(census->objects[i]);
        }
    }
    return true;
}

static void
count_edge(struct orr_object *child, uint32_t field, void *argument)
{
    struct cycles *cycles = argument;
    (void)field;
    cycles->present += dead_number(cycles, child) != ORR_CENSUS_NONE;
}

static void
copy_edge(struct orr_object *child, uint32_t field, void *argument)
{
    struct cycles *cycles = argument;
    uint32_t to = dead_number(cycles, child);
    if (to != ORR_CENSUS_NONE)
        cycles->edges[cycles->present++] = (struct edge){.to = to, .field = field};
}

static bool
copy_edges(struct cycles *cycles)
{
    cycles->first_edge = orr_allocate(((size_t)cycles->count + 1) * sizeof *cycles->first_edge);
    if (!cycles->first_edge)
        return false;
    for (uint32_t i = 0; i < cycles->count; i++) {
        orr_edges_visit(cycles->dead[i], count_edge, cycles);
        cycles->first_edge[i + 1] = cycles->present;
    }
    cycles->edges = orr_allocate((cycles->present + 1) * sizeof *cycles->edges);
    if (!cycles->edges)
        return false;
    cycles->present = 0;
    for (uint32_t i = 0; i < cycles->count; i++) {
        bool is_array = orr_layout_of(cycles->dead[i]).flags & ORR_LAYOUT_ARRAY;
        orr_edges_visit(cycles->dead[i], copy_edge, cycles);
        for (uint64_t k = cycles->first_edge[i]; is_array && k < cycles->first_edge[i + 1]; k++)
            if (cycles->edges[k].field != ORR_FIELD_WEAK_MAP)
                cycles->edges[k].field = ORR_FIELD_ELEMENT; /* all elements are alike */
    }
    return true;
}

/* --- components ------------------------------------------------------------------------------- */

static void
begin_member(struct cycles *cycles, uint32_t member, uint32_t *depth)
{
    cycles->visit[member] = cycles->low[member] = ++cycles->visited;
    cycles->stack[cycles->stacked++] = member;
    cycles->frames[(*depth)++] =
        (struct frame){.member = member, .next = cycles->first_edge[member]};
}

static void
end_component(struct cycles *cycles, uint32_t head)
{
    uint32_t first = cycles->placed, member;
    do {
        member = cycles->stack[--cycles->stacked];
        cycles->component[member] = first + 1;
        cycles->members[cycles->placed++] = member;
    } while (member != head);
}

static void
search_from(struct cycles *cycles, uint32_t start)
{
    uint32_t *visit = cycles->visit, *low = cycles->low, depth = 0;
    begin_member(cycles, start, &depth);
    while (depth > 0) {
        struct frame *frame = &cycles->frames[depth - 1];
        uint32_t member = frame->member;
        if (frame->next < cycles->first_edge[member + 1]) {
            uint32_t to = cycles->edges[frame->next++].to;
            if (visit[to] == 0)
                begin_member(cycles, to, &depth);
            else if (cycles->component[to] == 0 && visit[to] < low[member])
                low[member] = visit[to];
            continue;
        }
        if (--depth > 0 && low[member] < low[cycles->frames[depth - 1].member])
            low[cycles->frames[depth - 1].member] = low[member];
        if (low[member] == visit[member])
            end_component(cycles, member);
    }
}

static bool
find_components(struct cycles *cycles)
{
    size_t room = (size_t)cycles->count + 1;
    cycles->visit = orr_allocate(room * sizeof *cycles->visit);
    cycles->low = orr_allocate(room * sizeof *cycles->low);
    cycles->stack = orr_allocate(room * sizeof *cycles->stack);
    cycles->frames = orr_allocate(room * sizeof *cycles->frames);
    cycles->members = orr_allocate(room * sizeof *cycles->members);
    cycles->component = orr_allocate(room * sizeof *cycles->component);
    cycles->kind = orr_allocate(room * sizeof *cycles->kind);
    if (!cycles->visit || !cycles->low || !cycles->stack || !cycles->frames || !cycles->members ||
        !cycles->component || !cycles->kind)
        return false;
    for (uint32_t i = 0; i < cycles->count; i++) {
        cycles->kind[i] = ORR_CYCLE_KIND_NONE;
        if (cycles->visit[i] == 0)
            search_from(cycles, i);
    }
    return true;
}

/* --- kinds ------------------------------------------------------------------------------------ */

/* Where the component that begins there ends, in members. */
static uint32_t
component_end(const struct cycles *cycles, uint32_t begin)
{
    uint32_t end = begin + 1;
    while (end < cycles->count && cycles->component[cycles->members[end]] == begin + 1)
        end++;
    return end;
}

/* Tells the edges inside a component; *inside says how many. False: no memory. */
static bool
tell_edges(struct cycles *cycles, uint32_t member, uint64_t *inside)
{
    for (uint64_t k = cycles->first_edge[member]; k < cycles->first_edge[member + 1]; k++) {
        const struct edge *edge = &cycles->edges[k];
        if (cycles->component[edge->to] != cycles->component[member])
            continue;
        ++*inside;
        if (!orr_cycle_kinds_edge(&cycles->kinds, cycles->dead[member], edge->field,
                                  cycles->dead[edge->to]))
            return false;
    }
    return true;
}

static bool
find_kind(struct cycles *cycles, uint32_t begin, uint32_t end)
{
    uint64_t inside = 0;
    for (uint32_t i = begin; i < end; i++)
        if (!tell_edges(cycles, cycles->members[i], &inside))
            return false;
    if (inside == 0)
        return true; /* one object that does not refer to itself */
    for (uint32_t i = begin; i < end; i++)
        orr_cycle_kinds_object(&cycles->kinds, cycles->dead[cycles->members[i]]);
    uint32_t kind = orr_cycle_kinds_close(&cycles->kinds);
    for (uint32_t i = begin; i < end; i++)
        cycles->kind[cycles->members[i]] = kind;
    return kind != ORR_CYCLE_KIND_NONE;
}

static bool
find_kinds(struct cycles *cycles)
{
    for (uint32_t begin = 0, end; begin < cycles->count; begin = end) {
        end = component_end(cycles, begin);
        if (!find_kind(cycles, begin, end))
            return false;
    }
    return true;
}

/* The members of a cycle, and what hangs from it, pass their kind on to what hangs from them. A
 * cycle has its kind already, whatever leads to it. */
static void
pass_on(struct cycles *cycles, uint32_t member, const uint8_t *is_on_cycle)
{
    uint32_t kind = cycles->kind[member];
    for (uint64_t k = cycles->first_edge[member]; k < cycles->first_edge[member + 1]; k++) {
        uint32_t to = cycles->edges[k].to;
        if (is_on_cycle[to])
            continue;
        cycles->kind[to] = cycles->kind[to] == ORR_CYCLE_KIND_NONE || cycles->kind[to] == kind
                               ? kind
                               : KIND_SHARED;
    }
}

static bool
find_hanging(struct cycles *cycles)
{
    uint8_t *is_on_cycle = orr_allocate((size_t)cycles->count + 1);
    if (!is_on_cycle)
        return false;
    for (uint32_t i = 0; i < cycles->count; i++)
        is_on_cycle[i] = cycles->kind[i] != ORR_CYCLE_KIND_NONE;
    for (uint32_t i = cycles->count; i-- > 0;) {
        uint32_t member = cycles->members[i];
        if (cycles->kind[member] == ORR_CYCLE_KIND_NONE)
            cycles->kind[member] = KIND_SHARED; /* nobody holds it: it dies of something else */
        pass_on(cycles, member, is_on_cycle);
        if (is_on_cycle[member] || cycles->kind[member] == KIND_SHARED)
            continue;
        struct orr_cycle_kind *kind = &cycles->kinds.kinds[cycles->kind[member]];
        kind->hanging_objects++;
        kind->hanging_bytes += orr_object_bytes(cycles->dead[member]);
    }
    orr_deallocate(is_on_cycle);
    return true;
}

/* --- the report ------------------------------------------------------------------------------- */

static void
fini(struct cycles *cycles)
{
    orr_cycle_kinds_fini(&cycles->kinds);
    orr_deallocate(cycles->dead);
    orr_deallocate(cycles->first_edge);
    orr_deallocate(cycles->edges);
    orr_deallocate(cycles->visit);
    orr_deallocate(cycles->low);
    orr_deallocate(cycles->stack);
    orr_deallocate(cycles->frames);
    orr_deallocate(cycles->members);
    orr_deallocate(cycles->component);
    orr_deallocate(cycles->kind);
}

static bool
look(struct orr_thread *thread, struct cycles *cycles)
{
    if (!orr_cycle_kinds_init(&cycles->kinds))
        return false;
    struct orr_look at = orr_look_begin(thread);
    bool has_memory = orr_census_take(&cycles->census, &at);
    if (has_memory) {
        orr_census_find_holds(&cycles->census, NULL);
        has_memory = find_living(&cycles->census) && list_dead(cycles) && copy_edges(cycles) &&
                     find_components(cycles) && find_kinds(cycles) && find_hanging(cycles);
    }
    orr_census_end(&cycles->census);
    orr_look_end(&at);
    return has_memory;
}

/* The report, and how much garbage there is in all. */
static enum orr_status
report(struct orr_thread *thread, struct orr_cycle_row **rows, uint64_t *count,
       struct orr_type_row *garbage, struct orr_error *error)
{
    enum orr_status status = orr_look_check(thread->heap, "cycles cannot be found", error);
    if (status != ORR_OK)
        return status;
    struct cycles cycles = {0};
    struct orr_cycle_row *found = NULL;
    bool has_memory = look(thread, &cycles);
    if (has_memory && cycles.kinds.count > 0) {
        found = orr_cycle_kinds_rows(&cycles.kinds);
        has_memory = found != NULL;
    }
    if (has_memory) {
        *rows = found;
        *count = cycles.kinds.count;
        *garbage = (struct orr_type_row){.objects = cycles.count, .bytes = cycles.bytes};
    }
    fini(&cycles);
    return has_memory ? ORR_OK : orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to look for cycles");
}

enum orr_status
orr_cycle_report(struct orr_thread *thread, struct orr_cycle_row **rows, uint64_t *count,
                 struct orr_error *error)
{
    struct orr_type_row garbage;
    return report(thread, rows, count, &garbage, error);
}

/* --- for people ------------------------------------------------------------------------------- */

static void
print_field(FILE *file, const struct orr_cycle_edge *edge)
{
    if (edge->field == ORR_FIELD_ELEMENT)
        fprintf(file, "%s[]", edge->from->name);
    else if (edge->field == ORR_FIELD_WEAK_MAP)
        fprintf(file, "%s in a weak map", edge->from->name);
    else
        fprintf(file, "%s.%" PRIu32, edge->from->name, edge->field);
}

static void
print_row(FILE *file, const struct orr_cycle_row *row, uint64_t garbage_bytes)
{
    uint64_t bytes = row->bytes + row->hanging_bytes;
    fprintf(file, "%4.0f %% %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "  ",
            100.0 * (double)bytes / (double)garbage_bytes, row->components,
            row->objects + row->hanging_objects, bytes);
    if (row->type_count == 1)
        fprintf(file, "%s", row->types[0]->name);
    for (uint32_t i = 0; row->type_count > 1 && i < row->type_count; i++)
        fprintf(file, "%s%s", i ? " <-> " : "", row->types[i]->name);
    fprintf(file, "%s through ", row->types_total > row->type_count ? " <-> ..." : "");
    for (uint32_t i = 0; i < row->edge_count; i++) {
        fprintf(file, "%s", i ? ", " : "");
        print_field(file, &row->edges[i]);
    }
    fprintf(file, "%s\n", row->edges_total > row->edge_count ? ", ..." : "");
}

enum orr_status
orr_cycle_print(struct orr_thread *thread, FILE *file, struct orr_error *error)
{
    struct orr_cycle_row *rows;
    struct orr_type_row garbage;
    uint64_t count;
    enum orr_status status = report(thread, &rows, &count, &garbage, error);
    if (status != ORR_OK)
        return status;
    uint64_t rest = garbage.objects;
    if (count == 0)
        fprintf(file, "no cycles of garbage\n");
    else
        fprintf(file,
                "%" PRIu64 " objects, %" PRIu64 " bytes of garbage\n%6s %10s %10s %12s  kind\n",
                garbage.objects, garbage.bytes, "share", "cycles", "objects", "bytes");
    for (uint64_t i = 0; i < count; i++) {
        print_row(file, &rows[i], garbage.bytes);
        rest -= rows[i].objects + rows[i].hanging_objects;
    }
    if (rest > 0)
        fprintf(file,
                "%" PRIu64 " more object%s hang%s from cycles of several kinds, or from none\n",
                rest, rest == 1 ? "" : "s", rest == 1 ? "s" : "");
    orr_rows_free(rows);
    return fflush(file) == 0 && !ferror(file)
               ? ORR_OK
               : orr_fail(error, ORR_BAD_INPUT, "the table of cycles cannot be written");
}
