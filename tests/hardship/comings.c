/* comings.c - threads that attach, do a little, and detach, again and again, from 1, 4 and 32 system threads.
 *
 *     comings [--cycles N] [--seed N]      N attachments for each number of threads, at least 100; preset: 6000
 *
 * Each life makes a cycle of garbage, drops something of its own and something of another's. At the end the ledger
 * is balanced and nothing is left; and once it has warmed up (half of the lives), the process does not grow. What the
 * allocator keeps ready for later is not growth: caches are emptied and pages given back before the size is taken.
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

#include <ctype.h>
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <pthread.h>

enum { TEAM_MOST = 32, SHARED = 8, DRIFT_MOST_KIB = 1024 };

struct comings {
    struct orr_heap *heap;
    struct orr_root shared[SHARED];
    uint64_t warm, cycles; /* of each thread */
    pthread_barrier_t meeting;
};

struct comer {
    struct comings *comings;
    uint64_t chance;
};

static struct orr_object *
make_node(struct orr_thread *thread)
{
    struct orr_object *const node = orr_new(thread, &storm_node);
    stress_check(node, "no memory");
    ((struct storm_thing *)node)->check = (uintptr_t)node;
    return node;
}

static void
live_once(struct comer *comer)
{
    struct orr_thread *const thread = stress_attach(comer->comings->heap);
    {
        ORR_OWN(thread, one, make_node(thread));
        ORR_OWN(thread, other, make_node(thread));
        orr_store(thread, one.ref, 0, other.ref);
        orr_store(thread, other.ref, 0, one.ref);
        ORR_OWN(thread, loose, make_node(thread));
        struct orr_root *const root = &comer->comings->shared[stress_below(&comer->chance, SHARED)];
        ORR_OWN(thread, old, orr_exchange_slot(thread, NULL, &root->slot, orr_take(&loose)));
        if (old.ref)
            storm_check(old.ref);
    }
    orr_thread_detach(thread);
}

/* Meets the others, twice: in between, the size is taken. */
static void
wait_for_size(struct comings *comings)
{
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    pthread_barrier_wait(&comings->meeting);
    pthread_barrier_wait(&comings->meeting);
}

static void *
come_and_go(void *argument)
{
    struct comer *const comer = argument;
    for (uint64_t i = 0; i < comer->comings->warm; i++)
        live_once(comer);
    wait_for_size(comer->comings);
    for (uint64_t i = comer->comings->warm; i < comer->comings->cycles; i++)
        live_once(comer);
    wait_for_size(comer->comings);
    return NULL;
}

#define STRINGIFY_(a) #a
#define STRINGIFY(a) STRINGIFY_(a)

static uint64_t
take_size(struct comings *comings)
{
    pthread_barrier_wait(&comings->meeting);
    struct orr_thread *const self = stress_attach(comings->heap);
    orr_settle(self);
    orr_thread_detach(self);
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    mallctl("arena." STRINGIFY(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
    const uint64_t kib = hardship_resident_kib();
    pthread_barrier_wait(&comings->meeting);
    return kib;
}

static void
end(struct comings *comings)
{
    struct orr_thread *const self = stress_attach(comings->heap);
    for (int i = 0; i < SHARED; i++)
        orr_release(self, orr_exchange_slot(self, NULL, &comings->shared[i].slot, NULL));
    stress_settle(comings->heap, self, true);
    stress_expect_empty(comings->heap);
    for (int i = 0; i < SHARED; i++)
        orr_root_remove(comings->heap, &comings->shared[i]);
    orr_thread_detach(self);
    orr_heap_destroy(comings->heap);
}

/* Returns how many KiB the process has grown. */
static int64_t
run(const char *collector, uint32_t threads, uint64_t cycles)
{
    static struct comings comings;
    struct comer comers[TEAM_MOST];
    struct orr_os_thread team[TEAM_MOST];
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = orr_collector_find(collector),
                                             .kind = orr_heap_kind_find("blocks"),
                                             .trigger = {.kind = ORR_TRIGGER_count, .count = 500},
                                             .workers = 1,
                                             .ledger = true};
    comings = (struct comings){.heap = stress_heap(&options),
                               .warm = cycles / threads / 2,
                               .cycles = (cycles + threads - 1) / threads};
    for (int i = 0; i < SHARED; i++)
        orr_root_add(comings.heap, &comings.shared[i]);
    pthread_barrier_init(&comings.meeting, NULL, threads + 1);
    const uint64_t start_ns = hardship_now_ns();
    for (uint32_t i = 0; i < threads; i++) {
        comers[i] = (struct comer){&comings, stress.seed + i};
        stress_start(&team[i], come_and_go, &comers[i]);
    }
    const int64_t warm = (int64_t)take_size(&comings), last = (int64_t)take_size(&comings);
    for (uint32_t i = 0; i < threads; i++)
        orr_os_thread_join(&team[i]);
    const double seconds = (double)(hardship_now_ns() - start_ns) / 1e9;
    end(&comings);
    pthread_barrier_destroy(&comings.meeting);
    fprintf(stderr, "%s, %u threads: %llu attachments in %.2f s, %lld KiB more\n", collector, threads,
            (unsigned long long)(comings.cycles * threads), seconds, (long long)(last - warm));
    stress_check(last - warm <= DRIFT_MOST_KIB, "it grew by %lld KiB", (long long)(last - warm));
    hardship_figure("attachments, each with its detach", (double)(comings.cycles * threads), "sum", "-");
    return last - warm;
}

/* --- the program ---------------------------------------------------------------------------------------- */

static _Noreturn void
usage(const char *program, const char *what, const char *argument)
{
    fprintf(stderr, "%s: %s \"%s\"; arguments are --cycles, --seed and --seconds, each with a NUMBER\n", program, what,
            argument);
    exit(2);
}

/* Takes --cycles out of the arguments: stress_begin reads the rest. */
static uint64_t
take_cycles(int *count, char **arguments)
{
    uint64_t cycles = 6000;
    int kept = 1;
    for (int i = 1; i < *count; i += 2) {
        char *const name = arguments[i], *const value = i + 1 < *count ? arguments[i + 1] : NULL, *end;
        const bool is_cycles = strcmp(name, "--cycles") == 0;
        if (!is_cycles && strcmp(name, "--seed") != 0 && strcmp(name, "--seconds") != 0)
            usage(arguments[0], "cannot read", name);
        if (!value)
            usage(arguments[0], "no number behind", name);
        if (!is_cycles) {
            arguments[kept++] = name;
            arguments[kept++] = value;
            continue;
        }
        errno = 0;
        cycles = strtoull(value, &end, 10);
        if (!isdigit((unsigned char)value[0]) || *end || errno || cycles < 100 || cycles > UINT32_MAX)
            usage(arguments[0], "--cycles wants a number from 100 to 4294967295, not", value);
    }
    *count = kept;
    return cycles;
}

int
main(int count, char **arguments)
{
    static const uint32_t crowds[] = {1, 4, 32};
    int64_t worst = INT64_MIN;
    const uint64_t cycles = take_cycles(&count, arguments);
    stress_begin(count, arguments);
    stress_register(&storm_node);
    for (int i = 0; i < 3; i++) {
        const int64_t kib = run(i % 2 ? "trial" : "generations", crowds[i], cycles);
        worst = kib > worst ? kib : worst;
    }
    hardship_figure("growth of a process over its attachments, KiB", (double)(worst > 0 ? worst : 0), "max",
                    "<= 1024");
    return 0;
}
