#!/usr/bin/env bash
# tests/models/run.sh [--ci | --nightly] [MODEL...] - verifies the models (all, without names) with spin, and shows that
# each can fail: its mutants must be found wrong. --ci, the default: the small runs; --nightly: those, and the large.
#
# What a model wants is written in its opening comment:
#   Run: ci|nightly safety|LTL-NAME FLAGS          a run that must be clean; nightly includes ci
#   Mutants: safety|LTL-NAME FLAGS                 the run in which -DMUTANT=n must be found wrong,
#   Mutant N: what is wrong [safety|LTL FLAGS]     unless the mutant has one of its own
#   Unreached [in ci]: STATEMENT [of PROCTYPE] - why     a statement that no clean run reaches
#   Abstracts: FILE FUNCTION...                    where what it abstracts is defined (functions.cmake checks)
#
# A statement is reached if one of the clean runs reaches it. Large runs are compiled by gcc-12 -O2; small ones and
# mutants at -O0, for most of their time is the compiler's. Leaves its figures in the file that ORR_FIGURES names.
# Exit status: 0 all clean, all mutants found, all reached; 1 not so; 2 usage, or spin or gcc-12 is missing.
set -euo pipefail
room=$(cd "$(dirname "$0")" && pwd)
depth=1000000
megabytes=5500 # a run's memory
compiler=gcc-12
! command -v ccache >/dev/null || compiler='ccache gcc-12' # nearly all time is the compiler's, on the same text

tier=ci
case "${1:-}" in
--ci | --nightly) tier=${1#--} && shift ;;
-*)
    echo "orrery: tests/models/run.sh knows no \"$1\"; usage: tests/models/run.sh [--ci | --nightly] [MODEL...]" >&2
    exit 2
    ;;
esac
models=("$@")
if [ $# -eq 0 ]; then
    for file in "$room"/*.pml; do
        models+=("$(basename "$file" .pml)")
    done
fi
for tool in spin gcc-12; do
    if ! command -v $tool >/dev/null; then
        echo "orrery: tests/models needs $tool; tests/packages.sh names the package" >&2
        exit 2
    fi
done
for model in "${models[@]}"; do
    if [ ! -f "$room/$model.pml" ]; then
        echo "orrery: there is no model \"$model\" in tests/models" >&2
        exit 2
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The lines of a model's opening comment that begin with a word; a line that ends a field goes on two spaces deeper.
lines_of() {
    awk -v word="$2" 'index($0, " * " word) == 1 { print substr($0, 4 + length(word)) }
        / \*\/$/ { exit }' "$room/$1.pml"
}

# verify DIRECTORY MODEL OPTIMISATION PROPERTY FLAGS... - leaves pan's report in DIRECTORY/out; false: it did not run.
verify() {
    local folder=$1 model=$2 optimise=$3 property=$4 defines=(-DSAFETY -DNOCLAIM) options=()
    shift 4
    if [ "$property" != safety ]; then
        defines=()
        options=(-a -f -N "$property")
    fi
    mkdir -p "$folder"
    (
        cd "$folder"
        cp "$room/$model.pml" .
        if ! spin "$@" -a "$model.pml" >spin.out 2>&1 || grep -q -i '^spin:.*error' spin.out; then
            cat spin.out >&2
            exit 1
        fi
        $compiler "$optimise" -w -DCOLLAPSE -DMEMLIM=$megabytes "${defines[@]}" -c pan.c
        gcc-12 -o pan pan.o
        ./pan -m$depth "${options[@]}" >out 2>&1 || true
    )
}

# What a report says: states stored; "clean", "wrong" (with the first complaint), or why the search is not complete.
states_of() { awk '/states, stored/ { print $1; exit }' "$1"; }
verdict_of() {
    if grep -q '^pan:[0-9]*: \(assertion\|invalid\|acceptance\)' "$1"; then
        echo "wrong: $(sed -n 's/^pan:[0-9]*: //p' "$1" | grep -m1 '^assertion\|^invalid\|^acceptance')"
    elif grep -q 'Search not completed\|max search depth too small\|memory limit\|out of memory' "$1"; then
        echo "not completed"
    elif grep -q 'errors: 0$' "$1"; then
        echo clean
    else
        echo "no verdict: $(head -c 200 "$1" | tr '\n' ' ')"
    fi
}

# The statements that a report says were not reached: "PROCTYPE<TAB>LINE<TAB>STATEMENT".
unreached_of() {
    awk '/^unreached in (proctype|init)/ { name = $3 == "proctype" ? $4 : "init" } /^unreached in claim/ { name = "" }
         name != "" && /^\t.*, state [0-9]+, "/ {
             line = $0; sub(/^\t[^:]*:/, "", line); sub(/,.*/, "", line)
             text = $0; sub(/^[^"]*"/, "", text); sub(/"$/, "", text)
             print name "\t" line "\t" text
         }' "$1" | sort -u
}

