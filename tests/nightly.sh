#!/usr/bin/env bash
# tests/nightly.sh [TIER...] - runs the long tiers of nightly.list one after the other, or those named, and puts what
# they counted into the table "proof" of tests/README.md. Missing packages are installed first. `tests/run.sh --nightly`
# is this.
#
# A tier leaves its figures in the file that the environment variable ORR_FIGURES names, one per line:
#   tier<TAB>what was counted<TAB>number<TAB>sum, max or min<TAB>bar
# where the bar is "-", or >=, <=, ==, > or < and a number. Lines of the same tier and what become one row, merged as
# the fourth field says. Lines of other tiers are passed over: a tier may run the short form of another.
#
# A tier that fails, that needs more than its minutes, that leaves no figure, or whose script is missing, is a row that
# says so, and the next tier runs. Its rows are replaced when it has ended; those of tiers that did not run stay, with
# the date on which they did. Exit status: 0 all tiers ended well and met their bars; 1 not so; 2 usage, or a
# missing package.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
source tests/packages.sh
list=tests/nightly.list
page=tests/README.md

# The lines of nightly.list without its comments; with a name, only those of that tier.
lines_of() {
    awk -v tier="${1:-}" '!/^#/ && NF && (tier == "" || $1 == tier)' "$list"
}

mapfile -t tiers < <(lines_of | awk '!seen[$1]++ { print $1 }')
chosen=("$@")
[ $# -gt 0 ] || chosen=("${tiers[@]}")
for tier in "${chosen[@]}"; do
    if ! printf '%s\n' "${tiers[@]}" | grep -Fxq -e "$tier"; then
        echo "orrery: there is no tier \"$tier\"; the tiers are: ${tiers[*]}" >&2
        exit 2
    fi
done
if ! grep -qx '<!-- proof -->' "$page" || ! grep -qx '<!-- end of proof -->' "$page"; then
    echo "orrery: $page has no <!-- proof --> with an <!-- end of proof --> after it" >&2
    exit 2
fi
orr_packages

work=$(mktemp -d)
child=
trap 'rm -rf "$work"' EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM

# One line in the form of a figure, about a command that did not end as it should.
fault() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$work/faults"
    echo "orrery: nightly: $1: $2: $3" >&2
}

# Runs one command of a tier within its minutes, in a process group of its own, which ends with it.
run_command() {
    local tier=$1 minutes=$2 status=0
    shift 2
    if [ ! -e "$1" ]; then
        fault "$tier" "$*" "is missing"
        return
    fi
    ORR_FIGURES=$work/figures timeout -k 10 "${minutes}m" "$@" </dev/null &
    child=$!
    wait "$child" || status=$?
    child=
    case $status in
    0) ;;
    124 | 137) fault "$tier" "$*" "stopped after $minutes minutes" ;;
    *) fault "$tier" "$*" "ended with $status" ;;
    esac
}

# The rows of a tier: its figures, merged and held against their bars, then its faults.
rows_of() {
    LC_ALL=C awk -F '\t' -v tier="$1" -v date="$2" -v minutes="$3" -v faults="$work/faults" '
    function is_number(text) {
        return text ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/
    }
    function is_bar(text) {
        return text == "-" || (text ~ /^(>=|<=|==|>|<) [^ ]+$/ && is_number(substr(text, index(text, " ") + 1)))
    }
    function is_figure() {
        return NF == 5 && $2 != "" && $0 !~ /\|/ && is_number($3) && $4 ~ /^(sum|max|min)$/ && is_bar($5) &&
            (!($2 in value) || (merge[$2] == $4 && bar[$2] == $5))
    }
    function verdict(number, limit,   operator, wanted) {
        if (limit == "-")
            return "-"
        operator = limit
        sub(/ .*/, "", operator)
        wanted = substr(limit, index(limit, " ") + 1) + 0
        if (operator == ">=" && number >= wanted || operator == "<=" && number <= wanted ||
            operator == "==" && number == wanted || operator == ">" && number > wanted ||
            operator == "<" && number < wanted)
            return "met"
        return "MISSED"
    }
    function text_of(number) {
        return sprintf(number == int(number) ? "%.0f" : "%.6g", number)
    }
    function row(what, figure, limit, judgement) {
        printf "| %s | %s | %s | %s | %s | %s | %s |\n", tier, what, figure, limit, judgement, date, minutes
    }
    NF == 5 && $1 != tier { next }
    !is_figure() { gsub(/\|/, "/"); gsub(/\t/, " "); broken[++breaks] = $0; next }
    !($2 in value) { order[++count] = $2; value[$2] = $3 + 0; merge[$2] = $4; bar[$2] = $5; next }
    $4 == "sum" { value[$2] += $3 }
    $4 == "max" && $3 + 0 > value[$2] { value[$2] = $3 + 0 }
    $4 == "min" && $3 + 0 < value[$2] { value[$2] = $3 + 0 }
    END {
        for (i = 1; i <= count; i++)
            row(order[i], text_of(value[order[i]]), bar[order[i]], verdict(value[order[i]], bar[order[i]]))
        for (i = 1; i <= breaks; i++)
            row("a line of figures", broken[i], "is well formed", "MISSED")
        if (count == 0)
            row("figures of this tier", "none", "some", "MISSED")
        while ((getline < faults) > 0)
            row($2, $3, "ends with 0", "MISSED")
    }' "$work/figures"
}

# Puts the table, with the new rows of a tier, in place of the one in the page.
replace_rows() {
    local tier rows=$2
    for tier in "${tiers[@]}"; do
        if [ "$tier" = "$1" ]; then
            cat "$rows"
        else
            sed -n '/^<!-- proof -->$/,/^<!-- end of proof -->$/p' "$page" | grep "^| $tier |" || true
        fi
    done >"$work/kept"
    awk -v kept="$work/kept" '
        /^<!-- end of proof -->$/ { inside = 0 }
        !inside { print }
        /^<!-- proof -->$/ {
            print "| tier | what | figure | bar | | date | minutes |"
            print "|---|---|---|---|---|---|---|"
            while ((getline line < kept) > 0) print line
            inside = 1
        }' "$page" >"$work/page"
    cat "$work/page" >"$page"
}

run_tier() {
    local tier=$1 started=$SECONDS minutes words
    : >"$work/figures"
    : >"$work/faults"
    while read -ra words <&3; do
        echo "== $tier: ${words[*]:2}"
        run_command "$tier" "${words[1]}" "${words[@]:2}"
    done 3< <(lines_of "$tier")
    minutes=$(awk -v seconds=$((SECONDS - started)) 'BEGIN { printf "%.1f", seconds / 60 }')
    rows_of "$tier" "$(date -u +%F)" "$minutes" >"$work/rows"
    cat "$work/rows" >>"$work/all"
    replace_rows "$tier" "$work/rows"
}

for tier in "${tiers[@]}"; do
    [[ " ${chosen[*]} " == *" $tier "* ]] || continue
    run_tier "$tier"
done
echo
sed -n '/^<!-- proof -->$/,/^<!-- end of proof -->$/p' "$page" | grep '^|'
! grep -q '| MISSED |' "$work/all"
