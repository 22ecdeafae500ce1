#!/usr/bin/env bash
# tests/run.sh [--quick] - installs what the build needs, builds every preset and runs its tests:
#   dev      everything          (--quick: this one alone)
#   asan     unit, conformance, stress, checkers
#   tsan     conformance, stress, checkers
#   release  smoke
# Which labels a preset runs is written in CMakePresets.json. The first preset that fails ends the run
# and is named. Exit status: 0 all passed; 1 a build or a test failed; 2 usage, or a missing package.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
source tests/packages.sh

presets=(dev asan tsan release)
case "$*" in
'') ;;
--quick) presets=(dev) ;;
*)
    echo "orrery: tests/run.sh knows no \"$*\"; usage: tests/run.sh [--quick]" >&2
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

orr_packages
for preset in "${presets[@]}"; do
    echo "== $preset"
    step "$preset" 120 cmake --preset "$preset" -DORR_WERROR="${ORR_WERROR:-OFF}"
    step "$preset" 900 cmake --build --preset "$preset"
    step "$preset" 600 ctest --preset "$preset"
done
