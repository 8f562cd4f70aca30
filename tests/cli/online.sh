# gm2 -c online.fcl --watch --fraction: pictures of a file that still grows, on to the next, always the same fills, no products.
# timeout: 120
. "$SOURCE/tests/job.sh"
trap 'rc=$?; [ -z "${job:-}" ] || kill "$job" 2>/dev/null; exit $rc' EXIT
RAW_SUBRUNS=-1 small_fcl 20 12 100
"$GM2" -c small.fcl -n 24 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
cat >on.fcl <<'FCL'
#include "online.fcl"
services.watch.scan_s: 0.1
services.watch.quiet_s: 3600
services.dqm.page_s: 0.5
services.scheduler.progress_s: 1
FCL
mkdir in
raw() { printf 'gm2_run00001_%05d.mid' "$1"; }
fills() { # SUBRUN: fills of it that the page has
  /usr/bin/python3 -c "
import json
try: print(sum(int(s['n_fills']) for s in json.load(open('out/dqm/dqm.json'))['subruns'] if s['subrun'] == $1))
except OSError: print(0)"
}
wait_for_fills() { # SUBRUN N
  for ((t = 0; t < 900; t++)); do [ "$(fills "$1")" -ge "$2" ] && return 0; sleep 0.1; done
  cat log1; fail "subrun $1: the page has $(fills "$1") fills, not $2"
}
# what the fraction chooses, by a job of the whole file
expected() { "$GM2" -c on.fcl -s sim/$(raw "$1") --set source.fraction=0.5 -o "by_name$1/n.h5" >log 2>&1 || { cat log; fail "by name"; }
  sed -n 's/TrigReport Events total = \([0-9]*\).*/\1/p' log; }
n0=$(expected 0) n1=$(expected 1)
[ "$n0" -gt 1 ] && [ "$n0" -lt 12 ] || fail "half of 12 fills is $n0"

"$GM2" -c on.fcl --watch in --fraction 0.5 -o out/n.h5 >log1 2>&1 &
job=$!
size=$(stat -c %s sim/$(raw 0))
: >in/$(raw 0)
seen=0
for ((k = 0; k < 8; k++)); do # all but the last 1000 bytes: no end-of-run event yet
  tail -c +$((k * (size - 1000) / 8 + 1)) sim/$(raw 0) | head -c $(((k + 1) * (size - 1000) / 8 - k * (size - 1000) / 8)) >>in/$(raw 0)
  sleep 0.3
done
wait_for_fills 0 "$n0" # the beam's last fill is in the picture while the file is still open
tail -c 1000 sim/$(raw 0) >>in/$(raw 0)
cp sim/$(raw 1) in/
wait_for_fills 1 "$n1"
kill -TERM $job; wait $job; rc=$?
[ $rc = 0 ] || { cat log1; fail "exit $rc"; }
[ "$(fills 0)" = "$n0" ] && [ "$(fills 1)" = "$n1" ] || fail "$(fills 0) and $(fills 1) fills, $n0 and $n1 expected"
[ "$(ls out)" = "dqm
live" ] && [ -z "$(ls out/live)" ] || { ls -R out; fail "there are products"; }
grep -q "online: run 1" out/dqm/index.html || fail "no page"

# beginning in the middle, with what is there: the same fills
rm -rf out
"$GM2" -c on.fcl --watch in --fraction 0.5 --once -o out/n.h5 >log 2>&1 || { cat log; fail "--once"; }
[ "$(fills 1)" = "$n1" ] || fail "from the start of the latest file: $(fills 1), not $n1"
for bad in 0 1.5 x; do
  "$GM2" -c on.fcl --watch in --fraction $bad -o out/n.h5 >log 2>&1; [ $? = 88 ] || fail "--fraction $bad is taken"
done
exit 0
