/* collect.c - one collection at a time, and when it starts by itself.
 *
 * Whoever asks while another thread collects waits in a blocking region and returns after a collection that
 * began after the call: number `begun at the call` + 1 or later (scheme-rs pull request 328 is the off-by-one).
 * A request from inside a collection, on the same thread, returns at once: collections do not nest.
 *
 * sync        publishes                                observes                               then visible
 * collecting  finish: store, release                   begin: cas, acquire                    the last collection's doings
 */
#include "runtime/collect.h"

#include "runtime/cells.h"
#include "runtime/collector.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/stop.h"
#include "runtime/verify.h"

/* --- triggers -------------------------------------------------------------------------------------- */

enum {
    RATIO_FLOOR = 4 << 20,    /* a heap smaller than this is treated as this large by `ratio` */
    ADAPTIVE_FLOOR = 1000,    /* adaptive never asks more often than this */
    ADAPTIVE_SPAN = 4         /* with candidates, nor rarer than this many times where it began: what a
                               * candidate costs is bounded, so waiting only makes pauses longer */
};

static const char *const trigger_names[] = {
#define TRIGGER(name, summary) #name,
#include "runtime/trigger.def"
#undef TRIGGER
};

void
orr_triggers_init(struct orr_heap *heap)
{
    orr_store_relaxed(&heap->count_limit, heap->options.trigger.count); /* relaxed: no threads yet */
}

static bool
trigger_counts(const struct orr_heap *heap)
{
    return heap->options.trigger.kind == ORR_TRIGGER_count ||
           heap->options.trigger.kind == ORR_TRIGGER_adaptive;
}

/* Each thread has its share of the threshold, so that no shared counter is touched per candidate; those of
 * threads that have gone count whole. */
static bool
candidates_are_many(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    /* relaxed, all: a threshold and estimates */
    return thread->candidates.total * orr_load_relaxed(&heap->thread_count) +
               orr_load_relaxed(&heap->orphan_count) >=
           orr_load_relaxed(&heap->count_limit);
}

void
orr_candidates_check(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (thread->candidates.total == ORR_CHUNK_ENTRIES && heap->collector->candidate)
        heap->collector->candidate(thread);
    if (trigger_counts(heap) && candidates_are_many(thread))
        orr_attention_set(thread, ORR_ATTENTION_COLLECT);
}

void
orr_live_tell(struct orr_thread *thread)
{
    /* relaxed, all: own counters, and an estimate */
    int64_t live = (int64_t)orr_load_relaxed(&thread->counters.allocated) -
                   (int64_t)orr_load_relaxed(&thread->counters.freed);
    orr_add_relaxed(&thread->heap->live, live - thread->live_told);
    thread->live_told = live;
}

static bool
is_due(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    const struct orr_trigger *trigger = &heap->options.trigger;
    uint64_t used = orr_load_relaxed(&heap->bytes_used); /* relaxed, all: estimates */
    uint64_t after = orr_load_relaxed(&heap->bytes_after_collection);
    uint64_t growth = used > after ? used - after : 0;
    switch (trigger->kind) {
    case ORR_TRIGGER_count:
    case ORR_TRIGGER_adaptive:
        if (heap->wants_candidates)
            return candidates_are_many(thread);
        return orr_load_relaxed(&heap->live) - orr_load_relaxed(&heap->live_after_collection) >=
               (int64_t)orr_load_relaxed(&heap->count_limit);
    case ORR_TRIGGER_bytes:
        return growth >= trigger->bytes;
    case ORR_TRIGGER_ratio:
        return (double)growth >= trigger->ratio * (double)(after > RATIO_FLOOR ? after : RATIO_FLOOR);
    default:
        return false;
    }
}

