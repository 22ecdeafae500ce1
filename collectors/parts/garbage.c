/* garbage.c - setting aside, clearing, finalizing, proving again, destroying, dropping, freeing.
 *
 * Threads: the collecting thread; the second proof with the world stopped.
 */
#include "collectors/parts/garbage.h"

#include "runtime/gc.h"
#include "runtime/raise.h"

enum { AHEAD = 16 }; /* members fetched before they are freed */

static bool
types_have(uint32_t what)
{
    return orr_load_relaxed(&orr_types_have) &
           what; /* relaxed: registered before its first object */
}

/* --- leaving the set --------------------------------------------------------------------------------- */

/* What survives is as old as anything. */
static void
save(struct orr_heap *heap, struct orr_object *object, struct orr_object_list *reached)
{
    /* relaxed: stopped */
    orr_store_relaxed(&object->colour,
                      heap->collector->generational ? (uint8_t)ORR_GENERATION_OLDEST : (uint8_t)0);
    orr_list_push(reached, (uintptr_t)object);
}

struct saving {
    struct orr_heap *heap;
    struct orr_object_list reached; /* behind the members */
};

static void
save_child(struct orr_slot *slot, void *argument)
{
    struct saving *saving = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && orr_is_garbage(child))
        save(saving->heap, child, &saving->reached);
}

/* Takes an object out of the set, with all it reaches inside. */
static void
save_all_of(struct saving *saving, struct orr_object *object)
{
    save(saving->heap, object, &saving->reached);
    while (saving->reached.count) {
        struct orr_object *next =
            (struct orr_object *)saving->reached.items[--saving->reached.count];
        orr_object_trace(next, orr_layout_of(next), save_child, saving);
    }
}

static struct saving
saving_behind(struct orr_heap *heap, struct orr_object_list *members)
{
    return (struct saving){.heap = heap, .reached = {.items = members->items + members->count}};
}

static void
remember_most(struct orr_object_list *members)
{
    if (members->count > members->most)
        members->most = members->count;
}

/* --- the side table ---------------------------------------------------------------------------------- */

static void
clear_word(struct orr_object *object, void *heap)
{
    if (!orr_is_frozen_now(object))
        orr_store_relaxed(orr_scratch(heap, object), 0); /* relaxed: stopped */
}

void
orr_garbage_clear_scratch(struct orr_heap *heap)
{
    if (orr_any_frozen(heap))
        heap->kind->walk(heap, 0, 1, clear_word, heap);
    else
        heap->kind->scratch_clear(heap);
}

/* --- 1. legacy finalizers ---------------------------------------------------------------------------- */

static bool
is_legacy(const struct orr_object *object)
{
    const struct orr_type *type = orr_type_of(object);
    return (type->flags & ORR_TYPE_LEGACY) && type->finalize;
}

/* Where nothing is counted, garbage holds what a last release would have freed: objects that nothing refers to,
 * and then those that only such objects refer to. What is left lies on cycles, or hangs from them. The side
 * table holds a member's references from members that are left, and one. */
static void
count_reference(struct orr_slot *slot, void *heap)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && orr_is_garbage(child))
        orr_add_relaxed(orr_scratch(heap, child), 1); /* relaxed, all: stopped */
}

static void
uncount_reference(struct orr_slot *slot, void *argument)
{
    struct saving *peeling = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && orr_is_garbage(child) &&
        orr_sub_relaxed(orr_scratch(peeling->heap, child), 1) == 2)
        orr_list_push(&peeling->reached, (uintptr_t)child);
}

/* Leaves 0 in the words of what a last release would have freed. */
static void
peel(struct orr_heap *heap, struct orr_object_list *members)
{
    struct saving peeling = saving_behind(heap, members);
    for (size_t i = 0; i < members->count; i++)
        orr_store_relaxed(orr_scratch(heap, orr_list_object(members, i)), 1u);
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        orr_object_trace(object, orr_layout_of(object), count_reference, heap);
    }
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *next = orr_list_object(members, i);
        if (orr_load_relaxed(orr_scratch(heap, next)) != 1)
            continue;
        orr_list_push(&peeling.reached, (uintptr_t)next);
        while (peeling.reached.count) {
            next = (struct orr_object *)peeling.reached.items[--peeling.reached.count];
            orr_store_relaxed(orr_scratch(heap, next), 0u);
            orr_object_trace(next, orr_layout_of(next), uncount_reference, &peeling);
        }
    }
}

static bool
is_cyclic(struct orr_heap *heap, const struct orr_object *object)
{
    return heap->rc->counts || orr_load_relaxed(orr_scratch(heap, object)) != 0;
}

static void
clear_words(struct orr_heap *heap, const struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++)
        orr_store_relaxed(orr_scratch(heap, orr_list_object(members, i)), 0u);
}

