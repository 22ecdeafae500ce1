/* cycle_kinds.c - sets of edges, compared and counted. */
#include "runtime/cycle_kinds.h"

#include <stdlib.h>
#include <string.h>

/* --- an edge as a number ---------------------------------------------------------------------- */

static uint64_t
edge_number(uint32_t from, uint32_t field, uint32_t to)
{
    return (uint64_t)from << 48 | (uint64_t)field << 16 | to;
}

static uint32_t
edge_from(uint64_t edge)
{
    return (uint32_t)(edge >> 48);
}

static struct orr_cycle_edge
edge_of(const struct orr_cycle_tally *tally)
{
    return (struct orr_cycle_edge){.from = orr_type_table[edge_from(tally->edge)],
                                   .to = orr_type_table[tally->edge & 0xffff],
                                   .field = (uint32_t)(tally->edge >> 16),
                                   .count = tally->count};
}

static_assert(ORR_TYPES_MAX == 1 << 16, "a type index is 16 bits of an edge");

/* --- the component being told ----------------------------------------------------------------- */

static struct orr_cycle_tally *
tally_of(const struct orr_cycle_kinds *kinds, uint64_t edge)
{
    uint64_t i = edge * 0x9e3779b97f4a7c15u >> 20 & kinds->mask;
    while (kinds->tallies[i].edge && kinds->tallies[i].edge != edge)
        i = (i + 1) & kinds->mask;
    return &kinds->tallies[i];
}

static bool
make_room(struct orr_cycle_kinds *kinds)
{
    uint64_t room = kinds->tallies ? (kinds->mask + 1) * 2 : 64;
    struct orr_cycle_tally *old = kinds->tallies;
    struct orr_cycle_tally *tallies = orr_allocate(room * sizeof *tallies);
    uint64_t *edges = orr_reallocate(kinds->edges, room / 2 * sizeof *edges);
    if (edges)
        kinds->edges = edges;
    if (!tallies || !edges) {
        orr_deallocate(tallies);
        return false;
    }
    kinds->tallies = tallies;
    kinds->mask = room - 1;
    for (uint64_t i = 0; old && i < room / 2; i++)
        if (old[i].edge)
            *tally_of(kinds, old[i].edge) = old[i];
    orr_deallocate(old);
    return true;
}

bool
orr_cycle_kinds_edge(struct orr_cycle_kinds *kinds, const struct orr_object *from, uint32_t field,
                     const struct orr_object *to)
{
    /* relaxed, both: constant while they live */
    uint64_t edge = edge_number(orr_load_relaxed(&from->type), field, orr_load_relaxed(&to->type));
    struct orr_cycle_tally *tally = tally_of(kinds, edge);
    if (!tally->edge) {
        if (kinds->edge_count == (kinds->mask + 1) / 2) {
            if (!make_room(kinds))
                return false;
            tally = tally_of(kinds, edge);
        }
        tally->edge = edge;
        kinds->edges[kinds->edge_count++] = edge;
    }
    tally->count++;
    return true;
}

void
orr_cycle_kinds_object(struct orr_cycle_kinds *kinds, const struct orr_object *object)
{
    kinds->type_objects[orr_load_relaxed(&object->type)]++; /* relaxed: constant while it lives */
    kinds->objects++;
    kinds->bytes += orr_object_bytes(object);
}

/* --- kinds ------------------------------------------------------------------------------------ */

