/* shrink.c - trials in child processes; taking out what is not needed.
 *
 * Coarse things first: threads and options; then operations, in halves, quarters, ... single ones (delta debugging,
 * Zeller 1999); then details of operations. All of it again until nothing more can go. A program whose threads run
 * freely does not fail every time: each trial plays it several times.
 *
 * Threads: one; the parent never touches a heap, so that a child starts from nothing.
 */
#include "tests/random/shrink.h"

#include "runtime/platform.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIAL_SECONDS = 10, FREE_TIMES = 30 };

/* --- trials ------------------------------------------------------------------------------------------ */

static void
last_line(char *text, char *why)
{
    char *line = text;
    for (char *next = strtok(text, "\n"); next; next = strtok(NULL, "\n"))
        if (strncmp(next, "random: ", 8) == 0 || strncmp(line, "random: ", 8) != 0)
            line = next;
    snprintf(why, WHY_BYTES, "%s", line);
}

static _Noreturn void
run_child(const struct performer *performer, struct program *program, unsigned times, int output)
{
    dup2(output, 1);
    dup2(output, 2);
    for (unsigned i = 0; i < times; i++) {
        alarm(TRIAL_SECONDS);
        performer->play(program);
    }
    _Exit(0);
}

bool
trial_fails(const struct performer *performer, struct program *program, unsigned times, char *why)
{
    char text[4096] = {0};
    int ends[2], status;
    size_t used = 0;
    struct program *const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe(ends) != 0)
        abort();
    *shared = *program;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(performer, shared, times, ends[1]);
    }
    close(ends[1]);
    for (;;) {
        char rest[1024];
        const ssize_t got = read(ends[0], rest, sizeof rest);
        if (got <= 0)
            break;
        const size_t most = sizeof text - 1 - used, kept = (size_t)got < most ? (size_t)got : most;
        memcpy(text + used, rest, kept);
        used += kept;
    }
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        abort();
    *program = *shared;
    munmap(shared, sizeof *shared);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    last_line(text, why);
    if (WIFSIGNALED(status)) {
        const size_t length = strlen(why);
        snprintf(why + length, WHY_BYTES - length, "%s(%s)", length ? " " : "",
                 WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
    }
    return true;
}

struct shrinker {
    const struct performer *performer;
    struct program *program; /* the smallest that fails */
    char *why;
    uint64_t deadline_ns;
    bool has_shrunk; /* in this round */
};

static bool
is_late(const struct shrinker *shrinker)
{
    return orr_clock_ns() > shrinker->deadline_ns;
}

/* Keeps the smaller one if it fails too. */
static bool
keep_if_it_fails(struct shrinker *shrinker, struct program *smaller)
{
    struct orr_error error;
    char why[WHY_BYTES] = {0};
    if (is_late(shrinker) || !shrinker->performer->applies(smaller, &error) ||
        !trial_fails(shrinker->performer, smaller, smaller->is_free ? FREE_TIMES : 1, why))
        return false;
    *shrinker->program = *smaller;
    memcpy(shrinker->why, why, WHY_BYTES);
    shrinker->has_shrunk = true;
    return true;
}

/* --- what can go ------------------------------------------------------------------------------------- */

/* The thread's operations go, and those behind it move up. */
static void
without_thread(struct program *program, unsigned thread)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < program->ops; i++) {
        struct op op = program->op[i];
        if (op.thread == thread && op.kind != OP_BARRIER)
            continue;
        op.thread -= op.thread > thread;
        program->op[kept++] = op;
    }
    program->ops = kept;
    program->threads--;
}

/* The thread's operations become those of the first. */
static void
with_thread_joined(struct program *program, unsigned thread)
{
    for (uint32_t i = 0; i < program->ops; i++) {
        uint8_t *const its = &program->op[i].thread;
        *its = *its == thread ? 0 : (uint8_t)(*its - (*its > thread));
    }
    program->threads--;
}

