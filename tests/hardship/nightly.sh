#!/usr/bin/env bash
# tests/hardship/nightly.sh [BUILD] - the long forms of this room: a million attachments and more from each number of
# threads, storms of one to one and a half minutes, starvation, crowds, endings, the watchdog, all stress programs on
# one processor for longer, ten rounds under libfaketime. BUILD is of preset dev: one that is configured, or a folder
# in build/ or of absolute path, which is configured if need be (preset: build/dev); what is run is built. Goes on
# after a failure. Figures go to the file that ORR_FIGURES names. Exit status: 0 all passed; 1 not so,
# or it does not build; 2 usage.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build/dev} failures=0
if [ $# -gt 1 ] || { [[ $build != build/* && $build != /* ]] && [ ! -f "$build/CMakeCache.txt" ]; }; then
    echo "usage: tests/hardship/nightly.sh [BUILD]" >&2
    exit 2
fi
[ -f "$build/CMakeCache.txt" ] || cmake --preset dev -B "$build" >&2 || exit 1
cmake --build "$build" --target liborrery >&2 || exit 1
mapfile -t targets < <(ninja -C "$build" -t targets all |
    sed -n 's/^\(\(hardship\|stress\)_[a-z0-9_]*\): phony$/\1/p' | sort -u)
[ ${#targets[@]} -gt 10 ] || {
    echo "hardship: $build has few of the programs of tests/hardship and tests/stress" >&2
    exit 1
}
cmake --build "$build" --target orrery "${targets[@]}" >&2 || exit 1

try() {
    local started=$SECONDS
    "$@" || {
        failures=$((failures + 1))
        echo "hardship: failed: $*" >&2
    }
    echo "hardship: ${1##*/}: $((SECONDS - started)) s" >&2
}

rooms=$build/tests/hardship/hardship
# Beyond 2^20, so that a slot of thread ids is used up and retired on the way.
try timeout 900 "${rooms}_comings" --cycles 1100000
try timeout 200 "${rooms}_signals" --seconds 90
try timeout 900 "${rooms}_clocks" --seconds 60
try timeout 300 "${rooms}_standstill" --seconds 90
try timeout 200 "${rooms}_starvation" --seconds 30
try timeout 200 "${rooms}_crowds"
try timeout 300 "${rooms}_endings" --seconds 15
try timeout 100 "${rooms}_late"
try timeout 600 tests/hardship/one_processor.sh "$build" 2
try timeout 600 tests/hardship/faketime.sh "$build/bench/orrery" 10
[ "$failures" -eq 0 ]
