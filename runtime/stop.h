/* stop.h - what thread.c, safepoint.c and fork.c share about stopping the world and leaving it, and how long they and
 * others wait awake. */
#ifndef ORR_RUNTIME_STOP_H
#define ORR_RUNTIME_STOP_H

#include "runtime/safepoint.h"

/* No wait trusts a wake alone: every park ends after this and looks again. Long enough to cost nothing,
 * short enough that a lost wake is a hiccup. */
enum { ORR_PARK_NS = 2000000 };

/* Looks at a thread before sleeping: one that runs polls within microseconds; on two processors the one we wait for may
 * need ours, so then we yield. */
enum { ORR_WAIT_SPINS = 200, ORR_WAIT_YIELDS = 20 };

/* Looks of a worker, or at workers, before sleeping: some microseconds, for jobs of one collection follow one another
 * closely. */
enum { ORR_TEAM_SPINS = 2000 };

/* A ticket of someone who waits to attach, to detach or to come back while the world is stopped. */
void orr_ticket_take(struct orr_heap *heap);
void orr_ticket_return(struct orr_heap *heap);

/* The thread leaves the registry: its counters join those of the gone. books_lock is held, or nobody else there. */
void orr_counters_hand_over(struct orr_thread *thread);

/* The thread has parked, blocked or answered: tells whoever waits for it. */
void orr_arrival_note(struct orr_thread *thread);

#endif
