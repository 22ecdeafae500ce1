/* configure.h - a heap's options as text, so that a user can choose without recompiling.
 *
 *     strategy=biased,collector=generations,heap=blocks,trigger=count:2000,limit=1G,bound=64M
 *
 *   strategy, collector, heap   names (orrery list)
 *   trigger                     a name, or name:number (count:2000, bytes:32M, ratio:0.5, adaptive:10000);
 *                               without a number, the collector's own
 *   limit, bound                bytes, with K, M, G (powers of 1024); 0: none; bound as in gc.h
 *   slice, workers, stress      as in heap.h; workers=auto
 *   verify, ledger, sites, gc   on or 1, off or 0
 *   debug                       names joined by +, as in gc.h: stats+uncollectable, leak; none
 *   thresholds                  2000:10:10
 *   late                        milliseconds after which a thread that does not come to a stop is named; 0: never
 *   NAME.KEY=VALUE              a setting of collector NAME, ignored under others (trial.budget=1000)
 *
 * Later entries win. Empty entries, and spaces around one, mean nothing. A strategy is compiled into the
 * program's own code (mutator.h), so `strategy` chooses the variant to call where a program has several, and
 * is checked by orr_heap_create where it has one; which three go together is checked there too.
 *
 * Owns: the strings behind options.settings, until orr_configure_free: after the heap is created.
 * Threads: none.
 */
#ifndef ORR_COLLECTORS_CONFIGURE_H
#define ORR_COLLECTORS_CONFIGURE_H

#include "runtime/heap.h"

struct orr_configuration {
    struct orr_heap_options options; /* a program may change it, but for collector, trigger and settings */
    char *text;                      /* every NAME.KEY=VALUE so far, each with a zero behind it */
    size_t text_bytes;
    const char **settings; /* KEY=VALUE of those for options.collector; null-terminated */
    uint32_t setting_count;
    bool has_trigger_number; /* the trigger's number was given, and is no collector's own */
};

/* Starts from defaults: biased, generations, blocks, the collector's own trigger, no limits. */
void orr_configure_defaults(struct orr_configuration *configuration);
/* Adds what the text says. ORR_BAD_INPUT: an entry that nobody knows or that makes no sense; the error names
 * it and what there is. ORR_OUT_OF_MEMORY. After either, nothing has changed. Null or empty text: nothing to
 * do. */
enum orr_status orr_configure(struct orr_configuration *configuration, const char *text,
                              struct orr_error *error);
/* The same from the environment variable ORRERY. */
enum orr_status orr_configure_from_environment(struct orr_configuration *configuration,
                                               struct orr_error *error);
/* Gives the strings back; options.settings is null afterwards. */
void orr_configure_free(struct orr_configuration *configuration);

#endif
