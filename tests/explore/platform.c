/* platform.c - runtime/platform.h over fibres: locks, parking, threads, a virtual clock, memory of the arena; and
 * the range of addresses of space.h, which elsewhere is jemalloc's.
 *
 * A lock is two words in the bytes of the system's: the fibre that holds it + 1, or 0. Locks, unlocks, parks and
 * wakes are points where the lock or the word is shared; so is a free of what another fibre has ever touched.
 */
#include "runtime/platform.h"

#include "runtime/space.h"
#include "tests/explore/machine.h"

#include <string.h>

#define HERE __builtin_return_address(0)

enum {
    POISON = 0xdd,
    POISON_BYTES = 128,
    PAGES_MOST = 256 << 10 /* of a reservation: no small world fills more; beyond it, all is dead */
};

/* --- memory --------------------------------------------------------------------------------------- */

/* How many more operations succeed before the injected failure; 0: off. */
_Atomic(uint64_t) orr_allocations_left;
static uint64_t starts_left;
static bool allocations_stay, starts_stay;

static bool
must_fail(uint64_t *left, bool stays)
{
    if (*left == 0)
        return false;
    if (*left > 1) {
        --*left;
        return false;
    }
    *left = stays;
    return true;
}

void
orr_fail_allocation(uint64_t n, bool persistent)
{
    allocations_stay = persistent;
    *(uint64_t *)&orr_allocations_left = n;
}

bool
orr_refuse_allocation(void)
{
    return must_fail((uint64_t *)&orr_allocations_left, allocations_stay);
}

void
orr_fail_thread_start(uint64_t n, bool persistent)
{
    starts_stay = persistent;
    starts_left = n;
}

void *
orr_allocate(size_t bytes)
{
    return orr_refuse_allocation() ? NULL : world_allocate(bytes, 16);
}

static void
free_block(void *block, const void *place)
{
    size_t bytes = world_block_bytes(block);
    unsigned self = machine.self;
    if (self != OUTSIDE) {
        machine.fibre[self].accesses++;
        if (machine.all_points || world_is_shared(block, bytes, self))
            point((uintptr_t)block, true);
        note_if(KIND_FREE, (uintptr_t)block, 0, bytes, 0, place);
    }
    if (EXPLORE_IS_FULL && self != OUTSIDE)
        memory_plain((uintptr_t)block, bytes, false); /* its own stores to it come before */
    world_kill(block, bytes);
    if (EXPLORE_IS_FULL && self != OUTSIDE)
        race_free((uintptr_t)block, bytes, place);
    size_t poisoned = bytes < POISON_BYTES ? bytes : POISON_BYTES;
    for (size_t i = 0; i < poisoned; i++)
        ((volatile unsigned char *)block)[i] = POISON;
}

/* Always moves, so that who keeps the old address is found out. */
void *
orr_reallocate(void *block, size_t bytes)
{
    void *fresh = orr_allocate(bytes);
    if (!fresh || !block)
        return fresh;
    size_t old = world_block_bytes(block);
    __builtin_memcpy(fresh, block, old < bytes ? old : bytes);
    free_block(block, HERE);
    return fresh;
}

void
orr_deallocate(void *block)
{
    if (block)
        free_block(block, HERE);
}

void *
orr_pages_reserve(size_t bytes)
{
    if (orr_refuse_allocation())
        return NULL;
    size_t given = bytes < PAGES_MOST ? bytes : PAGES_MOST;
    void *start = world_allocate(given + 4096, 4096);
    if (start)
        world_kill((char *)start + given, 4096);
    return start;
}

void
orr_pages_release(void *start, size_t bytes)
{
    world_kill(start, bytes < PAGES_MOST ? bytes : PAGES_MOST);
}

void
orr_pages_discard(void *start, size_t bytes)
{
    __builtin_memset(start, 0, bytes < PAGES_MOST ? bytes : PAGES_MOST);
}

void
orr_pages_protect(void *start, size_t bytes, bool protect)
{
    if (protect)
        world_kill(start, bytes);
    else
        world_revive(start, bytes);
}

