#!/usr/bin/env bash
# tests/failing/nightly.sh [BUILD] - every scenario on every pair of strategy, collector and heap kind, with every
# request for memory refused once and from then on. BUILD is of preset dev: one that is configured, or a folder in
# build/ or of absolute path, which is configured if need be (preset: build/dev); what is run is built.
#
# Leaves its figures in the file that ORR_FIGURES names, and each program's report beside it in BUILD. Exit status: 0
# nothing was complained of and no call for memory was left out; 1 not so, or it does not build; 2 usage.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/dev}
work=$build/tests/failing
if [ $# -gt 1 ] || { [[ $build != build/* && $build != /* ]] && [ ! -f "$build/CMakeCache.txt" ]; }; then
    echo "usage: tests/failing/nightly.sh [BUILD]" >&2
    exit 2
fi
{ [ -f "$build/CMakeCache.txt" ] || cmake --preset dev -B "$build"; } >&2 || exit 1
cmake --build "$build" --target failing_all >&2 || exit 1

# Two at a time: a point waits more than it works.
mapfile -t programs < <(find "$work" -maxdepth 1 -type f -name 'failing_*' -executable | sort)
printf '%s\n' "${programs[@]}" |
    xargs -P 2 -I PROGRAM sh -c '"PROGRAM" --all --sites "PROGRAM.sites" >"PROGRAM.report" 2>&1 || true'

points=0 failures=0
pairs=()
for program in "${programs[@]}"; do
    last=$(tail -n 1 "$program.report")
    if [[ $last =~ ^points\ ([0-9]+)\ failures\ ([0-9]+)$ ]]; then
        points=$((points + BASH_REMATCH[1]))
        failures=$((failures + BASH_REMATCH[2]))
        pairs+=("$program:$program.sites")
    else
        failures=$((failures + 1))
    fi
    grep -A 1 '^failing:' "$program.report" >&2 || true
    echo "$(basename "$program"): $last"
done

tests/failing/sites.sh "$PWD" "${pairs[@]}" >"$work/sites.report" || awk '$2 == 0' "$work/sites.report" >&2
sites=0 missed=0
if [[ $(tail -n 1 "$work/sites.report") =~ ^sites\ ([0-9]+)\ not\ hit\ ([0-9]+)$ ]]; then
    sites=${BASH_REMATCH[1]} missed=${BASH_REMATCH[2]}
else
    failures=$((failures + 1)) # it has said why
fi
echo "points $points failures $failures, calls for memory $sites, of them never refused $missed"
if [ -n "${ORR_FIGURES:-}" ]; then
    {
        printf 'failing\trefusals of memory and threads, points\t%s\tsum\t>= 5000\n' "$points"
        printf 'failing\tcalls for memory or a thread\t%s\tmax\t-\n' "$sites"
        printf 'failing\tof them never refused\t%s\tmax\t== 0\n' "$missed"
        printf 'failing\tfailures\t%s\tsum\t== 0\n' "$failures"
    } >>"$ORR_FIGURES"
fi
[ "$failures" -eq 0 ] && [ "$missed" -eq 0 ]
