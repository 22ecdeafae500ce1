/* tsan_criterion_shim.c - lets a Criterion program start under ThreadSanitizer.
 *
 * Criterion runs each test in a process of its own and hands data to it through shared mappings at
 * fixed addresses, which it picks at random between 0x200000000000 and 0x600000000000 after asking
 * mincore() whether they are free. ThreadSanitizer owns that range, so no pick is ever free and the
 * program dies at its start (Criterion issue 274). This file says that the pick is free, and lets the
 * mapping go where ThreadSanitizer expects a program's own memory, well past the program and its heap.
 *
 * Linked into the Criterion programs of the tsan build alone; it overrides functions of the C library.
 * Threads: any. Slots are handed out in turn, never derived from the address that was asked for: two
 * mappings in one slot would overwrite each other.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uintptr_t picks_start = 0x200000000000, picks_end = 0x600000000000;
/* Position-independent programs and their heap end below this. */
static const uintptr_t slots_start = 0x566100000000;
static const uintptr_t slot_bytes = 0x1000000; /* 128 times what an arena starts with */
/* As many as fit below 0x568000000000, where ThreadSanitizer's own memory goes on. */
static const unsigned slots = 7000;
static atomic_uint slots_taken;

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
void *mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int mincore(void *address, size_t bytes, unsigned char *resident);

/* The real mmap: clang links its interceptor under this name; gcc's stands behind us in the search. */
extern void *__interceptor_mmap(void *address, size_t bytes, int protection, int flags, int file,
                                off_t offset) __attribute__((weak));

static bool
is_pick(const void *address)
{
    return (uintptr_t)address >= picks_start && (uintptr_t)address < picks_end;
}

void *
mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    void *(*real)(void *, size_t, int, int, int, off_t) = __interceptor_mmap;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "mmap");
    if (is_pick(address) && (flags & MAP_SHARED) && (flags & MAP_FIXED)) {
        /* relaxed: the number only has to be different each time */
        unsigned slot = atomic_fetch_add_explicit(&slots_taken, 1, memory_order_relaxed) % slots;
        address = (void *)(slots_start + slot_bytes * slot);
    }
    return real(address, bytes, protection, flags, file, offset);
}

void *
mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mmap(address, bytes, protection, flags, file, offset);
}

int
mincore(void *address, size_t bytes, unsigned char *resident)
{
    if (is_pick(address)) {
        errno = ENOMEM; /* nothing is mapped there */
        return -1;
    }
    return (int)syscall(SYS_mincore, address, bytes, resident);
}
