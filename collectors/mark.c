/* mark.c - backup tracing: parallel, prefetching marking from exact roots, world stopped.
 *
 * The tracing half of every hybrid of counting and tracing (papers/reading/mark.md): what is not reached
 * from the roots is garbage, whatever its counts say. Under `tracing` it is the only way to die; under a
 * counting strategy it is the backup for cycles, and the dead give back the references they held on the
 * living.
 *
 * Roots are registered roots and linked locals, so workloads run in the variant that links them.
 *
 * Marking is one stack per marker. An entry is an object that was found and may be marked already; it is
 * marked and looked into when it leaves. Two ways to work it off, chosen by measuring both on the heap at
 * hand, again and again (a heap in allocation order is two to three times faster without the queue, an
 * aged one as much faster with it):
 *   directly   an edge looks at its target's mark at once and pushes it if it has none
 *   queued     an edge pushes its target unseen; between stack and use lies a queue of 16 fetched objects
 *              (Cher, Hosking and Vitek 2004)
 * Markers share through a common pool, when somebody is idle; the others join only when the first one finds
 * that it is slowed by misses: memory in order is read faster by one.
 *
 * The mark is the header's colour byte, and its value goes round from 1 to 3, so nothing is cleared. Two
 * markers may mark the same object; that is harmless but for the number marked. So a heap in which
 * everything was reached is recognised, and not swept, only when one marker did it all.
 *
 * Long arrays are looked into in pieces of ARRAY_PIECE, so that a stack stays short and others can help.
 *
 * Always   between collections no living object has the colour that the next collection marks with
 * sync       publishes                               observes                      then visible
 * pool       share: the pool's lock                  take: the same lock           the entries
 * Threads: the collecting thread and its team; mutators stand still from stop to resume.
 */
#include "collectors/parts/garbage.h"
#include "collectors/parts/workers.h"

#include <string.h>

enum {
    QUEUE = 16,          /* objects between fetch and use; a power of two */
    SLICE = 1024,        /* objects between two readings of the clock */
    SLICES_PER_TRIAL = 32, /* slices in the better way before both are tried again */
    TRIAL_SLICES = 2,    /* slices of each way in a trial */
    ALONE_SLICES = 2 * TRIAL_SLICES + 2, /* what the first marker does before the others may join */
    ARRAY_PIECE = 512,   /* elements of a long array looked into at once */
    EPOCHS = 3,          /* values of the mark: a collection uses up to two, and what carries the third is no older */
    SHARE_LEAST = 64     /* entries below which a stack is not shared */
};

#define ARRAY_REST ((uintptr_t)1) /* tag: a long array; the entry below is where to go on */

enum way { DIRECTLY, QUEUED, WAYS };

struct marker {
    struct orr_object_list stack;
    struct orr_object *queue[QUEUE];
    size_t queue_in, queue_out;
    struct mark *mark;
    uint8_t epoch;
    uint64_t marked, edges;
    enum way way;
    uint32_t slice;          /* of the present trial and run */
    double cost[WAYS];       /* nanoseconds per object, as last tried */
    struct orr_object_list dead; /* this marker's share of the sweep */
};

struct mark {
    struct orr_workers team;
    struct marker markers[ORR_WORKERS_MAX];
    uint8_t epoch; /* 1 to 3: what this collection marks with */
    bool any_frozen;
    struct orr_heap *heap;
    struct orr_mutex pool_lock; /* the four below */
    struct orr_object_list pool;
    uint32_t idle;
    bool done;
    _Atomic(uint32_t) wanted;     /* someone is idle: share */
    _Atomic(uint32_t) pool_moves; /* bumped whenever the pool or the end changes */
};

/* --- edges ------------------------------------------------------------------------------------------ */

static inline bool
is_marked(const struct orr_object *object, uint8_t epoch)
{
    return orr_load_relaxed(&object->colour) == epoch; /* relaxed: marking twice is harmless */
}

static inline void
push_unmarked(struct orr_slot *slot, void *argument)
{
    struct marker *marker = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    marker->edges++;
    if (!is_marked(child, marker->epoch))
        orr_list_push(&marker->stack, (uintptr_t)child);
}

