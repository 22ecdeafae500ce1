/* events.h - what the runtime tells a listener: pauses, stops, collections.
 *
 * Law 8: every wait of a mutator is a measured pause with a cause. The runtime measures, the listener
 * keeps; the runtime itself stores no history. One listener per heap; it is called on the thread that
 * paused, or on the collecting thread, possibly with the world stopped: it must not call the runtime.
 * (Callbacks that may use the heap: orr_gc_callback_add.)
 */
#ifndef ORR_RUNTIME_EVENTS_H
#define ORR_RUNTIME_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

struct orr_object;

/* X-list so that the names exist once. */
#define ORR_PAUSE_CAUSES(X)                                                                        \
    X(STOP, stop)             /* parked while the world was stopped, or stopping it */             \
    X(HANDSHAKE, handshake)   /* ran another thread's question at a safepoint */                   \
    X(CASCADE, cascade)       /* freed what hung from one dead object */                           \
    X(MERGE, merge)           /* merged the owner's queue */                                       \
    X(ASSIST, assist)         /* did a collector's work in proportion to its allocation */         \
    X(ALLOCATION, allocation) /* waited for memory */                                              \
    X(FINALIZER, finalizer)   /* ran finalizers */                                                 \
    X(LOCK, lock)             /* waited for a lock of the runtime */

enum orr_pause_cause {
#define X(upper, lower) ORR_PAUSE_##upper,
    ORR_PAUSE_CAUSES(X)
#undef X
        ORR_PAUSE_CAUSE_COUNT
};

extern const char *const orr_pause_names[ORR_PAUSE_CAUSE_COUNT];

/* One interval in which a mutator wanted to run and was not allowed to. */
struct orr_pause {
    uint32_t thread_id;
    enum orr_pause_cause cause;
    uint64_t start_ns, stop_ns; /* orr_clock_ns */
};

enum { ORR_PHASES_MAX = 12 };

/* How much a collection must find. */
enum orr_urgency {
    ORR_URGENCY_AUTOMATIC, /* a trigger went off: what a budget allows */
    ORR_URGENCY_REQUESTED, /* the program asked */
    ORR_URGENCY_COMPLETE,  /* memory is out, or the heap is being settled: everything */
    ORR_URGENCIES
};

struct orr_phase {
    const char *name;
    uint64_t start_ns, stop_ns;
};

/* One collection. Counts that a collector does not have stay 0 and are flagged absent by has_*. */
struct orr_collection {
    uint64_t number; /* from 1 */
    const char *collector;
    const char *cause; /* why it ran: a trigger's name, "limit", "stress", "settle", or the program's word */
    enum orr_urgency urgency;
    int generation;     /* this one and all younger; the oldest: everything */
    uint64_t budget_ns; /* orr_gc_step: stop when this is used up, if the collector can; 0: none */
    bool more;          /* it did stop */
    bool is_partial;    /* it left what may be garbage, as its urgency or its time allowed */
    uint64_t start_ns, stop_ns;
    uint32_t phase_count;
    struct orr_phase phases[ORR_PHASES_MAX];
    uint64_t candidates;    /* objects it began from; 0 for whole-heap collectors */
    uint64_t nodes_visited; /* distinct objects looked at */
    uint64_t edges_visited; /* references looked at */
    uint64_t freed;         /* objects destroyed because this collection found them dead */
    uint64_t freed_bytes;
    uint64_t saved;         /* unreachable objects that went to the garbage list instead (ORR_DEBUG_SAVEALL) */
    uint64_t finalizers;    /* finalizers that it runs */
    struct orr_object *called_before; /* for collectors/parts/garbage.c: callbacks noted before this one */
    uint64_t uncollectable; /* unreachable objects kept because of a legacy finalizer */
    uint64_t resurrected;   /* found unreachable, and made reachable again by callbacks */
    uint64_t heap_bytes_before, heap_bytes_after;
    uint64_t requester_cpu_ns; /* processor time of the thread that collected; the caller fills it */
    uint64_t collector_cpu_ns; /* processor time of worker threads, not of the requester */
};

/* A thread that another one waits for, at a stop or a handshake, for longer than the heap's late_ms (heap.h). */
struct orr_late {
    uint32_t thread_id;  /* 0: a thread that is not attached */
    uint32_t os_id;      /* the same as the system names it (gdb, /proc); 0: not known */
    const char *doing;   /* what it does instead: "is running and comes to no safepoint" */
    const char *awaited; /* what for: "to stop the world" */
    uint32_t waiter_id;  /* who waits; 0: a thread that is not attached */
    uint64_t waited_ns;  /* so far */
};

struct orr_listener {
    void *context;
    void (*pause)(void *context, const struct orr_pause *pause);
    /* Each thread's time from the request of a stop to its own stopping. */
    void (*safepoint)(void *context, uint32_t thread_id, uint64_t requested_ns, uint64_t reached_ns);
    void (*collection)(void *context, const struct orr_collection *collection);
    /* A thread keeps this one waiting; told again whenever the wait has doubled. Null: standard error. */
    void (*late)(void *context, const struct orr_late *late);
    /* A callback raised an error (raise.h): where, and what. World running. Null: standard error. */
    void (*failed)(void *context, const char *where, const char *message);
    /* A sentence of the debug flags (gc.h). World running. Null: standard error. */
    void (*report)(void *context, const char *sentence);
};

#endif
