/* collector.h - the door for collectors: the plug-in contract, and the services of the runtime.
 *
 * A collector is one file with one exported descriptor, and one line in collectors/list.def. Data first:
 * what it needs; then the operations, of which any may be null (the comment says what null means).
 *
 * A collector meets strategies only through counts (orr_count_stopped), orr_drop and the cold table of
 * rc.h, so it does not know which one runs.
 */
#ifndef ORR_RUNTIME_COLLECTOR_H
#define ORR_RUNTIME_COLLECTOR_H

#include "runtime/heap.h"
#include "runtime/option.h"
#include "runtime/rc.h"
#include "runtime/safepoint.h"

enum {
    ORR_NEEDS_COUNTS = 1,     /* references are counted at once, in the object */
    ORR_NEEDS_ROOTS = 2,      /* locals are linked, so that roots can be enumerated */
    ORR_NEEDS_WALK = 4,       /* the heap enumerates its objects */
    ORR_NEEDS_SCRATCH = 8,    /* a u32 beside every object */
    ORR_NEEDS_CANDIDATES = 16, /* decrements to non-zero enter the candidate buffers */
    ORR_NEEDS_BLOCKS = 32,    /* the `blocks` heap and no other */
    /* Each fresh object that may lie on a cycle enters the candidate buffer of its thread, claimed from birth;
     * decrements claim nothing. Dead or alive it stays named until the collector ends the claim
     * (orr_candidate_unclaim for the dead) or gives the object a colour above `claimable`. */
    ORR_NEEDS_NEWBORNS = 64
};

struct orr_collector {
    const char *name, *summary;
    const char *paper;   /* key in papers/reading */
    uint32_t needs;      /* ORR_NEEDS_* */
    uint8_t hooks;       /* ORR_HOOK_*: which operations below the mutators call */
    bool frees_untraced; /* false: without counts nothing would ever be freed (none, quarantine) */
    bool keeps_budget;     /* collections stop when collection->budget_ns is used up */
    bool generational;     /* colours 0 to ORR_GENERATION_OLDEST are generations */
    uint8_t claimable;     /* NEWBORNS: the highest colour whose objects are named by buffers */
    uint32_t completeness; /* collections after which all garbage is gone; 0: never promised */
    const char *exceptions; /* rules of gc.h that it cannot keep by its nature, "N: because; ..."; or null */
    struct orr_trigger trigger; /* default */
    size_t heap_bytes, thread_bytes; /* private state, zeroed: heap->collector_private, thread->... */
    size_t settings_bytes;
    const struct orr_option *options;

    /* At creation and destruction, no threads. heap_init may refuse. */
    enum orr_status (*heap_init)(struct orr_heap *heap, struct orr_error *error);
    void (*heap_fini)(struct orr_heap *heap);
    /* On the thread that joins or leaves, world running. attach may refuse (false: no memory). */
    bool (*thread_attach)(struct orr_thread *thread);
    void (*thread_detach)(struct orr_thread *thread);
    /* ORR_HOOK_BORN: a fresh object with its first count, before anybody else can see it. */
    void (*born)(struct orr_thread *thread, struct orr_object *object);
    /* The thread's candidate buffer has reached the trigger's share. Null: the trigger decides. */
    void (*candidate)(struct orr_thread *thread);
    /* ORR_HOOK_DEAD: an empty object whose cell would now be given back. The collector does so by
     * orr_cell_give_back, now or when it wants to. */
    void (*dead)(struct orr_thread *thread, struct orr_object *object);
    /* ORR_HOOK_WRITE: slot of holder is about to change from what it holds to value. */
    void (*write)(struct orr_thread *thread, struct orr_object *holder, struct orr_slot *slot,
                  struct orr_object *value);
    /* At a safepoint's slow path, world running: this thread's share of the work. */
    void (*poll)(struct orr_thread *thread);
    /* One collection, on an attached running thread, one at a time. It stops the world before it judges: who asks for
     * one that began after the call takes any that has not stopped it yet, unless it is_partial, which the collector
     * says if it leaves what may be garbage; `more`, if it was for want of time. Fills what it knows of *collection;
     * times, number and cause are filled by the caller. Null: there is nothing to collect. */
    void (*collect)(struct orr_thread *thread, struct orr_collection *collection);
    /* Which generation a collection that starts by itself should do. Null: the oldest. */
    int (*due)(struct orr_heap *heap);
    /* Returns when no garbage known to counts or cycles remains. Null: `completeness` collections. */
    void (*settle)(struct orr_thread *thread);
    /* World stopped: every private reference to an object (logs, lists), for the verifier. */
    void (*visit)(struct orr_heap *heap, void (*visit)(struct orr_object *object, void *argument),
                  void *argument);
    /* In the child of a fork, world running, on the one thread that is left. The collector's own threads are gone;
     * with abandoned, so is the thread that was collecting, and the caller stands in for it: what it had claimed is
     * given back or its end completed. Null: there is nothing to do. */
    void (*forked)(struct orr_thread *thread, bool abandoned);
    /* World stopped: asserts what the collector's opening comment promises between collections. */
    void (*verify)(struct orr_heap *heap);
};

/* --- services ------------------------------------------------------------------------------------ */

/* World stopped. Calls visit on every slot that is a root: registered roots, linked locals, and what an
 * object refers to while its destroy callback runs. */
void orr_roots_visit(struct orr_heap *heap, orr_visit_slot *visit, void *argument);

/* World stopped. Makes counts exact and buffers complete: merges every queue, finishes every worklist of
 * the dead. Part of every collection that reads counts. */
void orr_counts_settle(struct orr_thread *thread);

/* World stopped. Takes all candidates of all threads into *candidates, which must be empty. */
void orr_candidates_take(struct orr_heap *heap, struct orr_buffer *candidates);

/* World stopped, ORR_NEEDS_CANDIDATES. Claims a living object for heap->parked without a decrement, if nothing names it,
 * and has the next collection look there (parked_due), which ends that. Without memory the claim is not made, and
 * counted as lost. */
void orr_candidate_claim(struct orr_thread *thread, struct orr_object *object);

/* World stopped. Ends the claim an entry of a candidate buffer stands for. Returns the object if it lives
 * (unclaimed again), null if it was a shell, whose cell is freed when no other buffer names it. */
struct orr_object *orr_candidate_unclaim(struct orr_thread *thread, uintptr_t entry);

/* Drops one reference that a dead object held, as the strategy does: what dies of it is freed too (now, or
 * in slices). For references from garbage to objects that are not garbage. */
void orr_drop(struct orr_thread *thread, struct orr_object *object);

/* World stopped or object unreachable: gives the cell of an emptied garbage object back, or leaves it as
 * a shell while a candidate buffer names it. Counts it as freed. */
void orr_garbage_release(struct orr_thread *thread, struct orr_object *object);

/* Nobody names the empty object any more: its cell goes to the collector's `dead` if there is one, else to the heap. */
void orr_cell_release(struct orr_thread *thread, struct orr_object *object);

/* Gives a cell back to the heap. For `dead`, and for what it kept. */
void orr_cell_give_back(struct orr_thread *thread, struct orr_object *object);

#endif
