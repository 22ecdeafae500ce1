#!/bin/sh
# sites.sh SOURCE PROGRAM:SITES... - which calls of the library for memory, or for a thread, no failure has met.
#
# The calls are what grep finds; what was met is what the programs wrote (--sites), as offsets that addr2line turns
# into lines. Prints each call with how often it was refused, most seldom first. Ends with 1 where one was not met.
# The last line is "sites N not hit N".
set -eu
source=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$source" && grep -nE '(orr_allocate|orr_reallocate|orr_pages_reserve|orr_refuses_allocation|orr_os_thread_start)\(' \
    runtime/*.[ch] collectors/*.[ch] collectors/parts/*.[ch]) |
    grep -vE '^runtime/platform[a-z_]*\.[ch]:|^[^:]*:[0-9]*: *(/\*|\*)' |
    sed -E 's/^([^:]*:[0-9]*):.*/\1/' | sort -u >"$work/calls"

# A call in an inline function has several frames: each line counts.
for pair in "$@"; do
    while read -r offset times; do
        addr2line -i -e "${pair%%:*}" "$offset" | sed -E "s,^($source/)?,,; s, .*,,; s,\$, $times,"
    done <"${pair#*:}"
done | awk '{ met[$1] += $2 } END { for (line in met) print line, met[line] }' | sort >"$work/met"

join -a 1 -e 0 -o 0,2.2 "$work/calls" "$work/met" | sort -k 2 -n
missed=$(join -v 1 "$work/calls" "$work/met" | wc -l)
echo "sites $(wc -l <"$work/calls") not hit $missed"
[ "$missed" -eq 0 ]
