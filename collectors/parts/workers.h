/* workers.h - threads that help a collecting thread: a team that sleeps between jobs.
 *
 * orr_workers_run gives the same job to every member, the caller being member 0, and returns when all are
 * done. The team may be smaller than asked for when the system refuses threads; a team of one is legal and
 * runs everything on the caller.
 *
 * sync      publishes                          observes                       then visible
 * job       run: add, acq_rel on jobs          work: load, acquire            the job and all before it
 * job-done  work: sub, release on running      run: load, acquire             what the members did
 *
 * Progress: blocking; members must not wait for mutators (the world may be stopped).
 * Threads: one caller at a time.
 */
#ifndef ORR_COLLECTORS_PARTS_WORKERS_H
#define ORR_COLLECTORS_PARTS_WORKERS_H

#include "runtime/heap.h"

struct orr_workers {
    uint32_t count;               /* members, the caller included */
    _Atomic(uint32_t) jobs;       /* given so far; the caller */
    _Atomic(uint32_t) running;    /* members still at the present job */
    _Atomic(bool) leaving;        /* the team is dissolved */
    bool is_gone;                 /* the threads did not come through a fork; the caller */
    void (*job)(uint32_t member, void *argument);
    void *argument;
    _Atomic(uint64_t) cpu_ns;     /* processor time of all members but the caller, so far */
    struct orr_os_thread threads[ORR_WORKERS_MAX];
    struct orr_worker_seat {
        struct orr_workers *team;
        uint32_t member;
    } seats[ORR_WORKERS_MAX];
};

/* Starts a team with `helpers` threads beside the caller (ORR_WORKERS_AUTO: one per further processor). */
void orr_workers_start(struct orr_workers *team, uint32_t helpers);
void orr_workers_stop(struct orr_workers *team);
/* In the child of a fork: the threads are gone; the next job starts them again. */
void orr_workers_forked(struct orr_workers *team);
void orr_workers_run(struct orr_workers *team, void (*job)(uint32_t member, void *argument),
                     void *argument);

#endif
