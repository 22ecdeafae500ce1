#!/usr/bin/env bash
# help.sh - every command explains itself, and what the help and the lists name works.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

expect 0 --help
is_silent "$err"
says "Usage: orrery COMMAND"
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$out")
[ "$(echo "$commands" | wc -w)" -ge 4 ] || fails "the help names too few commands: $commands"
for name in $commands; do
    expect 0 "$name" --help
    is_silent "$err"
    says "Usage: orrery $name"
    expect 2 "$name" --no-such-option
    is_silent "$out"
done

expect 0 --version
says "orrery "
expect 2
is_silent "$out"
complains "Usage:"
expect 2 rum
complains "unknown command 'rum'"
complains "did you mean 'run'?"
is_one_sentence

# Every option that the help of `run` names is taken: without its value it is refused for that reason,
# which an unknown one is not.
"$orrery" run --help >"$work/help"
options=$(grep -o -- '--[a-z][a-z-]*' "$work/help" | sort -u)
for name in --strategy --collector --heap --trigger --threads --seconds --operations --warmup \
    --heap-limit --release-slice --seed --workers --set --verify --stress --ledger --json \
    --google-benchmark --hgrm --hlog --timeline --gc-log; do
    echo "$options" | grep -qx -- "$name" || fails "the help of run does not name $name"
done
for name in $options; do
    "$orrery" run "$name" >/dev/null 2>"$err"
    ! grep -q "unrecognized option" "$err" || fails "run $name is in the help and is not taken"
done

# Every name in the lists can be run, or says why not.
for workload in $(names_of workloads); do
    expect 0 list workloads
    says "$workload"
done
for strategy in $(names_of strategies); do
    for collector in $(names_of collectors); do
        "$orrery" run rings -s "$strategy" -c "$collector" --set live=100 --operations 2000 \
            >"$out" 2>"$err"
        status=$?
        case $status in
        0) grep -q "status  *done" "$out" || fails "$strategy/$collector: no summary" ;;
        3) grep -q "^orrery: $strategy with $collector: " "$err" || fails "$strategy/$collector: no reason" ;;
        *) fails "$strategy/$collector: exit status $status: $(cat "$err")" ;;
        esac
    done
done
for heap in $(names_of heaps); do
    expect 0 run rings -c none -H "$heap" --set live=100 --operations 2000
    says "on $heap"
done
for trigger in $(names_of triggers); do
    expect 0 run rings -c none -t "$trigger" --set live=100 --operations 2000
    says "trigger $trigger"
done
