/* ledger.h - the death ledger: every object is destroyed exactly once, none twice, and who is left.
 *
 * While it is kept, each object gets a serial number at birth; the ledger maps live objects to serials and
 * counts deaths per serial. It can remember where each object was made (options.sites). It costs a lock per birth
 * and death, and is for tests and for finding leaks.
 *
 * Threads: any; one lock.
 */
#ifndef ORR_RUNTIME_LEDGER_H
#define ORR_RUNTIME_LEDGER_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stdint.h>

struct orr_heap;
struct orr_ledger;
struct orr_object;

struct orr_ledger *orr_ledger_create(void); /* null: no memory */
void orr_ledger_destroy(struct orr_ledger *ledger);
/* Enters a newborn. Aborts when its address is that of an object which has not died. False: no memory, and the
 * ledger does not follow this object. */
bool orr_ledger_born(struct orr_ledger *ledger, struct orr_object *object);
/* The same, with an address in the function that made it. */
bool orr_ledger_born_at(struct orr_ledger *ledger, struct orr_object *object, const void *site);
/* Where the object was made; null: it is not alive in the ledger, or that is not known. */
const void *orr_ledger_site(struct orr_ledger *ledger, const struct orr_object *object);
/* Enters a death. Aborts when the object is not alive in the ledger. */
void orr_ledger_died(struct orr_ledger *ledger, struct orr_object *object);
/* Births and deaths so far. */
void orr_ledger_totals(struct orr_ledger *ledger, uint64_t *births, uint64_t *deaths);
/* Calls visit on every object that is alive, in no particular order. */
void orr_ledger_each(struct orr_ledger *ledger,
                     void (*visit)(struct orr_object *object, uint64_t serial, void *argument),
                     void *argument);

/* The same, with where each was made or null. */
void orr_ledger_each_site(struct orr_ledger *ledger,
                          void (*visit)(struct orr_object *object, const void *site,
                                        void *argument),
                          void *argument);

/* Brackets a fork (fork.h): nobody is inside meanwhile. Null: nothing to do. */
void orr_ledger_lock(struct orr_ledger *ledger);
void orr_ledger_unlock(struct orr_ledger *ledger);

#endif
