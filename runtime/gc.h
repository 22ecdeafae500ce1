/* gc.h - the program's control over collections: Python's `gc` module for C.
 *
 * "Rule N" is a rule of tests/conformance/rules, which states and tests each of them for every collector.
 *
 * Three generations exist for every collector, as numbers: 0 youngest, 2 oldest. `generations` keeps objects
 * apart by them; the others validate the number, collect everything, and count under it (rule 65).
 *
 *     orr_gc_disable(heap);
 *     load(thread);                              // no collection starts by itself
 *     orr_gc_freeze(thread);                     // what is loaded is never looked at again
 *     orr_gc_enable(heap);
 *     struct orr_gc_result result;
 *     orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL);
 *     printf("%" PRIu64 " objects were unreachable\n", result.unreachable);
 *
 * Threads: every function may be called by any thread; those that take a thread, by that thread, attached
 * and running, at a safepoint. They leave its pending error (raise.h) as it was.
 */
#ifndef ORR_RUNTIME_GC_H
#define ORR_RUNTIME_GC_H

#include "runtime/heap.h"

enum { ORR_GENERATION_OLDEST = ORR_GENERATIONS - 1 };

/* --- whether and when --------------------------------------------------------------------------- */

/* Collections start by themselves (as the heap's trigger says), or not. Enabled at first. Requests are
 * obeyed either way. Rules 5, 13. */
void orr_gc_enable(struct orr_heap *heap);
void orr_gc_disable(struct orr_heap *heap);
bool orr_gc_is_enabled(const struct orr_heap *heap);

/* Thresholds: of net allocations for the trigger `count` (which a number other than 0 in the first place
 * chooses), of collections of the next younger generation for the others. 0 in the first place: nothing
 * starts by itself; the trigger's kind stays. Rule 12. */
void orr_gc_threshold_set(struct orr_heap *heap, const uint64_t thresholds[ORR_GENERATIONS]);
void orr_gc_threshold(const struct orr_heap *heap, uint64_t thresholds[ORR_GENERATIONS]);

/* [0] net allocations of tracked and other objects since the last collection, never below 0; [1] collections
 * of generation 0 since the last of generation 1; [2] likewise. Reading changes nothing. Rules 9, 11. Exact for
 * the calling thread's own allocations; what others did since their last slow path may be missing: null
 * thread for everybody's as of then. */
void orr_gc_count(struct orr_heap *heap, struct orr_thread *thread, uint64_t counts[ORR_GENERATIONS]);

/* The trigger (heap.h), at any time; the next look goes by it. */
void orr_gc_trigger_set(struct orr_heap *heap, const struct orr_trigger *trigger);
void orr_gc_trigger(const struct orr_heap *heap, struct orr_trigger *trigger);

/* A bound in bytes on uncollected garbage; 0: none. While collections are enabled, whatever the trigger: a
 * complete collection runs before the bytes that the program has taken since the last one exceed the bound,
 * so that what it has made and lost track of meanwhile cannot either. (Bytes are taken from the heap by threads in
 * batches of cells: a cell that a thread frees by counting and uses again at once is not taken anew.) Garbage that
 * was alive at the last collection is found by the next, at most `bytes` later. No other system has it; asked
 * for in https://github.com/python/cpython/issues/98801. */
void orr_gc_bound_set(struct orr_heap *heap, uint64_t bytes);
uint64_t orr_gc_bound(const struct orr_heap *heap);

/* --- collecting ----------------------------------------------------------------------------------- */

struct orr_gc_result {
    uint64_t number;             /* of the collection that ran; 0: none did */
    uint64_t unreachable;        /* objects found unreachable: collected + uncollectable (rule 3) */
    uint64_t collected;          /* freed, or saved for inspection by ORR_DEBUG_SAVEALL */
    uint64_t uncollectable;      /* kept because of a legacy finalizer */
    uint64_t finalizers_pending; /* finalizers and callbacks that some collection has still to run */
    bool more;                   /* orr_gc_step: work was left */
};

/* Collects a generation and all younger ones now, on this thread, even while collecting is disabled. While a
 * collection runs, on whatever thread, and in finalizers and callbacks of one: returns at once, having done
 * nothing (number 0). result and error may be null. ORR_BAD_INPUT: there is no such generation. Rules 1 to 7. */
enum orr_status orr_gc_collect(struct orr_thread *thread, int generation,
                               struct orr_gc_result *result, struct orr_error *error);

/* The same if collecting is enabled; else nothing happens. Rule 5. */
enum orr_status orr_gc_collect_if_enabled(struct orr_thread *thread, int generation,
                                          struct orr_gc_result *result, struct orr_error *error);

/* The same, but waits while another thread collects, and returns after a collection of at least this
 * generation that began after the call: many callers share one. If the collection it waits for has come to
 * its finalizers, which may wait for the caller, it does not wait for those: number is 0 and
 * finalizers_pending tells how many are left. */
enum orr_status orr_gc_collect_wait(struct orr_thread *thread, int generation,
                                    struct orr_gc_result *result, struct orr_error *error);

