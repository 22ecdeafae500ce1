/* gc.c - the program's control: settings, requests, statistics, callbacks, the garbage list.
 *
 * Settings are single atomic words, read where they matter and never ordered with anything; lists change under
 * gc.lock. What a collection does is in collect.c; the permanent set in freeze.c.
 *
 * Threads: any, as gc.h says.
 */
#include "runtime/gc.h"

#include "runtime/collect.h"
#include "runtime/collector.h"
#include "runtime/raise.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct orr_gc_hook {
    orr_gc_callback *callback;
    void *context;
    struct orr_gc_hook *next;
};

/* --- life -------------------------------------------------------------------------------------------- */

enum { YOUNG_THRESHOLD = 2000, OLDER_THRESHOLD = 10 }; /* CPython's */

bool
orr_gc_open(struct orr_heap *heap)
{
    struct orr_gc *gc = &heap->gc;
    const struct orr_heap_options *options = &heap->options;
    orr_mutex_init(&gc->lock);
    gc->stats = orr_allocate(ORR_GENERATIONS * sizeof *gc->stats);
    orr_gc_trigger_set(heap, &options->trigger);
    /* relaxed, all: no threads yet */
    uint64_t count =
        options->trigger.count ? options->trigger.count : heap->collector->trigger.count;
    orr_store_relaxed(&gc->thresholds[0], count ? count : YOUNG_THRESHOLD);
    for (int i = 1; i < ORR_GENERATIONS; i++)
        orr_store_relaxed(&gc->thresholds[i], (uint64_t)OLDER_THRESHOLD);
    if (options->thresholds[0] || options->thresholds[1] || options->thresholds[2])
        orr_gc_threshold_set(heap, options->thresholds);
    orr_store_relaxed(&gc->disabled, options->gc_disabled);
    orr_store_relaxed(&gc->debug, options->debug);
    orr_store_relaxed(&gc->bound, options->garbage_bound);
    return gc->stats != NULL;
}

static void
free_root(uintptr_t *root, void *unused)
{
    (void)unused;
    orr_deallocate((void *)*root);
}

void
orr_gc_close(struct orr_heap *heap)
{
    struct orr_gc *gc = &heap->gc;
    for (struct orr_gc_hook *hook = gc->hooks, *next; hook; hook = next) {
        next = hook->next;
        orr_deallocate(hook);
    }
    orr_buffer_each(&gc->garbage, free_root, NULL);
    orr_buffer_clear(&gc->garbage);
    orr_deallocate(gc->stats);
    orr_mutex_fini(&gc->lock);
}

/* --- settings: relaxed, all --------------------------------------------------------------------------- */

void
orr_gc_enable(struct orr_heap *heap)
{
    orr_store_relaxed(&heap->gc.disabled, false);
}

void
orr_gc_disable(struct orr_heap *heap)
{
    orr_store_relaxed(&heap->gc.disabled, true);
}

bool
orr_gc_is_enabled(const struct orr_heap *heap)
{
    return !orr_load_relaxed(&heap->gc.disabled);
}

void
orr_gc_threshold_set(struct orr_heap *heap, const uint64_t thresholds[ORR_GENERATIONS])
{
    struct orr_gc *gc = &heap->gc;
    for (int i = 0; i < ORR_GENERATIONS; i++)
        orr_store_relaxed(&gc->thresholds[i], thresholds[i]);
    if (thresholds[0] == 0)
        return;
    orr_store_relaxed(&gc->trigger_kind, (uint32_t)ORR_TRIGGER_count);
    orr_store_relaxed(&gc->trigger_count, thresholds[0]);
    orr_store_relaxed(&heap->count_limit, thresholds[0]);
}

void
orr_gc_threshold(const struct orr_heap *heap, uint64_t thresholds[ORR_GENERATIONS])
{
    for (int i = 0; i < ORR_GENERATIONS; i++)
        thresholds[i] = orr_load_relaxed(&heap->gc.thresholds[i]);
}

