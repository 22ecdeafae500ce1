/* birth.h - making objects. The same for every strategy: what a fresh header holds is in the thread.
 *
 * Part of the door mutator.h; on its own for files that are not compiled per strategy.
 * Threads: the calling thread, attached and running. Allocation is a safepoint.
 */
#ifndef ORR_RUNTIME_BIRTH_H
#define ORR_RUNTIME_BIRTH_H

#include "runtime/cells.h"
#include "runtime/collect.h"

#include <string.h>

static inline __attribute__((always_inline)) struct orr_object *
orr_birth(struct orr_thread *thread, struct orr_object *object, const struct orr_type *type)
{
    uint64_t counts = orr_type_is_green(type) ? thread->birth_counts_green : thread->birth_counts;
    /* relaxed, all: nobody else can see the object yet; the store that publishes it is a release */
    orr_store_relaxed(&object->birth, thread->birth_owner | (uint64_t)*type->index << 32);
    orr_store_relaxed(&object->counts, counts);
    orr_store_relaxed(&thread->counters.allocated,
                      orr_load_relaxed(&thread->counters.allocated) + 1);
    if (__builtin_expect(thread->hooks & ORR_HOOKS_OF_BIRTH, 0))
        orr_born_slow(thread, object);
    return object;
}

/* A fresh object, references null, raw bytes zero; counted. A safepoint. Null: out of memory or over the
 * heap limit even after a collection; the heap is intact and the program may drop something and go on. */
static inline __attribute__((always_inline)) struct orr_object *
orr_new(struct orr_thread *thread, const struct orr_type *type)
{
    struct orr_object *object = orr_cell_take(thread, type->bytes);
    if (__builtin_expect(!object, 0))
        return NULL;
    memset(object + 1, 0, type->bytes - sizeof *object);
    return orr_birth(thread, object, type);
}

/* A fresh array of `length` references and `raw_bytes` bytes; otherwise as orr_new. */
static inline struct orr_object *
orr_new_array(struct orr_thread *thread, const struct orr_type *type, uint32_t length,
              uint32_t raw_bytes)
{
    size_t bytes = orr_array_bytes(length, raw_bytes);
    struct orr_array *array = (struct orr_array *)orr_cell_take(thread, bytes);
    if (__builtin_expect(!array, 0))
        return NULL;
    array->length = length;
    array->raw_bytes = raw_bytes;
    memset(array->elements, 0, bytes - sizeof *array);
    return orr_birth(thread, &array->header, type);
}

#endif
