/* random.c - the command: plays random programs, and when one fails, makes it small and prints it as C.
 *
 *   random_<variant> [--programs N] [--seconds S] [--seed S] [--ops N] [--threads T] [--collector NAME] [--heap NAME]
 *                    [--differential] [--replay SEED] [--plant N] [--expect-at-most N] [--shrink-seconds S]
 *                    [--print FILE] [--alone]
 *
 * Programs run in a worker process, one after the other, so that a crash or a hang is a failure like others. With
 * --differential each program is played under every pair that this command was linked with (random_pairs: all), and
 * those that promise to free cycles must agree on the digest, and so must those that do not.
 *
 * With --alone there is no worker: for ThreadSanitizer, which does not know jemalloc's locks again after a fork. A
 * failure then ends the command, and the line to replay it is all there is.
 *
 * Figures go to the file named by ORR_FIGURES: programs by collector, failures, differential programs.
 *
 * Exit status: 0 all went well; 1 a program failed; 2 usage. With --expect-at-most N, for tests of the machine itself:
 * 0 when a program failed and was made so small, else 1.
 */
#include "collectors/catalogue.h"
#include "runtime/heap.h"
#include "runtime/platform.h"
#include "tests/random/shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM_SECONDS = 30, COLLECTORS_MOST = 16, AGAIN = 10 };

static struct {
    uint64_t programs, seed, ops, threads, plant, replay, at_most;
    double seconds, shrink_seconds;
    const char *collector, *heap, *print;
    bool is_differential, replays, expects, is_alone;
} wish = {.programs = UINT64_MAX, .ops = 100, .seconds = 5, .shrink_seconds = 60};

/* What the worker tells: written by it, read when it has ended. */
static struct progress {
    uint64_t programs[COLLECTORS_MOST], all, ops;
    uint64_t seed; /* of the program that is played */
    uint8_t threads, heap, collector, performer;
    bool is_done;
} *progress;

/* --- under every pair --------------------------------------------------------------------------------- */

static _Noreturn void
disagree(const char *one, const char *other)
{
    fprintf(stderr, "random: %s and %s disagree\n", one, other);
    _Exit(1);
}

/* Names and digests of the first pair that promises to free cycles, and of the first that does not. */
struct verdict {
    char name[60];
    uint64_t digest;
};

static void
agree(struct verdict *verdict, const struct performer *performer, const struct program *program, uint64_t digest)
{
    char name[sizeof verdict->name];
    snprintf(name, sizeof name, "%s with %s", performer->name, orr_collectors[program->collector]->name);
    if (!verdict->name[0]) {
        memcpy(verdict->name, name, sizeof name);
        verdict->digest = digest;
    } else if (verdict->digest != digest)
        disagree(verdict->name, name);
}

static uint64_t
play_all(struct program *program)
{
    struct verdict verdicts[2] = {{.digest = 0}};
    struct orr_error error;
    for (unsigned i = 0; performers[i]; i++)
        for (unsigned k = 0; orr_collectors[k]; k++) {
            program->collector = (uint8_t)k;
            if (!performers[i]->applies(program, &error))
                continue;
            const uint64_t digest = performers[i]->play(program);
            agree(&verdicts[orr_collectors[k]->completeness != 0], performers[i], program, digest);
        }
    program->collector = 0;
    return verdicts[1].digest;
}

static bool
applies_anywhere(const struct program *program, struct orr_error *error)
{
    (void)program;
    (void)error;
    return true;
}

static const struct performer all_pairs = {.name = "pairs", .applies = applies_anywhere, .play = play_all};

/* --- choosing ----------------------------------------------------------------------------------------- */

static uint8_t
collector_named(const char *name)
{
    for (unsigned i = 0; orr_collectors[i]; i++)
        if (strcmp(orr_collectors[i]->name, name) == 0)
            return (uint8_t)i;
    fprintf(stderr, "random: there is no collector %s\n", name);
    exit(2);
}

static uint8_t
heap_named(const char *name)
{
    for (unsigned i = 0; orr_heap_kinds[i]; i++)
        if (strcmp(orr_heap_kinds[i]->name, name) == 0)
            return (uint8_t)i;
    fprintf(stderr, "random: there is no heap %s\n", name);
    exit(2);
}

/* Mostly our own and the one that sanitizers see into. */
static uint8_t
any_heap(uint64_t seed)
{
    static const char *const names[] = {"blocks", "libc", "blocks", "libc", "blocks", "libc", "jemalloc", "mimalloc"};
    return heap_named(wish.heap ? wish.heap : names[program_draw(&seed) % 8]);
}

static void
generate(struct program *program)
{
    const struct wish what = {
        .ops = (uint32_t)wish.ops, .threads = progress->threads, .is_timeless = wish.is_differential};
    program_generate(program, progress->seed, &what);
    program->heap = progress->heap;
    program->collector = progress->collector;
    program->plant = (uint8_t)wish.plant;
}

