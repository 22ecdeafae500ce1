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
 * A callback may come to a safepoint, so others can meet a cascade half-way: orr_counts_settle finishes the
 * worklist. What then is left of it is the object under the callback. Under its finalizer it is an object like
 * any other, held by thread->finalizing; under callbacks of weak references and under its destroy it is in
 * thread->rites: whole, with its references, but no object any more (orr_is_corpse).
 *
 * A drop that must stop the world for want of memory (rc_biased.c) finds the object that is being buried in
 * thread->burying, and shows it to others like one under its destroy, with the references that are left. What the
 * cascade has freed before it is not in the books then (orr_rites.books_lag).
 *
 * Published objects: the strategies suspend their weak references (weak.h) before a count becomes a link, so
 * that an upgrade on another thread never takes a link for a count.
 *
 * The including file includes its own rc_<name>.h first, and defines, before:
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
    CASCADE_NOTED = 256 /* about as many deaths as two readings of the clock are worth, times 20 */
};

enum drop_outcome { UNDECIDED, LIVED, DIED_UNMARKED };

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

/* Fetches what a slot refers to; itself if that is nothing: fetching address 0 costs a walk of the page
 * table. */
static inline void
prefetch_reference(const struct orr_slot *slot)
{
    const void *target = orr_slot_peek(slot);
    __builtin_prefetch(target ? target : slot, 1);
}

/* Fetches the first references of a dying child (arrays and irregular types have none here). */
static inline __attribute__((always_inline)) void
prefetch_references(struct orr_object *object)
{
    uint32_t count = orr_layout_of(object).references;
    struct orr_slot *slots = (struct orr_slot *)(object + 1);
    if (count > 0)
        prefetch_reference(&slots[0]);
    if (count > 1)
        prefetch_reference(&slots[1]);
    if (count > 2)
        prefetch_reference(&slots[2]);
}

static inline void
link_dead(struct orr_thread *thread, struct orr_object *object)
{
    orr_store_relaxed(&object->counts, (uint64_t)thread->dead); /* relaxed: ours alone */
    thread->dead = object;
}

static inline bool drop(struct orr_thread *thread, struct orr_object *object);
static inline enum drop_outcome drop_quickly(struct orr_thread *thread, struct orr_object *object);

/* Of thread->burying. Emptied, because the drop may have to wait (orr_burial_show). */
static void
drop_slot(struct orr_slot *slot, void *argument)
{
    struct orr_thread *thread = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    thread->dropping = slot;
    if (drop(thread, child)) {
        prefetch_references(child);
        link_dead(thread, child);
    }
    orr_slot_put(slot, NULL);
}

/* An emptying of the worklist: what the counters do not know yet, and how long it takes. */
struct cascade {
    uint64_t buried, told; /* objects; those that the counter of the freed knows of */
    uint64_t noted_ns;
};

static inline void
tell_freed(struct orr_thread *thread, struct cascade *cascade)
{
    orr_store_relaxed(&thread->counters.freed, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.freed) + cascade->buried - cascade->told);
    cascade->told = cascade->buried;
}

/* Drops what the dead object held and gives its cell back, whatever its type and flags and whoever wants to
 * know. False: its finalizer has made it reachable again, or its callbacks are put off. */
static __attribute__((noinline)) bool
bury_odd(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    bool calls = (layout.flags & ORR_LAYOUT_LAST) ||
                 (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED); /* relaxed: ours alone */
    if (calls && orr_postpone(thread, object))
        return false;
    if (__builtin_expect((layout.flags & ORR_LAYOUT_LAST) && orr_finalize_dead(thread, object), 0) &&
        !drop(thread, object)) /* the reference that the finalizer's caller held */
        return false;
    orr_last_rites(thread, object, layout);
    thread->burying = object;
    orr_object_trace(object, layout, drop_slot, thread);
    thread->burying = NULL;
    /* relaxed: ours alone; only now, because meanwhile candidate buffers may have let it go */
    orr_emptied_slow(thread, object, orr_load_relaxed(&object->flags));
    return true;
}

