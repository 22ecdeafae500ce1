/* trial.c - synchronous trial deletion from candidate roots, world stopped.
 *
 * After: Bacon and Rajan 2001, first half (papers/reading/trial.md). A dead cycle lost its last outside
 * reference by a decrement that did not reach zero; that decrement made an object a candidate. What the
 * candidates reach is visited, references inside it are subtracted from its counts on trial, and what is
 * then not referred to from outside, nor reachable from what is, is garbage.
 *
 * Differs from the paper
 *   The trial count lives in the side table; neither counts nor headers are touched before garbage is
 *   certain, so giving up costs nothing but the work done.
 *   One breadth-first traversal writes a list; every later pass is linear over it. A child's header is not
 *   read when an edge finds it, but when its turn in the list comes, and by then it has been fetched.
 *   Counts and edges are summed on the way: equal sums say that everything is garbage, and then the
 *   restoring pass is not needed.
 *   A candidate that reaches more than a budget is put aside (undone, and parked): a touch of one object
 *   of a large live heap must not cost a walk of that heap. The parked are looked at, without a budget,
 *   when the heap has grown by half, when memory runs out, when something was unfrozen (or could not be put on
 *   the list of garbage), or when the program asks for a collection.
 *   A step (orr_gc_step) explores for half its time; candidates that it does not come to stay claimed, among the
 *   heap's orphans, for the next collection.
 *
 * The side table's word: 0, not visited; else bit 31 OUTSIDE (green, immortal, or found alive), and below
 * it BASE + count - edges seen so far (the count from its turn in the list on).
 *
 * Always, between collections   the side table is zero; every claim is an entry of a candidate buffer, of
 *                               heap->orphans or of heap->parked
 * Threads: the collecting thread; others stand still between stop and resume.
 */
#include "collectors/parts/garbage.h"

#define OUTSIDE 0x80000000u
#define BASE 0x40000000u
#define LOW 0x7fffffffu

#define PARKED_LEAST ((uint64_t)4 << 20)

enum {
    AHEAD_OBJECT = 16,        /* list entries between fetching an object and using it */
    AHEAD_SCRATCH = 8,        /* ... between fetching its children's words and using them */
    BUDGET_AUTOMATIC = 16384, /* about a millisecond of visiting */
    BUDGET_FLOOR = 64,    /* a candidate is never given less: small rings are found in any case */
    LOOKS_PER_CLOCK = 16, /* candidates between two readings of the clock */
    PARKED_GROWTH = 2     /* 1/2: how much the heap grows before the parked are looked at */
};

struct settings {
    uint64_t budget; /* objects and references a candidate may newly reach */
};

struct trial {
    struct orr_object_list list;  /* what was visited, in breadth-first order */
    struct orr_object_list stack; /* restoring */
    uint64_t parked_bytes;        /* bytes_used when the parked were last looked at */
    uint64_t aside;               /* of the parked, those that cost too much; the others wait, frozen */
    /* The present collection. */
    struct orr_heap *heap;
    uint64_t counts, edges, edges_outside; /* sums; see the opening comment */
    uint64_t undone_nodes, undone_edges;   /* work on candidates that were put aside */
};

/* --- visiting -------------------------------------------------------------------------------------- */

/* An edge: takes one from its target's trial count; lists the target if it is new. Reads no header. */
static inline void
subtract_edge(struct orr_slot *slot, void *argument)
{
    struct trial *trial = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    _Atomic(uint32_t) *word = orr_scratch(trial->heap, child);
    uint32_t left = orr_load_relaxed(word); /* relaxed, all of this file: the world is stopped */
    if (left == 0) {
        left = BASE;
        orr_list_push(&trial->list, (uintptr_t)child);
    }
    trial->edges++;
    trial->edges_outside += left >> 31;
    orr_store_relaxed(word, left - 1);
}

static inline void
fetch_word(struct orr_slot *slot, void *heap)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        __builtin_prefetch((void *)orr_scratch(heap, child), 1);
}

