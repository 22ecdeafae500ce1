/* catalogue.h - the door of collectors/: all collectors by name. */
#ifndef ORR_COLLECTORS_CATALOGUE_H
#define ORR_COLLECTORS_CATALOGUE_H

#include "runtime/collector.h"

extern const struct orr_collector *const orr_collectors[]; /* null-terminated, in the order of list.def */

/* Null if there is none of that name. */
const struct orr_collector *orr_collector_find(const char *name);

#endif
