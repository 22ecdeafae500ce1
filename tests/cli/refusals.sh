#!/usr/bin/env bash
# refusals.sh - what cannot be done is one sentence and a status, and nothing on standard output.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

refused() {
    local status=$1 sentence=$2
    shift 2
    expect "$status" "$@"
    complains "$sentence"
    is_one_sentence
    is_silent "$out"
}

# Names.
refused 2 "unknown workload 'ring'; known: " run ring -c none
refused 2 "did you mean 'rings'?" run ring -c none
refused 2 "did you mean 'atomic'?" run rings -c none -s atomik
refused 2 "unknown collector 'zzz'; known: none" run rings -c zzz
refused 2 "did you mean 'blocks'?" run rings -c none -H blocs
refused 2 "did you mean 'count'?" run rings -c none -t cuont:5
refused 2 "rings has no setting 'lives'; it has: live" run rings -c none --set lives=5
refused 2 "none has no setting 'x'" run rings -c none --set collector.x=5

# Numbers.
for number in 0 1e9 -1 nan 1.5x 99999999999999999999; do
    refused 2 "--threads $number: give a whole number from 1 to " run rings -c none --threads=$number
done
for number in 0 -1 nan inf 1e9 x; do
    refused 2 "--seconds $number: give a number from " run rings -c none --seconds=$number
done
refused 2 "--seed 0" run rings -c none --seed 0
refused 2 "--operations 0" run rings -c none --operations 0
refused 2 "--heap-limit 1e30" run rings -c none --heap-limit 1e30
refused 2 "--stress -5" run rings -c none --stress=-5
refused 2 "--workers 1000" run rings -c none --workers 1000
refused 2 "--release-slice many" run rings -c none --release-slice many
refused 2 "--trigger count 0" run rings -c none --trigger count:0
refused 2 "takes no value" run rings -c none --trigger manual:1
refused 2 "give one of them" run rings -c none --seconds 1 --operations 5
refused 2 "--warmup" run rings -c none --warmup 1 --operations 5
refused 2 "table=100" run rings -c none --set table=100
refused 2 "--seconds-total 0" quickstart --seconds-total 0
refused 2 "did you mean 'rings'?" quickstart --workload ring

# Files, before any time is spent.
refused 2 "--json: cannot write /nonexistent/x" run rings -c none --seconds 3600 --json /nonexistent/x
refused 2 "--timeline: cannot write ." run rings -c none --seconds 3600 --timeline .
refused 2 "cannot both be standard output" run rings -c none --json - --google-benchmark -
refused 2 "--hlog needs the name of a file" run rings -c none --hlog -
expect 2 run rings -c none --operations 2000 --set live=100 --json /dev/full
complains "/dev/full"
is_one_sentence
"$orrery" list >/dev/full 2>"$err"
[ $? -eq 2 ] || fails "list onto a full disk does not end with 2"
complains "cannot write to standard output"

# Usage: argp says it in its own two lines.
expect 2 run
complains "name a workload"
is_silent "$out"
expect 2 run rings trees
complains "one workload at a time"
expect 2 run rings --seconds
is_silent "$out"

# What does not apply.
refused 3 "nothing would ever be freed" run rings -s tracing -c none
refused 3 "plain counts without atomics: 1 thread at most, not 2" run rings -s plain -c none -n 2
