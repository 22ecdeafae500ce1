/* bundle.h - an array of references that the runtime hands to a program: lists of objects, paths.
 *
 * Each item begins with the reference, which is counted, and, where collectors find the living by
 * roots (no counts, or a collector that needs roots), lies in a registered root as well. So a
 * bundle keeps what it names alive under every strategy and collector, and needs no local.
 *
 *   | count, item bytes, roots? | item 0 | item 1 | ... | root 0 | root 1 | ...
 *                               ^ what the program gets
 *
 * Threads: filled by the stopper, with the world stopped; freed by any attached, running thread.
 */
#ifndef ORR_RUNTIME_BUNDLE_H
#define ORR_RUNTIME_BUNDLE_H

#include "runtime/heap.h"

/* Items of zeroes; null: no memory. */
void *orr_bundle_new(struct orr_heap *heap, uint64_t count, uint32_t item_bytes);

/* World stopped. Puts another reference to the object into item i, which is empty. */
void orr_bundle_put(struct orr_thread *thread, void *items, uint64_t i, struct orr_object *object);

/* Releases the references, and the memory. Null is fine. `count` is what the program was told. */
void orr_bundle_free(struct orr_thread *thread, void *items, uint64_t count);

#endif
