/* explore.c - the command: runs scenarios under strategies and memory modes, and says what was found.
 *
 * Each scenario runs in a process of its own, because its world lies at fixed addresses. There are three programs of
 * this text: explore, whose files under test are instrumented at atomic accesses alone, for SC at speed; explore_full,
 * which sees plain accesses too, for races and the other memory modes, and has assertions on; and explore_bare, which
 * looks for races in what stands without assertions, as in production. Each hands over to the others what is not its
 * own.
 *
 * Exit status: 0 all is as expected; 1 a schedule failed; 2 usage; 3 a replay passed, but the sources do not know all
 * decisions of its string any more: it is not the schedule that the string names.
 */
#define _GNU_SOURCE
#include "tests/explore/search.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct explore_scenario *const explore_scenarios[]; /* null-terminated; made by the build */

static const char *const this_program = EXPLORE_IS_BARE ? "_bare" : EXPLORE_IS_FULL ? "_full" : "";
static const char *const strategy_names[] = {"dfs", "random", "pct", "pos", "replay", "all"};

static struct options {
    const char *scenario, *replay, *expects;
    unsigned hashes; /* seeds; 0: not asked for */
    enum strategy strategy;
    unsigned modes; /* bit per memory mode */
    bool races, bare, lists, points;
    double shared_seconds;
    struct budget budget;
} options = {
    .strategy = STRATEGIES,
    .modes = EXPLORE_SC,
    .budget = {.schedules = 100000, .seed = 1, .bound = 4, .per_script = 64},
};

/* What the children tell the parent. */
static struct totals {
    uint64_t schedules, scripts, failures, runs;
    uint64_t written_three, exhausted_three; /* written scenarios of three fibres: all, at bound 4 in SC */
    uint64_t exhausted;                      /* scenarios exhausted at the bound asked for */
    double cpu_seconds;
} *totals;

static int
usage(void)
{
    printf("usage: explore [--scenario NAME] [--strategy dfs|random|pct|pos|all] [--bound N]\n"
           "               [--mode sc|tso|pso|stale|all] [--race] [--bare]\n"
           "               [--schedules N] [--seconds S] [--share S] [--seed S] [--per-script N]\n"
           "               [--expects WORD] [--hashes N] [--points] [--replay STRING] [--list]\n"
           "NAME may end with *; several are separated by commas. Schedules and seconds are per scenario and\n"
           "mode; 0 is no limit; --share: seconds of all together. --race looks for data races (in SC and with\n"
           "stale reads), --bare in the code without assertions, as in production. --expects: each scenario\n"
           "must fail with a verdict of that word. --hashes: each of N seeds twice, with the same trace. --points:\n"
           "which words are scheduling points.\n");
    return 0;
}

/* Says what is wrong with the command. */
static bool __attribute__((format(printf, 1, 2)))
refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "explore: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    return false;
}

/* --- which ---------------------------------------------------------------------------------------- */

static bool
matches_one(const char *name, const char *pattern, size_t length)
{
    if (length && pattern[length - 1] == '*')
        return strncmp(name, pattern, length - 1) == 0;
    if (strlen(name) == length && strncmp(name, pattern, length) == 0)
        return true;
    return strncmp(name, pattern, length) == 0 && name[length] == '/';
}

static bool
matches(const char *name)
{
    const char *pattern = options.scenario;
    if (!pattern)
        return true;
    for (;;) {
        size_t length = strcspn(pattern, ",");
        if (matches_one(name, pattern, length))
            return true;
        if (!pattern[length])
            return false;
        pattern += length + 1;
    }
}

/* Each of the names that were given is some scenario's. */
static bool
all_are_known(void)
{
    const char *pattern = options.scenario;
    while (pattern) {
        size_t length = strcspn(pattern, ",");
        unsigned i = 0;
        while (explore_scenarios[i] && !matches_one(explore_scenarios[i]->name, pattern, length))
            i++;
        if (!explore_scenarios[i])
            return refuse("there is no scenario \"%.*s\"; --list says which there are", (int)length, pattern);
        pattern = pattern[length] ? pattern + length + 1 : NULL;
    }
    return true;
}