/* Whether the object, its type or the thread's hooks need bury_odd. */
static inline bool
is_odd(const struct orr_thread *thread, const struct orr_object *object, struct orr_layout layout)
{
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: the object is ours alone */
    return (flags & ~ORR_FLAG_DYING) | (layout.flags & (ORR_LAYOUT_ODD | ORR_LAYOUT_LAST)) |
           (thread->hooks & (ORR_HOOK_DEAD | ORR_HOOK_LEDGER));
}

/* The rare half of bury: a call, so that the registers are those of the common one. */
static __attribute__((noinline)) void
drop_undecided(struct orr_thread *thread, struct orr_object *object, struct orr_slot *slot)
{
    thread->burying = object;
    drop_slot(slot, thread);
    thread->burying = NULL;
}

/* bury_odd for objects without peculiarities; `head` is the worklist, and what it has become is returned. */
static inline __attribute__((always_inline)) struct orr_object *
bury(struct orr_thread *thread, struct orr_object *object, struct orr_layout layout,
     struct orr_object *head)
{
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
            drop_undecided(thread, object, slot);
            head = thread->dead;
        }
    }
    object = orr_forget_origin(object); /* addresses of its fields are cheaper computed again than kept */
    orr_cell_put(thread, object, layout.class, layout.bytes);
    return head;
}

/* Buries from `head` on until `until` objects are buried; returns what is left. */
static inline __attribute__((always_inline)) struct orr_object *
bury_until(struct orr_thread *thread, struct orr_object *head, struct cascade *cascade,
           uint64_t until)
{
    uint64_t buried = cascade->buried;
    while (head && buried < until) {
        struct orr_object *object = head;
        struct orr_layout layout = orr_layout_of(object);
        head = orr_cell_next(object);
        if (__builtin_expect(is_odd(thread, object, layout), 0)) {
            thread->dead = head;
            cascade->buried = buried;
            tell_freed(thread, cascade); /* a callback may be a safepoint, where books are read */
            bool resurrected = !bury_odd(thread, object);
            head = thread->dead;
            if (resurrected)
                continue;
        } else
            head = bury(thread, object, layout, head);
        buried++;
    }
    cascade->buried = buried;
    return head;
}

/* Empties the worklist, or `slice` objects of it. */
static __attribute__((noinline)) void
empty_worklist(struct orr_thread *thread, uint64_t slice)
{
    struct cascade cascade = {0};
    uint64_t most = slice ? slice : UINT64_MAX;
    thread->cascading = true;
    struct orr_object *head =
        bury_until(thread, thread->dead, &cascade, most < CASCADE_NOTED ? most : CASCADE_NOTED);
    if (__builtin_expect(head && cascade.buried < most, 0)) {
        cascade.noted_ns = orr_clock_ns();
        head = bury_until(thread, head, &cascade, most);
    }
    thread->dead = head;
    thread->cascading = false;
    tell_freed(thread, &cascade);
    if (__builtin_expect(cascade.noted_ns != 0, 0))
        orr_pause_note(thread, ORR_PAUSE_CASCADE, cascade.noted_ns);
    if (__builtin_expect(head != NULL, 0))
        orr_attention_set(thread, ORR_ATTENTION_CASCADE);
}

/* The object has died and is marked: frees it and what hangs from it, or enlists it when a cascade is
 * already under way further up the stack. */
static inline void
die(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    if (layout.references == 0 && !is_odd(thread, object, layout)) { /* nothing hangs from it */
        orr_store_relaxed(&thread->counters.freed, /* relaxed: own statistics */
                          orr_load_relaxed(&thread->counters.freed) + 1);
        orr_cell_put(thread, object, layout.class, layout.bytes);
        return;
    }
    link_dead(thread, object);
    if (!thread->cascading)
        empty_worklist(thread, thread->heap->options.release_slice);
}

/* The inline half, for the cold table. */
static inline void orr_rc_release(struct orr_thread *thread, struct orr_object *object);
static inline void orr_rc_retain(struct orr_thread *thread, struct orr_object *object);

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    orr_rc_release(thread, object);
}

static void
retain(struct orr_thread *thread, struct orr_object *object)
{
    orr_rc_retain(thread, object);
}

#endif
