/* probe.c - books per thread, and the callbacks that write into them; see probe.h. */
#include "bench/probe.h"

#include <stdlib.h>
#include <string.h>

/* Pages that are never used are never touched, so room costs address space alone. */
enum {
    PAUSES_LISTED = 1 << 20,     /* per thread, for MMU and the timeline */
    COLLECTIONS_LISTED = 1 << 16 /* per run */
};

struct orr_books {
    struct orr_pauses *inside, *outside; /* outside: null unless the probe keeps it */
    struct orr_histogram *time_to_safepoint;
    struct orr_histogram *latency;
    struct orr_books *next;
};

/* The calling thread's books and the probe they belong to. */
static _Thread_local struct {
    uint64_t probe_id; /* 0: none */
    struct orr_books *books;
} mine;

/* --- life ---------------------------------------------------------------------------------------- */

static void
drop_books(struct orr_books *books)
{
    orr_pauses_destroy(books->inside);
    orr_pauses_destroy(books->outside);
    orr_histogram_destroy(books->time_to_safepoint);
    orr_histogram_destroy(books->latency);
    free(books);
}

static struct orr_books *
make_books(bool keeps_outside, struct orr_error *error)
{
    struct orr_books *const books = calloc(1, sizeof *books);
    enum orr_status status = ORR_OUT_OF_MEMORY;
    if (!books) {
        orr_fail(error, status, "no memory for the pauses of a thread");
        return NULL;
    }
    status = orr_pauses_create(&books->inside, orr_pause_names, ORR_PAUSE_CAUSE_COUNT,
                               PAUSES_LISTED, error);
    if (status == ORR_OK && keeps_outside)
        status = orr_pauses_create(&books->outside, orr_pause_names, ORR_PAUSE_CAUSE_COUNT,
                                   PAUSES_LISTED, error);
    if (status == ORR_OK)
        status = orr_histogram_create(&books->time_to_safepoint, error);
    if (status == ORR_OK)
        status = orr_histogram_create(&books->latency, error);
    if (status == ORR_OK)
        return books;
    drop_books(books);
    return NULL;
}

enum orr_status
orr_probe_create(struct orr_probe **result, bool keeps_outside, struct orr_error *error)
{
    static _Atomic(uint64_t) last_id;
    struct orr_probe *const probe = calloc(1, sizeof *probe);
    *result = NULL;
    if (!probe)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the measurements of a run");
    probe->id = orr_add_relaxed(&last_id, 1) + 1; /* relaxed: only its being new matters */
    probe->keeps_outside = keeps_outside;
    orr_mutex_init(&probe->lock);
    orr_mutex_init(&probe->collections_lock);
    probe->collections = calloc(COLLECTIONS_LISTED, sizeof *probe->collections);
    if (!probe->collections || !orr_probe_join(probe)) {
        orr_probe_destroy(probe);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the measurements of a run");
    }
    *result = probe;
    return ORR_OK;
}

void
orr_probe_destroy(struct orr_probe *probe)
{
    if (!probe)
        return;
    while (probe->books) {
        struct orr_books *const books = probe->books;
        probe->books = books->next;
        drop_books(books);
    }
    orr_mutex_fini(&probe->lock);
    orr_mutex_fini(&probe->collections_lock);
    free(probe->collections);
    free(probe);
}

bool
orr_probe_join(struct orr_probe *probe)
{
    if (mine.probe_id == probe->id)
        return true;
    struct orr_books *const books = make_books(probe->keeps_outside, NULL);
    orr_mutex_lock(&probe->lock);
    if (books) {
        books->next = probe->books;
        probe->books = books;
    } else {
        probe->is_incomplete = true;
    }
    orr_mutex_unlock(&probe->lock);
    if (!books)
        return false;
    mine.probe_id = probe->id;
    mine.books = books;
    return true;
}

/* --- the window ---------------------------------------------------------------------------------- */

void
orr_probe_open(struct orr_probe *probe, uint64_t now_ns)
{
    orr_store_release(&probe->window_start_ns, now_ns); /* sync:probe-window */
}

void
orr_probe_close(struct orr_probe *probe, uint64_t now_ns)
{
    orr_store_release(&probe->window_stop_ns, now_ns); /* sync:probe-window */
}

/* Whether any part of the interval lies within the window. A callback that runs while the window
 * opens may miss it by its own length, which is why what it reports is asked, not the clock. */