/* Nim's rule, with PHP's direction: a collection that found little makes the next one rarer. */
static void
adapt(struct orr_heap *heap, const struct orr_collection *collection)
{
    if (heap->options.trigger.kind != ORR_TRIGGER_adaptive)
        return;
    uint64_t limit = orr_load_relaxed(&heap->count_limit); /* relaxed: one collection at a time */
    limit = collection->freed * 2 >= collection->nodes_visited ? limit * 2 / 3 : limit * 3 / 2;
    uint64_t floor = heap->options.trigger.count < ADAPTIVE_FLOOR ? heap->options.trigger.count
                                                                  : ADAPTIVE_FLOOR;
    if (limit < floor)
        limit = floor;
    if (heap->wants_candidates && limit > heap->options.trigger.count * ADAPTIVE_SPAN)
        limit = heap->options.trigger.count * ADAPTIVE_SPAN;
    orr_store_relaxed(&heap->count_limit, limit);
}

/* --- one collection -------------------------------------------------------------------------------- */

static void
raise_to(_Atomic(uint64_t) *peak, uint64_t value)
{
    uint64_t seen = orr_load_relaxed(peak); /* relaxed: statistics */
    while (value > seen && !orr_cas_relaxed(peak, &seen, value))
        continue;
}

static void
verify_stopped(struct orr_thread *thread, const char *when)
{
    struct orr_heap *heap = thread->heap;
    struct orr_error error;
    if (!heap->options.verify)
        return;
    orr_world_stop(heap, thread);
    bool sound = orr_heap_verify(heap, thread, &error);
    orr_world_resume(heap);
    if (!sound) {
        orr_store_relaxed(&heap->verification_failed, true); /* relaxed: read at the end */
        orr_require(!ORR_IS_CHECKED, "%s a collection: %s", when, error.message);
    }
}

static void
run_collection(struct orr_thread *thread, const char *cause, enum orr_urgency urgency)
{
    struct orr_heap *heap = thread->heap;
    struct orr_collection collection = {
        .number = orr_add_relaxed(&heap->collections_begun, 1) + 1, /* relaxed: we hold collecting */
        .collector = heap->collector->name,
        .cause = cause,
        .urgency = urgency,
        .heap_bytes_before = orr_load_relaxed(&heap->bytes_used), /* relaxed: statistics */
    };
    verify_stopped(thread, "before");
    collection.start_ns = orr_clock_ns();
    uint64_t cpu_ns = orr_thread_cpu_ns();
    heap->collector->collect(thread, &collection);
    collection.requester_cpu_ns = orr_thread_cpu_ns() - cpu_ns;
    collection.stop_ns = orr_clock_ns();
    orr_pause_note(thread, ORR_PAUSE_STOP, collection.start_ns);
    verify_stopped(thread, "after");
    orr_live_tell(thread);
    collection.heap_bytes_after = orr_load_relaxed(&heap->bytes_used); /* relaxed, all: statistics */
    orr_store_relaxed(&heap->bytes_after_collection, collection.heap_bytes_after);
    orr_store_relaxed(&heap->live_after_collection, orr_load_relaxed(&heap->live));
    raise_to(&heap->garbage_peak, collection.freed);
    raise_to(&heap->garbage_bytes_peak, collection.freed_bytes);
    adapt(heap, &collection);
    if (heap->listener.collection)
        heap->listener.collection(heap->listener.context, &collection);
}

/* Waits for the right to collect; false: somebody did, after the call. */
static bool
begin(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    uint64_t begun = orr_load_acquire(&heap->collections_begun); /* acquire: begun before we asked */
    uint32_t idle = 0;
    thread->collecting = true;
    while (!orr_cas_acquire(&heap->collecting, &idle, 1)) { /* sync:collecting  acquire */
        idle = 0;
        orr_block_enter(thread);
        orr_park(&heap->collecting, 1, ORR_PARK_NS);
        orr_block_leave(thread);
        if (orr_load_acquire(&heap->collections_done) > begun) { /* sync:collecting  acquire */
            thread->collecting = false;
            return false;
        }
    }
    return true;
}

static void
finish(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    orr_add_acq_rel(&heap->collections_done, 1); /* sync:collecting  release */
    thread->collecting = false;
    orr_store_release(&heap->collecting, 0); /* sync:collecting  release */
    orr_wake_all(&heap->collecting);
}

