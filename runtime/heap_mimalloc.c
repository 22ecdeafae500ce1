/* heap_mimalloc.c - mimalloc as it comes, for comparison.
 *
 * Not walkable: version 2.0 reports blocks that another thread has freed as if they were live. Its memory
 * lies anywhere, so the side table spans all addresses a program can have; it takes memory only where it
 * is touched. Objects that are alive when the heap closes stay with mimalloc.
 */
#include "runtime/account.h"

#include <mimalloc.h>

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif
#ifdef HAS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum { SCRATCH_SHIFT = 5 };

/* 47 bits of addresses, a u32 per 32 bytes. */
#define SCRATCH_BYTES ((size_t)1 << (47 - SCRATCH_SHIFT + 2))

/* --- what ThreadSanitizer cannot see --------------------------------------------------------------- */

/* mimalloc hands a freed block to the next user by atomics of its own, in a library that is not instrumented:
 * the new user's first write would look like a race with the old one's last read. (jemalloc takes locks,
 * which are intercepted.) Pages are cut anew for other sizes, but never leave their segment. */
#define SEGMENT_BYTES ((uintptr_t)1 << 25)

static void
tell_taken(struct orr_object *object)
{
#ifdef HAS_TSAN
    __tsan_acquire((void *)((uintptr_t)object & ~(SEGMENT_BYTES - 1)));
#else
    (void)object;
#endif
}

static void
tell_given(struct orr_object *object)
{
#ifdef HAS_TSAN
    __tsan_release((void *)((uintptr_t)object & ~(SEGMENT_BYTES - 1)));
#else
    (void)object;
#endif
}

/* --- cells ----------------------------------------------------------------------------------------- */

static struct orr_object *
allocate(struct orr_thread *thread, size_t bytes)
{
    if (bytes < 32)
        bytes = 32; /* the side table's distance */
    if (bytes > SIZE_MAX / 2 || !orr_account_spend(thread->heap, thread->heap_private, bytes))
        return NULL;
    struct orr_object *object = orr_refuses_allocation() ? NULL : mi_malloc(bytes);
    if (!object) {
        orr_account_refund(thread->heap, thread->heap_private, bytes);
        return NULL;
    }
    orr_account_took(thread->heap, thread->heap_private);
    tell_taken(object);
    return object;
}

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    size_t bytes = orr_object_bytes(object);
    tell_given(object);
    mi_free(object);
    orr_account_refund(thread->heap, thread->heap_private, bytes < 32 ? 32 : bytes);
}

/* --- the kind -------------------------------------------------------------------------------------- */

static bool
thread_attach(struct orr_thread *thread)
{
    thread->heap_private = orr_allocate(sizeof(struct orr_account));
    return thread->heap_private != NULL;
}

static void
thread_detach(struct orr_thread *thread)
{
    orr_account_close(thread->heap, thread->heap_private);
    orr_deallocate(thread->heap_private);
}

static enum orr_status
open_heap(struct orr_heap *heap, struct orr_error *error)
{
    (void)heap;
    (void)error;
    return ORR_OK;
}

static void
close_heap(struct orr_heap *heap)
{
    if (heap->kind_private)
        orr_pages_release(heap->kind_private, SCRATCH_BYTES);
}

static bool
scratch(struct orr_heap *heap)
{
    heap->kind_private = orr_pages_reserve(SCRATCH_BYTES);
    heap->scratch_shift = SCRATCH_SHIFT;
    heap->scratch_base = (uintptr_t)heap->kind_private;
    return heap->kind_private != NULL;
}

const struct orr_heap_kind orr_heap_mimalloc = {
    .name = "mimalloc",
    .summary = "mimalloc as it comes, for comparison; not walkable",
    .check_every = 64,
    .open = open_heap,
    .close = close_heap,
    .thread_attach = thread_attach,
    .thread_detach = thread_detach,
    .allocate = allocate,
    .release = release,
    .scratch = scratch,
};
