/* heap_file.h - reading a native heap file, which anybody may have made or damaged.
 *
 * What the file looks like, the graph in memory, and writing it: runtime/heap_file.h.
 * Any thread may call, one thread per graph.
 */
#ifndef ORR_WORKLOADS_PARTS_HEAP_FILE_H
#define ORR_WORKLOADS_PARTS_HEAP_FILE_H

#include "runtime/heap_file.h"

/* Reads a native heap file. On refusal *graph is empty. */
enum orr_status orr_heap_graph_read(const char *path, struct orr_heap_graph *graph,
                                    struct orr_error *error);

#endif