# Of lines "PROCTYPE<TAB>LINE<TAB>STATEMENT" those that the model does not explain.
unexplained() {
    local model=$1
    {
        lines_of "$model" "Unreached: "
        [ "$tier" != ci ] || lines_of "$model" "Unreached in ci: "
    } | sed 's/ - .*//' >"$work/explained"
    awk -F'\t' 'NR == FNR { known[$0] = 1; next } !(($3 in known) || (($3 " of " $1) in known))' "$work/explained" -
}

seconds() { awk -v ns="$1" 'BEGIN { printf "%.1f", ns / 1e9 }'; }
figure() { [ -z "${ORR_FIGURES:-}" ] || printf 'models\t%s\t%s\t%s\t%s\n' "$@" >>"$ORR_FIGURES"; }

total_states=0 total_errors=0 total_killed=0 total_mutants=0 total_unexplained=0

# The clean runs of a model. Adds to the totals; sets states, errors, unreached.
clean_runs() {
    local model=$1 when property flags begun verdict stored optimise run=0
    states=0 errors=0
    rm -f "$work/unreached"
    while read -r when property flags; do
        [ "$when" = ci ] || [ "$tier" = nightly ] || continue
        begun=$(date +%s%N)
        run=$((run + 1))
        [ "$when" = ci ] && optimise=-O0 || optimise=-O2
        # shellcheck disable=SC2086 # one word per flag
        verify "$work/$model.$run" "$model" "$optimise" "$property" $flags
        verdict=$(verdict_of "$work/$model.$run/out")
        stored=$(states_of "$work/$model.$run/out")
        states=$((states + $(printf '%.0f' "${stored:-0}")))
        [ "$verdict" = clean ] || errors=$((errors + 1))
        printf '%-11s %-9s %-46s %11s states %7s s  %s\n' "$model" "$property" "$flags" "${stored:-0}" \
            "$(seconds $(($(date +%s%N) - begun)))" "$verdict"
        unreached_of "$work/$model.$run/out" >"$work/now"
        if [ -f "$work/unreached" ]; then
            comm -12 "$work/unreached" "$work/now" >"$work/both"
            mv "$work/both" "$work/unreached"
        else
            mv "$work/now" "$work/unreached"
        fi
        rm -rf "$work/$model.$run"
    done < <(lines_of "$model" "Run: ")
    if [ "$run" -eq 0 ]; then
        echo "$model: no run is named in its opening" >&2
        errors=1
    fi
}

# The mutants of a model: each must be found wrong. Sets killed, mutants.
mutant_runs() {
    local model=$1 line number usual property flags verdict
    killed=0 mutants=0
    usual=$(lines_of "$model" "Mutants: ")
    while IFS= read -r line; do
        number=${line%%:*}
        mutants=$((mutants + 1))
        read -r property flags <<<"$usual"
        # shellcheck disable=SC2001 # the part in brackets
        [[ $line != *\[*\] ]] || read -r property flags <<<"$(sed 's/.*\[\(.*\)\]$/\1/' <<<"$line")"
        # shellcheck disable=SC2086 # one word per flag
        verify "$work/$model.mutant" "$model" -O0 "$property" $flags "-DMUTANT=$number"
        verdict=$(verdict_of "$work/$model.mutant/out")
        if [[ $verdict == wrong* ]]; then
            killed=$((killed + 1))
        else
            printf '%-11s mutant %s SURVIVES (%s): %s\n' "$model" "$number" "$verdict" "${line#*: }"
        fi
        rm -rf "$work/$model.mutant"
    done < <(lines_of "$model" "Mutant ")
}

for model in "${models[@]}"; do
    begun=$(date +%s%N)
    clean_runs "$model"
    touch "$work/unreached"
    unexplained "$model" <"$work/unreached" >"$work/open"
    while IFS=$'\t' read -r name line text; do
        printf '%-11s line %s of %s is never reached: %s\n' "$model" "$line" "$name" "$text"
    done <"$work/open"
    open=$(wc -l <"$work/open")
    mutant_runs "$model"
    printf '%-11s %d states, %d not clean, mutants killed %d/%d, unexplained unreached %d, %s s\n' "$model" "$states" \
        "$errors" "$killed" "$mutants" "$open" "$(seconds $(($(date +%s%N) - begun)))"
    total_states=$((total_states + states)) total_errors=$((total_errors + errors))
    total_killed=$((total_killed + killed)) total_mutants=$((total_mutants + mutants))
    total_unexplained=$((total_unexplained + open))
    bar=-
    [ "$tier $model" != "nightly biased" ] || bar='>= 7000000'
    figure "states of $model" "$states" sum "$bar"
done
figure "states stored" "$total_states" sum -
figure "errors" "$total_errors" sum "== 0"
figure "mutants killed" "$total_killed" sum -
figure "mutants surviving" "$((total_mutants - total_killed))" sum "== 0"
figure "unexplained unreached statements" "$total_unexplained" sum "== 0"
[ "$total_errors" -eq 0 ] && [ "$total_killed" -eq "$total_mutants" ] && [ "$total_unexplained" -eq 0 ]
