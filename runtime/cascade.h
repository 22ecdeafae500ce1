/* cascade.h - freeing what hangs from a dead object, without recursion (law 7). Compiled by each strategy.
 *
 * The dead are linked through their count words into the thread's worklist. Burying one drops the
 * references it held; children that die of it join the list. No memory is asked for, no stack is used,
 * so a release cannot fail however long the chain is. When a child dies, what *it* refers to is prefetched
 * (prefetching the child itself comes too late): half the time on heaps that are not in allocation order.
 *
 * With a slice, a release frees at most that many objects; the rest waits for the next release, poll or
 * allocation of this thread. A cascade longer than CASCADE_NOTED objects is a pause of cause `cascade`,
 * measured from that object on: shorter ones are cheaper than reading the clock twice.
 *
 * A destroy callback may come to a safepoint, so others can meet a cascade half-way: orr_counts_settle
 * finishes the worklist, and what then is left of it, the object under the callback, is thread->destroying.
 * It is whole and holds its references, but it is no object any more: nobody refers to it, its count words
 * are a link, and walks pass by (orr_is_corpse).
 *
 * The including file defines, before:
 *   static inline bool drop(struct orr_thread *, struct orr_object *);
 *       drops one reference; true if the object died of it and is marked dying (mark_dying below)
 *   static inline enum drop_outcome drop_quickly(struct orr_thread *, struct orr_object *);
 *       the same for the common cases; UNDECIDED, and nothing changed, where it takes a call
 * The list's head is in a register while the common cases last; before a call it is put where others, who
 * may look while the call waits at a safepoint, expect it.
 *
 * Threads: the owner of the worklist, or somebody who works for it while it stands still.
 */
#ifndef ORR_RUNTIME_CASCADE_H
#define ORR_RUNTIME_CASCADE_H

#include "runtime/cells.h"
#include "runtime/heap.h"
#include "runtime/rc.h"
#include "runtime/safepoint.h"

enum {
    CASCADE_NOTED = 256,   /* about as many deaths as two readings of the clock are worth, times 20 */
    CASCADE_PREFETCHED = 4 /* references of a dying child that are fetched ahead */
};

enum drop_outcome { UNDECIDED, LIVED, DIED_UNMARKED };

/* Whether the object's claims mean that it is in a candidate buffer. */
static inline bool
is_candidate_type(const struct orr_thread *thread, const struct orr_object *object)
{
    return thread->birth_unclaimed != 0 && !orr_is_green(object);
}

/* What of a dead object must be known later, before its count words become a link. That it is dying is
 * noted for the checks alone. */
static inline void
mark_dying(struct orr_object *object, uint8_t held)
{
    if (!ORR_IS_CHECKED && held == 0)
        return;
    /* relaxed: the object is ours alone now */
    uint8_t flags = (uint8_t)(orr_load_relaxed(&object->flags) | ORR_FLAG_DYING | held);
    orr_store_relaxed(&object->flags, flags);
}

static inline void
prefetch_references(struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    if (layout.flags & ORR_LAYOUT_ODD)
        return;
    uint32_t count = layout.references < CASCADE_PREFETCHED ? layout.references : CASCADE_PREFETCHED;
    struct orr_slot *slots = (struct orr_slot *)(object + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct orr_object *target = orr_slot_peek(&slots[i]);
        if (target) /* fetching address 0 costs a walk of the page table */
            __builtin_prefetch(target, 1);
    }
}

static inline void
link_dead(struct orr_thread *thread, struct orr_object *object)
{
    orr_store_relaxed(&object->counts, (uint64_t)thread->dead); /* relaxed: ours alone */
    thread->dead = object;
}

static inline bool drop(struct orr_thread *thread, struct orr_object *object);
static inline enum drop_outcome drop_quickly(struct orr_thread *thread, struct orr_object *object);

