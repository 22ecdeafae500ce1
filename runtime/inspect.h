/* inspect.h - a view into the heap: what is there, who refers to whom, why something is alive.
 *
 * Each function stops the world for as long as it looks, and returns counted references, which the
 * caller releases by the function named beside it. They are safe at any time, also in finalizers
 * and callbacks, on any thread: what a collection that is under way has claimed (garbage between
 * proof and freeing), what runs its finalizer, and the dying are passed over, and nothing of the
 * collector's own state is touched (CPython issue 125859 is the other way). Rules 23 to 30, 65.
 *
 *     struct orr_object **list;
 *     uint64_t count;
 *     if (orr_objects(thread, ORR_GENERATION_ANY, &list, &count, &error) == ORR_OK) {
 *         // ...
 *         orr_objects_free(thread, list, count);
 *     }
 *
 * Where collectors find the living by roots, what a list or a path names is held by roots too,
 * until it is freed: no local is needed.
 *
 * Every function but orr_referents wants a heap that can be walked: ORR_NOT_APPLICABLE elsewhere
 * (mimalloc). ORR_OUT_OF_MEMORY: nothing was done. Where a function fails, its results are as they
 * were; where it succeeds and finds nothing, the list is null, and freeing it does no harm. *error
 * may be null.
 *
 * Threads: the calling thread is attached and running, and has not stopped the world; every
 * function that takes a thread is a safepoint. The objects that are passed in are held by the
 * caller.
 * Cost: a pass over the heap with the world stopped (orr_referents: the object alone), several for
 * cycles, paths and dumps, which take some 30 bytes per object while they last.
 */
#ifndef ORR_RUNTIME_INSPECT_H
#define ORR_RUNTIME_INSPECT_H

#include "runtime/heap.h"

#include <stdio.h>

enum { ORR_GENERATION_ANY = -1 };

/* --- one object ------------------------------------------------------------------------------- */

/* Whether collectors look at the object: false for types that cannot lie on cycles
 * (ORR_TYPE_ACYCLIC). Rule 23. */
bool orr_is_tracked(const struct orr_object *object);
/* Whether its finalizer has run, and it is alive all the same or dying; false for untracked objects
 * and for types without one. Rule 30. */
bool orr_is_finalized(const struct orr_object *object);
/* Whether it is in the permanent set (gc.h). */
bool orr_is_frozen(const struct orr_object *object);

/* --- lists ------------------------------------------------------------------------------------ */

/* All tracked objects, frozen ones too; or those of one generation (frozen ones are in none), where
 * the collector keeps generations apart; of other collectors each generation is all (rule 65). In
 * the order of the heap's walk. ORR_BAD_INPUT: there is no such generation. Rules 7, 26. */
enum orr_status orr_objects(struct orr_thread *thread, int generation, struct orr_object ***list,
                            uint64_t *count, struct orr_error *error);
/* Releases the references of a list, and the list; what they kept alive may die. Null is fine. */
void orr_objects_free(struct orr_thread *thread, struct orr_object **list, uint64_t count);

/* Objects that refer directly to `object`, each once; untracked ones too, and the object itself. A
 * value of a weak map is referred to by its key. Freed by orr_objects_free. Rule 25. */
enum orr_status orr_referrers(struct orr_thread *thread, struct orr_object *object,
                              struct orr_object ***list, uint64_t *count, struct orr_error *error);
/* What `object` refers to: exactly the edges its type traces, duplicates kept, in that order; of an
 * untracked one, nothing. Works on every heap. A finalizer that asks about an object of its own
 * garbage gets its neighbours, which are whole. Freed by orr_objects_free. Rule 24. */
enum orr_status orr_referents(struct orr_thread *thread, struct orr_object *object,
                              struct orr_object ***list, uint64_t *count, struct orr_error *error);

/* Calls visit on every living object, frozen and untracked ones too, world stopped: visit must not
 * call the runtime, but for what says that it needs no thread. Ends early when it returns false,
 * which is no error. Needs no memory. Rule 29. */
enum orr_status orr_visit_all(struct orr_thread *thread,
                              bool (*visit)(struct orr_object *object, void *argument),
                              void *argument, struct orr_error *error);

/* --- by type ---------------------------------------------------------------------------------- */

struct orr_type_row {
    const struct orr_type *type;
    uint64_t objects, bytes; /* bytes with headers, not rounded to cells */
};
/* Objects and bytes by type, of all living objects, most bytes first. The caller frees *rows with
 * orr_rows_free. */
