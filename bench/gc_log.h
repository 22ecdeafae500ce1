/* gc_log.h - one text line per collection, in the form that people read in HotSpot's logs.
 *
 *   [0.003s][info][gc] Using trial
 *   [1.204s][info][gc,phases] GC(7) mark 0.310ms
 *   [1.204s][info][gc] GC(7) Pause trial (count) 4M->1M(16M) 0.974ms
 *   [1.377s][info][gc] GC(8) Concurrent stamp (bytes) 9M->8M 12.310ms
 *
 * Source:  the decorations (uptime, level, tags) and the order of the fields are those of OpenJDK's
 *          unified logging, so that scripts and viewers written for it find their way. A heap size
 *          that is not known leaves its part out.
 * Owns:    the file it opened, if it opened one. Threads: one at a time.
 */
#ifndef ORR_BENCH_GC_LOG_H
#define ORR_BENCH_GC_LOG_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orr_gc_log;

struct orr_gc_log_phase {
    const char *name;
    uint64_t duration_ns;
};

struct orr_gc_log_collection {
    uint64_t number;       /* of the collection within the run; the N of GC(N) */
    uint64_t stop_ns;      /* when it ended, on the clock of the run */
    uint64_t duration_ns;  /* how long it took */
    bool is_pause;         /* the world was stopped all the while: "Pause", else "Concurrent" */
    const char *collector; /* its name */
    const char *cause;     /* why it ran: the trigger's name, usually */
    bool has_bytes;        /* whether the next two were measured */
    uint64_t bytes_before;
    uint64_t bytes_after;
    bool has_capacity; /* whether the heap's size or limit is known */
    uint64_t bytes_capacity;
    const struct orr_gc_log_phase *phases;
    size_t phase_count;
};

/* Writes to path, "-" being standard error. Uptime is counted from start_ns. */
enum orr_status orr_gc_log_open(struct orr_gc_log **result, const char *path, const char *collector,
                                uint64_t start_ns, uint64_t now_ns, struct orr_error *error);

/* The lines of one collection: its phases, then itself. */
void orr_gc_log_write(struct orr_gc_log *log, const struct orr_gc_log_collection *collection);

/* Closes the file and tells whether every line reached it. Null is allowed and is ORR_OK. */
enum orr_status orr_gc_log_close(struct orr_gc_log *log, struct orr_error *error);

#endif
