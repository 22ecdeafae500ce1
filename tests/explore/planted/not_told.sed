# Who queues for an owner that is about to block looks at its state without the write that orders the two: each may
# miss the other, and what is queued waits.
/^orr_thread_hold_or_tell\(/,/^}/{
    s/orr_or_release\(&thread->state, 0u\);/if (orr_load_acquire(\&thread->state) != ORR_THREAD_BLOCKED)\n        return false;/
}
