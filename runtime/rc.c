/* rc.c - what the cold halves of all strategies share: the table of strategies, candidates, the ends of
 * objects, and the services that collectors get about counts.
 */
#include "runtime/rc.h"

#include "runtime/borrow.h"
#include "runtime/cells.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/gc.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/owner.h"
#include "runtime/raise.h"

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

enum {
    NEWBORNS_LEAST = 4096, /* entries below which a buffer is not sifted */
    NEWBORNS_LOOK = 64     /* births between two looks at the trigger */
};

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
orr_newborn_push(struct orr_thread *thread, struct orr_object *object)
{
    if (orr_is_green(object))
        return;
    if (!orr_buffer_push(&thread->candidates, (uintptr_t)object)) {
        /* No memory to name it: it is old at once, and found by walks. relaxed: nobody else sees it yet */
        orr_store_relaxed(&object->colour, (uint8_t)(thread->claimable + 1));
        return;
    }
    if (thread->candidates.total >= thread->newborns_most)
        orr_newborns_sift(thread);
    if (thread->candidates.total % NEWBORNS_LOOK == 0)
        orr_candidates_check(thread);
}

static bool
is_no_shell(uintptr_t *entry, void *thread)
{
    struct orr_object *object = (struct orr_object *)*entry;
    if (!(orr_load_acquire(&object->flags) & ORR_FLAG_SHELL)) /* acquire: its burial, perhaps by another */
        return true;
    orr_cell_release(thread, object);
    return false;
}

