/* races.c - the storm of storm.h under every pair, doing by doing, for ThreadSanitizer to look at.
 *
 *     races [--doing NAME] [--threads N] [--collector NAME] [--heap NAME] [--seed N] [--seconds N]
 *
 * Without arguments: a sample of cells (a collector, a doing, a number of threads, a heap kind) drawn from the
 * seed, which without --seed is the number of the day, so that days differ and a day's runs agree. What is named
 * is fixed, and the rest is drawn; with doing, threads, collector and heap all named, that one cell runs for all
 * the seconds. tests/hardship/races.sh runs the whole matrix.
 */
#include "tests/stress/storm.h"

#include <time.h>

enum { SAMPLE = 5 };

static const struct doing {
    const char *name;
    unsigned doings;
} doings[] = {{"churn", STORM_CHURN},
              {"sharing", STORM_SHARING},
              {"weak", STORM_WEAK},
              {"finalizer", STORM_FINALIZER},
              {"attach", STORM_COMING | STORM_SHARING},
              {"mixed", STORM_MIXED}};
enum { DOINGS = sizeof doings / sizeof *doings };

/* What a run is about; null or 0: drawn. */
struct cell {
    const struct doing *doing;
    const struct orr_collector *collector;
    const struct orr_heap_kind *kind;
    uint32_t threads;
};

static const struct doing *
doing_find(const char *name)
{
    for (size_t i = 0; i < DOINGS; i++)
        if (strcmp(doings[i].name, name) == 0)
            return &doings[i];
    return NULL;
}

/* Reads one of our own arguments; false: it is none. */
static bool
read_argument(struct cell *cell, const char *key, const char *value)
{
    if (strcmp(key, "--doing") == 0)
        return (cell->doing = doing_find(value)) != NULL;
    if (strcmp(key, "--collector") == 0)
        return (cell->collector = orr_collector_find(value)) != NULL;
    if (strcmp(key, "--heap") == 0)
        return (cell->kind = orr_heap_kind_find(value)) != NULL;
    if (strcmp(key, "--threads") == 0)
        return (cell->threads = (uint32_t)strtoul(value, NULL, 10)) != 0;
    return false;
}

/* Takes our arguments out and leaves the others for stress_begin, with the day's seed if there is none. `others`
 * has room for two more. */
static int
read_arguments(struct cell *cell, int count, char **arguments, char **others)
{
    static char key[] = "--seed", seed[24];
    bool has_seed = false;
    int left = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && i + 1 < count && read_argument(cell, arguments[i], arguments[i + 1])) {
            i++;
            continue;
        }
        has_seed = has_seed || strcmp(arguments[i], "--seed") == 0;
        others[left++] = arguments[i];
    }
    if (has_seed)
        return left;
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)time(NULL) / 86400);
    others[left++] = key;
    others[left++] = seed;
    return left;
}

/* --- cells ------------------------------------------------------------------------------------------ */

static bool
applies(const struct cell *cell)
{
    struct orr_error error;
    return orr_pair_applies(STRATEGY_UNDER_TEST, cell->collector, cell->kind, cell->threads + 1, &error);
}

/* Draws what is not fixed until the pair works; false: no pair does. */
static bool
draw_cell(struct cell *cell, const struct cell *fixed, uint64_t *chance)
{
    static const uint32_t crowds[] = {2, 4, 8};
    uint32_t collectors = 0, kinds = 0;
    while (orr_collectors[collectors])
        collectors++;
    while (orr_heap_kinds[kinds])
        kinds++;
    for (int tries = 0; tries < 1000; tries++) {
        *cell = (struct cell){
            .doing = fixed->doing ? fixed->doing : &doings[stress_below(chance, DOINGS)],
            .collector = fixed->collector ? fixed->collector : orr_collectors[stress_below(chance, collectors)],
            .kind = fixed->kind ? fixed->kind : orr_heap_kinds[stress_below(chance, kinds)],
            .threads = fixed->threads ? fixed->threads : crowds[stress_below(chance, 3)]};
        if (applies(cell))
            return true;
    }
    return false;
}

static void
run_cell(const struct cell *cell, double seconds)
{
    static struct storm storm; /* too large for a stack */
    const struct storm_plan plan = {.collector = cell->collector,
                                    .kind = cell->kind,
                                    .threads = cell->threads,
                                    .doings = cell->doing->doings,
                                    .seconds = seconds};
    fprintf(stderr, "%s/%s on %s, %s, %u threads: ", STRATEGY_UNDER_TEST->name, cell->collector->name,
            cell->kind->name, cell->doing->name, cell->threads);
    if (!storm_open(&storm, &plan))
        return;
    storm_start(&storm);
    storm_join(&storm, false);
    const uint64_t rounds = storm_rounds(&storm, NULL);
    stress_check(rounds != 0, "nobody did anything");
    storm_close(&storm);
    fprintf(stderr, "%llu rounds, %llu born, %llu collections\n", (unsigned long long)rounds,
            (unsigned long long)orr_load_relaxed(&storm.born), (unsigned long long)storm.collections);
}

int
main(int count, char **arguments)
{
    struct cell fixed = {0}, cell;
    char **const others = calloc((size_t)count + 3, sizeof *others);
    stress_check(others, "no memory");
    stress_begin(read_arguments(&fixed, count, arguments, others), others);
    free(others);
    uint64_t chance = stress.seed;
    storm_register();
    const bool is_one = fixed.doing && fixed.collector && fixed.kind && fixed.threads;
    if (!draw_cell(&cell, &fixed, &chance)) {
        fprintf(stderr, "%s: no such pair applies\n", STRATEGY_UNDER_TEST->name);
        return 3;
    }
    for (int i = 0; i < (is_one ? 1 : SAMPLE); i++) {
        run_cell(&cell, stress.seconds / (is_one ? 1 : SAMPLE));
        draw_cell(&cell, &fixed, &chance);
    }
    return 0;
}
