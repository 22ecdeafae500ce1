# What is queued is subtracted as well.
/^drop_shared\(/,/^}/s/next = \(shared & ~\(uint32_t\)ORR_SHARED_STATE\) \| ORR_SHARED_QUEUED;/next = ((shared - ORR_SHARED_UNIT) \& ~(uint32_t)ORR_SHARED_STATE) | ORR_SHARED_QUEUED;/
