/* heap.h - a heap: its configuration, its books, and the contract of a heap kind (where objects live).
 *
 * Several heaps may exist in a process; an object belongs to one for life and refers only into it.
 *
 * Configuration is chosen once, at creation, by descriptors (from rc.h, the heap kinds below, and the
 * catalogue of collectors). Nothing of it is looked up per reference.
 *
 * Books, law 9: allocated - freed = live, summed over the threads present and those gone, at every
 * quiescent point; asserted by orr_heap_verify.
 *
 * Threads: create and destroy while no thread is attached; the rest says so at each function.
 */
#ifndef ORR_RUNTIME_HEAP_H
#define ORR_RUNTIME_HEAP_H

#include "runtime/events.h"
#include "runtime/thread.h"

struct orr_collector;
struct orr_heap_kind;
struct orr_ledger;
struct orr_owner;
struct orr_rc;

enum orr_trigger_kind {
#define TRIGGER(name, summary) ORR_TRIGGER_##name,
#include "runtime/trigger.def"
#undef TRIGGER
    ORR_TRIGGER_KINDS
};

struct orr_trigger {
    enum orr_trigger_kind kind;
    uint64_t count; /* count: the threshold; adaptive: where it begins. Candidates or net allocations */
    uint64_t bytes; /* bytes: growth */
    double ratio;   /* ratio: growth as a share of the survivors */
};

enum { ORR_GENERATIONS = 3 };

struct orr_heap_options {
    const struct orr_rc *rc;
    const struct orr_collector *collector;
    const struct orr_heap_kind *kind;
    struct orr_trigger trigger; /* .kind ORR_TRIGGER_KINDS: the collector's own default */
    uint64_t bytes_limit;       /* of objects; 0: none */
    uint64_t release_slice;     /* objects freed per release at most, the rest later; 0: all at once */
    uint32_t workers;           /* collector threads beside the requester; ORR_WORKERS_AUTO: processors - 1 */
    uint64_t stress_every;      /* collect every N allocations of a thread; 0: off */
    bool verify;                /* verify the heap before and after each collection */
    bool ledger;                /* keep a death ledger (ledger.h) */
    bool sites;                 /* remember where each object was made, for the leak report; implies ledger */
    uint64_t garbage_bound;     /* orr_gc_bound_set; 0: none */
    uint32_t debug;             /* orr_gc_debug_set */
    uint64_t late_ms;           /* a thread that keeps a stop or a handshake waiting so long is told of
                                 * (listener.late); 0: never */
    bool gc_disabled;           /* no collection starts by itself until orr_gc_enable */
    uint64_t thresholds[ORR_GENERATIONS]; /* orr_gc_threshold_set; all 0: the trigger's count, 10, 10 */
    const char *const *settings; /* null-terminated KEY=VALUE for the collector; may be null */
    struct orr_listener listener; /* callbacks may be null */
};

enum { ORR_WORKERS_AUTO = 0xffffffff, ORR_WORKERS_MAX = 64, ORR_OWNERS_MAX = 4096 };

/* A slot outside any object that holds a reference: a root. The program owns the memory. */
struct orr_root {
    struct orr_slot slot;
    struct orr_root *next, *previous;
};

/* Whether somebody collects; see collect.c. */
enum {
    ORR_COLLECTING_NOBODY,
    ORR_COLLECTING,
    ORR_COLLECTING_FINALIZES /* has come to finalizers and callbacks, which may wait for others */
};

/* Everything about stopping and asking; see safepoint.c. */
struct orr_world {
    _Atomic(uint32_t) token;    /* 1: someone stops or asks; one at a time */
    _Atomic(uint32_t) holder;   /* its thread id, for those who wait; 0: not attached, or about to change */
    _Atomic(uint32_t) arrivals; /* bumped whenever a thread parks, blocks or answers */
    _Atomic(uint32_t) stopped;  /* 1 while every thread stands */
    _Atomic(uint32_t) tickets_taken, tickets_done; /* fairness: who comes back, attaches, leaves */
    uint64_t requested_ns;      /* when the present stop was asked for */
    _Atomic(struct orr_thread *) stopper; /* who stopped it; null: nobody, or not an attached thread */
    void (*question)(struct orr_thread *subject, void *argument); /* the present handshake */
    void *question_argument;
};