static void
list(void)
{
    for (unsigned i = 0; explore_scenarios[i]; i++) {
        const struct explore_scenario *s = explore_scenarios[i];
        if (matches(s->name))
            printf("%-36s %u fibres  %-9s %s\n", s->name, s->fibres, s->operations ? "generated" : "written",
                   s->covers ? s->covers : "");
    }
}

/* --- one scenario in one mode --------------------------------------------------------------------- */

static bool
set_up(const struct explore_scenario *scenario, enum memory_mode mode)
{
    machine.scenario = scenario;
    machine.mode = mode;
    machine.races = options.races && (mode == MODE_SC || mode == MODE_STALE);
    machine.self = OUTSIDE;
    machine.fibres = scenario->fibres;
    machine.clock_ns = 1000000000;
    world_open();
    fibre_open();
    if (setjmp(machine.outside) != 0) {
        printf("%-36s the setup fails: %s\n", scenario->name, machine.verdict);
        return false;
    }
    scenario->setup();
    world_freeze();
    return true;
}

static void
print_failure(const struct failure *failure)
{
    printf("  %s\n", failure->verdict);
    if (failure->note[0])
        printf("  (%s)\n", failure->note);
    printf("  found by %s, seed %llu\n  --replay '", strategy_names[failure->strategy],
           (unsigned long long)failure->seed);
    failure_print(failure, stdout);
    printf("'\n");
    report_steps(stdout);
}

static const char *
expected(const struct explore_scenario *scenario, enum memory_mode mode)
{
    if (options.expects)
        return options.expects;
    if (!scenario->expects)
        return NULL;
    if (scenario->expects_modes && !(scenario->expects_modes >> mode & 1))
        return NULL;
    if (strcmp(scenario->expects, "race") == 0 && !machine.races)
        return NULL;
    return scenario->expects;
}

/* One of the words, between commas; any for "any". */
static bool
begins_with_one(const char *verdict, const char *words)
{
    if (strcmp(words, "any") == 0)
        return true;
    for (;;) {
        size_t length = strcspn(words, ",");
        if (strncmp(verdict, words, length) == 0)
            return true;
        if (!words[length])
            return false;
        words += length + 1;
    }
}

static void
print_line(const struct outcome *outcome, const char *verdict)
{
    char exhausted[64] = "";
    if (outcome->exhausted >= 0)
        snprintf(exhausted, sizeof exhausted, "bound %d: %llu", outcome->exhausted,
                 (unsigned long long)outcome->exhausted_schedules);
    printf("%-36s %-6s%-5s %12llu %9.0f/s  %-20s %s\n", machine.scenario->name, mode_names[machine.mode],
           machine.races ? "+race" : "", (unsigned long long)outcome->schedules,
           outcome->cpu_seconds > 0 ? (double)outcome->schedules / outcome->cpu_seconds : 0.0, exhausted,
           verdict);
    fflush(stdout);
}

static int
explore_one(const struct explore_scenario *scenario, enum memory_mode mode)
{
    static struct outcome outcome;
    if (!set_up(scenario, mode))
        return 1;
    const char *expects = expected(scenario, mode);
    outcome.failure.raw = expects != NULL;
    search_run(options.strategy, &options.budget, &outcome);
    const struct failure *failure = &outcome.failure;
    bool fine = expects ? failure->found && begins_with_one(failure->verdict, expects) : !failure->found;
    print_line(&outcome, !fine ? "FAILS" : expects ? "fails, as it must" : "");
    if (!fine && failure->found)
        print_failure(failure);
    else if (!fine)
        printf("  must fail (%s), and did not\n", expects);
    if (options.points)
        world_print_points();
    fflush(stdout);
    totals->schedules += outcome.schedules;
    totals->scripts += outcome.scripts;
    totals->failures += !fine;
    totals->cpu_seconds += outcome.cpu_seconds;
    if (!scenario->operations && scenario->fibres == 3 && mode == MODE_SC && !expects) {
        totals->written_three++;
        totals->exhausted_three += outcome.exhausted >= 4;
    }
    totals->exhausted += outcome.exhausted >= (int)options.budget.bound;
    return !fine;
}

static int
in_a_child(int (*run)(const struct explore_scenario *, enum memory_mode),
           const struct explore_scenario *scenario, enum memory_mode mode)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("explore: no process");
        return 2;
    }
    if (child == 0) {
        int result = run(scenario, mode);
        fflush(stdout);
        _exit(result);
    }
    waitpid(child, &status, 0);
    totals->runs++;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    printf("%-36s the explorer itself ended with signal %d\n", scenario->name, WTERMSIG(status));
    return 2;
}

