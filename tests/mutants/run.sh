#!/usr/bin/env bash
# tests/mutants/run.sh [--nightly | --check | --list] [--record] [--sample N] [--seed S] [NUMBER...] - the mutation score.
# Applies one seeded bug after the other (seeded/*.patch; those named, or all; 00: none) to a copy of the sources, builds
# it and runs the tiers of tests in their order until one fails: the first killer. The test that is known to have killed
# a bug, in a line "Killed by: TIER TEST" of its patch, is tried before all others. With --sample, N bugs more, made by
# sample.awk from the protocol files. Then prints who was killed by what and after how long, and the score.
#   --record   first killers are written into the patches, and known ones are not tried first
#   --nightly  all of the seeded, and 20 made ones by the seed of the day, as far as 30 minutes go
#   --check    only looks whether every patch, and every line of harmless.txt, still fits the sources
#   --list     only names them
# Exit status: 0 all killed; 1 a seeded bug survived or there was no time for it, or fewer than nine tenths of the made
# ones died, or fewer than nine tenths of the seeded by a tier of continuous integration; 2 usage, a patch that does not
# apply or build, or a tier that fails without any bug.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/mutants
place=build/mutants
tree=$place/tree

# name; preset; ctest's choice; the targets that need to be built; seconds; whether continuous integration runs it
tiers=(
    # the planted bugs of its own room are left out: two bugs at once prove nothing
    "explore;dev;-R ^explore/scenarios$;^explore$;100;ci"
    "explore_full;dev;-L ^explore$ -E scenarios|finds_|litmus|same_trace;^explore(_full|_bare)?$;200;ci"
    "random;dev;-L ^random$;^random_;240;ci"
    "unit;dev;-L ^unit$ -E unit/(gbench.*|child)$;^unit_;400;ci"
    "memory;asan;-L ^unit$ -E unit/(gbench.*|heap_kinds?|fork.*|child)$;^unit_;300;ci"
    "failing;dev;-L ^failing$;^failing_;240;ci"
    "conformance;dev;-R ^conformance/(rules_)?(biased|atomic)_rooted$;^conformance_(rules_)?(biased|atomic)_rooted$;400;ci"
    "stress;dev;-L ^(stress|hardship)$;^(stress|hardship)_|^orrery$;400;ci"
    "races;tsan;-L ^stress$;^stress_;500;ci"
    "large;dev;-L ^conformance$;^conformance_;900;nightly"
)

die() {
    echo "orrery: $1" >&2
    exit 2
}

mode=run sampled=0 seed=1 records=no
limit=0 # seconds of the whole; 0: none
numbers=()
while [ $# -gt 0 ]; do
    case $1 in
    --nightly)
        sampled=20
        seed=$(date +%j)
        limit=1800
        ;;
    --check | --list) mode=${1#--} ;;
    --record) records=yes ;;
    --sample | --seed)
        [[ ${2-} =~ ^[0-9]+$ ]] || die "$1 wants a number"
        if [ "$1" = --sample ]; then sampled=$2; else seed=$2; fi
        shift
        ;;
    [0-9][0-9]) numbers+=("$1") ;;
    *) die "tests/mutants/run.sh knows no \"$1\"; its first lines say what it knows" ;;
    esac
    shift
done

