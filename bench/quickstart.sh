#!/usr/bin/env bash
# bench/quickstart.sh - from a fresh checkout to a first comparison: installs what the build needs,
# builds the program as it is measured, and compares pairs of a strategy and a collector on this
# machine. Its arguments go to `orrery quickstart`. The build's output goes to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
source tests/packages.sh

orr_packages
{
    cmake --preset release
    cmake --build --preset release --target orrery
} >&2
exec build/release/bench/orrery quickstart "$@"