static bool
overlaps_window(struct orr_probe *probe, uint64_t start_ns, uint64_t stop_ns)
{
    const uint64_t opened_ns = orr_load_acquire(&probe->window_start_ns); /* sync:probe-window */
    const uint64_t closed_ns = orr_load_acquire(&probe->window_stop_ns);  /* sync:probe-window */
    return opened_ns != 0 && stop_ns > opened_ns && (closed_ns == 0 || start_ns < closed_ns);
}

/* --- callbacks ----------------------------------------------------------------------------------- */

static struct orr_books *
find_books(struct orr_probe *probe)
{
    return orr_probe_join(probe) ? mine.books : NULL;
}

static void
hear_pause(void *context, const struct orr_pause *pause)
{
    struct orr_probe *const probe = context;
    struct orr_books *const books = find_books(probe);
    if (!books)
        return;
    struct orr_pauses *const into =
        overlaps_window(probe, pause->start_ns, pause->stop_ns) ? books->inside : books->outside;
    if (into)
        orr_pauses_record(into, pause->thread_id, pause->cause, pause->start_ns, pause->stop_ns);
}

static void
hear_safepoint(void *context, uint32_t thread_id, uint64_t requested_ns, uint64_t reached_ns)
{
    struct orr_probe *const probe = context;
    struct orr_books *const books = find_books(probe);
    (void)thread_id;
    /* A thread that stood before it was asked took no time. */
    const uint64_t ns = reached_ns > requested_ns ? reached_ns - requested_ns : 0;
    if (books && overlaps_window(probe, requested_ns, requested_ns + ns + 1))
        orr_histogram_record(books->time_to_safepoint, ns);
}

static void
hear_collection(void *context, const struct orr_collection *collection)
{
    struct orr_probe *const probe = context;
    orr_mutex_lock(&probe->collections_lock); /* never contended: one collection at a time */
    if (probe->collection_count < COLLECTIONS_LISTED)
        probe->collections[probe->collection_count++] = *collection;
    else
        probe->collections_unlisted++;
    orr_mutex_unlock(&probe->collections_lock);
}

struct orr_listener
orr_probe_listener(struct orr_probe *probe)
{
    return (struct orr_listener){.context = probe,
                                 .pause = hear_pause,
                                 .safepoint = hear_safepoint,
                                 .collection = hear_collection};
}

void
orr_probe_latency(struct orr_probe *probe, uint64_t ns)
{
    struct orr_books *const books = find_books(probe);
    const uint64_t opened_ns = orr_load_acquire(&probe->window_start_ns); /* sync:probe-window */
    const uint64_t closed_ns = orr_load_acquire(&probe->window_stop_ns);  /* sync:probe-window */
    if (books && opened_ns != 0 && closed_ns == 0)
        orr_histogram_record(books->latency, ns);
}

/* --- after the run ------------------------------------------------------------------------------- */

/* The first books take in the others. */
void
orr_probe_merge(struct orr_probe *probe)
{
    struct orr_books *const sum = probe->books;
    for (struct orr_books *books = sum->next; books; books = books->next) {
        orr_pauses_merge(sum->inside, books->inside);
        if (sum->outside)
            orr_pauses_merge(sum->outside, books->outside);
        orr_histogram_merge(sum->time_to_safepoint, books->time_to_safepoint);
        orr_histogram_merge(sum->latency, books->latency);
    }
    probe->pauses = sum->inside;
    probe->outside = sum->outside;
    probe->time_to_safepoint = sum->time_to_safepoint;
    probe->latency = sum->latency;
}

uint64_t
orr_probe_cpu_ns(const struct orr_probe *probe, uint64_t from_ns, uint64_t until_ns)
{
    double sum_ns = 0;
    for (size_t i = 0; i < probe->collection_count; i++) {
        const struct orr_collection *const one = &probe->collections[i];
        const uint64_t start_ns = one->start_ns > from_ns ? one->start_ns : from_ns;
        const uint64_t stop_ns = one->stop_ns < until_ns ? one->stop_ns : until_ns;
        if (stop_ns <= start_ns)
            continue;
        const double share = (double)(stop_ns - start_ns) / (double)(one->stop_ns - one->start_ns);
        sum_ns += share * (double)(one->requester_cpu_ns + one->collector_cpu_ns);
    }
    return (uint64_t)sum_ns;
}