static bool
set_legacy_aside(struct orr_thread *thread, struct orr_object_list *members,
                 struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct saving saving = saving_behind(heap, members);
    bool any = false;
    if (!types_have(ORR_TYPES_LEGACY))
        return false;
    if (!heap->rc->counts)
        peel(heap, members);
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        if (!is_legacy(object) || !is_cyclic(heap, object))
            continue;
        any = true;
        if (orr_is_garbage(object))
            save_all_of(&saving, object);
    }
    if (!heap->rc->counts)
        clear_words(heap, members);
    if (!any)
        return false;
    remember_most(members);
    size_t dead = 0;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        if (orr_is_garbage(object)) {
            members->items[dead++] = (uintptr_t)object;
            continue;
        }
        collection->uncollectable++;
        if ((is_legacy(object) || (orr_gc_debug(heap) & ORR_DEBUG_SAVEALL)) &&
            !orr_gc_garbage_append(thread, object) && heap->wants_candidates && !heap->wants_newborns)
            orr_candidate_claim(thread, object); /* else nobody would name it again */
    }
    members->count = dead;
    return true;
}

/* --- 2. weak references ------------------------------------------------------------------------------ */

static void
clear_weak_references(struct orr_thread *thread, struct orr_object_list *members, bool classes)
{
    if (!orr_weaks_any())
        return;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        /* relaxed: stopped */
        if (orr_is_garbage(object) && (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED))
            orr_weak_clear(thread, object, classes);
    }
}

/* Whether a weak reference to a member may be left: those to classes outlive the others (rule 54), so callbacks
 * and other threads can find the member and take the set apart. */
static bool
can_be_found(const struct orr_object_list *members)
{
    if (!orr_weaks_any())
        return false;
    for (size_t i = 0; i < members->count; i++) {
        const struct orr_object *object = orr_list_object(members, i);
        /* relaxed: stopped */
        if ((orr_type_of(object)->flags & ORR_TYPE_CLASS) &&
            (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED))
            return true;
    }
    return false;
}

static void
hold(struct orr_thread *thread, struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++)
        thread->heap->rc->retain(thread, orr_list_object(members, i));
    members->is_held = true;
}

static bool
wants_finalize(const struct orr_object *object)
{
    return orr_type_of(object)->finalize &&
           !(orr_load_relaxed(&object->flags) & ORR_FLAG_FINALIZED); /* relaxed: unreachable */
}

static uint64_t
count_finalizers(const struct orr_object_list *members)
{
    uint64_t count = 0;
    if (types_have(ORR_TYPES_FINALIZE))
        for (size_t i = 0; i < members->count; i++)
            count += wants_finalize(orr_list_object(members, i));
    return count;
}

bool
orr_garbage_close(struct orr_thread *thread, struct orr_object_list *members,
                  struct orr_collection *collection)
{
    collection->called_before = orr_slot_peek(&thread->called_weaks);
    bool kept = set_legacy_aside(thread, members, collection);
    collection->finalizers = count_finalizers(members);
    clear_weak_references(thread, members, collection->finalizers == 0);
    if (collection->finalizers != 0 && can_be_found(members))
        hold(thread,
             members); /* else not before the finalizers: that is cheaper with the world running */
    return kept;
}

/* --- 4. finalizers ----------------------------------------------------------------------------------- */

enum { NO_PRIORITY = INT16_MIN - 1 };

static inline void
fetch_ahead(const struct orr_object_list *members, size_t i)
{
    if (i + AHEAD < members->count)
        __builtin_prefetch((void *)members->items[i + AHEAD], 1);
}

static inline int
higher(int priority, int other)
{
    return priority > other ? priority : other;
}

/* Holds all members, if they are not held yet, and returns the highest priority among those who want to be
 * finalized. */
static int
hold_and_rank(struct orr_thread *thread, struct orr_object_list *members)
{
    int highest = NO_PRIORITY;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        fetch_ahead(members, i);
        if (!members->is_held)
            thread->heap->rc->retain(thread, object);
        if (wants_finalize(object))
            highest = higher(highest, orr_type_of(object)->priority);
    }
    members->is_held = true;
    return highest;
}

/* Those of one priority. Returns the next lower one. */
static int
finalize_some(struct orr_thread *thread, const struct orr_object_list *members, int priority)
{
    _Atomic(uint64_t) *pending = &thread->heap->gc.finalizers_pending;
    int next = NO_PRIORITY;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        fetch_ahead(members, i);
        if (!wants_finalize(object))
            continue;
        int its = orr_type_of(object)->priority;
        if (its == priority) {
            orr_finalize(thread, object);
            /* relaxed, both, and no read-modify-write: only who collects writes it */
            orr_store_relaxed(pending, orr_load_relaxed(pending) - 1);
        } else if (its < priority) /* green ones of before want it at each death, and have had it at this one */
            next = higher(next, its);
    }
    return next;
}

