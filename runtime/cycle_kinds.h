/* cycle_kinds.h - kinds of cycles: what is the same about strongly connected components of garbage.
 *
 * Two components are of one kind when the sets of their inner edges (type, field, type) are equal,
 * however many objects each has. Components are told edge by edge and object by object, then
 * closed; kinds are counted up.
 *
 *     for each component:
 *         orr_cycle_kinds_edge(...) for its edges, orr_cycle_kinds_object(...) for its members
 *         kind = orr_cycle_kinds_close(...)
 *
 * Threads: one user at a time.
 */
#ifndef ORR_RUNTIME_CYCLE_KINDS_H
#define ORR_RUNTIME_CYCLE_KINDS_H

#include "runtime/inspect.h"

#define ORR_CYCLE_KIND_NONE UINT32_MAX

enum { ORR_CYCLE_KIND_CHAINS = 1024 }; /* of the table of kinds; a program has tens of kinds */

/* An edge as a number: type index of the holder, field, type index of the target. */
struct orr_cycle_tally {
    uint64_t edge; /* 0: empty; no type has index 0 */
    uint64_t count;
};

struct orr_cycle_kind {
    struct orr_cycle_tally *edges; /* ascending, so that sets can be compared */
    uint64_t *type_objects;        /* per distinct `from` of the edges, in that order */
    uint32_t edge_count, type_count;
    uint32_t next; /* in its chain; ORR_CYCLE_KIND_NONE: last */
    uint64_t hash;
    uint64_t components, objects, bytes, hanging_objects, hanging_bytes;
};

struct orr_cycle_kinds {
    struct orr_cycle_kind *kinds;
    uint32_t count, room;
    uint32_t chains[ORR_CYCLE_KIND_CHAINS];
    /* The component being told. */
    struct orr_cycle_tally *tallies; /* open addressing by edge */
    uint64_t mask;
    uint64_t *edges; /* those in the table */
    uint64_t edge_count;
    uint64_t *type_objects; /* by type index */
    uint64_t objects, bytes;
};

/* False: no memory. Fini may follow either way. */
bool orr_cycle_kinds_init(struct orr_cycle_kinds *kinds);
void orr_cycle_kinds_fini(struct orr_cycle_kinds *kinds);

/* An edge inside the component being told; false: no memory. */
bool orr_cycle_kinds_edge(struct orr_cycle_kinds *kinds, const struct orr_object *from,
                          uint32_t field, const struct orr_object *to);
/* A member of it. */
void orr_cycle_kinds_object(struct orr_cycle_kinds *kinds, const struct orr_object *object);
/* Ends it. Returns the number of its kind, ORR_CYCLE_KIND_NONE: no memory. */
uint32_t orr_cycle_kinds_close(struct orr_cycle_kinds *kinds);

/* The rows of the report, most bytes first; null: no memory, or no kinds. */
struct orr_cycle_row *orr_cycle_kinds_rows(const struct orr_cycle_kinds *kinds);

#endif