enum orr_status orr_type_histogram(struct orr_thread *thread, struct orr_type_row **rows,
                                   uint64_t *count, struct orr_error *error);
/* Frees rows of any kind; they hold no references. Null is fine. Any thread. */
void orr_rows_free(void *rows);

/* --- cycles ----------------------------------------------------------------------------------- */

/* A slot, where a number cannot name it. */
#define ORR_FIELD_ELEMENT 0xffffffffu  /* of an array */
#define ORR_FIELD_WEAK_MAP 0xfffffffeu /* value of a weak map whose key the object is */

struct orr_cycle_edge {
    const struct orr_type *from, *to;
    uint32_t field; /* slot of `from`, from 0; of an irregular type, in the order of its trace */
    uint64_t count; /* such edges inside such components */
};
enum { ORR_CYCLE_EDGES = 8, ORR_CYCLE_TYPES = 8 };
struct orr_cycle_row {
    uint64_t components, objects, bytes;     /* of the components themselves */
    uint64_t hanging_objects, hanging_bytes; /* garbage only they hold, in no component */
    uint32_t types_total, edges_total;       /* distinct ones */
    uint32_t type_count, edge_count;         /* shown here, most frequent first */
    const struct orr_type *types[ORR_CYCLE_TYPES];
    struct orr_cycle_edge edges[ORR_CYCLE_EDGES];
};
/* What cycles there are among objects that nothing outside them holds: garbage that a collection
 * would find now. Held from outside is what more references are counted to than the heap's own
 * objects hold, what is immortal or frozen, and what a root or a linked local names (under
 * `tracing`, that alone), and all that these reach. One row per kind of cycle, which is the set of
 * edges (type, field, type) inside a strongly connected component; most bytes first, those that
 * hang from the cycles included. orr_rows_free frees them. */
enum orr_status orr_cycle_report(struct orr_thread *thread, struct orr_cycle_row **rows,
                                 uint64_t *count, struct orr_error *error);
/* The same as a table for people: "81 % ... Node <-> Edge through Node.2, Edge.0". ORR_BAD_INPUT:
 * the file cannot be written. */
enum orr_status orr_cycle_print(struct orr_thread *thread, FILE *file, struct orr_error *error);

/* --- paths ------------------------------------------------------------------------------------ */

enum orr_hold {
    ORR_HOLD_ROOT,     /* a registered root; lists and paths may be some, see above */
    ORR_HOLD_LOCAL,    /* a linked local */
    ORR_HOLD_IMMORTAL, /* it was made to live for ever */
    /* More references are counted than the heap has: a local that is not linked, a buffer of the
     * program's; or a dying object refers to it, or one that a collection has claimed. */
    ORR_HOLD_OUTSIDE,
    ORR_HOLD_FROZEN /* nothing, but it is in the permanent set, where no collection looks */
};
struct orr_path_step {
    struct orr_object *object;
    uint32_t field;   /* of the step before, as in struct orr_cycle_edge; 0 in the first */
    uint32_t element; /* if field is ORR_FIELD_ELEMENT */
};
/* Why the object is alive: a shortest path to it from outside the heap. steps[0].object is held as
 * *hold says; each further one by `field` of the one before; the last is the object. One reference
 * that the caller holds to it, in its newest linked local that does or counted only, is no reason:
 * otherwise that would always be the answer. *count 0, and *hold unchanged: nothing else keeps it,
 * it is garbage but for the caller. Counted references, freed by orr_path_free. */
enum orr_status orr_why_alive(struct orr_thread *thread, struct orr_object *object,
                              enum orr_hold *hold, struct orr_path_step **steps, uint64_t *count,
                              struct orr_error *error);
/* Releases the references of a path, and the path. Null is fine. */
void orr_path_free(struct orr_thread *thread, struct orr_path_step *steps, uint64_t count);

/* --- the whole heap --------------------------------------------------------------------------- */

/* Writes the whole heap in the native format (heap_file.h), which `orrery run replay` reads: all
 * living objects with their types, payload and references, and as roots what is held from outside.
 * The world is stopped while the graph is copied to memory, not while it is written. Under the name
 * there is the old file or the whole new one. ORR_BAD_INPUT: the file cannot be written, or no
 * object lives. */
enum orr_status orr_heap_dump(struct orr_thread *thread, const char *path, struct orr_error *error);

#endif
