/* world.h - a heap under test, and a graph that is built in it, dropped, and compared with its model.
 *
 * Compiled once per variant of a strategy, as a workload is. Nothing here knows a collector by name:
 * what is expected follows from what it declares.
 */
#ifndef ORR_TESTS_CONFORMANCE_WORLD_H
#define ORR_TESTS_CONFORMANCE_WORLD_H

#include "collectors/catalogue.h"
#include "runtime/ledger.h"
#include "runtime/mutator.h"
#include "runtime/verify.h"
#include "tests/conformance/graph.h"
#include "tests/conformance/variant.h"

#include <criterion/criterion.h>

/* --- heaps ----------------------------------------------------------------------------------------- */

struct world {
    struct orr_heap *heap;
    struct orr_thread *thread; /* of the test; null while it is detached */
};

/* Options for a heap of this variant: the ledger is kept, nothing starts by itself, one helper thread. */
struct orr_heap_options world_options(const struct orr_collector *collector,
                                      const struct orr_heap_kind *kind);
/* Opens a heap with them and attaches. */
struct world world_open(const struct orr_heap_options *options);
/* Verifies a last time, detaches and destroys. */
void world_close(struct world *world);

/* Whether this variant, the collector and the heap can work together with that many threads; else says
 * why not on standard error. */
bool world_applies(const struct orr_collector *collector, const struct orr_heap_kind *kind,
                   uint32_t threads);

/* Runs body for every heap kind that applies; skips the test, with the reason, when there is none. */
void for_each_heap(const struct orr_collector *collector, uint32_t threads,
                   void (*body)(const struct orr_heap_options *options));

/* The same for `blocks` and `libc`: where the heap is not what is tested, our own, and the one that sanitizers see
 * into. */
void for_main_heaps(const struct orr_collector *collector, uint32_t threads,
                    void (*body)(const struct orr_heap_options *options));

/* All garbage is gone after settling. */
bool is_complete(const struct orr_collector *collector);

/* Finishes what threads have under way (merge queues, worklists) and verifies the heap; exactly, when every
 * reference lies in an object, a root or a linked local. */
void world_verify(struct world *world, bool exact);
/* Settles, then verifies exactly. */
void world_settle(struct world *world);

uint64_t world_live(struct world *world);

/* Where a message says what it is about: "atomic mark blocks". */
const char *world_name(const struct world *world);

/* --- roots ----------------------------------------------------------------------------------------- */

/* A root's slot is a shared one. */
static inline void
root_put(struct orr_thread *thread, struct orr_root *root, struct orr_object *value)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &root->slot, value));
}

static inline struct orr_object *
root_load(struct orr_thread *thread, struct orr_root *root)
{
    return orr_load_slot(thread, &root->slot);
}

/* --- objects --------------------------------------------------------------------------------------- */

/* What every object of the tests carries behind its references. */
struct payload {
    uint64_t id, check;
};

extern const struct orr_type type_node;  /* two references and a payload */
extern const struct orr_type type_leaf;  /* green: a payload */
extern const struct orr_type type_array; /* references and a payload */
extern const struct orr_type type_plain; /* an array of references alone: scaffolds */

struct payload *payload_of(struct orr_object *object);
void payload_set(struct orr_object *object, uint64_t id);
/* Asserts that the payload is as it was set, and returns the id. */
uint64_t payload_check(const struct world *world, struct orr_object *object);

/* --- graphs in heaps ------------------------------------------------------------------------------- */

/* A graph built in a heap, held by two arrays in roots: the scaffold refers to all of its nodes, the anchor
 * to those that the model calls held. */
struct planted {
    const struct graph *graph;
    const char *name; /* of the shape, for messages */
    struct orr_root scaffold, anchor;
};

/* Registers the roots. */
void planted_open(struct planted *planted, struct world *world, const struct graph *graph,
                  const char *name);
/* Allocates the nodes and links them; on any attached thread. */
void planted_build(struct planted *planted, struct orr_thread *thread);
void planted_drop_scaffold(struct planted *planted, struct orr_thread *thread);
void planted_drop_anchor(struct planted *planted, struct orr_thread *thread);
void planted_close(struct planted *planted, struct world *world);

/* Asserts that exactly the nodes alive[] are alive, of all objects with a payload (by the ledger). */
void planted_expect(struct planted *planted, struct world *world, const bool *alive,
                    const char *when);
/* Asserts that payloads and references of all that the anchor reaches are those of the model. */
void planted_check_reachable(struct planted *planted, struct world *world);

/* The whole story of a graph: built, dropped in two steps, settled after each, compared at every turn. */
void world_try_graph(struct world *world, const struct graph *graph, const char *name);

#endif
