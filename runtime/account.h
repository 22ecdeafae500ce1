/* account.h - a thread's budget of bytes, so that a heap's sum is touched once per step and not per object.
 *
 * For heap kinds that allocate one object at a time. Charged and not used: at most two steps per thread.
 *
 * Threads: an account is its thread's own.
 */
#ifndef ORR_RUNTIME_ACCOUNT_H
#define ORR_RUNTIME_ACCOUNT_H

#include "runtime/heap.h"

enum { ORR_ACCOUNT_STEP = 64 << 10 };

struct orr_account {
    int64_t budget;  /* charged to the heap and not used */
    uint64_t untold; /* charged, and the heap has not been told yet that it is there */
};

/* Takes bytes from the budget, charging the heap when it is spent. False: over the limit. */
static inline bool
orr_account_spend(struct orr_heap *heap, struct orr_account *account, size_t bytes)
{
    if (account->budget < (int64_t)bytes) {
        uint64_t charge = bytes > ORR_ACCOUNT_STEP ? bytes : ORR_ACCOUNT_STEP;
        if (!orr_heap_charge(heap, charge)) {
            charge = bytes - (uint64_t)account->budget; /* near the limit, only what is missing */
            if (!orr_heap_charge(heap, charge))
                return false;
        }
        account->budget += (int64_t)charge;
        account->untold += charge;
    }
    account->budget -= (int64_t)bytes;
    return true;
}

/* What was spent is there, and was not refused by the system. */
static inline void
orr_account_took(struct orr_heap *heap, struct orr_account *account)
{
    if (__builtin_expect(account->untold != 0, 0)) {
        orr_heap_took(heap, account->untold);
        account->untold = 0;
    }
}

static inline void
orr_account_refund(struct orr_heap *heap, struct orr_account *account, size_t bytes)
{
    account->budget += (int64_t)bytes;
    if (account->budget >= 2 * ORR_ACCOUNT_STEP) {
        uint64_t back = (uint64_t)account->budget - ORR_ACCOUNT_STEP;
        orr_heap_discharge(heap, back);
        account->budget = ORR_ACCOUNT_STEP;
        account->untold -= back < account->untold ? back : account->untold;
    }
}

/* The thread leaves. */
static inline void
orr_account_close(struct orr_heap *heap, struct orr_account *account)
{
    if (account->budget > 0)
        orr_heap_discharge(heap, (uint64_t)account->budget);
    account->budget = 0;
}

#endif
