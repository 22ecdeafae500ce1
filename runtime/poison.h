/* poison.h - makes the use of a dead cell visible: filled in checked builds, forbidden under
 * AddressSanitizer. Nothing in a release build.
 *
 * The first 32 bytes of a free cell belong to the free lists (header, links) and stay accessible.
 */
#ifndef ORR_RUNTIME_POISON_H
#define ORR_RUNTIME_POISON_H

#include "runtime/assert.h"

#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ORR_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ORR_HAS_ASAN 1
#endif
#endif

#ifdef ORR_HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

enum {
    ORR_POISON = 0xdb,
    ORR_POISON_FROM = 32 /* header and the two link words of a batch's first cell */
};

static inline void
orr_poison_fill(void *cell, size_t bytes)
{
    if (!ORR_IS_CHECKED || bytes <= ORR_POISON_FROM)
        return;
    memset((char *)cell + ORR_POISON_FROM, ORR_POISON, bytes - ORR_POISON_FROM);
    ASAN_POISON_MEMORY_REGION((char *)cell + ORR_POISON_FROM, bytes - ORR_POISON_FROM);
}

static inline void
orr_poison_clear(void *cell, size_t bytes)
{
    if (ORR_IS_CHECKED && bytes > ORR_POISON_FROM)
        ASAN_UNPOISON_MEMORY_REGION((char *)cell + ORR_POISON_FROM, bytes - ORR_POISON_FROM);
}

#endif
