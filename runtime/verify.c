/* verify.c - the heap verifier.
 *
 * Independent of collectors: its own table of all objects (object_map.h: references found, claims found),
 * built by one walk, filled by a second over slots, roots and buffers, judged by a third. Slow and simple.
 *
 * Threads: the stopper's.
 */
#include "runtime/verify.h"

#include "runtime/cells.h"
#include "runtime/collector.h"
#include "runtime/ledger.h"
#include "runtime/object_map.h"
#include "runtime/owner.h"

struct subject {
    struct orr_object *object;           /* null: empty */
    uint64_t references;                 /* found in slots, roots, locals, private lists */
    uint8_t claims_local, claims_shared; /* entries of candidate buffers */
    bool is_kept;                        /* dead, its cell held back by a thread that borrowed it */
};

struct verifier {
    struct orr_heap *heap;
    struct orr_error *error;
    struct orr_object_map map;
    struct subject *table; /* by place in the map */
    uint64_t living, followed; /* objects; those of them that the ledger follows */
    const struct orr_object *holder; /* whose slots are being looked at; null: roots */
    bool exact;
    bool failed; /* *error holds the first failure */
};

/* --- saying what is wrong -------------------------------------------------------------------------- */

static void
report(struct verifier *verifier, const char *assertion, const struct orr_object *object,
       const char *what, int64_t found, int64_t expected)
{
    if (verifier->failed)
        return;
    verifier->failed = true;
    uint32_t index =
        orr_load_relaxed(&object->type); /* relaxed, all of this file: the world is stopped */
    const struct orr_type *type = orr_type_table[index];
    orr_fail(verifier->error, ORR_CHECK_FAILED,
             "%s: object %p of type %s: %s: found %lld, expected %lld (owner %x flags %x count %x "
             "shared %x)",
             assertion, (const void *)object, type ? type->name : "?", what, (long long)found,
             (long long)expected, orr_load_relaxed(&object->owner),
             orr_load_relaxed(&object->flags), orr_load_relaxed(&object->count),
             orr_load_relaxed(&object->shared));
}

/* --- the table ------------------------------------------------------------------------------------- */

static struct subject *
subject_of(const struct verifier *verifier, const struct orr_object *object)
{
    return &verifier->table[orr_object_map_place(&verifier->map, object)];
}

static bool
is_shell(const struct orr_object *object)
{
    return orr_load_relaxed(&object->flags) & ORR_FLAG_SHELL;
}

/* False: no memory. */
static bool
open_table(struct verifier *verifier)
{
    const struct orr_object_map *map = &verifier->map;
    if (!orr_object_map_build(&verifier->map, verifier->heap))
        return false;
    verifier->table = orr_allocate(map->places * sizeof *verifier->table);
    if (!verifier->table) {
        orr_object_map_free(&verifier->map);
        return false;
    }
    for (uint64_t i = 0; i < map->places; i++) {
        struct orr_object *object = verifier->table[i].object = map->objects[i];
        if (!object)
            continue;
        verifier->living += !is_shell(object);
        verifier->followed += !is_shell(object) && (orr_load_relaxed(&object->flags) & ORR_FLAG_SERIAL);
        uint32_t index = orr_load_relaxed(&object->type);
        if (!orr_type_table[index])
            report(verifier, "type", object, "its type index is not registered", index, 1);
    }
    return true;
}

static void
close_table(struct verifier *verifier)
{
    orr_deallocate(verifier->table);
    orr_object_map_free(&verifier->map);
}

/* --- references ------------------------------------------------------------------------------------ */

static void
report_locked(struct verifier *verifier, const struct orr_slot *slot)
{
    if (verifier->holder) {
        report(verifier, "slot-locked", verifier->holder,
               "a slot is locked while the world is stopped", 1, 0);
        return;
    }
    verifier->failed = true;
    orr_fail(verifier->error, ORR_CHECK_FAILED,
             "slot-locked: a root or linked local that refers to %p is locked while the world is "
             "stopped",
             (const void *)orr_slot_peek(slot));
}

static void
count_reference(struct orr_slot *slot, void *argument)
{
    struct verifier *verifier = argument;
    if (verifier->failed)
        return;
    if (orr_load_relaxed(&slot->word) & ORR_SLOT_LOCK)
        report_locked(verifier, slot);
    const struct orr_object *target = orr_slot_peek(slot);
    if (!target || verifier->failed)
        return;
    struct subject *subject = subject_of(verifier, target);
    if (subject->object && !orr_is_corpse(target))
        subject->references++;
    else if (verifier->holder)
        report(verifier, "edge", verifier->holder, "a slot refers to no living object",
               (int64_t)(uintptr_t)target, 0);
    else {
        verifier->failed = true;
        orr_fail(verifier->error, ORR_CHECK_FAILED,
                 "root: a root or linked local refers to %p, which is no living object",
                 (const void *)target);
    }
}

