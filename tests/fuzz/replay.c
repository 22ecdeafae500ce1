/* replay.c - the targets without libFuzzer: every file of a corpus, what it becomes when it is cut at each
 * byte and when bits of it flip, and what its mutator makes of it; all of it the same in every run.
 *
 *   fuzz_replay READER [--thorough | --whole] [--mutations N] [--seed N] [--input FILE] PATH...
 *
 * A PATH is a file, or a folder of files. Without --thorough one bit of each byte flips, and of a file of
 * more than FLIPS_MOST bytes every nth byte; the cuts are as many. --whole: neither cuts nor flips. An input
 * that ends the process is left in the file --input.
 * Exit status: 0 every promise was kept; 1 an input took too long or left memory behind; 2 misuse.
 *
 * Threads: one.
 */
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT_BYTES = 1 << 16, /* what the mutators may grow to */
    FLIPS_MOST = 150, /* per file, unless thorough: every corpus fits into the time of a build */
    CUTS_MOST = 150,
    FILES_MOST = 1024
};

/* Processor time: a machine at work does not make a reader slow. The sanitizers do, tenfold. */
#define NS_MOST UINT64_C(5000000000)

#define READER(name)                                                                               \
    int fuzz_read_##name(const uint8_t *data, size_t size);                                        \
    size_t fuzz_mutate_##name(uint8_t *data, size_t size, size_t most, unsigned seed);
#define PLAIN_READER(name) int fuzz_read_##name(const uint8_t *data, size_t size);
#include "tests/fuzz/readers.def"
#undef READER
#undef PLAIN_READER

static size_t
mutate_plain(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    (void)seed;
    return LLVMFuzzerMutate(data, size, most);
}

static const struct reader {
    const char *name;
    int (*read)(const uint8_t *data, size_t size);
    size_t (*mutate)(uint8_t *data, size_t size, size_t most, unsigned seed);
} readers[] = {
#define READER(name) {#name, fuzz_read_##name, fuzz_mutate_##name},
#define PLAIN_READER(name) {#name, fuzz_read_##name, mutate_plain},
#include "tests/fuzz/readers.def"
    {0},
};

struct replay {
    const struct reader *reader;
    bool is_thorough, is_whole;
    uint64_t mutations; /* per file */
    uint32_t random;
    uint64_t files, cuts, flips, mutants;
    const char *paths[FILES_MOST];
    size_t path_count;
};

/* --- one input ------------------------------------------------------------------------------------ */

static struct {
    const char *keep; /* the file to leave it in, or null */
    const char *path, *what;
    uint64_t number;
    uint8_t bytes[INPUT_BYTES];
    size_t size;
} now;

