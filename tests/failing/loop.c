/* loop.c - runs each scenario once for each request for memory that it makes, with that one refused, and again with
 * that one and all later ones refused.
 *
 * A pair and a scenario are a process: a crash and a hang are found by the parent, and told like everything else
 * with what repeats it. Each point, in order:
 *   the scenario, with the failure: what it is told is documented (stage.h), or its digest is the right one
 *   with failures off: the verifier finds the heap sound; then the same scenario again, on the same heap, succeeds
 *   with the digest of a run without failures
 *   everything dies; the books say so; the heap is destroyed, and no block or range is left
 * The points of a scenario end where a persistent failure is not met any more. Where the collector has threads of
 * its own, each of their starts fails likewise.
 *
 *   failing_<variant> [--all] [--short] [--only SCENARIO | --planted] [--pair COLLECTOR/KIND]
 *                     [--point N [--once | --on | --start-once | --starts-on]] [--sites FILE]
 *
 * Ends with 0; 1 where something was complained of; 2 usage, and where what was asked for leaves no point to play. The
 * last line of what is played is "points N failures N".
 */
#include "tests/failing/stage.h"

#include "tests/failing/watch.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POINT_SECONDS = 60, /* after which a point hangs */
    POINTS_MOST = 20000,
    COMPLAINED = 9
};

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define VARIANT (ORR_ROOTED ? TEXT(ORR_RC) "_rooted" : TEXT(ORR_RC))

/* What fails. */
enum mode { ONCE, FROM_THEN_ON, START_ONCE, STARTS_FROM_THEN_ON };
static const char *const mode_options[] = {"--once", "--on", "--start-once", "--starts-on"};

/* Where a process is; its parent reads it when it has ended. */
struct progress {
    uint64_t n, points;
    enum mode mode;
    const char *scenario;
};

static struct progress *progress;

static struct {
    bool all, is_short, planted;
    const char *only, *pair, *sites;
    uint64_t point; /* 0: all */
    int mode;       /* -1: both */
} options = {.mode = -1};

static void
tell_where(FILE *file)
{
    fprintf(file, "failing: %s: failing_%s %s%s --pair %s --point %lu %s\n", stage.name, VARIANT,
            options.planted ? "--" : "--only ", progress->scenario, stage.name,
            (unsigned long)progress->n, mode_options[progress->mode]);
}

