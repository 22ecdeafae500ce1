/* random.c - the command: plays random programs, and when one fails, makes it small and prints it as C.
 *
 *   random_<variant> [--programs N] [--seconds S] [--seed S] [--ops N] [--threads T] [--collector NAME] [--heap NAME]
 *                    [--differential] [--replay SEED] [--plant N] [--expect-at-most N] [--shrink-seconds S]
 *                    [--print FILE] [--alone] [--help]
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

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROGRAM_SECONDS = 30,
    COLLECTORS_MOST = 16,
    AGAIN = 10,
    PLANTS = 2 /* acts.h says which */
};

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

/* --- refusals ----------------------------------------------------------------------------------------- */

static _Noreturn void
refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("random: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* --- choosing ----------------------------------------------------------------------------------------- */

static uint8_t
collector_named(const char *name)
{
    for (unsigned i = 0; orr_collectors[i]; i++)
        if (strcmp(orr_collectors[i]->name, name) == 0)
            return (uint8_t)i;
    refuse("there is no collector \"%s\"; --help lists those there are", name);
}

static uint8_t
heap_named(const char *name)
{
    for (unsigned i = 0; orr_heap_kinds[i]; i++)
        if (strcmp(orr_heap_kinds[i]->name, name) == 0)
            return (uint8_t)i;
    refuse("there is no heap \"%s\"; --help lists those there are", name);
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
    snprintf(comment, sizeof comment, "Seed %" PRIu64 ", %s: %s", program.seed, performer->name, why);
    FILE *const file = wish.print ? fopen(wish.print, "w") : NULL;
    if (wish.print && !file)
        perror(wish.print);
    program_print(&program, plain->strategy, plain->rooted, comment, file ? file : stdout);
    if (file && fclose(file) != 0)
        perror(wish.print);
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

static const struct {
    const char *key;
    uint64_t *place, least, most;
    bool *given; /* set too; may be null */
} numbers[] = {
    {"--programs", &wish.programs, 1, UINT64_MAX, NULL},
    {"--seed", &wish.seed, 0, UINT64_MAX, NULL},
    {"--ops", &wish.ops, 1, OPS_MOST, NULL},
    {"--threads", &wish.threads, 1, THREADS_MOST, NULL},
    {"--plant", &wish.plant, 0, PLANTS, NULL},
    {"--expect-at-most", &wish.at_most, 0, UINT64_MAX, &wish.expects},
    {"--replay", &wish.replay, 0, UINT64_MAX, &wish.replays},
};

static const struct {
    const char *key;
    double *place;
} times[] = {{"--seconds", &wish.seconds}, {"--shrink-seconds", &wish.shrink_seconds}};

static const struct {
    const char *key, **place;
} words[] = {{"--collector", &wish.collector}, {"--heap", &wish.heap}, {"--print", &wish.print}};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void
print_help(const char *command)
{
    printf("usage: %s [OPTION...]\n"
           "  --programs N --seconds S     plays so many programs, for so long at the most; preset: 5 seconds\n"
           "  --seed S                     where the row of programs begins; preset: the time\n"
           "  --ops N --threads T          at least so many operations, 1 to %d, by so many threads, 1 to %d\n"
           "  --collector NAME --heap NAME on these alone\n"
           "  --differential               each program under every pair, compared\n"
           "  --replay SEED                plays the one program with this seed\n"
           "  --shrink-seconds S           how long a program that fails is made smaller; preset: 60\n"
           "  --print FILE                 where it is printed then; preset: standard output\n"
           "  --alone                      no worker process: for ThreadSanitizer\n"
           "  --plant N                    with bug N, 1 to %d: for tests of the machine itself\n"
           "  --expect-at-most N           well only if a program failed, and was made so small\n",
           command, OPS_MOST, THREADS_MOST, PLANTS);
    fputs("collectors:", stdout);
    for (unsigned i = 0; orr_collectors[i]; i++)
        printf(" %s", orr_collectors[i]->name);
    fputs("\nheaps:", stdout);
    for (unsigned i = 0; orr_heap_kinds[i]; i++)
        printf(" %s", orr_heap_kinds[i]->name);
    putchar('\n');
}

static uint64_t
number(const char *key, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    const uint64_t value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || value < least || value > most)
        refuse("%s wants a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", key, least, most, text);
    return value;
}

static double
seconds(const char *key, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0) || value > 1e9) /* deadlines count nanoseconds in 64 bits */
        refuse("%s wants a number of seconds above 0, at most 1e9, not \"%s\"", key, text);
    return value;
}

static void
take_value(const char *key, const char *value)
{
    for (unsigned i = 0; i < COUNT(numbers); i++)
        if (strcmp(key, numbers[i].key) == 0) {
            if (!value)
                refuse("%s wants a number behind it", key);
            *numbers[i].place = number(key, value, numbers[i].least, numbers[i].most);
            if (numbers[i].given)
                *numbers[i].given = true;
            return;
        }
    for (unsigned i = 0; i < COUNT(times); i++)
        if (strcmp(key, times[i].key) == 0) {
            if (!value)
                refuse("%s wants a number of seconds behind it", key);
            *times[i].place = seconds(key, value);
            return;
        }
    for (unsigned i = 0; i < COUNT(words); i++)
        if (strcmp(key, words[i].key) == 0) {
            if (!value)
                refuse("%s wants a name behind it", key);
            *words[i].place = value;
            return;
        }
    refuse("unknown option \"%s\"; --help lists those there are", key);
}

/* Looks whether the file can be written, and leaves it as it is: a run without a failure prints nothing. */
static void
check_print(const char *name)
{
    int file = open(name, O_WRONLY | O_CLOEXEC);
    const bool is_new = file < 0 && errno == ENOENT;
    if (is_new)
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        refuse("cannot write %s: %s", name, strerror(errno));
    close(file);
    if (is_new)
        unlink(name);
}

static void
read_arguments(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0) {
            print_help(arguments[0]);
            exit(0);
        }
        if (strcmp(arguments[i], "--differential") == 0)
            wish.is_differential = true;
        else if (strcmp(arguments[i], "--alone") == 0)
            wish.is_alone = true;
        else {
            take_value(arguments[i], i + 1 < count ? arguments[i + 1] : NULL);
            i++;
        }
    }
    if (wish.collector)
        collector_named(wish.collector);
    if (wish.heap)
        heap_named(wish.heap);
    if (wish.print)
        check_print(wish.print);
}

int
main(int count, char **arguments)
{
    wish.seed = orr_clock_ns();
    read_arguments(count, arguments);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* heaps live for a millisecond: zeroing large pages took half of the time */
    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        abort();
    if (wish.replays && !wish.is_alone)
        return replay(arguments[0]);
    return wish.is_alone ? run_alone(arguments[0]) : run(arguments[0]);
}
