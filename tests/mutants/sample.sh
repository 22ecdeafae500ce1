#!/usr/bin/env bash
# tests/mutants/sample.sh N SEED FOLDER - makes N one-line bugs from the protocol files, as patches in FOLDER. The same
# N, seed and sources make the same bugs. They are chosen at random among all that sample.awk can make: at most one per
# line, and of each kind no more than a quarter of N.
set -euo pipefail
cd "$(dirname "$0")/../.."
count=$1 seed=$2 folder=$3
protocols=(runtime/{rc_atomic,rc_biased}.{h,c} runtime/{slot.h,cascade.h,rc.c,owner.c,safepoint.c,thread.c,weak.c}
    runtime/{finalize,collect,gc}.c runtime/rc_tracing.h collectors/parts/{garbage,workers}.c)

# Lines "file:line:kind", shuffled by the seed; each becomes a patch if the change is one.
awk -v list=1 -v harmless=tests/mutants/harmless.txt -f tests/mutants/sample.awk "${protocols[@]}" |
    shuf --random-source=<(yes "$seed") |
    awk -F: -v count="$count" -v most=$(((count + 3) / 4)) '!seen[$1, $2]++ && kinds[$3]++ < most && made++ < count' |
    while IFS=: read -r file line kind; do
        name=$(basename "$file" | tr . _)_${line}_$kind
        {
            printf '%s in %s, line %s.\n\n' "$kind" "$file" "$line"
            awk -f tests/mutants/sample.awk -v line="$line" -v kind="$kind" "$file" |
                diff -u --label "$file" --label "$file" "$file" - || true
        } >"$folder/$name.patch"
    done
