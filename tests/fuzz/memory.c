/* memory.c - the memory in use, as AddressSanitizer's allocator tells it; see fuzz.h.
 *
 * Owns: the two counters. Threads: one; the targets start none.
 */
#include "tests/fuzz/fuzz.h"

#include "runtime/assert.h"

#include <sanitizer/allocator_interface.h>

static uint64_t now, peak;
static bool is_counting;

static void
count_allocated(const volatile void *at, size_t bytes)
{
    (void)at;
    now += bytes;
    if (now > peak)
        peak = now;
}

/* What was allocated before the first mark may be freed after it. */
static void
count_freed(const volatile void *at)
{
    const size_t bytes = at ? __sanitizer_get_allocated_size(at) : 0;
    now -= bytes < now ? bytes : now;
}

void
fuzz_memory_mark(void)
{
    if (!is_counting) {
        is_counting = true;
        const int place = __sanitizer_install_malloc_and_free_hooks(count_allocated, count_freed);
        orr_require(place > 0, "the allocator has no room for another listener");
    }
    peak = now;
}

uint64_t
fuzz_memory_now(void)
{
    return now;
}

uint64_t
fuzz_memory_peak(void)
{
    return peak;
}
