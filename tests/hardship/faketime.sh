#!/usr/bin/env bash
# tests/hardship/faketime.sh ORRERY [ROUNDS] - the program `orrery` under libfaketime: real time, or real and monotonic
# time, steps a day back and forth while it runs. Every run must end, by the kernel's clock, and no number of its
# record may be negative or absurd: an interval longer than the days that were put in, a share beyond 1, a figure
# that is no number. Skipped (status 3) without libfaketime.
#
# The C library stands before jemalloc for malloc: libfaketime asks for memory before it can tell the time, jemalloc for
# the time before it can give memory.
set -u
orrery=${1-} rounds=${2:-1}
if [ $# -lt 1 ] || [ $# -gt 2 ] || [[ ! $rounds =~ ^[1-9][0-9]{0,5}$ ]] || [ ! -x "$orrery" ] || [ -d "$orrery" ]; then
    echo "usage: tests/hardship/faketime.sh ORRERY [ROUNDS]" >&2
    exit 2
fi
library=$(find /usr/lib -name 'libfaketimeMT.so.1' 2>/dev/null | head -n 1)
[ -n "$library" ] || {
    echo "faketime: there is no libfaketime here" >&2
    exit 3
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export FAKETIME_TIMESTAMP_FILE=$folder/time FAKETIME_NO_CACHE=1

# Steps the clock until the run has ended.
step_while() {
    local pid=$1 lie
    while kill -0 "$pid" 2>/dev/null; do
        for lie in "${lies[@]}"; do
            echo "$lie" >"$folder/next" && mv "$folder/next" "$folder/time"
            sleep 0.07
        done
    done
}

# Negative numbers, and those beyond any time or size there is. Seeds and digests are text, or large by nature.
judge() {
    grep -oE '"[a-z0-9_]+": *(-?[0-9][0-9.eE+-]*|-?nan|-?inf)' "$1" | awk -F': *' '
        { key = $1; gsub(/"/, "", key); value = $2 }
        key ~ /^(seed|digest|address)$/ { next }
        value ~ /nan|inf/ || value + 0 < 0 || value + 0 > 1e17 ||
        (key ~ /(_ns|^max|^p[0-9]+)$/ && value + 0 > 30 * 86400e9) {
            print "absurd: " key " is " value; bad = 1
        }
        { numbers++ }
        END { if (numbers < 30) { print "only " numbers " numbers in the record"; bad = 1 }; exit bad }'
}

run() {
    local what=$1 status
    shift
    echo "+0" >"$folder/time"
    timeout -s KILL 60 env LD_PRELOAD="$library libc.so.6" "$@" --json - >"$folder/record" 2>"$folder/errors" &
    local pid=$!
    step_while "$pid"
    wait "$pid"
    status=$?
    if [ "$status" -ne 0 ] || ! judge "$folder/record"; then
        echo "faketime: $what ended with $status" >&2
        cat "$folder/errors" "$folder/record" >&2
        exit 1
    fi
    echo "faketime: $what" >&2
}

count=0
for ((i = 0; i < rounds; i++)); do
    for fakes_monotonic in no yes; do
        unset DONT_FAKE_MONOTONIC
        [ "$fakes_monotonic" = yes ] || export DONT_FAKE_MONOTONIC=1
        lies=(-1d +0 +1d)
        run "churn, steps of a day, monotonic: $fakes_monotonic" \
            "$orrery" run churn --strategy biased --collector generations --threads 2 --seconds 1
        lies=(-1d -2d -3d -2d)
        run "rings, days back, monotonic: $fakes_monotonic" \
            "$orrery" run rings --strategy atomic --collector trial --threads 2 --operations 20000
        lies=("2030-01-01 00:00:00") # an absolute time stands still
        run "rings, a frozen clock, monotonic: $fakes_monotonic" \
            "$orrery" run rings --strategy biased --collector mark --threads 2 --operations 20000
        count=$((count + 3))
    done
done
[ -n "${ORR_FIGURES:-}" ] || exit 0
printf 'failing\truns of the program under libfaketime\t%d\tsum\t-\n' "$count" >>"$ORR_FIGURES"