void
orr_pages_prefer_huge(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

/* --- locks ---------------------------------------------------------------------------------------- */

static uint32_t *
holder_of(struct orr_mutex *mutex)
{
    return (uint32_t *)mutex;
}

static_assert(sizeof(struct orr_mutex) >= sizeof(uint32_t), "the holder fits");

/* An operation on a word that is no access of the program's: a point if others operate on it too. */
static void
before(const void *word, const void *place)
{
    uintptr_t address = (uintptr_t)word;
    machine.fibre[machine.self].accesses++;
    if (!world_has(address))
        return;
    if (!(FLAGS[address] & FLAG_POINT) && !(TOUCHED[address] & 0x10u << machine.self))
        touch_slow(address, 4, true);
    if (FLAGS[address] & FLAG_DEAD) {
        char text[64];
        world_describe(address, text, sizeof text);
        note_if(KIND_LOCK, address, 0, 0, 0, place);
        verdict("use after free", "of a lock or a parking place in %s", text);
    }
    if ((FLAGS[address] & FLAG_POINT) || machine.all_points)
        point(address, true);
    if (EXPLORE_IS_FULL)
        memory_drain();
}

void
orr_mutex_init(struct orr_mutex *mutex)
{
    *holder_of(mutex) = 0;
}

void
orr_mutex_fini(struct orr_mutex *mutex)
{
    if (*holder_of(mutex) != 0)
        verdict("lock", "a lock is ended while %u holds it", *holder_of(mutex) - 1);
}

static void
taken(struct orr_mutex *mutex, const void *place)
{
    *holder_of(mutex) = machine.self + 1;
    if (EXPLORE_IS_FULL)
        race_acquire(mutex);
    note_if(KIND_LOCK, (uintptr_t)mutex, 0, 0, 0, place);
}

void
orr_mutex_lock(struct orr_mutex *mutex)
{
    if (machine.self == OUTSIDE) {
        if (*holder_of(mutex) != 0)
            verdict("deadlock", "a lock is still held by %u when all have ended", *holder_of(mutex) - 1);
        *holder_of(mutex) = OUTSIDE + 1;
        return;
    }
    before(mutex, HERE);
    if (*holder_of(mutex) == machine.self + 1)
        verdict("deadlock", "%u takes a lock that it holds", machine.self);
    while (*holder_of(mutex) != 0)
        point_wait(FIBRE_LOCKING, mutex);
    taken(mutex, HERE);
}

bool
orr_mutex_try_lock(struct orr_mutex *mutex)
{
    if (machine.self != OUTSIDE)
        before(mutex, HERE);
    if (*holder_of(mutex) != 0)
        return false;
    if (machine.self == OUTSIDE)
        *holder_of(mutex) = OUTSIDE + 1;
    else
        taken(mutex, HERE);
    return true;
}

void
orr_mutex_unlock(struct orr_mutex *mutex)
{
    if (machine.self != OUTSIDE)
        before(mutex, HERE);
    if (*holder_of(mutex) != machine.self + 1)
        verdict("lock", "%u opens a lock that it does not hold", machine.self);
    if (EXPLORE_IS_FULL && machine.self != OUTSIDE)
        race_release(mutex);
    *holder_of(mutex) = 0;
    if (machine.self == OUTSIDE)
        return;
    note_if(KIND_UNLOCK, (uintptr_t)mutex, 0, 0, 0, HERE);
    point_moved();
    for (unsigned i = 0; i < machine.fibres; i++)
        if (machine.fibre[i].state == FIBRE_LOCKING && machine.fibre[i].waits_for == mutex)
            point_wake(i);
}

/* --- parking, yielding ---------------------------------------------------------------------------- */

static void
park(const uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct fibre *fibre = &machine.fibre[machine.self];
    fibre->until_ns = machine.clock_ns + timeout_ns;
    fibre->word = word;
    fibre->expected = expected;
    point_wait(FIBRE_PARKED, word);
}

void
orr_park(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns)
{
    if (machine.self == OUTSIDE)
        verdict("deadlock", "setup or an oracle waits");
    before((const void *)word, HERE);
    note_if(KIND_PARK, (uintptr_t)word, 4, expected, 0, HERE);
    if (*(uint32_t *)word != expected)
        return;
    park((const uint32_t *)word, expected, timeout_ns);
}

void
orr_wake_all(_Atomic(uint32_t) *word)
{
    if (machine.self == OUTSIDE)
        return;
    before((const void *)word, HERE);
    note_if(KIND_WAKE, (uintptr_t)word, 4, 0, 0, HERE);
    point_moved();
    for (unsigned i = 0; i < machine.fibres; i++)
        if (machine.fibre[i].state == FIBRE_PARKED && machine.fibre[i].waits_for == (const void *)word)
            point_wake(i);
}

void
orr_yield(void)
{
    if (machine.self == OUTSIDE)
        verdict("deadlock", "setup or an oracle waits in a loop");
    machine.fibre[machine.self].accesses++;
    point_yield();
}

void
orr_spin_hint(void)
{
    orr_yield();
}

void
explore_step(void)
{
    if (machine.self == OUTSIDE)
        return;
    machine.fibre[machine.self].accesses++;
    point(0, false);
}

unsigned
explore_timeouts(void)
{
    return machine.timeouts;
}

unsigned
explore_self(void)
{
    return machine.self;
}

/* --- threads -------------------------------------------------------------------------------------- */

/* In setup: a fibre of each schedule, which may end without it. In a body: from now on in this schedule. */
bool
orr_os_thread_start(struct orr_os_thread *thread, void *(*body)(void *), void *argument, size_t stack_bytes)
{
    (void)stack_bytes;
    unsigned first = machine.scenario->fibres, index = machine.fibres < first ? first : machine.fibres;
    if (must_fail(&starts_left, starts_stay) || index >= FIBRES)
        return false;
    struct fibre *fibre = &machine.fibre[index];
    machine.fibres = index + 1;
    fibre->is_service = true;
    fibre->start = body;
    fibre->argument = argument;
    *(unsigned *)thread = index;
    if (machine.self != OUTSIDE)
        point_begin(index);
    return true;
}

void
orr_os_thread_join(struct orr_os_thread *thread)
{
    struct fibre *fibre = &machine.fibre[*(unsigned *)thread];
    if (machine.self == OUTSIDE)
        return;
    while (fibre->state != FIBRE_DONE)
        point_wait(FIBRE_JOINING, fibre);
    if (EXPLORE_IS_FULL)
        race_join(*(unsigned *)thread);
}

/* A fibre uses threads that setup attached, as if it had: they all are one thread of the system. */
uint32_t
orr_os_thread_id(void)
{
    return 1;
}

void
orr_os_thread_at_end(void (*check)(void))
{
    (void)check;
}

unsigned
orr_processor_count(void)
{
    return 2;
}

void
orr_pin_to_processor(unsigned processor)
{
    (void)processor;
}

/* --- time ----------------------------------------------------------------------------------------- */

uint64_t
orr_clock_ns(void)
{
    return machine.clock_ns++;
}

uint64_t
orr_thread_cpu_ns(void)
{
    return machine.clock_ns++;
}

void
orr_sleep_ns(uint64_t ns)
{
    static uint32_t nobody;
    if (machine.self == OUTSIDE)
        return;
    machine.fibre[machine.self].accesses++;
    park(&nobody, nobody, ns);
}

/* --- the range of a heap, space.h ----------------------------------------------------------------- */

enum { SPACE_BYTES = 6 << 20 }; /* two chunks of heap_blocks.c and some */

enum orr_status
orr_space_open(struct orr_space *space, struct orr_error *error)
{
    char *start = world_allocate(SPACE_BYTES, 2 << 20);
    if (!start)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "the explorer's arena is full");
    space->start = (uintptr_t)start;
    space->end = space->start + SPACE_BYTES;
    *(uintptr_t *)&space->top = space->start;
    return ORR_OK;
}

