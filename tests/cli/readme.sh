#!/usr/bin/env bash
# readme.sh - what the READMEs tell a reader to type works: every block of shell that follows a line
# `<!-- runs -->` is run as it stands, in a folder of its own that sees the rooms of the project, with
# the program in the path.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

mkdir "$work/bin"
ln -s "$orrery" "$work/bin/orrery"
export PATH="$work/bin:$PATH"
ran=0
for readme in "$root"/README.md "$root"/*/README.md "$root"/*/*/README.md; do
    [ -f "$readme" ] || continue
    rm -rf "$work/blocks" "$work/here"
    mkdir "$work/blocks" "$work/here"
    for room in runtime collectors workloads bench papers; do
        ln -s "$root/$room" "$work/here/$room"
    done
    awk -v to="$work/blocks" '
        /^<!-- runs -->$/ { wanted = 1; next }
        /^```sh$/ && wanted { block = to "/" ++count; wanted = 0; next }
        /^```$/ { block = ""; next }
        block { print > block }' "$readme"
    for block in "$work"/blocks/*; do
        [ -f "$block" ] || continue
        ran=$((ran + 1))
        (cd "$work/here" && bash -eu -o pipefail "$block") >"$out" 2>"$err" </dev/null ||
            fails "${readme#"$root"/}: status $? of: $(cat "$block"): $(tail -c 600 "$err")"
    done
done
[ "$ran" -ge 1 ] || fails "no README has a block that runs"
