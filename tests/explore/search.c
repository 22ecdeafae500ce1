/* search.c - the strategies: which schedule comes next.
 *
 *   dfs      every schedule with at most p steps off the straight path, for p = 0, 1, 2, ...: exhausted or not
 *   random   each decision at random
 *   pct      priorities of fibres, changed at d - 1 random steps (Burckhardt et al. 2010), d = 3 to 8
 *   pos      priorities of accesses, drawn anew after each, and for those that conflict with it (Yuan et al. 2018)
 *   replay   decisions from a list
 *
 * Learning: a word becomes a scheduling point when a second fibre touches it and one of them writes. The set only
 * grows; when it does, a depth-first search begins again, so what it exhausts, it has exhausted with all points that
 * any of its schedules ever showed.
 *
 * A decision is known by the fibre that was running and the number of accesses that it had made: so a list of
 * decisions means the same whatever has been learned.
 */
#include "tests/explore/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPTH_MAX = STEPS_MAX * 2, LEARN = 300, VERIFY_EVERY = 256 };

static struct {
    enum strategy kind;
    uint64_t random;

    /* dfs */
    struct decision stack[DEPTH_MAX];
    unsigned bound;

    /* pct, pos */
    uint32_t priority[FIBRES];
    unsigned changes, longest;
    uint32_t change_at[8];
    uint32_t lowest;

    /* replay, and what is logged */
    struct event log[EVENTS_MAX], plan[EVENTS_MAX];
    unsigned logged, plan_count, plan_next, plan_met;
    bool logs;
} search;

/* --- chance --------------------------------------------------------------------------------------- */

static inline uint64_t
next_random(void)
{
    search.random ^= search.random << 13;
    search.random ^= search.random >> 7;
    search.random ^= search.random << 17;
    return search.random;
}

static inline unsigned
random_below(unsigned count)
{
    return (unsigned)((next_random() >> 32) * count >> 32);
}

static uint64_t
scramble(uint64_t seed)
{
    uint64_t x = seed + 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (x ^ x >> 31) | 1;
}

/* --- depth first ---------------------------------------------------------------------------------- */

static unsigned
count_free(unsigned count, bool stays, const struct choice *options)
{
    if (stays)
        return 1;
    if (!options)
        return count;
    unsigned free = 1;
    while (free < count && options[free].kind == OPTION_RUN)
        free++;
    return free;
}

static inline unsigned
decide_dfs(unsigned count, bool stays, const struct choice *options)
{
    struct decision *decision = &search.stack[machine.depth];
    if (__builtin_expect(machine.depth++ >= machine.planned, 0)) {
        if (machine.depth == DEPTH_MAX)
            verdict("limit", "more than %d decisions", DEPTH_MAX);
        unsigned used = 0;
        if (machine.depth > 1) {
            struct decision *before = decision - 1;
            used = before->used + (before->chosen >= before->free);
        }
        *decision = (struct decision){.chosen = 0,
                                      .count = (uint8_t)count,
                                      .free = (uint8_t)count_free(count, stays, options),
                                      .used = (uint8_t)used};
        machine.planned = machine.depth;
    } else if (__builtin_expect(decision->count != count, 0) && !machine.learned)
        verdict("nondeterminism", "decision %u has %u options, and had %u", machine.depth - 1, count,
                decision->count);
    else if (decision->chosen >= count)
        return 0;
    return decision->chosen;
}

static bool
dfs_next(void)
{
    unsigned n = machine.depth < machine.planned ? machine.depth : machine.planned;
    for (; n > 0; n--) {
        struct decision *last = &search.stack[n - 1];
        unsigned next = last->chosen + 1u;
        if (next < last->count && last->used + (next >= last->free) <= search.bound) {
            last->chosen = (uint8_t)next;
            machine.planned = n;
            return true;
        }
    }
    return false;
}

/* --- priorities ----------------------------------------------------------------------------------- */

static void
begin_priorities(void)
{
    search.lowest = 1000;
    for (unsigned i = 0; i < FIBRES; i++)
        search.priority[i] = 1000000 + (uint32_t)(next_random() >> 40);
    for (unsigned i = 0; i < search.changes; i++)
        search.change_at[i] = 1 + random_below(search.longest ? search.longest : 50);
}

