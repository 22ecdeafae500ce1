# Who upgrades a weak reference does not see that a merged object has died.
/^try_retain\(/,/^}/s/ \|\| \(state == ORR_SHARED_MERGED && shared_count\(shared\) == 0\)//
