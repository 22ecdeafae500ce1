/* heap.c - a heap's life: putting the chosen parts together, its roots, its books. */
#include "runtime/heap.h"

#include "runtime/cells.h"
#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/finalize.h"
#include "runtime/gc.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/owner.h"
#include "runtime/weak.h"

#include <string.h>

const struct orr_heap_kind *const orr_heap_kinds[] = {
#define HEAP(name, summary) &orr_heap_##name,
#include "runtime/heap.def"
#undef HEAP
    NULL,
};

const struct orr_heap_kind *
orr_heap_kind_find(const char *name)
{
    for (size_t i = 0; orr_heap_kinds[i]; i++)
        if (strcmp(orr_heap_kinds[i]->name, name) == 0)
            return orr_heap_kinds[i];
    return NULL;
}

/* --- what fits together ---------------------------------------------------------------------------- */

static bool
strategy_fits(const struct orr_rc *rc, const struct orr_collector *collector, uint32_t threads,
              struct orr_error *error)
{
    const char *reason = NULL;
    if ((collector->needs & ORR_NEEDS_COUNTS) && !rc->counts)
        reason = "the collector reads reference counts, and the strategy keeps none";
    else if (!rc->counts && !collector->frees_untraced)
        reason = "nothing would ever be freed: the strategy keeps no counts and the collector does "
                 "not trace";
    if (reason) {
        orr_fail(error, ORR_NOT_APPLICABLE, "%s with %s: %s", rc->name, collector->name, reason);
        return false;
    }
    if (rc->threads_max && threads > rc->threads_max) {
        orr_fail(error, ORR_NOT_APPLICABLE, "%s counts without atomics: %u thread%s at most, not %u",
                 rc->name, rc->threads_max, rc->threads_max == 1 ? "" : "s", threads);
        return false;
    }
    return true;
}

static bool
kind_fits(const struct orr_collector *collector, const struct orr_heap_kind *kind,
          struct orr_error *error)
{
    const char *reason = NULL;
    if ((collector->needs & ORR_NEEDS_BLOCKS) && kind != &orr_heap_blocks)
        reason = "the collector protects pages, which only the heap `blocks` lays out for it";
    else if ((collector->needs & ORR_NEEDS_WALK) && !kind->is_walkable)
        reason = "the collector walks the heap, and this heap cannot enumerate its objects";
    else if ((collector->needs & ORR_NEEDS_SCRATCH) && !kind->scratch)
        reason = "the collector needs a word beside each object, and this heap has no place for it";
    if (reason)
        orr_fail(error, ORR_NOT_APPLICABLE, "%s on %s: %s", collector->name, kind->name, reason);
    return !reason;
}

bool
orr_pair_applies(const struct orr_rc *rc, const struct orr_collector *collector,
                 const struct orr_heap_kind *kind, uint32_t threads, struct orr_error *error)
{
    return strategy_fits(rc, collector, threads, error) && kind_fits(collector, kind, error);
}

/* --- life ------------------------------------------------------------------------------------------ */

static void
init_locks(struct orr_heap *heap)
{
    orr_mutex_init(&heap->threads_lock);
    orr_mutex_init(&heap->books_lock);
    orr_mutex_init(&heap->owners_lock);
    orr_mutex_init(&heap->roots_lock);
}

static enum orr_status
set_up_collector(struct orr_heap *heap, struct orr_error *error)
{
    const struct orr_collector *collector = heap->collector;
    if ((collector->needs & ORR_NEEDS_SCRATCH) && !heap->kind->scratch(heap))
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the side table of %s",
                        collector->name);
    if (collector->heap_bytes &&
        !(heap->collector_private = orr_allocate(collector->heap_bytes)))
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for collector %s", collector->name);
    if (collector->settings_bytes) {
        heap->collector_settings = orr_allocate(collector->settings_bytes);
        if (!heap->collector_settings)
            return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for collector %s",
                            collector->name);
        orr_options_preset(collector->options, heap->collector_settings);
    }
    for (size_t i = 0; heap->options.settings && heap->options.settings[i]; i++) {
        enum orr_status status = orr_options_set(collector->options, heap->collector_settings,
                                                 collector->name, heap->options.settings[i], error);
        if (status != ORR_OK)
            return status;
    }
    return collector->heap_init ? collector->heap_init(heap, error) : ORR_OK;
}

static void
free_immortal(uintptr_t *root, void *unused)
{
    (void)unused;
    orr_deallocate((void *)*root);
}

