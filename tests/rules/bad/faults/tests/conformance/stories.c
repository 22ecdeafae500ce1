    CASE(a2_first, collector, a2_first, true, true, BOTH)