/* --- replay, hashes ------------------------------------------------------------------------------- */

static const char *replay_rest; /* of the string: script and decisions */

static int
replay_one(const struct explore_scenario *scenario, enum memory_mode mode)
{
    static struct failure failure;
    if (!set_up(scenario, mode))
        return 1;
    if (!failure_parse(&failure, replay_rest)) {
        refuse("cannot read \"%s\", script@decisions of a replay string of %s; a failure prints whole strings",
               replay_rest, scenario->name);
        return 2;
    }
    bool fails = failure_replay(&failure);
    printf("%s: %s\n", scenario->name, fails ? failure.verdict : "passes");
    if (failure.met < failure.event_count)
        printf("%u of %u decisions were met: this is not the schedule that the string names\n", failure.met,
               failure.event_count);
    report_steps(stdout);
    return fails ? 1 : failure.met < failure.event_count ? 3 : 0;
}

static int
hash_one(const struct explore_scenario *scenario, enum memory_mode mode)
{
    if (!set_up(scenario, mode))
        return 1;
    unsigned differ = 0, seeds = options.hashes;
    uint64_t *first = calloc(seeds, sizeof *first);
    if (!first) {
        refuse("there is no memory for %u hashes; ask for fewer with --hashes", seeds);
        return 2;
    }
    for (unsigned i = 0; i < seeds; i++) /* learned first: what is a point must not change on the way */
        search_hash(options.budget.seed + i);
    for (unsigned i = 0; i < seeds; i++)
        first[i] = search_hash(options.budget.seed + i);
    for (unsigned i = 0; i < seeds; i++)
        differ += search_hash(options.budget.seed + i) != first[i];
    printf("%-36s %-6s %u of %u seeds give the same trace twice\n", scenario->name, mode_names[mode],
           seeds - differ, seeds);
    return differ != 0;
}

/* Becomes another of the programs: "", "_full" or "_bare". */
static _Noreturn void
hand_over(char **arguments, const char *program)
{
    char other[512];
    ssize_t length = readlink("/proc/self/exe", other, sizeof other - 8);
    other[length > 0 ? length : 0] = 0;
    if (EXPLORE_IS_FULL)
        other[strlen(other) - strlen("_full")] = 0; /* _bare is as long */
    strcat(other, program);
    fflush(stdout);
    execv(other, arguments);
    perror(other);
    exit(2);
}

/* Whether the build is one that failures name, and knows the mode. */
static bool
build_is_known(const char *build, const char *mode)
{
    bool is_sc = strcmp(mode, "sc") == 0, is_stale = strcmp(mode, "stale") == 0;
    bool is_fast = strcmp(build, "fast") == 0, is_full = strcmp(build, "full") == 0;
    if (!is_fast && !is_full && strcmp(build, "race") != 0 && strcmp(build, "bare") != 0)
        return refuse("there is no build \"%s\"; fast, full, race or bare stands there in a replay string", build);
    if ((is_fast && !is_sc) || (!is_fast && !is_full && !is_sc && !is_stale))
        return refuse("the build %s does not run in mode %s; take the replay string as a failure printed it", build,
                      mode);
    return true;
}

static int
replay(char **arguments)
{
    char name[128], mode[16], build[16];
    int used = 0;
    if (sscanf(options.replay, "%127[^@]@%15[^@]@%15[^@]@%n", name, mode, build, &used) != 3 || !used) {
        refuse("\"%s\" is no replay string, scenario@mode@build@script@decisions; a failure prints whole ones",
               options.replay);
        return 2;
    }
    if (!build_is_known(build, mode))
        return 2;
    const char *program = strcmp(build, "fast") == 0 ? "" : strcmp(build, "bare") == 0 ? "_bare" : "_full";
    if (strcmp(program, this_program) != 0)
        hand_over(arguments, program);
    options.races = program[0] && strcmp(build, "full") != 0;
    replay_rest = options.replay + used;
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned i = 0; explore_scenarios[i]; i++)
            if (strcmp(mode_names[m], mode) == 0 && strcmp(explore_scenarios[i]->name, name) == 0)
                return in_a_child(replay_one, explore_scenarios[i], (enum memory_mode)m);
    refuse("there is no scenario %s, or no mode %s", name, mode);
    return 2;
}

