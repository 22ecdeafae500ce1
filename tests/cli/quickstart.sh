#!/usr/bin/env bash
# quickstart.sh - the comparison of all pairs: one table, all digests equal, what does not apply said.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

expect 0 quickstart --quick --seconds-total 1 --workload cache --json all.json
is_silent "$err"
says "pairs of strategy/collector on 1 workload"
says "plain/none again"
says "equal"
says "not applicable"
says "tracing/none, 1 thread: tracing with none: nothing would ever be freed"
says "plain/none, 2 threads: plain counts without atomics"
! grep -q "  \(WRONG\|CRASHED\)$" "$out" || fails "$(grep "  \(WRONG\|CRASHED\)$" "$out")"
width=$(LC_ALL=C.UTF-8 awk '{ if (length($0) > most) most = length($0) } END { print most }' \
    <(sed -n '/^workload/,/^$/p' "$out"))
[ "$width" -le 160 ] || fails "the table is $width columns wide"

# Every pair that applies has its row; every one has two records or more.
for strategy in $(names_of strategies); do
    for collector in $(names_of collectors); do
        if "$orrery" run counting -s "$strategy" -c "$collector" --set pairs=1 --operations 1 \
            >/dev/null 2>&1; then
            says "$strategy/$collector "
            grep -q "\"strategy\":\"$strategy\",\"collector\":\"$collector\"" "$work/all.json" ||
                fails "all.json has no record of $strategy/$collector"
        fi
    done
done
grep -q '"failures":\[\]' "$work/all.json" || fails "all.json tells of failures"

expect 0 quickstart --quick --seconds-total 1 --workload counting --json -
[ "$(wc -l <"$out")" -eq 1 ] || fails "--json - is not alone on standard output"
says '"records":[{"schema_version":1'
