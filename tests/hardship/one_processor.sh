#!/usr/bin/env bash
# tests/hardship/one_processor.sh BUILD SECONDS - every stress program of a build, and two of this room, for so many
# seconds on one processor; those that run under every pair, and want to have seen enough of each, ten times as long.
# Fails if one fails or needs more than a minute longer than that.
set -u
[ $# -eq 2 ] || {
    echo "usage: tests/hardship/one_processor.sh BUILD SECONDS" >&2
    exit 2
}
build=$1 seconds=$2 count=0 log=$(mktemp)
trap 'rm -f "$log"' EXIT
processor=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
for program in "$build"/tests/stress/stress_* "$build"/tests/hardship/hardship_{starvation,late}; do
    if [ ! -x "$program" ] || [ ! -f "$program" ]; then
        continue
    fi
    case $program in
    *finalizers* | *weak* | *collect*) long=$(awk -v s="$seconds" 'BEGIN { print 10 * s }') ;;
    *) long=$seconds ;;
    esac
    timeout $((60 + ${long%.*})) taskset -c "$processor" "$program" --seconds "$long" >"$log" 2>&1
    status=$?
    if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then # 3: a strategy for one thread
        echo "one_processor: ${program##*/} ended with $status:" >&2
        cat "$log" >&2
        exit 1
    fi
    count=$((count + 1))
done
echo "one_processor: $count programs" >&2
[ -z "${ORR_FIGURES:-}" ] || printf 'failing\tprograms on one processor\t%d\tsum\t-\n' "$count" >>"$ORR_FIGURES"
[ "$count" -gt 2 ]
