/* weak.h - weak references: objects that know another without keeping it alive.
 *
 * A weak reference is an object of this heap (type orr_weak_type): it is counted, stored in slots and collected
 * like any other. It refers to its referent without a count, through a cell that all weak references to one
 * referent share, so that they are cleared by one store.
 *
 *     struct orr_object *weak = orr_weak_new(thread, node, NULL, NULL, NULL);
 *     // ...
 *     struct orr_object *held = orr_weak_get(thread, weak); // mutator.h
 *     if (held) { use(held); orr_release(thread, held); }
 *
 * When a referent dies by its last release: its finalizer runs (weak references still work, and stay valid if
 * it resurrects); then all weak references to it are cleared; then their callbacks run; then it is freed.
 * When it dies in a cycle: all weak references to all of the garbage are cleared, with the world stopped; then
 * callbacks of those that are not garbage themselves; then finalizers. Rules 44 to 58.
 *
 * sync        publishes                                  observes                                 then visible
 * weak-cell   set: orr_slot_unlock, release              upgrade: orr_slot_lock, acquire          the referent, alive
 *
 * One table for all heaps finds a referent's cell, because an object knows its address but not its heap.
 *
 * Threads: any attached, running thread. Creation and death take the table's lock for a few instructions; an
 * upgrade takes only the cell's bit, and none where the strategy knows better.
 * Progress: an upgrade is blocking for the length of another's retain; wait-free for the owner under biased.
 */
#ifndef ORR_RUNTIME_WEAK_H
#define ORR_RUNTIME_WEAK_H

#include "runtime/platform.h"
#include "runtime/thread.h"

extern const struct orr_type orr_weak_type;

/* Called once, after the referent's death, with the weak reference, which is cleared by then and alive for the
 * call. It may do what a finalizer may (object.h). */
typedef void orr_weak_callback(struct orr_thread *thread, struct orr_object *weak, void *argument);

struct orr_ephemeron; /* an entry of a weak map (weakmap.h) */

/* A referent has up to one of each. */
enum orr_weak_cell_kind {
    ORR_WEAK_CELL,         /* for weak references; cleared first */
    ORR_WEAK_CELL_LATE,    /* for a class's weak references without callback: cleared later (rule 54) */
    ORR_WEAK_CELL_ENTRIES, /* for entries of weak maps (weakmap.h): in the table until the referent's memory
                            * goes, because their values hang from it even after they have been cleared */
    ORR_WEAK_CELL_KINDS
};

/* What all weak references to one referent share. The table's lock guards what is not atomic. */
struct orr_weak_cell {
    struct orr_slot referent; /* uncounted; locked as a slot is; bit 1: dead or dying, not to be had; 0: cleared */
    _Atomic(uint32_t) owner;  /* biased: the id of the owner while the referent is unmerged, else 0 */
    struct orr_heap *heap;
    const struct orr_object *key; /* the referent's address while the table has this cell, else null */
    struct orr_weak *weaks;   /* the shared one, then newest first */
    struct orr_ephemeron *ephemerons; /* in the cell for them: entries of weak maps */
    struct orr_weak_cell *next, **link; /* in its bucket; once out of the table, among the cleared */
    enum orr_weak_cell_kind kind;
};

#define ORR_WEAK_DYING ((uintptr_t)2)

/* A weak reference, as the runtime sees it. */
struct orr_weak {
    struct orr_object header;
    struct orr_slot context;          /* counted; for the callback's use; may be null */
    struct orr_weak_cell *cell;       /* constant until it dies, or lies in garbage */
    struct orr_weak *next, **link;    /* in the cell; link null: in none */
    orr_weak_callback *callback;
    void *argument;
    struct orr_slot pending;          /* counted: the next whose callback is to run (thread->called_weaks) */
    bool is_shared;                   /* by all who ask without a callback */
};

/* A weak reference to an object that the caller holds (not to a weak reference: null). Counted; a safepoint.
 * Without a callback it may be one that exists already. `context` is retained, and held by the caller until then like
 * the referent; null: none. Null: no memory, nothing done. Rules 51, 52. Mode: publishes the referent (rc.h); if that
 * is in a merge queue, it stays there and its merge is as always. */