void
orr_space_close(struct orr_space *space)
{
    world_kill((void *)space->start, 4096);
}

bool
orr_space_reserve_scratch(struct orr_space *space, uintptr_t *base)
{
    space->scratch_bytes = (((space->end - space->start) >> ORR_SPACE_SCRATCH_SHIFT) + 1) << 2;
    space->scratch = world_allocate(space->scratch_bytes, 4096);
    if (!space->scratch)
        return false;
    *base = (uintptr_t)space->scratch - ((space->start >> ORR_SPACE_SCRATCH_SHIFT) << 2);
    return true;
}

void
orr_space_clear_scratch(struct orr_space *space, uintptr_t start, size_t bytes)
{
    uintptr_t first = (start - space->start) >> ORR_SPACE_SCRATCH_SHIFT;
    uint32_t *words = (uint32_t *)space->scratch + first;
    for (size_t i = 0; i < bytes >> ORR_SPACE_SCRATCH_SHIFT; i++)
        if (words[i])
            words[i] = 0;
}

void *
orr_space_allocate(struct orr_space *space, size_t bytes, size_t alignment)
{
    uintptr_t *top = (uintptr_t *)&space->top;
    uintptr_t piece = (*top + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (piece + bytes > space->end)
        return NULL;
    *top = piece + bytes;
    return (void *)piece;
}

void
orr_space_free(struct orr_space *space, void *memory)
{
    (void)space;
    world_kill(memory, 64);
}

/* The cells of `blocks` say by these which of their bytes are no object's (runtime/poison.h). */
void __asan_poison_memory_region(void const volatile *start, size_t bytes);
void __asan_unpoison_memory_region(void const volatile *start, size_t bytes);

void
__asan_poison_memory_region(void const volatile *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void
__asan_unpoison_memory_region(void const volatile *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}
