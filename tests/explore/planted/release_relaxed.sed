# A foreign release orders nothing: who frees the object may not have seen the last use of it.
/^drop_shared\(/,/^}/s/orr_cas_weak_acq_rel\(/orr_cas_relaxed(/
