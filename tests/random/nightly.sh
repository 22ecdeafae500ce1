#!/usr/bin/env bash
# tests/random/nightly.sh [BUILD [SECONDS]] - the long run, two programs at a time, for SECONDS (preset: 900) in all.
# BUILD is of preset dev: one that is configured, or a folder in build/ or of absolute path, which is configured if
# need be (preset: build/dev); what is run is built. The seed is the time, or RANDOM_SEED. What fails is made small and
# printed beside the programs. Figures go to the file that ORR_FIGURES names; the bars are 100,000 programs for each
# collector, and 10,000 under all pairs. Exit status: 0 none failed; 1 one did, or the build; 2 usage.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/dev} seconds=${2:-900} seed=${RANDOM_SEED:-$(date +%s)}
if [ $# -gt 2 ] || [[ ! $seconds =~ ^[1-9][0-9]*$ || ! $seed =~ ^(0|[1-9][0-9]{0,17})$ ]] ||
    { [[ $build != build/* && $build != /* ]] && [ ! -f "$build/CMakeCache.txt" ]; }; then
    echo "usage: [RANDOM_SEED=NUMBER] tests/random/nightly.sh [BUILD [SECONDS]]" >&2
    exit 2
fi
programs=(pairs atomic_rooted plain_rooted tracing_rooted biased_rooted atomic biased plain)
{ [ -f "$build/CMakeCache.txt" ] || cmake --preset dev -B "$build"; } >&2 || exit 1
cmake --build "$build" --target "${programs[@]/#/random_}" >&2 || exit 1
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

# share LANE PROGRAM PERCENT ARGUMENTS...: plays for so much of a lane's time.
share() {
    local lane=$1 program=$2 percent=$3
    shift 3
    "$build/tests/random/random_$program" --seed $((seed + lane)) \
        --seconds "$(awk -v s="$seconds" -v p="$percent" 'BEGIN { print s * p / 100 }')" \
        --print "$build/tests/random/failed_${program}_$lane.c" "$@" || echo "$program" >>"$failed"
}

lane_one() {
    share 1 pairs 50 --differential
    share 1 atomic_rooted 22
    share 1 plain_rooted 18
    share 1 tracing_rooted 10
}

lane_two() {
    share 2 atomic 20
    share 2 biased 25
    share 2 plain 15
    share 2 biased_rooted 30
    share 2 tracing_rooted 10
}

lane_one &
lane_two
wait
if [ -s "$failed" ]; then
    echo "random programs failed: $(tr '\n' ' ' <"$failed")" >&2
    exit 1
fi