void
complain(const char *format, ...)
{
    va_list arguments;
    orr_fail_allocation(0, false);
    tell_where(stderr);
    va_start(arguments, format);
    fputs("  ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(COMPLAINED);
}

/* --- one point -------------------------------------------------------------------------------------- */

static void
play(const struct scenario *scenario)
{
    stage_begin();
    scenario->play();
}

/* Claims that were given up are the one thing that may leave garbage behind: the next decrement tries again, and
 * garbage gets none. */
static bool
has_lost_candidates(void)
{
    struct orr_heap_totals totals;
    orr_heap_totals(stage.heap, &totals);
    return totals.candidates_lost != 0;
}

static void
verify(const char *when, bool exact)
{
    struct orr_error error = {.message = ""};
    if (!stage.options.kind->is_walkable)
        return;
    orr_world_stop(stage.heap, stage.thread);
    bool sound =
        (exact ? orr_heap_verify_exact : orr_heap_verify)(stage.heap, stage.thread, &error);
    orr_world_resume(stage.heap);
    if (!sound)
        complain("%s: %s", when, error.message);
}

static void
settle(const struct scenario *scenario)
{
    orr_settle(stage.thread);
    const bool leaks_cycles = !stage_collects() || has_lost_candidates();
    if (stage_live() != 0 && !leaks_cycles)
        complain("%lu objects are left of %s", (unsigned long)stage_live(), scenario->name);
    if (stage_live() != 0 && !(scenario->flags & CYCLES) && stage.options.rc->counts)
        complain("%lu objects are left of %s, which makes no cycles", (unsigned long)stage_live(),
                 scenario->name);
}

static void
open_for(const struct scenario *scenario)
{
    if (!(scenario->flags & OWN_HEAP))
        stage_open();
}

static void
close_for(const struct scenario *scenario)
{
    if (scenario->flags & OWN_HEAP)
        return;
    settle(scenario);
    verify("at the end", true);
    stage_close();
}

/* The digest of a run without failures. */
static uint64_t
play_undisturbed(const struct scenario *scenario, const char *when)
{
    play(scenario);
    if (orr_load_relaxed(&stage.refused))
        complain("%s: refused without a failure", when);
    return stage.digest;
}

static void
inject(enum mode mode, uint64_t n)
{
    if (mode == ONCE || mode == FROM_THEN_ON)
        orr_fail_allocation(n, mode == FROM_THEN_ON);
    else
        orr_fail_thread_start(n, mode == STARTS_FROM_THEN_ON);
}

static void
inject_nothing(void)
{
    orr_fail_allocation(0, false);
    orr_fail_thread_start(0, false);
}

/* True: the failure was met. */
static bool
play_point(const struct scenario *scenario, uint64_t n, enum mode mode, uint64_t digest)
{
    const uint64_t blocks = watch_blocks(), requests = watch_requests();
    const uint64_t refusals = watch_refusals();
    progress->n = n;
    progress->mode = mode;
    alarm(POINT_SECONDS);
    open_for(scenario);
    inject(mode, n);
    play(scenario);
    inject_nothing();
    const bool is_met = watch_refusals() != refusals;
    progress->points += is_met;
    if (!(scenario->flags & OWN_HEAP)) {
        const bool has_lost = has_lost_candidates();
        if (!orr_load_relaxed(&stage.refused) && !stage.soft && !has_lost && stage.digest != digest)
            complain("something was different, and nobody was told");
        verify("after the failure", false);
        settle(scenario);
        if (stage_live() != 0) { /* lost for ever: another heap */
            stage_close();
            stage_open();
        }
    }
    if (play_undisturbed(scenario, "again") != digest)
        complain("again: something was different");
    close_for(scenario);
    if (watch_blocks() != blocks && !(scenario->flags & FRESH)) {
        watch_print_since(requests, stderr);
        complain("%ld blocks are left", (long)(watch_blocks() - blocks));
    }
    return is_met;
}

/* --- processes -------------------------------------------------------------------------------------- */

struct job {
    const struct scenario *scenario;
    uint64_t n; /* 0: all points */
    enum mode mode;
    uint64_t digest;
};

/* 0: done; otherwise the process ended badly, and it has been said. */
static int
in_process(void (*body)(struct job *), struct job *job)
{
    int status;
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        body(job);
        exit(0);
    }
    if (waitpid(child, &status, 0) != child) {
        perror("waitpid");
        exit(2);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != COMPLAINED) {
        tell_where(stderr);
        if (WIFSIGNALED(status))
            fprintf(stderr, "  %s\n",
                    WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
        else
            fprintf(stderr, "  it ended with status %d\n", WEXITSTATUS(status));
    }
    return 1;
}

static uint64_t
find_digest(const struct scenario *scenario)
{
    progress->n = 0;
    alarm(POINT_SECONDS);
    open_for(scenario);
    const uint64_t digest = play_undisturbed(scenario, "at first");
    if (!(scenario->flags & OWN_HEAP))
        settle(scenario);
    if (play_undisturbed(scenario, "a second time") != digest)
        complain("the digest is not the same each time");
    close_for(scenario);
    return digest;
}

static void
play_modes(const struct scenario *scenario, enum mode once, enum mode persistent, uint64_t digest)
{
    for (uint64_t n = 1; n < POINTS_MOST; n++) {
        if (!play_point(scenario, n, persistent, digest))
            return;
        play_point(scenario, n, once, digest);
    }
    complain("%d points, and no end", POINTS_MOST);
}

/* Of one point alone. */
static bool
is_wanted(enum mode mode)
{
    return options.mode == (int)mode || (options.mode < 0 && mode <= FROM_THEN_ON);
}

static void
play_all(struct job *job)
{
    const struct scenario *scenario = job->scenario;
    const uint64_t digest = find_digest(scenario);
    if (options.point) {
        for (enum mode mode = ONCE; mode <= STARTS_FROM_THEN_ON; mode++)
            if (is_wanted(mode))
                play_point(scenario, options.point, mode, digest);
        return;
    }
    play_modes(scenario, ONCE, FROM_THEN_ON, digest);
    if (scenario->flags & WORKERS)
        play_modes(scenario, START_ONCE, STARTS_FROM_THEN_ON, digest);
}

static void
learn_digest(struct job *job)
{
    *(uint64_t *)(progress + 1) = find_digest(job->scenario);
}

static void
play_one(struct job *job)
{
    play_point(job->scenario, job->n, job->mode, job->digest);
}

/* Each point in a process of its own; without a warm-up, which would do what is done once. */
static int
play_fresh(struct job *job)
{
    int failures = in_process(learn_digest, job);
    job->digest = *(uint64_t *)(progress + 1);
    if (options.point) {
        job->n = options.point;
        for (job->mode = ONCE; job->mode <= STARTS_FROM_THEN_ON; job->mode++)
            if (!failures && is_wanted(job->mode))
                failures += in_process(play_one, job);
        return failures;
    }
    for (job->n = 1; !failures && job->n < POINTS_MOST; job->n++) {
        const uint64_t points = progress->points;
        job->mode = FROM_THEN_ON;
        failures += in_process(play_one, job);
        if (progress->points == points)
            break;
        job->mode = ONCE;
        failures += in_process(play_one, job);
    }
    return failures;
}

static int
play_scenario(const struct scenario *scenario)
{
    struct job job = {.scenario = scenario};
    progress->scenario = scenario->name;
    return scenario->flags & FRESH ? play_fresh(&job) : in_process(play_all, &job);
}

/* --- pairs ------------------------------------------------------------------------------------------ */

static bool
fits(const struct scenario *scenario, const struct orr_collector *collector,
     const struct orr_heap_kind *kind)
{
    const struct orr_rc *rc = &PASTE(orr_rc_, ORR_RC);
    if (!orr_pair_applies(rc, collector, kind, scenario->threads, NULL) ||
        ((collector->needs & ORR_NEEDS_ROOTS) && !ORR_ROOTED))
        return false;
    return (!(scenario->flags & CYCLES) || collector->completeness) &&
           (!(scenario->flags & WALKS) || kind->is_walkable) &&
           (!(scenario->flags & BLOCKS) || kind == &orr_heap_blocks) &&
           (!(scenario->flags & COUNTS) || rc->counts);
}

static int
play_pair(const struct scenario *scenario, const struct orr_collector *collector,
          const struct orr_heap_kind *kind)
{
    snprintf(stage.name, sizeof stage.name, "%s/%s", collector->name, kind->name);
    if (options.pair && strcmp(options.pair, stage.name) != 0)
        return 0;
    struct orr_heap_options heap_options = {.rc = &PASTE(orr_rc_, ORR_RC),
                                            .collector = collector,
                                            .kind = kind,
                                            .trigger = {.kind = ORR_TRIGGER_manual},
                                            .ledger = true};
    if (scenario->prepare)
        scenario->prepare(&heap_options);
    stage_prepare(&heap_options);
    return play_scenario(scenario);
}

/* Every kind; or one for each collector, another for each scenario. */
static int
play_pairs(const struct scenario *scenario, uint32_t number)
{
    int failures = 0;
    uint32_t kinds = 0;
    while (orr_heap_kinds[kinds])
        kinds++;
    for (uint32_t c = 0; orr_collectors[c]; c++)
        for (uint32_t k = 0; k < kinds; k++) {
            const struct orr_heap_kind *kind = orr_heap_kinds[(k + c + number) % kinds];
            if (!fits(scenario, orr_collectors[c], kind))
                continue;
            failures += play_pair(scenario, orr_collectors[c], kind);
            if (options.all || options.pair)
                continue;
            if (scenario->flags & WAITS)
                return failures;
            break;
        }
    return failures;
}

static const struct scenario planted = {.name = "planted", .play = play_planted, .threads = 1};

static int
play_everything(void)
{
    int failures = 0;
    if (options.planted)
        return play_pairs(&planted, 0);
    for (uint32_t i = 0; scenarios[i].name; i++) {
        if ((options.only && strcmp(options.only, scenarios[i].name) != 0) ||
            (options.is_short && !(scenarios[i].flags & SHORT)))
            continue;
        const uint64_t points = progress->points;
        failures += play_pairs(&scenarios[i], i);
        printf("%s %s: %lu points\n", VARIANT, scenarios[i].name,
               (unsigned long)(progress->points - points));
    }
    return failures;
}

/* --- the program ------------------------------------------------------------------------------------ */

static _Noreturn void
refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "failing_%s: ", VARIANT);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static void
check_scenario(const char *name)
{
    for (uint32_t i = 0; scenarios[i].name; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return;
    refuse("there is no scenario \"%s\"; tests/failing/stage.c lists them", name);
}

static void
check_pair(const char *name)
{
    char pair[sizeof stage.name];
    for (uint32_t c = 0; orr_collectors[c]; c++)
        for (uint32_t k = 0; orr_heap_kinds[k]; k++) {
            snprintf(pair, sizeof pair, "%s/%s", orr_collectors[c]->name, orr_heap_kinds[k]->name);
            if (strcmp(pair, name) == 0)
                return;
        }
    refuse("there is no pair \"%s\"; one is a collector and a heap kind, like trial/blocks", name);
}

static uint64_t
read_point(const char *text)
{
    char *end;
    errno = 0;
    const uint64_t point = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || point == 0)
        refuse("--point wants a number from 1 on, not \"%s\"", text);
    return point;
}

