/* orrery.h - the public door: everything a program needs that embeds the library.
 *
 * A heap is put together from four descriptors, chosen by name: a strategy (how references are counted),
 * a collector (how the cycles that counting misses are found), a heap kind (where objects live) and a
 * trigger (when a collection starts by itself). Threads attach to it, and then work on its objects with the
 * operations of mutator.h, which a file includes once a strategy is chosen for it.
 *
 *     struct orr_error error;
 *     struct orr_heap_options options = {
 *         .rc = orr_rc_find("biased"),
 *         .collector = orr_collector_find("trial"),      (collectors/catalogue.h)
 *         .kind = orr_heap_kind_find("blocks"),
 *         .trigger = {.kind = ORR_TRIGGER_KINDS},        (the collector's own)
 *         .workers = ORR_WORKERS_AUTO,
 *     };
 *     struct orr_heap *heap;
 *     struct orr_thread *thread;
 *     if (orr_heap_create(&options, &heap, &error) != ORR_OK ||
 *         orr_thread_attach(heap, &thread, &error) != ORR_OK)
 *         puts(error.message);
 *
 * The laws (asserted in checked builds, ORR_CHECKED):
 *   1  trace reports every counted reference of an object exactly once
 *   2  who writes a field of an object, or hands the object on, holds a reference to it
 *   3  a slot store retains the new value, exchanges the slot, releases the old, in this order
 *   4  a load of a slot that others may write returns a held reference or null
 *   5  one party frees: the one whose read-modify-write made the count zero
 *   6  after callbacks of the dead, unreachability is proved again
 *   7  freeing is iterative; a cascade may be cut into slices
 *   8  every wait of a mutator is a measured pause with a cause
 *   9  allocated - freed = live, at every quiescent point
 *   10 one object layout for all strategies, 16-byte header
 *
 * Where to look: error.h, object.h (types), heap.h (options, roots, totals), thread.h (attach, detach,
 * blocking regions), safepoint.h (polls, stops, collect, settle), events.h (listener), verify.h, ledger.h.
 * Misuse aborts with a sentence; what the world refuses comes back as a status and a sentence.
 */
#ifndef ORR_RUNTIME_ORRERY_H
#define ORR_RUNTIME_ORRERY_H

#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/heap.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/object.h"
#include "runtime/rc.h"
#include "runtime/safepoint.h"
#include "runtime/thread.h"
#include "runtime/verify.h"

#endif