void
orr_gc_trigger_set(struct orr_heap *heap, const struct orr_trigger *trigger)
{
    struct orr_gc *gc = &heap->gc;
    orr_store_relaxed(&gc->trigger_kind, (uint32_t)trigger->kind);
    orr_store_relaxed(&gc->trigger_count, trigger->count);
    orr_store_relaxed(&gc->trigger_bytes, trigger->bytes);
    orr_store_relaxed(&gc->trigger_ratio, trigger->ratio);
    orr_store_relaxed(&heap->count_limit, trigger->count);
}

void
orr_gc_trigger(const struct orr_heap *heap, struct orr_trigger *trigger)
{
    const struct orr_gc *gc = &heap->gc;
    trigger->kind = (enum orr_trigger_kind)orr_load_relaxed(&gc->trigger_kind);
    trigger->count = orr_load_relaxed(&gc->trigger_count);
    trigger->bytes = orr_load_relaxed(&gc->trigger_bytes);
    trigger->ratio = orr_load_relaxed(&gc->trigger_ratio);
}

void
orr_gc_bound_set(struct orr_heap *heap, uint64_t bytes)
{
    orr_store_relaxed(&heap->gc.bound, bytes);
}

uint64_t
orr_gc_bound(const struct orr_heap *heap)
{
    return orr_load_relaxed(&heap->gc.bound);
}

void
orr_gc_debug_set(struct orr_heap *heap, uint32_t flags)
{
    orr_store_relaxed(&heap->gc.debug, flags);
}

uint32_t
orr_gc_debug(const struct orr_heap *heap)
{
    return orr_load_relaxed(&heap->gc.debug);
}

void
orr_gc_count(struct orr_heap *heap, struct orr_thread *thread, uint64_t counts[ORR_GENERATIONS])
{
    if (thread)
        orr_live_tell(thread);
    int64_t born = orr_load_relaxed(&heap->live) - orr_load_relaxed(&heap->live_after_collection);
    counts[0] = born > 0 ? (uint64_t)born : 0;
    for (int i = 1; i < ORR_GENERATIONS; i++)
        counts[i] = orr_load_relaxed(&heap->gc.counts[i]);
}

/* --- requests ---------------------------------------------------------------------------------------- */

static enum orr_status
check_generation(int generation, struct orr_error *error)
{
    if (generation >= 0 && generation < ORR_GENERATIONS)
        return ORR_OK;
    return orr_fail(error, ORR_BAD_INPUT, "there is no generation %d; there are 0 to %d",
                    generation, ORR_GENERATION_OLDEST);
}

static void
fill_result(const struct orr_heap *heap, const struct orr_collection *collection,
            struct orr_gc_result *result)
{
    if (!result)
        return;
    *result = (struct orr_gc_result){
        .number = collection->number,
        .collected = collection->freed + collection->saved,
        .uncollectable = collection->uncollectable,
        .finalizers_pending =
            orr_load_relaxed(&heap->gc.finalizers_pending), /* relaxed: for people */
        .more = collection->more,
    };
    result->unreachable = result->collected + result->uncollectable;
}

static enum orr_status
request(struct orr_thread *thread, int generation, bool waits, struct orr_gc_result *result,
        struct orr_error *error)
{
    enum orr_status status = check_generation(generation, error);
    if (status != ORR_OK)
        return status;
    struct orr_collection collection = {
        .cause = "request", .urgency = ORR_URGENCY_REQUESTED, .generation = generation};
    orr_collection_run(thread, &collection, waits);
    fill_result(thread->heap, &collection, result);
    return ORR_OK;
}

enum orr_status
orr_gc_collect(struct orr_thread *thread, int generation, struct orr_gc_result *result,
               struct orr_error *error)
{
    return request(thread, generation, false, result, error);
}

enum orr_status
orr_gc_collect_wait(struct orr_thread *thread, int generation, struct orr_gc_result *result,
                    struct orr_error *error)
{
    return request(thread, generation, true, result, error);
}

enum orr_status
orr_gc_collect_if_enabled(struct orr_thread *thread, int generation, struct orr_gc_result *result,
                          struct orr_error *error)
{
    if (orr_gc_is_enabled(thread->heap))
        return request(thread, generation, false, result, error);
    if (result)
        *result = (struct orr_gc_result){0};
    return check_generation(generation, error);
}