static void
free_books(struct orr_heap *heap)
{
    orr_mutex_fini(&heap->threads_lock);
    orr_mutex_fini(&heap->books_lock);
    orr_mutex_fini(&heap->owners_lock);
    orr_mutex_fini(&heap->roots_lock);
    orr_owners_free(heap);
    orr_buffer_clear(&heap->orphans);
    orr_buffer_each(&heap->immortals, free_immortal, NULL);
    orr_buffer_clear(&heap->immortals);
    orr_buffer_clear(&heap->parked);
    orr_ledger_destroy(heap->ledger);
    orr_finalizes_close(heap);
    orr_gc_close(heap);
    orr_deallocate(heap->collector_private);
    orr_deallocate(heap->collector_settings);
    orr_deallocate(heap);
}

enum orr_status
orr_heap_create(const struct orr_heap_options *options, struct orr_heap **result,
                struct orr_error *error)
{
    if (!orr_pair_applies(options->rc, options->collector, options->kind, 0, error))
        return ORR_NOT_APPLICABLE;
    if (options->verify && !options->kind->is_walkable)
        return orr_fail(error, ORR_NOT_APPLICABLE,
                        "heap %s cannot be walked, so it cannot be verified",
                        options->kind->name);
    struct orr_heap *heap = orr_allocate(sizeof *heap);
    if (!heap)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a heap");
    heap->options = *options;
    heap->options.ledger = options->ledger || options->sites;
    heap->rc = options->rc;
    heap->collector = options->collector;
    heap->kind = options->kind;
    heap->listener = options->listener;
    heap->wants_candidates = heap->rc->counts && (heap->collector->needs & ORR_NEEDS_CANDIDATES);
    heap->wants_newborns = heap->rc->counts && (heap->collector->needs & ORR_NEEDS_NEWBORNS);
    if (options->trigger.kind == ORR_TRIGGER_KINDS)
        heap->options.trigger = options->collector->trigger;
    init_locks(heap);
    if (options->stress_every)
        orr_buffers_tiny(true);
    enum orr_status status = ORR_OUT_OF_MEMORY;
    if (!orr_gc_open(heap))
        orr_fail(error, status, "no memory for a heap's control");
    else if (orr_type_register(&orr_weak_type, error) != ORR_OK)
        ; /* the error says it */
    else if (heap->options.ledger && !(heap->ledger = orr_ledger_create()))
        orr_fail(error, status, "no memory for the death ledger");
    else
        status = heap->kind->open(heap, error);
    if (status == ORR_OK) {
        status = set_up_collector(heap, error);
        if (status != ORR_OK)
            heap->kind->close(heap);
    }
    if (status != ORR_OK) {
        free_books(heap);
        return status;
    }
    *result = heap;
    return ORR_OK;
}

void
orr_heap_destroy(struct orr_heap *heap)
{
    uint32_t attached = orr_load_relaxed(&heap->thread_count); /* relaxed: the caller knows */
    orr_require(attached == 0, "a heap is destroyed with %u threads attached", attached);
    if (heap->collector->heap_fini)
        heap->collector->heap_fini(heap);
    orr_weaks_close(heap);
    heap->kind->close(heap);
    free_books(heap);
}

/* --- roots ----------------------------------------------------------------------------------------- */

void
orr_root_add(struct orr_heap *heap, struct orr_root *root)
{
    orr_store_relaxed(&root->slot.word, (uintptr_t)0); /* relaxed: not yet registered */
    orr_mutex_lock(&heap->roots_lock);
    root->previous = NULL;
    root->next = heap->roots;
    if (heap->roots)
        heap->roots->previous = root;
    heap->roots = root;
    orr_mutex_unlock(&heap->roots_lock);
}

void
orr_root_remove(struct orr_heap *heap, struct orr_root *root)
{
    orr_require(!orr_slot_peek(&root->slot), "a root is taken away while it holds a reference");
    orr_mutex_lock(&heap->roots_lock);
    if (root->previous)
        root->previous->next = root->next;
    else
        heap->roots = root->next;
    if (root->next)
        root->next->previous = root->previous;
    orr_mutex_unlock(&heap->roots_lock);
}

