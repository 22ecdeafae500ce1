#!/usr/bin/env bash
# tests/fuzz/nightly.sh [SECONDS] - lets libFuzzer run every target, each for SECONDS (preset: 100), two at a time, from
# the corpus and the regressions. Prints a line per target. What is found is made as small as it gets in half a minute,
# kept under build/fuzz/found/TARGET, and the command that replays it is printed.
# If ORR_FIGURES names a file, the figures of the tier `fuzz` are added to it.
# Exit status: 0 nothing was found; 1 something was, or a target did not run; 2 usage.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
seconds=${1-100}
if [ $# -gt 1 ] || [[ ! $seconds =~ ^[1-9][0-9]{0,5}$ ]]; then
    echo "usage: tests/fuzz/nightly.sh [SECONDS]: how long each target runs, 1 to 999999; 100 when it is left out" >&2
    exit 2
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
build=$root/build/fuzz
found=$build/found
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export root seconds build found work
export TMPDIR=$work

# What libFuzzer is told of every target. Memory for readers of small files; an input that
# takes more than ten seconds is a finding, on a machine where others work as well.
limits=(-rss_limit_mb=512 -malloc_limit_mb=128 -timeout=10)
export limits_text="${limits[*]}"

# Runs one target; leaves executions and findings in $work/TARGET.row.
run_target() {
    local target=$1 here=$root/tests/fuzz more=() input status=0
    local -a limits
    read -r -a limits <<<"$limits_text"
    [ ! -e "$here/$target.dict" ] || more+=("-dict=$here/$target.dict")
    mkdir -p "$work/$target" "$found/$target"
    rm -f "$found/$target"/*
    for folder in "$here/corpus/$target" "$here/regressions/$target"; do
        [ ! -d "$folder" ] || more+=("$folder")
    done
    "$build/tests/fuzz/fuzz_$target" "${limits[@]}" -max_total_time="$seconds" -max_len=8192 \
        -artifact_prefix="$found/$target/" -print_final_stats=1 "$work/$target" "${more[@]}" \
        >"$work/$target.log" 2>&1 || status=$?
    local executions findings=0
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
    for input in "$found/$target"/*; do
        [ -e "$input" ] || continue
        findings=$((findings + 1))
        "$build/tests/fuzz/fuzz_$target" "${limits[@]}" -minimize_crash=1 -max_total_time=30 \
            -exact_artifact_path="$input.small" "$input" >"$work/$target.small.log" 2>&1 || true
        [ -s "$input.small" ] && mv "$input.small" "$input"
        echo "$target: found: build/fuzz/tests/fuzz/fuzz_$target $input"
        grep -a -m 3 -E '^orrery: |ERROR: |runtime error: ' "$work/$target.log" || true
    done
    # A target that ended badly and kept nothing has not been fuzzed, which is a finding too.
    [ "$status" -eq 0 ] || [ "$findings" -gt 0 ] || {
        findings=1
        echo "$target: ended with status $status:"
        tail -n 5 "$work/$target.log"
    }
    echo "$target: ${executions:-0} executions, $findings findings"
    echo "${executions:-0} $findings" >"$work/$target.row"
}
export -f run_target

targets=()
for program in "$build"/tests/fuzz/fuzz_*; do
    [ -x "$program" ] && [ -f "$program" ] && [ "${program##*/}" != fuzz_replay ] && targets+=("${program##*/fuzz_}")
done
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'run_target {}'

sum=$(cat "$work"/*.row | awk '{ executions += $1; findings += $2 } END { print executions + 0, findings + 0, NR }')
read -r executions findings ran <<<"$sum"
echo "fuzz: $ran targets, $executions executions, $findings findings"
if [ -n "${ORR_FIGURES:-}" ]; then
    {
        printf 'fuzz\ttargets\t%s\tsum\t== %s\n' "$ran" "${#targets[@]}"
        printf 'fuzz\texecutions\t%s\tsum\t-\n' "$executions"
        printf 'fuzz\tfindings\t%s\tsum\t== 0\n' "$findings"
    } >>"$ORR_FIGURES"
fi
[ "$findings" -eq 0 ] && [ "$ran" -eq "${#targets[@]}" ]