static inline void
fetch_ahead(struct trial *trial, size_t i)
{
    struct orr_object_list *list = &trial->list;
    if (i + AHEAD_OBJECT < list->count)
        __builtin_prefetch((void *)list->items[i + AHEAD_OBJECT]);
    if (i + AHEAD_SCRATCH < list->count) {
        struct orr_object *object = orr_list_object(list, i + AHEAD_SCRATCH);
        struct orr_layout layout = orr_layout_of(object);
        if (!(layout.flags & ORR_LAYOUT_ODD)) /* a long array fetches itself */
            orr_object_trace(object, layout, fetch_word, trial->heap);
    }
}

/* Not looked into: it cannot be on a cycle, never dies, or is frozen. */
static inline bool
is_outside(const struct orr_object *object, struct orr_layout layout)
{
    return (layout.flags & ORR_LAYOUT_ACYCLIC) || orr_is_immortal(object) ||
           orr_is_frozen_now(object);
}

/* The turn of an object in the list: its count joins its word, its edges are subtracted. */
static inline void
visit(struct trial *trial, size_t i)
{
    fetch_ahead(trial, i);
    struct orr_object *object = orr_list_object(&trial->list, i);
    struct orr_layout layout = orr_layout_of(object);
    _Atomic(uint32_t) *word = orr_scratch(trial->heap, object);
    uint32_t left = orr_load_relaxed(word);
    if (__builtin_expect(is_outside(object, layout), 0)) {
        trial->edges_outside += BASE - (left & LOW);
        orr_store_relaxed(word, left | OUTSIDE);
        return;
    }
    uint32_t count = (uint32_t)orr_count_stopped(object);
    trial->counts += count;
    orr_store_relaxed(word, left + count);
    orr_object_trace(object, layout, subtract_edge, trial);
}

static void
give_back_edge(struct orr_slot *slot, void *heap)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        orr_add_relaxed(orr_scratch(heap, child), 1);
}

/* Takes back what was listed from position `from` on; below `done` the turns had come. */
static void
undo(struct trial *trial, size_t from, size_t done)
{
    struct orr_object_list *list = &trial->list;
    for (size_t i = from; i < done; i++) {
        struct orr_object *object = orr_list_object(list, i);
        struct orr_layout layout = orr_layout_of(object);
        if (!is_outside(object, layout))
            orr_object_trace(object, layout, give_back_edge, trial->heap);
    }
    for (size_t i = from; i < list->count; i++)
        orr_store_relaxed(orr_scratch(trial->heap, orr_list_object(list, i)), 0);
    if (list->count > list->most)
        list->most = list->count;
    list->count = from;
}

/* What the turn of an object will cost: itself and its references. Known before they are looked at, so that
 * one table with ten thousand entries does not cost ten thousand steps to find too large. */
static inline uint64_t
cost_of(const struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    if (layout.flags & ORR_LAYOUT_ACYCLIC)
        return 1;
    if (layout.flags & ORR_LAYOUT_ARRAY)
        return 1 + (uint64_t)((const struct orr_array *)object)->length;
    return 1 + (uint64_t)layout.references;
}

/* Visits all that the candidate reaches and nobody before it did. False, and nothing changed, when that
 * costs more than budget. */
static bool
explore(struct trial *trial, struct orr_object *candidate, uint64_t budget)
{
    _Atomic(uint32_t) *word = orr_scratch(trial->heap, candidate);
    if (orr_load_relaxed(word) != 0)
        return true;
    const uint64_t counts = trial->counts, edges = trial->edges, outside = trial->edges_outside;
    size_t from = trial->list.count;
    orr_store_relaxed(word, BASE);
    orr_list_push(&trial->list, (uintptr_t)candidate);
    for (size_t i = from; i < trial->list.count; i++) {
        uint64_t cost = cost_of(orr_list_object(&trial->list, i));
        if (__builtin_expect(cost > budget, 0)) {
            trial->undone_nodes += trial->list.count - from;
            trial->undone_edges += trial->edges - edges;
            undo(trial, from, i);
            trial->counts = counts;
            trial->edges = edges;
            trial->edges_outside = outside;
            return false;
        }
        budget -= cost;
        visit(trial, i);
    }
    return true;
}

/* --- candidates ------------------------------------------------------------------------------------ */

struct exploration {
    struct trial *trial;
    struct orr_thread *thread;
    uint64_t budget;
    uint64_t deadline_ns; /* of a step; 0: none */
    uint64_t looks;
    bool is_over;
};

