#!/usr/bin/env bash
# tests/run.sh [--quick | --table | --nightly [TIER...]] - installs what the build needs, builds four presets one after
# the other and runs their tests:
#   dev      everything          (--quick: this one alone)
#   asan     unit, conformance, stress, checkers, fuzz, failing, random
#   tsan     conformance, stress, checkers
#   release  smoke
# --table: builds the rule programs of dev, runs them, prints which rule holds for which strategy and collector,
# and puts that table into tests/conformance/README.md.
# --nightly: the long tiers instead, or those named, as nightly.sh says; at most four hours.
# Which labels a preset runs is written in CMakePresets.json. The first preset that fails ends the run
# and is named. Exit status: 0 all passed; 1 a build or a test failed; 2 usage, or a missing package.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
source tests/packages.sh

presets=(dev asan tsan release)
table=no
case "$#${1+ $1}" in
0) ;;
'1 --quick') presets=(dev) ;;
'1 --table') table=yes ;;
*' --nightly')
    shift
    exec tests/nightly.sh "$@"
    ;;
*)
    echo "orrery: tests/run.sh knows no \"$*\"; usage: tests/run.sh [--quick | --table | --nightly [TIER...]]" >&2
    exit 2
    ;;
esac

# Runs a step within its seconds; its output is the step's own.
step() {
    local preset=$1 seconds=$2 status=0
    shift 2
    timeout --foreground "$seconds" "$@" || status=$?
    [ "$status" -ne 0 ] || return 0
    if [ "$status" -eq 124 ]; then
        echo "orrery: preset $preset: more than $seconds seconds: $*" >&2
    else
        echo "orrery: preset $preset failed: $*" >&2
    fi
    exit 1
}

# The rule programs leave lines, from which the table is made; one that fails leaves its line too.
rules() {
    local folder lines variants status=0
    folder=$(mktemp -d)
    lines=$folder/lines
    mkdir "$lines"
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$folder'" EXIT
    {
        step dev 120 cmake --preset dev -DORR_WERROR="${ORR_WERROR:-OFF}"
        step dev 900 cmake --build --preset dev --target conformance_rules
        ORRERY_RULES_TABLE=$lines timeout --foreground 900 \
            ctest --preset dev -R '^conformance/rules_' || true
    } >&2
    variants=$(ctest --preset dev -N -R '^conformance/rules_' |
        sed -n 's|.*: conformance/rules_\([a-z0-9_]*\)$|\1|p')
    # shellcheck disable=SC2086 # one word per variant
    tests/conformance/rules/table.sh "$lines" $variants >"$lines.md" || status=$?
    awk -v table="$lines.md" '
        /^<!-- end of the table -->$/ { inside = 0 }
        !inside { print }
        /^<!-- table -->$/ {
            while ((getline line < table) > 0) print line
            inside = 1
        }' tests/conformance/README.md >"$lines.new"
    cat "$lines.new" >tests/conformance/README.md
    cat "$lines.md"
    exit "$status"
}

orr_packages
[ "$table" = no ] || rules
for preset in "${presets[@]}"; do
    echo "== $preset"
    step "$preset" 120 cmake --preset "$preset" -DORR_WERROR="${ORR_WERROR:-OFF}"
    step "$preset" 900 cmake --build --preset "$preset"
    step "$preset" 900 ctest --preset "$preset"
done
