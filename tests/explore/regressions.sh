#!/bin/sh
# regressions.sh EXPLORE LIST - replays every string of the list; fails if one fails, cannot be read, or is stale. A
# string is stale when a decision of it was not met (explore's status 3): the sources have moved on, and a schedule that
# nobody asked for passes in its place, for ever. Then the bug is put back (a seeded bug in tests/mutants/seeded, or the
# mended lines taken out), the explorer finds it again, and its new string replaces the old one. Where the mended code
# does not come so far as a decision that the bug needed, the string keeps those before it: what is met is what is kept.
set -eu
if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -r "$2" ]; then
    echo "usage: regressions.sh EXPLORE LIST: a program, and a file of replay strings" >&2
    exit 2
fi
explore=$1
list=$2
failed=0
count=0
while read -r line; do
    case $line in '' | '#'*) continue ;; esac
    count=$((count + 1))
    status=0
    "$explore" --replay "$line" >/dev/null || status=$?
    case $status in
    0) continue ;;
    1) echo "fails: $line" ;;
    2) echo "cannot be read: $line" ;;
    3) echo "is stale, not all its decisions were met: $line" ;;
    *) echo "ended with $status: $line" ;;
    esac
    failed=1
done <"$list"
echo "$count schedules replayed"
exit $failed
