# gm2 -c nearline.fcl --watch: subruns out of order, growing, cut, bad, compressed; restart, SIGTERM, kill -9, two ranks.
# timeout: 150
# ranks: 2
. "$SOURCE/tests/job.sh"
trap 'rc=$?; [ -z "${job:-}" ] || kill "$job" 2>/dev/null; exit $rc' EXIT
RAW_SUBRUNS=-1 small_fcl 20 2 100
"$GM2" -c small.fcl -n 16 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
cat >near.fcl <<'FCL'
#include "nearline.fcl"
services.watch.scan_s: 0.1
services.watch.quiet_s: 2
services.watch.settle_s: 0.5
services.scheduler.progress_s: 1
services.dqm.page_s: 1
services.dqm.ctag_low: 1000
FCL
mkdir in
raw() { printf 'gm2_run00001_%05d.mid' "$1"; }
product() { printf 'out/n_r000001_s%05d.h5' "$1"; }
start() { life=$((life + 1)); "$@" "$GM2" -c near.fcl --watch in -o out/n.h5 >"log$life" 2>&1 & job=$!; }
wait_for() { # FILE: it appears
  for ((t = 0; t < 900; t++)); do [ -e "$1" ] && return 0; sleep 0.1; done
  cat "log$life"; fail "$1 does not appear"
}
stop() { # SIGNAL STATUS
  kill -"$1" $job; wait $job; rc=$?
  [ $rc = "$2" ] || { cat "log$life"; fail "exit $rc after SIG$1, $2 expected"; }
}
life=0
start
cp sim/$(raw 2) in/
wait_for "$(product 2).json"
cp sim/$(raw 0) in/
wait_for "$(product 0).json"
# one that grows: left alone until its end-of-run event is there, though it stands still for a while
half=$(($(stat -c %s sim/$(raw 1)) / 2))
head -c $half sim/$(raw 1) >in/$(raw 1)
sleep 0.7
tail -c +$((half + 1)) sim/$(raw 1) | head -c 1000 >>in/$(raw 1)
sleep 0.7
[ -e "$(product 1)" ] && fail "a file that grows was taken"
tail -c +$((half + 1001)) sim/$(raw 1) >>in/$(raw 1)
wait_for "$(product 1).json"
# bad: no MIDAS at all; cut: the DAQ died; both stand still
head -c 100000 /dev/urandom >in/$(raw 3)
head -c $half sim/$(raw 4) >in/$(raw 4)
cp sim/$(raw 5) in/
wait_for "$(product 5).json"
wait_for out/quarantine/$(raw 3).json
wait_for "$(product 4).json"
grep -q "is truncated" log$life || fail "a cut file is not told"
[ -e "$(product 3)" ] && fail "a bad file has a product"
ls out | grep -q '\.part' && { ls out; fail "parts are left"; }
stop TERM 0
# the page: loads nothing from elsewhere, names the bad file and what is out of its limits in words, has all latencies
page=out/dqm/index.html
grep -q "set aside: $(raw 3)" $page || fail "the page does not name the bad file"
grep -q "ALARM" $page && grep -q "ctag: " $page || fail "no alarm of CTAG"
grep -qE 'src="(http|/)|href=|<script' $page && fail "the page loads something"
if command -v gnuplot >/dev/null; then grep -q "not drawn" $page && { grep -o "not drawn[^<]*" $page; fail "pictures are missing"; }; fi
[ "$(grep -c "^1," out/dqm/latency.csv)" = 5 ] || { cat out/dqm/latency.csv; fail "latency.csv has not 5 subruns"; }
/usr/bin/python3 - <<'PY' || fail "dqm.json"
import json
d = json.load(open("out/dqm/dqm.json"))
assert [s["subrun"] for s in d["subruns"]] == [0, 1, 2, 4, 5], d["subruns"]
assert len(d["pictures"]["maps"]["noise_adc"]) == 24 * 54
whole = [s for s in d["subruns"] if s["n_fills"]]
assert all(1.4 < s["noise_adc"] < 1.6 and abs(s["t0_ns"] - 30000) < 1 and s["dead_channels"] == 0 for s in whole), whole
assert all(0 < s["latency_s"] < 60 and s["run_type"] == "physics" for s in d["subruns"])
PY
grep -q "sustains one subrun each" log$life || fail "no rate is told"