static inline void
push_unseen(struct orr_slot *slot, void *argument)
{
    struct marker *marker = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (!child)
        return;
    marker->edges++;
    orr_list_push(&marker->stack, (uintptr_t)child);
}

/* Looks into a piece of a long array; what remains goes below what was found. */
static void
scan_array(struct marker *marker, struct orr_array *array, uint32_t from, orr_visit_slot *visit)
{
    uint32_t end = array->length - from > ARRAY_PIECE ? from + ARRAY_PIECE : array->length;
    if (end < array->length) {
        orr_list_push(&marker->stack, end);
        orr_list_push(&marker->stack, (uintptr_t)array | ARRAY_REST);
    }
    for (uint32_t i = end; i-- > from;) /* backwards: they leave the stack in order */
        visit(&array->elements[i], marker);
}

/* Marks an object that has left the stack, and looks into it. */
static inline __attribute__((always_inline)) void
mark_and_scan(struct marker *marker, struct orr_object *object, orr_visit_slot *visit)
{
    if (is_marked(object, marker->epoch) || (marker->mark->any_frozen && orr_is_frozen_now(object)))
        return;
    orr_store_relaxed(&object->colour, marker->epoch); /* relaxed: marking twice is harmless */
    marker->marked++;
    struct orr_layout layout = orr_layout_of(object);
    if (__builtin_expect(layout.flags & ORR_LAYOUT_ARRAY, 0) &&
        ((struct orr_array *)object)->length > ARRAY_PIECE) {
        if (orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED) /* relaxed: stopped */
            orr_ephemerons_trace(object, visit, marker);
        scan_array(marker, (struct orr_array *)object, 0, visit);
    } else
        orr_object_trace(object, layout, visit, marker);
}

/* --- two ways to work a stack off -------------------------------------------------------------------- */

/* Takes the newest entry; the rest of a long array is looked into, and null is returned. */
static inline __attribute__((always_inline)) struct orr_object *
pop(struct marker *marker, orr_visit_slot *visit)
{
    uintptr_t entry = marker->stack.items[--marker->stack.count];
    if (__builtin_expect(entry & ARRAY_REST, 0)) {
        uint32_t from = (uint32_t)marker->stack.items[--marker->stack.count];
        scan_array(marker, (struct orr_array *)(entry & ~ARRAY_REST), from, visit);
        return NULL;
    }
    return (struct orr_object *)entry;
}

/* At most SLICE objects; false: the stack is empty. */
static bool
work_directly(struct marker *marker)
{
    for (uint32_t i = 0; i < SLICE; i++) {
        if (marker->stack.count == 0)
            return false;
        struct orr_object *object = pop(marker, push_unmarked);
        if (object)
            mark_and_scan(marker, object, push_unmarked);
    }
    return true;
}

static bool
work_queued(struct marker *marker)
{
    for (uint32_t i = 0; i < SLICE; i++) {
        while (marker->queue_in - marker->queue_out < QUEUE && marker->stack.count) {
            struct orr_object *object = pop(marker, push_unseen);
            if (!object)
                continue;
            __builtin_prefetch(object, 1);
            marker->queue[marker->queue_in++ % QUEUE] = object;
        }
        if (marker->queue_in == marker->queue_out)
            return false;
        mark_and_scan(marker, marker->queue[marker->queue_out++ % QUEUE], push_unseen);
    }
    return true;
}

/* The queue goes back to the stack, before the way changes or entries are shared. */
static void
empty_queue(struct marker *marker)
{
    while (marker->queue_out != marker->queue_in)
        orr_list_push(&marker->stack, (uintptr_t)marker->queue[marker->queue_out++ % QUEUE]);
}

