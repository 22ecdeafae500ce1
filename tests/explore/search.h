/* search.h - searching for a schedule that fails, and what a failure is. */
#ifndef ORR_TESTS_EXPLORE_SEARCH_H
#define ORR_TESTS_EXPLORE_SEARCH_H

#include "tests/explore/machine.h"

#include <stdio.h>

enum { EVENTS_MAX = 4096 };

enum strategy {
    STRATEGY_DFS,
    STRATEGY_RANDOM,
    STRATEGY_PCT,
    STRATEGY_POS,
    STRATEGY_REPLAY,
    STRATEGIES /* all that search */
};

/* A decision that is not the default: what was chosen when `fibre` had made `access` accesses. */
struct event {
    uint8_t fibre;
    uint32_t access;
    struct choice option;
};

struct failure {
    bool found, raw; /* raw: not to be made smaller */
    enum strategy strategy;
    uint64_t seed;
    unsigned event_count;
    unsigned met; /* decisions that the replay could take as they are written */
    struct event events[EVENTS_MAX];
    char verdict[1024], note[128];
};

struct budget {
    uint64_t schedules; /* 0: no limit */
    double seconds;     /* of processor time; 0: no limit */
    double until;
    uint64_t seed;
    unsigned bound;      /* dfs */
    unsigned per_script; /* schedules per script of a generated scenario */
};

struct outcome {
    uint64_t schedules, scripts;
    int exhausted; /* the highest bound; -1: none */
    uint64_t exhausted_schedules;
    double cpu_begun, cpu_seconds;
    struct failure failure;
};

void search_run(enum strategy kind, const struct budget *budget, struct outcome *outcome);
/* The hash of all that happens in a random schedule. */
uint64_t search_hash(uint64_t seed);

void failure_print(const struct failure *failure, FILE *out);
/* From behind the build's @. False: that is no script with decisions of this scenario. */
bool failure_parse(struct failure *failure, const char *text);
bool failure_replay(struct failure *failure);

/* report.c: the table of the steps of the last recorded schedule. */
void report_steps(FILE *out);

#endif
