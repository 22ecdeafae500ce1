/* platform_linux.c - the shim over Linux and pthreads. */
#define _GNU_SOURCE
#include "runtime/platform.h"

#include "runtime/assert.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void
orr_assertion_failed(const char *file, int line, const char *expression, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "orrery: %s:%d: thread %ld: (%s) is false: ", file, line,
            syscall(SYS_gettid), expression);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    abort();
}

/* --- injected failures -------------------------------------------------------------------------- */

/* Relaxed, all: a test's own counters. */
_Atomic(uint64_t) orr_allocations_left;
static _Atomic(bool) allocations_stay;
static _Atomic(uint64_t) starts_left;
static _Atomic(bool) starts_stay;

/* Counts down to 1, where the failure is, and there to 0 unless it is to stay. */
static bool
must_fail(_Atomic(uint64_t) *left, const _Atomic(bool) *stays)
{
    uint64_t seen = orr_load_relaxed(left);
    while (seen != 0) {
        if (seen == 1 && orr_load_relaxed(stays))
            return true;
        if (orr_cas_relaxed(left, &seen, seen - 1))
            return seen == 1;
    }
    return false;
}

void
orr_fail_allocation(uint64_t n, bool persistent)
{
    orr_store_relaxed(&allocations_stay, persistent);
    orr_store_relaxed(&orr_allocations_left, n);
}

bool
orr_refuse_allocation(void)
{
    return must_fail(&orr_allocations_left, &allocations_stay);
}

void
orr_fail_thread_start(uint64_t n, bool persistent)
{
    orr_store_relaxed(&starts_stay, persistent);
    orr_store_relaxed(&starts_left, n);
}

/* --- memory ------------------------------------------------------------------------------------- */

void *
orr_allocate(size_t bytes)
{
    return orr_refuses_allocation() ? NULL : calloc(1, bytes);
}

void *
orr_reallocate(void *block, size_t bytes)
{
    return orr_refuses_allocation() ? NULL : realloc(block, bytes);
}

void
orr_deallocate(void *block)
{
    free(block);
}

/* --- pages -------------------------------------------------------------------------------------- */

void *
orr_pages_reserve(size_t bytes)
{
    if (orr_refuses_allocation())
        return NULL;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void
orr_pages_release(void *start, size_t bytes)
{
    munmap(start, bytes);
}

void
orr_pages_discard(void *start, size_t bytes)
{
    madvise(start, bytes, MADV_DONTNEED);
}

void
orr_pages_protect(void *start, size_t bytes, bool protect)
{
    mprotect(start, bytes, protect ? PROT_NONE : PROT_READ | PROT_WRITE);
}

void
orr_pages_prefer_huge(void *start, size_t bytes)
{
    madvise(start, bytes, MADV_HUGEPAGE);
}

/* --- locks, parking, threads -------------------------------------------------------------------- */

void
orr_mutex_init(struct orr_mutex *mutex)
{
    pthread_mutex_init(&mutex->inner, NULL);
}

void
orr_mutex_fini(struct orr_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->inner);
}

void
orr_mutex_lock(struct orr_mutex *mutex)
{
    pthread_mutex_lock(&mutex->inner);
}

bool
orr_mutex_try_lock(struct orr_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->inner) == 0;
}

void
orr_mutex_unlock(struct orr_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->inner);
}

void
orr_park(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                             .tv_nsec = (long)(timeout_ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &limit, NULL, 0);
}

void
orr_wake_all(_Atomic(uint32_t) *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}

void
orr_yield(void)
{
    sched_yield();
}

bool
orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument,
                    size_t stack_bytes)
{
    pthread_attr_t attributes;
    if (must_fail(&starts_left, &starts_stay))
        return false;
    pthread_attr_init(&attributes);
    if (stack_bytes)
        pthread_attr_setstacksize(&attributes, stack_bytes);
    int refused = pthread_create(&thread->inner, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    return refused == 0;
}

void
orr_os_thread_join(struct orr_os_thread *thread)
{
    pthread_join(thread->inner, NULL);
}

uint32_t
orr_os_thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;
static bool has_end_key; /* written once, before anybody looks */
static _Atomic(uintptr_t) end_check;

/* Destructors run in rounds, in no order: `round` counts them. The last one is left to whoever must come last:
 * ThreadSanitizer ends its own account of the thread there, and code that it compiled may not run after that. */
enum { LAST_LOOK = PTHREAD_DESTRUCTOR_ITERATIONS - 1 };

static void
end_of_thread(void *round)
{
    if ((uintptr_t)round < LAST_LOOK)
        pthread_setspecific(end_key, (char *)round + 1);
    else
        ((void (*)(void))orr_load_relaxed(&end_check))(); /* relaxed: ours, or the same from another thread */
}

static void
make_end_key(void)
{
    /* If the program has used up all keys, nobody looks. */
    has_end_key = pthread_key_create(&end_key, end_of_thread) == 0;
}

void
orr_os_thread_at_end(void (*check)(void))
{
    static _Thread_local bool is_watched;
    if (is_watched)
        return;
    is_watched = true;
    orr_store_relaxed(&end_check, (uintptr_t)check);
    pthread_once(&end_once, make_end_key);
    if (has_end_key)
        pthread_setspecific(end_key, (void *)1);
}

unsigned
orr_processor_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&allowed);
}

void
orr_pin_to_processor(unsigned processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* --- time --------------------------------------------------------------------------------------- */

static uint64_t
read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The system's clock is believed as long as it goes forward. When it steps back (debuggers, virtual machines and
 * libfaketime do that), the step is added to `clock_lost`, for all threads, and time goes on where it was: else an
 * interval would be a number near 2^64, and a deadline a day away. */
static _Atomic(uint64_t) clock_lost; /* nanoseconds that the system's clock has taken back */
static _Atomic(uint64_t) clock_most; /* what was read last, by any thread, to within CLOCK_GRAIN_NS */

enum { CLOCK_GRAIN_NS = 1000000 }; /* so that a thousand writes a second share the word, and not every read */

/* The system's clock may say less than nothing, so numbers are compared by their distance. */
static bool
is_before(uint64_t one_ns, uint64_t other_ns)
{
    return (int64_t)(one_ns - other_ns) < 0;
}

/* relaxed, all of this: the value itself is the message, and each thread keeps to its own last reading */
static uint64_t
mend_clock(uint64_t at_least)
{
    uint64_t lost = orr_load_relaxed(&clock_lost);
    for (;;) {
        uint64_t now = read_clock(CLOCK_MONOTONIC) + lost;
        if (!is_before(now, at_least))
            return now;
        if (orr_cas_relaxed(&clock_lost, &lost, lost + (at_least - now)))
            return at_least;
    }
}

uint64_t
orr_clock_ns(void)
{
    static _Thread_local uint64_t last;
    uint64_t most = orr_load_acquire(&clock_most); /* acquire: the clock is read after it */
    uint64_t at_least = last > most ? last : most;
    uint64_t now = read_clock(CLOCK_MONOTONIC) + orr_load_relaxed(&clock_lost);
    if (__builtin_expect(is_before(now, at_least), 0))
        now = mend_clock(at_least);
    if (now - most > CLOCK_GRAIN_NS)
        orr_cas_acq_rel(&clock_most, &most, now); /* or another thread wrote a later one */
    last = now;
    return now;
}

uint64_t
orr_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void
orr_sleep_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_nsec = (long)(ns % 1000000000u)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}