/* --- all ------------------------------------------------------------------------------------------ */

static void
figure(const char *what, uint64_t number, const char *merge, const char *bar)
{
    const char *path = getenv("ORR_FIGURES");
    FILE *out = path ? fopen(path, "a") : NULL;
    if (!out)
        return;
    fprintf(out, "explore\t%s\t%llu\t%s\t%s\n", what, (unsigned long long)number, merge, bar);
    fclose(out);
}

static void
sum_up(void)
{
    printf("%llu schedules of %llu runs in %.1f s of processor time: %llu failures\n",
           (unsigned long long)totals->schedules, (unsigned long long)totals->runs, totals->cpu_seconds,
           (unsigned long long)totals->failures);
    figure("schedules", totals->schedules, "sum", ">= 100000000");
    figure("scripts", totals->scripts, "sum", "-");
    figure("violations", totals->failures, "sum", "== 0");
    if (totals->written_three && options.budget.bound >= 4) {
        figure("written scenarios of three fibres", totals->written_three, "max", "-");
        figure("of those, not exhausted at bound 4", totals->written_three - totals->exhausted_three, "min", "== 0");
    }
}

/* The seconds that all runs have together, for each. */
static void
share_seconds(void)
{
    unsigned runs = 0;
    for (unsigned i = 0; explore_scenarios[i]; i++)
        for (unsigned m = 0; m < MODES; m++)
            runs += (options.modes >> m & 1) && matches(explore_scenarios[i]->name) &&
                    !(explore_scenarios[i]->skips_modes >> m & 1);
    if (options.shared_seconds > 0 && runs > 0)
        options.budget.seconds = options.shared_seconds / runs;
}

static int
run_all(void)
{
    int worst = 0;
    share_seconds();
    for (unsigned i = 0; explore_scenarios[i]; i++)
        for (unsigned m = 0; m < MODES; m++) {
            const struct explore_scenario *scenario = explore_scenarios[i];
            if (!(options.modes >> m & 1) || !matches(scenario->name) || (scenario->skips_modes >> m & 1))
                continue;
            int status = in_a_child(options.hashes ? hash_one : explore_one, scenario, (enum memory_mode)m);
            if (status > worst)
                worst = status;
        }
    if (totals->runs == 0) {
        refuse("no scenario that was asked for runs in this mode");
        return 2;
    }
    if (!options.hashes)
        sum_up();
    return worst;
}

/* --- the command's words --------------------------------------------------------------------------- */

static bool
parse_mode(const char *name)
{
    if (strcmp(name, "all") == 0) {
        options.modes = (1u << MODES) - 1;
        return true;
    }
    for (unsigned m = 0; m < MODES; m++)
        if (strcmp(mode_names[m], name) == 0) {
            options.modes = 1u << m;
            return true;
        }
    return refuse("there is no mode \"%s\"; sc, tso, pso, stale or all comes after --mode", name);
}

static bool
parse_strategy(const char *name)
{
    for (unsigned i = 0; i < sizeof strategy_names / sizeof *strategy_names; i++)
        if (i != STRATEGY_REPLAY && strcmp(strategy_names[i], name) == 0) {
            options.strategy = i > STRATEGY_REPLAY ? STRATEGIES : (enum strategy)i;
            return true;
        }
    return refuse("there is no strategy \"%s\"; dfs, random, pct, pos or all comes after --strategy", name);
}

/* A whole number from least to most. */
static bool
number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    uint64_t read = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end)
        return refuse("cannot read \"%s\" after %s; a whole number is wanted", text, option);
    if (errno == ERANGE || read < least || read > most)
        return refuse("%s after %s is out of range; it goes from %llu to %llu", text, option,
                      (unsigned long long)least, (unsigned long long)most);
    *value = read;
    return true;
}

static bool
small_number(const char *option, const char *text, unsigned least, unsigned most, unsigned *value)
{
    uint64_t read;
    if (!number(option, text, least, most, &read))
        return false;
    *value = (unsigned)read;
    return true;
}

