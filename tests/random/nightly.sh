#!/bin/sh
# nightly.sh BUILD [SECONDS]: the long run, from a build directory, two programs at a time; SECONDS (1,200) in all.
# At least 100,000 programs for each collector, and 10,000 under all pairs. Ends with 1 when any of them failed.
set -eu
build=$1 seconds=${2:-1200}
seed=${RANDOM_SEED:-$(date +%s)}
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

# share PROGRAM TENTHS ARGUMENTS: plays for so many tenths of a lane of processor time.
share() {
  program=$1 tenths=$2
  shift 2
  "$build/tests/random/random_$program" --seed "$seed" --seconds $((seconds * tenths / 100)) \
    --print "$build/tests/random/failed_$program.c" "$@" || echo "$program" >> "$failed"
}

lane_one() {
  share pairs 40 --differential
  share atomic_rooted 20
  share plain_rooted 10
  share tracing_rooted 30
}

lane_two() {
  share atomic 15
  share biased 15
  share plain 10
  share biased_rooted 20
  share tracing_rooted 40 --seed $((seed + 1))
}

lane_one &
lane_two
wait
[ ! -s "$failed" ] || { echo "random programs failed: $(tr '\n' ' ' < "$failed")" >&2; exit 1; }