static unsigned
best(unsigned count, const struct choice *options)
{
    unsigned found = 0;
    uint32_t most = 0;
    for (unsigned i = 0; i < count; i++)
        if (options[i].kind == OPTION_RUN && search.priority[options[i].fibre] >= most) {
            most = search.priority[options[i].fibre];
            found = i;
        }
    return found;
}

/* What is no fibre's turn (a flush, an old value, a wake) happens now and then. */
static unsigned
oddity(unsigned count, const struct choice *options)
{
    unsigned odd = 0;
    for (unsigned i = 1; i < count; i++)
        odd += options[i].kind != OPTION_RUN;
    if (odd == 0 || random_below(4) != 0)
        return 0;
    unsigned wanted = random_below(odd);
    for (unsigned i = 1; i < count; i++)
        if (options[i].kind != OPTION_RUN && wanted-- == 0)
            return i;
    return 0;
}

static unsigned
decide_pct(unsigned count, const struct choice *options)
{
    unsigned odd = oddity(count, options);
    if (odd || options[0].kind == OPTION_VALUE)
        return odd;
    for (unsigned i = 0; i < search.changes; i++)
        if (search.change_at[i] == machine.steps && machine.self != OUTSIDE)
            search.priority[machine.self] = --search.lowest;
    return best(count, options);
}

static unsigned
decide_pos(unsigned count, const struct choice *options)
{
    unsigned odd = oddity(count, options);
    if (odd || options[0].kind == OPTION_VALUE)
        return odd;
    unsigned found = best(count, options);
    const struct fibre *runs = &machine.fibre[options[found].fibre];
    search.priority[options[found].fibre] = (uint32_t)(next_random() >> 36);
    for (unsigned i = 0; i < machine.fibres; i++)
        if (i != options[found].fibre && runs->pending && machine.fibre[i].pending == runs->pending &&
            (runs->pending_writes || machine.fibre[i].pending_writes))
            search.priority[i] = (uint32_t)(next_random() >> 36);
    return found;
}

/* --- replay --------------------------------------------------------------------------------------- */

static unsigned
decide_replay(unsigned count, const struct choice *options)
{
    if (search.plan_next == search.plan_count)
        return 0;
    const struct event *event = &search.plan[search.plan_next];
    if (event->fibre != machine.self || event->access != machine.fibre[machine.self].accesses)
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (options[i].kind == event->option.kind && options[i].fibre == event->option.fibre &&
            options[i].which == event->option.which) {
            search.plan_next++;
            search.plan_met++;
            return i;
        }
    if (options[0].kind != OPTION_VALUE)
        search.plan_next++; /* not possible here: passed over */
    return 0;
}

static void
log_event(const struct choice *option)
{
    bool is_default = option->kind == OPTION_RUN ? option->fibre == machine.self
                                                 : option->kind == OPTION_VALUE && option->which == 0;
    if (is_default || search.logged == EVENTS_MAX)
        return;
    search.log[search.logged++] = (struct event){.fibre = (uint8_t)machine.self,
                                                 .access = machine.fibre[machine.self].accesses,
                                                 .option = *option};
}

/* --- a decision ----------------------------------------------------------------------------------- */

unsigned
decide(unsigned count, bool stays, const struct choice *options)
{
    unsigned chosen = 0;
    switch (search.kind) {
    case STRATEGY_DFS:
        chosen = count > 1 ? decide_dfs(count, stays, options) : 0;
        break;
    case STRATEGY_RANDOM:
        chosen = count > 1 ? random_below(count) : 0;
        break;
    case STRATEGY_PCT:
        chosen = decide_pct(count, options);
        break;
    case STRATEGY_POS:
        chosen = decide_pos(count, options);
        break;
    case STRATEGY_REPLAY:
        chosen = decide_replay(count, options);
        break;
    case STRATEGIES:
        break;
    }
    if (__builtin_expect(search.logs, 0))
        log_event(&options[chosen]);
    return chosen;
}

