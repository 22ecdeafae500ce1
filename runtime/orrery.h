/* orrery.h - the public door: everything a program needs that embeds the library.
 *
 * A heap is put together from four descriptors, chosen by name: a strategy (how references are counted),
 * a collector (how the cycles that counting misses are found), a heap kind (where objects live) and a
 * trigger (when a collection starts by itself). Threads attach to it, and then work on its objects with the
 * operations of mutator.h, which a file includes once a strategy is chosen for it: by linking orrery::biased,
 * or by -DORR_RC=biased -DORR_RC_HEADER='"runtime/rc_biased.h"' -DORR_ROOTED=0.
 *
 *     #include "collectors/catalogue.h"
 *     #include "runtime/mutator.h"
 *     #include "runtime/orrery.h"
 *
 *     #include <inttypes.h>
 *     #include <stdio.h>
 *
 *     static uint16_t person_index;
 *     static const struct orr_type person_type = {
 *         .name = "person",
 *         .bytes = sizeof(struct orr_object) + sizeof(struct orr_slot),
 *         .references = 1, // slot 0: the friend
 *         .index = &person_index,
 *     };
 *
 *     // Two who know each other, and whom nobody else knows: a cycle, which counting alone would never free.
 *     static bool
 *     meet(struct orr_thread *thread)
 *     {
 *         ORR_OWN(thread, one, orr_new(thread, &person_type)); // released when the scope ends
 *         ORR_OWN(thread, other, orr_new(thread, &person_type));
 *         if (!one.ref || !other.ref)
 *             return false; // no memory; the heap is intact
 *         orr_set(thread, one.ref, 0, other.ref);
 *         orr_set(thread, other.ref, 0, one.ref);
 *         return true;
 *     }
 *
 *     int
 *     main(void)
 *     {
 *         struct orr_error error;
 *         struct orr_heap *heap;
 *         struct orr_thread *thread;
 *         struct orr_gc_result result = {0};
 *         const struct orr_heap_options options = {
 *             .rc = orr_rc_find("biased"),
 *             .collector = orr_collector_find("generations"),
 *             .kind = orr_heap_kind_find("blocks"),
 *             .trigger.kind = ORR_TRIGGER_KINDS, // the collector's own
 *             .workers = ORR_WORKERS_AUTO,
 *         };
 *         if (orr_type_register(&person_type, &error) != ORR_OK ||
 *             orr_heap_create(&options, &heap, &error) != ORR_OK ||
 *             orr_thread_attach(heap, &thread, &error) != ORR_OK) {
 *             puts(error.message);
 *             return 1;
 *         }
 *         if (meet(thread))
 *             orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL);
 *         printf("%" PRIu64 " were unreachable\n", result.unreachable); // 2
 *         orr_thread_detach(thread);
 *         orr_heap_destroy(heap);
 *         return 0;
 *     }
 *
 * Where to look, by what you want to do:
 *   make a heap         object.h (types), heap.h (options, roots, totals), thread.h (attach, detach, blocking),
 *                       collectors/catalogue.h and configure.h (names, options as text)
 *   work on objects     mutator.h (births, references, slots, unique and immortal objects), local.h
 *   control collections gc.h (when, thresholds, statistics, callbacks, debug flags, the garbage list, freezing,
 *                       the bound on garbage)
 *   know of deaths      finalize and destroy in object.h, finalize.h (the registry), raise.h (their errors)
 *   refer weakly        weak.h, weakmap.h
 *   look inside         inspect.h (lists, referrers, cycles, why something is alive), events.h (listener)
 *   fork                fork.h
 *   end                 finish.h (last finalizers, leak report)
 *   find mistakes       diagnose.h (whose trace lies), verify.h, ledger.h; builds with ORR_CHECKED
 *   know when it stops  safepoint.h (polls, stops, settle); who keeps it waiting: late_ms in heap.h
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
 * Misuse aborts with a sentence (error.h); what the world refuses comes back as a status and a sentence.
 */
#ifndef ORR_RUNTIME_ORRERY_H
#define ORR_RUNTIME_ORRERY_H

#include "runtime/diagnose.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/finalize.h"
#include "runtime/finish.h"
#include "runtime/fork.h"
#include "runtime/gc.h"
#include "runtime/heap.h"
#include "runtime/inspect.h"
#include "runtime/ledger.h"
#include "runtime/local.h"
#include "runtime/object.h"
#include "runtime/raise.h"
#include "runtime/rc.h"
#include "runtime/safepoint.h"
#include "runtime/thread.h"
#include "runtime/verify.h"
#include "runtime/weak.h"
#include "runtime/weakmap.h"

#endif
