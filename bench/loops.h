/* loops.h - single operations of the runtime in loops, compiled once per variant of a strategy.
 *
 * A loop is called once for many operations, so the call through this table costs next to nothing, and
 * what is in it is inlined as in a workload. micro and figures share them, so that both mean the same.
 *
 * Objects: `cells` of 48 bytes without references; `nodes` of 48 bytes with three; a list's nodes of 32
 * with one. What a loop is given, the caller owns.
 *
 * Threads: the caller's, attached and running. Loops do not poll, so nobody may want to stop it.
 */
#ifndef ORR_BENCH_LOOPS_H
#define ORR_BENCH_LOOPS_H

#include "runtime/thread.h"

enum { ORR_LOOP_CELL_BYTES = 48 };

struct orr_loops {
    const char *strategy;
    bool is_rooted; /* locals are linked */

    /* Registers the types; before everything else. */
    enum orr_status (*prepare)(struct orr_error *error);

    /* Counted; null without memory. A list is in the order of allocation. */
    struct orr_object *(*make_cell)(struct orr_thread *thread);
    struct orr_object *(*make_node)(struct orr_thread *thread);
    struct orr_object *(*make_list)(struct orr_thread *thread, uint64_t nodes);
    void (*release)(struct orr_thread *thread, struct orr_object *object);

    /* n times one retain and one release of the object. */
    void (*retain_release)(struct orr_thread *thread, struct orr_object *object, uint32_t n);
    /* n retains, then n releases, one of each object. */
    void (*sweep)(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n);
    /* n times: a reader that holds nothing gets a reference, and drops it. The object is published. */
    void (*try_retain)(struct orr_thread *thread, struct orr_object *object, uint32_t n);
    /* n times: a local takes a counted reference and lets go of it. */
    void (*local)(struct orr_thread *thread, struct orr_object *object, uint32_t n);

    /* A weak reference to the object; counted, null without memory. And n times: it is asked for its referent,
     * and what it gave is dropped. */
    struct orr_object *(*make_weak)(struct orr_thread *thread, struct orr_object *object);
    void (*upgrade)(struct orr_thread *thread, struct orr_object *weak, uint32_t n);
    /* Drops that many objects of 48 bytes in rings of a hundred, which only a collection finds; with a finalizer
     * that does nothing, or without one. False: no memory. */
    bool (*drop_rings)(struct orr_thread *thread, uint64_t objects, bool finalized);

    /* n times on slots of the node. set, store: two values in turn. init, give: the one reference that
     * slot 0 holds moves to slot 1 and back. load: slot 0 is read, and what was read is dropped. */
    void (*set)(struct orr_thread *thread, struct orr_object *node,
                struct orr_object *const values[2], uint32_t n);
    void (*give)(struct orr_thread *thread, struct orr_object *node, uint32_t n);
    void (*init)(struct orr_thread *thread, struct orr_object *node, uint32_t n);
    void (*store)(struct orr_thread *thread, struct orr_object *node,
                  struct orr_object *const values[2], uint32_t n);
    void (*load)(struct orr_thread *thread, struct orr_object *node, uint32_t n);

    void (*poll)(struct orr_thread *thread, uint32_t n);

    /* n times: a cell is made, one word of it written, and dropped. Returns how many there was memory
     * for, as the next. */
    uint32_t (*pair)(struct orr_thread *thread, uint32_t n);
    /* n cells are made and written, then dropped in the same order; held has room for n. */
    uint32_t (*batch)(struct orr_thread *thread, struct orr_object **held, uint32_t n);

    /* Looks at the references of n nodes; returns how many are not null. */
    uint64_t (*trace)(struct orr_object *const *nodes, uint32_t n);
};

/* The loops compiled for that strategy; null if there are none. */
const struct orr_loops *orr_loops_find(const char *strategy, bool rooted);
/* All of them, ended by null. */
extern const struct orr_loops *const orr_loops_list[];

#endif
