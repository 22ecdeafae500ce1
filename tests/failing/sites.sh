#!/bin/sh
# sites.sh SOURCE PROGRAM:SITES... - which calls of the library for memory, or for a thread, no failure has met.
#
# The calls are what grep finds; what was met is what the programs wrote (--sites), as offsets that addr2line turns
# into lines. Prints each call with how often it was refused, most seldom first. The last line is "sites N not hit N".
# Exit status: 0 all were met; 1 one was not; 2 usage, or there was nothing to look at.
set -eu
refuse() {
    echo "sites: $1; usage: tests/failing/sites.sh SOURCE PROGRAM:SITES..." >&2
    exit 2
}
[ $# -ge 2 ] || refuse "it wants the sources, and what a program has met"
source=$1
shift
[ -d "$source/runtime/" ] || refuse "$source holds no sources of the library"
for pair in "$@"; do
    if [ ! -f "${pair%%:*}" ] || [ ! -r "${pair#*:}" ] || [ -d "${pair#*:}" ]; then
        refuse "$pair is no program with the file of what it has met"
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

asks='(orr_allocate|orr_reallocate|orr_pages_reserve|orr_refuses_allocation|orr_os_thread_start)\('
(cd "$source" && grep -nE "$asks" runtime/*.[ch] collectors/*.[ch] collectors/parts/*.[ch]) |
    grep -vE '^runtime/platform[a-z_]*\.[ch]:|^[^:]*:[0-9]*: *(/\*|\*)' |
    sed -E 's/^([^:]*:[0-9]*):.*/\1/' | sort -u >"$work/calls"
[ -s "$work/calls" ] || refuse "$source has no call for memory"

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
