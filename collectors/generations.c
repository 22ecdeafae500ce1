/* generations.c - subtract internal references, youngest objects first, world stopped.
 *
 * After: CPython's cycle collector, the build with three generations (papers/reading/generations.md). An
 * object is born into generation 0; surviving a collection of its generation moves it up by one, to 2, the
 * oldest. Collecting generation g looks at the set S of all objects of generations 0 to g and does to S what
 * `subtract` does to the heap: what has more references than S holds on it is held from outside; what that
 * reaches within S is alive; the rest of S is garbage. A reference from an older object was not found in S, so
 * it holds: that is why generations need no write barrier. It also means that a dead old object keeps what it
 * refers to until its own generation is collected.
 *
 * S without lists through objects: an object is named by an entry of a buffer while it is young, from its birth
 * on (ORR_NEEDS_NEWBORNS). Generation 0 is what the threads' buffers name, generation 1 what heap->parked
 * names, and both are also written in the objects' colour, so that a child's header says whether it belongs to
 * S. Generation 2 is everything else: it has no entries and is found by a walk.
 *
 * Differs from CPython, beside what `subtract` does
 *   Objects are not linked into lists: 8 bytes of buffer while they are young instead of 16 for life.
 *   An object that dies young by counting leaves its empty cell behind until its entry is gone.
 *   The oldest generation falls due when what has joined it is more than a quarter of it; CPython's collects
 *   it when that is exactly a quarter too, and so an empty one each time.
 *
 * The colour is the generation, or ORR_COLOUR_FROZEN, ORR_COLOUR_GARBAGE. Acyclic (green) objects keep the
 * colour of birth; they are in S only when the whole heap is, as members like any other.
 * The side table's word: references found in S; bit 31 REACHED.
 *
 * Always, between collections
 *   the side table is zero
 *   a living object that is not green has colour 0 or 1 exactly while one entry names it; entries of
 *   heap->parked name objects of colour 1, or dead ones, which are shells until the entry is gone
 *   no object of S had more references found than counted (asserted: a breach of law 1, or a lost retain)
 * Cost: of generations 0 and 1, in proportion to S and its references, however large the heap is; of
 * generation 2, to the heap.
 * Threads: the collecting thread; others stand still in the first window, and in the second when callbacks
 *          ran in between (parts/garbage.c).
 */
#include "collectors/parts/garbage.h"
#include "runtime/gc.h"

#define REACHED 0x80000000u
#define FOUND 0x7fffffffu

enum {
    YOUNG = 0,
    MIDDLE = 1,          /* the highest colour whose objects are named by entries */
    QUEUE = 16,          /* objects between fetch and use; a power of two */
    AHEAD = 8,           /* list entries between fetching an object and using it */
    LONG_LIVED_SHARE = 4 /* 1/4: what must have joined the oldest before it is collected again */
};

struct generations {
    struct orr_object_list
        members; /* S but for the oldest generation; then, of any, what is garbage */
    struct orr_object_list stack; /* reached, not yet looked into */
    size_t parked_sifted;         /* entries of heap->parked when its dead were last taken out */
    /* The present collection. */
    struct orr_heap *heap;
    struct orr_thread *thread;
    uint8_t generation;
    bool is_whole; /* S is every object: a child belongs to it unseen */
    uint64_t objects, edges, edges_outside, reached, tracked;
};

/* --- who belongs to S ------------------------------------------------------------------------------ */

/* relaxed, all of this file: the world is stopped */
static inline uint8_t
colour_of(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour);
}

static inline bool
is_member(const struct generations *generations, const struct orr_object *object)
{
    return colour_of(object) <= generations->generation &&
           (generations->generation == ORR_GENERATION_OLDEST || !orr_is_green(object));
}

static inline struct orr_object *
named_by(uintptr_t entry)
{
    return (struct orr_object *)entry;
}

/* An entry that has been taken: the dead are let go, and of the living S is made. */
static void
take_entry(uintptr_t *entry, void *argument)
{
    struct generations *generations = argument;
    struct orr_object *object = named_by(*entry);
    if (orr_is_corpse(object)) {
        orr_candidate_unclaim(generations->thread, *entry);
        *entry = 0;
        return;
    }
    orr_assert(colour_of(object) <= MIDDLE);
    if (generations->generation == ORR_GENERATION_OLDEST) /* the walk will find it */
        orr_store_relaxed(&object->colour, ORR_GENERATION_OLDEST);
    else
        orr_list_push(&generations->members, *entry);
}

