# shellcheck shell=bash
# packages.sh - sourced by tests/run.sh, tests/nightly.sh, tests/coverage.sh and bench/quickstart.sh: orr_packages
# installs what of the build's needs is missing on a Debian 12 machine, and says what it could not do.

orr_packages() {
    local wanted=(gcc-12 g++-12 clang-14 libclang-rt-14-dev lld-14 cmake ninja-build ccache pkg-config
        libjemalloc-dev libmimalloc-dev libcriterion-dev libbenchmark-dev libjansson-dev
        zlib1g-dev valgrind gcovr faketime spin patch)
    local missing=() package sudo=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "orrery: this system has no apt-get; install the equivalents of: ${wanted[*]}" >&2
        return 2
    fi
    for package in "${wanted[@]}"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "orrery: missing packages; as root, run: apt-get install ${missing[*]}" >&2
            return 2
        fi
        sudo=(sudo)
    fi
    echo "orrery: installing ${missing[*]}" >&2
    if ! { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
            --no-install-recommends "${missing[@]}" ||
        { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${missing[@]}"; }; } >&2; then
        echo "orrery: apt-get could not install ${missing[*]}; its messages are above" >&2
        return 2
    fi
}