/* --- scripts -------------------------------------------------------------------------------------- */

static void
draw_script(uint64_t seed)
{
    const struct explore_operation *operations = machine.scenario->operations;
    unsigned total = 0;
    if (!operations)
        return;
    for (const struct explore_operation *op = operations; op->name; op++)
        total += op->weight ? op->weight : 1;
    uint64_t kept = search.random;
    search.random = scramble(seed ^ 0x5c41b7);
    for (unsigned f = 0; f < FIBRES; f++)
        for (unsigned i = 0; i < EXPLORE_SCRIPT_MAX; i++) {
            unsigned ticket = random_below(total), chosen = 0;
            for (; ticket >= (operations[chosen].weight ? operations[chosen].weight : 1); chosen++)
                ticket -= operations[chosen].weight ? operations[chosen].weight : 1;
            machine.script[f][i].operation = (uint8_t)chosen;
            machine.script[f][i].argument = (uint8_t)(next_random() >> 50);
            machine.script[f][i].deleted = i >= machine.scenario->script_length;
        }
    search.random = kept;
}

void
explore_script(unsigned fibre)
{
    for (unsigned i = 0; i < EXPLORE_SCRIPT_MAX; i++) {
        if (machine.script[fibre][i].deleted)
            continue;
        unsigned operation = machine.script[fibre][i].operation;
        note_if(KIND_OPERATION, 0, 0, operation | (uint64_t)machine.script[fibre][i].argument << 8, 0, NULL);
        machine.scenario->operations[operation].run(fibre, machine.script[fibre][i].argument);
    }
}

/* --- one schedule --------------------------------------------------------------------------------- */

static void
begin_schedule(uint64_t seed)
{
    search.random = scramble(seed);
    machine.depth = 0;
    machine.plan = search.kind == STRATEGY_DFS ? search.stack : NULL;
    search.plan_next = search.plan_met = 0;
    search.logged = 0;
    /* Plain choices among fibres come without options where nobody looks at them. */
    machine.wide = machine.all_points || machine.recording || search.kind == STRATEGY_PCT ||
                   search.kind == STRATEGY_POS;
    if (search.kind == STRATEGY_PCT || search.kind == STRATEGY_POS)
        begin_priorities();
}

static bool
run_one(uint64_t seed, bool verifies)
{
    begin_schedule(seed);
    bool passed = run_schedule(verifies);
    if (passed && machine.steps > search.longest && machine.steps < STEPS_MAX)
        search.longest = machine.steps;
    return passed;
}

/* Runs the list of decisions. True: a verdict of this kind. */
static bool
replay_fails(const struct event *plan, unsigned count, const char *kind)
{
    enum strategy was = search.kind;
    search.kind = STRATEGY_REPLAY;
    memcpy(search.plan, plan, count * sizeof *plan);
    search.plan_count = count;
    machine.all_points = true;
    bool passed = run_one(1, true);
    machine.all_points = false;
    search.kind = was;
    return !passed && strncmp(machine.verdict, kind, strlen(kind)) == 0;
}

/* --- making a failure small ----------------------------------------------------------------------- */

static void
kind_of_verdict(char *kind, size_t room)
{
    snprintf(kind, room, "%s", machine.verdict);
    char *colon = strchr(kind, ':');
    if (colon)
        *colon = 0;
}

/* Looks for a failure of this kind with few steps off the path; leaves its decisions in the log. */
static bool
fails_shortly(const char *kind, unsigned most)
{
    enum strategy was = search.kind;
    bool found = false;
    unsigned tries = 0;
    search.kind = STRATEGY_DFS;
    search.logs = machine.recording = true;
    for (search.bound = 0; search.bound <= 6 && !found && tries < most; search.bound++) {
        machine.planned = 0;
        machine.learned = false;
        do {
            if (machine.learned) {
                machine.planned = 0;
                machine.learned = false;
            }
            if (!run_one(1, true) && strncmp(machine.verdict, kind, strlen(kind)) == 0)
                found = true;
        } while (!found && ++tries < most && (machine.learned || dfs_next()));
    }
    search.logs = machine.recording = false;
    search.kind = was;
    return found;
}