static void
take_entries(struct generations *generations, struct orr_buffer *entries)
{
    orr_candidates_take(generations->heap, entries);
    if (generations->generation > YOUNG) {
        orr_buffer_append(entries, &generations->heap->parked);
        generations->parked_sifted = 0;
    }
    orr_buffer_each(entries, take_entry, generations);
}

static bool
is_middle(uintptr_t *entry, void *unused)
{
    (void)unused;
    return *entry && colour_of(named_by(*entry)) == MIDDLE;
}

static bool
let_dead_go(uintptr_t *entry, void *thread)
{
    if (!orr_is_corpse(named_by(*entry)))
        return true;
    orr_candidate_unclaim(thread, *entry);
    return false;
}

/* What has become generation 1 joins its entries. A generation that is seldom collected still lets its dead
 * go whenever its entries have doubled. */
static void
park_entries(struct generations *generations, struct orr_buffer *entries)
{
    struct orr_buffer *parked = &generations->heap->parked;
    if (generations->parked_sifted > parked->total) /* gc.h's freeze takes them all */
        generations->parked_sifted = parked->total;
    orr_buffer_filter(entries, is_middle, NULL);
    orr_buffer_append(parked, entries);
    if (parked->total < 2 * generations->parked_sifted + ORR_CHUNK_ENTRIES)
        return;
    orr_buffer_filter(parked, let_dead_go, generations->thread);
    generations->parked_sifted = parked->total;
}

/* --- in-degrees ------------------------------------------------------------------------------------ */

static inline void
count_reference(struct generations *generations, struct orr_object *child)
{
    _Atomic(uint32_t) *word = orr_scratch(generations->heap, child);
    orr_store_relaxed(word, orr_load_relaxed(word) + 1);
    generations->edges++;
}

static inline void
count_slot(struct orr_slot *slot, void *generations)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        count_reference(generations, child);
}

static inline void
count_slot_inside(struct orr_slot *slot, void *argument)
{
    struct generations *generations = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && is_member(generations, child))
        count_reference(generations, child);
    else
        generations->edges_outside += child != NULL;
}

static inline void
count_edges_of(struct generations *generations, struct orr_object *object)
{
    struct orr_layout layout = orr_layout_of(object);
    generations->objects++;
    if (generations->is_whole)
        orr_object_trace(object, layout, count_slot, generations);
    else
        orr_object_trace(object, layout, count_slot_inside, generations);
}

/* --- what is held from outside, and all it reaches in S --------------------------------------------- */

static inline void
reach(struct generations *generations, struct orr_object *object)
{
    _Atomic(uint32_t) *word = orr_scratch(generations->heap, object);
    uint32_t found = orr_load_relaxed(word);
    if (found & REACHED)
        return;
    orr_store_relaxed(word, found | REACHED);
    generations->reached++;
    orr_list_push(&generations->stack, (uintptr_t)object);
}

static inline void
reach_slot(struct orr_slot *slot, void *generations)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child)
        reach(generations, child);
}

static inline void
reach_slot_inside(struct orr_slot *slot, void *generations)
{
    struct orr_object *child = orr_slot_peek(slot);
    if (child && is_member(generations, child))
        reach(generations, child);
}

/* Empties the stack through a queue: an object is fetched when it enters and looked into when it leaves. */
static void
drain(struct generations *generations)
{
    struct orr_object_list *stack = &generations->stack;
    struct orr_object *queue[QUEUE];
    size_t in = 0, out = 0;
    for (;;) {
        while (in - out < QUEUE && stack->count) {
            struct orr_object *object = (struct orr_object *)stack->items[--stack->count];
            __builtin_prefetch(object);
            queue[in++ % QUEUE] = object;
        }
        if (in == out)
            return;
        struct orr_object *object = queue[out++ % QUEUE];
        struct orr_layout layout = orr_layout_of(object);
        if (generations->is_whole)
            orr_object_trace(object, layout, reach_slot, generations);
        else
            orr_object_trace(object, layout, reach_slot_inside, generations);
    }
}

/* Asked of every object of S, reached or not: the most productive question of CPython's collector. */
static void
check_count(const struct generations *generations, const struct orr_object *object, uint32_t found)
{
    int64_t counted = orr_count_stopped(object);
    orr_require(
        counted >= (int64_t)found || orr_is_immortal(object) ||
            orr_is_saturated(orr_load_relaxed(&object->shared)), /* relaxed: stopped */
        "object %p of type %s (generation %u) has %lld references by its count, but %u were "
        "found in the objects of generation %u and younger: one was released twice or stored "
        "without a retain, or a trace reports one twice",
        (const void *)object, orr_type_of(object)->name, colour_of(object), (long long)counted,
        found, generations->generation);
}

