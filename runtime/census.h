/* census.h - the objects of a stopped heap, numbered, and which of them something outside the heap
 * holds.
 *
 * What looks at the heap as a graph (cycles.c, why.c, dump.c) takes a census first: a table of its
 * own from address to number, beside which each keeps its arrays. Nothing of the collector's is
 * read or written but an object's colour, and that only for the two values that all collectors
 * share (object.h). Objects that a collection has claimed, and the dying, are in no census; what
 * they refer to counts as held from outside.
 *
 * Held from outside is what is immortal; what a root, a linked local or a dying object names; and,
 * under counting, what has more references counted than the census finds edges.
 *
 * object_map.h serves those who believe nothing, dead objects included; this one numbers the living
 * densely, so that arrays beside it have no holes.
 *
 * Memory while the census lasts: 13 bytes per object and an eighth of the objects' bytes, or 6 to 12
 * bytes more per object where objects lie too far apart for a table by address.
 * Threads: the stopper's, between orr_look_begin and orr_look_end.
 */
#ifndef ORR_RUNTIME_CENSUS_H
#define ORR_RUNTIME_CENSUS_H

#include "runtime/inspect.h"

/* --- looking ---------------------------------------------------------------------------------- */

/* A look at the heap, from the stop of the world to its going on. */
struct orr_look {
    struct orr_thread *thread;
    uint64_t start_ns;
    bool has_finalizing; /* some thread runs the finalizer of an object after its last release */
};

/* Comes to a safepoint, stops the world and settles counts. The caller has not stopped the world
 * already (required). */
struct orr_look orr_look_begin(struct orr_thread *thread);
/* Lets the world run, and notes the pause of the calling thread. */
void orr_look_end(const struct orr_look *look);

/* ORR_OK, or ORR_NOT_APPLICABLE: the heap cannot be walked, so `consequence`. */
enum orr_status orr_look_check(const struct orr_heap *heap, const char *consequence,
                               struct orr_error *error);

bool orr_is_finalizing(const struct orr_heap *heap, const struct orr_object *object);

/* Whether the object is dying, or garbage between proof and freeing. World stopped. */
static inline bool
orr_is_claimed(const struct orr_object *object)
{
    return orr_is_corpse(object) ||
           orr_load_relaxed(&object->colour) == ORR_COLOUR_GARBAGE; /* relaxed: stopped */
}

/* Whether inspection passes the object over: it is claimed, or under its finalizer after its last
 * release, so that what a finalizer sees does not depend on how its object died. */
static inline bool
orr_is_hidden(const struct orr_look *look, const struct orr_object *object)
{
    return orr_is_claimed(object) || (__builtin_expect(look->has_finalizing, 0) &&
                                      orr_is_finalizing(look->thread->heap, object));
}

/* Calls visit for each reference of the object that is not null, with the number of its slot: of an
 * array the element, of an irregular type the place in what its trace reports, ORR_FIELD_WEAK_MAP
 * for the value of a weak map whose key the object is. World stopped. */
void orr_edges_visit(struct orr_object *object,
                     void (*visit)(struct orr_object *child, uint32_t field, void *argument),
                     void *argument);

/* --- the census ------------------------------------------------------------------------------- */

#define ORR_CENSUS_NONE UINT32_MAX
#define ORR_CENSUS_MOST ((uint64_t)UINT32_MAX - 2) /* objects */

enum { ORR_NOT_HELD = 0xff }; /* in `hold` */

struct orr_census {
    const struct orr_look *look;
    uint32_t count;              /* objects */
    struct orr_object **objects; /* by number: the order of the heap's walk */
    uint32_t *references;        /* edges found to each object, once holds are found */
    uint8_t *hold;               /* enum orr_hold, or ORR_NOT_HELD */
    uint32_t *table;             /* number + 1; 0: empty */
    uintptr_t base;  /* direct: address of the first object; the table is by 32 bytes from there */
    uint64_t places; /* in the table; hashed: a power of two */
    bool is_hashed;
};

/* Numbers all living objects. False: no memory; then there is nothing to end. The heap can be
 * walked. */
bool orr_census_take(struct orr_census *census, const struct orr_look *look);
void orr_census_end(struct orr_census *census);

/* The object's number, or ORR_CENSUS_NONE for what is claimed or no object. */
uint32_t orr_census_number(const struct orr_census *census, const struct orr_object *object);

/* Fills references and hold. One reference to `own`, which may be null, is the looking thread's and
 * does not count: the newest of its linked locals that names it, and one of the counted. */
void orr_census_find_holds(struct orr_census *census, struct orr_object *own);

#endif
