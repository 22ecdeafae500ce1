/* mutator.h - does not compile without a strategy, nor with one that lacks a function. */
#ifndef MUTATOR_H
#define MUTATOR_H
#include ORR_RC_HEADER
static inline int
orr_retain(int count)
{
    return ORR_ROOTED + orr_rc_retain(count);
}
#endif