static int
compare_edges(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t
hash_edges(const struct orr_cycle_kinds *kinds)
{
    uint64_t hash = kinds->edge_count;
    for (uint64_t i = 0; i < kinds->edge_count; i++)
        hash = (hash ^ kinds->edges[i]) * 0x9e3779b97f4a7c15u ^ hash >> 29;
    return hash;
}

static bool
is_of_kind(const struct orr_cycle_kinds *kinds, const struct orr_cycle_kind *kind, uint64_t hash)
{
    bool is_same = kind->hash == hash && kind->edge_count == kinds->edge_count;
    for (uint64_t i = 0; is_same && i < kinds->edge_count; i++)
        is_same = kind->edges[i].edge == kinds->edges[i];
    return is_same;
}

/* A kind with the edges of the component being told, and no counts yet. */
static uint32_t
add_kind(struct orr_cycle_kinds *kinds, uint64_t hash)
{
    if (kinds->count == kinds->room) {
        uint32_t room = kinds->room ? kinds->room * 2 : 16;
        struct orr_cycle_kind *array = orr_reallocate(kinds->kinds, room * sizeof *array);
        if (!array)
            return ORR_CYCLE_KIND_NONE;
        kinds->kinds = array;
        kinds->room = room;
    }
    struct orr_cycle_kind kind = {.hash = hash, .edge_count = (uint32_t)kinds->edge_count};
    kind.edges = orr_allocate(kinds->edge_count * sizeof *kind.edges);
    for (uint32_t i = 0; kind.edges && i < kind.edge_count; i++) {
        kind.edges[i].edge = kinds->edges[i];
        kind.type_count += i == 0 || edge_from(kinds->edges[i]) != edge_from(kinds->edges[i - 1]);
    }
    kind.type_objects = kind.edges ? orr_allocate(kind.type_count * sizeof(uint64_t)) : NULL;
    if (!kind.type_objects) {
        orr_deallocate(kind.edges);
        return ORR_CYCLE_KIND_NONE;
    }
    uint32_t *chain = &kinds->chains[hash % ORR_CYCLE_KIND_CHAINS];
    kind.next = *chain;
    *chain = kinds->count;
    kinds->kinds[kinds->count] = kind;
    return kinds->count++;
}

static uint32_t
find_kind(struct orr_cycle_kinds *kinds)
{
    qsort(kinds->edges, kinds->edge_count, sizeof *kinds->edges, compare_edges);
    uint64_t hash = hash_edges(kinds);
    uint32_t number = kinds->chains[hash % ORR_CYCLE_KIND_CHAINS];
    while (number != ORR_CYCLE_KIND_NONE && !is_of_kind(kinds, &kinds->kinds[number], hash))
        number = kinds->kinds[number].next;
    return number != ORR_CYCLE_KIND_NONE ? number : add_kind(kinds, hash);
}

/* Places first: an edge is not found any more once one before it on its way is gone. */
static void
forget_edges(struct orr_cycle_kinds *kinds)
{
    for (uint64_t i = 0; i < kinds->edge_count; i++)
        kinds->edges[i] = (uint64_t)(tally_of(kinds, kinds->edges[i]) - kinds->tallies);
    while (kinds->edge_count > 0)
        kinds->tallies[kinds->edges[--kinds->edge_count]] = (struct orr_cycle_tally){0};
}

uint32_t
orr_cycle_kinds_close(struct orr_cycle_kinds *kinds)
{
    uint32_t number = find_kind(kinds);
    if (number == ORR_CYCLE_KIND_NONE)
        return number;
    struct orr_cycle_kind *kind = &kinds->kinds[number];
    kind->components++;
    kind->objects += kinds->objects;
    kind->bytes += kinds->bytes;
    for (uint32_t i = 0, type = 0; i < kind->edge_count; i++) {
        uint64_t edge = kind->edges[i].edge;
        uint64_t *members = &kinds->type_objects[edge_from(edge)];
        kind->edges[i].count += tally_of(kinds, edge)->count;
        type += i > 0 && edge_from(edge) != edge_from(kind->edges[i - 1].edge);
        kind->type_objects[type] += *members; /* no type is missed: each has an edge inside */
        *members = 0;
    }
    forget_edges(kinds);
    kinds->objects = kinds->bytes = 0;
    return number;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int
compare_rows(const void *left, const void *right)
{
    const struct orr_cycle_row *a = left, *b = right;
    uint64_t a_bytes = a->bytes + a->hanging_bytes, b_bytes = b->bytes + b->hanging_bytes;
    return (a_bytes < b_bytes) - (a_bytes > b_bytes);
}

/* Keeps the most frequent of the edges, most frequent first. */
static void
show_edges(const struct orr_cycle_kind *kind, struct orr_cycle_row *row)
{
    uint32_t shown = 0;
    for (uint32_t i = 0; i < kind->edge_count; i++) {
        uint32_t place = shown < ORR_CYCLE_EDGES ? shown++ : shown;
        while (place > 0 && row->edges[place - 1].count < kind->edges[i].count) {
            place--;
            if (place + 1 < ORR_CYCLE_EDGES)
                row->edges[place + 1] = row->edges[place];
        }
        if (place < ORR_CYCLE_EDGES)
            row->edges[place] = edge_of(&kind->edges[i]);
    }
    row->edge_count = shown;
}

/* The same with the types. */
static void
show_types(const struct orr_cycle_kind *kind, struct orr_cycle_row *row)
{
    uint64_t objects[ORR_CYCLE_TYPES];
    uint32_t shown = 0;
    for (uint32_t i = 0, type = 0; i < kind->edge_count; i++) {
        uint32_t from = edge_from(kind->edges[i].edge);
        if (i > 0 && from == edge_from(kind->edges[i - 1].edge))
            continue;
        uint64_t members = kind->type_objects[type++];
        uint32_t place = shown < ORR_CYCLE_TYPES ? shown++ : shown;
        while (place > 0 && objects[place - 1] < members) {
            place--;
            if (place + 1 < ORR_CYCLE_TYPES) {
                objects[place + 1] = objects[place];
                row->types[place + 1] = row->types[place];
            }
        }
        if (place < ORR_CYCLE_TYPES) {
            objects[place] = members;
            row->types[place] = orr_type_table[from];
        }
    }
    row->type_count = shown;
}

struct orr_cycle_row *
orr_cycle_kinds_rows(const struct orr_cycle_kinds *kinds)
{
    struct orr_cycle_row *rows = kinds->count ? orr_allocate(kinds->count * sizeof *rows) : NULL;
    for (uint32_t i = 0; rows && i < kinds->count; i++) {
        const struct orr_cycle_kind *kind = &kinds->kinds[i];
        rows[i] = (struct orr_cycle_row){.components = kind->components,
                                         .objects = kind->objects,
                                         .bytes = kind->bytes,
                                         .hanging_objects = kind->hanging_objects,
                                         .hanging_bytes = kind->hanging_bytes,
                                         .types_total = kind->type_count,
                                         .edges_total = kind->edge_count};
        show_types(kind, &rows[i]);
        show_edges(kind, &rows[i]);
    }
    if (rows)
        qsort(rows, kinds->count, sizeof *rows, compare_rows);
    return rows;
}

/* --- life ------------------------------------------------------------------------------------- */

bool
orr_cycle_kinds_init(struct orr_cycle_kinds *kinds)
{
    *kinds = (struct orr_cycle_kinds){0};
    memset(kinds->chains, 0xff, sizeof kinds->chains); /* ORR_CYCLE_KIND_NONE */
    kinds->type_objects = orr_allocate(ORR_TYPES_MAX * sizeof *kinds->type_objects);
    return kinds->type_objects && make_room(kinds);
}

void
orr_cycle_kinds_fini(struct orr_cycle_kinds *kinds)
{
    for (uint32_t i = 0; i < kinds->count; i++) {
        orr_deallocate(kinds->kinds[i].edges);
        orr_deallocate(kinds->kinds[i].type_objects);
    }
    orr_deallocate(kinds->kinds);
    orr_deallocate(kinds->tallies);
    orr_deallocate(kinds->edges);
    orr_deallocate(kinds->type_objects);
}