static bool
take_switch(const char *name)
{
    for (int mode = ONCE; mode <= STARTS_FROM_THEN_ON; mode++)
        if (strcmp(name, mode_options[mode]) == 0) {
            options.mode = mode;
            return true;
        }
    bool *const wanted = strcmp(name, "--all") == 0       ? &options.all
                         : strcmp(name, "--short") == 0   ? &options.is_short
                         : strcmp(name, "--planted") == 0 ? &options.planted
                                                          : NULL;
    if (wanted)
        *wanted = true;
    return wanted != NULL;
}

static void
read_options(int count, char **arguments)
{
    const char *point = NULL;
    for (int i = 1; i < count; i++) {
        const char *const name = arguments[i];
        if (take_switch(name))
            continue;
        const char **const place = strcmp(name, "--only") == 0    ? &options.only
                                   : strcmp(name, "--pair") == 0  ? &options.pair
                                   : strcmp(name, "--sites") == 0 ? &options.sites
                                   : strcmp(name, "--point") == 0 ? &point
                                                                  : NULL;
        if (!place)
            refuse("unknown option \"%s\"; the opening of tests/failing/loop.c lists them", name);
        if (i + 1 == count || strncmp(arguments[i + 1], "--", 2) == 0)
            refuse("%s wants a value behind it", name);
        *place = arguments[++i];
    }
    if (options.only)
        check_scenario(options.only);
    if (options.pair)
        check_pair(options.pair);
    if (point)
        options.point = read_point(point);
    if (options.planted && options.only)
        refuse("--planted is a scenario of its own, and --only asks for another");
    if (options.mode >= 0 && !options.point)
        refuse("%s says how a point fails, and wants --point", mode_options[options.mode]);
}

/* Opened before anything is played. */
static FILE *
open_sites(void)
{
    FILE *const file = options.sites ? fopen(options.sites, "w") : NULL;
    if (options.sites && !file)
        refuse("cannot write %s: %s", options.sites, strerror(errno));
    return file;
}

static void
write_sites(FILE *file)
{
    watch_write_sites(file);
    const bool is_whole = !ferror(file);
    if (fclose(file) != 0 || !is_whole)
        refuse("cannot write %s: %s", options.sites, strerror(errno));
}

int
main(int count, char **arguments)
{
    read_options(count, arguments);
    FILE *const sites = open_sites();
    watch_open();
    progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        refuse("no memory for what its processes share: %s", strerror(errno));
    orr_buffers_tiny(true);
    const int failures = play_everything();
    printf("points %lu failures %d\n", (unsigned long)progress->points, failures);
    fflush(stdout);
    if (sites)
        write_sites(sites);
    if (failures == 0 && progress->points == 0 && (options.only || options.pair || options.point))
        refuse("no point was played: --only, --pair and --point leave none");
    return failures != 0;
}