static void
count_slots(struct orr_object *object, void *argument)
{
    struct verifier *verifier = argument;
    if (verifier->failed || orr_is_corpse(object)) /* what a dying one holds is among the roots */
        return;
    verifier->holder = object;
    orr_object_trace(object, orr_layout_of(object), count_reference, verifier);
    verifier->holder = NULL;
}

static void
count_private(struct orr_object *object, void *argument)
{
    struct verifier *verifier = argument;
    struct subject *subject = subject_of(verifier, object);
    if (subject->object)
        subject->references++;
}

static void
count_claim(uintptr_t *entry, void *argument)
{
    struct verifier *verifier = argument;
    struct subject *subject = subject_of(verifier, (struct orr_object *)(*entry & ~(uintptr_t)1));
    if (!subject->object) {
        verifier->failed = true;
        orr_fail(verifier->error, ORR_CHECK_FAILED,
                 "claim: a candidate buffer names %p, which is no object",
                 (void *)(*entry & ~(uintptr_t)1));
    } else if (*entry & 1)
        subject->claims_shared++;
    else
        subject->claims_local++;
}

static void
note_kept(uintptr_t *entry, void *argument)
{
    struct verifier *verifier = argument;
    struct orr_object *object = (struct orr_object *)(*entry & ~(uintptr_t)1);
    struct subject *subject = subject_of(verifier, object);
    if ((*entry & 1) && subject->object)
        subject->is_kept = true;
}

/* --- judging one object ---------------------------------------------------------------------------- */

static void
judge_claims(struct verifier *verifier, const struct subject *subject)
{
    const struct orr_object *object = subject->object;
    const struct orr_heap *heap = verifier->heap;
    bool wanted = (heap->wants_candidates || heap->wants_newborns) && !orr_is_green(object) &&
                  (heap->wants_candidates || orr_load_relaxed(&object->colour) <= heap->collector->claimable);
    uint8_t flags = orr_load_relaxed(&object->flags);
    bool local = !(orr_load_relaxed(&object->count) & ORR_UNCLAIMED);
    bool shared = !(orr_load_relaxed(&object->shared) & ORR_SHARED_UNCLAIMED);
    if (orr_is_corpse(object)) {
        local = flags & ORR_FLAG_HELD_LOCAL;
        shared = flags & ORR_FLAG_HELD_SHARED;
        if (is_shell(object) && !local && !shared && !subject->is_kept)
            report(verifier, "shell", object, "no candidate buffer names it", 0, 1);
    }
    if (!wanted)
        local = shared = false;
    shared = shared && heap->rc->has_owner && heap->wants_candidates;
    if (orr_is_immortal(object) && !heap->rc->has_owner)
        local = subject->claims_local != 0;
    if (subject->claims_local != local)
        report(verifier, "claim", object, "entries of candidate buffers for its count",
               subject->claims_local, local);
    if (subject->claims_shared != shared)
        report(verifier, "claim", object, "entries of candidate buffers for its shared count",
               subject->claims_shared, shared);
}

/* There was no memory to queue it: who released it holds it in a local, and waits for its turn to stop the world
 * (rc_biased.c). */
