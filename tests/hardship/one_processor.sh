#!/usr/bin/env bash
# tests/hardship/one_processor.sh BUILD SECONDS - every stress program of a build, and two of this room, for so many
# seconds on one processor; those that run under every pair, and want to have seen enough of each, ten times as long.
# Exit status: 0 all passed; 1 one failed, or needed more than a minute longer than that; 2 usage.
set -u
build=${1-} seconds=${2-} is_number='^[0-9]{1,6}([.][0-9]{1,6})?$'
if [ $# -ne 2 ] || [[ ! $seconds =~ $is_number || $seconds != *[1-9]* ]]; then
    echo "usage: tests/hardship/one_processor.sh BUILD SECONDS" >&2
    exit 2
fi
if [ ! -d "$build/tests/stress" ]; then
    echo "one_processor: $build has no stress programs; usage: tests/hardship/one_processor.sh BUILD SECONDS" >&2
    exit 2
fi
count=0 log=$(mktemp)
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