static void
reach_if_held(struct generations *generations, struct orr_object *object)
{
    uint32_t found = orr_load_relaxed(orr_scratch(generations->heap, object));
    if (ORR_IS_CHECKED)
        check_count(generations, object, found & FOUND);
    if (found & REACHED)
        return;
    if (orr_count_stopped(object) != (int64_t)found || orr_is_immortal(object)) {
        reach(generations, object);
        drain(generations);
    }
}

/* --- generations 0 and 1: S is a list --------------------------------------------------------------- */

static inline struct orr_object *
fetch_member(const struct orr_object_list *members, size_t i)
{
    if (i + AHEAD < members->count)
        __builtin_prefetch((void *)members->items[i + AHEAD]);
    return orr_list_object(members, i);
}

/* Promotes what was reached, keeps in the list what is garbage, and ends the use of the side table. */
static void
gather_young(struct generations *generations)
{
    struct orr_object_list *members = &generations->members;
    const uint8_t next = generations->generation + 1;
    size_t dead = 0;
    for (size_t i = 0; i < members->count; i++) {
        struct orr_object *object = fetch_member(members, i);
        _Atomic(uint32_t) *word = orr_scratch(generations->heap, object);
        if (orr_load_relaxed(word) & REACHED)
            orr_store_relaxed(&object->colour, next);
        else {
            orr_garbage_mark(object);
            members->items[dead++] = (uintptr_t)object;
        }
        orr_store_relaxed(word, 0);
    }
    members->most = members->count > members->most ? members->count : members->most;
    members->count = dead;
}

static void
prove_young(struct generations *generations, struct orr_collection *collection)
{
    struct orr_object_list *members = &generations->members;
    orr_phase_begin(collection, "subtract");
    for (size_t i = 0; i < members->count; i++)
        count_edges_of(generations, fetch_member(members, i));
    orr_phase_end(collection);
    orr_phase_begin(collection, "reach");
    for (size_t i = 0; i < members->count; i++)
        reach_if_held(generations, fetch_member(members, i));
    orr_phase_end(collection);
}

/* --- generation 2: S is the heap, but for what is frozen ---------------------------------------------- */

static inline bool
is_walked(const struct orr_object *object)
{
    return !orr_is_corpse(object) && colour_of(object) <= ORR_GENERATION_OLDEST;
}

static void
count_walked(struct orr_object *object, void *argument)
{
    struct generations *generations = argument;
    if (!is_walked(object))
        return;
    count_edges_of(generations, object);
    generations->tracked += !orr_is_green(object);
}

static void
reach_walked(struct orr_object *object, void *generations)
{
    if (is_walked(object))
        reach_if_held(generations, object);
}

static void
gather_walked(struct orr_object *object, void *argument)
{
    struct generations *generations = argument;
    if (!is_walked(object) || (orr_load_relaxed(orr_scratch(generations->heap, object)) & REACHED))
        return;
    generations->tracked -= !orr_is_green(object);
    orr_garbage_mark(object);
    orr_list_push(&generations->members, (uintptr_t)object);
}

static void
prove_all(struct generations *generations, struct orr_collection *collection)
{
    struct orr_heap *heap = generations->heap;
    orr_phase_begin(collection, "subtract");
    heap->kind->walk(heap, 0, 1, count_walked, generations);
    orr_phase_end(collection);
    orr_phase_begin(collection, "reach");
    heap->kind->walk(heap, 0, 1, reach_walked, generations);
    orr_phase_end(collection);
}

static void
gather_all(struct generations *generations)
{
    struct orr_heap *heap = generations->heap;
    if (generations->reached != generations->objects)
        heap->kind->walk(heap, 0, 1, gather_walked, generations);
    orr_garbage_clear_scratch(heap);
}

/* --- one collection -------------------------------------------------------------------------------- */

static void
begin(struct orr_thread *thread, struct generations *generations,
      const struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    generations->heap = heap;
    generations->thread = thread;
    generations->generation = (uint8_t)collection->generation;
    generations->is_whole =
        collection->generation == ORR_GENERATION_OLDEST && !orr_any_frozen(heap);
    generations->objects = generations->edges = generations->edges_outside = 0;
    generations->reached = generations->tracked = 0;
}

/* CPython's 25 % rule asks how much has joined the oldest generation since it was last collected. */
static void
note_long_lived(struct generations *generations)
{
    struct orr_gc *gc = &generations->heap->gc;
    orr_mutex_lock(&gc->lock);
    if (generations->generation == MIDDLE)
        gc->long_lived_pending += generations->reached;
    else if (generations->generation == ORR_GENERATION_OLDEST) {
        gc->long_lived = generations->tracked;
        gc->long_lived_pending = 0;
    }
    orr_mutex_unlock(&gc->lock);
}

