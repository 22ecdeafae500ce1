#!/usr/bin/env bash
# table.sh LINES VARIANT... - the table of rules and pairs, in Markdown, from the lines that the rule programs
# left in the folder LINES (rule.h says what is in them). A rule is a row; a strategy with a collector, with and
# without linked locals, with 1 and with 8 threads, is a column. Exit status: 0 all is well; 1 a rule does
# not hold somewhere, or a line is missing; 2 usage.
set -euo pipefail
if [ $# -lt 2 ] || [ ! -d "$1" ]; then
    echo "orrery: usage: table.sh LINES VARIANT..., where LINES is a folder" >&2
    exit 2
fi
lines=$1
shift
root=$(cd "$(dirname "$0")/../../.." && pwd)
rules=$(sed -n 's/^enum { RULES = \([0-9]*\).*/\1/p' "$root/tests/conformance/rules/rule.h")
collectors=$(sed -n 's/^COLLECTOR(\([a-z0-9_]*\),.*/\1/p' "$root/collectors/list.def" | tr '\n' ' ')

find "$lines" -type f -exec cat {} + | LC_ALL=C awk -F '\t' \
    -v rules="$rules" -v variants="$*" -v collectors="$collectors" '
# Remembers each reason once; its number is the one of its footnote.
function footnote(reason) {
    if (!(reason in number)) {
        number[reason] = ++footnotes
        reasons[footnotes] = reason
    }
    return number[reason]
}

function strategy(variant) {
    sub(/_rooted$/, "", variant)
    return variant
}

# Why a variant and a collector cannot run with so many threads: the reason that all rules give.
function refusal(variant, collector, threads,   n, reason) {
    reason = outcome[1, variant, collector, threads]
    for (n = 1; n <= rules; n++)
        if (outcome[n, variant, collector, threads] != reason)
            return ""
    return reason ~ /^not applicable: / ? substr(reason, 17) : ""
}

# One cell: the worst of what its runs said.
function cell(n, s, collector,   v, t, key, said, passed, failed, notes, seen) {
    for (v = 1; v <= variant_count; v++) {
        if (strategy(variant[v]) != s)
            continue
        for (t = 1; t <= 8; t += 7) {
            key = variant[v] SUBSEP collector SUBSEP t
            said = outcome[n, variant[v], collector, t]
            if (said == "") {
                printf "orrery: no line for rule %d, %s, %s, threads %d\n", n, variant[v], \
                    collector, t > "/dev/stderr"
                bad = failed = 1
            } else if (said == "pass")
                passed = 1
            else if (said == "fail")
                failed = 1
            else if (!refused[key] && !(said in seen)) {
                seen[said] = 1
                notes = notes (notes ? ", " : "") footnote(substr(said, 17))
            }
        }
    }
    if (failed)
        bad = 1
    return (failed ? "FAIL" : passed ? "pass" : "n/a") (notes ? " (" notes ")" : "")
}

NF != 6 {
    print "orrery: not a line of a rule: " $0 > "/dev/stderr"
    bad = 1
    next
}
{
    if ($1 in sentence && sentence[$1] != $2) {
        print "orrery: rule " $1 " has two sentences: build all programs again" > "/dev/stderr"
        bad = 1
    }
    sentence[$1] = $2
    outcome[$1, $3, $4, $5] = $6
}

END {
    variant_count = split(variants, variant, " ")
    collector_count = split(collectors, collector, " ")
    for (v = 1; v <= variant_count; v++) {
        s = strategy(variant[v])
        if (!(s in known)) {
            known[s] = 1
            strategies[++strategy_count] = s
        }
        for (c = 1; c <= collector_count; c++)
            for (t = 1; t <= 8; t += 7) {
                why = refusal(variant[v], collector[c], t)
                refused[variant[v], collector[c], t] = why != ""
                if (why == "")
                    works[s, collector[c]] = 1
                else {
                    if (refusals[why] == "")
                        why_not[++refusal_count] = why
                    refusals[why] = refusals[why] (refusals[why] == "" ? "" : ", ") variant[v] " " \
                        collector[c] (t == 1 ? "" : " with " t " threads")
                }
            }
    }
    head = "| rule | what holds |"
    rule_off = "|---|---|"
    for (s = 1; s <= strategy_count; s++)
        for (c = 1; c <= collector_count; c++)
            if (works[strategies[s], collector[c]]) {
                head = head " " strategies[s] " " collector[c] " |"
                rule_off = rule_off "---|"
            }
    print head
    print rule_off
    for (n = 1; n <= rules; n++) {
        row = "| " n " | " sentence[n] " |"
        for (s = 1; s <= strategy_count; s++)
            for (c = 1; c <= collector_count; c++)
                if (works[strategies[s], collector[c]])
                    row = row " " cell(n, strategies[s], collector[c]) " |"
        print row
    }
    print ""
    print "Not applicable:"
    print ""
    for (i = 1; i <= footnotes; i++)
        print i ". " reasons[i] "."
    print ""
    print "Pairs that cannot be made, and so stand in no cell:"
    print ""
    for (i = 1; i <= refusal_count; i++)
        print "- " why_not[i] ": " refusals[why_not[i]] "."
    exit bad
}'
