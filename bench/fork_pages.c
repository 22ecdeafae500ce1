/* fork_pages.c - what a collection costs the child of a fork: memory that it shared with its parent until then.
 *
 * The program builds a heap, forks, collects in the child, and reads how much memory has become the child's own
 * (Private_Dirty of /proc/self/smaps_rollup, before and after). With and without orr_gc_freeze before the fork.
 *
 *     fork_pages [OBJECTS]        1000000, of 48 bytes, a binary tree; biased counting, blocks
 *
 * Each row is a process of its own. Standard output: a table in Markdown. Exit status: 0 done; 2 usage; 5 a row
 * could not be measured.
 */
#include "bench/usage.h"
#include "collectors/catalogue.h"
#include "runtime/birth.h"
#include "runtime/fork.h"
#include "runtime/gc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct node {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t payload[2];
};

static uint16_t node_index;
static const struct orr_type node_type = {
    .name = "node", .bytes = sizeof(struct node), .references = 2, .index = &node_index};

/* What a child tells, in memory that it shares with its parent. */
struct figures {
    uint64_t heap_bytes, before_bytes, after_bytes;
    bool done;
};

/* --- one row, in a process of its own ---------------------------------------------------------------- */

static void
give_up(const char *what)
{
    fprintf(stderr, "fork_pages: %s\n", what);
    exit(5);
}

static struct orr_heap *
open_heap(const char *collector, struct orr_thread **thread)
{
    struct orr_error error;
    struct orr_heap *heap;
    const struct orr_heap_options options = {.rc = &orr_rc_biased,
                                             .collector = orr_collector_find(collector),
                                             .kind = &orr_heap_blocks,
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    if (orr_heap_create(&options, &heap, &error) != ORR_OK ||
        orr_type_register(&node_type, &error) != ORR_OK ||
        orr_thread_attach(heap, thread, &error) != ORR_OK)
        give_up(error.message);
    return heap;
}

/* A complete binary tree in a root: node i hangs from node (i - 1) / 2. */
static void
plant(struct orr_thread *thread, struct orr_root *root, uint64_t objects)
{
    struct orr_object **const nodes = malloc(objects * sizeof *nodes);
    if (!nodes)
        give_up("no memory");
    orr_root_add(thread->heap, root);
    for (uint64_t i = 0; i < objects; i++) {
        nodes[i] = orr_new(thread, &node_type);
        if (!nodes[i])
            give_up("no memory");
        if (i == 0)
            orr_slot_put(&root->slot, nodes[i]);
        else
            orr_slot_put(&((struct node *)nodes[(i - 1) / 2])->slots[(i - 1) % 2], nodes[i]);
    }
    free(nodes);
}

/* A decrement that makes the tree a candidate, for collectors that begin from those. */
static void
touch(struct orr_thread *thread, struct orr_root *root)
{
    struct orr_object *const object = orr_slot_peek(&root->slot);
    thread->heap->rc->retain(thread, object);
    thread->heap->rc->release(thread, object);
}

static void
measure_in_child(struct orr_thread *thread, struct orr_root *root, struct figures *figures)
{
    orr_fork_child(thread);
    touch(thread, root);
    const struct orr_measure before = orr_usage_private_dirty();
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    const struct orr_measure after = orr_usage_private_dirty();
    figures->before_bytes = before.value;
    figures->after_bytes = after.value;
    figures->done = before.is_measured && after.is_measured;
    _exit(0);
}

static void
measure(const char *collector, bool freezes, uint64_t objects, struct figures *figures)
{
    struct orr_thread *thread;
    struct orr_heap *const heap = open_heap(collector, &thread);
    struct orr_root root;
    int status;
    plant(thread, &root, objects);
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL); /* both have had one */
    if (freezes && !orr_gc_freeze(thread))
        give_up("the heap cannot be frozen");
    figures->heap_bytes = orr_load_relaxed(&heap->bytes_used); /* relaxed: nobody else is there */
    orr_fork_prepare(thread);
    const pid_t child = fork();
    if (child == 0)
        measure_in_child(thread, &root, figures);
    orr_fork_parent(thread);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        give_up("the child failed");
}

/* --- the table --------------------------------------------------------------------------------------- */

/* False: it could not be measured. */
static bool
measure_apart(const char *collector, bool freezes, uint64_t objects, struct figures *figures)
{
    int status;
    *figures = (struct figures){0};
    fflush(stdout);
    const pid_t row = fork();
    if (row == 0) {
        measure(collector, freezes, objects, figures);
        _exit(0);
    }
    return row > 0 && waitpid(row, &status, 0) == row && status == 0 && figures->done;
}

static double
mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static bool
print_row(const char *collector, uint64_t objects, struct figures *figures)
{
    uint64_t own[2];
    for (int freezes = 0; freezes < 2; freezes++) {
        if (!measure_apart(collector, freezes, objects, figures))
            return false;
        own[freezes] = figures->after_bytes - figures->before_bytes;
        if (figures->after_bytes < figures->before_bytes)
            own[freezes] = 0;
    }
    printf("| `%s` | %.1f | %.1f | %.2f |\n", collector, mebibytes(figures->heap_bytes),
           mebibytes(own[0]), mebibytes(own[1]));
    return true;
}

int
main(int argc, char **argv)
{
    static const char *const collectors[] = {"subtract", "trial", "generations", "mark"};
    char *end = NULL;
    const uint64_t objects = argc > 1 ? strtoull(argv[1], &end, 10) : 1000000;
    if (argc > 2 || (end && *end) || objects == 0) {
        fprintf(stderr, "usage: fork_pages [OBJECTS]\n");
        return 2;
    }
    struct figures *const figures =
        mmap(NULL, sizeof *figures, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED)
        give_up("no memory");
    printf("| collector | heap, MiB | the child's own after a collection, MiB | the same, frozen "
           "before the "
           "fork |\n|---|---:|---:|---:|\n");
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++)
        if (!print_row(collectors[i], objects, figures)) {
            fprintf(stderr, "fork_pages: %s could not be measured\n", collectors[i]);
            return 5;
        }
    return 0;
}