enum { NS_PER_OBJECT = 100 }; /* what a first collection is taken to cost */

/* How long a collection of the generation will probably take. relaxed, all: estimates */
static uint64_t
expected_ns(const struct orr_heap *heap, int generation)
{
    uint64_t last_ns = orr_load_relaxed(&heap->gc.last_ns[generation]);
    int64_t live = orr_load_relaxed(&heap->live);
    if (last_ns)
        return last_ns;
    if (heap->collector->generational && generation < ORR_GENERATION_OLDEST) {
        int64_t born = live - orr_load_relaxed(&heap->live_after_collection);
        return (uint64_t)(born > 0 ? born : 0) * NS_PER_OBJECT;
    }
    return (uint64_t)(live > 0 ? live : 0) * NS_PER_OBJECT;
}

enum orr_status
orr_gc_step(struct orr_thread *thread, uint64_t budget_ns, struct orr_gc_result *result)
{
    const struct orr_heap *heap = thread->heap;
    struct orr_collection collection = {.cause = "step",
                                        .urgency = ORR_URGENCY_AUTOMATIC,
                                        .generation = ORR_GENERATION_OLDEST,
                                        .budget_ns = budget_ns,
                                        .more = true};
    int youngest = heap->collector->generational ? 0 : ORR_GENERATION_OLDEST;
    while (collection.generation >= youngest &&
           expected_ns(heap, collection.generation) > budget_ns)
        collection.generation--;
    bool fits = collection.generation >= youngest;
    if (fits || heap->collector->keeps_budget) {
        if (!fits)
            collection.generation = ORR_GENERATION_OLDEST;
        collection.more = collection.generation < ORR_GENERATION_OLDEST;
        orr_collection_run(thread, &collection, false);
    }
    fill_result(heap, &collection, result);
    return ORR_OK;
}

/* --- around a collection ------------------------------------------------------------------------------ */

/* Steps to the next entry (or the first) and copies it: entries end by being emptied, on any thread. */
static struct orr_gc_hook *
next_hook(struct orr_gc *gc, struct orr_gc_hook *hook, struct orr_gc_hook *copy)
{
    orr_mutex_lock(&gc->lock);
    hook = hook ? hook->next : gc->hooks;
    if (hook)
        *copy = *hook;
    orr_mutex_unlock(&gc->lock);
    return hook;
}

static void
call_hooks(struct orr_thread *thread, const struct orr_gc_event *event)
{
    struct orr_gc *gc = &thread->heap->gc;
    struct orr_gc_hook copy;
    for (struct orr_gc_hook *hook = NULL; (hook = next_hook(gc, hook, &copy));) {
        struct orr_error saved;
        if (!copy.callback) /* removed while a collection runs; freed at its end */
            continue;
        orr_raise_save(thread, &saved);
        copy.callback(thread, event, copy.context);
        orr_raise_restore(thread, &saved, "a callback of the collector");
    }
}

void
orr_gc_begin(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct orr_gc *gc = &heap->gc;
    int generation = collection->generation;
    /* relaxed, all: one collection at a time */
    for (int i = 1; i <= generation; i++)
        orr_store_relaxed(&gc->counts[i], (uint64_t)0);
    if (generation < ORR_GENERATION_OLDEST)
        orr_add_relaxed(&gc->counts[generation + 1], 1);
    gc->taken_before = orr_load_relaxed(&gc->taken_at_complete);
    if (generation == ORR_GENERATION_OLDEST)
        orr_store_relaxed(&gc->taken_at_complete, orr_load_relaxed(&heap->bytes_taken));
    call_hooks(thread, &(struct orr_gc_event){.phase = ORR_GC_START, .generation = generation});
}