/* Which way the next slice goes: trials of both, then a run of the better one. */
static void
choose_way(struct marker *marker)
{
    uint32_t slice = marker->slice++;
    enum way way = marker->way;
    if (slice < TRIAL_SLICES)
        way = DIRECTLY;
    else if (slice < 2 * TRIAL_SLICES)
        way = QUEUED;
    else if (slice == 2 * TRIAL_SLICES)
        way = marker->cost[QUEUED] < marker->cost[DIRECTLY] ? QUEUED : DIRECTLY;
    else if (slice > SLICES_PER_TRIAL)
        marker->slice = 0;
    if (way != marker->way)
        empty_queue(marker);
    marker->way = way;
}

/* One slice, timed while both ways are on trial. */
static bool
work_a_slice(struct marker *marker)
{
    choose_way(marker);
    bool trial = marker->slice <= 2 * TRIAL_SLICES;
    uint64_t marked = marker->marked, begun_ns = trial ? orr_clock_ns() : 0;
    bool more = marker->way == QUEUED ? work_queued(marker) : work_directly(marker);
    marked = marker->marked - marked;
    if (marker->stack.count > marker->stack.most) /* to within a slice: orr_list_rest gives back what was touched */
        marker->stack.most = marker->stack.count;
    /* Edges to marked objects cost too, but it is objects that have to be got through. */
    if (trial)
        marker->cost[marker->way] = (double)(orr_clock_ns() - begun_ns) / (double)(marked + 1);
    return more;
}

/* --- several markers --------------------------------------------------------------------------------- */

static void
announce_move(struct mark *mark)
{
    orr_add_relaxed(&mark->pool_moves, 1); /* relaxed: after the lock was given back, or within it */
    orr_wake_all(&mark->pool_moves);
}

/* Gives the older half of the stack away: the entries with the most below them. */
static void
share(struct marker *marker)
{
    struct mark *mark = marker->mark;
    struct orr_object_list *stack = &marker->stack;
    size_t half = stack->count / 2;
    if (stack->items[half] & ARRAY_REST) /* an array's rest is two entries */
        half++;
    orr_mutex_lock(&mark->pool_lock); /* sync:pool */
    memcpy(&mark->pool.items[mark->pool.count], stack->items, half * sizeof *stack->items);
    mark->pool.count += half;
    if (mark->pool.count > mark->pool.most)
        mark->pool.most = mark->pool.count;
    orr_store_relaxed(&mark->wanted, 0); /* relaxed: a hint */
    orr_mutex_unlock(&mark->pool_lock);
    announce_move(mark);
    memmove(stack->items, stack->items + half, (stack->count - half) * sizeof *stack->items);
    stack->count -= half;
}

/* Takes entries from the pool; waits while others may still give some. False: all is marked. */
static bool
take(struct marker *marker)
{
    struct mark *mark = marker->mark;
    bool idle = false;
    for (;;) {
        /* relaxed: before the lock is given back, and who moves the word has the lock after us */
        uint32_t moves = orr_load_relaxed(&mark->pool_moves);
        orr_mutex_lock(&mark->pool_lock); /* sync:pool */
        size_t count = mark->pool.count / 2 + 1;
        if (count > mark->pool.count)
            count = mark->pool.count;
        if (count && count < mark->pool.count &&
            (mark->pool.items[mark->pool.count - count] & ARRAY_REST))
            count++; /* an array's rest is two entries */
        mark->pool.count -= count;
        memcpy(marker->stack.items, &mark->pool.items[mark->pool.count],
               count * sizeof *marker->stack.items);
        marker->stack.count = count;
        if (idle != (count == 0))
            mark->idle += count == 0 ? 1 : -1u;
        idle = count == 0;
        mark->done = mark->done || mark->idle == mark->team.count;
        bool done = mark->done;
        if (idle)
            orr_store_relaxed(&mark->wanted, 1); /* relaxed: a hint */
        orr_mutex_unlock(&mark->pool_lock);
        if (count)
            return true;
        if (done) {
            announce_move(mark);
            return false;
        }
        orr_park(&mark->pool_moves, moves, 1000000);
    }
}

static void
mark_as_member(uint32_t member, void *argument)
{
    struct mark *mark = argument;
    struct marker *marker = &mark->markers[member];
    while (marker->stack.count || marker->queue_in != marker->queue_out || take(marker))
        while (work_a_slice(marker))
            if (orr_load_relaxed(&mark->wanted) && marker->stack.count > SHARE_LEAST) /* a hint */
                share(marker);
}