/* Whether the time of a step is used up; the clock is read now and then. */
static bool
is_late(struct exploration *exploration)
{
    if (exploration->deadline_ns != 0 && exploration->looks++ % LOOKS_PER_CLOCK == 0)
        exploration->is_over = exploration->is_over || orr_clock_ns() > exploration->deadline_ns;
    return exploration->is_over;
}

static void
explore_entry(uintptr_t *entry, void *argument)
{
    struct exploration *exploration = argument;
    if (is_late(exploration) && orr_buffer_push(&exploration->trial->heap->orphans, *entry))
        return; /* for the next collection, claimed as it is */
    struct orr_object *object = (struct orr_object *)(*entry & ~(uintptr_t)1);
    bool waits = orr_is_frozen_now(object); /* until it is unfrozen; it is not written to before */
    if (orr_is_corpse(object) ||
        (!waits && explore(exploration->trial, object, exploration->budget)) ||
        !orr_buffer_push(&exploration->trial->heap->parked, *entry)) {
        orr_candidate_unclaim(exploration->thread, *entry);
        return;
    }
    if (waits)
        return;
    exploration->trial->aside++;
    /* Each failure halves what the next may cost, so that failures cost twice the budget in all. */
    if (exploration->budget / 2 >= BUDGET_FLOOR)
        exploration->budget /= 2;
}

/* Whether this collection should be complete. */
static bool
is_thorough(const struct orr_heap *heap, const struct trial *trial,
            const struct orr_collection *collection)
{
    const struct settings *settings = heap->collector_settings;
    if (collection->urgency == ORR_URGENCY_COMPLETE || (heap->parked_due && !collection->budget_ns))
        return true;
    if (collection->urgency == ORR_URGENCY_REQUESTED)
        return settings->budget == 0;
    uint64_t before = trial->parked_bytes;
    return heap->parked.total != 0 &&
           orr_load_relaxed(&heap->bytes_used) > before + before / PARKED_GROWTH + PARKED_LEAST;
}

/* Explores all candidates, or what a step has time for; afterwards every claim has ended but those of the parked
 * and of the orphans. */
static void
explore_all(struct orr_thread *thread, struct trial *trial, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct exploration exploration = {.trial = trial, .thread = thread, .budget = UINT64_MAX};
    struct orr_buffer candidates = {0};
    if (is_thorough(heap, trial, collection)) {
        orr_buffer_append(&candidates, &heap->parked);
        trial->parked_bytes = orr_load_relaxed(&heap->bytes_used);
        trial->aside = 0;
        heap->parked_due = false;
    } else {
        uint64_t budget = ((struct settings *)heap->collector_settings)->budget;
        exploration.budget = budget ? budget : BUDGET_AUTOMATIC;
    }
    if (collection->budget_ns) /* the other half is for what follows */
        exploration.deadline_ns = collection->start_ns + collection->budget_ns / 2;
    orr_candidates_take(heap, &candidates);
    collection->candidates = candidates.total;
    orr_buffer_each(&candidates, explore_entry, &exploration);
    collection->more = exploration.is_over;
    collection->is_partial = exploration.is_over || trial->aside != 0 || heap->parked_due;
    orr_store_relaxed(&heap->orphan_count, heap->orphans.total); /* relaxed: an estimate */
    orr_buffer_clear(&candidates);
}

/* --- restoring ------------------------------------------------------------------------------------- */

static inline void
restore_edge(struct orr_slot *slot, void *argument)
{
    struct trial *trial = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    _Atomic(uint32_t) *word = orr_scratch(trial->heap, child);
    uint32_t left = orr_load_relaxed(word);
    if (!(left & OUTSIDE)) { /* every child of a visited object was visited */
        orr_store_relaxed(word, left | OUTSIDE);
        orr_list_push(&trial->stack, (uintptr_t)child);
        __builtin_prefetch(child);
    }
}

/* Everything that is referred to from outside is alive, with all it reaches. */
static void
restore_all(struct trial *trial)
{
    for (size_t i = 0; i < trial->list.count; i++) {
        struct orr_object *object = orr_list_object(&trial->list, i);
        _Atomic(uint32_t) *word = orr_scratch(trial->heap, object);
        uint32_t left = orr_load_relaxed(word);
        if ((left & OUTSIDE) || left == BASE)
            continue;
        orr_store_relaxed(word, left | OUTSIDE);
        orr_list_push(&trial->stack, (uintptr_t)object);
        while (trial->stack.count) {
            struct orr_object *next = (struct orr_object *)trial->stack.items[--trial->stack.count];
            orr_object_trace(next, orr_layout_of(next), restore_edge, trial);
        }
    }
    orr_list_rest(&trial->stack);
}

