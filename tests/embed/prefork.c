/* prefork.c - a server that loads its data once and lets child processes work on it: memory that nobody writes
 * to stays shared.
 *
 * Shows: loading with collections off, the permanent set, a heap through fork() with another thread attached,
 * how little a child writes to, trying to retain, generations and counts, and a check of the whole heap.
 * What depends on the system (bytes) goes to standard error.
 */
#define _DEFAULT_SOURCE
#include "collectors/catalogue.h"
#include "collectors/configure.h"
#include "runtime/mutator.h"
#include "runtime/orrery.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHILDREN = 2,
    REQUESTS = 20000,
    LEVELS = 17,
    LEFT = 0,
    RIGHT = 1,
    TWIN = 2,
    KEYS = 1 << LEVELS
};

/* A tree of prices; each node also knows its twin in the other half, which knows it: no node is on no cycle. */
struct entry {
    struct orr_object header;
    struct orr_slot references[3];
    uint64_t price;
};

static uint16_t entry_index, basket_index;
static const struct orr_type entry_type = {
    .name = "entry", .bytes = sizeof(struct entry), .references = 3, .index = &entry_index};
static const struct orr_type basket_type = {
    .name = "basket", .bytes = 32, .references = 1, .index = &basket_index};

static struct orr_root catalogue;

/* --- loading ------------------------------------------------------------------------------------------ */

/* Counted; null: no memory. */
static struct orr_object *
load(struct orr_thread *thread, unsigned level, uint64_t price)
{
    ORR_OWN(thread, entry, orr_new(thread, &entry_type));
    if (!entry.ref)
        return NULL;
    ((struct entry *)entry.ref)->price = price;
    for (uint32_t side = LEFT; level > 0 && side <= RIGHT; side++) {
        struct orr_object *child = load(thread, level - 1, 2 * price + side);
        if (!child)
            return NULL;
        orr_init(thread, entry.ref, side, child);
    }
    if (level > 0) {
        struct orr_object *left = orr_peek(thread, entry.ref, LEFT);
        struct orr_object *right = orr_peek(thread, entry.ref, RIGHT);
        orr_set(thread, left, TWIN, right);
        orr_set(thread, right, TWIN, left);
    }
    return orr_take(&entry);
}

/* --- working ------------------------------------------------------------------------------------------ */

/* Reads without counting: what is looked at is held by the catalogue, and nobody writes there. */
static uint64_t
look_up(struct orr_thread *thread, uint64_t key)
{
    struct orr_object *entry = orr_slot_peek(&catalogue.slot);
    for (unsigned level = LEVELS; level-- > 0;)
        entry = orr_peek(thread, entry, key >> level & 1 ? RIGHT : LEFT);
    return ((struct entry *)entry)->price;
}

/* Each request leaves two baskets that refer to each other. False: no memory, or a wrong price. */
static bool
work(struct orr_thread *thread)
{
    uint64_t key = 1;
    for (int i = 0; i < REQUESTS; i++) {
        key = (key * 6364136223846793005u + 1442695040888963407u) % KEYS;
        ORR_OWN(thread, mine, orr_new(thread, &basket_type));
        ORR_OWN(thread, other, orr_new(thread, &basket_type));
        if (!mine.ref || !other.ref || look_up(thread, key) != KEYS + key)
            return false;
        orr_set(thread, mine.ref, 0, other.ref);
        orr_set(thread, other.ref, 0, mine.ref);
    }
    return true;
}

/* Kilobytes of this process that no other shares and that it has written; -1: the system does not say. */
static long
read_private_dirty(void)
{
    char line[128];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Dirty: %ld", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes;
}

struct answer {
    long dirty_before, dirty; /* kilobytes */
    bool is_right;
};

