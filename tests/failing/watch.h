/* watch.h - what the linker lets this room see of the library: every request for memory and every start of a thread.
 *
 * The programs are linked with --wrap, so that the library itself is the one that is shipped. The watch keeps a
 * ledger of blocks and reserved ranges, and notes from where a request came that was refused. What it counts lies in
 * memory that forked processes share; the ledger is each process's own.
 *
 * Threads: any.
 */
#ifndef ORR_TESTS_FAILING_WATCH_H
#define ORR_TESTS_FAILING_WATCH_H

#include "runtime/platform.h"

#include <stdio.h>

enum { WATCH_SITES_MAX = 4096 };

/* Before the first fork. */
void watch_open(void);
/* Refusals in this process and those it forked, since the start. */
uint64_t watch_refusals(void);
/* Blocks and ranges that this process has not given back. */
uint64_t watch_blocks(void);
/* Says where those come from that were taken after the first `count` requests of this process. */
void watch_print_since(uint64_t count, FILE *file);
uint64_t watch_requests(void);
/* An offset in the program for each place from which a refused request came, and how often, a line each. */
void watch_write_sites(FILE *file);

#endif
