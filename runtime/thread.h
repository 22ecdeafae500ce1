/* thread.h - a mutator: one thread attached to one heap, and its registry.
 *
 * A thread of the system that works on an object attaches to the object's heap first and detaches last.
 * The struct is the context that every operation takes; its first cache lines are the fast path.
 *
 * Fields are grouped by who writes them: the owner alone, or any thread (then _Atomic).
 *
 * Ids: slot (12 bits) | generation (20 bits). An id never comes back while its generations last; a slot
 * whose generations are used up is retired. So an id in an object's header names one thread for ever, and
 * a new thread never takes an old one's objects for its own. 2^32 attachments per heap, then attach refuses.
 */
#ifndef ORR_RUNTIME_THREAD_H
#define ORR_RUNTIME_THREAD_H

#include "runtime/buffer.h"
#include "runtime/object.h"
#include "runtime/platform.h"

struct orr_heap;

/* attention: why a thread should leave the fast path at its next poll. */
enum {
    ORR_ATTENTION_STOP = 1,      /* park */
    ORR_ATTENTION_HANDSHAKE = 2, /* run a question */
    ORR_ATTENTION_MERGE = 4,     /* the merge queue is not empty */
    ORR_ATTENTION_COLLECT = 8,   /* a trigger went off where no collection may run */
    ORR_ATTENTION_CASCADE = 16   /* a slice was freed; the rest waits */
};

/* hooks: which rare halves of the operations a collector (or a test) wants to hear. */
enum {
    ORR_HOOK_BORN = 1,  /* collector->born on every allocation */
    ORR_HOOK_WRITE = 2, /* collector->write before a slot changes */
    ORR_HOOK_DEAD = 4,  /* collector->dead instead of giving the cell back */
    ORR_HOOK_STRESS = 8, /* collect every N allocations */
    ORR_HOOK_LEDGER = 16, /* the death ledger follows every object */
    ORR_HOOK_NEWBORN = 32 /* every object enters the candidate buffer */
};

/* An object under its last callbacks (orr_last_rites), on the stack of the thread that buries it. */
struct orr_rites {
    struct orr_object *object;
    struct orr_rites *outer; /* of a cascade that this one interrupts */
    bool destroys;           /* its destroy has begun */
    bool books_lag;          /* a drop of its burial waits: what the cascade has freed is not yet counted */
};

enum { ORR_HOOKS_OF_BIRTH = ORR_HOOK_BORN | ORR_HOOK_STRESS | ORR_HOOK_LEDGER | ORR_HOOK_NEWBORN };

enum orr_thread_state {
    ORR_THREAD_RUNNING, /* may touch objects */
    ORR_THREAD_BLOCKED, /* in a blocking region: touches nothing, may be stopped without being asked */
    ORR_THREAD_HELD,    /* blocked, and someone works on its behalf: it may not come back yet */
    ORR_THREAD_PARKED,  /* has answered a stop at a safepoint */
    ORR_THREAD_HOLDER   /* is added to HELD for each further one who holds it */
};

enum {
    ORR_CLASSES = 49,     /* size classes of cells; see cells.h */
    ORR_BATCH_CELLS = 256, /* cells handed between threads at once, at most: one lock per 256 frees */
    ORR_BATCH_BYTES = 64 << 10, /* and at most this much, so that a list of large cells hoards little */
    ORR_BATCH_LEAST = 8
};

/* Free cells of one size class, ready for this thread. Two lists, so that a full one changes hands
 * without being walked (Bonwick's magazines): `current` is used, `spare` is empty or holds a full batch. */
struct orr_cell_list {
    struct orr_object *current; /* linked through counts */
    struct orr_object *spare;
    uint32_t room; /* cells that fit in current; 0 for heaps that keep no lists */
};

/* What one thread did; law 9. The owner writes, anybody may read (relaxed: statistics). */
struct orr_thread_counters {
    _Atomic(uint64_t) allocated, freed; /* objects */
    _Atomic(uint64_t) merge_queued;     /* foreign last references handed to owners */
    _Atomic(uint64_t) merged;           /* objects whose two halves became one */
    _Atomic(uint64_t) candidates;       /* decrements that entered a candidate buffer */
    _Atomic(uint64_t) candidates_lost;  /* claims given up for want of memory */
    _Atomic(uint64_t) rc_shared;        /* slow-path counts on an object of another thread */
};

