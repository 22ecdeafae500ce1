#!/bin/sh
# regressions.sh EXPLORE LIST - replays every string of the list; fails if one fails, or cannot be read.
set -eu
explore=$1
list=$2
failed=0
count=0
while read -r line; do
    case $line in '' | '#'*) continue ;; esac
    count=$((count + 1))
    "$explore" --replay "$line" > /dev/null || { echo "fails: $line"; failed=1; }
done < "$list"
echo "$count schedules replayed"
exit $failed
