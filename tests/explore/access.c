/* access.c - the entry points that the compiler calls at each access of the files under test.
 *
 * clang's -fsanitize=thread turns every atomic operation into a call with address and order, and, in the full
 * build, every plain access too. The sanitizer's own library is not linked; this file stands in its place. An access
 * to the stack is the fibre's own affair. Everything else may be a point (machine.h), must not be dead, and is
 * carried out here, on one thread, so plainly.
 */
#include "tests/explore/machine.h"

#include <string.h>

#define HERE __builtin_return_address(0)

enum { RELAXED = 0, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST }; /* as the compiler numbers them */

typedef unsigned __int128 u128;

static _Noreturn __attribute__((noinline)) void
dead(uintptr_t address, const void *place)
{
    char text[64];
    note_if(KIND_READ, address, 0, 0, 0, place);
    world_describe(address, text, sizeof text);
    verdict("use after free", "of %s", text);
}

/* All ones where each byte of an access of this size has the flag. */
static inline uint64_t
spread(unsigned size, uint8_t flag)
{
    return 0x0101010101010101u * flag & (size == 8 ? ~0ull : (1ull << size * 8 % 64) - 1);
}

static inline uint64_t
look(const uint8_t *table, uintptr_t address, unsigned size)
{
    uint64_t found = 0;
    memcpy(&found, table + address, size);
    return found;
}

static __attribute__((noinline)) void
outside(uintptr_t address, unsigned size, const void *place)
{
    if (look(FLAGS, address, size) & spread(size, FLAG_DEAD))
        dead(address, place);
}

/* Before an atomic access. False: it is nobody else's concern, or outside of a schedule. */
static inline __attribute__((always_inline)) bool
before(uintptr_t address, unsigned size, bool writes, const void *place)
{
    if (!world_has(address))
        return false;
    unsigned self = machine.self;
    if (__builtin_expect(self == OUTSIDE, 0)) {
        outside(address, size, place);
        return false;
    }
    machine.fibre[self].accesses++;
    uint64_t flags = look(FLAGS, address, size);
    if (flags == 0) {
        uint64_t mine = spread(size, (uint8_t)((writes ? 0x10u : 0x01u) << self));
        if (__builtin_expect((look(TOUCHED, address, size) & mine) != mine, 0)) {
            touch_slow(address, size, writes);
            flags = look(FLAGS, address, size);
        }
    }
    if ((flags & spread(size, FLAG_POINT)) || machine.all_points) {
        point(address, writes);
        flags = look(FLAGS, address, size); /* somebody may have freed it */
        if (!EXPLORE_IS_FULL && writes)
            point_moved();
    }
    if (__builtin_expect(flags & spread(size, FLAG_DEAD), 0))
        dead(address, place);
    if (EXPLORE_IS_FULL)
        return true;
    return __builtin_expect(machine.recording, 0);
}

static __attribute__((noinline)) uint64_t
load_full(uintptr_t address, unsigned size, int order, uint64_t value, const void *place)
{
    if (EXPLORE_IS_FULL) {
        memory_load(address, size, order, &value);
        race_atomic(address, size, true, false, order, place);
    }
    note_if(KIND_LOAD, address, size, value, order, place);
    return value;
}

/* False: the store waits in a buffer. */
static __attribute__((noinline)) bool
store_full(uintptr_t address, unsigned size, int order, uint64_t value, const void *place)
{
    bool done = true;
    if (EXPLORE_IS_FULL) {
        point_moved();
        race_atomic(address, size, false, true, order, place);
        done = !memory_store(address, size, order, value, place);
    }
    note_if(KIND_STORE, address, size, value, order, place);
    return done;
}

/* Before a read-modify-write is carried out on memory. */
static inline void
change_before(bool full, uintptr_t address, unsigned size, int order)
{
    if (EXPLORE_IS_FULL && full)
        memory_drain_for(address, size, order);
}