struct orr_thread {
    /* The fast path; the owner writes, but for attention. */
    uint32_t id;
    _Atomic(uint8_t) attention; /* ORR_ATTENTION_*; any thread sets, the owner clears */
    uint8_t hooks;              /* ORR_HOOK_*; the owner changes it, at a safepoint */
    uint8_t claimable;          /* objects of higher colours are named by no candidate buffer */
    bool cascading;             /* the worklist below is being emptied further up this stack */
    bool finishing;             /* detach has begun */
    uint32_t birth_owner;       /* owner field of a fresh object: id or 0 */
    uint64_t birth_unclaimed;   /* counts bits of a fresh object that may become a candidate; or 0 */
    uint64_t birth_counts;      /* counts of such an object: the above and its first reference */
    uint64_t birth_counts_green; /* counts of one that cannot be on a cycle */
    struct orr_object *dead;    /* worklist: dead objects whose references are not yet dropped */
    struct orr_rites *rites;    /* off the worklist, still whole: their last callbacks run */
    struct orr_rites *finalizing; /* dead and revived, held by whoever buries them: their finalizers run */
    struct orr_own *locals;     /* linked locals, newest first; only where locals are linked */
    struct orr_heap *heap;
    struct orr_thread_counters counters;
    struct orr_buffer candidates; /* claimed objects; bit 0 of an entry: the claim is in `shared` */
    struct orr_cell_list cells[ORR_CLASSES];

    /* Slow paths; the owner writes. */
    int64_t live_told;          /* what heap->live knows of allocated - freed */
    uint64_t stress_left;       /* allocations until the next stress collection */
    struct orr_buffer borrowed; /* checked builds: references peeked since the last poll */
    void *heap_private;         /* the heap kind's own thread state */
    void *collector_private;    /* the collector's own thread state */
    bool collecting;            /* is inside orr_collect */
    uint64_t given_up;          /* number of the collection that it waits for no longer when a trigger goes off */
    struct orr_error raised;    /* raise.h; status ORR_OK: nothing is pending */
    struct orr_object *burying; /* off the worklist, its references being dropped one by one; else null */
    struct orr_slot *dropping;  /* of it: the one being dropped; those before it are gone */
    struct orr_object *postponed; /* dead, linked through counts: their callbacks wait for the world to run */
    struct orr_slot called_weaks; /* newest first, linked through `pending`: callbacks to run (weak.h) */
    size_t newborns_most;       /* entries of `candidates` at which newborns are sifted */
    uint32_t unchecked;         /* slow allocations since the trigger was last looked at */

    /* Stopping; see safepoint.c. */
    _Atomic(uint32_t) state;             /* enum orr_thread_state */
    _Atomic(uint32_t) handshake_pending; /* 1 until someone has run the question for this thread */
    uint64_t parked_ns;                  /* when it parked; the owner writes before PARKED */
    uintptr_t os_self;                   /* who attached it; nobody else may use it */
    uint32_t os_id;                      /* the same, as the system names it to people */

    /* Registry, under heap->threads_lock. */
    struct orr_thread *next, *previous;
};

/* Joins the calling thread to the heap; it is running afterwards. Waits while the world is stopped.
 * *thread is owned by the runtime until orr_thread_detach, and used by the same system thread alone (checked builds
 * abort a use by another). A system thread that ends without having detached aborts the process with a sentence:
 * nobody could ever stop the world again. It may detach in a destructor of thread-specific data. exit() and the end
 * of main need no detach; whatever other threads do then, they do until the process is gone.
 * Errors: ORR_OUT_OF_MEMORY; ORR_NOT_APPLICABLE when the strategy allows no further thread. */
enum orr_status orr_thread_attach(struct orr_heap *heap, struct orr_thread **thread,
                                  struct orr_error *error);

/* Leaves: finishes the worklist, merges the queue, hands every buffer over. The caller holds no local
 * references any more (asserted where locals are linked). No operation on `thread` is legal afterwards. */
void orr_thread_detach(struct orr_thread *thread);

/* Brackets a call that may block. Inside, the thread touches no object and may be stopped, merged for and
 * collected for without being asked. Enter answers pending requests; leave waits while the world is
 * stopped (a pause of cause stop). */
void orr_block_enter(struct orr_thread *thread);
void orr_block_leave(struct orr_thread *thread);

#endif