/* Says which input it was, from within whatever went wrong. */
static void
tell(int signal_number)
{
    fprintf(stderr, "fuzz_replay: %s, %s %" PRIu64 ", %zu bytes\n", now.path, now.what, now.number,
            now.size);
    const int descriptor =
        now.keep ? open(now.keep, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (descriptor >= 0 && write(descriptor, now.bytes, now.size) == (ssize_t)now.size)
        fprintf(stderr, "fuzz_replay: it is in %s\n", now.keep);
    if (signal_number) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
}

static uint64_t
processor_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* Feeds the input, and once more if memory was left: what is kept for later is kept once. */
static void
read_now(const struct replay *replay)
{
    const uint64_t start_ns = processor_ns();
    uint64_t left = 1;
    for (unsigned turn = 0; turn < 3 && left > 0; turn++) {
        fuzz_memory_mark();
        const uint64_t before = fuzz_memory_now();
        replay->reader->read(now.bytes, now.size);
        left = fuzz_memory_now() > before ? fuzz_memory_now() - before : 0;
    }
    if (left > 0)
        fprintf(stderr, "fuzz_replay: %" PRIu64 " bytes of memory are left behind\n", left);
    const bool is_slow = processor_ns() - start_ns > NS_MOST;
    if (is_slow)
        fprintf(stderr, "fuzz_replay: it took more than %d s\n", (int)(NS_MOST / 1000000000));
    if (left > 0 || is_slow) {
        tell(0);
        exit(1);
    }
}

/* --- one file ------------------------------------------------------------------------------------- */

static void
name_input(const char *path, const char *what, uint64_t number, const uint8_t *bytes, size_t size)
{
    now.path = path;
    now.what = what;
    now.number = number;
    now.size = size;
    memcpy(now.bytes, bytes, size);
}

static size_t
step_of(const struct replay *replay, size_t size, size_t most)
{
    return replay->is_thorough || size <= most ? 1 : (size + most - 1) / most;
}

static void
cut_file(struct replay *replay, const char *path, const uint8_t *bytes, size_t size)
{
    for (size_t length = 0; length < size; length += step_of(replay, size, CUTS_MOST)) {
        name_input(path, "cut at", length, bytes, length);
        read_now(replay);
        replay->cuts++;
    }
}

static void
flip_file(struct replay *replay, const char *path, const uint8_t *bytes, size_t size)
{
    const size_t step = replay->is_thorough ? 1 : 8 * step_of(replay, size, FLIPS_MOST);
    for (size_t bit = 0; bit < 8 * size; bit += step) {
        const size_t which = replay->is_thorough ? bit : bit + fuzz_random(&replay->random) % 8;
        name_input(path, "with the other bit", which, bytes, size);
        now.bytes[which / 8] ^= (uint8_t)(1u << which % 8);
        read_now(replay);
        replay->flips++;
    }
}

static void
mutate_file(struct replay *replay, const char *path, const uint8_t *bytes, size_t size)
{
    for (uint64_t i = 0; i < replay->mutations; i++) {
        /* A chain of a few changes, then from the beginning again. */
        if (i % 4 == 0)
            name_input(path, "mutant", i, bytes, size);
        now.number = i;
        now.size = replay->reader->mutate(now.bytes, now.size, sizeof now.bytes,
                                          fuzz_random(&replay->random));
        read_now(replay);
        replay->mutants++;
    }
}

static void
replay_file(struct replay *replay, const char *path)
{
    static uint8_t bytes[INPUT_BYTES];
    FILE *const file = fopen(path, "re");
    orr_require(file, "%s: %s", path, strerror(errno));
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    orr_require(!ferror(file) && fgetc(file) == EOF, "%s: longer than %d bytes", path, INPUT_BYTES);
    fclose(file);
    name_input(path, "as it is", 0, bytes, size);
    read_now(replay);
    replay->files++;
    if (!replay->is_whole) {
        cut_file(replay, path, bytes, size);
        flip_file(replay, path, bytes, size);
    }
    mutate_file(replay, path, bytes, size);
}

static int
by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static void
replay_path(struct replay *replay, const char *path)
{
    struct stat facts;
    struct dirent **entries;
    orr_require(stat(path, &facts) == 0, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(facts.st_mode)) {
        replay_file(replay, path);
        return;
    }
    const int count = scandir(path, &entries, NULL, by_name);
    orr_require(count >= 0, "%s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char name[1024];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            replay_file(replay, name);
        free(entries[i]);
    }
    free(entries);
}

/* --- libFuzzer's part ----------------------------------------------------------------------------- */

/* A byte changes, comes, goes, or a stretch of them is copied elsewhere. */
size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
    static uint32_t random = 1;
    const size_t at = size ? fuzz_random(&random) % size : 0;
    const size_t stretch = size ? 1 + fuzz_random(&random) % (size < 16 ? size : 16) : 0;
    switch (fuzz_random(&random) % 5) {
    case 0:
        if (size == most)
            break;
        memmove(data + at + 1, data + at, size - at);
        data[at] = (uint8_t)fuzz_random(&random);
        return size + 1;
    case 1:
        if (stretch > size - at)
            break;
        memmove(data + at, data + at + stretch, size - at - stretch);
        return size - stretch;
    case 2:
        if (size > 0 && stretch <= size - at)
            memmove(data + fuzz_random(&random) % (size - stretch + 1), data + at, stretch);
        return size;
    case 3:
        if (size > 0)
            data[at] ^= (uint8_t)(1u << fuzz_random(&random) % 8);
        return size;
    default:
        if (size > 0)
            data[at] = (uint8_t)fuzz_interesting(&random);
        return size;
    }
    return size;
}

/* --- the program ---------------------------------------------------------------------------------- */

static int
misuse(const char *word)
{
    fprintf(stderr,
            "fuzz_replay: %s?\nusage: fuzz_replay READER [--thorough | --whole] [--mutations N] "
            "[--seed N] "
            "[--input FILE] PATH...\nreaders:",
            word);
    for (const struct reader *reader = readers; reader->name; reader++)
        fprintf(stderr, " %s", reader->name);
    fputc('\n', stderr);
    return 2;
}

static const struct reader *
find_reader(const char *name)
{
    for (const struct reader *reader = readers; reader->name; reader++)
        if (strcmp(reader->name, name) == 0)
            return reader;
    return NULL;
}

/* Takes the options; returns the first that it does not know, or null. */
static const char *
read_arguments(struct replay *replay, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *const value = i + 1 < argc ? argv[i + 1] : "0";
        if (strcmp(argv[i], "--thorough") == 0) {
            replay->is_thorough = true;
        } else if (strcmp(argv[i], "--whole") == 0) {
            replay->is_whole = true;
        } else if (strncmp(argv[i], "--", 2) != 0) {
            if (replay->path_count == FILES_MOST)
                return argv[i];
            replay->paths[replay->path_count++] = argv[i];
        } else if (strcmp(argv[i], "--mutations") == 0) {
            replay->mutations = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--seed") == 0) {
            replay->random = fuzz_seed((unsigned)strtoul(value, NULL, 10));
            i++;
        } else if (strcmp(argv[i], "--input") == 0) {
            now.keep = value;
            i++;
        } else {
            return argv[i];
        }
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    struct replay replay = {.random = fuzz_seed(1)};
    replay.reader = argc > 1 ? find_reader(argv[1]) : NULL;
    if (!replay.reader)
        return misuse(argc > 1 ? argv[1] : "which reader");
    const char *const unknown = read_arguments(&replay, argc, argv);
    if (unknown || replay.path_count == 0)
        return misuse(unknown ? unknown : "which files");
    signal(SIGABRT, tell);
    for (size_t i = 0; i < replay.path_count; i++)
        replay_path(&replay, replay.paths[i]);
    printf("%s: %" PRIu64 " files, %" PRIu64 " cuts, %" PRIu64 " flips, %" PRIu64
           " mutants: every promise was kept\n",
           argv[1], replay.files, replay.cuts, replay.flips, replay.mutants);
    return replay.files > 0 ? 0 : 2;
}