/* True: a compare-and-swap has failed by a value that is not the last. */
static inline bool
failed_before(bool full, uintptr_t address, unsigned size, int failure, uint64_t expected, uint64_t *value,
              const void *place)
{
    if (!EXPLORE_IS_FULL || !full || machine.mode != MODE_STALE ||
        !stale_failure(address, size, failure, expected, value))
        return false;
    race_atomic(address, size, true, false, failure, place);
    note_if(KIND_FAILED, address, size, *value, failure, place);
    return true;
}

/* Called while memory still holds the old value. */
static __attribute__((noinline)) void
change_full(uintptr_t address, unsigned size, int order, bool wrote, uint64_t value, const void *place)
{
    if (EXPLORE_IS_FULL) {
        if (wrote)
            point_moved();
        race_atomic(address, size, true, wrote, order, place);
        memory_change(address, size, order, wrote, value);
    }
    note_if(wrote ? KIND_CHANGE : KIND_FAILED, address, size, value, order, place);
}

#define FETCH(bits, type, name, expression)                                                        \
    type __tsan_atomic##bits##_##name(volatile type *a, type v, int order);                        \
    type __tsan_atomic##bits##_##name(volatile type *a, type v, int order)                         \
    {                                                                                              \
        bool full = before((uintptr_t)a, bits / 8, true, HERE);                                    \
        change_before(full, (uintptr_t)a, bits / 8, order);                                        \
        type old = *a;                                                                             \
        type now = (type)(expression);                                                             \
        if (full)                                                                                  \
            change_full((uintptr_t)a, bits / 8, order, true, (uint64_t)now, HERE);                 \
        *a = now;                                                                                  \
        return old;                                                                                \
    }

#define ATOMICS(bits, type)                                                                        \
    type __tsan_atomic##bits##_load(const volatile type *a, int order);                            \
    type __tsan_atomic##bits##_load(const volatile type *a, int order)                             \
    {                                                                                              \
        if (before((uintptr_t)a, bits / 8, false, HERE))                                           \
            return (type)load_full((uintptr_t)a, bits / 8, order, (uint64_t)*a, HERE);             \
        return *a;                                                                                 \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int order);                         \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int order)                          \
    {                                                                                              \
        if (before((uintptr_t)a, bits / 8, true, HERE) &&                                          \
            !store_full((uintptr_t)a, bits / 8, order, (uint64_t)v, HERE))                         \
            return;                                                                                \
        *a = v;                                                                                    \
    }                                                                                              \
    FETCH(bits, type, exchange, v)                                                                 \
    FETCH(bits, type, fetch_add, old + v)                                                          \
    FETCH(bits, type, fetch_sub, old - v)                                                          \
    FETCH(bits, type, fetch_and, old & v)                                                          \
    FETCH(bits, type, fetch_or, old | v)                                                           \
    FETCH(bits, type, fetch_xor, old ^ v)                                                          \
    FETCH(bits, type, fetch_nand, ~(old & v))                                                      \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *a, type expected, type v,       \
                                                    int order, int failure);                       \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *a, type expected, type v,       \
                                                    int order, int failure)                        \
    {                                                                                              \
        uint64_t stale;                                                                            \
        bool full = before((uintptr_t)a, bits / 8, true, HERE);                                    \
        change_before(full, (uintptr_t)a, bits / 8, order);                                        \
        if (failed_before(full, (uintptr_t)a, bits / 8, failure, (uint64_t)expected, &stale, HERE)) \
            return (type)stale;                                                                    \
        type old = *a;                                                                             \
        bool equal = old == expected;                                                              \
        if (full)                                                                                  \
            change_full((uintptr_t)a, bits / 8, equal ? order : failure, equal,                    \
                        (uint64_t)(equal ? v : old), HERE);                                        \
        if (equal)                                                                                 \
            *a = v;                                                                                \
        return old;                                                                                \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *a, type *expected, type v,    \
                                                      int order, int failure);                     \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *a, type *expected, type v,    \
                                                      int order, int failure)                      \
    {                                                                                              \
        type old = __tsan_atomic##bits##_compare_exchange_val(a, *expected, v, order, failure);    \
        bool equal = old == *expected;                                                             \
        *expected = old;                                                                           \
        return equal;                                                                              \
    }

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