struct orr_object *orr_weak_new(struct orr_thread *thread, struct orr_object *referent,
                                orr_weak_callback *callback, void *argument,
                                struct orr_object *context);

/* As orr_weak_get of mutator.h, for files that are not compiled per strategy. */
struct orr_object *orr_weak_get_any(struct orr_thread *thread, struct orr_object *weak);

/* How many weak references to the object there are; and up to `most` of them, counted. Rule 51. Where a collector marks
 * from linked locals, those that are to be asked after a safepoint must lie in some. */
uint64_t orr_weak_count(struct orr_thread *thread, struct orr_object *referent);
uint64_t orr_weak_list(struct orr_thread *thread, struct orr_object *referent,
                       struct orr_object **weaks, uint64_t most);

/* Whether the object is a weak reference. */
bool orr_is_weak(const struct orr_object *object);
/* Whether it is one that orr_weak_new has not filled yet. World stopped. */
bool orr_weak_is_unborn(const struct orr_object *object);

/* --- for the runtime -------------------------------------------------------------------------------- */

/* Forgets what is left of a heap that is destroyed. */
void orr_weaks_close(struct orr_heap *heap);
/* Brackets a fork (fork.h): nobody is inside the table meanwhile. */
void orr_weaks_lock(void);
void orr_weaks_unlock(void);
/* Whether any heap has ever had a weak reference or a weak map value: else collectors need not look. */
bool orr_weaks_any(void);
/* How many cells the heap has: referents with weak references or weak map values. */
uint64_t orr_weak_cells(struct orr_heap *heap);

/* A published object's count has become zero; before its count words are used for anything else. A referent's
 * cells become unavailable; a weak reference leaves its cell. Any thread, not a safepoint. */
void orr_weak_suspend(struct orr_thread *thread, struct orr_object *object);
/* The object lives again, held by the caller. */
void orr_weak_resume(struct orr_thread *thread, struct orr_object *object);
/* A referent is about to be merged, or to become immortal: its owner is nobody special any more. */
void orr_weak_disown(struct orr_object *object);

/* Clears all weak references to an object that is certain to die. Those with a callback that still live are
 * held and put in front of thread->called_weaks, for orr_weak_call_all. With the world stopped, members of
 * garbage (by colour) are passed over; `classes` false leaves what ORR_TYPE_CLASS postpones. A weak reference
 * itself leaves its cell. */
void orr_weak_clear(struct orr_thread *thread, struct orr_object *object, bool classes);
/* The published object's memory is about to be given back: what hung from it in weak maps is forgotten (its
 * values have been dropped as all that it referred to). */
void orr_weak_end(struct orr_object *object);
/* Runs callbacks from thread->called_weaks until `until`, which was its head before. A safepoint. */
void orr_weak_call_all(struct orr_thread *thread, struct orr_object *until);

/* A counted reference to a cell's referent, or null. */
struct orr_object *orr_weak_upgrade(struct orr_thread *thread, struct orr_weak_cell *cell);

/* For weakmap.c, under orr_weaks_lock: the object's cell for entries, or null; the same, made if there is none (the
 * caller holds the object and has published it; null: no memory); and the end of a cell that nobody needs any
 * more. */
struct orr_weak_cell *orr_weak_cell_find(const struct orr_object *object);
struct orr_weak_cell *orr_weak_cell_obtain(struct orr_thread *thread, struct orr_object *object);
void orr_weak_cell_settle(struct orr_weak_cell *cell);

/* Implemented by weakmap.c, under the lock. The referent is certain to die, or a collection has found it dead:
 * its entries leave their maps. Then either its memory goes, and with it the entries, whose values are not
 * released; or a finalizer has saved it, and they are (reap: without the lock; a safepoint). */
void orr_ephemerons_clear(struct orr_weak_cell *cell);
void orr_ephemerons_forget(struct orr_weak_cell *cell);
void orr_ephemerons_reap(struct orr_thread *thread, struct orr_object *object);
/* The whole heap goes and no object may be looked at: frees a cell's entries, and the heap's maps. */
void orr_ephemerons_close(struct orr_weak_cell *cell);
void orr_weak_maps_close(struct orr_heap *heap);

#endif
