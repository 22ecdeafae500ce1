/* finalize.c - the registry of finalizers that do not belong to a type.
 *
 * An entry holds a weak reference with a callback in a root of its own, so that every collector sees it; the
 * callback's argument is the entry. Whoever takes an entry under the registry's lock, the callback, a call, a
 * detach or the end, is the one who calls its function or lets it be; everybody else finds it spent.
 *
 * Entries are reused, and their memory is freed only with the heap: an entry may be forgotten on one thread
 * while the callback of its weak reference is about to run on another. That callback is told from those of the
 * entry's next life by its weak reference, which lives, at its address, until the callback has returned.
 *
 * Always   an entry is in exactly one list: alive (newest first), spent or free
 *          its root is registered, and holds its weak reference, exactly while it is alive
 *
 * Threads: any; one lock, held for a few instructions, never at a safepoint and never while a function runs. It
 * is taken before the heap's roots_lock.
 */
#include "runtime/finalize.h"

#include "runtime/heap.h"
#include "runtime/raise.h"
#include "runtime/rc.h"
#include "runtime/weak.h"

struct orr_finalize {
    struct orr_finalize *next, *previous; /* in its list; under lock, as all but the atomics */
    struct orr_finalize_registry *registry;
    struct orr_root root; /* the weak reference */
    orr_finalizer *function;
    void *argument;
    _Atomic(bool) is_alive;
    _Atomic(bool) at_exit;
};

struct orr_finalize_registry {
    struct orr_heap *heap;
    struct orr_mutex lock;
    struct orr_finalize *alive, *spent, *free;
};

/* --- lists ----------------------------------------------------------------------------------------- */

static void
link_locked(struct orr_finalize **list, struct orr_finalize *entry)
{
    entry->previous = NULL;
    entry->next = *list;
    if (*list)
        (*list)->previous = entry;
    *list = entry;
}

static void
unlink_locked(struct orr_finalize **list, struct orr_finalize *entry)
{
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        *list = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
}

/* --- taking an entry ------------------------------------------------------------------------------- */

/* What an entry was for; the entry itself may be forgotten, and reused, from then on. */
struct call {
    orr_finalizer *function;
    void *argument;
    struct orr_object *weak; /* counted */
};

/* Ends the entry's watch; what it was for is the caller's. */
static struct call
take_locked(struct orr_finalize *entry)
{
    struct orr_finalize_registry *registry = entry->registry;
    struct call call = {.function = entry->function,
                        .argument = entry->argument,
                        .weak = orr_slot_peek(&entry->root.slot)};
    orr_store_relaxed(&entry->is_alive, false); /* relaxed: under the lock */
    orr_slot_put(&entry->root.slot, NULL);
    orr_root_remove(registry->heap, &entry->root);
    unlink_locked(&registry->alive, entry);
    link_locked(&registry->spent, entry);
    return call;
}

/* Takes the entry, if nobody has; with `weak` not null, only while that is its weak reference. */
static bool
take(struct orr_finalize *entry, const struct orr_object *weak, struct call *call)
{
    orr_mutex_lock(&entry->registry->lock);
    bool taken = orr_load_relaxed(&entry->is_alive) && /* relaxed: under the lock */
                 (!weak || orr_slot_peek(&entry->root.slot) == weak);
    if (taken)
        *call = take_locked(entry);
    orr_mutex_unlock(&entry->registry->lock);
    return taken;
}

static void
let_go(struct orr_thread *thread, const struct call *call)
{
    thread->heap->rc->release(thread, call->weak);
}

static void
run(struct orr_thread *thread, const struct call *call)
{
    struct orr_error saved;
    let_go(thread, call);
    orr_raise_save(thread, &saved);
    call->function(thread, call->argument);
    orr_raise_restore(thread, &saved, "a registered finalizer");
}

/* The callback of an entry's weak reference. The entry may have been forgotten since the death. */
static void
run_on_death(struct orr_thread *thread, struct orr_object *weak, void *entry)
{
    struct call call;
    if (take(entry, weak, &call))
        run(thread, &call);
}

/* --- entries --------------------------------------------------------------------------------------- */

/* The heap's registry, made with its first entry; null: no memory. */
static struct orr_finalize_registry *
get_registry(struct orr_heap *heap, bool make)
{
    orr_mutex_lock(&heap->gc.lock);
    struct orr_finalize_registry *registry = heap->finalizes;
    if (!registry && make && (registry = orr_allocate(sizeof *registry))) {
        registry->heap = heap;
        orr_mutex_init(&registry->lock);
        heap->finalizes = registry;
    }
    orr_mutex_unlock(&heap->gc.lock);
    return registry;
}

