/* finish.c - the end of a heap: last collection, last finalizers, and what is left.
 *
 * Threads: the caller's; the report is gathered with the world stopped.
 */
#define _GNU_SOURCE
#include "runtime/finish.h"

#include "runtime/finalize.h"
#include "runtime/gc.h"
#include "runtime/ledger.h"
#include "runtime/rc.h"
#include "runtime/safepoint.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A finalizer may make garbage with a finalizer, for ever; nobody honest needs as many turns. */
enum { TURNS_MAX = 16 };

/* --- the last collections -------------------------------------------------------------------------- */

static uint64_t
freed_so_far(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    return totals.freed;
}

/* Returns how many entries of the registry were called. */
static uint64_t
settle_for_good(struct orr_thread *thread)
{
    uint64_t called = 0;
    orr_gc_unfreeze(thread);
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        called += orr_finalize_all(thread);
        uint64_t freed = freed_so_far(thread->heap);
        orr_settle(thread);
        if (freed_so_far(thread->heap) == freed)
            break;
    }
    orr_finalize_detach_all(thread); /* those that are not to be called now */
    return called;
}

/* --- the warning ----------------------------------------------------------------------------------- */

static __attribute__((format(printf, 2, 3))) void
tell(const struct orr_heap *heap, const char *format, ...)
{
    char sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (heap->listener.report)
        heap->listener.report(heap->listener.context, sentence);
    else
        fprintf(stderr, "orrery: %s\n", sentence);
}

static void
list_garbage(struct orr_thread *thread)
{
    struct orr_object *object;
    for (uint64_t i = 0; (object = orr_gc_garbage_get(thread, i)); i++) {
        tell(thread->heap, "uncollectable at shutdown: %s at %p", orr_type_of(object)->name,
             (void *)object);
        thread->heap->rc->release(thread, object);
    }
}

/* Returns how many objects are on the garbage list. */
static uint64_t
warn_of_garbage(struct orr_thread *thread)
{
    struct orr_heap *heap = thread->heap;
    uint64_t count = orr_gc_garbage_count(heap);
    uint32_t debug = orr_gc_debug(heap);
    if (count == 0 || (debug & ORR_DEBUG_SAVEALL))
        return count;
    tell(heap, "%" PRIu64 " uncollectable object%s at shutdown%s", count, count == 1 ? "" : "s",
         debug & ORR_DEBUG_UNCOLLECTABLE ? "" : "; ORR_DEBUG_UNCOLLECTABLE lists them");
    if (debug & ORR_DEBUG_UNCOLLECTABLE)
        list_garbage(thread);
    return count;
}

/* --- the report ------------------------------------------------------------------------------------ */

/* A table of kinds by open addressing; type null: empty. */
struct tally {
    struct orr_leak *table;
    uint64_t mask, used;
    uint64_t objects, bytes;
    bool no_memory;
};

static struct orr_leak *
kind_of(const struct tally *tally, const struct orr_type *type, const void *site)
{
    uint64_t hash = ((uintptr_t)type >> 4 ^ (uintptr_t)site) * 0x9e3779b97f4a7c15u >> 20;
    uint64_t i = hash & tally->mask;
    while (tally->table[i].type && (tally->table[i].type != type || tally->table[i].site != site))
        i = (i + 1) & tally->mask;
    return &tally->table[i];
}

static bool
grow(struct tally *tally)
{
    struct orr_leak *old = tally->table;
    uint64_t count = old ? tally->mask + 1 : 0, room = count ? count * 2 : 64;
    struct orr_leak *table = orr_allocate(room * sizeof *table);
    if (!table)
        return false;
    tally->table = table;
    tally->mask = room - 1;
    for (uint64_t i = 0; i < count; i++)
        if (old[i].type)
            *kind_of(tally, old[i].type, old[i].site) = old[i];
    orr_deallocate(old);
    return true;
}

static void
count_object(struct orr_object *object, const void *site, void *argument)
{
    struct tally *tally = argument;
    if (orr_is_corpse(object) || orr_is_immortal(object))
        return;
    uint64_t bytes = orr_object_bytes(object);
    tally->objects++;
    tally->bytes += bytes;
    if (tally->no_memory || (tally->used * 2 >= tally->mask && !grow(tally))) {
        tally->no_memory = true;
        return;
    }
    struct orr_leak *kind = kind_of(tally, orr_type_of(object), site);
    tally->used += !kind->type;
    kind->type = orr_type_of(object);
    kind->site = site;
    kind->objects++;
    kind->bytes += bytes;
}

static void
count_walked(struct orr_object *object, void *argument)
{
    count_object(object, NULL, argument);
}