/* Settles what goes with what; false: this performer and collector never do. */
static bool
choose(const struct performer *performer, struct program *program)
{
    struct orr_error error;
    progress->threads = (uint8_t)(wish.threads ? wish.threads : wish.is_differential);
    progress->heap = any_heap(progress->seed);
    for (unsigned attempt = 0; attempt < 3; attempt++) {
        generate(program);
        if (performer->applies(program, &error))
            return true;
        if (attempt == 0)
            progress->heap = heap_named("libc");
        if (attempt == 1) {
            progress->heap = heap_named("blocks");
            progress->threads = (uint8_t)(wish.threads ? wish.threads : 1);
        }
    }
    return false;
}

/* --- the worker ---------------------------------------------------------------------------------------- */

static void
play_next(const struct performer *performer, unsigned collector, uint64_t number)
{
    static struct program program;
    progress->seed = wish.replays ? wish.replay : (wish.seed + number) * 0x9e3779b97f4a7c15u >> 16;
    progress->collector = (uint8_t)collector;
    if (!choose(performer, &program))
        return;
    alarm(PROGRAM_SECONDS);
    performer->play(&program);
    progress->programs[collector]++;
    progress->all++;
    progress->ops += program.ops;
}

static void
work(void)
{
    const uint64_t deadline_ns = orr_clock_ns() + (uint64_t)(wish.seconds * 1e9);
    for (uint64_t number = 0; progress->all < wish.programs && orr_clock_ns() < deadline_ns; number++) {
        if (wish.is_differential) {
            play_next(&all_pairs, 0, number);
            continue;
        }
        for (unsigned i = 0; performers[i]; i++)
            for (unsigned k = 0; orr_collectors[k] && progress->all < wish.programs; k++) {
                progress->performer = (uint8_t)i;
                if (!wish.collector || k == collector_named(wish.collector))
                    play_next(performers[i], k, number);
            }
    }
    progress->is_done = true;
}

/* --- failures ------------------------------------------------------------------------------------------ */

static const struct performer *
performer_at(unsigned i)
{
    return wish.is_differential ? &all_pairs : performers[i];
}

static void
print_command(const char *command, FILE *file)
{
    fprintf(file, "%s --replay %" PRIu64 " --ops %" PRIu64 " --heap %s", command, progress->seed, wish.ops,
            orr_heap_kinds[progress->heap]->name);
    if (wish.is_differential)
        fputs(" --differential", file);
    else
        fprintf(file, " --collector %s", orr_collectors[progress->collector]->name);
    if (progress->threads)
        fprintf(file, " --threads %u", progress->threads);
    if (wish.plant)
        fprintf(file, " --plant %" PRIu64, wish.plant);
    fputc('\n', file);
}

static int
report_failure(const char *command)
{
    static struct program program;
    static char why[WHY_BYTES], comment[2 * WHY_BYTES];
    const struct performer *const performer = performer_at(progress->performer);
    bool fails = false;
    generate(&program);
    for (unsigned i = 0; i < AGAIN && !fails; i++) {
        struct program trial = program;
        fails = trial_fails(performer, &trial, trial.is_free ? 2 * AGAIN : 1, why);
    }
    fputs("random: a program has failed; again by\n  ", stderr);
    print_command(command, stderr);
    if (!fails) {
        fprintf(stderr, "random: but it does not fail again\n");
        return 1;
    }
    fprintf(stderr, "random: %s\n", why);
    shrink(performer, &program, wish.shrink_seconds, why);
    const struct performer *const plain = performers[wish.is_differential ? 0 : progress->performer];
    FILE *const file = wish.print ? fopen(wish.print, "w") : stdout;
    if (!file) {
        perror(wish.print);
        return 1;
    }
    snprintf(comment, sizeof comment, "Seed %" PRIu64 ", %s: %s", program.seed, performer->name, why);
    program_print(&program, plain->strategy, plain->rooted, comment, file);
    if (wish.print)
        fclose(file);
    fprintf(stderr, "random: made small: %" PRIu32 " operations, %u threads: %s\n", program.ops, program.threads, why);
    if (wish.expects)
        return program.ops > wish.at_most;
    return 1;
}

static int
replay(const char *command)
{
    struct program *const program = calloc(1, sizeof *program);
    static char why[WHY_BYTES];
    progress->seed = wish.replay;
    progress->collector = wish.collector ? collector_named(wish.collector) : 0;
    progress->threads = (uint8_t)wish.threads;
    progress->heap = any_heap(progress->seed);
    generate(program);
    if (!trial_fails(performer_at(0), program, program->is_free ? 10 * AGAIN : 1, why)) {
        fprintf(stderr, "random: %u operations, %u threads: all is well\n", program->ops, program->threads);
        free(program);
        return 0;
    }
    free(program);
    return report_failure(command);
}

/* --- figures ------------------------------------------------------------------------------------------- */