static void
keep_log(struct failure *failure)
{
    memcpy(failure->events, search.log, search.logged * sizeof *search.log);
    failure->event_count = search.logged;
}

static void
shrink_script(struct failure *failure, const char *kind)
{
    if (!machine.scenario->operations)
        return;
    for (unsigned f = 0; f < machine.scenario->fibres; f++)
        for (unsigned i = 0; i < EXPLORE_SCRIPT_MAX; i++) {
            if (machine.script[f][i].deleted)
                continue;
            machine.script[f][i].deleted = true;
            if (fails_shortly(kind, 3000))
                keep_log(failure);
            else if (!replay_fails(failure->events, failure->event_count, kind))
                machine.script[f][i].deleted = false;
        }
}

static void
shrink_events(struct failure *failure, const char *kind)
{
    struct event *shorter = malloc(sizeof failure->events);
    for (unsigned i = failure->event_count; i-- > 0;) {
        memcpy(shorter, failure->events, i * sizeof *shorter);
        memcpy(shorter + i, failure->events + i + 1, (failure->event_count - i - 1) * sizeof *shorter);
        if (replay_fails(shorter, failure->event_count - 1, kind))
            memcpy(failure->events, shorter, --failure->event_count * sizeof *shorter);
    }
    free(shorter);
}

/* The schedule that has just failed is run again with its decisions logged, then made smaller while it fails. */
static void
explain(struct failure *failure, uint64_t seed)
{
    char kind[64];
    kind_of_verdict(kind, sizeof kind);
    failure->found = true;
    failure->strategy = search.kind;
    failure->seed = seed;
    machine.recording = search.logs = true;
    bool again = !run_one(seed, true);
    machine.recording = search.logs = false;
    keep_log(failure);
    if (!again)
        snprintf(failure->note, sizeof failure->note, "it did not fail when run again");
    if (again && !failure->raw) {
        if (fails_shortly(kind, 20000))
            keep_log(failure);
        shrink_script(failure, kind);
        shrink_events(failure, kind);
    }
    machine.recording = true;
    machine.notes = calloc(NOTES_MAX, sizeof *machine.notes);
    bool still = replay_fails(failure->events, failure->event_count, "");
    machine.recording = false;
    if (!still)
        snprintf(failure->note, sizeof failure->note, "its decisions alone do not bring it back");
    snprintf(failure->verdict, sizeof failure->verdict, "%s", machine.verdict);
}

/* --- searching ------------------------------------------------------------------------------------ */

static double
cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool
is_over(const struct budget *budget, struct outcome *outcome)
{
    if (budget->schedules && outcome->schedules >= budget->schedules)
        return true;
    return budget->seconds > 0 && (outcome->schedules & 63) == 0 && cpu_seconds() >= budget->until;
}

/* One schedule that counts. False: it failed, and the outcome holds why. */
static bool
try(struct outcome *outcome, uint64_t seed)
{
    bool verifies = EXPLORE_IS_FULL || outcome->schedules % VERIFY_EVERY == 0;
    outcome->schedules++;
    if (run_one(seed, verifies))
        return true;
    if (world_restore()) /* something was not put back before; so it may not have been its own fault */
        return true;
    explain(&outcome->failure, seed);
    return false;
}

static void
search_chance(enum strategy kind, const struct budget *budget, struct outcome *outcome)
{
    search.kind = kind;
    for (uint64_t i = 0; !is_over(budget, outcome); i++) {
        uint64_t seed = budget->seed * 1000003 + outcome->schedules;
        if (machine.scenario->operations && i % budget->per_script == 0) {
            draw_script(seed);
            outcome->scripts++;
        }
        search.changes = 2 + (unsigned)(i / 16 % 6); /* d - 1 */
        if (!try(outcome, seed))
            return;
    }
}