/* Seconds, not below zero. */
static bool
real(const char *option, const char *text, double *value)
{
    char *end;
    double read = strtod(text, &end);
    if (text[0] < '0' || text[0] > '9' || *end || !isfinite(read))
        return refuse("cannot read \"%s\" after %s; a number of seconds is wanted, 0 or more", text, option);
    *value = read;
    return true;
}

/* One option and what comes after it. */
static bool
take(int letter, const char *text)
{
    switch (letter) {
    case 's': options.scenario = text; return true;
    case 't': return parse_strategy(text);
    case 'b': return small_number("--bound", text, 0, UINT8_MAX, &options.budget.bound);
    case 'm': return parse_mode(text);
    case 'r': return options.races = true;
    case 'B': return options.races = options.bare = true;
    case 'n': return number("--schedules", text, 0, UINT64_MAX, &options.budget.schedules);
    case 'c': return real("--seconds", text, &options.budget.seconds);
    case 'e': return number("--seed", text, 0, UINT64_MAX, &options.budget.seed);
    case 'p': options.replay = text; return true;
    case 'l': return options.lists = true;
    case 'a': return real("--share", text, &options.shared_seconds);
    case 'x': options.expects = text; return true;
    case 'o': return options.points = true;
    case 'h': return small_number("--hashes", text, 1, 1u << 24, &options.hashes);
    case 'q': return small_number("--per-script", text, 1, UINT32_MAX, &options.budget.per_script);
    default: return false;
    }
}

static bool
parse(int count, char **arguments)
{
    static const struct option longs[] = {
        {"scenario", required_argument, NULL, 's'},   {"strategy", required_argument, NULL, 't'},
        {"bound", required_argument, NULL, 'b'},      {"mode", required_argument, NULL, 'm'},
        {"race", no_argument, NULL, 'r'},             {"schedules", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 'c'},    {"seed", required_argument, NULL, 'e'},
        {"replay", required_argument, NULL, 'p'},     {"list", no_argument, NULL, 'l'},
        {"expects", required_argument, NULL, 'x'},    {"share", required_argument, NULL, 'a'},
        {"points", no_argument, NULL, 'o'},           {"hashes", required_argument, NULL, 'h'},
        {"per-script", required_argument, NULL, 'q'}, {"bare", no_argument, NULL, 'B'},
        {NULL, 0, NULL, 0},
    };
    bool schedules_given = false, seconds_given = false;
    for (;;) {
        int at = optind, letter = getopt_long(count, arguments, "+:", longs, NULL);
        if (letter == -1)
            break;
        if (letter == ':')
            return refuse("something is wanted after %s; --help says what", arguments[at]);
        if (letter == '?')
            return refuse("cannot take \"%s\"; --help says which options there are", arguments[at]);
        if (!take(letter, optarg))
            return false;
        schedules_given |= letter == 'n';
        seconds_given |= letter == 'c';
    }
    if (seconds_given && !schedules_given)
        options.budget.schedules = 0;
    if (optind < count)
        return refuse("\"%s\" belongs to no option; --help says which there are", arguments[optind]);
    if (options.bare && (options.modes & (EXPLORE_TSO | EXPLORE_PSO)))
        return refuse("--bare looks for races, and races are looked for in --mode sc and --mode stale alone");
    return all_are_known();
}

/* What is the full program's: everything but SC without races. Its status, after it has run in a child. */
static int
run_the_rest(char **arguments)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("explore: no process");
        return 2;
    }
    if (child == 0) {
        setenv("EXPLORE_REST", "1", 1);
        hand_over(arguments, "_full");
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int
main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--help") == 0)
        return usage();
    if (!parse(count, arguments))
        return 2;
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (options.lists) {
        list();
        return 0;
    }
    if (options.replay)
        return replay(arguments);
    const char *program = options.bare ? "_bare" : options.races || EXPLORE_IS_FULL ? "_full" : "";
    if (strcmp(program, this_program) != 0)
        hand_over(arguments, program);
    if (EXPLORE_IS_FULL) {
        if (getenv("EXPLORE_REST"))
            options.modes &= ~1u;
        return run_all();
    }
    unsigned rest = options.modes & ~1u;
    int status = 0;
    options.modes &= 1u;
    if (options.modes)
        status = run_all();
    if (rest) {
        int other = run_the_rest(arguments);
        status = other > status ? other : status;
    }
    return status;
}