/* One pause for all of one priority: reading the clock twice for each would cost more than most finalizers. */
static void
finalize_members(struct orr_thread *thread, const struct orr_object_list *members, int priority)
{
    while (priority != NO_PRIORITY) {
        uint64_t start_ns = orr_clock_ns();
        priority = finalize_some(thread, members, priority);
        orr_pause_note(thread, ORR_PAUSE_FINALIZER, start_ns);
    }
}

/* --- 5. the second proof ----------------------------------------------------------------------------- */

struct proof {
    struct orr_heap *heap;
    bool has_outside; /* a member refers to what is none */
};

static void
take_internal(struct orr_slot *slot, void *argument)
{
    struct proof *proof = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    if (!orr_is_garbage(child)) {
        proof->has_outside = true;
        return;
    }
    _Atomic(uint32_t) *word = orr_scratch(proof->heap, child);
    orr_store_relaxed(word,
                      orr_load_relaxed(word) - 1); /* relaxed, and no read-modify-write: stopped */
}

/* World stopped, counts settled; the members' words are zero. Members with references beyond ours and the set's own
 * are alive. False: none is, and none refers to what is no member; it stays so, because nobody can reach them. */
static bool
prove_by_counts(struct orr_heap *heap, struct orr_object_list *members)
{
    size_t count = members->count;
    struct saving saving = saving_behind(heap, members);
    struct proof proof = {.heap = heap};
    for (size_t i = 0; ORR_IS_CHECKED && i < count; i++) /* relaxed: stopped */
        orr_assert(orr_load_relaxed(orr_scratch(heap, orr_list_object(members, i))) == 0);
    for (size_t i = 0; i < count;
         i++) { /* relaxed, all: stopped. What others took is below zero meanwhile. */
        struct orr_object *object = orr_list_object(members, i);
        _Atomic(uint32_t) *word = orr_scratch(heap, object);
        fetch_ahead(members, i);
        orr_store_relaxed(word, orr_load_relaxed(word) + (uint32_t)orr_count_stopped(object) - 1);
        orr_object_trace(object, orr_layout_of(object), take_internal, &proof);
    }
    for (size_t i = 0; i < count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        _Atomic(uint32_t) *word = orr_scratch(heap, object);
        /* what refers to an immortal is not counted, so that its word says nothing */
        if (orr_load_relaxed(word) == 0 && !orr_is_immortal(object))
            continue;
        orr_store_relaxed(word, 0);
        proof.has_outside = true; /* who is saved is outside */
        if (orr_is_garbage(object))
            save_all_of(&saving, object);
    }
    return proof.has_outside;
}

/* Members that live again leave the list; they lose the count that we hold. Two steps, because a drop may be a
 * safepoint, where the list must be whole. */
static void
let_living_go(struct orr_thread *thread, struct orr_object_list *members,
              struct orr_collection *collection)
{
    size_t dead = 0;
    for (size_t i = 0; i < members->count; i++) {
        const uintptr_t member = members->items[i];
        if (!orr_is_garbage((struct orr_object *)member))
            continue;
        members->items[i] = members->items[dead];
        members->items[dead++] = member;
    }
    collection->resurrected += members->count - dead;
    while (members->count > dead) {
        struct orr_object *object = orr_list_object(members, members->count - 1);
        if (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED) /* relaxed: we hold it */
            orr_ephemerons_reap(thread, object);
        members->count--;
        orr_drop(thread, object);
    }
}

/* Runs the finalizers and keeps in the list those that are dead all the same. Whether one of them may refer to an
 * object that is none. */
static bool
finalize_and_prove(struct orr_thread *thread, struct orr_object_list *members,
                   void (*prove)(struct orr_thread *), struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    bool has_outside = true;
    finalize_members(thread, members, hold_and_rank(thread, members));
    remember_most(members);
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    if (prove)
        prove(thread);
    else
        has_outside = prove_by_counts(heap, members);
    clear_weak_references(thread, members, true);
    members->is_final = true;
    orr_world_resume(heap);
    if (has_outside)
        let_living_go(thread, members, collection);
    orr_weak_call_all(thread, collection->called_before);
    return has_outside;
}

/* --- 6 and 7: the end -------------------------------------------------------------------------------- */

static bool
any_wants_destroy(const struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++)
        if (orr_type_of(orr_list_object(members, i))->destroy)
            return true;
    return false;
}

/* A member that was let go of may wait in its owner's merge queue, which must not name what is freed. It is held: being
 * merged does not end it. */
static void
unqueue_members(struct orr_thread *thread)
{
    if (!thread->heap->rc->drain)
        return;
    orr_world_stop(thread->heap, thread);
    orr_counts_settle(thread);
    orr_world_resume(thread->heap);
}