static int
compare_kinds(const void *left, const void *right)
{
    const struct orr_leak *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    if (a->objects != b->objects)
        return a->objects < b->objects ? 1 : -1;
    int names = strcmp(a->type->name, b->type->name);
    return names ? names
                 : ((uintptr_t)a->site > (uintptr_t)b->site) -
                       ((uintptr_t)a->site < (uintptr_t)b->site);
}

/* The table becomes the list of the report. */
static void
hand_over(struct tally *tally, struct orr_leaks *leaks)
{
    for (uint64_t i = 0; tally->used && i <= tally->mask; i++)
        if (tally->table[i].type)
            tally->table[leaks->kind_count++] = tally->table[i];
    leaks->kinds = tally->table;
    if (leaks->kind_count)
        qsort(leaks->kinds, leaks->kind_count, sizeof *leaks->kinds, compare_kinds);
}

/* What is alive, from the ledger if there is one, because it knows sites, else from a walk. */
static enum orr_status
gather(struct orr_thread *thread, struct orr_leaks *leaks)
{
    struct orr_heap *heap = thread->heap;
    struct tally tally = {0};
    if (!heap->ledger && !heap->kind->is_walkable) {
        struct orr_heap_totals totals;
        orr_heap_totals(heap, &totals);
        leaks->objects = totals.live - heap->immortals.total; /* they live, and are no leaks */
        return ORR_OK;
    }
    tally.no_memory = !grow(&tally);
    orr_world_stop(heap, thread);
    if (heap->ledger)
        orr_ledger_each_site(heap->ledger, count_object, &tally);
    else
        heap->kind->walk(heap, 0, 1, count_walked, &tally);
    orr_world_resume(heap);
    leaks->objects = tally.objects;
    leaks->bytes = tally.bytes;
    if (tally.no_memory) {
        orr_deallocate(tally.table);
        return ORR_OUT_OF_MEMORY;
    }
    hand_over(&tally, leaks);
    return ORR_OK;
}

enum orr_status
orr_heap_finish(struct orr_thread *thread, struct orr_leaks *leaks)
{
    uint64_t finalizers_run = settle_for_good(thread);
    uint64_t garbage = warn_of_garbage(thread);
    if (!leaks)
        return ORR_OK;
    *leaks = (struct orr_leaks){.finalizers_run = finalizers_run, .garbage = garbage};
    return gather(thread, leaks);
}

void
orr_leaks_free(struct orr_leaks *leaks)
{
    orr_deallocate(leaks->kinds);
    *leaks = (struct orr_leaks){0};
}

/* --- printing -------------------------------------------------------------------------------------- */

static void
print_site(const void *site, FILE *file)
{
    Dl_info info;
    if (!site)
        fputs("  (not known)", file);
    else if (!dladdr(site, &info) || !info.dli_fname)
        fprintf(file, "  %p", site);
    else {
        if (info.dli_sname)
            fprintf(file, "  %s+0x%" PRIxPTR, info.dli_sname,
                    (uintptr_t)site - (uintptr_t)info.dli_saddr);
        fprintf(file, "  %s+0x%" PRIxPTR, info.dli_fname,
                (uintptr_t)site - (uintptr_t)info.dli_fbase);
    }
}

static bool
any_site(const struct orr_leaks *leaks)
{
    for (uint64_t i = 0; i < leaks->kind_count; i++)
        if (leaks->kinds[i].site)
            return true;
    return false;
}

void
orr_leaks_print(const struct orr_leaks *leaks, FILE *file)
{
    if (leaks->objects == 0) {
        fputs("nothing is left\n", file);
        return;
    }
    fprintf(file, "%" PRIu64 " object%s left", leaks->objects,
            leaks->objects == 1 ? " is" : "s are");
    if (leaks->bytes)
        fprintf(file, ", %" PRIu64 " bytes", leaks->bytes);
    if (leaks->garbage)
        fprintf(file, "; %" PRIu64 " on the garbage list", leaks->garbage);
    fputc('\n', file);
    bool with_sites = any_site(leaks);
    if (leaks->kind_count)
        fprintf(file, "%12s %14s  %s\n", "objects", "bytes",
                with_sites ? "type                  made at" : "type");
    for (uint64_t i = 0; i < leaks->kind_count; i++) {
        const struct orr_leak *kind = &leaks->kinds[i];
        fprintf(file, "%12" PRIu64 " %14" PRIu64 "  ", kind->objects, kind->bytes);
        if (with_sites) {
            fprintf(file, "%-20s", kind->type->name);
            print_site(kind->site, file);
        } else
            fputs(kind->type->name, file);
        fputc('\n', file);
    }
}