patches=()
for patch in "$here"/seeded/*.patch; do
    number=$(basename "$patch")
    number=${number%%_*}
    if [ ${#numbers[@]} -eq 0 ] || [[ " ${numbers[*]} " == *" $number "* ]]; then
        patches+=("$patch")
    fi
done
[ ${#patches[@]} -gt 0 ] || [ "${numbers[*]}" = 00 ] || die "no seeded bug is called ${numbers[*]}; --list names them"

name_of() { basename "$1" .patch; }

# Applies a patch (or, with -R, takes it back) to the copy. The sources may have moved a little under it.
apply() {
    patch -p0 -s -f -d "$tree" --no-backup-if-mismatch -r - "${@:2}" <"$1" >/dev/null
}

if [ "$mode" = list ]; then
    for patch in "${patches[@]}"; do
        printf '%-32s %s\n' "$(name_of "$patch")" "$(head -n 1 "$patch")"
    done
    exit 0
fi

# Renews the copy, and keeps what was built from it, unless it was left with a bug or a file too many in it.
copy() {
    mkdir -p "$tree"
    tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree" --keep-newer-files 2>/dev/null || true
    diff -rq --exclude=build --exclude=.git . "$tree" >/dev/null || {
        rm -rf "$tree"
        mkdir -p "$tree"
        tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree"
    }
}

if [ "$mode" = check ]; then
    bad=0
    for patch in "${patches[@]}"; do
        if ! patch -p0 -s -f -F 2 --dry-run <"$patch" >/dev/null; then
            echo "orrery: the seeded bug $(name_of "$patch") does not apply to the sources any more; make it anew" >&2
            bad=2
        fi
    done
    while IFS=$'\t' read -r _ file code _; do
        if ! grep -Fq -e "$code" "$file"; then
            echo "orrery: $file has no line \"$code\" any more, which $here/harmless.txt names; take it out" >&2
            bad=2
        fi
    done <"$here/harmless.txt"
    echo "${#patches[@]} seeded bugs"
    exit "$bad"
fi

# --- one tier -------------------------------------------------------------------------------------------

# Builds what a tier runs. The output goes to a file that is shown when it fails.
build() {
    local preset=$1 targets=$2 wanted
    [ -f "$tree/build/$preset/build.ninja" ] ||
        (cd "$tree" && cmake --preset "$preset" >/dev/null) || return 1
    wanted=$(ninja -C "$tree/build/$preset" -t targets all |
        sed -n 's/^\([A-Za-z0-9_]*\): phony$/\1/p' | grep -E "$targets" || true)
    [ -n "$wanted" ] || return 0
    # shellcheck disable=SC2086 # one word per target
    ninja -C "$tree/build/$preset" $wanted >"$place/build.log" 2>&1
}

# Runs a tier, or one test of it, on the copy as it is. 0: passed; 1: failed, and $why says what; 2: did not build;
# 3: no time was left.
why=
run_tier() {
    local preset choice targets seconds left status=0
    IFS=';' read -r _ preset choice targets seconds _ <<<"$1"
    [ -z "${2-}" ] || choice="-R ^$2\$"
    [ "$limit" -eq 0 ] || [ "$SECONDS" -lt "$limit" ] || return 3
    build "$preset" "$targets" || return 2
    left=$seconds
    [ "$limit" -eq 0 ] || [ $((limit - SECONDS)) -gt "$left" ] || left=$((limit - SECONDS))
    [ "$left" -gt 0 ] || return 3
    # shellcheck disable=SC2086 # options
    timeout "$left" ctest --test-dir "$tree/build/$preset" $choice -j 2 --stop-on-failure --no-tests=error \
        >"$place/test.log" 2>&1 || status=$?
    [ "$status" -ne 0 ] || return 0
    [ "$status" -ne 124 ] || [ "$left" -eq "$seconds" ] || return 3
    why=$(sed -n '/(Skipped)$/d;s/^[[:space:]]*[0-9]* - \([^ ]*\) (\([^)]*\)).*/\1 (\2)/p' "$place/test.log" | head -n 1)
    [ "$status" -ne 124 ] || why="more than $seconds s"
    return 1
}

# --- one bug ---------------------------------------------------------------------------------------------

results=$place/results
declare -A is_clean=()

# That a tier passes without a bug is tried before its first word on one. The copy has the bug, before and after.
expect_clean() {
    local patch=$1 row=$2 tier=${2%%;*} status=0
    [ -z "${is_clean[$tier]-}" ] || return 0
    take_back "$patch"
    run_tier "$row" || status=$?
    [ "$status" -ne 3 ] || return 3
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$place/build.log" "$place/test.log" >&2 || true
        die "the tier $tier fails without any bug ($why)"
    fi
    is_clean[$tier]=yes
    put_in "$patch"
}

put_in() {
    apply "$1" && return
    apply "$1" -R || true
    die "the bug $(name_of "$1") does not apply to the sources any more; make it anew"
}

take_back() {
    apply "$1" -R || die "the bug $(name_of "$1") could not be taken back; remove $tree"
}

# Lines "TEST:row of a tier": what is tried on a bug, in this order. An empty TEST is the whole tier.
attempts_on() {
    local row tier test
    read -r tier test < <(sed -n 's/^Killed by: //p;/^---/q' "$1") || true
    for row in "${tiers[@]}"; do
        [ "$records" = yes ] || [ "${row%%;*}" != "${tier-}" ] || printf '%s:%s\n' "$test" "$row"
    done
    printf ':%s\n' "${tiers[@]}"
}