static bool
is_on_its_way(const struct orr_heap *heap, const struct orr_object *object)
{
    for (const struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        for (const struct orr_own *own = thread->locals; own; own = own->previous)
            if (own->ref == object)
                return true;
    return false;
}

static void
judge_owner(struct verifier *verifier, const struct orr_object *object)
{
    uint32_t owner = orr_load_relaxed(&object->owner);
    uint32_t shared = orr_load_relaxed(&object->shared);
    if (owner == ORR_OWNER_IMMORTAL)
        return;
    if (!verifier->heap->rc->has_owner) {
        if (owner != 0 || shared != 0)
            report(verifier, "owner", object, "the strategy has no owners", owner | shared, 0);
        return;
    }
    uint32_t state = shared & ORR_SHARED_STATE;
    uint32_t local = orr_load_relaxed(&object->count) & ORR_COUNT_MASK;
    if (state == ORR_SHARED_QUEUED && !is_on_its_way(verifier->heap, object))
        report(verifier, "owner", object, "it is in a merge queue after all were drained", state,
               ORR_SHARED_MERGED);
    else if ((state == ORR_SHARED_MERGED) != (owner == 0))
        report(verifier, "owner", object, "merged and owned do not agree", state, owner);
    else if (owner == 0 && local != 0)
        report(verifier, "owner", object, "it is merged, but its owner's half is not empty", local,
               0);
    else if (owner != 0 && local == 0)
        report(verifier, "owner", object, "it is not merged, but its owner's half is empty", local,
               1);
}

static void
judge_counts(struct verifier *verifier, const struct subject *subject)
{
    const struct orr_object *object = subject->object;
    if (!verifier->heap->rc->counts || orr_is_immortal(object))
        return;
    int64_t counted = orr_count_stopped(object), found = (int64_t)subject->references;
    if (orr_is_saturated(orr_load_relaxed(&object->shared))) /* relaxed: stopped */
        return;
    if (counted < found)
        report(verifier, "count-low", object, "references counted", counted, found);
    else if (counted <= 0)
        report(verifier, "count-zero", object, "references counted", counted, 1);
    else if (verifier->exact && counted != found)
        report(verifier, "count-high", object, "references counted", counted, found);
}

static bool
is_being_buried(const struct orr_heap *heap, const struct orr_object *object)
{
    for (const struct orr_thread *thread = heap->threads; thread; thread = thread->next) {
        for (const struct orr_rites *rites = thread->rites; rites; rites = rites->outer)
            if (rites->object == object)
                return true;
        for (const struct orr_object *dead = thread->postponed; dead; dead = orr_cell_next(dead))
            if (dead == object)
                return true;
    }
    return false;
}

static void
judge(struct verifier *verifier, const struct subject *subject)
{
    const struct orr_object *object = subject->object;
    const struct orr_heap *heap = verifier->heap;
    uint8_t dead = ORR_FLAG_DYING | ORR_FLAG_HELD_LOCAL | ORR_FLAG_HELD_SHARED;
    if ((heap->collector->needs & ORR_NEEDS_SCRATCH) &&
        orr_load_relaxed(orr_scratch(heap, object)) != 0)
        report(verifier, "scratch", object, "its word of the side table",
               orr_load_relaxed(orr_scratch(heap, object)), 0);
    judge_claims(verifier, subject);
    if (is_shell(object))
        return;
    if (is_being_buried(heap, object))
        return;
    if (orr_load_relaxed(&object->flags) & dead)
        report(verifier, "flags", object, "flags of the dead", orr_load_relaxed(&object->flags), 0);
    judge_owner(verifier, object);
    judge_counts(verifier, subject);
}

/* --- the whole ------------------------------------------------------------------------------------- */

static bool
books_lag(const struct orr_heap *heap)
{
    for (const struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        for (const struct orr_rites *rites = thread->rites; rites; rites = rites->outer)
            if (rites->books_lag)
                return true;
    return false;
}

static void
judge_books(struct verifier *verifier)
{
    struct orr_heap_totals totals;
    orr_heap_totals(verifier->heap, &totals);
    uint64_t births, deaths;
    if (totals.live < verifier->living || (totals.live > verifier->living && !books_lag(verifier->heap))) {
        verifier->failed = true;
        orr_fail(verifier->error, ORR_CHECK_FAILED,
                 "conservation: %llu allocated - %llu freed = %llu live, but the walk finds %llu",
                 (unsigned long long)totals.allocated, (unsigned long long)totals.freed,
                 (unsigned long long)totals.live, (unsigned long long)verifier->living);
        return;
    }
    if (!verifier->heap->ledger)
        return;
    orr_ledger_totals(verifier->heap->ledger, &births, &deaths);
    if (births - deaths != verifier->followed) {
        verifier->failed = true;
        orr_fail(verifier->error, ORR_CHECK_FAILED,
                 "ledger: %llu born - %llu dead, but the walk finds %llu alive",
                 (unsigned long long)births, (unsigned long long)deaths,
                 (unsigned long long)verifier->followed);
    }
}

static void
count_references(struct verifier *verifier)
{
    struct orr_heap *heap = verifier->heap;
    heap->kind->walk(heap, 0, 1, count_slots, verifier);
    if (!verifier->failed)
        orr_roots_visit(heap, count_reference, verifier);
    if (!verifier->failed && heap->collector->visit)
        heap->collector->visit(heap, count_private, verifier);
    orr_buffer_each(&heap->orphans, count_claim, verifier);
    orr_buffer_each(&heap->parked, count_claim, verifier);
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next) {
        orr_buffer_each(&thread->candidates, count_claim, verifier);
        orr_buffer_each(&thread->borrowed, note_kept, verifier);
    }
}

static bool
verify(struct orr_heap *heap, struct orr_thread *thread, bool exact, struct orr_error *error)
{
    if (!heap->kind->is_walkable) {
        orr_fail(error, ORR_NOT_APPLICABLE, "heap %s cannot be walked, so it cannot be verified",
                 heap->kind->name);
        return false;
    }
    struct verifier verifier = {.heap = heap, .error = error, .exact = exact};
    orr_counts_settle(thread);
    if (!open_table(&verifier)) {
        orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to verify a heap");
        return false;
    }
    if (!verifier.failed)
        count_references(&verifier);
    for (uint64_t i = 0; i < verifier.map.places && !verifier.failed; i++)
        if (verifier.table[i].object)
            judge(&verifier, &verifier.table[i]);
    if (!verifier.failed)
        judge_books(&verifier);
    if (!verifier.failed && heap->collector->verify)
        heap->collector->verify(heap);
    close_table(&verifier);
    return !verifier.failed;
}

bool
orr_heap_verify(struct orr_heap *heap, struct orr_thread *thread, struct orr_error *error)
{
    return verify(heap, thread, false, error);
}

bool
orr_heap_verify_exact(struct orr_heap *heap, struct orr_thread *thread, struct orr_error *error)
{
    return verify(heap, thread, true, error);
}
