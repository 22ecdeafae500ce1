/* import.h - `orrery import`: the heap dump of a real program becomes a native heap file.
 *
 * Owns the sub-command and the recognition of formats; the importers are behind import_graph.h.
 * One thread. Exit status: 0 done, 2 the dump or the command line is not usable, 4 out of memory;
 * then nothing was written.
 */
#ifndef ORR_BENCH_IMPORT_H
#define ORR_BENCH_IMPORT_H

#include "bench/import_graph.h"
#include "runtime/error.h"

/* The sub-command; argv[0] is its name for messages. */
int orr_command_import(int argc, char **argv);

/* Reads a dump. format: "v8" or "pygraph", or null to recognise it from the content. End *import
 * with orr_import_fini in either case; error must not be null and outlive it. */
enum orr_status orr_import_read(struct orr_import *import, const char *path, const char *format,
                                struct orr_error *error);

#endif
