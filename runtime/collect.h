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

/* The thresholds a heap starts with. */
void orr_triggers_init(struct orr_heap *heap);

#endif