static void
shrink_threads(struct shrinker *shrinker)
{
    struct program smaller = *shrinker->program;
    smaller.is_free = false;
    if (shrinker->program->is_free)
        keep_if_it_fails(shrinker, &smaller);
    for (unsigned i = 1; i < shrinker->program->threads;) {
        smaller = *shrinker->program;
        without_thread(&smaller, i);
        bool did = keep_if_it_fails(shrinker, &smaller);
        if (!did) {
            smaller = *shrinker->program;
            with_thread_joined(&smaller, i);
            did = keep_if_it_fails(shrinker, &smaller);
        }
        i += !did;
    }
    if (shrinker->program->threads == 1)
        shrinker->program->is_free = false;
}

static void
try_byte(struct shrinker *shrinker, size_t offset, uint8_t value)
{
    struct program smaller = *shrinker->program;
    uint8_t *const byte = (uint8_t *)&smaller + offset;
    if (*byte == value)
        return;
    *byte = value;
    keep_if_it_fails(shrinker, &smaller);
}

static void
shrink_options(struct shrinker *shrinker)
{
    try_byte(shrinker, offsetof(struct program, stress), 0);
    try_byte(shrinker, offsetof(struct program, laps), 1);
    try_byte(shrinker, offsetof(struct program, slice), 0);
    try_byte(shrinker, offsetof(struct program, trigger), 0);
    try_byte(shrinker, offsetof(struct program, is_tiny), 0);
    try_byte(shrinker, offsetof(struct program, verifies), 0);
    try_byte(shrinker, offsetof(struct program, heap), 0);
}

static void
shrink_ops(struct shrinker *shrinker)
{
    for (uint32_t chunk = shrinker->program->ops / 2 + 1; chunk > 0; chunk = chunk == 1 ? 0 : (chunk + 1) / 2)
        for (uint32_t from = shrinker->program->ops; from > 0 && !is_late(shrinker);) {
            const uint32_t ops = shrinker->program->ops;
            struct program smaller = *shrinker->program;
            from = from > chunk ? from - chunk : 0;
            const uint32_t end = from + chunk < ops ? from + chunk : ops;
            memmove(&smaller.op[from], &smaller.op[end], (ops - end) * sizeof *smaller.op);
            smaller.ops -= end - from;
            keep_if_it_fails(shrinker, &smaller);
            if (from > shrinker->program->ops)
                from = shrinker->program->ops;
        }
}

static void
shrink_details(struct shrinker *shrinker)
{
    for (uint32_t i = 0; i < shrinker->program->ops; i++) {
        const size_t op = offsetof(struct program, op) + i * sizeof(struct op);
        const unsigned kind = shrinker->program->op[i].kind;
        if (kind == OP_NEW && shrinker->program->op[i].b != NODE)
            try_byte(shrinker, op + offsetof(struct op, b), NODE);
        if (kind == OP_NEW || kind == OP_WEAK)
            try_byte(shrinker, op + offsetof(struct op, d), 0);
        if (kind == OP_NEW && shrinker->program->op[i].b == ACTOR)
            for (unsigned bit = 1; bit < ACTIONS; bit *= 2)
                try_byte(shrinker, op + offsetof(struct op, d), shrinker->program->op[i].d & (uint8_t)~bit);
        try_byte(shrinker, op + offsetof(struct op, c), 0);
    }
}

void
shrink(const struct performer *performer, struct program *program, double seconds, char *why)
{
    struct shrinker shrinker = {.performer = performer,
                                .program = program,
                                .why = why,
                                .deadline_ns = orr_clock_ns() + (uint64_t)(seconds * 1e9)};
    do {
        shrinker.has_shrunk = false;
        shrink_threads(&shrinker);
        shrink_options(&shrinker);
        shrink_ops(&shrinker);
        shrink_details(&shrinker);
    } while (shrinker.has_shrunk && !is_late(&shrinker));
}
