/* collect.h - when a collection starts: the triggers, and the rare halves of allocation. */
#ifndef ORR_RUNTIME_COLLECT_H
#define ORR_RUNTIME_COLLECT_H

#include "runtime/heap.h"

/* After a candidate was buffered: asks this thread to collect at its next safepoint if it is time. */
void orr_candidates_check(struct orr_thread *thread);

/* At a safepoint where collecting is allowed: collects if the trigger says so. */
void orr_collect_if_due(struct orr_thread *thread);

/* Tells the heap's estimate of the living what this thread has allocated and freed since it last told. */
void orr_live_tell(struct orr_thread *thread);

/* The rare half of a birth: shows it to ledger and hook, counts down to a stress collection. */
void orr_born_slow(struct orr_thread *thread, struct orr_object *object);

/* One collection, as *collection asks (cause, urgency, generation, budget_ns); fills the rest. If another thread
 * is collecting: waits, and returns after a collection that began after the call and did what is asked for; or does
 * not wait. number 0 afterwards: this call did not collect. */
void orr_collection_run(struct orr_thread *thread, struct orr_collection *collection, bool waits);

/* The right to collect, for those who must keep others from it. False: another thread has it (or this one). */
bool orr_collecting_begin(struct orr_thread *thread);
void orr_collecting_end(struct orr_thread *thread);

#endif
