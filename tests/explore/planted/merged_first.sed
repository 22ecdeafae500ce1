# MERGED is published, and only then owner and half are cleared (CPython issue 119999).
/^merge\(/,/^}/{
    /orr_store_relaxed\(&object->(count|owner)|if \(owner != 0\)/d
    s/^    if \(claims\)$/    orr_store_relaxed(\&object->count, count \& ORR_UNCLAIMED);\n    orr_store_relaxed(\&object->owner, 0);\n&/
}