void
orr_roots_visit(struct orr_heap *heap, orr_visit_slot *visit, void *argument)
{
    orr_assert(orr_world_is_stopped(heap));
    orr_mutex_lock(&heap->roots_lock); /* who is not attached does not stand still */
    for (struct orr_root *root = heap->roots; root; root = root->next)
        visit(&root->slot, argument);
    orr_mutex_unlock(&heap->roots_lock);
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next) {
        for (struct orr_own *own = thread->locals; own; own = own->previous)
            if (own->ref)
                visit(&own->slot, argument);
        for (struct orr_slot *slot = &thread->called_weaks; orr_slot_peek(slot);
             slot = &((struct orr_weak *)orr_slot_peek(slot))->pending)
            visit(slot, argument);
        for (struct orr_rites *rites = thread->rites; rites; rites = rites->outer)
            orr_object_trace(rites->object, orr_layout_of(rites->object), visit, argument);
        for (struct orr_object *dead = thread->postponed; dead; dead = orr_cell_next(dead))
            orr_object_trace(dead, orr_layout_of(dead), visit, argument);
    }
}

bool
orr_immortalise(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_heap *heap = thread->heap;
    if (orr_is_immortal(object))
        return true;
    /* Its owner upgrades by the cell alone, and counts: nothing takes such counts away again. Before the
     * lock, so that none is taken under it. */
    if (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED) /* relaxed: set by a holder */
        orr_weak_disown(object);
    struct orr_root *root = orr_allocate(sizeof *root);
    orr_mutex_lock(&heap->roots_lock);
    bool was_first = !orr_is_immortal(object); /* two may do it at once; one root, one step, one count of it */
    bool kept = was_first && root && orr_buffer_push(&heap->immortals, (uintptr_t)root);
    if (kept) {
        heap->rc->retain(thread, object); /* the root's */
        heap->rc->immortalise(thread, object);
    }
    orr_mutex_unlock(&heap->roots_lock);
    if (!kept) {
        orr_deallocate(root);
        return !was_first;
    }
    orr_root_add(heap, root);
    orr_slot_put(&root->slot, object);
    return true;
}

struct orr_root *
orr_pin(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_heap *heap = thread->heap;
    struct orr_root *pin = orr_allocate(sizeof *pin);
    if (!pin)
        return NULL;
    orr_root_add(heap, pin);
    heap->rc->retain(thread, object);
    orr_slot_put(&pin->slot, object);
    return pin;
}

void
orr_unpin(struct orr_thread *thread, struct orr_root *pin)
{
    struct orr_object *object = orr_slot_peek(&pin->slot);
    orr_slot_put(&pin->slot, NULL);
    orr_root_remove(thread->heap, pin);
    orr_deallocate(pin);
    thread->heap->rc->release(thread, object);
}

/* --- books ----------------------------------------------------------------------------------------- */

static void
sum_counters(struct orr_heap_totals *totals, const struct orr_thread_counters *counters)
{
    /* relaxed, all: statistics */
    totals->allocated += orr_load_relaxed(&counters->allocated);
    totals->freed += orr_load_relaxed(&counters->freed);
    totals->merge_queued += orr_load_relaxed(&counters->merge_queued);
    totals->merged += orr_load_relaxed(&counters->merged);
    totals->candidates += orr_load_relaxed(&counters->candidates);
    totals->candidates_lost += orr_load_relaxed(&counters->candidates_lost);
    totals->rc_shared += orr_load_relaxed(&counters->rc_shared);
}

void
orr_heap_totals(struct orr_heap *heap, struct orr_heap_totals *totals)
{
    memset(totals, 0, sizeof *totals);
    orr_mutex_lock(&heap->books_lock);
    sum_counters(totals, &heap->gone);
    for (struct orr_thread *thread = heap->threads; thread; thread = thread->next)
        sum_counters(totals, &thread->counters);
    orr_mutex_unlock(&heap->books_lock);
    totals->live = totals->allocated - totals->freed;
}

bool
orr_heap_charge(struct orr_heap *heap, uint64_t bytes)
{
    uint64_t limit = heap->options.bytes_limit ? heap->options.bytes_limit : UINT64_MAX;
    uint64_t before = orr_load_relaxed(&heap->bytes_used), used; /* relaxed, all: a sum */
    do { /* not by adding first: who is refused would make others be refused */
        used = before + bytes;
        if (used > limit)
            return false;
    } while (!orr_cas_relaxed(&heap->bytes_used, &before, used));
    return true;
}

void
orr_heap_took(struct orr_heap *heap, uint64_t bytes)
{
    /* relaxed, all: statistics */
    uint64_t used = orr_load_relaxed(&heap->bytes_used), peak = orr_load_relaxed(&heap->bytes_peak);
    orr_add_relaxed(&heap->bytes_taken, bytes);
    while (used > peak && !orr_cas_relaxed(&heap->bytes_peak, &peak, used))
        continue;
}

void
orr_heap_discharge(struct orr_heap *heap, uint64_t bytes)
{
    orr_sub_relaxed(&heap->bytes_used, bytes); /* relaxed: a sum */
}