/* Exhausts bound after bound. */
static void
search_depth(const struct budget *budget, struct outcome *outcome, bool counts)
{
    search.kind = STRATEGY_DFS;
    for (search.bound = 0; search.bound <= budget->bound; search.bound++) {
        uint64_t begun = outcome->schedules;
        machine.planned = 0;
        machine.learned = false;
        do {
            if (is_over(budget, outcome))
                return;
            if (machine.learned) {
                machine.planned = 0;
                machine.learned = false;
                begun = outcome->schedules;
            }
            if (!try(outcome, budget->seed))
                return;
        } while (machine.learned || dfs_next() || world_restore());
        if (counts) {
            outcome->exhausted = (int)search.bound;
            outcome->exhausted_schedules = outcome->schedules - begun;
        }
    }
}

static void
search_depth_scripts(const struct budget *budget, struct outcome *outcome)
{
    struct budget one = *budget;
    for (uint64_t i = 0; !is_over(budget, outcome) && !outcome->failure.found; i++) {
        draw_script(budget->seed * 7919 + i);
        outcome->scripts++;
        one.schedules = outcome->schedules + 5000;
        if (budget->schedules && one.schedules > budget->schedules)
            one.schedules = budget->schedules;
        search_depth(&one, outcome, false);
    }
}

/* A quarter of what is asked for at the most, so that the strategies have the rest. */
static void
learn(const struct budget *budget, struct outcome *outcome)
{
    struct budget some = *budget;
    uint64_t quarter = budget->schedules / 4 + (budget->schedules % 4 != 0);
    some.schedules = budget->schedules && quarter < LEARN ? quarter : LEARN;
    search_chance(STRATEGY_RANDOM, &some, outcome);
}

void
search_run(enum strategy kind, const struct budget *budget, struct outcome *outcome)
{
    outcome->exhausted = -1;
    outcome->cpu_begun = cpu_seconds();
    struct budget now = *budget;
    now.until = outcome->cpu_begun + budget->seconds;
    learn(&now, outcome);
    if (!outcome->failure.found && (kind == STRATEGY_DFS || kind == STRATEGIES)) {
        struct budget half = now;
        if (kind == STRATEGIES) {
            half.schedules = now.schedules / 2 + now.schedules % 2; /* not 0, which is no limit */
            half.until = outcome->cpu_begun + budget->seconds / 2;
        }
        if (machine.scenario->operations)
            search_depth_scripts(&half, outcome);
        else
            search_depth(&half, outcome, true);
    }
    for (enum strategy chance = STRATEGY_RANDOM; chance <= STRATEGY_POS && !outcome->failure.found; chance++) {
        if (kind != chance && kind != STRATEGIES)
            continue;
        struct budget part = now;
        if (kind == STRATEGIES) { /* what is left, shared by those that are left */
            unsigned shares = STRATEGY_POS + 1 - chance;
            double left = now.until - cpu_seconds();
            if (now.schedules)
                part.schedules = outcome->schedules + (now.schedules - outcome->schedules) / shares;
            part.until = cpu_seconds() + left / shares;
        }
        search_chance(chance, &part, outcome);
    }
    outcome->cpu_seconds = cpu_seconds() - outcome->cpu_begun;
}

/* --- hashes --------------------------------------------------------------------------------------- */

uint64_t
search_hash(uint64_t seed)
{
    search.kind = STRATEGY_RANDOM;
    draw_script(seed);
    machine.recording = machine.hashing = true;
    run_one(seed, true);
    machine.recording = machine.hashing = false;
    return machine.hash;
}

/* --- a replay string's decisions -------------------------------------------------------------------- */

/* What is a point is learned first: stores to points alone are delayed (memory.c). */
bool
failure_replay(struct failure *failure)
{
    search.kind = STRATEGY_RANDOM;
    for (uint64_t seed = 0; seed < LEARN; seed++)
        run_one(seed, false);
    machine.notes = calloc(NOTES_MAX, sizeof *machine.notes);
    machine.recording = true;
    bool fails = replay_fails(failure->events, failure->event_count, "");
    failure->met = search.plan_met;
    machine.recording = false;
    snprintf(failure->verdict, sizeof failure->verdict, "%s", fails ? machine.verdict : "");
    return fails;
}
