/* raw.h - a collector with its own clock, fence and heap. */
static inline void
look(struct timespec *now, void *old)
{
    clock_gettime(CLOCK_MONOTONIC, now);
    __sync_synchronize();
    __asm__ volatile("mfence");
    free(old);
}