static void
report_collection(struct orr_heap *heap, const struct orr_collection *collection)
{
    orr_gc_report(heap,
                  "collection %" PRIu64 " (%s) of generation %d: %" PRIu64 " looked at, %" PRIu64
                  " collected, %" PRIu64 " uncollectable, %.3f ms",
                  collection->number, collection->cause, collection->generation,
                  collection->nodes_visited, collection->freed + collection->saved,
                  collection->uncollectable, (double)(orr_clock_ns() - collection->start_ns) / 1e6);
}

static void
forget_removed_hooks(struct orr_gc *gc)
{
    orr_mutex_lock(&gc->lock);
    for (struct orr_gc_hook **link = &gc->hooks, *hook; (hook = *link);)
        if (!hook->callback) {
            *link = hook->next;
            orr_deallocate(hook);
        } else
            link = &hook->next;
    orr_mutex_unlock(&gc->lock);
}

void
orr_gc_end(struct orr_thread *thread, struct orr_collection *collection)
{
    struct orr_heap *heap = thread->heap;
    struct orr_gc *gc = &heap->gc;
    uint64_t collected = collection->freed + collection->saved;
    uint64_t duration_ns = orr_clock_ns() - collection->start_ns;
    orr_mutex_lock(&gc->lock);
    struct orr_gc_stats *stats = &gc->stats[collection->generation];
    stats->collections++;
    stats->collected += collected;
    stats->uncollectable += collection->uncollectable;
    stats->candidates += collection->nodes_visited;
    stats->duration_ns += duration_ns;
    orr_mutex_unlock(&gc->lock);
    if (collection->is_partial)
        orr_store_relaxed(&gc->taken_at_complete, gc->taken_before); /* relaxed, both: an estimate */
    gc->taken_before = orr_load_relaxed(&gc->taken_at_complete);      /* no fork takes it back now */
    orr_store_relaxed(&gc->last_ns[collection->generation], duration_ns); /* relaxed: an estimate */
    uint32_t debug = orr_gc_debug(heap);
    if (collection->uncollectable && (debug & ORR_DEBUG_UNCOLLECTABLE))
        orr_gc_report(heap,
                      "%" PRIu64 " objects are uncollectable: a finalizer lies on their cycles",
                      collection->uncollectable);
    if (debug & ORR_DEBUG_STATS)
        report_collection(heap, collection);
    call_hooks(thread, &(struct orr_gc_event){.phase = ORR_GC_STOP,
                                              .generation = collection->generation,
                                              .collected = collected,
                                              .uncollectable = collection->uncollectable});
    forget_removed_hooks(gc);
}

void
orr_gc_finalizing(struct orr_heap *heap, uint64_t pending)
{
    /* relaxed, both: our own; for people */
    orr_assert(orr_load_relaxed(&heap->collecting) != ORR_COLLECTING_NOBODY);
    orr_store_relaxed(&heap->gc.finalizers_pending, pending);
    orr_store_release(&heap->collecting, ORR_COLLECTING_FINALIZES); /* sync:finalizing  release: pending */
    orr_wake_all(&heap->collecting);
}

void
orr_gc_calls(struct orr_thread *thread)
{
    /* relaxed: written by who collects alone */
    if (thread->collecting && orr_load_relaxed(&thread->heap->collecting) == ORR_COLLECTING)
        orr_gc_finalizing(thread->heap, 1);
}

enum orr_status
orr_gc_stats(struct orr_heap *heap, int generation, struct orr_gc_stats *stats,
             struct orr_error *error)
{
    enum orr_status status = check_generation(generation, error);
    if (status != ORR_OK)
        return status;
    orr_mutex_lock(&heap->gc.lock);
    *stats = heap->gc.stats[generation];
    orr_mutex_unlock(&heap->gc.lock);
    return ORR_OK;
}

/* --- callbacks --------------------------------------------------------------------------------------- */

bool
orr_gc_callback_add(struct orr_heap *heap, orr_gc_callback *callback, void *context)
{
    struct orr_gc_hook *hook = orr_allocate(sizeof *hook);
    if (!hook)
        return false;
    *hook = (struct orr_gc_hook){.callback = callback, .context = context};
    orr_mutex_lock(&heap->gc.lock);
    struct orr_gc_hook **link = &heap->gc.hooks;
    while (*link)
        link = &(*link)->next;
    *link = hook;
    orr_mutex_unlock(&heap->gc.lock);
    return true;
}