/* --- sweeping ---------------------------------------------------------------------------------------- */

static void
gather_dead(struct orr_object *object, void *argument)
{
    struct marker *marker = argument;
    if (is_marked(object, marker->epoch) || orr_is_corpse(object) || orr_is_frozen_now(object))
        return;
    orr_garbage_mark(object);
    orr_list_push(&marker->dead, (uintptr_t)object);
}

static void
sweep_as_member(uint32_t member, void *argument)
{
    struct mark *mark = argument;
    mark->heap->kind->walk(mark->heap, member, mark->team.count, gather_dead,
                           &mark->markers[member]);
}

/* One list of all dead, so that a set is freed as a whole. */
static struct orr_object_list *
join_dead(struct mark *mark)
{
    struct orr_object_list *all = &mark->markers[0].dead;
    for (uint32_t i = 1; i < mark->team.count; i++) {
        struct orr_object_list *dead = &mark->markers[i].dead;
        memcpy(&all->items[all->count], dead->items, dead->count * sizeof *dead->items);
        all->count += dead->count;
        orr_list_rest(dead);
    }
    return all;
}

/* --- one collection ---------------------------------------------------------------------------------- */

static void
prepare(struct mark *mark, struct orr_heap *heap)
{
    mark->heap = heap;
    mark->epoch = (uint8_t)(mark->epoch % EPOCHS + 1);
    mark->any_frozen = orr_any_frozen(heap);
    mark->idle = 0;
    mark->done = false;
    orr_store_relaxed(&mark->wanted, 0); /* relaxed: before the team is told */
    for (uint32_t i = 0; i < mark->team.count; i++) {
        struct marker *marker = &mark->markers[i];
        marker->mark = mark;
        marker->epoch = mark->epoch;
        marker->marked = marker->edges = 0;
        marker->slice = 0;
        marker->queue_in = marker->queue_out = 0;
    }
}

static void
push_unfrozen(struct orr_slot *slot, void *argument)
{
    struct marker *marker = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && !orr_is_frozen_now(child))
        orr_list_push(&marker->stack, (uintptr_t)child);
}

/* What the permanent set refers to lives; it is not marked itself. */
static void
push_children_of_frozen(struct orr_object *object, void *marker)
{
    if (orr_is_frozen_now(object) && !orr_is_corpse(object))
        orr_object_trace(object, orr_layout_of(object), push_unfrozen, marker);
}

/* Marks everything that is reachable; true if one marker did it alone. */
static bool
mark_all(struct orr_heap *heap, struct mark *mark)
{
    struct marker *first = &mark->markers[0];
    orr_roots_visit(heap, push_unseen, first);
    if (mark->any_frozen)
        heap->kind->walk(heap, 0, 1, push_children_of_frozen, first);
    first->edges = 0; /* roots are not edges */
    for (uint32_t i = 0;; i++) {
        bool help = mark->team.count > 1 && i >= ALONE_SLICES && first->way == QUEUED;
        if (help)
            break;
        if (!work_a_slice(first) && first->stack.count == 0 && first->queue_in == first->queue_out)
            return true;
    }
    orr_workers_run(&mark->team, mark_as_member, mark);
    return false;
}

static void
mark_if_no_garbage(struct orr_object *object, void *argument)
{
    struct marker *marker = argument;
    if (is_marked(object, marker->epoch) || orr_is_garbage(object) || orr_is_corpse(object) ||
        orr_is_frozen_now(object))
        return;
    orr_list_push(&marker->stack, (uintptr_t)object);
    while (work_a_slice(marker) || marker->stack.count || marker->queue_in != marker->queue_out)
        continue;
}

/* The second proof where nothing is counted: whatever the roots reach now gets the next mark, garbage or not.
 * So does what has died while finalizers ran, with all it reaches: it is not freed with this garbage, of which it
 * may hold what they brought back. */
