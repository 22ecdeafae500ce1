#!/bin/sh
# leaks.sh PROGRAM [ARGUMENT...] - runs a program under AddressSanitizer, and fails when any of its
# processes left a report. A leak is found when a process ends, after Criterion has judged the test
# that leaked: without this, the test passes. Exit status: the program's; 1 for a report; 2 usage.
set -eu
if [ $# -eq 0 ]; then
    echo "usage: leaks.sh PROGRAM [ARGUMENT...]" >&2
    exit 2
fi
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
status=0
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=1:log_path=$reports/report" "$@" || status=$?
for report in "$reports"/*; do
    [ -e "$report" ] || continue
    cat "$report" >&2
    [ "$status" -ne 0 ] || status=1
done
exit "$status"
