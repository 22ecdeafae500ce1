/* raise.c - a thread's pending error. Threads: each its own. */
#include "runtime/raise.h"

#include "runtime/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
orr_raise(struct orr_thread *thread, enum orr_status status, const char *format, ...)
{
    va_list arguments;
    thread->raised.status = status;
    va_start(arguments, format);
    vsnprintf(thread->raised.message, sizeof thread->raised.message, format, arguments);
    va_end(arguments);
}

const struct orr_error *
orr_raised(const struct orr_thread *thread)
{
    return thread->raised.status != ORR_OK ? &thread->raised : NULL;
}

void
orr_raise_clear(struct orr_thread *thread)
{
    thread->raised.status = ORR_OK;
}

void
orr_raise_save(struct orr_thread *thread, struct orr_error *saved)
{
    saved->status = thread->raised.status;
    if (saved->status != ORR_OK)
        memcpy(saved->message, thread->raised.message, sizeof saved->message);
    orr_raise_clear(thread);
}

void
orr_raise_restore(struct orr_thread *thread, const struct orr_error *saved, const char *where)
{
    const struct orr_listener *listener = &thread->heap->listener;
    if (thread->raised.status != ORR_OK) {
        if (listener->failed)
            listener->failed(listener->context, where, thread->raised.message);
        else
            fprintf(stderr, "orrery: error ignored in %s: %s\n", where, thread->raised.message);
    }
    thread->raised.status = saved->status;
    if (saved->status != ORR_OK)
        memcpy(thread->raised.message, saved->message, sizeof saved->message);
}