void
orr_newborns_sift(struct orr_thread *thread)
{
    orr_buffer_filter(&thread->candidates, is_no_shell, thread);
    thread->newborns_most = thread->candidates.total * 2;
    if (thread->newborns_most < NEWBORNS_LEAST)
        thread->newborns_most = NEWBORNS_LEAST;
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

/* Of the two claims, that in `count`: merged objects have it too. */
void
orr_candidate_claim(struct orr_thread *thread, struct orr_object *object)
{
    orr_assert(orr_world_is_stopped(thread->heap));
    uint32_t count = orr_load_relaxed(&object->count); /* relaxed, all: the world is stopped */
    bool in_shared =
        thread->heap->rc->has_owner && !(orr_load_relaxed(&object->shared) & ORR_SHARED_UNCLAIMED);
    if (!(count & ORR_UNCLAIMED) || in_shared || orr_is_immortal(object))
        return;
    if (orr_buffer_push(&thread->heap->parked, (uintptr_t)object)) {
        orr_store_relaxed(&object->count, count & ~ORR_UNCLAIMED);
        thread->heap->parked_due = true;
    } else
        orr_add_relaxed(&thread->counters.candidates_lost, 1);
}

struct orr_object *
orr_candidate_unclaim(struct orr_thread *thread, uintptr_t entry)
{
    struct orr_object *object = (struct orr_object *)(entry & ~(uintptr_t)1);
    bool shared = entry & 1;
    bool claims = !thread->heap->wants_newborns; /* those are not claimed again */
    /* relaxed, and no read-modify-write, all: the world is stopped */
    uint8_t flags = orr_load_relaxed(&object->flags);
    if (!(flags & (ORR_FLAG_SHELL | ORR_FLAG_DYING))) {
        if (!claims)
            return object;
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

void
orr_finalize(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_own own = {.ref = object, .thread = thread, .previous = thread->locals};
    struct orr_error saved;
    if (!orr_is_green(object)) /* rule 33 */
        orr_or_relaxed(&object->flags, ORR_FLAG_FINALIZED); /* relaxed: read by whoever buries it */
    thread->locals = &own; /* for collectors that want roots */
    orr_raise_save(thread, &saved);
    orr_type_of(object)->finalize(thread, object);
    orr_raise_restore(thread, &saved, orr_type_of(object)->name);
    thread->locals = own.previous;
}

/* What the collector knew of the dead object is old: collections may have gone by while it waited for its finalizer.
 * If one has met the dead newborn and let it go, nobody names it any more, and it must not live again as one who is
 * named. And a mark may mean the next collection by now: who carries it would not be looked into. */
static void
forget_colour(struct orr_thread *thread, struct orr_object *object, uint8_t flags)
{
    uint8_t colour = orr_load_relaxed(&object->colour); /* relaxed, all: ours alone */
    if (thread->heap->wants_newborns) {
        if (!(flags & ORR_FLAG_HELD_LOCAL) && orr_may_be_claimed(thread, object))
            orr_store_relaxed(&object->colour, (uint8_t)(thread->claimable + 1));
    } else if (colour != ORR_COLOUR_FROZEN)
        orr_store_relaxed(&object->colour, (uint8_t)0);
}

bool
orr_finalize_dead(struct orr_thread *thread, struct orr_object *object)
{
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed: ours alone */
    if (!orr_type_of(object)->finalize || (flags & ORR_FLAG_FINALIZED))
        return false;
    forget_colour(thread, object, flags);
    thread->heap->rc->revive(thread, object);
    if (flags & ORR_FLAG_PUBLISHED)
        orr_weak_resume(thread, object);
    struct orr_rites rites = {.object = object, .outer = thread->finalizing};
    thread->finalizing = &rites;
    uint64_t start_ns = orr_clock_ns();
    orr_gc_calls(thread);
    orr_finalize(thread, object);
    orr_pause_note(thread, ORR_PAUSE_FINALIZER, start_ns);
    thread->finalizing = rites.outer;
    return true;
}

void
orr_destroy(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_error saved;
    orr_raise_save(thread, &saved);
    orr_type_of(object)->destroy(thread, object);
    orr_raise_restore(thread, &saved, orr_type_of(object)->name);
}

void
orr_last_rites(struct orr_thread *thread, struct orr_object *object, struct orr_layout layout)
{
    struct orr_rites rites = {.object = object, .outer = thread->rites};
    struct orr_object *called = orr_slot_peek(&thread->called_weaks);
    uint8_t flags = orr_load_relaxed(&object->flags); /* relaxed, all: others look while the world is stopped */
    bool has_destroy = (layout.flags & ORR_LAYOUT_LAST) && orr_type_of(object)->destroy;
    if (!has_destroy && !(flags & ORR_FLAG_PUBLISHED))
        return;
    orr_store_relaxed(&object->flags, (uint8_t)(flags | ORR_FLAG_DYING));
    thread->rites = &rites;
    if (flags & ORR_FLAG_PUBLISHED) {
        orr_weak_clear(thread, object, true);
        orr_weak_call_all(thread, called);
    }
    rites.destroys = true;
    if (has_destroy)
        orr_destroy(thread, object);
    thread->rites = rites.outer;
}

/* Empties the slots that a burial has dropped, in an object whose references lie behind the header: it does not
 * empty them itself. The last one is in the local. */
static void
forget_dropped(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    orr_slot_put(thread->dropping, NULL);
    if (layout.flags & ORR_LAYOUT_ODD)
        return;
    struct orr_slot *first = (struct orr_slot *)(object + 1), *end = first + layout.references;
    for (struct orr_slot *slot = first; thread->dropping < end && slot < thread->dropping; slot++)
        orr_slot_put(slot, NULL);
}

void
orr_burial_show(struct orr_thread *thread, struct orr_object *child, struct orr_burial *burial)
{
    struct orr_object *object = thread->burying;
    *burial = (struct orr_burial){
        .own = {.ref = child, .thread = thread, .previous = thread->locals},
        .rites = {.object = object, .outer = thread->rites, .destroys = true, .books_lag = true},
    };
    thread->locals = &burial->own;
    if (!object)
        return;
    forget_dropped(thread, object);
    /* relaxed, both: ours alone until the world stops */
    orr_store_relaxed(&object->flags, (uint8_t)(orr_load_relaxed(&object->flags) | ORR_FLAG_DYING));
    thread->rites = &burial->rites;
    thread->burying = NULL;
}

void
orr_burial_hide(struct orr_thread *thread, struct orr_burial *burial)
{
    thread->locals = burial->own.previous;
    if (!burial->rites.object)
        return;
    thread->rites = burial->rites.outer;
    thread->burying = burial->rites.object;
}

bool
orr_postpone(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_heap *heap = thread->heap;
    if (!orr_world_is_stopped(heap))
        return false;
    /* relaxed, all: stopped. Those who are not attached can stop the world, but not run callbacks. */
    struct orr_thread *stopper = orr_load_relaxed(&heap->world.stopper);
    if (stopper)
        thread = stopper;
    orr_store_relaxed(&object->flags, (uint8_t)(orr_load_relaxed(&object->flags) | ORR_FLAG_DYING));
    orr_store_relaxed(&object->counts, (uint64_t)thread->postponed);
    thread->postponed = object;
    orr_attention_set(thread, ORR_ATTENTION_CASCADE);
    return true;
}

static void
take_postponed(struct orr_thread *thread)
{
    while (thread->postponed) {
        struct orr_object *object = thread->postponed;
        thread->postponed = orr_cell_next(object);
        orr_store_relaxed(&object->counts, (uint64_t)thread->dead); /* relaxed: ours alone */
        thread->dead = object;
    }
}

/* All is all: a callback that stops the world, to collect say, postpones what it meets meanwhile. Within a callback the
 * cascade that called it goes on afterwards; one upon the other would be as deep as the heap (law 7). */
void
orr_cascade_all(struct orr_thread *thread, uint64_t slice)
{
    if (thread->cascading)
        return;
    do {
        take_postponed(thread);
        thread->heap->rc->cascade(thread, slice);
    } while (slice == 0 && thread->postponed && !orr_world_is_stopped(thread->heap));
}

void
orr_emptied_slow(struct orr_thread *thread, struct orr_object *object, uint8_t flags)
{
    note_death(thread, object, flags);
    if (flags & ORR_FLAG_PUBLISHED)
        orr_weak_end(object);
    /* release: whoever finds the shell in its buffer may give the cell back while we run */
    orr_store_release(&object->flags, (uint8_t)(flags | ORR_FLAG_SHELL));
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
orr_cell_give_back(struct orr_thread *thread, struct orr_object *object)
{
    put_cell(thread, object);
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
    if (orr_may_be_claimed(thread, object)) {
        if (!(orr_load_relaxed(&object->count) & ORR_UNCLAIMED))
            held |= ORR_FLAG_HELD_LOCAL;
        if (thread->birth_unclaimed >> 32 != 0 &&
            !(orr_load_relaxed(&object->shared) & ORR_SHARED_UNCLAIMED))
            held |= ORR_FLAG_HELD_SHARED;
    }
    orr_store_relaxed(&thread->counters.freed, orr_load_relaxed(&thread->counters.freed) + 1);
    uint8_t flags = (uint8_t)(orr_load_relaxed(&object->flags) | held);
    /* That it was finalized concerns nobody any more. */
    if (__builtin_expect((flags & ~ORR_FLAG_FINALIZED) | (thread->hooks & (ORR_HOOK_DEAD | ORR_HOOK_LEDGER)), 0))
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
            bool cascading = thread->cascading; /* further up its stack: under a callback */
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
