# The merge stores what it has computed, whatever has happened to the word meanwhile.
/^merge\(/,/^}/s/while \(!orr_cas_weak_acq_rel\(&object->shared, &shared, merged\)\);/while (orr_exchange_acq_rel(\&object->shared, merged), false);/
