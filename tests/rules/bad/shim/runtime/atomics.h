/* atomics.h - the shim itself may. */
#include <stdatomic.h>
#define orr_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
