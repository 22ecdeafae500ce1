/* configure.h - a heap's options as text, so that a user can choose without recompiling.
 *
 *     strategy=biased,collector=generations,heap=blocks,trigger=count:2000,limit=1G,bound=64M
 *
 *   strategy, collector, heap   names (orrery list)
 *   trigger                     a name, or name:number (count:2000, bytes:32M, ratio:0.5, adaptive:10000)
 *   limit, bound                bytes, with K, M, G (powers of 1024); bound as in gc.h
 *   slice, workers, stress      as in heap.h
 *   verify, ledger, sites, debug:  verify=1; debug=stats+uncollectable, debug=leak
 *   thresholds                  2000:10:10
 *   gc                          on, off
 *   NAME.KEY=VALUE              a setting of collector NAME, ignored under others (trial.budget=1000)
 *
 * Later entries win. A strategy is compiled into the program's own code (mutator.h), so `strategy` chooses the
 * variant to call where a program has several, and is checked by orr_heap_create where it has one.
 *
 * Threads: none; the strings of NAME.KEY=VALUE entries are kept in *configuration, which the caller frees
 * after the heap is created.
 */
#ifndef ORR_COLLECTORS_CONFIGURE_H
#define ORR_COLLECTORS_CONFIGURE_H

#include "runtime/heap.h"

struct orr_configuration {
    struct orr_heap_options options;
    char *text;
    const char **settings;
    uint32_t setting_count;
};

/* Starts from defaults: biased, generations, blocks, the collector's own trigger. */
void orr_configure_defaults(struct orr_configuration *configuration);
/* Adds what the text says. ORR_BAD_INPUT: an entry that nobody knows or that makes no sense; the error names
 * it and what there is, and nothing has changed. Null or empty text: nothing to do. */
enum orr_status orr_configure(struct orr_configuration *configuration, const char *text,
                              struct orr_error *error);
/* The same from the environment variable ORRERY. */
enum orr_status orr_configure_from_environment(struct orr_configuration *configuration,
                                               struct orr_error *error);
void orr_configure_free(struct orr_configuration *configuration);

#endif