void __tsan_init(void);
void
__tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void
__tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void
__tsan_func_exit(void)
{
}

/* What the heap mimalloc tells a sanitizer; no scenario uses it. */
void __tsan_acquire(void *address);
void
__tsan_acquire(void *address)
{
    (void)address;
}

void __tsan_release(void *address);
void
__tsan_release(void *address)
{
    (void)address;
}

void __tsan_atomic_thread_fence(int order);
void
__tsan_atomic_thread_fence(int order)
{
    (void)order;
    verdict("fence", "the project has none (runtime/atomics.h)");
}

/* --- plain accesses ------------------------------------------------------------------------------- */

#ifdef EXPLORE_FULL

static inline void
plain(uintptr_t address, size_t bytes, bool writes, const void *place)
{
    if (!world_has(address) || bytes == 0)
        return;
    for (size_t i = 0; i < bytes; i += bytes - i > 8 ? 8 : bytes - i)
        if (__builtin_expect(FLAGS[address + i] & FLAG_DEAD, 0))
            dead(address + i, place);
    if (machine.self == OUTSIDE)
        return;
    memory_plain(address, bytes, writes);
    if (machine.races)
        race_plain(address, bytes, writes, place);
}

#define PLAIN(size)                                                                                \
    void __tsan_read##size(void *a);                                                               \
    void __tsan_read##size(void *a)                                                                \
    {                                                                                              \
        plain((uintptr_t)a, size, false, HERE);                                                    \
    }                                                                                              \
    void __tsan_write##size(void *a);                                                              \
    void __tsan_write##size(void *a)                                                               \
    {                                                                                              \
        plain((uintptr_t)a, size, true, HERE);                                                     \
    }                                                                                              \
    void __tsan_unaligned_read##size(void *a);                                                     \
    void __tsan_unaligned_read##size(void *a)                                                      \
    {                                                                                              \
        plain((uintptr_t)a, size, false, HERE);                                                    \
    }                                                                                              \
    void __tsan_unaligned_write##size(void *a);                                                    \
    void __tsan_unaligned_write##size(void *a)                                                     \
    {                                                                                              \
        plain((uintptr_t)a, size, true, HERE);                                                     \
    }                                                                                              \
    void __tsan_read_write##size(void *a);                                                         \
    void __tsan_read_write##size(void *a)                                                          \
    {                                                                                              \
        plain((uintptr_t)a, size, true, HERE);                                                     \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

/* The linker gives us these calls of all files; the explorer's own reach into the world only to put it back, and
 * then nobody runs. */
void *__real_memset(void *to, int value, size_t bytes);
void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__real_memmove(void *to, const void *from, size_t bytes);
void *__wrap_memset(void *to, int value, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memmove(void *to, const void *from, size_t bytes);

void *
__wrap_memset(void *to, int value, size_t bytes)
{
    if (machine.self != OUTSIDE)
        plain((uintptr_t)to, bytes, true, HERE);
    return __real_memset(to, value, bytes);
}

void *
__wrap_memcpy(void *to, const void *from, size_t bytes)
{
    if (machine.self != OUTSIDE) {
        plain((uintptr_t)from, bytes, false, HERE);
        plain((uintptr_t)to, bytes, true, HERE);
    }
    return __real_memcpy(to, from, bytes);
}

void *
__wrap_memmove(void *to, const void *from, size_t bytes)
{
    if (machine.self != OUTSIDE) {
        plain((uintptr_t)from, bytes, false, HERE);
        plain((uintptr_t)to, bytes, true, HERE);
    }
    return __real_memmove(to, from, bytes);
}

#endif
