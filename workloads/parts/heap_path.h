/* heap_path.h - where the heaps lie that come with the program.
 *
 * Threads: any.
 */
#ifndef ORR_WORKLOADS_PARTS_HEAP_PATH_H
#define ORR_WORKLOADS_PARTS_HEAP_PATH_H

#include "runtime/error.h"

#include <stddef.h>

/* Finds a shipped heap file: beside the running program's prefix (share/orrery/heaps), where the program
 * was to be installed, or where it was built from, in this order. ORR_BAD_INPUT names these places. */
enum orr_status orr_heap_path_find(const char *name, char *path, size_t path_bytes,
                                   struct orr_error *error);

#endif
