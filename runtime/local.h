/* local.h - a reference that a function owns.
 *
 * One source text for all strategies: ORR_OWN declares, the scope's end lets go, orr_take moves out. What
 * that means is the variant's business:
 *   counted             the end of the scope releases; nothing is linked
 *   counted and rooted  the same, and the local is linked into the thread: a collector sees it
 *   traced              linked, nothing is counted
 * ORR_ROOTED says which; it is 0 or 1 per compilation. A struct and not a pointer, because the cleanup
 * needs the thread; compilers split it into registers where it is not linked.
 *
 * Locals nest like scopes: the newest is unlinked first (asserted). They must not outlive their scope by
 * longjmp, and a function returns one only by orr_take.
 *
 * Threads: a thread links and unlinks its own; others look only while the world is stopped.
 */
#ifndef ORR_RUNTIME_LOCAL_H
#define ORR_RUNTIME_LOCAL_H

#include "runtime/object.h"

struct orr_own {
    union {
        struct orr_object *ref; /* what the function uses */
        struct orr_slot slot;   /* the same, as a collector sees it */
    };
    struct orr_thread *thread;
    struct orr_own *previous; /* linked variants: the next older local */
};

static_assert(sizeof(struct orr_slot) == sizeof(struct orr_object *), "ref and slot are one word");

#endif