/* Whether anything was called. The set is held meanwhile: a member that lets go of another does not end it. In the
 * child of a fork some may have been called before. */
static bool
destroy_members(struct orr_thread *thread, struct orr_object_list *members)
{
    bool any = members->destroyed != 0;
    if (!types_have(ORR_TYPES_DESTROY) || !any_wants_destroy(members))
        return false;
    if (!members->is_held)
        hold(thread, members);
    while (members->destroyed < members->count) {
        struct orr_object *object = orr_list_object(members, members->destroyed++);
        if (!orr_type_of(object)->destroy)
            continue;
        any = true;
        orr_destroy(thread, object);
    }
    if (any)
        unqueue_members(thread);
    return any;
}

/* SAVEALL. What the garbage list has no memory for is found again by the next collection. */
static void
keep_members(struct orr_thread *thread, struct orr_object_list *members,
             struct orr_collection *collection)
{
    struct orr_object_list none = {.items = members->items + members->count};
    remember_most(members);
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = orr_list_object(members, i);
        save(thread->heap, object, &none);
        none.count = 0;
        if (!orr_gc_garbage_append(thread, object) && !members->is_held) {
            thread->heap->rc->retain(thread, object); /* losing that makes it a candidate */
            orr_drop(thread, object);
        }
        if (members->is_held)
            orr_drop(thread, object);
    }
    collection->saved += members->count;
    members->count = 0;
}

/* The slot is emptied first: a drop may be a safepoint, where others must not find a reference that is gone. */
static void
drop_outside(struct orr_slot *slot, void *thread)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (!child || orr_is_garbage(child))
        return;
    orr_slot_put(slot, NULL);
    orr_drop(thread, child);
}

static void
drop_all_outside(struct orr_thread *thread, const struct orr_object_list *members)
{
    for (size_t i = 0; i < members->count; i++) {
        if (i + AHEAD < members->count)
            __builtin_prefetch((void *)members->items[i + AHEAD]);
        struct orr_object *object = orr_list_object(members, i);
        orr_object_trace(object, orr_layout_of(object), drop_outside, thread);
    }
}

static void
release_members(struct orr_thread *thread, const struct orr_object_list *members,
                struct orr_collection *collection)
{
    for (size_t i = 0; i < members->count; i++) {
        if (i + AHEAD < members->count)
            __builtin_prefetch((void *)members->items[i + AHEAD], 1);
        struct orr_object *object = orr_list_object(members, i);
        collection->freed_bytes += orr_object_bytes(object);
        orr_garbage_release(thread, object);
    }
    collection->freed += members->count;
}

static void
end_members(struct orr_thread *thread, struct orr_object_list *members, bool has_outside,
            struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    if (orr_gc_debug(heap) & ORR_DEBUG_COLLECTABLE)
        for (size_t i = 0; i < members->count; i++)
            orr_gc_note_object(heap, "collectable", orr_list_object(members, i));
    if (orr_gc_debug(heap) & ORR_DEBUG_SAVEALL)
        keep_members(thread, members, collection);
    /* Who was called may have stored what he likes, and who was saved is outside now. */
    has_outside |= destroy_members(thread, members);
    if (has_outside && heap->rc->counts)
        drop_all_outside(thread, members);
    release_members(thread, members, collection);
    orr_list_rest(members);
}

void
orr_garbage_free(struct orr_thread *thread, struct orr_object_list *members, bool has_outside,
                 void (*prove)(struct orr_thread *), struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    bool finalizes = collection->finalizers != 0;
    bool calls = orr_slot_peek(&thread->called_weaks) != collection->called_before;
    if (finalizes || calls)
        orr_gc_finalizing(heap, collection->finalizers + calls);
    if (calls) {
        orr_weak_call_all(thread, collection->called_before);
        orr_sub_relaxed(&heap->gc.finalizers_pending, 1); /* relaxed: a count for those who ask */
    }
    if (finalizes)
        has_outside = finalize_and_prove(thread, members, prove, collection);
    members->is_final = true;
    end_members(thread, members, has_outside, collection);
}

void
orr_garbage_forked(struct orr_thread *thread, struct orr_object_list *members)
{
    struct orr_collection collection = {0};
    if (members->is_final) {
        if (members->is_held)
            let_living_go(thread, members, &collection);
        end_members(thread, members, true, &collection);
        return;
    }
    if (!members->is_held)
        hold(thread, members); /* losing the hold makes them candidates */
    struct orr_object_list none = {.items = members->items + members->count};
    remember_most(members);
    for (size_t i = 0; i < members->count; i++, none.count = 0)
        save(thread->heap, orr_list_object(members, i), &none);
    let_living_go(thread, members, &collection);
    orr_list_rest(members);
}
