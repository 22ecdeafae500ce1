#!/usr/bin/env bash
# tests/hardship/races.sh [BUILD [SECONDS [SECONDS_IN_ALL]]] - the races that ThreadSanitizer looks for: every pair of a
# strategy and a collector, with each doing of races.c, with 2, 4 and 8 threads, SECONDS each (preset: 4). BUILD has
# ORR_SANITIZE=thread: one that is configured, or a folder in build/ or of absolute path, which is configured if need be
# (preset: build/tsan); its races programs are built. Heap kinds take turns, another one each day. What there is too
# little time for in SECONDS_IN_ALL (preset: 1230) is not run, which is a failure.
#
# One line per run on standard error; reports are printed whole. To the file that ORR_FIGURES names: how many runs,
# how many reports, how many suppressions. Exit status: 0 clean; 1 a report, a failed run, or cells left over;
# 2 usage.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build/tsan} seconds=${2:-4} most=${3:-1230}
is_number='^[0-9]{1,6}([.][0-9]{1,6})?$'
if [ $# -gt 3 ] || [[ ! $seconds =~ $is_number || $seconds != *[1-9]* || ! $most =~ ^[1-9][0-9]{0,8}$ ]] ||
    { [[ $build != build/* && $build != /* ]] && [ ! -f "$build/CMakeCache.txt" ]; }; then
    echo "usage: tests/hardship/races.sh [BUILD [SECONDS [SECONDS_IN_ALL]]]" >&2
    exit 2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
runs=0 reports=0 failures=0 left=0 number=$(($(date +%s) / 86400))

[ -f "$build/CMakeCache.txt" ] || cmake --preset tsan -B "$build" >&2 || exit 1
grep -q '^ORR_SANITIZE:STRING=thread$' "$build/CMakeCache.txt" || {
    echo "races: $build was not configured with ORR_SANITIZE=thread, as preset tsan is" >&2
    exit 2
}
cmake --build "$build" --target liborrery >&2 || exit 1
mapfile -t variants < <(ninja -C "$build" -t targets all 2>/dev/null |
    sed -n 's|^tests/stress/stress_races_\([a-z0-9_]*\): C_EXECUTABLE.*|\1|p' | sort)
mapfile -t collectors < <(sed -n 's/^COLLECTOR(\([a-z0-9_]*\),.*/\1/p' collectors/list.def)
mapfile -t kinds < <(sed -n 's/^HEAP(\([a-z0-9_]*\),.*/\1/p' runtime/heap.def)
if [ ${#variants[@]} -eq 0 ] || [ ${#collectors[@]} -eq 0 ] || [ ${#kinds[@]} -eq 0 ]; then
    echo "races: $build is no build of this project" >&2
    exit 2
fi
cmake --build "$build" --target "${variants[@]/#/stress_races_}" >&2 || exit 1

# The first heap kind in turn that goes with the pair; status 3: none does.
run_cell() {
    local variant=$1 collector=$2 doing=$3 threads=$4 status=3 i kind
    for ((i = 0; i < ${#kinds[@]} && status == 3; i++)); do
        kind=${kinds[$(((number + i) % ${#kinds[@]}))]}
        TSAN_OPTIONS=halt_on_error=1:exitcode=66:second_deadlock_stack=1 timeout 120 \
            "$build/tests/stress/stress_races_$variant" --doing "$doing" --threads "$threads" --collector "$collector" \
            --heap "$kind" --seed "$number" --seconds "$seconds" >"$log" 2>&1
        status=$?
        # side tables that do not fit beside the sanitizer's own are said to be left out, with status 0
        ! grep -q 'is left out' "$log" || status=3
    done
    return "$status"
}

for variant in "${variants[@]}"; do
    for collector in "${collectors[@]}"; do
        for doing in churn sharing weak finalizer attach mixed; do
            for threads in 2 4 8; do
                if [ "$SECONDS" -gt "$most" ]; then
                    left=$((left + 1))
                    continue
                fi
                number=$((number + 1))
                run_cell "$variant" "$collector" "$doing" "$threads"
                status=$?
                [ "$status" -ne 3 ] || continue 3 # the pair does not exist
                runs=$((runs + 1))
                found=$(grep -c '^WARNING: ThreadSanitizer' "$log")
                reports=$((reports + found))
                tail -n 1 "$log" >&2
                if [ "$status" -ne 0 ] || [ "$found" -ne 0 ]; then
                    failures=$((failures + 1))
                    echo "races: status $status: $variant, $collector, $doing, $threads threads" >&2
                    cat "$log" >&2
                fi
            done
        done
    done
done

suppressions=$(grep -rnE 'no_sanitize.*thread|__tsan_default_suppressions|__tsan_ignore|suppressions=' \
    --include='*.[ch]' --include='CMake*' --include='*.sh' runtime collectors tests/stress CMakeLists.txt |
    grep -c '')
echo "races: $runs runs, $reports reports, $suppressions suppressions, $failures failed, $left cells left over" >&2
if [ -n "${ORR_FIGURES:-}" ]; then
    printf 'races\tThreadSanitizer runs, %s s each\t%d\tsum\t-\n' "$seconds" "$runs"
    printf 'races\tThreadSanitizer reports\t%d\tsum\t== 0\n' "$reports"
    printf 'races\tThreadSanitizer suppressions\t%d\tmax\t== 0\n' "$suppressions"
    printf 'races\tcells of the matrix that were not run, or failed\t%d\tsum\t== 0\n' "$((left + failures))"
fi >>"${ORR_FIGURES:-/dev/null}"
[ $((reports + failures + left + suppressions)) -eq 0 ] && [ "$runs" -gt 0 ]
