/* workers.c - a team's sleep and work. */
#include "collectors/parts/workers.h"

#include "runtime/stop.h"

enum { SLEEP_NS = 50000000 }; /* no wait trusts a wake alone */

/* Waits until *word differs from seen; returns what it is then. */
static uint32_t
await_change(_Atomic(uint32_t) *word, uint32_t seen)
{
    for (unsigned spins = 0;; spins++) {
        uint32_t now = orr_load_acquire(word); /* sync:job, sync:job-done  acquire */
        if (now != seen)
            return now;
        if (spins < ORR_TEAM_SPINS)
            orr_spin_hint();
        else
            orr_park(word, seen, SLEEP_NS);
    }
}

static void *
work(void *argument)
{
    struct orr_worker_seat *seat = argument;
    struct orr_workers *team = seat->team;
    uint32_t seen = 0;
    for (;;) {
        seen = await_change(&team->jobs, seen); /* sync:job  acquire */
        if (orr_load_relaxed(&team->leaving)) /* relaxed: ordered by jobs */
            return NULL;
        uint64_t begun_ns = orr_thread_cpu_ns();
        team->job(seat->member, team->argument);
        orr_add_relaxed(&team->cpu_ns, orr_thread_cpu_ns() - begun_ns); /* relaxed: ordered by running */
        /* sync:job-done  release: what this member did */
        if (orr_sub_release(&team->running, 1) == 1)
            orr_wake_all(&team->running);
    }
}

/* Starts threads until the team has `members`, the caller included. */
static void
recruit(struct orr_workers *team, uint32_t members)
{
    team->count = 1;
    while (team->count < members) {
        struct orr_worker_seat *seat = &team->seats[team->count];
        *seat = (struct orr_worker_seat){.team = team, .member = team->count};
        if (!orr_os_thread_start(&team->threads[team->count], work, seat, 0))
            break; /* the system refuses: a smaller team does the same work */
        team->count++;
    }
}

void
orr_workers_start(struct orr_workers *team, uint32_t helpers)
{
    uint32_t processors = orr_processor_count();
    if (helpers == ORR_WORKERS_AUTO)
        helpers = processors - 1;
    if (helpers > ORR_WORKERS_MAX - 1)
        helpers = ORR_WORKERS_MAX - 1;
    recruit(team, helpers + 1);
}

void
orr_workers_forked(struct orr_workers *team)
{
    team->is_gone = team->count > 1;
}

/* The new ones wait for the first job after 0. */
static void
recruit_again(struct orr_workers *team)
{
    orr_store_relaxed(&team->jobs, 0); /* relaxed, both: nobody is there yet */
    orr_store_relaxed(&team->running, 0);
    team->is_gone = false;
    recruit(team, team->count);
}

static void
announce(struct orr_workers *team)
{
    orr_store_relaxed(&team->running, team->count - 1); /* relaxed: ordered by jobs */
    orr_add_acq_rel(&team->jobs, 1);                    /* sync:job  release */
    orr_wake_all(&team->jobs);
}

void
orr_workers_run(struct orr_workers *team, void (*job)(uint32_t, void *), void *argument)
{
    if (team->is_gone)
        recruit_again(team);
    team->job = job;
    team->argument = argument;
    if (team->count > 1)
        announce(team);
    job(0, argument);
    uint32_t left = orr_load_acquire(&team->running); /* sync:job-done  acquire */
    while (team->count > 1 && left != 0)
        left = await_change(&team->running, left);
}

void
orr_workers_stop(struct orr_workers *team)
{
    if (team->count <= 1 || team->is_gone)
        return;
    orr_store_relaxed(&team->leaving, true); /* relaxed: ordered by jobs */
    announce(team);
    for (uint32_t i = 1; i < team->count; i++)
        orr_os_thread_join(&team->threads[i]);
    team->count = 0;
}
