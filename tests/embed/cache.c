/* cache.c - the core of a cache server: documents that stay as long as somebody uses them, found by number.
 *
 * Shows: maps with weak values and weak keys, weak references with callbacks, finalizers that save their
 * object from death, destroys that close files, the registry of finalizers, errors that finalizers raise,
 * several threads, and a bound on garbage. Documents that link to each other die in cycles.
 */
#include "collectors/catalogue.h"
#include "collectors/configure.h"
#include "runtime/mutator.h"
#include "runtime/orrery.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK = 0, LATEST = 4, DOCUMENTS = 12, READERS = 2, READS = 1000, UNSAVED_MAX = 2 };

/* The cache's roots. */
enum {
    KNOWN,                           /* weak values: number -> document */
    PAGES,                           /* weak keys: document -> its page */
    RECENT,                          /* the latest few documents */
    UNSAVED = RECENT + LATEST,       /* what finalizers have saved */
    WATCHES = UNSAVED + UNSAVED_MAX, /* weak references, for their callbacks */
    ROOTS = WATCHES + DOCUMENTS
};

struct document {
    struct orr_object header;
    struct orr_slot link; /* another document */
    FILE *file;
    uint32_t number;
    bool is_changed; /* since it was written to its file */
};

static struct cache {
    struct orr_root roots[ROOTS];
    uint32_t unsaved_count, files_open, forgotten, complaints, requests;
} cache;

/* --- documents ---------------------------------------------------------------------------------------- */

static struct document *
document_of(struct orr_object *object)
{
    return (struct document *)object;
}

/* A document with changes does not die yet: it waits until the cache has written it. */
static void
keep_if_changed(struct orr_thread *thread, struct orr_object *object)
{
    if (!document_of(object)->is_changed)
        return;
    if (cache.unsaved_count == UNSAVED_MAX) {
        orr_raise(thread, ORR_OUT_OF_MEMORY, "the changes of document %" PRIu32 " are lost",
                  document_of(object)->number);
        return;
    }
    orr_store_slot(thread, NULL, &cache.roots[UNSAVED + cache.unsaved_count++].slot, object);
}

static void
close_file(struct orr_thread *thread, struct orr_object *object)
{
    if (!document_of(object)->file)
        return;
    if (fclose(document_of(object)->file) != 0)
        orr_raise(thread, ORR_BAD_INPUT, "document %" PRIu32 ": %s", document_of(object)->number,
                  strerror(errno));
    cache.files_open--;
}

static uint16_t document_index, page_index;
static const struct orr_type document_type = {.name = "document",
                                              .bytes = sizeof(struct document),
                                              .references = 1,
                                              .finalize = keep_if_changed,
                                              .destroy = close_file,
                                              .index = &document_index};
static const struct orr_type page_type = {.name = "page", /* refers to its document */
                                          .bytes = 32,
                                          .references = 1,
                                          .index = &page_index};

static struct orr_object *
root(uint32_t i)
{
    return orr_slot_peek(&cache.roots[i].slot);
}

/* --- the cache ---------------------------------------------------------------------------------------- */

static void
note_death(struct orr_thread *thread, struct orr_object *weak, void *count)
{
    (void)thread, (void)weak;
    ++*(uint32_t *)count;
}

/* Null: no memory. What was done by then dies with the document. */
static struct orr_object *
open_document(struct orr_thread *thread, uint32_t number)
{
    ORR_OWN(thread, document, orr_new(thread, &document_type));
    ORR_OWN(thread, page, orr_new(thread, &page_type));
    if (!document.ref || !page.ref)
        return NULL;
    document_of(document.ref)->number = number;
    document_of(document.ref)->file = tmpfile();
    cache.files_open += document_of(document.ref)->file != NULL;
    orr_set(thread, page.ref, LINK, document.ref);
    ORR_OWN(thread, weak, orr_weak_new(thread, document.ref, note_death, &cache.forgotten, NULL));
    if (!weak.ref || !orr_weak_keys_set(thread, root(PAGES), document.ref, page.ref) ||
        !orr_weak_values_set(thread, root(KNOWN), number, document.ref))
        return NULL;
    orr_store_slot(thread, NULL, &cache.roots[WATCHES + number].slot, weak.ref);
    return orr_take(&document);
}