static void
collect(struct orr_thread *thread, const char *cause, enum orr_urgency urgency)
{
    if (thread->collecting || !thread->heap->collector->collect)
        return;
    if (!begin(thread))
        return;
    run_collection(thread, cause, urgency);
    finish(thread);
}

void
orr_collect(struct orr_thread *thread, const char *cause)
{
    collect(thread, cause, ORR_URGENCY_REQUESTED);
}

void
orr_collect_if_due(struct orr_thread *thread)
{
    if (thread->collecting || !thread->heap->collector->collect)
        return;
    orr_live_tell(thread);
    if (is_due(thread))
        collect(thread, trigger_names[thread->heap->options.trigger.kind], ORR_URGENCY_AUTOMATIC);
}

void
orr_settle(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    orr_poll_slow(thread);
    heap->rc->cascade(thread, 0);
    if (heap->collector->settle) {
        heap->collector->settle(thread);
        return;
    }
    for (uint32_t i = 0; i < heap->collector->completeness; i++)
        collect(thread, "settle", ORR_URGENCY_COMPLETE);
}

/* --- the slow half of allocation ------------------------------------------------------------------- */

/* No cell: frees what can be freed and asks again. */
static struct orr_object *
allocate_hard(struct orr_thread *thread, size_t bytes)
{
    struct orr_heap *heap = thread->heap;
    uint64_t start_ns = orr_clock_ns();
    if (!thread->cascading)
        heap->rc->cascade(thread, 0);
    collect(thread, "limit", ORR_URGENCY_COMPLETE);
    if (heap->kind->trim && !thread->collecting) {
        orr_world_stop(heap, thread);
        heap->kind->trim(heap);
        orr_world_resume(heap);
    }
    struct orr_object *object = heap->kind->allocate(thread, bytes);
    orr_pause_note(thread, ORR_PAUSE_ALLOCATION, start_ns);
    return object;
}

struct orr_object *
orr_cell_take_slow(struct orr_thread *thread, size_t bytes)
{
    const struct orr_heap_kind *kind = thread->heap->kind;
    orr_poll(thread);
    if (++thread->unchecked >= kind->check_every || bytes > ORR_CELL_MAX) {
        thread->unchecked = 0;
        orr_collect_if_due(thread);
    }
    struct orr_object *object = kind->allocate(thread, bytes);
    if (__builtin_expect(!object, 0))
        object = allocate_hard(thread, bytes);
    if (object)
        orr_poison_clear(object, bytes);
    return object;
}

void
orr_cell_put_slow(struct orr_thread *thread, struct orr_object *cell)
{
    thread->heap->kind->release(thread, cell);
}

/* The fresh object is nobody's yet but the caller's; a local of ours keeps it for a collector that wants roots.
 */
static void
collect_under_stress(struct orr_thread *thread, struct orr_object *object)
{
    if (--thread->stress_left != 0)
        return;
    thread->stress_left = thread->heap->options.stress_every;
    struct orr_own own = {.ref = object, .thread = thread, .previous = thread->locals};
    thread->locals = &own;
    orr_collect(thread, "stress");
    thread->locals = own.previous;
}

void
orr_born_slow(struct orr_thread *thread, struct orr_object *object)
{
    if (thread->hooks & ORR_HOOK_LEDGER) {
        orr_or_relaxed(&object->flags, ORR_FLAG_SERIAL); /* relaxed: nobody else sees it yet */
        /* Births are inlined: we return into the function that makes the object. One less is in the call. */
        const char *site = __builtin_return_address(0);
        orr_ledger_born_at(thread->heap->ledger, object,
                           thread->heap->options.sites ? site - 1 : NULL);
    }
    if (thread->hooks & ORR_HOOK_BORN)
        thread->heap->collector->born(thread, object);
    if (thread->hooks & ORR_HOOK_STRESS)
        collect_under_stress(thread, object);
}
