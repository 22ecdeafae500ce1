# sample.awk - one-line bugs in protocol code. With list=1: every place where one could be made, "file:line:kind", but
# for those in the file `harmless`.
# With line=N and kind=K: the file with that change made.
#
#   relaxed      an order is dropped: acquire, release and acq_rel become relaxed (a cas or an exchange keeps half of its order)
#   halved       acq_rel becomes release, where a cas may fail for no reason
#   negated      a condition that fills a line is turned round
#   dropped      a statement that fills a line is taken out
#   swapped      a statement that fills a line comes after the next one, where that is an order somebody relies on
#
# Not touched: comments, assertions, statistics (counters, pauses, estimates), hints, what a compiler would refuse.

function is_statement(text) {
    return text ~ /^[ \t]+[a-z_>*.\-]+[^=!<>]*(\(.*\)| = [^=].*|\+\+|--);[^"]*$/ &&
        text !~ /^[ \t]+(for|while|if|return|goto|break|continue) ?/ &&
        text !~ /orr_assert|orr_require|counters|raise_to|pause_note|_ns|prefetch|^[ \t]+(struct|enum|bool|uint|int|size_t|const|uintptr_t|unsigned|static)/
}

# Has an order that others rely on: a relaxed access has none, and where a lock begins or ends nobody is.
function is_ordered(text) {
    gsub(/orr_(load|store|or|and|add|sub)_relaxed|orr_mutex_(init|fini)/, "", text)
    return text ~ /orr_(store|cas|exchange|or|and|add|sub|mutex|wake|owner|weak)_|orr_slot_(un)?lock\(/
}

# What a line writes without an order: "" if that cannot be said.
function written(text) {
    sub(/^[ \t]*/, "", text)
    if (text !~ /^orr_store_relaxed\(&/ && text !~ /^[a-z_>.\-]+ = [^(]*;/)
        return ""
    sub(/^orr_store_relaxed\(&/, "", text)
    sub(/(,| = ).*/, "", text)
    return text
}

# Somebody could be wrong by the second coming before the first: one of them has an order, or both write and one of them
# what the other uses. Not if it only writes or gives back before an unlock instead of after it.
function is_in_order(first, second, one, other) {
    if (first ~ /unlock/ && second ~ /unlock|deallocate|_clear\(| = |orr_store_/)
        return 0
    if (is_ordered(first) || is_ordered(second))
        return 1
    one = written(first)
    other = written(second)
    return one != "" && other != "" && (index(first, other) || index(second, one))
}

function strip(text) {
    sub(/[ \t]*\/\*.*$/, "", text)
    return text
}

function weaker(text) {
    if (text ~ /orr_cas(_weak)?_acq_rel/) {
        sub(/orr_cas_weak_acq_rel/, "orr_cas_weak_acquire", text)
        sub(/orr_cas_acq_rel/, "orr_cas_acquire", text)
    } else if (text ~ /orr_cas_weak_(acquire|release)|orr_cas_acquire/)
        gsub(/orr_cas(_weak)?_(acquire|release)/, "orr_cas_relaxed", text)
    else if (text ~ /orr_exchange_/)
        sub(/orr_exchange_acq_rel/, "orr_exchange_acquire", text)
    else
        gsub(/_(acquire|release|acq_rel)\(&/, "_relaxed(\\&", text)
    return text
}

function halved(text) {
    sub(/orr_cas_weak_acq_rel/, "orr_cas_weak_release", text)
    return text
}

function negated(text, head, rest) {
    if (!match(text, /^[ \t]*(if|while|\} else if) \(/))
        return text
    head = substr(text, 1, RLENGTH)
    rest = substr(text, RLENGTH + 1)
    if (!match(rest, /\)( \{)?$/) || rest ~ /orr_assert/)
        return text
    return head "!(" substr(rest, 1, RSTART - 1) "))" substr(rest, RSTART + 1)
}

function balanced(text) {
    return gsub(/\(/, "(", text) == gsub(/\)/, ")", text)
}

# What harmless.txt lists: kind, file, line of code, reason, with tabs between.
BEGIN {
    while (list && (getline entry < harmless) > 0) {
        split(entry, field, "\t")
        is_harmless[field[1], field[2], field[3]] = 1
    }
}
FNR == 1 { last = ""; last_is_statement = in_comment = condition = 0; ended = 1 }
{
    code = strip($0)
    if ($0 ~ /^[ \t]*\/?\*/ || in_comment || $0 ~ /^#/)
        code = ""
    if ($0 ~ /\/\*/ && $0 !~ /\*\//) in_comment = 1
    if ($0 ~ /\*\//) in_comment = 0
    if ($0 ~ /estimate|statistics|fairness/) # what is counted for those who ask
        code = ""
    whole = code ~ /^[ \t]/ && balanced(code) && ended
    if (code != "")
        ended = code ~ /[;{}:]$|^[ \t]*(if|else|do|while|for).*\)$|else$|do$/
}
list {
    if (code ~ /^[ \t]/ && weaker(code) != code && code !~ /counters|statistics/)
        place("relaxed", FNR, code)
    if (code ~ /^[ \t]/ && halved(code) != code && code !~ /counters|statistics/)
        place("halved", FNR, code)
    if (condition && (condition_text ~ /\{$/ || code !~ /prefetch/)) # on a hint nothing depends
        place("negated", condition, condition_text)
    condition = whole && negated(code) != code ? FNR : 0
    condition_text = code
    if (whole && is_statement(code))
        place("dropped", FNR, code)
    if (whole && is_statement(code) && last_is_statement && indent(code) == indent(last) &&
        is_in_order(last, code))
        place("swapped", FNR - 1, last)
    last = code
    last_is_statement = whole && is_statement(code)
    next
}
held != "" { print; print held; held = ""; next }
FNR == line && kind == "relaxed" { print weaker($0); next }
FNR == line && kind == "halved" { print halved($0); next }
FNR == line && kind == "negated" { print negated(code); next }
FNR == line && kind == "dropped" { match($0, /^[ \t]*/); print substr($0, 1, RLENGTH) ";"; next }
FNR == line && kind == "swapped" { held = $0; next }
{ print }

function place(kind, number, text) {
    sub(/^[ \t]*/, "", text)
    if (!((kind, FILENAME, text) in is_harmless))
        print FILENAME ":" number ":" kind
}

function indent(text) {
    match(text, /^[ \t]*/)
    return RLENGTH
}
