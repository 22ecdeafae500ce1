/* atomics.h - the shim under every shared access: one name per operation and order.
 *
 * Protocol code of runtime/ and collectors/ touches shared words through these names alone. That is
 * what lets a schedule explorer, fault injection or a sanitizer stand underneath later: they redefine
 * this file, not the protocols. The names are macros because C has no other generic function; they
 * evaluate each argument once.
 *
 * Rules
 *   The order is in the name. There is no default order and there are no fences: a thread that must see
 *   what was released loads the word again with acquire (free on x86, and a sanitizer understands it).
 *   A relaxed access to a shared word says at the call why nothing needs to be ordered.
 *   cas_*: success order in the name; failure is acquire for acq_rel and acquire, else relaxed. On
 *   failure *expected holds what was found.
 */
#ifndef ORR_RUNTIME_ATOMICS_H
#define ORR_RUNTIME_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define orr_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define orr_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define orr_load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)

#define orr_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define orr_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define orr_store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

#define orr_exchange_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define orr_exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)

/* Read-modify-write operations return the value before. */
#define orr_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define orr_add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define orr_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define orr_sub_release(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_release)
#define orr_sub_acq_rel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
#define orr_or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define orr_or_release(p, v) atomic_fetch_or_explicit((p), (v), memory_order_release)
#define orr_and_relaxed(p, v) atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define orr_and_acq_rel(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)

#define orr_cas_relaxed(p, expected, v)                                                            \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_relaxed,            \
                                            memory_order_relaxed)
#define orr_cas_acquire(p, expected, v)                                                            \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acquire,            \
                                            memory_order_acquire)
#define orr_cas_acq_rel(p, expected, v)                                                            \
    atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel,            \
                                            memory_order_acquire)
#define orr_cas_weak_acquire(p, expected, v)                                                       \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acquire,              \
                                          memory_order_relaxed)
#define orr_cas_weak_release(p, expected, v)                                                       \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_release,              \
                                          memory_order_relaxed)
#define orr_cas_weak_acq_rel(p, expected, v)                                                       \
    atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acq_rel,              \
                                          memory_order_acquire)

/* The same pointer, of which the compiler no longer knows how it was computed: in a long loop that keeps it
 * from carrying addresses around in place of it. */
static inline void *
orr_forget_origin(void *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

/* One processor's breath inside a spin loop; a scheduling point for an explorer. */
static inline void
orr_spin_hint(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
