/* inspect.h - a view into the heap: what is there, who refers to whom, why something is alive.
 *
 * Each function stops the world for as long as it looks, and returns counted references, which the caller
 * releases. They are safe at any time, also in finalizers and callbacks, on any thread: what a collection that
 * is under way has claimed (garbage between proof and freeing, the dying) is passed over, and nothing of the
 * collector's own state is touched (CPython issue 125859 is the other way). Rules 23 to 30, 65.
 *
 *     struct orr_object **list;
 *     uint64_t count;
 *     if (orr_objects(thread, ORR_GENERATION_ANY, &list, &count, &error) == ORR_OK) {
 *         ...
 *         orr_objects_free(thread, list, count);
 *     }
 *
 * ORR_NOT_APPLICABLE where the heap cannot be walked; ORR_OUT_OF_MEMORY.
 * Threads: the calling thread is attached and running; every function but is_tracked and is_finalized is a
 * safepoint.
 */
#ifndef ORR_RUNTIME_INSPECT_H
#define ORR_RUNTIME_INSPECT_H

#include "runtime/heap.h"

#include <stdio.h>

enum { ORR_GENERATION_ANY = -1 };

/* Whether collectors look at the object: false for types that cannot lie on cycles (ORR_TYPE_ACYCLIC). */
bool orr_is_tracked(const struct orr_object *object);
/* Whether its finalizer has run, and it is alive all the same or dying; false for types without one. Rule 30. */
bool orr_is_finalized(const struct orr_object *object);
/* The caller holds the object. */
bool orr_is_frozen(const struct orr_object *object);

/* All tracked objects, or those of one generation (of a collector without generations: all, rule 65), each
 * with a reference for the caller. ORR_BAD_INPUT: no such generation. Rules 7, 26. */
enum orr_status orr_objects(struct orr_thread *thread, int generation, struct orr_object ***list,
                            uint64_t *count, struct orr_error *error);
/* Releases the references, and the list. */
void orr_objects_free(struct orr_thread *thread, struct orr_object **list, uint64_t count);

/* Objects that refer directly to `object`, each once. */
enum orr_status orr_referrers(struct orr_thread *thread, struct orr_object *object,
                              struct orr_object ***list, uint64_t *count, struct orr_error *error);
/* What `object` refers to: exactly the edges its type traces, duplicates kept; of an untracked one, nothing.
 * Works on every heap. Rule 24. */
enum orr_status orr_referents(struct orr_thread *thread, struct orr_object *object,
                              struct orr_object ***list, uint64_t *count, struct orr_error *error);

/* Calls visit on every living object, frozen and untracked ones too, world stopped: visit must not call the
 * runtime. Ends early when it returns false. Rule 29. */
enum orr_status orr_visit_all(struct orr_thread *thread,
                              bool (*visit)(struct orr_object *object, void *argument),
                              void *argument, struct orr_error *error);

/* Objects and bytes by type, most bytes first. The caller frees *rows with orr_rows_free. */
struct orr_type_row {
    const struct orr_type *type;
    uint64_t objects, bytes;
};
enum orr_status orr_type_histogram(struct orr_thread *thread, struct orr_type_row **rows,
                                   uint64_t *count, struct orr_error *error);
void orr_rows_free(void *rows);

/* What cycles there are among objects that nothing outside them holds: garbage that a collection would
 * find now. One row per kind of cycle: the types of a strongly connected component and the edges
 * (type, field, type) inside it; most bytes first. */
struct orr_cycle_edge {
    const struct orr_type *from, *to;
    uint32_t field; /* number of the slot in `from`; of an array, ORR_FIELD_ELEMENT */
    uint64_t count; /* such edges inside such components */
};
enum { ORR_CYCLE_EDGES = 8, ORR_CYCLE_TYPES = 8 };
#define ORR_FIELD_ELEMENT 0xffffffffu
struct orr_cycle_row {
    uint64_t components, objects, bytes; /* of the components themselves */
    uint64_t hanging_objects, hanging_bytes; /* garbage only they hold, in no component */
    uint32_t type_count, edge_count; /* at most the constants above; the most frequent */
    const struct orr_type *types[ORR_CYCLE_TYPES];
    struct orr_cycle_edge edges[ORR_CYCLE_EDGES];
};
enum orr_status orr_cycle_report(struct orr_thread *thread, struct orr_cycle_row **rows,
                                 uint64_t *count, struct orr_error *error);
/* The same as a table for people: "Node <-> Edge through field 2: 81 % of the garbage". */
enum orr_status orr_cycle_print(struct orr_thread *thread, FILE *file, struct orr_error *error);

/* Why the object is alive: a shortest path to it from outside the heap. step[0].object is held by a root, a
 * linked local, or (where the strategy counts) by more references than the heap has; each further one by
 * `field` of the one before; the last is the object. Counted references, freed by orr_path_free. *count 0: it
 * is garbage. */
enum orr_hold { ORR_HOLD_ROOT, ORR_HOLD_LOCAL, ORR_HOLD_IMMORTAL, ORR_HOLD_OUTSIDE };
struct orr_path_step {
    struct orr_object *object;
    uint32_t field;     /* of the step before; ORR_FIELD_ELEMENT + element below for arrays */
    uint32_t element;
};
enum orr_status orr_why_alive(struct orr_thread *thread, struct orr_object *object,
                              enum orr_hold *hold, struct orr_path_step **steps, uint64_t *count,
                              struct orr_error *error);
void orr_path_free(struct orr_thread *thread, struct orr_path_step *steps, uint64_t count);

/* Writes the whole heap in the native format, which `orrery run replay` and `orrery import` read
 * (workloads/README.md): objects, types, references, roots. ORR_BAD_INPUT: the file cannot be written. */
enum orr_status orr_heap_dump(struct orr_thread *thread, const char *path,
                              struct orr_error *error);

#endif
