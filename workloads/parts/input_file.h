/* input_file.h - a file that somebody gave us: opened without trust, and its refusals worded alike.
 *
 * Owns nothing but the descriptor it hands out. Used by the reader of native heaps and by the
 * importers; one thread.
 *
 * Invariants: a file is opened only when it is a regular one, so that a pipe or a device can neither
 * block nor feed a reader for ever; a reader keeps its memory below orr_input_memory_limit.
 */
#ifndef ORR_WORKLOADS_PARTS_INPUT_FILE_H
#define ORR_WORKLOADS_PARTS_INPUT_FILE_H

#include "runtime/error.h"

#include <stdint.h>

/* Opens path for reading. A missing, unreadable, empty or irregular file is ORR_BAD_INPUT. The
 * caller closes *descriptor. */
enum orr_status orr_input_open(const char *path, int *descriptor, uint64_t *size_bytes,
                               struct orr_error *error);

/* The most memory that reading a file of this size may take: one rule for all formats, that of
 * runtime/heap_file.h, whose writer keeps to it. */
uint64_t orr_input_memory_limit(uint64_t size_bytes);

/* Fills *error with "PATH: offset N: reason" and returns status. A long path is shortened from the
 * left, so that the reason always fits. */
enum orr_status orr_input_fail(struct orr_error *error, enum orr_status status, const char *path,
                               uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
