#!/usr/bin/env bash
# list.sh - what there is: all of it, one axis of it, as JSON, and in pairs.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

expect 0 list
is_silent "$err"
for axis in strategies collectors heaps triggers workloads papers; do
    expect 0 list
    says "$axis"
    expect 0 list "$axis"
    [ "$(wc -l <"$out")" -ge 2 ] || fails "list $axis has no names"
    [ "$(head -1 "$out")" = "$axis" ] || fails "list $axis begins with $(head -1 "$out")"
done

# Each list has the names of its file, and nothing else.
check_list() {
    local given wanted
    given=$(names_of "$1" | sort | tr '\n' ' ')
    wanted=$(sed -n "s/^$2(\([a-z0-9_]*\),.*/\1/p" "$root/$3" | sort | tr '\n' ' ')
    [ "$given" = "$wanted" ] || fails "list $1: \"$given\", where $3 has \"$wanted\""
}
check_list strategies STRATEGY runtime/rc.def
check_list collectors COLLECTOR collectors/list.def
check_list heaps HEAP runtime/heap.def
check_list triggers TRIGGER runtime/trigger.def
check_list workloads WORKLOAD workloads/list.def
pages=$(cd "$root/papers/reading" && echo *.md)
[ "$(names_of papers | sort | tr '\n' ' ')" = "${pages//.md/} " ] ||
    fails "list papers is not papers/reading"

expect 2 list colectors
complains "did you mean 'collectors'?"
is_one_sentence
expect 2 list heaps triggers
is_silent "$out"

expect 0 list --pairs
says "strategy"
says "no (1)"
says ") tracing with none: nothing would ever be freed"
lines=$(grep -c ' none ' "$out")
[ "$lines" -ge 4 ] || fails "list --pairs has $lines rows of none"

expect 0 list --json
is_silent "$err"
says '"strategies"'
expect 0 list heaps --json
says '"name": "blocks"'
! grep -q strategies "$out" || fails "list heaps --json tells of strategies"
expect 0 list --pairs --json
says '"applies": false'
says '"reason": "tracing with none'
