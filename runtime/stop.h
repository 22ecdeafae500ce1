/* stop.h - what thread.c and safepoint.c share about stopping the world. */
#ifndef ORR_RUNTIME_STOP_H
#define ORR_RUNTIME_STOP_H

#include "runtime/safepoint.h"

/* No wait trusts a wake alone: every park ends after this and looks again. Long enough to cost nothing,
 * short enough that a lost wake is a hiccup. */
enum { ORR_PARK_NS = 2000000 };

/* A ticket of someone who waits to attach or to come back while the world is stopped. */
void orr_ticket_take(struct orr_heap *heap);
void orr_ticket_return(struct orr_heap *heap);

/* The thread has parked, blocked or answered: tells whoever waits for it. */
void orr_arrival_note(struct orr_thread *thread);

#endif