static void
add_figures(bool failed)
{
    const char *const name = getenv("ORR_FIGURES");
    FILE *const file = name ? fopen(name, "a") : NULL;
    if (!file)
        return;
    if (wish.is_differential)
        fprintf(file, "random\tdifferential programs\t%" PRIu64 "\tsum\t>= 10000\n", progress->all);
    for (unsigned i = 0; orr_collectors[i] && !wish.is_differential; i++)
        fprintf(file, "random\tprograms, %s\t%" PRIu64 "\tsum\t>= 100000\n", orr_collectors[i]->name,
                progress->programs[i]);
    fprintf(file, "random\tprograms\t%" PRIu64 "\tsum\t-\n", progress->all);
    fprintf(file, "random\tfailures\t%d\tsum\t== 0\n", failed);
    fclose(file);
}

static void
tell_speed(const char *command, const struct rusage *usage)
{
    const double user = (double)usage->ru_utime.tv_sec + (double)usage->ru_utime.tv_usec / 1e6;
    const double system = (double)usage->ru_stime.tv_sec + (double)usage->ru_stime.tv_usec / 1e6;
    fprintf(stderr,
            "%s --seed %" PRIu64 ": %" PRIu64 " programs, %" PRIu64 " operations; %.1f s of user time, %.1f s of "
            "system time: %.0f programs a second\n",
            command, wish.seed, progress->all, progress->ops, user, system, (double)progress->all / (user + system));
}

static const char *alone_command;

static void
tell_last(void)
{
    if (progress->is_done)
        return;
    fputs("random: the last program was\n  ", stderr);
    print_command(alone_command, stderr);
}

/* Of the sanitizers' library; called before it ends the process. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static int
run_alone(const char *command)
{
    struct rusage usage;
    alone_command = command;
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(tell_last);
    work();
    getrusage(RUSAGE_SELF, &usage);
    add_figures(false);
    tell_speed(command, &usage);
    return progress->all == 0;
}

static int
run(const char *command)
{
    struct rusage usage;
    int status;
    fflush(NULL);
    const pid_t worker = fork();
    if (worker == 0) {
        work();
        exit(0);
    }
    if (worker < 0 || wait4(worker, &status, 0, &usage) < 0) {
        perror("random");
        return 1;
    }
    const bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !progress->is_done;
    add_figures(failed);
    tell_speed(command, &usage);
    if (failed)
        return report_failure(command);
    if (progress->all == 0) {
        fprintf(stderr, "random: no program could be played\n");
        return 1;
    }
    return wish.expects;
}

/* --- arguments ----------------------------------------------------------------------------------------- */

static _Noreturn void
usage(const char *argument)
{
    fprintf(stderr, "random: cannot read \"%s\"; random.c says what there is\n", argument);
    exit(2);
}

static uint64_t
number(const char *text)
{
    char *end;
    const uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end)
        usage(text);
    return value;
}

static double
real(const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0))
        usage(text);
    return value;
}

static void
take_value(const char *key, const char *value)
{
    if (strcmp(key, "--programs") == 0)
        wish.programs = number(value);
    else if (strcmp(key, "--seconds") == 0)
        wish.seconds = real(value);
    else if (strcmp(key, "--seed") == 0)
        wish.seed = number(value);
    else if (strcmp(key, "--ops") == 0)
        wish.ops = number(value);
    else if (strcmp(key, "--threads") == 0)
        wish.threads = number(value);
    else if (strcmp(key, "--collector") == 0)
        wish.collector = value;
    else if (strcmp(key, "--heap") == 0)
        wish.heap = value;
    else if (strcmp(key, "--plant") == 0)
        wish.plant = number(value);
    else if (strcmp(key, "--shrink-seconds") == 0)
        wish.shrink_seconds = real(value);
    else if (strcmp(key, "--print") == 0)
        wish.print = value;
    else if (strcmp(key, "--replay") == 0) {
        wish.replays = true;
        wish.replay = number(value);
    } else if (strcmp(key, "--expect-at-most") == 0) {
        wish.expects = true;
        wish.at_most = number(value);
    } else
        usage(key);
}

int
main(int count, char **arguments)
{
    wish.seed = orr_clock_ns();
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--differential") == 0)
            wish.is_differential = true;
        else if (strcmp(arguments[i], "--alone") == 0)
            wish.is_alone = true;
        else if (i + 1 < count) {
            take_value(arguments[i], arguments[i + 1]);
            i++;
        } else
            usage(arguments[i]);
    }
    if (wish.threads > THREADS_MOST || wish.ops == 0 || wish.ops > OPS_MOST)
        usage("--threads 1 to 4, --ops 1 to 1024");
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* heaps live for a millisecond: zeroing large pages took half of the time */
    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        abort();
    if (wish.replays && !wish.is_alone)
        return replay(arguments[0]);
    return wish.is_alone ? run_alone(arguments[0]) : run(arguments[0]);
}
