/* tally.h - what a thing costs: nanoseconds over things, added up by each worker and noted once.
 *
 * What was measured before the warm-up was over counts only where nothing was measured after it, so that
 * a job of one round has a result too.
 *
 * Threads: a tally belongs to one worker; tallies are noted when the workers have ended.
 */
#ifndef ORR_WORKLOADS_PARTS_TALLY_H
#define ORR_WORKLOADS_PARTS_TALLY_H

#include "workloads/run.h"

struct orr_tally {
    uint64_t ns[2], things[2]; /* [0] begun in the warm-up, [1] after it */
};

/* Whether what begins now will count as measured; asked before, given to orr_tally_add after. */
static inline bool
orr_tally_begins(struct orr_run *run)
{
    return orr_load_relaxed(&run->measuring); /* relaxed: a moment sooner or later is the same */
}

static inline void
orr_tally_add(struct orr_tally *tally, bool measured, uint64_t ns, uint64_t things)
{
    tally->ns[measured] += ns;
    tally->things[measured] += things;
}

/* Adds the tally to a sum over workers. */
static inline void
orr_tally_sum(struct orr_tally *sum, const struct orr_tally *tally)
{
    for (int i = 0; i < 2; i++) {
        sum->ns[i] += tally->ns[i];
        sum->things[i] += tally->things[i];
    }
}

/* Notes nanoseconds per thing of one worker; nothing if there were no things. */
static inline void
orr_tally_note(struct orr_run *run, const char *name, const struct orr_tally *tally)
{
    int i = tally->things[1] ? 1 : 0;
    if (tally->things[i])
        run->note(run, name, (double)tally->ns[i] / (double)tally->things[i]);
}

#endif
