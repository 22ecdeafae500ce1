/* collect.c - one collection at a time, and when it starts by itself.
 *
 * Whoever asks while another thread collects waits in a blocking region and returns after a collection that
 * began after the call: number `begun at the call` + 1 or later (scheme-rs pull request 328 is the off-by-one).
 * One that left something, as its urgency allowed, is no answer to who asked for more: that one collects itself, and
 * triggers and steps give way to it.
 * Who waits for a collection that has come to its callbacks stops waiting: they may wait for it.
 * Who waits because a trigger went off stops soon in any case.
 * A request from inside a collection, on the same thread, returns at once: collections do not nest.
 *
 * sync        publishes                           observes                               then visible
 * collecting  orr_collecting_end, finish: store,  orr_collecting_begin: cas, acquire;    the last collection's doings
 *             release                             begin_after_another, wait_for_callbacks,
 *                                                 freeze.c: load, acquire
 * finalizing  orr_gc_finalizing: store, release   wait_for_collection: load, acquire     how many are pending
 *
 * Both are one word, heap->collecting, so that who sleeps on it is woken by either.
 */
#include "runtime/collect.h"

#include "runtime/cells.h"
#include "runtime/collector.h"
#include "runtime/gc.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/stop.h"
#include "runtime/verify.h"

/* --- triggers -------------------------------------------------------------------------------------- */

enum {
    RATIO_FLOOR = 4 << 20, /* a heap smaller than this is treated as this large by `ratio` */
    ADAPTIVE_FLOOR = 1000, /* adaptive never asks more often than this */
    ADAPTIVE_SPAN = 4      /* with candidates, nor rarer than this many times where it began: what a
                               * candidate costs is bounded, so waiting only makes pauses longer */
};

static const char *const trigger_names[] = {
#define TRIGGER(name, summary) #name,
#include "runtime/trigger.def"
#undef TRIGGER
};

static enum orr_trigger_kind
trigger_kind(const struct orr_heap *heap)
{
    return (enum orr_trigger_kind)orr_load_relaxed(&heap->gc.trigger_kind); /* relaxed: a setting */
}