/* Control over collections; see gc.h. */
struct orr_gc {
    _Atomic(bool) disabled;
    _Atomic(uint32_t) debug;
    _Atomic(uint64_t) bound;
    _Atomic(uint64_t) thresholds[ORR_GENERATIONS];
    _Atomic(uint64_t) counts[ORR_GENERATIONS];  /* [0] unused: computed from `live` */
    _Atomic(uint64_t) finalizers_pending;       /* finalizers and callbacks to run before the collection ends */
    _Atomic(uint32_t) trigger_kind;             /* the trigger, piece by piece, so that it can be changed */
    _Atomic(uint64_t) trigger_count, trigger_bytes;
    _Atomic(double) trigger_ratio;
    /* Number of the last collection that did what one of this urgency does, for at least this generation. */
    _Atomic(uint64_t) done[ORR_URGENCIES][ORR_GENERATIONS];
    _Atomic(uint64_t) freed_last;        /* objects, by the last collection that ended */
    _Atomic(uint32_t) waiting;           /* threads that wait to collect, because more than a trigger asks for it */
    _Atomic(uint64_t) taken_at_complete; /* bytes_taken when the last complete collection began */
    uint64_t taken_before;               /* the same when the present one began; of who collects */
    _Atomic(uint64_t) last_ns[ORR_GENERATIONS]; /* how long the last one of each generation took */
    struct orr_mutex lock;                      /* the rest; no safepoint while it is held */
    struct orr_gc_stats *stats;                 /* one per generation */
    struct orr_gc_hook *hooks;                  /* callbacks, in order */
    struct orr_buffer garbage;                  /* struct orr_root *, one per object on the list */
    uint64_t long_lived, long_lived_pending;    /* `generations`: the 25 % rule */
    _Atomic(uint64_t) frozen;                   /* objects frozen and not unfrozen; dead ones included */
};

struct orr_finalize_registry;

struct orr_heap {
    struct orr_heap_options options;
    const struct orr_rc *rc;
    const struct orr_collector *collector;
    const struct orr_heap_kind *kind;
    struct orr_listener listener;
    bool wants_candidates; /* the collector does, and the strategy counts */
    bool wants_newborns;   /* likewise: each fresh object is in a candidate buffer */

    /* Where collectors scribble: a u32 per object, at base + ((address >> shift) << 2). */
    uintptr_t scratch_base;
    unsigned scratch_shift;

    struct orr_world world;
    struct orr_mutex threads_lock; /* coming and going; held throughout a stop */
    struct orr_mutex books_lock;   /* the list below and the sums, while they change; never held in a wait */
    struct orr_thread *threads;
    _Atomic(uint32_t) thread_count; /* written under both locks; read anywhere, as an estimate */
    struct orr_thread_counters gone; /* summed counters of detached threads */
    struct orr_buffer orphans;       /* candidates of detached threads */
    _Atomic(uint64_t) orphan_count;  /* how many, for triggers, which look without a lock */
    struct orr_buffer parked;        /* candidates that were put aside, or named without a decrement; claimed */
    bool parked_due;                 /* the next collection looks at them; changed with the world stopped */

    struct orr_mutex owners_lock; /* handing out ids */
    struct orr_owner *owners[ORR_OWNERS_MAX];
    uint32_t owners_used;

    struct orr_mutex roots_lock;
    struct orr_root *roots;
    struct orr_buffer immortals; /* the roots of immortal objects; ours */

    /* Memory, in bytes of cells handed to threads and large objects. */
    _Atomic(uint64_t) bytes_used, bytes_peak;
    _Atomic(uint64_t) bytes_taken; /* all that was ever charged and there */
    _Atomic(uint64_t) bytes_after_collection; /* bytes_used when the last one ended; triggers read it */
    _Atomic(int64_t) live_after_collection;   /* of `live`, likewise */
    _Atomic(int64_t) live;           /* allocated - freed, as of each thread's last slow path */
    _Atomic(uint64_t) count_limit;   /* the present threshold of count and adaptive */

    /* Collections, one at a time; see collect.c. */
    _Atomic(uint32_t) collecting; /* ORR_COLLECTING_NOBODY and the others */
    _Atomic(uint64_t) collections_begun, collections_done;
    _Atomic(uint64_t) garbage_peak, garbage_bytes_peak; /* most that one collection found */
    _Atomic(bool) verification_failed;

    struct orr_gc gc;
    struct orr_finalize_registry *finalizes; /* finalize.c; null until the first entry */

    struct orr_ledger *ledger;
    void *kind_private;
    void *collector_private;
    void *collector_settings;
};