/* Collects a little: what is likely to take no longer than budget_ns, judged by what collections of this heap
 * took so far; the oldest generation that fits. result->more: nothing fitted, or something was left that another step
 * may find (what a collector puts aside as too large, as `trial` does, none may); number 0 without it: another
 * collection is under way, or about to be. */
enum orr_status orr_gc_step(struct orr_thread *thread, uint64_t budget_ns,
                            struct orr_gc_result *result);

/* --- what happened -------------------------------------------------------------------------------- */

struct orr_gc_stats {
    uint64_t collections, collected, uncollectable;
    uint64_t candidates;  /* objects the collections looked at */
    uint64_t duration_ns; /* of them all, finalizers included */
};

/* Since the heap's creation. ORR_BAD_INPUT: no such generation. Rule 10. */
enum orr_status orr_gc_stats(struct orr_heap *heap, int generation, struct orr_gc_stats *stats,
                             struct orr_error *error);

enum orr_gc_phase { ORR_GC_START, ORR_GC_STOP };

struct orr_gc_event {
    enum orr_gc_phase phase;
    int generation;                    /* as requested */
    uint64_t collected, uncollectable; /* 0 at the start */
};

typedef void orr_gc_callback(struct orr_thread *thread, const struct orr_gc_event *event,
                             void *context);

/* Calls `callback` at the start and at the end of each collection, on the collecting thread, world running,
 * in order of registration. It may use the heap, the garbage list, and raise errors. False: no memory.
 * Rules 15 to 17. Remove takes the first of that pair; false: there is none. A collection on another thread may be in
 * the callback then, and leave it later: what `context` points to must last until that collection has ended. */
bool orr_gc_callback_add(struct orr_heap *heap, orr_gc_callback *callback, void *context);
bool orr_gc_callback_remove(struct orr_heap *heap, orr_gc_callback *callback, void *context);

/* --- debugging, the garbage list -------------------------------------------------------------------- */

enum {
    ORR_DEBUG_STATS = 1,         /* a sentence for each collection */
    ORR_DEBUG_COLLECTABLE = 2,   /* a sentence for each object that is collected */
    ORR_DEBUG_UNCOLLECTABLE = 4, /* for each that cannot be */
    ORR_DEBUG_SAVEALL = 32,      /* garbage goes to the list instead of being freed */
    ORR_DEBUG_LEAK = ORR_DEBUG_COLLECTABLE | ORR_DEBUG_UNCOLLECTABLE | ORR_DEBUG_SAVEALL
};

/* Sentences go to listener.report, or to standard error. Rules 13, 18, 21. */
void orr_gc_debug_set(struct orr_heap *heap, uint32_t flags);
uint32_t orr_gc_debug(const struct orr_heap *heap);

/* The garbage list: objects that were unreachable and could not, or should not, be freed. It holds a
 * reference to each. `get` returns a counted reference, or null beyond the end; `remove` drops the list's. The
 * program frees such objects by breaking their cycle and removing them. Rules 17 to 20. */
uint64_t orr_gc_garbage_count(struct orr_heap *heap);
struct orr_object *orr_gc_garbage_get(struct orr_thread *thread, uint64_t i);
bool orr_gc_garbage_remove(struct orr_thread *thread, uint64_t i);
void orr_gc_garbage_clear(struct orr_thread *thread);
/* Appends; false: no memory. */
bool orr_gc_garbage_append(struct orr_thread *thread, struct orr_object *object);

/* --- the permanent set ------------------------------------------------------------------------------ */

/* Moves every tracked, reachable object to the permanent set: no collection looks at it, writes to it, or
 * subtracts a reference to it, so a child process keeps sharing its pages (fork.h). Collects first, so that no
 * garbage is frozen. Frozen objects are counted as before and die by their last release. False: the heap
 * cannot be walked, the caller is a callback of a collection, a collection is at its callbacks, or others began one
 * whenever it tried; nothing was frozen. Unfreeze moves all of it to the oldest generation, or makes it candidates for
 * the next collection. Effect on an object in a merge queue: none; the entry is merged as always. Rules 27 to 29. */
bool orr_gc_freeze(struct orr_thread *thread);
void orr_gc_unfreeze(struct orr_thread *thread);
uint64_t orr_gc_freeze_count(struct orr_thread *thread);

/* --- for the runtime and collectors --------------------------------------------------------------- */

bool orr_gc_open(struct orr_heap *heap); /* false: no memory */
void orr_gc_close(struct orr_heap *heap);

/* A collection begins (its counts and callbacks), and has ended. On the collecting thread, world running. */
void orr_gc_begin(struct orr_thread *thread, struct orr_collection *collection);
void orr_gc_end(struct orr_thread *thread, struct orr_collection *collection);
/* It has come to its finalizers and callbacks: nobody waits for it any more. */
void orr_gc_finalizing(struct orr_heap *heap, uint64_t pending);
/* A finalizer or callback begins of what dies by its last release. If this thread is collecting, for garbage let go of
 * it, that is one of the collection's. */
void orr_gc_calls(struct orr_thread *thread);

/* A sentence to listener.report or standard error. */
void orr_gc_report(struct orr_heap *heap, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "what: TYPE at ADDRESS". */
void orr_gc_note_object(struct orr_heap *heap, const char *what, const struct orr_object *object);

#endif