static void
be_child(struct orr_thread *thread, int pipe)
{
    struct answer answer = {.dirty_before = read_private_dirty()};
    struct orr_error error;
    answer.is_right =
        work(thread) && orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL) == ORR_OK;
    answer.dirty = read_private_dirty();
    if (orr_heap_diagnose(thread, NULL, 0, &(uint32_t){0}, &error) == ORR_CHECK_FAILED)
        answer.is_right = false;
    _exit(write(pipe, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

/* --- the parent --------------------------------------------------------------------------------------- */

/* A thread that is attached and waits for the end of a pipe: in the children it is gone. */
struct keeper {
    struct orr_heap *heap;
    int pipe[2];
    atomic_bool is_ready;
};

static void *
keep_house(void *argument)
{
    struct keeper *keeper = argument;
    struct orr_thread *thread;
    char byte;
    if (orr_thread_attach(keeper->heap, &thread, NULL) != ORR_OK)
        abort();
    struct orr_object *basket = orr_new(thread, &basket_type); /* lost with the thread in a child */
    atomic_store(&keeper->is_ready, true);
    orr_block_enter(thread);
    ssize_t got = read(keeper->pipe[0], &byte, 1);
    orr_block_leave(thread);
    orr_release(thread, basket);
    orr_thread_detach(thread);
    return got == 0 ? keeper : NULL;
}

static bool
fork_one(struct orr_thread *thread, uint64_t loaded)
{
    int pipe_ends[2];
    struct answer answer;
    if (pipe(pipe_ends) != 0)
        return false;
    fflush(NULL);
    orr_fork_prepare(thread);
    pid_t child = fork();
    if (child == 0) {
        orr_fork_child(thread);
        be_child(thread, pipe_ends[1]);
    }
    orr_fork_parent(thread);
    close(pipe_ends[1]);
    int status = 1;
    orr_block_enter(thread);
    bool is_told = read(pipe_ends[0], &answer, sizeof answer) == sizeof answer;
    bool is_done = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    orr_block_leave(thread);
    close(pipe_ends[0]);
    if (!is_told || !is_done)
        return false;
    uint64_t dirty = (uint64_t)(answer.dirty - answer.dirty_before) * 1024;
    fprintf(stderr, "prefork: of %" PRIu64 " bytes, the child made %" PRIu64 " its own\n", loaded,
            dirty);
    printf("child: %s, %s\n", answer.is_right ? "every price was right" : "something was wrong",
           answer.dirty < 0 ? "the system does not tell what it wrote to"
           /* checked builds mark what is borrowed, which is all that a child reads */
           : dirty < loaded / 2 || ORR_IS_CHECKED ? "it wrote to little of what was loaded"
                                                  : "it wrote to much of what was loaded");
    return true;
}

static bool
serve(struct orr_thread *thread)
{
    struct orr_gc_result result;
    uint64_t counts[ORR_GENERATIONS], bytes = orr_load_relaxed(&thread->heap->bytes_used);
    orr_gc_disable(thread->heap);
    orr_slot_put(&catalogue.slot, load(thread, LEVELS, 1));
    orr_gc_count(thread->heap, thread, counts);
    bytes = orr_load_relaxed(&thread->heap->bytes_used) - bytes;
    if (!orr_slot_peek(&catalogue.slot) || !orr_gc_freeze(thread))
        return false;
    printf("%" PRIu64 " born, %" PRIu64 " frozen\n", counts[0], orr_gc_freeze_count(thread));
    orr_gc_threshold_set(thread->heap, (const uint64_t[ORR_GENERATIONS]){2000, 10, 10});
    orr_gc_enable(thread->heap);
    for (int i = 0; i < CHILDREN; i++)
        if (!fork_one(thread, bytes))
            return false;
    orr_gc_unfreeze(thread);
    orr_gc_step(thread, UINT64_MAX, &result);
    printf("the parent still has a catalogue: %s\n", work(thread) ? "yes" : "no");
    return true;
}

/* Who holds nothing, but knows that the memory is there, may try. */
static void
try_to_hold(struct orr_thread *thread)
{
    ORR_OWN(thread, weak, orr_weak_new(thread, orr_slot_peek(&catalogue.slot), NULL, NULL, NULL));
    bool is_held = weak.ref && orr_try_retain(thread, orr_slot_peek(&catalogue.slot));
    printf("a reference more: %s\n", is_held ? "yes" : "no");
    if (is_held)
        orr_release(thread, orr_slot_peek(&catalogue.slot));
    orr_release(thread, orr_exchange_slot(thread, NULL, &catalogue.slot, NULL));
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    ORR_OWN(thread, gone, weak.ref ? orr_weak_get(thread, weak.ref) : NULL);
    printf("and when it is dropped: %s\n", gone.ref ? "still there" : "gone");
}

static enum orr_status
begin(struct orr_heap **heap, struct orr_thread **thread, struct orr_error *error)
{
    struct orr_configuration configuration;
    orr_configure_defaults(&configuration);
    enum orr_status status = orr_configure_from_environment(&configuration, error);
    if (status == ORR_OK)
        status = orr_type_register(&entry_type, error);
    if (status == ORR_OK)
        status = orr_type_register(&basket_type, error);
    if (status == ORR_OK)
        status = orr_heap_create(&configuration.options, heap, error);
    orr_configure_free(&configuration);
    return status == ORR_OK ? orr_thread_attach(*heap, thread, error) : status;
}

int
main(void)
{
    struct orr_error error;
    struct keeper keeper = {.heap = NULL};
    struct orr_thread *thread;
    struct orr_leaks leaks;
    pthread_t other;
    enum orr_status status = begin(&keeper.heap, &thread, &error);
    if (status != ORR_OK) {
        fprintf(stderr, "prefork: %s\n", error.message);
        return (int)status;
    }
    if (pipe(keeper.pipe) != 0 || pthread_create(&other, NULL, keep_house, &keeper) != 0)
        return ORR_OUT_OF_MEMORY;
    while (!atomic_load(&keeper.is_ready))
        orr_poll(thread);
    orr_root_add(keeper.heap, &catalogue);
    bool is_served = serve(thread);
    if (is_served)
        try_to_hold(thread);
    close(keeper.pipe[1]);
    orr_block_enter(thread);
    pthread_join(other, NULL);
    orr_block_leave(thread);
    orr_root_remove(keeper.heap, &catalogue);
    status = orr_heap_finish(thread, &leaks);
    orr_leaks_print(&leaks, stdout);
    orr_leaks_free(&leaks);
    orr_thread_detach(thread);
    orr_heap_destroy(keeper.heap);
    return is_served ? (int)status : ORR_CHECK_FAILED;
}