static void
drop_slot(struct orr_slot *slot, void *thread)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && drop(thread, child)) {
        prefetch_references(child);
        link_dead(thread, child);
    }
}

static inline void
tell_freed(struct orr_thread *thread, uint64_t *untold)
{
    orr_store_relaxed(&thread->counters.freed, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.freed) + *untold);
    *untold = 0;
}

/* Drops what the dead object held and gives its cell back, whatever its type and flags and whoever wants to
 * know. untold: deaths not yet in the counters. */
static __attribute__((noinline)) void
bury_odd(struct orr_thread *thread, struct orr_object *object, uint64_t *untold)
{
    struct orr_layout layout = orr_layout_of(object);
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: the object is ours alone */
    if ((layout.flags & ORR_LAYOUT_DESTROY) && !(flags & ORR_FLAG_DESTROYED)) {
        tell_freed(thread, untold);
        flags = orr_destroy_slow(thread, object);
    }
    orr_object_trace(object, layout, drop_slot, thread);
    orr_emptied_slow(thread, object, flags);
}

/* The same for objects without peculiarities; `head` is the worklist, and what it has become is returned. */
static inline __attribute__((always_inline)) struct orr_object *
bury(struct orr_thread *thread, struct orr_object *object, struct orr_object *head,
     uint64_t *untold)
{
    struct orr_layout layout = orr_layout_of(object);
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: the object is ours alone */
    if (__builtin_expect((flags & ~(ORR_FLAG_DYING | ORR_FLAG_PUBLISHED)) |
                             (layout.flags & (ORR_LAYOUT_ODD | ORR_LAYOUT_DESTROY)) |
                             (thread->hooks & (ORR_HOOK_DEAD | ORR_HOOK_LEDGER)),
                         0)) {
        thread->dead = head;
        bury_odd(thread, object, untold);
        return thread->dead;
    }
    struct orr_slot *slot = (struct orr_slot *)(object + 1), *end = slot + layout.references;
    for (; slot != end; slot++) {
        struct orr_object *child = orr_slot_peek(slot);
        if (!child)
            continue;
        enum drop_outcome outcome = drop_quickly(thread, child);
        if (outcome == DIED_UNMARKED) {
            prefetch_references(child);
            orr_store_relaxed(&child->counts, (uint64_t)head); /* relaxed: ours alone */
            head = child;
        } else if (__builtin_expect(outcome == UNDECIDED, 0)) {
            thread->dead = head;
            drop_slot(slot, thread);
            head = thread->dead;
        }
    }
    orr_cell_put(thread, object, layout.class, layout.bytes);
    return head;
}

/* Empties the worklist, or `slice` objects of it. */
static __attribute__((noinline)) void
empty_worklist(struct orr_thread *thread, uint64_t slice)
{
    uint64_t buried = 0, untold = 0, noted_ns = 0, most = slice ? slice : UINT64_MAX;
    thread->cascading = true;
    struct orr_object *head = thread->dead;
    while (head && buried < most) {
        struct orr_object *object = head;
        head = bury(thread, object, orr_cell_next(object), &untold);
        untold++;
        if (__builtin_expect(++buried == CASCADE_NOTED, 0))
            noted_ns = orr_clock_ns();
    }
    thread->dead = head;
    thread->cascading = false;
    tell_freed(thread, &untold);
    if (__builtin_expect(noted_ns != 0, 0))
        orr_pause_note(thread, ORR_PAUSE_CASCADE, noted_ns);
    if (__builtin_expect(head != NULL, 0))
        orr_attention_set(thread, ORR_ATTENTION_CASCADE);
}

/* The object has died and is marked: frees it and what hangs from it, or enlists it when a cascade is
 * already under way further up the stack. */
static inline void
die(struct orr_thread *thread, struct orr_object *object)
{
    link_dead(thread, object);
    if (!thread->cascading)
        empty_worklist(thread, thread->heap->options.release_slice);
}

#endif
