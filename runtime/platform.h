/* platform.h - the shim over the operating system: memory, pages, locks, parking, threads, clock.
 *
 * With atomics.h it is the only way of runtime/ and collectors/ to the machine, so that fault injection
 * and a schedule explorer can stand underneath. platform_linux.c is the one implementation.
 */
#ifndef ORR_RUNTIME_PLATFORM_H
#define ORR_RUNTIME_PLATFORM_H

#include "runtime/atomics.h"

#include <pthread.h>
#include <stddef.h>

/* --- memory for the runtime's own books (never for objects) ------------------------------------ */

/* Zeroed memory or null. Any thread. The caller frees it with orr_deallocate. */
void *orr_allocate(size_t bytes);
/* As realloc; the new tail is not zeroed. On null the old block is untouched. */
void *orr_reallocate(void *block, size_t bytes);
void orr_deallocate(void *block);

/* Fault injection for tests: the n-th orr_allocate, orr_reallocate, orr_pages_reserve or
 * orr_refuses_allocation from now fails once (n = 1 is the next; 0 switches it off). With persistent, every one
 * from the n-th on fails. */
void orr_fail_allocation(uint64_t n, bool persistent);

/* For memory that another library gives, such as cells of objects: asked before, and true as if that library had
 * none. One load while nothing is injected. */
extern _Atomic(uint64_t) orr_allocations_left; /* until the injected failure; 0: off */
bool orr_refuse_allocation(void);
/* A macro, so that the place of the call is who asked. relaxed: a test's own counter */
#define orr_refuses_allocation()                                                                   \
    (__builtin_expect(orr_load_relaxed(&orr_allocations_left) != 0, 0) && orr_refuse_allocation())

/* --- pages -------------------------------------------------------------------------------------- */

/* Reserves readable, writable address space that takes memory only when touched; null if refused. */
void *orr_pages_reserve(size_t bytes);
void orr_pages_release(void *start, size_t bytes);
/* Gives the memory back; the range stays readable and reads zero. */
void orr_pages_discard(void *start, size_t bytes);
/* Makes any access to the pages a fault (true), or allows it again. */
void orr_pages_protect(void *start, size_t bytes, bool protect);
/* Asks for huge pages; a hint. */
void orr_pages_prefer_huge(void *start, size_t bytes);

/* --- locks, parking, threads -------------------------------------------------------------------- */

struct orr_mutex {
    pthread_mutex_t inner;
};
void orr_mutex_init(struct orr_mutex *mutex);
void orr_mutex_fini(struct orr_mutex *mutex);
void orr_mutex_lock(struct orr_mutex *mutex);
/* Takes the lock if that needs no waiting; returns whether it did. */
bool orr_mutex_try_lock(struct orr_mutex *mutex);
void orr_mutex_unlock(struct orr_mutex *mutex);

/* Sleeps while *word == expected, until a wake, a spurious wake or timeout_ns. The caller re-checks. */
void orr_park(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns);
void orr_wake_all(_Atomic(uint32_t) *word);
void orr_yield(void);

struct orr_os_thread {
    pthread_t inner;
};
/* Returns false if the system refuses another thread. stack_bytes 0: the system's choice. */
bool orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument,
                         size_t stack_bytes);
/* Fault injection for tests, as orr_fail_allocation: the n-th start from now returns false. */
void orr_fail_thread_start(uint64_t n, bool persistent);
void orr_os_thread_join(struct orr_os_thread *thread);
/* The system's number of the calling thread: what debuggers and /proc call it. */
uint32_t orr_os_thread_id(void);
/* Which living thread of the process calls. */
static inline uintptr_t
orr_os_thread_self(void)
{
    return (uintptr_t)pthread_self();
}
/* When the calling thread ends, calls `check`, after the program's own destructors of thread-specific data had
 * their turn. Not for a thread that ends with the process. Again and again is fine; one `check` per process. */
void orr_os_thread_at_end(void (*check)(void));
unsigned orr_processor_count(void);
/* Binds the calling thread to one processor; a hint. */
void orr_pin_to_processor(unsigned processor);

/* --- time --------------------------------------------------------------------------------------- */

/* Nanoseconds that never go back: on no thread, and from one that published to one that looked by no more than
 * a millisecond, even if the system's clock does (a faked one can). A step forward is time that has passed. */
uint64_t orr_clock_ns(void);
/* Processor time of the calling thread, nanoseconds. */
uint64_t orr_thread_cpu_ns(void);
void orr_sleep_ns(uint64_t ns);

#endif
