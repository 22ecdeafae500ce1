#!/bin/sh
# nightly.sh BUILD [SECONDS] - the long form: every scenario in every memory mode, and with races; every written
# scenario of three fibres through bound 4; at least 100 million schedules, going on with new seeds until then.
# BUILD is the build directory of the preset dev. SECONDS (of processor time, per scenario and mode; default 60) bound
# what is not exhausted. Appends its figures to the file that ORR_FIGURES names. Status 0: nothing was found.
set -u
build=${1:?usage: nightly.sh BUILD [SECONDS]}
seconds=${2:-60}
explore=$build/tests/explore/explore
goal=100000000
figures=$(mktemp)
status=0
trap 'rm -f "$figures"' EXIT

run() {
    ORR_FIGURES=$figures "$@" || status=1
}

schedules() {
    awk -F '\t' '$2 == "schedules" {n += $3} END {printf "%d", n}' "$figures"
}

run "$explore" --strategy dfs --bound 4 --schedules 0 --seconds $((seconds * 10))
for mode in sc tso pso stale; do
    run "$explore" --mode $mode --bound 3 --schedules 0 --seconds "$seconds"
done
run "$explore" --mode sc --race --schedules 0 --seconds "$seconds" --bound 3
run "$explore" --mode stale --race --schedules 0 --seconds "$seconds" --bound 3
seed=2
while [ "$(schedules)" -lt $goal ] && [ $status -eq 0 ]; do
    run "$explore" --strategy random --seed $seed --schedules 0 --seconds "$seconds"
    run "$explore" --strategy pct --seed $seed --schedules 0 --seconds "$seconds"
    run "$explore" --strategy pos --seed $seed --schedules 0 --seconds "$seconds"
    seed=$((seed + 1))
done
"$(dirname "$0")/regressions.sh" "$explore" "$(dirname "$0")/regressions.txt" || status=1
if [ -n "${ORR_FIGURES:-}" ]; then
    cat "$figures" >> "$ORR_FIGURES"
fi
echo "$(schedules) schedules"
exit $status
