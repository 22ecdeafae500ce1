/* rc.c - what the cold halves of all strategies share: the table of strategies, candidates, the ends of
 * objects, and the services that collectors get about counts.
 */
#include "runtime/rc.h"

#include "runtime/borrow.h"
#include "runtime/cells.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/ledger.h"
#include "runtime/owner.h"

#include <string.h>

const struct orr_rc *const orr_rcs[] = {
#define STRATEGY(name, kind, summary) &orr_rc_##name,
#include "runtime/rc.def"
#undef STRATEGY
    NULL,
};

const struct orr_rc *
orr_rc_find(const char *name)
{
    for (size_t i = 0; orr_rcs[i]; i++)
        if (strcmp(orr_rcs[i]->name, name) == 0)
            return orr_rcs[i];
    return NULL;
}

/* --- candidates ------------------------------------------------------------------------------------ */

void
orr_candidate_push(struct orr_thread *thread, uintptr_t entry)
{
    orr_buffer_push_reserved(&thread->candidates, entry);
    orr_store_relaxed(&thread->counters.candidates, /* relaxed: own statistics */
                      orr_load_relaxed(&thread->counters.candidates) + 1);
    orr_candidates_check(thread);
}

void
orr_candidates_take(struct orr_heap *heap, struct orr_buffer *candidates)
{
    orr_assert(orr_world_is_stopped(heap));
    orr_buffer_append(candidates, &heap->orphans);
    orr_store_relaxed(&heap->orphan_count, (uint64_t)0); /* relaxed: an estimate */
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        orr_buffer_append(candidates, &thread->candidates);
}

struct orr_object *
orr_candidate_unclaim(struct orr_thread *thread, uintptr_t entry)
{
    struct orr_object *object = (struct orr_object *)(entry & ~(uintptr_t)1);
    bool shared = entry & 1;
    /* relaxed, and no read-modify-write, all: the world is stopped */
    uint8_t flags = orr_load_relaxed(&object->flags);
    if (!(flags & (ORR_FLAG_SHELL | ORR_FLAG_DYING))) {
        _Atomic(uint32_t) *word = shared ? &object->shared : &object->count;
        uint32_t bit = shared ? (uint32_t)ORR_SHARED_UNCLAIMED : ORR_UNCLAIMED;
        orr_store_relaxed(word, orr_load_relaxed(word) | bit);
        return object;
    }
    flags &= (uint8_t) ~(shared ? ORR_FLAG_HELD_SHARED : ORR_FLAG_HELD_LOCAL);
    orr_store_relaxed(&object->flags, flags);
    if ((flags & ORR_FLAG_SHELL) && !(flags & (ORR_FLAG_HELD_LOCAL | ORR_FLAG_HELD_SHARED)))
        orr_cell_release(thread, object); /* a dying one's cell goes when it has been buried */
    return NULL;
}

/* --- the end of an object -------------------------------------------------------------------------- */

static void
note_death(struct orr_thread *thread, struct orr_object *object, uint8_t flags)
{
    if (flags & ORR_FLAG_SERIAL)
        orr_ledger_died(thread->heap->ledger, object);
}

uint8_t
orr_destroy_slow(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_object *outer = thread->destroying; /* of a cascade that this one is settled for */
    /* relaxed: others look while the world is stopped */
    orr_store_relaxed(&object->flags, (uint8_t)(orr_load_relaxed(&object->flags) | ORR_FLAG_DYING));
    thread->destroying = object;
    orr_type_of(object)->destroy(thread, object);
    thread->destroying = outer;
    return orr_load_relaxed(&object->flags); /* meanwhile candidate buffers may have let it go */
}

void
orr_emptied_slow(struct orr_thread *thread, struct orr_object *object, uint8_t flags)
{
    note_death(thread, object, flags);
    /* relaxed: the object is ours alone */
    orr_store_relaxed(&object->flags, (uint8_t)(flags | ORR_FLAG_SHELL));
    if (flags & (ORR_FLAG_HELD_LOCAL | ORR_FLAG_HELD_SHARED))
        return; /* the candidate buffers give the cell back */
    orr_cell_release(thread, object);
}

static inline void
put_cell(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    if (__builtin_expect(layout.flags & ORR_LAYOUT_ARRAY, 0)) {
        size_t bytes = orr_object_bytes(object);
        orr_cell_put(thread, object, orr_cell_class(bytes), bytes);
    } else
        orr_cell_put(thread, object, layout.class, layout.bytes);
}

void
orr_cell_release(struct orr_thread *thread, struct orr_object *object)
{
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: the object is ours alone */
    if (ORR_IS_CHECKED && (flags & ORR_FLAG_BORROWED)) {
        orr_store_relaxed(&object->flags, (uint8_t)(flags & ~ORR_FLAG_BORROWED));
        if (orr_borrow_keep(thread, object))
            return;
    }
    if (thread->hooks & ORR_HOOK_DEAD)
        thread->heap->collector->dead(thread, object);
    else
        put_cell(thread, object);
}

void
orr_garbage_release(struct orr_thread *thread, struct orr_object *object)
{
    /* relaxed, all: the object is unreachable and ours */
    uint8_t held = 0;
    if (thread->birth_unclaimed && !orr_is_green(object)) {
        if (!(orr_load_relaxed(&object->count) & ORR_UNCLAIMED))
            held |= ORR_FLAG_HELD_LOCAL;
        if (thread->heap->rc->has_owner &&
            !(orr_load_relaxed(&object->shared) & ORR_SHARED_UNCLAIMED))
            held |= ORR_FLAG_HELD_SHARED;
    }
    orr_store_relaxed(&thread->counters.freed, orr_load_relaxed(&thread->counters.freed) + 1);
    uint8_t flags = (uint8_t)(orr_load_relaxed(&object->flags) | held);
    if (__builtin_expect(flags | (thread->hooks & (ORR_HOOK_DEAD | ORR_HOOK_LEDGER)), 0))
        orr_emptied_slow(thread, object, flags);
    else
        put_cell(thread, object);
}

/* --- counts, for collectors ------------------------------------------------------------------------ */

void
orr_drop(struct orr_thread *thread, struct orr_object *object)
{
    thread->heap->rc->release(thread, object);
}

/* One round; true if there was something to do. */
static bool
settle_round(struct orr_thread *worker)
{
    struct orr_heap *heap = worker->heap;
    bool found = false;
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next) {
        if (heap->rc->drain && !thread->finishing && orr_owner_has_queue(thread)) {
            heap->rc->drain(worker, thread);
            found = true;
        }
        if (thread->dead) {
            bool cascading = thread->cascading; /* further up its stack: under a destroy callback */
            heap->rc->cascade(thread, 0);
            thread->cascading = cascading;
            found = true;
        }
    }
    return found;
}

void
orr_counts_settle(struct orr_thread *thread)
{
    orr_assert(orr_world_is_stopped(thread->heap));
    while (settle_round(thread)) /* a death may queue a merge, and a merge may bring a death */
        continue;
}
