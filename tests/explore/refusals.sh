#!/usr/bin/env bash
# refusals.sh EXPLORE - what the explorer must not take: each command is refused with one sentence and status 2. And
# what it must not overlook: a number of schedules is kept to, however small, and a replay tells what it did not meet.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: refusals.sh EXPLORE" >&2; exit 2; }
explore=$1
failed=0

# refused WORD ARGUMENT...: the sentence holds the word.
refused() {
    local word=$1 status=0 said
    shift
    said=$(timeout 20 "$explore" "$@" 2>&1 >/dev/null) || status=$?
    [ "$status" -eq 2 ] && [[ $said == "explore: "*"$word"* && $said != *$'\n'* ]] && return
    echo "status $status, \"$said\": $*"
    failed=1
}

# ends STATUS PATTERN ARGUMENT...: ends so, and prints the pattern.
ends() {
    local wanted=$1 pattern=$2 status=0 said
    shift 2
    said=$(timeout 60 "$explore" "$@" 2>&1) || status=$?
    [ "$status" -eq "$wanted" ] && [[ $said =~ $pattern ]] && return
    echo "status $status, not $wanted with \"$pattern\": $*"
    failed=1
}

for option in --schedules --seed --bound --hashes --per-script --seconds --share; do
    for text in abc 10x -1 '' nan ' 1' 1e999; do
        refused "$option" "$option" "$text"
    done
    refused "$option" "$option"
done
refused --bound --bound 256
refused --hashes --hashes 0
refused --per-script --per-script 0
refused --per-script --per-script 4294967296
refused --seed --seed 18446744073709551616
refused nosuch --scenario nosuch
refused nosuch --scenario biased/atomic,nosuch
refused nosuch --list --scenario nosuch
refused '""' --scenario biased/atomic,
refused xx --mode xx
refused nope --strategy nope
refused replay --strategy replay
refused word --list word
refused nothing --nothing
refused -x -x
refused race=1 --race=1
refused bare --bare --mode tso
refused bare --bare --mode all

refused replay --replay word
refused weird --replay 'biased/biased@sc@weird@-@0.5>r1'
refused tso --replay 'biased/biased@tso@fast@-@0.5>r1'
refused pso --replay 'biased/biased@pso@race@-@0.5>r1'
refused bare --replay 'biased/biased@tso@bare@-@0.5>r1'
refused nosuch --replay 'nosuch/biased@sc@fast@-@0.5>r1'
for decisions in '0.5>r1.999' '0.5>r1.256' '0.5>r9' '9.5>r1' '-1.5>r1' '0.5>x1' '0.5>r' '0.5' '0.5>r1,' '0.5>r1;' \
    '0.4294967296>r1'; do
    refused "$decisions" --replay "biased/biased@sc@fast@-@$decisions"
done
for script in '' 0.1 0.1/1.1; do
    refused "$script@" --replay "biased/biased@sc@fast@$script@0.5>r1"
done
for script in 99.1 0.256 0.1,,0.1 0.10.1 0.1/- -; do
    refused "$script@" --replay "biased_script/biased@sc@fast@$script@0.5>r1"
done

for schedules in 1 2 50 63 64 100 128 1199; do
    ends 0 "biased/atomic +sc +$schedules " --scenario biased/atomic --schedules "$schedules"
done
ends 0 $'\n1 schedules of 1 runs' --scenario biased/atomic --strategy dfs --schedules 1
ends 0 $'\n7 schedules of 1 runs' --scenario biased_script/biased --strategy pct --schedules 7
ends 0 passes --replay 'biased/biased@sc@fast@-@'
ends 0 passes --replay 'biased/biased@sc@fast@-@4.0>r1'
ends 3 '1 of 2 decisions were met' --replay 'biased/biased@sc@fast@-@4.0>r1,2.999999>r1'
exit "$failed"