static void
collect(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct generations *generations = heap->collector_private;
    struct orr_buffer entries = {0};

    orr_phase_begin(collection, "stop");
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    orr_phase_end(collection);

    orr_phase_begin(collection, "take");
    begin(thread, generations, collection);
    take_entries(generations, &entries);
    collection->candidates = generations->members.count; /* none: the whole heap */
    orr_phase_end(collection);

    const bool is_oldest = generations->generation == ORR_GENERATION_OLDEST;
    (is_oldest ? prove_all : prove_young)(generations, collection);
    orr_phase_begin(collection, "gather");
    (is_oldest ? gather_all : gather_young)(generations);
    if (generations->generation == YOUNG)
        park_entries(generations, &entries);
    orr_buffer_clear(&entries);
    orr_list_rest(&generations->stack);
    note_long_lived(generations);
    collection->nodes_visited = generations->objects;
    collection->edges_visited = generations->edges + generations->edges_outside;
    bool kept = orr_garbage_close(thread, &generations->members, collection);
    orr_world_resume(heap);
    orr_phase_end(collection);

    orr_phase_begin(collection, "free");
    bool has_outside = kept || generations->reached != 0 || generations->edges_outside != 0;
    orr_garbage_free(thread, &generations->members, has_outside, NULL, collection);
    orr_phase_end(collection);
}

/* --- policy ---------------------------------------------------------------------------------------- */

static bool
is_mostly_known(struct orr_gc *gc)
{
    orr_mutex_lock(&gc->lock);
    bool known = gc->long_lived_pending <= gc->long_lived / LONG_LIVED_SHARE;
    orr_mutex_unlock(&gc->lock);
    return known;
}

/* The oldest generation that the younger ones have been collected more often than its threshold says. */
static int
due(struct orr_heap *heap)
{
    struct orr_gc *gc = &heap->gc;
    for (int generation = ORR_GENERATION_OLDEST; generation > YOUNG; generation--)
        /* relaxed: policy goes by what it sees */
        if (orr_load_relaxed(&gc->counts[generation]) >
                orr_load_relaxed(&gc->thresholds[generation]) &&
            (generation != ORR_GENERATION_OLDEST || !is_mostly_known(gc)))
            return generation;
    return YOUNG;
}

/* --- life, checks ---------------------------------------------------------------------------------- */

static enum orr_status
heap_init(struct orr_heap *heap, struct orr_error *error)
{
    struct generations *generations = heap->collector_private;
    if (orr_list_open(&generations->members) && orr_list_open(&generations->stack))
        return ORR_OK;
    orr_list_close(&generations->members);
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no address space for the lists of generations");
}

static void
heap_fini(struct orr_heap *heap)
{
    struct generations *generations = heap->collector_private;
    orr_list_close(&generations->members);
    orr_list_close(&generations->stack);
}

static void
forked(struct orr_thread *thread, bool abandoned)
{
    struct generations *generations = thread->heap->collector_private;
    if (abandoned)
        orr_garbage_forked(thread, &generations->members);
}

static void
verify_entry(uintptr_t *entry, void *unused)
{
    (void)unused;
    const struct orr_object *object = named_by(*entry);
    orr_require(orr_is_corpse(object) || colour_of(object) == MIDDLE,
                "object %p of type %s is named as one of generation 1, but is one of %u",
                (const void *)object, orr_type_of(object)->name, colour_of(object));
}

static void
verify(struct orr_heap *heap)
{
    orr_buffer_each(&heap->parked, verify_entry, NULL);
}

extern const struct orr_collector orr_collector_generations;
const struct orr_collector orr_collector_generations = {
    .name = "generations",
    .summary = "CPython's three generations: subtract internal references, youngest objects first",
    .paper = "generations",
    .needs = ORR_NEEDS_COUNTS | ORR_NEEDS_WALK | ORR_NEEDS_SCRATCH | ORR_NEEDS_NEWBORNS,
    .generational = true,
    .claimable = MIDDLE,
    .completeness = 1,
    .trigger = {.kind = ORR_TRIGGER_count, .count = 2000, .bytes = 32 << 20, .ratio = 0.5},
    .heap_bytes = sizeof(struct generations),
    .heap_init = heap_init,
    .heap_fini = heap_fini,
    .collect = collect,
    .due = due,
    .forked = forked,
    .verify = verify,
};