/* An entry that is in no list; null: no memory. */
static struct orr_finalize *
make_entry(struct orr_finalize_registry *registry)
{
    orr_mutex_lock(&registry->lock);
    struct orr_finalize *entry = registry->free;
    if (entry)
        unlink_locked(&registry->free, entry);
    orr_mutex_unlock(&registry->lock);
    if (!entry && (entry = orr_allocate(sizeof *entry)))
        entry->registry = registry;
    return entry;
}

static void
enlist(struct orr_finalize *entry, struct orr_finalize **list)
{
    orr_mutex_lock(&entry->registry->lock);
    link_locked(list, entry);
    orr_mutex_unlock(&entry->registry->lock);
}

struct orr_finalize *
orr_finalize_add(struct orr_thread *thread, struct orr_object *object, orr_finalizer *function,
                 void *argument)
{
    struct orr_finalize_registry *registry = get_registry(thread->heap, true);
    struct orr_finalize *entry = registry ? make_entry(registry) : NULL;
    if (!entry)
        return NULL;
    struct orr_object *weak = orr_weak_new(thread, object, run_on_death, entry, NULL);
    if (!weak) {
        enlist(entry, &registry->free);
        return NULL;
    }
    entry->function = function;
    entry->argument = argument;
    orr_store_relaxed(&entry->at_exit, true); /* relaxed, both: nobody else knows the entry */
    orr_store_relaxed(&entry->is_alive, true);
    orr_root_add(registry->heap, &entry->root);
    orr_slot_put(&entry->root.slot, weak);
    enlist(entry, &registry->alive);
    return entry;
}

bool
orr_finalize_call(struct orr_thread *thread, struct orr_finalize *entry)
{
    struct call call;
    if (!take(entry, NULL, &call))
        return false;
    run(thread, &call);
    return true;
}

bool
orr_finalize_detach(struct orr_thread *thread, struct orr_finalize *entry)
{
    struct call call;
    if (!take(entry, NULL, &call))
        return false;
    let_go(thread, &call);
    return true;
}

bool
orr_finalize_is_alive(const struct orr_finalize *entry)
{
    return orr_load_relaxed(&entry->is_alive); /* relaxed: a moment's picture */
}

void
orr_finalize_at_exit(struct orr_finalize *entry, bool at_exit)
{
    orr_store_relaxed(&entry->at_exit, at_exit); /* relaxed: a setting, read under the lock */
}

void
orr_finalize_forget(struct orr_thread *thread, struct orr_finalize *entry)
{
    orr_finalize_detach(thread, entry);
    struct orr_finalize_registry *registry = entry->registry;
    orr_mutex_lock(&registry->lock);
    unlink_locked(&registry->spent, entry);
    link_locked(&registry->free, entry);
    orr_mutex_unlock(&registry->lock);
}

/* --- the end --------------------------------------------------------------------------------------- */

/* Takes the newest entry that is alive; with only_exit, of those that want to be called at the end. */
static bool
take_newest(struct orr_finalize_registry *registry, bool only_exit, struct call *call)
{
    orr_mutex_lock(&registry->lock);
    struct orr_finalize *entry = registry->alive;
    while (only_exit && entry && !orr_load_relaxed(&entry->at_exit)) /* relaxed: a setting */
        entry = entry->next;
    if (entry)
        *call = take_locked(entry);
    orr_mutex_unlock(&registry->lock);
    return entry != NULL;
}

uint64_t
orr_finalize_all(struct orr_thread *thread)
{
    struct orr_finalize_registry *registry = get_registry(thread->heap, false);
    struct call call;
    uint64_t called = 0;
    while (registry && take_newest(registry, true, &call)) {
        run(thread, &call);
        called++;
    }
    return called;
}

void
orr_finalize_detach_all(struct orr_thread *thread)
{
    struct orr_finalize_registry *registry = get_registry(thread->heap, false);
    struct call call;
    while (registry && take_newest(registry, false, &call))
        let_go(thread, &call);
}

static void
free_list(struct orr_finalize *list)
{
    for (struct orr_finalize *next; list; list = next) {
        next = list->next;
        orr_deallocate(list);
    }
}

void
orr_finalizes_close(struct orr_heap *heap)
{
    struct orr_finalize_registry *registry = heap->finalizes;
    if (!registry)
        return;
    free_list(registry->alive);
    free_list(registry->spent);
    free_list(registry->free);
    orr_mutex_fini(&registry->lock);
    orr_deallocate(registry);
    heap->finalizes = NULL;
}

/* --- forking --------------------------------------------------------------------------------------- */

void
orr_finalizes_lock(struct orr_heap *heap)
{
    struct orr_finalize_registry *registry = get_registry(heap, false);
    if (registry)
        orr_mutex_lock(&registry->lock);
}

void
orr_finalizes_unlock(struct orr_heap *heap)
{
    if (heap->finalizes)
        orr_mutex_unlock(&heap->finalizes->lock);
}
