/* probe.h - the bench's ear: a listener that keeps what a heap tells of one run.
 *
 * The callbacks come on many threads, some with the world stopped. Each system thread writes into
 * books of its own, found through a thread-local pointer, so that a callback takes no lock, waits
 * for nobody and allocates nothing; the books are merged after the last thread has gone. Threads
 * of the bench join before they work; a thread of the runtime's own (a collector's worker) gets its
 * books at its first callback, the only one that takes the probe's lock.
 *
 * What counts: only what overlaps the measuring window goes into histograms and the list for MMU.
 * Pauses outside of it are kept aside, for the timeline, where one is wanted. A window opens and
 * closes once: 0 means not yet.
 *
 * sync          publishes                                observes                      then visible
 * probe-window  orr_probe_open, orr_probe_close: release each callback: acquire        the bound itself
 *
 * Owns:    books, lists and histograms.
 * Threads: join, latency and callbacks on any; create, merge, destroy on one, with nobody else there.
 */
#ifndef ORR_BENCH_PROBE_H
#define ORR_BENCH_PROBE_H

#include "bench/pauses.h"
#include "runtime/events.h"
#include "runtime/platform.h"

struct orr_books; /* of one thread */

struct orr_probe {
    uint64_t id;        /* tells probes of one process apart, in thread-local pointers */
    bool keeps_outside; /* pauses out of the window too */
    _Atomic(uint64_t) window_start_ns, window_stop_ns;

    struct orr_mutex lock; /* the list of books, and refused */
    struct orr_books *books;
    bool is_incomplete; /* a thread got no books: no memory */

    /* Collections come one at a time; the array is taken whole at creation. */
    struct orr_mutex collections_lock;
    struct orr_collection *collections;
    size_t collection_count;
    uint64_t collections_unlisted;

    /* After orr_probe_merge. */
    struct orr_pauses *pauses, *outside; /* outside may be null */
    struct orr_histogram *time_to_safepoint;
    struct orr_histogram *latency;
};

enum orr_status orr_probe_create(struct orr_probe **probe, bool keeps_outside,
                                 struct orr_error *error);
void orr_probe_destroy(struct orr_probe *probe);

/* The listener to give to a heap. */
struct orr_listener orr_probe_listener(struct orr_probe *probe);

/* Gives the calling thread its books; false if there is no memory. */
bool orr_probe_join(struct orr_probe *probe);

/* The window, by whoever keeps the time. */
void orr_probe_open(struct orr_probe *probe, uint64_t now_ns);
void orr_probe_close(struct orr_probe *probe, uint64_t now_ns);

/* One operation's latency, of the calling thread. */
void orr_probe_latency(struct orr_probe *probe, uint64_t ns);

/* Adds all books up; nobody may call the listener any more. */
void orr_probe_merge(struct orr_probe *probe);

/* The processor time that collections took within [from_ns, until_ns], on the threads that asked for
 * them and on the collector's own. Of one that lies half within, half is counted. */
uint64_t orr_probe_cpu_ns(const struct orr_probe *probe, uint64_t from_ns, uint64_t until_ns);

#endif