static void
prove_by_marking(struct orr_thread *thread)
{
    struct mark *mark = thread->heap->collector_private;
    prepare(mark, thread->heap);
    mark_all(thread->heap, mark);
    thread->heap->kind->walk(thread->heap, 0, 1, mark_if_no_garbage, &mark->markers[0]);
    for (uint32_t i = 0; i < mark->team.count; i++)
        orr_list_rest(&mark->markers[i].stack);
    orr_list_rest(&mark->pool);
}

static void
collect(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct mark *mark = heap->collector_private;
    uint64_t cpu_ns = orr_load_relaxed(&mark->team.cpu_ns); /* relaxed: the team sleeps */

    orr_phase_begin(collection, "stop");
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    orr_phase_end(collection);

    orr_phase_begin(collection, "mark");
    prepare(mark, heap);
    bool alone = mark_all(heap, mark);
    for (uint32_t i = 0; i < mark->team.count; i++) {
        collection->nodes_visited += mark->markers[i].marked;
        collection->edges_visited += mark->markers[i].edges;
        orr_list_rest(&mark->markers[i].stack);
    }
    orr_list_rest(&mark->pool);
    orr_phase_end(collection);

    orr_phase_begin(collection, "sweep");
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    if (!alone || collection->nodes_visited != totals.live)
        orr_workers_run(&mark->team, sweep_as_member, mark);
    struct orr_object_list *dead = join_dead(mark);
    bool kept = orr_garbage_close(thread, dead, collection);
    orr_world_resume(heap);
    orr_phase_end(collection);

    orr_phase_begin(collection, "free");
    bool has_outside = collection->nodes_visited != 0 || mark->any_frozen || kept;
    orr_garbage_free(thread, dead, has_outside, heap->rc->counts ? NULL : prove_by_marking,
                     collection);
    orr_phase_end(collection);
    collection->collector_cpu_ns = orr_load_relaxed(&mark->team.cpu_ns) - cpu_ns; /* relaxed: it sleeps */
}

static void
heap_fini(struct orr_heap *heap)
{
    struct mark *mark = heap->collector_private;
    orr_workers_stop(&mark->team);
    for (uint32_t i = 0; i < ORR_WORKERS_MAX; i++) { /* a team that was started again may be smaller */
        orr_list_close(&mark->markers[i].stack);
        orr_list_close(&mark->markers[i].dead);
    }
    orr_list_close(&mark->pool);
    orr_mutex_fini(&mark->pool_lock);
}

static enum orr_status
heap_init(struct orr_heap *heap, struct orr_error *error)
{
    struct mark *mark = heap->collector_private;
    orr_mutex_init(&mark->pool_lock);
    orr_workers_start(&mark->team, heap->options.workers);
    bool opened = orr_list_open(&mark->pool);
    for (uint32_t i = 0; i < mark->team.count; i++)
        opened = orr_list_open(&mark->markers[i].stack) &&
                 orr_list_open(&mark->markers[i].dead) && opened;
    if (opened)
        return ORR_OK;
    heap_fini(heap);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the stacks of %u markers",
                    mark->team.count);
}

static void
forked(struct orr_thread *thread, bool abandoned)
{
    struct mark *mark = thread->heap->collector_private;
    orr_workers_forked(&mark->team);
    if (abandoned)
        orr_garbage_forked(thread, &mark->markers[0].dead);
}

extern const struct orr_collector orr_collector_mark;
const struct orr_collector orr_collector_mark = {
    .name = "mark",
    .summary = "backup tracing from exact roots, parallel and prefetching",
    .paper = "mark",
    .needs = ORR_NEEDS_ROOTS | ORR_NEEDS_WALK | ORR_NEEDS_SCRATCH,
    .frees_untraced = true,
    .completeness = 1,
    .trigger = {.kind = ORR_TRIGGER_ratio, .count = 10000, .bytes = 32 << 20, .ratio = 1.0},
    .heap_bytes = sizeof(struct mark),
    .heap_init = heap_init,
    .heap_fini = heap_fini,
    .collect = collect,
    .forked = forked,
};