/* Counted; the latest few stay without being held. */
static struct orr_object *
get(struct orr_thread *thread, uint32_t number)
{
    struct orr_object *document = orr_weak_values_get(thread, root(KNOWN), number);
    if (!document)
        document = open_document(thread, number);
    if (document)
        orr_store_slot(thread, NULL, &cache.roots[RECENT + cache.requests++ % LATEST].slot,
                       document);
    return document;
}

static void
visit(struct orr_thread *thread, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        orr_release(thread, get(thread, i));
}

static void
link_and_change(struct orr_thread *thread, uint32_t number, uint32_t other)
{
    ORR_OWN(thread, left, get(thread, number));
    ORR_OWN(thread, right, get(thread, other));
    if (!left.ref || !right.ref)
        return;
    orr_set(thread, left.ref, LINK, right.ref);
    orr_set(thread, right.ref, LINK, left.ref);
    document_of(left.ref)->is_changed = true;
}

/* Writes what finalizers have saved, and lets it go. */
static void
write_unsaved(struct orr_thread *thread)
{
    for (; cache.unsaved_count > 0; cache.unsaved_count--) {
        struct orr_slot *slot = &cache.roots[UNSAVED + cache.unsaved_count - 1].slot;
        ORR_OWN(thread, document, orr_exchange_slot(thread, NULL, slot, NULL));
        if (document_of(document.ref)->file)
            fputs("changed\n", document_of(document.ref)->file);
        document_of(document.ref)->is_changed = false;
        printf("  wrote a document, finalized: %s\n",
               orr_is_finalized(document.ref) ? "yes" : "no");
    }
}

