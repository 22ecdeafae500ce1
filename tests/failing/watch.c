/* watch.c - the wrappers, the ledger of blocks, the table of places. */
#define _GNU_SOURCE
#include "tests/failing/watch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

/* --- shared by processes ------------------------------------------------------------------------------ */

struct site {
    _Atomic(uintptr_t) address;
    _Atomic(uint64_t) times;
};

struct shared {
    _Atomic(uint64_t) refusals;
    struct site sites[WATCH_SITES_MAX];
};

static struct shared *shared;

void
watch_open(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
}

/* relaxed, all: numbers, read when the other processes have ended */
static void
note_refusal(const void *caller)
{
    if (!shared)
        return;
    orr_add_relaxed(&shared->refusals, 1);
    for (size_t i = (uintptr_t)caller * 0x9e3779b97f4a7c15u >> 52, tries = 0; tries < WATCH_SITES_MAX;
         i = (i + 1) % WATCH_SITES_MAX, tries++) {
        struct site *site = &shared->sites[i];
        uintptr_t address = orr_load_relaxed(&site->address);
        if (address == 0)
            orr_cas_relaxed(&site->address, &address, (uintptr_t)caller);
        if (orr_load_relaxed(&site->address) != (uintptr_t)caller)
            continue;
        orr_add_relaxed(&site->times, 1);
        return;
    }
}

uint64_t
watch_refusals(void)
{
    return orr_load_relaxed(&shared->refusals);
}

/* The address is the one after the call: one less lies in it. */
void
watch_write_sites(FILE *file)
{
    for (size_t i = 0; i < WATCH_SITES_MAX; i++) {
        uintptr_t address = orr_load_relaxed(&shared->sites[i].address);
        Dl_info facts;
        if (address != 0 && dladdr((void *)address, &facts) != 0)
            fprintf(file, "0x%lx %lu\n", (unsigned long)(address - 1 - (uintptr_t)facts.dli_fbase),
                    (unsigned long)orr_load_relaxed(&shared->sites[i].times));
    }
}

/* --- the ledger --------------------------------------------------------------------------------------- */

struct block {
    const void *start; /* null: free; GONE: was one */
    const void *caller;
    uint64_t number;
};

enum { PLACES = 1 << 17 };
#define GONE ((const void *)1)

static struct block blocks[PLACES];
static uint64_t requests, alive;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t
home_of(const void *start)
{
    return (uintptr_t)start * 0x9e3779b97f4a7c15u >> 47;
}

static void
enter(const void *start, const void *caller)
{
    pthread_mutex_lock(&lock);
    size_t i = home_of(start);
    while (blocks[i].start && blocks[i].start != GONE)
        i = (i + 1) % PLACES;
    blocks[i] = (struct block){.start = start, .caller = caller, .number = ++requests};
    if (++alive > PLACES / 2)
        abort();
    pthread_mutex_unlock(&lock);
}

/* Some come from elsewhere: what realpath gives is given back by orr_deallocate. */
static void
leave(const void *start)
{
    pthread_mutex_lock(&lock);
    size_t i = home_of(start);
    while (blocks[i].start && blocks[i].start != start)
        i = (i + 1) % PLACES;
    if (blocks[i].start) {
        blocks[i].start = blocks[(i + 1) % PLACES].start ? GONE : NULL;
        alive--;
    }
    pthread_mutex_unlock(&lock);
}

uint64_t
watch_blocks(void)
{
    pthread_mutex_lock(&lock);
    const uint64_t count = alive;
    pthread_mutex_unlock(&lock);
    return count;
}

uint64_t
watch_requests(void)
{
    pthread_mutex_lock(&lock);
    const uint64_t count = requests;
    pthread_mutex_unlock(&lock);
    return count;
}

void
watch_print_since(uint64_t count, FILE *file)
{
    for (size_t i = 0; i < PLACES; i++) {
        Dl_info facts;
        if (blocks[i].start && blocks[i].start != GONE && blocks[i].number > count &&
            dladdr(blocks[i].caller, &facts) != 0)
            fprintf(file, "  a block of request %lu, addr2line 0x%lx\n",
                    (unsigned long)(blocks[i].number - count),
                    (unsigned long)((uintptr_t)blocks[i].caller - 1 - (uintptr_t)facts.dli_fbase));
    }
}

/* --- the wrappers ------------------------------------------------------------------------------------- */

void *__real_orr_allocate(size_t bytes);
void *__real_orr_reallocate(void *block, size_t bytes);
void __real_orr_deallocate(void *block);
void *__real_orr_pages_reserve(size_t bytes);
void __real_orr_pages_release(void *start, size_t bytes);
bool __real_orr_refuse_allocation(void);
bool __real_orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument,
                                size_t stack_bytes);

void *__wrap_orr_allocate(size_t bytes);
void *__wrap_orr_reallocate(void *block, size_t bytes);
void __wrap_orr_deallocate(void *block);
void *__wrap_orr_pages_reserve(size_t bytes);
void __wrap_orr_pages_release(void *start, size_t bytes);
bool __wrap_orr_refuse_allocation(void);
bool __wrap_orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument,
                                size_t stack_bytes);

static void *
note(void *start, const void *caller)
{
    if (start)
        enter(start, caller);
    else
        note_refusal(caller);
    return start;
}

void *
__wrap_orr_allocate(size_t bytes)
{
    return note(__real_orr_allocate(bytes), __builtin_return_address(0));
}

/* Out of the ledger before: another thread may get the old address at once. */
void *
__wrap_orr_reallocate(void *block, size_t bytes)
{
    if (block)
        leave(block);
    void *fresh = note(__real_orr_reallocate(block, bytes), __builtin_return_address(0));
    if (!fresh && block)
        enter(block, __builtin_return_address(0));
    return fresh;
}

void
__wrap_orr_deallocate(void *block)
{
    if (block)
        leave(block);
    __real_orr_deallocate(block);
}

void *
__wrap_orr_pages_reserve(size_t bytes)
{
    return note(__real_orr_pages_reserve(bytes), __builtin_return_address(0));
}

void
__wrap_orr_pages_release(void *start, size_t bytes)
{
    leave(start);
    __real_orr_pages_release(start, bytes);
}

bool
__wrap_orr_refuse_allocation(void)
{
    const bool refuses = __real_orr_refuse_allocation();
    if (refuses)
        note_refusal(__builtin_return_address(0));
    return refuses;
}

bool
__wrap_orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument,
                           size_t stack_bytes)
{
    const bool started = __real_orr_os_thread_start(thread, body, argument, stack_bytes);
    if (!started)
        note_refusal(__builtin_return_address(0));
    return started;
}