/* The contract of a place where objects live. */
struct orr_heap_kind {
    const char *name, *summary;
    bool is_walkable;      /* `walk` exists */
    bool finds_interior;   /* `find` exists */
    uint32_t check_every;  /* slow allocations between looks at the trigger: 1 where each fills a list */
    enum orr_status (*open)(struct orr_heap *heap, struct orr_error *error);
    /* Gives everything back, live objects included. No threads. */
    void (*close)(struct orr_heap *heap);
    bool (*thread_attach)(struct orr_thread *thread); /* false: no memory */
    void (*thread_detach)(struct orr_thread *thread);
    /* A cell of at least `bytes`, 16-aligned, contents undefined; null when the system has no memory or
     * the limit would be passed. Not a safepoint. */
    struct orr_object *(*allocate)(struct orr_thread *thread, size_t bytes);
    /* Takes a dead cell back. Its type is still set. Any thread may free any cell. */
    void (*release)(struct orr_thread *thread, struct orr_object *object);
    /* World stopped: calls visit on every live or shell object of share `part` of `parts`; blocks and
     * jemalloc in address order, but for large objects. visit may free the object it is given, and no other. */
    void (*walk)(struct orr_heap *heap, uint32_t part, uint32_t parts,
                 void (*visit)(struct orr_object *object, void *argument), void *argument);
    /* World stopped: the object whose cell holds the address, or null. */
    struct orr_object *(*find)(struct orr_heap *heap, const void *address);
    /* World stopped: gives wholly empty memory back; returns the bytes. May be null. */
    uint64_t (*trim)(struct orr_heap *heap);
    /* Makes scratch addresses valid (heap->scratch_*). May be null: then no collector that needs it. */
    bool (*scratch)(struct orr_heap *heap);
    /* Zeroes every object's word. Only with scratch and walk. */
    void (*scratch_clear)(struct orr_heap *heap);
};

#define HEAP(name, summary) extern const struct orr_heap_kind orr_heap_##name;
#include "runtime/heap.def"
#undef HEAP
extern const struct orr_heap_kind *const orr_heap_kinds[]; /* null-terminated */
const struct orr_heap_kind *orr_heap_kind_find(const char *name);

/* Says whether the three can work together with that many threads. On false, *error holds the reason as
 * a sentence and ORR_NOT_APPLICABLE. threads 0: not asked. */
bool orr_pair_applies(const struct orr_rc *rc, const struct orr_collector *collector,
                      const struct orr_heap_kind *kind, uint32_t threads, struct orr_error *error);

/* Creates a heap. Errors: ORR_NOT_APPLICABLE, ORR_BAD_INPUT (settings), ORR_OUT_OF_MEMORY. */
enum orr_status orr_heap_create(const struct orr_heap_options *options, struct orr_heap **heap,
                                struct orr_error *error);
/* Frees the heap and whatever still lives in it, without destroying the objects one by one. */
void orr_heap_destroy(struct orr_heap *heap);

/* Registers a root (its slot starts null) and takes it away again (its slot must be null by then). Any thread,
 * attached or not. */
void orr_root_add(struct orr_heap *heap, struct orr_root *root);
void orr_root_remove(struct orr_heap *heap, struct orr_root *root);

/* Makes the object live as long as the heap: it is a root, and counts on it no longer matter. One-way. The
 * caller holds it, and under biased counting owns it or finds it merged. False: no memory, nothing done. Effect on
 * an object in a merge queue: it stays there until the queue is drained, which forgets the entry (CPython issue
 * 152276 is the other way); in a candidate buffer: the claim ends with the next collection, which looks no further. */
bool orr_immortalise(struct orr_thread *thread, struct orr_object *object);

/* Keeps the object alive, and where it is, until the pin is taken away: for references that lie where no collector
 * looks, as in a foreign library. A pin is a root with a reference of its own; pins nest. Any attached, running
 * thread may unpin. The caller holds the object; a mutable state of it (queued, claimed, frozen) is not touched.
 * Null: no memory. */
struct orr_root *orr_pin(struct orr_thread *thread, struct orr_object *object);
void orr_unpin(struct orr_thread *thread, struct orr_root *pin);

/* The sum of all threads' counters, present and gone. Exact at quiescence, else a moment's picture. */
struct orr_heap_totals {
    uint64_t allocated, freed, live;
    uint64_t merge_queued, merged, candidates, candidates_lost, rc_shared;
};
void orr_heap_totals(struct orr_heap *heap, struct orr_heap_totals *totals);

/* Books of the heap kinds: memory is asked for before it is used. False: over the limit. */
bool orr_heap_charge(struct orr_heap *heap, uint64_t bytes);
/* What was charged is there, and not refused by the system: it counts for bytes_taken and the peak. (What another
 * thread has charged meanwhile, and may yet be refused, can be in the peak.) */
void orr_heap_took(struct orr_heap *heap, uint64_t bytes);
void orr_heap_discharge(struct orr_heap *heap, uint64_t bytes);

/* The collector's word for an object; valid only where the collector declared ORR_NEEDS_SCRATCH. Zero
 * between collections. Relaxed atomics where several workers write. */
static inline _Atomic(uint32_t) *
orr_scratch(const struct orr_heap *heap, const struct orr_object *object)
{
    return (_Atomic(uint32_t) *)(heap->scratch_base +
                                 (((uintptr_t)object >> heap->scratch_shift) << 2));
}

#endif
