/* births.c - objects that come and go, on a heap where nobody knows of weak references and finalizers, and on
 * one where many others have them. Compiled once per counting strategy.
 *
 *     births bare|watched leaves|nodes COLLECTOR COUNT
 *
 * costs.cmake counts the instructions of what is called pass_*, and looks at those of make_* and drop_one.
 * On both heaps live the same objects; `watched` has given each of them a weak reference with a callback, an
 * entry of a weak map, one of the registry of finalizers, or a finalizer of its type. The objects of the passes
 * are of the same types as some of those that are watched, and have none of it.
 */
#include "collectors/catalogue.h"
#include "runtime/finalize.h"
#include "runtime/gc.h"
#include "runtime/mutator.h"
#include "runtime/weakmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAME_(rc) #rc
#define NAME(rc) NAME_(rc)

enum { BYTES = 48, ALIVE = 1000, KINDS = 4, CHILD = 0 };

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
}

static uint16_t leaf_index, node_index, guarded_index;
static const struct orr_type leaf_type = {
    .name = "leaf", .bytes = BYTES, .flags = ORR_TYPE_ACYCLIC, .index = &leaf_index};
static const struct orr_type node_type = {
    .name = "node", .bytes = BYTES, .references = 3, .index = &node_index};
static const struct orr_type guarded_type = {.name = "guarded",
                                             .bytes = BYTES,
                                             .references = 3,
                                             .finalize = finalize,
                                             .destroy = finalize,
                                             .index = &guarded_index};

/* --- what is looked at ------------------------------------------------------------------------------ */

__attribute__((noinline)) struct orr_object *make_leaf(struct orr_thread *thread);
__attribute__((noinline)) struct orr_object *make_node(struct orr_thread *thread);
__attribute__((noinline)) void drop_one(struct orr_thread *thread, struct orr_object *object);
__attribute__((noinline)) bool pass_leaves(struct orr_thread *thread, uint64_t n);
__attribute__((noinline)) bool pass_nodes(struct orr_thread *thread, uint64_t n);

struct orr_object *
make_leaf(struct orr_thread *thread)
{
    return orr_new(thread, &leaf_type);
}

struct orr_object *
make_node(struct orr_thread *thread)
{
    return orr_new(thread, &node_type);
}

void
drop_one(struct orr_thread *thread, struct orr_object *object)
{
    orr_rc_release(thread, object);
}

/* Each dies at once. */
__attribute__((flatten)) bool
pass_leaves(struct orr_thread *thread, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct orr_object *leaf = orr_new(thread, &leaf_type);
        if (!leaf)
            return false;
        orr_release(thread, leaf);
    }
    return true;
}

/* A node and the node it holds, which dies of it: half the objects die in a cascade. */
__attribute__((flatten)) bool
pass_nodes(struct orr_thread *thread, uint64_t n)
{
    for (uint64_t i = 0; i < n; i += 2) {
        struct orr_object *child = orr_new(thread, &node_type);
        struct orr_object *node = orr_new(thread, &node_type);
        if (!child || !node)
            return false;
        orr_init(thread, node, CHILD, child);
        orr_release(thread, node);
    }
    return true;
}

/* --- the two heaps ---------------------------------------------------------------------------------- */

static struct orr_root alive[KINDS][ALIVE], weaks[ALIVE], map;

static void
heard(struct orr_thread *thread, struct orr_object *weak, void *argument)
{
    (void)thread, (void)weak, (void)argument;
}

static void
ended(struct orr_thread *thread, void *argument)
{
    (void)thread, (void)argument;
}

/* Registers the root, which holds the object from now on. */
static bool
keep(struct orr_thread *thread, struct orr_root *root, struct orr_object *object)
{
    orr_root_add(thread->heap, root);
    orr_slot_put(&root->slot, object);
    return object != NULL;
}

static bool
populate(struct orr_thread *thread)
{
    bool is_fine = true;
    for (int i = 0; i < ALIVE; i++)
        for (int kind = 0; kind < KINDS; kind++)
            is_fine =
                keep(thread, &alive[kind][i],
                     kind == KINDS - 1 ? orr_new(thread, &guarded_type) : make_node(thread)) &&
                is_fine;
    return is_fine;
}

static bool
watch(struct orr_thread *thread)
{
    bool is_fine = keep(thread, &map, orr_weak_keys_new(thread));
    for (int i = 0; i < ALIVE && is_fine; i++) {
        struct orr_object *referent = orr_slot_peek(&alive[0][i].slot);
        struct orr_object *key = orr_slot_peek(&alive[1][i].slot);
        struct orr_object *ending = orr_slot_peek(&alive[2][i].slot);
        is_fine = keep(thread, &weaks[i], orr_weak_new(thread, referent, heard, NULL, NULL)) &&
                  orr_weak_keys_set(thread, orr_slot_peek(&map.slot), key, referent) &&
                  orr_finalize_add(thread, ending, ended, NULL);
    }
    return is_fine;
}

/* Valgrind gives out memory from the bottom of the address space, where `plain` has no weak references
 * (rc_plain.h): takes what is free there. */
static void
use_up_low_memory(void)
{
    const size_t bytes = (size_t)16 << 20;
    void *place;
    do
        place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    while (place != MAP_FAILED && (uintptr_t)place >> 32 == 0);
}

static enum orr_status
open_heap(const char *collector, struct orr_heap **heap, struct orr_thread **thread,
          struct orr_error *error)
{
    static const struct orr_type *const types[] = {&leaf_type, &node_type, &guarded_type};
    enum orr_status status = ORR_OK;
    const struct orr_heap_options options = {
        .rc = orr_rc_find(NAME(ORR_RC)),
        .collector = orr_collector_find(collector),
        .kind = orr_heap_kind_find("blocks"),
        .trigger.kind = ORR_TRIGGER_manual,
    };
    if (!options.collector)
        return orr_fail(error, ORR_BAD_INPUT, "there is no collector %s", collector);
    for (size_t i = 0; i < sizeof types / sizeof types[0] && status == ORR_OK; i++)
        status = orr_type_register(types[i], error);
    if (status == ORR_OK)
        status = orr_heap_create(&options, heap, error);
    return status == ORR_OK ? orr_thread_attach(*heap, thread, error) : status;
}

/* The program ends with its objects alive: nobody is asked what they cost then. */
int
main(int argc, char **argv)
{
    struct orr_error error;
    struct orr_heap *heap;
    struct orr_thread *thread;
    if (argc != 5) {
        fputs("usage: births bare|watched leaves|nodes COLLECTOR COUNT\n", stderr);
        return ORR_BAD_INPUT;
    }
    use_up_low_memory();
    enum orr_status status = open_heap(argv[3], &heap, &thread, &error);
    if (status != ORR_OK) {
        fprintf(stderr, "births: %s\n", error.message);
        return (int)status;
    }
    bool (*const pass)(struct orr_thread *, uint64_t) =
        strcmp(argv[2], "leaves") == 0 ? pass_leaves : pass_nodes;
    bool is_fine = populate(thread) && (strcmp(argv[1], "bare") == 0 || watch(thread)) &&
                   orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL) == ORR_OK &&
                   pass(thread, strtoull(argv[4], NULL, 10));
    struct orr_object *leaf = make_leaf(thread), *node = make_node(thread);
    if (!is_fine || !leaf || !node) {
        fputs("births: no memory\n", stderr);
        return ORR_OUT_OF_MEMORY;
    }
    drop_one(thread, leaf);
    drop_one(thread, node);
    return ORR_OK;
}