static void
show(struct orr_thread *thread, const char *after)
{
    struct orr_object *key, *value;
    uint64_t cursor = 0, number, known = 0;
    orr_gc_collect_wait(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    while (orr_weak_map_next(thread, root(KNOWN), &cursor, &key, &number, &value)) {
        known++;
        orr_release(thread, value);
    }
    printf("%s: %" PRIu64 " documents known, %" PRIu64 " pages, %" PRIu32 " files open, %" PRIu32
           " forgotten, %" PRIu32 " unsaved, %" PRIu32 " complaints\n",
           after, known, orr_weak_keys_size(thread, root(PAGES)), cache.files_open, cache.forgotten,
           cache.unsaved_count, cache.complaints);
}

/* --- readers ------------------------------------------------------------------------------------------ */

/* Returns null if every document that was found was the right one. */
static void *
read_documents(void *heap)
{
    struct orr_thread *thread;
    if (orr_thread_attach(heap, &thread, NULL) != ORR_OK)
        return heap;
    void *verdict = NULL;
    for (uint32_t i = 0; i < READS; i++) {
        uint64_t number = DOCUMENTS - LATEST + i % LATEST;
        struct orr_object *document = orr_weak_values_get(thread, root(KNOWN), number);
        if (!document || document_of(document)->number != number)
            verdict = heap;
        orr_release(thread, document);
        orr_poll(thread);
    }
    orr_thread_detach(thread);
    return verdict;
}

static void
run_readers(struct orr_thread *thread)
{
    pthread_t readers[READERS];
    bool is_right = true;
    orr_block_enter(thread); /* so that nobody waits for us */
    for (int i = 0; i < READERS; i++)
        if (pthread_create(&readers[i], NULL, read_documents, thread->heap) != 0)
            abort();
    for (int i = 0; i < READERS; i++) {
        void *verdict;
        pthread_join(readers[i], &verdict);
        is_right = is_right && !verdict;
    }
    orr_block_leave(thread);
    printf("readers found what they looked for: %s\n", is_right ? "yes" : "no");
}

/* --- the program -------------------------------------------------------------------------------------- */

static void
complain(void *context, const char *where, const char *message)
{
    (void)message; /* a server would log it */
    cache.complaints++;
    printf("  complaint from a callback of %s%s\n", where, context ? "?" : "");
}

static void
say(struct orr_thread *thread, void *sentence)
{
    (void)thread;
    printf("  %s\n", (const char *)sentence);
}

static uint64_t
count_collections(struct orr_heap *heap)
{
    struct orr_gc_stats stats;
    uint64_t sum = 0;
    for (int generation = 0; generation <= ORR_GENERATION_OLDEST; generation++)
        if (orr_gc_stats(heap, generation, &stats, NULL) == ORR_OK)
            sum += stats.collections;
    return sum;
}

/* Pages that refer to themselves, far more of them than the bound allows to pile up. */
static void
make_garbage(struct orr_thread *thread)
{
    uint64_t before = count_collections(thread->heap);
    orr_gc_bound_set(thread->heap, 1 << 20);
    for (int i = 0; i < 100000; i++) {
        struct orr_object *page = orr_new(thread, &page_type);
        if (page)
            orr_set(thread, page, LINK, page);
        orr_release(thread, page);
    }
    printf("collections of garbage: %s\n",
           count_collections(thread->heap) > before + 1 ? "several" : "too few");
}

static void
serve(struct orr_thread *thread)
{
    visit(thread, 0, DOCUMENTS);
    show(thread, "visited all");
    run_readers(thread);
    link_and_change(thread, 0, 1);
    visit(thread, DOCUMENTS - LATEST, LATEST);
    show(thread, "changed one");
    write_unsaved(thread);
    show(thread, "wrote it");
    for (uint32_t i = 0; i < 6; i += 2)
        link_and_change(thread, i, i + 1);
    visit(thread, DOCUMENTS - LATEST, LATEST);
    show(thread, "changed three");
    write_unsaved(thread);
    make_garbage(thread);
    ORR_OWN(thread, last, get(thread, DOCUMENTS - 1));
    orr_finalize_add(thread, last.ref, say, "the folder of the cache is removed");
    struct orr_finalize *lock = orr_finalize_add(thread, last.ref, say, "the lock is removed");
    printf("lock kept: %s\n", lock && orr_finalize_detach(thread, lock) ? "yes" : "no");
}

static enum orr_status
begin(struct orr_heap **heap, struct orr_thread **thread, struct orr_error *error)
{
    struct orr_configuration configuration;
    enum orr_status status = orr_type_register(&document_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&page_type, error);
    if (status != ORR_OK)
        return status;
    orr_configure_defaults(&configuration);
    status = orr_configure(&configuration, "strategy=atomic", error);
    if (status == ORR_OK)
        status = orr_configure_from_environment(&configuration, error);
    configuration.options.listener.failed = complain;
    if (status == ORR_OK)
        status = orr_heap_create(&configuration.options, heap, error);
    orr_configure_free(&configuration);
    return status == ORR_OK ? orr_thread_attach(*heap, thread, error) : status;
}

int
main(void)
{
    struct orr_error error;
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct orr_leaks leaks;
    enum orr_status status = begin(&heap, &thread, &error);
    if (status != ORR_OK) {
        fprintf(stderr, "cache: %s\n", error.message);
        return (int)status;
    }
    for (int i = 0; i < ROOTS; i++)
        orr_root_add(heap, &cache.roots[i]);
    orr_slot_put(&cache.roots[KNOWN].slot, orr_weak_values_new(thread));
    orr_slot_put(&cache.roots[PAGES].slot, orr_weak_keys_new(thread));
    if (root(KNOWN) && root(PAGES))
        serve(thread);
    for (int i = 0; i < ROOTS; i++) {
        orr_release(thread, orr_exchange_slot(thread, NULL, &cache.roots[i].slot, NULL));
        orr_root_remove(heap, &cache.roots[i]);
    }
    status = orr_heap_finish(thread, &leaks);
    printf("%" PRIu32 " files open; ", cache.files_open);
    orr_leaks_print(&leaks, stdout);
    orr_leaks_free(&leaks);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
    return (int)status;
}
