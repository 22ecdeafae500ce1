#!/usr/bin/env bash
# tests/coverage.sh [--again] - which lines and branches of runtime/ and collectors/ the tests execute.
#
# Builds what it runs in build/coverage, runs it, and prints: each file, the fewest branches taken first; the branches
# marked as never taken (ORR_NEVER in runtime/assert.h), place by place; the totals, beside their bars. What each line
# and branch was is shown by build/coverage/html/index.html. --again: no build and no tests, the report of what was
# counted before.
#
# Counted are the lines and branches that were compiled, headers included, each once however often it was. Not counted:
# the branches of lines that assert (orr_require, orr_assert, orr_unreachable), since a passing test takes one side of
# them, and those of ORR_NEVER. Nothing else is left out, and no file is.
#
# What runs: unit/ and failing/, hardship/late, and of stress/ the programs stop, and sharing, slots and weak under
# atomic and biased counting; the rules of conformance/ under each strategy; the rest of conformance/ and
# random/ under the variant that has most to it (biased_rooted) and the one that counts nothing (tracing_rooted). Exit
# status: 0, at or over both bars; 1 under one, or a build or test failed; 2 usage, a missing package, or --again where
# nothing has been counted.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
source tests/packages.sh

lines_bar=95.0
branches_bar=88.0
build=build/coverage
variants='biased_rooted|tracing_rooted'
rules='rules_plain|rules_atomic|rules_biased_rooted|rules_tracing_rooted'
tests="^(unit|failing)/|^random/($variants)\$|^hardship/late\$"
tests+="|^conformance/($variants|$rules)\$|^stress/stop\$|^stress/(sharing|slots|weak)_(atomic|biased)"
others='^unit/gbench|^failing/sites' # of the bench alone, in C++; about lines of another build
asserts='orr_require\(|orr_assert\(|orr_unreachable\(|ORR_NEVER\('

# A program is named as its test, label_name. (Tests of a program with another name come beside one with its own.)
build_programs() {
    cmake --preset coverage -DORR_WERROR="${ORR_WERROR:-OFF}" || exit 1
    ctest --test-dir "$build" -N -R "$tests" -E "$others" | sed -n 's|^ *Test *#[0-9]*: ||p' | tr / _ >"$build/wanted"
    ninja -C "$build" -t targets all | sed -n 's/: phony$//p' | grep -Fx -f "$build/wanted" >"$build/programs" || exit 1
    xargs ninja -C "$build" <"$build/programs" || exit 1
}

# The counts are of this run alone.
run_programs() {
    find "$build" -name '*.gcda' -delete
    ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=error -R "$tests" -E "$others"
}

# count options...: gcovr over all that was counted.
count() {
    gcovr --root . --gcov-executable gcov-12 --filter runtime/ --filter collectors/ --object-directory "$build" \
        -j "$(nproc)" "$@" "$build"
}

report() {
    mkdir -p "$build/html"
    count --exclude-branches-by-pattern ".*($asserts)" --csv "$build/coverage.csv" \
        --html-details "$build/html/index.html"
    count --csv "$build/whole.csv"
    awk -F, 'FNR > 1 && $2 {
            printf "%-34s lines %5d, missed %4d %6.1f %%   branches %5d, missed %4d %6.1f %%\n", $1, $2, $2 - $3,
                100 * $3 / $2, $5, $5 - $6, $5 ? 100 * $6 / $5 : 100
        }' "$build/coverage.csv" | LC_ALL=C sort -k12,12n -k1,1
    echo
    echo "Branches that no correct program takes:"
    grep -rn 'ORR_NEVER(' runtime collectors --include='*.[ch]' | grep -v '^runtime/assert.h:' |
        sed 's/: */: /' >"$build/never" || true
    sed 's/^/  /' "$build/never"
}

# judge: the totals, and what they are worth.
judge() {
    awk -F, -v lines_bar=$lines_bar -v branches_bar=$branches_bar -v never="$(wc -l <"$build/never")" \
        -v figures="${ORR_FIGURES:-/dev/null}" -v whole="$build/whole.csv" '
        function figure(what, number, merged, bar) {
            printf "%-40s %8s   %s\n", what, number, bar
            printf "coverage\t%s\t%s\t%s\t%s\n", what, number, merged, bar >>figures
        }
        FNR == 1 { next }
        FILENAME == whole { all += $5; next }
        { lines += $2; run += $3; branches += $5; taken += $6 }
        END {
            if (!lines || !branches) exit 1
            figure("lines executed, %", sprintf("%.2f", 100 * run / lines), "min", ">= " lines_bar)
            figure("branches taken, %", sprintf("%.2f", 100 * taken / branches), "min", ">= " branches_bar)
            figure("branches that no correct program takes", never, "max", "-")
            figure("branches of assertions, not counted", all - branches, "max", "-")
            exit 100 * run < lines_bar * lines || 100 * taken < branches_bar * branches
        }' "$build/coverage.csv" "$build/whole.csv"
}

status=0
case "$#${1+ $1}" in
0)
    orr_packages
    build_programs
    run_programs || status=1
    ;;
'1 --again')
    if [ ! -d "$build" ] || [ -z "$(find "$build" -name '*.gcda' -print -quit)" ]; then
        echo "orrery: nothing has been counted in $build yet; run tests/coverage.sh" >&2
        exit 2
    fi
    ;;
*)
    echo "orrery: tests/coverage.sh knows no \"$*\"; usage: tests/coverage.sh [--again]" >&2
    exit 2
    ;;
esac
report
echo
judge || status=1
exit "$status"
