#!/usr/bin/env bash
# record.sh - one run, one record: alone on standard output, whole, and true about failed runs.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"

brief=(--set live=1000 --seconds 0.1)

expect 0 run rings --strategy biased --collector trial "${brief[@]}" --json -
is_silent "$err"
[ "$(wc -l <"$out")" -eq 1 ] || fails "$command: the record is not one line"
grep -q '^{"schema_version":1,.*}$' "$out" || fails "$command: not one object"
for key in workload strategy collector heap trigger settings threads seed digest operations seconds \
    throughput_ops_per_s pause_ns time_to_safepoint_ns latency_ns mmu cpu_ns rss_bytes_peak \
    heap_bytes objects uncollected collections rc_ops environment status run; do
    says "\"$key\":"
done
says '"workload":"rings","strategy":"biased","collector":"trial","heap":"blocks"'
says '"seed":2463534242'
says '"status":"done"'
says '"live":"1000"'
# jansson, which wrote it, is not asked; another reader is, where there is one.
if command -v python3 >/dev/null; then
    python3 - "$out" <<'END' || fails "$command: another reader of JSON finds fault"
import json, sys
record = json.load(open(sys.argv[1]))
assert record["operations"] / record["seconds"] - record["throughput_ops_per_s"] < 1
assert record["objects"]["allocated"] - record["objects"]["freed"] == record["objects"]["live"] == 0
assert set(record["pause_ns"]) == {"all", "stop", "handshake", "cascade", "merge", "assist",
                                   "allocation", "finalizer", "lock"}
assert len(record["digest"]) == 16
END
fi

# The same digest for another pair, another time, another number of threads' order.
digest=$(grep -o '"digest":"[0-9a-f]*"' "$out")
expect 0 run rings -s plain -c none --set live=1000 --operations 2500 --json -
says "$digest"

# Over the limit there is a record, and no speed in it.
expect 4 run rings -s atomic -c none --heap-limit 1Mi --set live=1000 --seconds 5 --json -
complains "memory"
is_one_sentence
says '"status":"out of memory"'
says '"limit":1048576'
! grep -q throughput "$out" || fails "a run over the limit claims a throughput"
! grep -q '"digest"' "$out" || fails "a run over the limit has a digest"

# Without --json a person reads it.
expect 0 run rings -s atomic -c none "${brief[@]}"
is_silent "$err"
says "rings atomic/none on blocks"
says "throughput"
says "digest"
! grep -q '{' "$out" || fails "$command: JSON where a summary was wanted"

# Files for other programs.
expect 0 run rings -s biased -c trial "${brief[@]}" -n 2 --json r.json --google-benchmark g.json \
    --hgrm h --hlog h.hlog --timeline t.json --gc-log gc.log
is_silent "$err"
for file in r.json g.json h-latency.hgrm h.hlog t.json gc.log; do
    [ -s "$work/$file" ] || fails "$command: no $file"
done
grep -q '"run_name": *"rings/biased/trial' "$work/g.json" || fails "no run in Google Benchmark's form"
grep -q '#\[Histogram log format version 1.3\]' "$work/h.hlog" || fails "h.hlog is no histogram log"
grep -q '"ph": *"C"' "$work/t.json" || fails "the timeline has no graph of memory"
head -1 "$work/gc.log" | grep -q 'Using trial' || fails "gc.log begins with $(head -1 "$work/gc.log")"
# The window alone is 0.1 s, and the last collection comes after it.
! tail -1 "$work/gc.log" | grep -q '^\[0\.0' || fails "gc.log ends with $(tail -1 "$work/gc.log")"

# Checks that were asked for are in the record.
expect 0 run rings -s atomic -c trial --verify --ledger --stress 5000 --set live=1000 \
    --operations 3000 --json -
says '"verify":true'
says '"ledger":true'
says '"stress_every":5000'
says '"cause":"stress"'
