# expect.sh - sourced by the scripts beside it with their own arguments: runs the program, looks at what
# it says and how it ends, and ends the script with 1 if anything was otherwise.
#
#   expect STATUS ARGUMENTS...   runs orrery; its output is in $out and $err, as files
#   says TEXT / complains TEXT   standard output / standard error holds the text
#   is_silent FILE               nothing was written there
#   fails SENTENCE               tells what is wrong; the script goes on, and ends with 1

# shellcheck shell=bash
set -u
orrery=$1
# shellcheck disable=SC2034 # for the scripts
root=$2
work=$(mktemp -d)
out=$work/out
err=$work/err
command=
failures=0
trap 'rm -rf "$work"; [ "$failures" -eq 0 ] || exit 1' EXIT
cd "$work" || exit 2

fails() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

expect() {
    local wanted=$1 status=0
    shift
    command="orrery $*"
    "$orrery" "$@" >"$out" 2>"$err" </dev/null || status=$?
    if [ "$status" -ne "$wanted" ]; then
        fails "$command: exit status $status, not $wanted: $(head -c 600 "$err")"
    fi
}

says() {
    grep -qF -- "$1" "$out" || fails "$command: does not say \"$1\": $(head -c 600 "$out")"
}

complains() {
    grep -qF -- "$1" "$err" || fails "$command: does not complain \"$1\": $(head -c 600 "$err")"
}

is_silent() {
    [ ! -s "$1" ] || fails "$command: wrote where nothing was asked for: $(head -c 600 "$1")"
}

# One sentence, one line, from us.
is_one_sentence() {
    [ "$(wc -l <"$err")" -eq 1 ] || fails "$command: not one line: $(head -c 600 "$err")"
    grep -q '^orrery: ' "$err" || fails "$command: not from us: $(head -c 600 "$err")"
}

# Names of a list, as the program gives them.
names_of() {
    "$orrery" list "$1" | sed -n 's/^  \([^ ]*\) .*/\1/p'
}
