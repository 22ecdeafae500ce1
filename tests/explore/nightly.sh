#!/usr/bin/env bash
# tests/explore/nightly.sh [BUILD [MINUTES]] - the long form, two runs at a time. For three fifths of MINUTES (preset:
# 15, the build counted in) the scenarios depth first through bound 4: the written ones of three fibres come first, for
# they must all be exhausted; the others go as far as the time does. Then, for what is left, every scenario in the other
# memory modes, with races, and by each strategy of chance with the seed of the day. At least 1e8 schedules is the bar.
# BUILD is of preset dev (preset: build/dev): a folder that CMake has configured, or, to be configured, one whose name
# begins with build/ or /; what is run is built. Figures go to the file that ORR_FIGURES names. Exit status: 0 nothing
# was found; 1 a schedule failed, or a build did; 2 usage.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1-build/dev} minutes=${2-15}
if [ $# -gt 2 ] || [[ ! $minutes =~ ^[1-9][0-9]{0,4}$ ]] || {
    [ ! -f "$build/CMakeCache.txt" ] && [[ $build != build/?* && $build != /?* ]]
}; then
    echo "usage: tests/explore/nightly.sh [BUILD [MINUTES]]: a build of preset dev (build/dev), and 1 to 99999 (15)" >&2
    exit 2
fi
{ [ -f "$build/CMakeCache.txt" ] || cmake --preset dev -B "$build"; } >&2 || exit 1
cmake --build "$build" --target explore explore_full explore_bare >&2 || exit 1

work=$(mktemp -d)
now=$(date +%s)
end=$((now - SECONDS + minutes * 60))
export explore=$build/tests/explore/explore work
trap 'sum_up; rm -rf "$work"' EXIT
export exhausted=$((now + (end - now) * 3 / 5)) # when the depth-first searches are over

# Each run has told its own figures; those of all, also when the time is over, are their sums.
sum_up() {
    [ -e "$work/figures" ] || return 0
    awk -F '\t' -v OFS='\t' '
        !($2 in sum) { order[++count] = $2 }
        { sum[$2] += $3; bar[$2] = $5 }
        END {
            for (i = 1; i <= count; i++)
                printf "explore\t%s\t%.0f\tsum\t%s\n", order[i], sum[order[i]], bar[order[i]]
        }
        ' "$work/figures" >"$work/sums"
    cut -f 2,3,5 "$work/sums"
    cat "$work/sums" >>"${ORR_FIGURES:-/dev/null}"
}

# Explores; its lines are printed when it has ended, so that those of two runs do not mix.
run() {
    local lines
    lines=$(ORR_FIGURES=$work/figures "$explore" --schedules 0 "$@" 2>&1) || touch "$work/failed"
    printf '%s\n' "$lines"
}

# One scenario, for so many seconds at the most.
exhaust() {
    local most=$2 left=$((exhausted - $(date +%s)))
    left=$((left > most ? most : left < 1 ? 1 : left))
    run --scenario "$1" --strategy dfs --bound 4 --seconds "$left"
}
export -f run exhaust

# Those of three fibres come first, for all of them are to be exhausted; scripts last, because they have no end. The
# explorer's own tests (litmus_) count for nothing here: ctest runs them.
mapfile -t scenarios < <("$explore" --list | awk '
    $1 ~ /^litmus_/ { next }
    $4 != "written" { print 2, $1, 60; next }
    { print $2 < 3, $1, $2 < 3 ? 200 : 900 }' | sort -s -n -k 1,1 | cut -d " " -f 2-)
printf '%s\n' "${scenarios[@]}" | xargs -P 2 -I{} bash -c 'exhaust {}'

# A way by itself: its share is of the time that is left by the clock, for the ways that are left, two at a time.
ways=("--mode tso" "--mode pso" "--mode stale" "--mode sc --race" "--mode stale --race" "--mode stale --bare"
    "--strategy random" "--strategy pct" "--strategy pos")
names=$(printf '%s\n' "${scenarios[@]%% *}" | paste -sd ,)
explore_by() {
    local left=$((end - $(date +%s))) remaining=$1
    shift
    run "$@" --scenario "$names" --bound 3 --seed "$(date +%j)" --share $(((left > 60 ? left : 60) * 2 / remaining))
}
export end names
export -f explore_by
for i in "${!ways[@]}"; do
    echo "$((${#ways[@]} - i)) ${ways[i]}"
done | xargs -P 2 -I{} bash -c 'explore_by {}'

tests/explore/regressions.sh "$explore" tests/explore/regressions.txt || touch "$work/failed"
[ ! -e "$work/failed" ]
