/* late.c - who keeps the world waiting. */
#include "runtime/late.h"

#include <inttypes.h>
#include <stdio.h>

bool
orr_wait_is_late(const struct orr_heap *heap, struct orr_wait *wait)
{
    uint64_t patience_ns = heap->options.late_ms * 1000000;
    if (patience_ns == 0)
        return false;
    uint64_t now_ns = orr_clock_ns();
    if (wait->start_ns == 0) {
        wait->start_ns = now_ns;
        wait->tell_ns = now_ns + patience_ns;
    }
    if (now_ns < wait->tell_ns)
        return false;
    wait->tell_ns = now_ns + (now_ns - wait->start_ns);
    return true;
}

static void
name_thread(char *name, size_t bytes, uint32_t id, uint32_t os_id)
{
    if (id && os_id)
        snprintf(name, bytes, "thread %" PRIu32 " (system thread %" PRIu32 ")", id, os_id);
    else if (id)
        snprintf(name, bytes, "thread %" PRIu32, id);
    else
        snprintf(name, bytes, "a thread that is not attached");
}

void
orr_wait_tell(const struct orr_heap *heap, const struct orr_wait *wait, struct orr_late late)
{
    const struct orr_listener *listener = &heap->listener;
    char culprit[64], waiter[64];
    late.waited_ns = orr_clock_ns() - wait->start_ns;
    if (listener->late) {
        listener->late(listener->context, &late);
        return;
    }
    name_thread(culprit, sizeof culprit, late.thread_id, late.os_id);
    name_thread(waiter, sizeof waiter, late.waiter_id, 0);
    fprintf(stderr, "orrery: %s %s: %s has waited for it for %.3f s, %s\n", culprit, late.doing, waiter,
            (double)late.waited_ns / 1e9, late.awaited);
}
