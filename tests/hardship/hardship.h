/* hardship.h - what the programs of this room share: a listener that believes nothing, processes that are watched
 * while they end, and how much memory a process has.
 *
 * One file per program includes it, once, after tests/stress/stress.h or storm.h.
 */
#ifndef ORR_TESTS_HARDSHIP_HARDSHIP_H
#define ORR_TESTS_HARDSHIP_HARDSHIP_H

#include "tests/stress/stress.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- time that nobody can fake ------------------------------------------------------------------------ */

/* Of the kernel, whatever stands in the way of clock_gettime. */
static inline uint64_t
hardship_now_ns(void)
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- records ------------------------------------------------------------------------------------------ */

/* relaxed, all: tallies of the threads that are told */
struct hardship_records {
    _Atomic(uint64_t) most_ns; /* no interval may be longer */
    _Atomic(uint64_t) pauses, stops, collections, longest_ns;
};

static inline void
hardship_interval(struct hardship_records *records, const char *what, uint64_t start_ns, uint64_t stop_ns)
{
    stress_check(stop_ns >= start_ns, "%s: ended %llu ns before it began", what,
                 (unsigned long long)(start_ns - stop_ns));
    stress_check(stop_ns - start_ns <= orr_load_relaxed(&records->most_ns), "%s: took %g s", what,
                 (double)(stop_ns - start_ns) / 1e9);
    if (stop_ns - start_ns > orr_load_relaxed(&records->longest_ns))
        orr_store_relaxed(&records->longest_ns, stop_ns - start_ns);
}

static inline void
hardship_pause(void *context, const struct orr_pause *pause)
{
    struct hardship_records *const records = context;
    hardship_interval(records, orr_pause_names[pause->cause], pause->start_ns, pause->stop_ns);
    orr_add_relaxed(&records->pauses, 1);
}

static inline void
hardship_safepoint(void *context, uint32_t thread_id, uint64_t requested_ns, uint64_t reached_ns)
{
    struct hardship_records *const records = context;
    stress_check(thread_id != 0, "thread 0 reached a safepoint");
    hardship_interval(records, "time to safepoint", requested_ns, reached_ns);
    orr_add_relaxed(&records->stops, 1);
}

static inline void
hardship_collection(void *context, const struct orr_collection *collection)
{
    struct hardship_records *const records = context;
    hardship_interval(records, "collection", collection->start_ns, collection->stop_ns);
    for (uint32_t i = 0; i < collection->phase_count; i++)
        hardship_interval(records, collection->phases[i].name, collection->phases[i].start_ns,
                          collection->phases[i].stop_ns);
    stress_check(collection->requester_cpu_ns <= orr_load_relaxed(&records->most_ns),
                 "processor time of a collection: %g s", (double)collection->requester_cpu_ns / 1e9);
    orr_add_relaxed(&records->collections, 1);
}

static inline struct orr_listener
hardship_listener(struct hardship_records *records)
{
    return (struct orr_listener){.context = records,
                                 .pause = hardship_pause,
                                 .safepoint = hardship_safepoint,
                                 .collection = hardship_collection};
}

/* --- processes ---------------------------------------------------------------------------------------- */

struct hardship_child {
    pid_t pid;
    int pipe; /* its standard error */
    char text[8192];
    size_t length;
};

/* Starts a process that runs `body` and ends with its result. The caller has no other threads. */
static inline void
hardship_fork(struct hardship_child *child, int (*body)(void))
{
    int ends[2];
    stress_check(pipe(ends) == 0, "no pipe");
    fflush(NULL);
    child->length = 0;
    child->pid = fork();
    stress_check(child->pid >= 0, "no process");
    if (child->pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        exit(body());
    }
    close(ends[1]);
    child->pipe = ends[0];
}

/* Reads what it says until it ends; status as of waitpid. A child that does not end fails the program. */
static inline int
hardship_wait(struct hardship_child *child, double seconds)
{
    const uint64_t deadline_ns = hardship_now_ns() + (uint64_t)(seconds * 1e9);
    int status = 0;
    for (;;) {
        struct timeval slice = {.tv_usec = 20000};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(child->pipe, &set);
        if (select(child->pipe + 1, &set, NULL, NULL, &slice) > 0 && child->length < sizeof child->text - 1) {
            const ssize_t got =
                read(child->pipe, child->text + child->length, sizeof child->text - 1 - child->length);
            child->length += got > 0 ? (size_t)got : 0;
        }
        child->text[child->length] = '\0';
        if (waitpid(child->pid, &status, WNOHANG) == child->pid)
            break;
        if (hardship_now_ns() > deadline_ns) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, &status, 0);
            stress_check(false, "the process did not end in %g s; it said: %s", seconds, child->text);
        }
    }
    for (ssize_t got = 1; got > 0 && child->length < sizeof child->text - 1;) { /* what was left in the pipe */
        got = read(child->pipe, child->text + child->length, sizeof child->text - 1 - child->length);
        child->length += got > 0 ? (size_t)got : 0;
    }
    child->text[child->length] = '\0';
    close(child->pipe);
    return status;
}

static inline uint64_t
hardship_resident_kib(void)
{
    unsigned long long whole, resident;
    FILE *const file = fopen("/proc/self/statm", "r");
    stress_check(file && fscanf(file, "%llu %llu", &whole, &resident) == 2, "no /proc/self/statm");
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* --- figures ------------------------------------------------------------------------------------------ */

/* One line to the file that ORR_FIGURES names. */
static inline void
hardship_figure(const char *what, double number, const char *merged, const char *bar)
{
    const char *const path = getenv("ORR_FIGURES");
    FILE *const file = path && *path ? fopen(path, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "failing\t%s\t%.10g\t%s\t%s\n", what, number, merged, bar);
    fclose(file);
}

#endif