/* The entry stays until the end of a collection: one that runs may stand on it. */
bool
orr_gc_callback_remove(struct orr_heap *heap, orr_gc_callback *callback, void *context)
{
    orr_mutex_lock(&heap->gc.lock);
    struct orr_gc_hook *hook = heap->gc.hooks;
    while (hook && (hook->callback != callback || hook->context != context))
        hook = hook->next;
    if (hook)
        hook->callback = NULL;
    orr_mutex_unlock(&heap->gc.lock);
    return hook != NULL;
}

/* --- the garbage list -------------------------------------------------------------------------------- */

uint64_t
orr_gc_garbage_count(struct orr_heap *heap)
{
    orr_mutex_lock(&heap->gc.lock);
    uint64_t count = heap->gc.garbage.total;
    orr_mutex_unlock(&heap->gc.lock);
    return count;
}

bool
orr_gc_garbage_append(struct orr_thread *thread, struct orr_object *object)
{
    struct orr_heap *heap = thread->heap;
    struct orr_root *root = orr_allocate(sizeof *root);
    if (!root)
        return false;
    orr_root_add(heap, root);
    heap->rc->retain(thread, object);
    orr_slot_put(&root->slot, object);
    orr_mutex_lock(&heap->gc.lock);
    bool kept = orr_buffer_push(&heap->gc.garbage, (uintptr_t)root);
    orr_mutex_unlock(&heap->gc.lock);
    if (kept)
        return true;
    orr_slot_put(&root->slot, NULL);
    orr_root_remove(heap, root);
    orr_deallocate(root);
    orr_drop(thread, object);
    return false;
}

struct search {
    uint64_t left;
    struct orr_root *found;
};

static void
look_for(uintptr_t *root, void *argument)
{
    struct search *search = argument;
    if (search->left-- == 0)
        search->found = (struct orr_root *)*root;
}

struct orr_object *
orr_gc_garbage_get(struct orr_thread *thread, uint64_t i)
{
    struct orr_heap *heap = thread->heap;
    struct search search = {.left = i};
    struct orr_object *object = NULL;
    orr_mutex_lock(&heap->gc.lock);
    orr_buffer_each(&heap->gc.garbage, look_for, &search);
    if (search.found) {
        object = orr_slot_peek(&search.found->slot);
        heap->rc->retain(thread,
                         object); /* the list's reference keeps it alive: we hold the lock */
    }
    orr_mutex_unlock(&heap->gc.lock);
    return object;
}

static bool
is_another(uintptr_t *root, void *argument)
{
    struct search *search = argument;
    if (search->left-- != 0)
        return true;
    search->found = (struct orr_root *)*root;
    return false;
}

bool
orr_gc_garbage_remove(struct orr_thread *thread, uint64_t i)
{
    struct orr_heap *heap = thread->heap;
    struct search search = {.left = i};
    orr_mutex_lock(&heap->gc.lock);
    orr_buffer_filter(&heap->gc.garbage, is_another, &search);
    orr_mutex_unlock(&heap->gc.lock);
    if (!search.found)
        return false;
    struct orr_object *object = orr_slot_peek(&search.found->slot);
    orr_slot_put(&search.found->slot, NULL);
    orr_root_remove(heap, search.found);
    orr_deallocate(search.found);
    orr_drop(thread, object);
    return true;
}

void
orr_gc_garbage_clear(struct orr_thread *thread)
{
    while (orr_gc_garbage_remove(thread, 0))
        continue;
}

/* --- sentences --------------------------------------------------------------------------------------- */

void
orr_gc_report(struct orr_heap *heap, const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (heap->listener.report)
        heap->listener.report(heap->listener.context, sentence);
    else
        fprintf(stderr, "orrery: %s\n", sentence);
}

void
orr_gc_note_object(struct orr_heap *heap, const char *what, const struct orr_object *object)
{
    orr_gc_report(heap, "%s: %s at %p", what, orr_type_of(object)->name, (const void *)object);
}