static bool
trigger_counts(const struct orr_heap *heap)
{
    enum orr_trigger_kind kind = trigger_kind(heap);
    return kind == ORR_TRIGGER_count || kind == ORR_TRIGGER_adaptive;
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

static bool is_due(struct orr_thread *thread);

void
orr_candidates_check(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    if (thread->candidates.total == ORR_CHUNK_ENTRIES && heap->collector->candidate)
        heap->collector->candidate(thread);
    if (heap->wants_newborns)
        orr_live_tell(thread);
    if (heap->wants_newborns ? is_due(thread) : trigger_counts(heap) && candidates_are_many(thread))
        orr_attention_set(thread, ORR_ATTENTION_COLLECT);
}

void
orr_live_tell(struct orr_thread *thread)
{
    /* relaxed, all: own counters, and an estimate */
    int64_t live = (int64_t)orr_load_relaxed(&thread->counters.allocated) -
                   (int64_t)orr_load_relaxed(&thread->counters.freed);
    struct orr_heap *heap = thread->heap;
    int64_t all = orr_add_relaxed(&heap->live, live - thread->live_told) + live - thread->live_told;
    thread->live_told = live;
    /* Deaths count against births, never against the births before them: as CPython's counts. */
    if (all < orr_load_relaxed(&heap->live_after_collection))
        orr_store_relaxed(&heap->live_after_collection, all);
}

/* Whether the bound on uncollected garbage asks for a collection before `bytes` more are taken. Threads take
 * whole batches. relaxed, all: estimates */
static bool
is_bound_near(const struct orr_heap *heap, size_t bytes)
{
    uint64_t bound = orr_load_relaxed(&heap->gc.bound);
    if (bound == 0 || orr_load_relaxed(&heap->gc.disabled))
        return false;
    uint64_t taken =
        orr_load_relaxed(&heap->bytes_taken) - orr_load_relaxed(&heap->gc.taken_at_complete);
    uint64_t ahead = (uint64_t)ORR_BATCH_BYTES * orr_load_relaxed(&heap->thread_count);
    if (ahead > bound / 2)
        ahead = bound / 2;
    return taken + (bytes > ahead ? bytes : ahead) >= bound;
}

static bool
is_due(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap; /* relaxed, all: settings and estimates */
    struct orr_trigger trigger;
    if (orr_load_relaxed(&heap->gc.disabled) || orr_load_relaxed(&heap->gc.thresholds[0]) == 0)
        return false;
    orr_gc_trigger(heap, &trigger);
    uint64_t used = orr_load_relaxed(&heap->bytes_used); /* relaxed, all: estimates */
    uint64_t after = orr_load_relaxed(&heap->bytes_after_collection);
    uint64_t growth = used > after ? used - after : 0;
    int64_t born;
    switch (trigger.kind) {
    case ORR_TRIGGER_count:
    case ORR_TRIGGER_adaptive:
        if (heap->wants_candidates)
            return candidates_are_many(thread);
        born = orr_load_relaxed(&heap->live) - orr_load_relaxed(&heap->live_after_collection);
        return born >= 0 && (uint64_t)born >= orr_load_relaxed(&heap->count_limit);
    case ORR_TRIGGER_bytes:
        return growth >= trigger.bytes;
    case ORR_TRIGGER_ratio:
        return (double)growth >=
               trigger.ratio * (double)(after > RATIO_FLOOR ? after : RATIO_FLOOR);
    default:
        return false;
    }
}

#define ADAPTIVE_MOST (UINT64_MAX / ADAPTIVE_SPAN) /* "never" must not come round to "always" */

static uint64_t
at_most(uint64_t number, uint64_t most)
{
    return number < most ? number : most;
}

/* Nim's rule, with PHP's direction: a collection that found little makes the next one rarer. */
static void
adapt(struct orr_heap *heap, const struct orr_collection *collection)
{
    if (trigger_kind(heap) != ORR_TRIGGER_adaptive)
        return;
    /* relaxed, both: a setting; one collection at a time */
    uint64_t start = at_most(orr_load_relaxed(&heap->gc.trigger_count), ADAPTIVE_MOST);
    uint64_t limit = at_most(orr_load_relaxed(&heap->count_limit), ADAPTIVE_MOST);
    limit = collection->freed * 2 >= collection->nodes_visited ? limit * 2 / 3 : limit * 3 / 2;
    uint64_t floor = start < ADAPTIVE_FLOOR ? start : ADAPTIVE_FLOOR;
    if (limit < floor)
        limit = floor;
    if (heap->wants_candidates)
        limit = at_most(limit, start * ADAPTIVE_SPAN);
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
    if (!sound && error.status != ORR_OUT_OF_MEMORY) { /* then the heap is not known to be wrong */
        orr_store_relaxed(&heap->verification_failed, true); /* relaxed: read at the end */
        orr_require(!ORR_IS_CHECKED, "%s a collection: %s", when, error.message);
    }
}

static void
run_collection(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    collection->number =
        orr_add_relaxed(&heap->collections_begun, 1) + 1; /* relaxed: we hold collecting */
    collection->collector = heap->collector->name;
    collection->heap_bytes_before = orr_load_relaxed(&heap->bytes_used); /* relaxed: statistics */
    verify_stopped(thread, "before");
    collection->start_ns = orr_clock_ns();
    uint64_t cpu_ns = orr_thread_cpu_ns();
    orr_gc_begin(thread, collection);
    if (heap->collector->collect)
        heap->collector->collect(thread, collection);
    collection->requester_cpu_ns = orr_thread_cpu_ns() - cpu_ns;
    collection->stop_ns = orr_clock_ns();
    orr_pause_note(thread, ORR_PAUSE_STOP, collection->start_ns);
    verify_stopped(thread, "after");
    orr_live_tell(thread);
    collection->heap_bytes_after =
        orr_load_relaxed(&heap->bytes_used); /* relaxed, all: statistics */
    orr_store_relaxed(&heap->bytes_after_collection, collection->heap_bytes_after);
    orr_store_relaxed(&heap->live_after_collection, orr_load_relaxed(&heap->live));
    raise_to(&heap->garbage_peak, collection->freed);
    raise_to(&heap->garbage_bytes_peak, collection->freed_bytes);
    adapt(heap, collection);
    if (heap->listener.collection)
        heap->listener.collection(heap->listener.context, collection);
    orr_gc_end(thread, collection);
}

/* Waits in a blocking region until nobody collects. False: whoever does has come to callbacks, which may wait
 * for us. True: gc.waiting is higher by `precedence`, since when no callback of ours can have run. */
static bool
wait_for_collection(struct orr_thread *thread, uint32_t precedence)
{
    struct orr_heap *heap = thread->heap;
    /* sync:finalizing  acquire: how many are pending */
    if (orr_load_acquire(&heap->collecting) == ORR_COLLECTING_FINALIZES)
        return false;
    orr_block_enter(thread);
    orr_add_relaxed(&heap->gc.waiting, precedence); /* relaxed: see begin */
    orr_park(&heap->collecting, ORR_COLLECTING, ORR_PARK_NS);
    orr_block_leave(thread);
    return true;
}

bool
orr_collecting_begin(struct orr_thread *thread)
{
    uint32_t idle = ORR_COLLECTING_NOBODY;
    /* sync:collecting  acquire */
    if (thread->collecting || !orr_cas_acquire(&thread->heap->collecting, &idle, ORR_COLLECTING))
        return false;
    thread->collecting = true;
    return true;
}

void
orr_collecting_end(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    thread->collecting = false;
    orr_store_relaxed(&heap->gc.finalizers_pending, (uint64_t)0); /* relaxed: for people */
    orr_store_release(&heap->collecting, ORR_COLLECTING_NOBODY);  /* sync:collecting  release */
    orr_wake_all(&heap->collecting);
}

/* How long a thread waits for another's collection. */
enum waiting { NOT_AT_ALL, A_LITTLE_ONCE, A_LITTLE, UNTIL_IT_ENDS };

enum { PATIENCE_LOOKS = 50 }; /* each after ORR_PARK_NS at most, so a tenth of a second by the kernel's clock */

/* Whether we should go on without the collection under way: it may be in a callback or a destroy that waits for what
 * this thread has, a lock say. Where nothing but a trigger asked for it, it is waited for once, not at every look. */
static bool
is_out_of_patience(struct orr_thread *thread, enum waiting waiting, uint64_t begun, unsigned looks)
{
    if (waiting == UNTIL_IT_ENDS)
        return false;
    if (waiting == A_LITTLE)
        return looks >= PATIENCE_LOOKS;
    if (thread->given_up != begun && looks < PATIENCE_LOOKS)
        return false;
    thread->given_up = begun;
    return true;
}

/* As begin; another thread collects. */
static bool
begin_after_another(struct orr_thread *thread, const struct orr_collection *collection, enum waiting waiting)
{
    struct orr_heap *heap = thread->heap;
    _Atomic(uint64_t) *done = &heap->gc.done[collection->urgency][collection->generation];
    uint32_t precedence = collection->urgency != ORR_URGENCY_AUTOMATIC;
    /* relaxed: a collection that we know nothing of has not stopped us yet, and sees what garbage we have now */
    uint64_t begun = orr_load_relaxed(&heap->collections_begun);
    unsigned looks = 0;
    while (!is_out_of_patience(thread, waiting, begun, looks++) && wait_for_collection(thread, precedence)) {
        bool is_done = orr_load_acquire(done) > begun; /* sync:collecting  acquire */
        bool begins = !is_done && orr_collecting_begin(thread);
        orr_sub_relaxed(&heap->gc.waiting, precedence); /* relaxed: see begin */
        if (is_done || begins)
            return begins;
    }
    return false;
}

/* Takes the right to collect; false: somebody did, after the call, what was asked for; or we may not wait; or, being
 * a trigger or a step, we leave it to who waits for more. */
static bool
begin(struct orr_thread *thread, const struct orr_collection *collection, enum waiting waiting)
{
    /* relaxed: it only keeps triggers and steps from being first time after time */
    if (thread->collecting ||
        (collection->urgency == ORR_URGENCY_AUTOMATIC && orr_load_relaxed(&thread->heap->gc.waiting) != 0))
        return false;
    return orr_collecting_begin(thread) ||
           (waiting != NOT_AT_ALL && begin_after_another(thread, collection, waiting));
}

/* What is partial was done for those alone who asked for no more, and not even for them if time ended it.
 * sync:collecting  release: the collection's doings */
static void
finish(struct orr_thread *thread, const struct orr_collection *collection)
{
    const int most = collection->is_partial ? (int)collection->urgency - collection->more : ORR_URGENCY_COMPLETE;
    /* relaxed, both: seen by who sees the numbers below */
    orr_store_relaxed(&thread->heap->gc.freed_last, collection->freed);
    orr_add_relaxed(&thread->heap->collections_done, 1);
    for (int urgency = 0; urgency <= most; urgency++)
        for (int i = 0; i <= collection->generation; i++)
            orr_store_release(&thread->heap->gc.done[urgency][i], collection->number);
    orr_collecting_end(thread);
}

static void
run(struct orr_thread *thread, struct orr_collection *collection, enum waiting waiting)
{
    if (!begin(thread, collection, waiting))
        return;
    run_collection(thread, collection);
    finish(thread, collection);
    if (thread->postponed)
        orr_cascade_all(thread, thread->heap->options.release_slice);
}

void
orr_collection_run(struct orr_thread *thread, struct orr_collection *collection, bool waits)
{
    run(thread, collection, waits ? UNTIL_IT_ENDS : NOT_AT_ALL);
}

/* Whether something was freed, by this thread or by who collected instead. */
static bool
collect(struct orr_thread *thread, const char *cause, enum orr_urgency urgency,
        enum waiting waiting)
{
    struct orr_heap *heap = thread->heap;
    struct orr_collection collection = {
        .cause = cause, .urgency = urgency, .generation = ORR_GENERATION_OLDEST};
    /* relaxed, all: before the number that ended our wait (finish) */
    const uint64_t done = orr_load_relaxed(&heap->collections_done);
    if (heap->collector->collect)
        run(thread, &collection, waiting);
    if (collection.number)
        return collection.freed != 0;
    return orr_load_relaxed(&heap->collections_done) != done && orr_load_relaxed(&heap->gc.freed_last) != 0;
}

void
orr_collect(struct orr_thread *thread, const char *cause)
{
    collect(thread, cause, ORR_URGENCY_REQUESTED, UNTIL_IT_ENDS);
}

static void
collect_if_due(struct orr_thread *thread, size_t bytes)
{
    struct orr_heap *heap = thread->heap;
    if (thread->collecting || !heap->collector->collect)
        return;
    orr_live_tell(thread);
    if (is_bound_near(heap, bytes)) {
        collect(thread, "bound", ORR_URGENCY_COMPLETE, A_LITTLE_ONCE);
        return;
    }
    if (!is_due(thread))
        return;
    struct orr_collection collection = {
        .cause = trigger_names[trigger_kind(heap)],
        .urgency = ORR_URGENCY_AUTOMATIC,
        .generation = heap->collector->due ? heap->collector->due(heap) : ORR_GENERATION_OLDEST};
    run(thread, &collection, A_LITTLE_ONCE);
}

void
orr_collect_if_due(struct orr_thread *thread)
{
    collect_if_due(thread, 0);
}

enum {
    SETTLE_MOST = 1000
}; /* callbacks and finalizers may make garbage at each collection, for ever */

void
orr_settle(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    orr_poll_slow(thread);
    orr_cascade_all(thread, 0);
    if (heap->collector->settle) {
        heap->collector->settle(thread);
        return;
    }
    /* What dies of the dead by counting may leave new candidates behind. */
    bool freed = false;
    for (uint32_t i = 0;
         i < heap->collector->completeness || (freed && heap->wants_candidates && i < SETTLE_MOST);
         i++)
        freed = collect(thread, "settle", ORR_URGENCY_COMPLETE, UNTIL_IT_ENDS);
    orr_cascade_all(thread, 0);
}

/* --- the slow half of allocation ------------------------------------------------------------------- */

enum { CALLBACK_WAITS = 100, CALLBACK_WAIT_NS = 1000000 };

/* Another thread's collection is at its callbacks and frees when they are done; they may wait for us, so not
 * for ever. */
static void
wait_for_callbacks(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    for (int i = 0; i < CALLBACK_WAITS && !thread->collecting; i++) {
        /* sync:collecting  acquire: what it gave back is charged to nobody any more */
        if (orr_load_acquire(&heap->collecting) != ORR_COLLECTING_FINALIZES)
            return;
        orr_block_enter(thread);
        orr_sleep_ns(CALLBACK_WAIT_NS);
        orr_block_leave(thread);
    }
}

/* No cell: frees what can be freed and asks again. */
static struct orr_object *
allocate_hard(struct orr_thread *thread, size_t bytes)
{
    struct orr_heap *heap = thread->heap;
    uint64_t start_ns = orr_clock_ns();
    if (!thread->cascading)
        heap->rc->cascade(thread, 0);
    collect(thread, "limit", ORR_URGENCY_COMPLETE, A_LITTLE); /* who collects may wait for a lock that we have */
    wait_for_callbacks(thread);
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
    /* relaxed: a setting */
    if (++thread->unchecked >= kind->check_every || bytes > ORR_CELL_MAX ||
        orr_load_relaxed(&thread->heap->gc.bound) != 0) {
        thread->unchecked = 0;
        collect_if_due(thread, bytes);
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
        /* Births are inlined: we return into the function that makes the object. One less is in the call. */
        const char *site = __builtin_return_address(0);
        if (orr_ledger_born_at(thread->heap->ledger, object,
                               thread->heap->options.sites ? site - 1 : NULL))
            orr_or_relaxed(&object->flags, ORR_FLAG_SERIAL); /* relaxed: nobody else sees it yet */
    }
    if (thread->hooks & ORR_HOOK_NEWBORN)
        orr_newborn_push(thread, object);
    if (thread->hooks & ORR_HOOK_BORN)
        thread->heap->collector->born(thread, object);
    if (thread->hooks & ORR_HOOK_STRESS)
        collect_under_stress(thread, object);
}