# Notes the first killer behind the first line of a patch.
record() {
    local patch=$1 line="Killed by: $2 ${3%% *}"
    sed -i -e '/^Killed by: /d' -e "1a $line" "$patch"
}

# Writes: kind, name, verdict, tier, test, seconds, whether continuous integration would have killed it
try_bug() {
    local kind=$1 patch=$2 name attempt row tier status verdict=survived killer=- by_ci=no start=$SECONDS
    name=$(name_of "$patch")
    put_in "$patch"
    why=-
    while IFS= read -r attempt <&3; do
        row=${attempt#*:}
        tier=${row%%;*}
        status=0
        expect_clean "$patch" "$row" && run_tier "$row" "${attempt%%:*}" || status=$?
        if [ "$status" -eq 2 ]; then
            verdict=unbuilt killer=compiler
            break
        elif [ "$status" -eq 3 ]; then
            verdict=untried
            break
        elif [ "$status" -ne 0 ]; then
            verdict=killed killer=$tier
            [[ $row == *\;ci ]] && by_ci=yes || by_ci=no
            break
        fi
    done 3< <(attempts_on "$patch")
    take_back "$patch"
    [ "$records" = no ] || [ "$verdict" != killed ] || record "$patch" "$killer" "$why"
    printf '%s\t%s\t%s\t%s\t%s\t%d\t%s\n' "$kind" "$name" "$verdict" "$killer" "$why" $((SECONDS - start)) "$by_ci" |
        tee -a "$results" | awk -F'\t' '{ printf "%-36s %-9s %-12s %5d s  %s\n", $2, $3, $4, $6, $5 }'
    if [ "$kind" = seeded ] && [ "$verdict" = unbuilt ]; then
        cat "$place/build.log" >&2
        die "the seeded bug $name does not build"
    fi
}

mkdir -p "$place"
copy
: >"$results"
[ "$records" = yes ] && from='' || from=$tree/ # the copy's: the sources may change meanwhile, and their patches with them
for patch in "${patches[@]}"; do
    try_bug seeded "$from$patch"
done
if [ "$sampled" -gt 0 ]; then
    rm -rf "$place/made"
    mkdir -p "$place/made"
    "$tree/$here/sample.sh" "$sampled" "$seed" "$PWD/$place/made"
    for patch in "$place"/made/*.patch; do
        try_bug made "$patch"
    done
fi

# --- the score -------------------------------------------------------------------------------------------

awk -F'\t' -v figures="${ORR_FIGURES:-/dev/null}" '
    $3 == "unbuilt" { next }
    $3 == "untried" { untried[$1]++; next }
    { all[$1]++; ci[$1] += $7 == "yes"; if ($3 == "killed") { dead[$1]++ } else survivors = survivors " " $2 }
    function row(what, figure, bar) { printf "mutants\t%s\t%s\tsum\t%s\n", what, figure, bar >>figures }
    END {
        printf "seeded: %d of %d killed, %d of them by what continuous integration runs", \
            dead["seeded"], all["seeded"], ci["seeded"]
        if (all["made"]) printf "; made: %d of %d killed", dead["made"], all["made"]
        if (untried["seeded"] + untried["made"]) printf "; no time for %d", untried["seeded"] + untried["made"]
        printf "%s\n", survivors == "" ? "" : "; survived:" survivors
        row("seeded bugs", all["seeded"] + 0, "-")
        row("seeded bugs that survived", all["seeded"] - dead["seeded"], "== 0")
        row("seeded bugs for which there was no time", untried["seeded"] + 0, "== 0")
        row("seeded bugs killed by what CI runs, per cent", all["seeded"] ? int(100 * ci["seeded"] / all["seeded"]) : 0,
            ">= 90")
        if (all["made"]) {
            row("made bugs", all["made"], "-")
            row("made bugs for which there was no time", untried["made"] + 0, "-")
            row("made bugs killed, per cent", int(100 * dead["made"] / all["made"]), ">= 90")
        }
        exit dead["seeded"] < all["seeded"] || untried["seeded"] > 0 || ci["seeded"] * 10 < all["seeded"] * 9 ||
            dead["made"] * 10 < all["made"] * 9
    }' "$results"