# another life: what is published is done, the bad file is left alone until it changes
cp out/*.h5 .
start
gzip -c sim/$(raw 6) >gz.part && mv gz.part in/$(raw 6).gz
cp sim/$(raw 7) in/ # a later one: the compressed file need not be quiet for long
wait_for "$(product 6).json"
wait_for "$(product 7).json"
grep -q "4 of 4 units are done already" log$life || { cat log$life; fail "a restart does not see what is done"; }
grep -q "failed before and has not changed" log$life || fail "the bad file is tried again"
kill -9 $job; wait $job 2>/dev/null
for f in *.h5; do cmp -s $f out/$f || fail "$f was touched"; done
rm -f "$(product 7)" "$(product 7).json" # as if killed before it was published
cp sim/$(raw 3) in/
"${mpirun_cmd[@]}" -n 2 "$GM2" -c near.fcl --watch in --once -o out/n.h5 >log 2>&1 || { cat log; fail "--once"; }
grep -q "2 done now" log || { cat log; fail "--once makes what is missing"; }
[ -e "$(product 3).json" ] || fail "a file that is good now stays aside"

# told to stop with subruns waiting: 75, and the same command goes on; a signal that mpirun passes
mkdir more
for ((n = 0; n < 40; n++)); do ln -s "$PWD/sim/$(raw $((n % 8)))" more/$(raw $n); done
"${mpirun_cmd[@]}" -n 2 "$GM2" -c near.fcl --watch more -o more_out/n.h5 >log 2>&1 &
job=$!
wait_for more_out/n_r000001_s00001.h5
kill -USR1 $job; wait $job; rc=$?
[ $rc = 75 ] || { cat log; fail "exit $rc with subruns waiting, 75 expected"; }
"$GM2" -c near.fcl --watch more --once -o more_out/n.h5 --set services.dqm.is_on=false >log 2>&1 || { cat log; fail "going on"; }
[ "$(ls more_out/*.h5 | wc -l)" = 40 ] || fail "subruns are missing after a stop"

# killed while a file is in hand: that is noted; one that ends the job each time is set aside
mkdir dying
cp sim/$(raw 0) sim/$(raw 1) dying/
"$GM2" -c near.fcl --watch dying -o dying_out/n.h5 >log 2>&1 &
job=$!
wait_for dying_out/n_r000001_s00001.h5.json
sleep 0.3
[ -z "$(ls dying_out/quarantine)" ] || { ls dying_out/quarantine; fail "notes are left"; }
kill -9 $job; wait $job 2>/dev/null
rm dying_out/n_r000001_s00000.h5*
echo 3 >dying_out/quarantine/$(raw 0).tries
"$GM2" -c near.fcl --watch dying --once -o dying_out/n.h5 >log 2>&1 || { cat log; fail "after deaths"; }
grep -q "ended 3 times while it processed" log || { cat log; fail "a file that kills is not told"; }
[ -e dying_out/n_r000001_s00000.h5 ] && fail "a file that kills was taken again"
[ -e dying_out/quarantine/$(raw 0).json ] || fail "a file that kills is not set aside"

# the same bytes as a job of the files by name; latency is in the metadata
for n in 0 1 2 3 5 7; do
  "$GM2" -c near.fcl -s sim/$(raw $n) -o ref/n.h5 >log 2>&1 || { cat log; fail "subrun $n by name"; }
  h5diff -q "$(product $n)" ref/$(basename "$(product $n)") || fail "subrun $n differs from a job by name"
  grep -q '"gm2.latency_s"' "$(product $n).json" || fail "no latency of subrun $n"
done
expect() { # CODE WORDS COMMAND...
  local code=$1 words=$2 rc
  shift 2
  "$@" >log 2>&1; rc=$?
  [ $rc = "$code" ] || { cat log; fail "exit $rc, $code expected: $*"; }
  grep -qF -- "$words" log || { cat log; fail "\"$words\" is not said by: $*"; }
}
expect 29 "holds no product" "$GM2" dqm nowhere/n.h5
[ -e nowhere ] && fail "a folder for nothing"
expect 0 "out/dqm/index.html" "$GM2" dqm out/n.h5
expect 88 "no such folder" "$GM2" -c near.fcl --watch nowhere -o out/n.h5
expect 88 "RawInput" "$GM2" -c small.fcl --watch in -o out/n.h5
expect 88 "--watch" "$GM2" -c near.fcl --once -s in/$(raw 1)
exit 0