/* Keeps in the list what is garbage, coloured; ends the use of the side table. */
static void
gather_garbage(struct trial *trial)
{
    struct orr_object_list *list = &trial->list;
    size_t dead = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct orr_object *object = orr_list_object(list, i);
        _Atomic(uint32_t) *word = orr_scratch(trial->heap, object);
        if (!(orr_load_relaxed(word) & OUTSIDE)) {
            orr_garbage_mark(object);
            list->items[dead++] = (uintptr_t)object;
        }
        orr_store_relaxed(word, 0);
    }
    if (list->count > list->most)
        list->most = list->count;
    list->count = dead;
}

/* --- one collection -------------------------------------------------------------------------------- */

static void
collect(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct trial *trial = heap->collector_private;
    trial->heap = heap;
    trial->counts = trial->edges = trial->edges_outside = 0;
    trial->undone_nodes = trial->undone_edges = 0;

    orr_phase_begin(collection, "stop");
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    orr_phase_end(collection);

    orr_phase_begin(collection, "subtract");
    explore_all(thread, trial, collection);
    orr_phase_end(collection);
    collection->nodes_visited = trial->list.count + trial->undone_nodes;
    collection->edges_visited = trial->edges + trial->undone_edges;

    bool all_dead = trial->counts == trial->edges - trial->edges_outside;
    if (!all_dead) {
        orr_phase_begin(collection, "restore");
        restore_all(trial);
        orr_phase_end(collection);
    }
    orr_phase_begin(collection, "gather");
    gather_garbage(trial);
    bool kept = orr_garbage_close(thread, &trial->list, collection);
    orr_world_resume(heap);
    orr_phase_end(collection);

    orr_phase_begin(collection, "free");
    bool has_outside = !all_dead || trial->edges_outside != 0 || kept;
    orr_garbage_free(thread, &trial->list, has_outside, NULL, collection);
    orr_phase_end(collection);
}

static enum orr_status
heap_init(struct orr_heap *heap, struct orr_error *error)
{
    struct trial *trial = heap->collector_private;
    if (orr_list_open(&trial->list) && orr_list_open(&trial->stack))
        return ORR_OK;
    orr_list_close(&trial->list);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the lists of trial deletion");
}

static void
heap_fini(struct orr_heap *heap)
{
    struct trial *trial = heap->collector_private;
    orr_list_close(&trial->list);
    orr_list_close(&trial->stack);
}

static void
forked(struct orr_thread *thread, bool abandoned)
{
    struct trial *trial = thread->heap->collector_private;
    if (abandoned)
        orr_garbage_forked(thread, &trial->list);
}

static const struct orr_option options[] = {
    {.key = "budget",
     .type = ORR_OPTION_NUMBER,
     .offset = offsetof(struct settings, budget),
     .unit = "objects and references",
     .preset = "0",
     .least = 0,
     .most = 1e12,
     .summary = "what one candidate may reach before it is put aside; 0: 16384 in collections that "
                "start by themselves, no limit in those that the program asks for"},
    {.key = NULL},
};

extern const struct orr_collector orr_collector_trial;
const struct orr_collector orr_collector_trial = {
    .name = "trial",
    .summary = "Bacon and Rajan's synchronous trial deletion from candidate roots",
    .paper = "trial",
    .needs = ORR_NEEDS_COUNTS | ORR_NEEDS_CANDIDATES | ORR_NEEDS_SCRATCH,
    .completeness = 1,
    .keeps_budget = true,
    .trigger = {.kind = ORR_TRIGGER_adaptive, .count = 10000, .bytes = 32 << 20, .ratio = 0.5},
    .heap_bytes = sizeof(struct trial),
    .settings_bytes = sizeof(struct settings),
    .options = options,
    .heap_init = heap_init,
    .heap_fini = heap_fini,
    .collect = collect,
    .forked = forked,
};
