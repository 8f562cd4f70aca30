# A calibration run beside physics runs: told by its ODB, its constants extracted and loaded once, used by the subruns that come later.
# timeout: 180
. "$SOURCE/tests/job.sh"
trap 'rc=$?; [ -z "${job:-}" ] || kill "$job" 2>/dev/null; exit $rc' EXIT
cat >laser.fcl <<'FCL'
#include "calib_laser_sim.fcl"
source.run: 2
source.fills_per_subrun: 20
physics.producers.digitise.run_type: "laser"
outputs.raw: { module_type: MidasOutput max_subruns: -1 }
physics.write: [raw, out]
FCL
"$GM2" -c laser.fcl -n 40 -o sim/laser.h5 >log 2>&1 || { cat log; fail "laser run"; }
RAW_SUBRUNS=-1 small_fcl 20 2 100
for run in 1 3; do
  "$GM2" -c small.fcl -n 4 --set source.run=$run -o sim$run/x.h5 >log 2>&1 || { cat log; fail "physics run $run"; }
done
cat >near.fcl <<'FCL'
#include "nearline_calibrated.fcl"
services.conditions.database: "c.db"
services.watch.scan_s: 0.1
services.dqm.page_s: 1
services.dqm.calibrate_after_s: 2
FCL
"$GM2" cond init c.db --author test >/dev/null || fail "cond init"
mkdir in
start() { "$GM2" -c near.fcl --watch in -o out/n.h5 >log1 2>&1 & job=$!; }
wait_for() {
  for ((t = 0; t < 900; t++)); do [ -e "$1" ] && return 0; sleep 0.1; done
  cat log1; fail "$1 does not appear"
}
product() { printf 'out/n_r%06d_s%05d.h5' "$1" "$2"; }
start
cp sim1/gm2_run00001_00000.mid in/
wait_for "$(product 1 0).json"
cp sim/gm2_run00002_0000[01].mid in/
wait_for out/calib/run00002.done # nothing comes for calibrate_after_s: the run is over
for ((t = 0; t < 900; t++)); do grep -q "^2 subruns" out/calib/run00002.done && break; sleep 0.1; done # a slow second one: once more, with both
[ -e out/calib/run00001.done ] && fail "a physics run is taken for a calibration"
cat out/calib/run00002.log
for table in oof_correction ifg_correction time_alignment; do
  "$GM2" cond get c.db $table --at 2:1 | grep -qc '^[0-9]' || fail "no $table of the calibration run"
done
"$GM2" cond get c.db oof_correction --at 1:1 >log 2>&1 && fail "constants before the calibration run"
cp sim3/gm2_run00003_00000.mid in/
wait_for "$(product 3 0).json"
kill -9 $job; wait $job 2>/dev/null
/usr/bin/python3 - "$(product 1 0)" "$(product 3 0)" <<'PY' || fail "constants that were read"
import h5py, sys
def tables(name):
    with h5py.File(name) as f:
        return {bytes(row).rstrip(b"\0").decode() for row in f["conditions/table_name"][()]} if "conditions" in f else set()
before, after = tables(sys.argv[1]), tables(sys.argv[2])
print("read before the calibration:", sorted(before), "after it:", sorted(after))
assert not before and {"oof_correction", "ifg_correction", "stdp_correction", "time_alignment"} <= after
PY
"$GM2" cond log c.db | grep -c load >n_before
# another life: nothing is loaded twice
cp sim3/gm2_run00003_00001.mid in/
"$GM2" -c near.fcl --watch in --once -o out/n.h5 >log 2>&1 || { cat log; fail "--once"; }
rm out/calib/run00002.done # as if killed between loading and its note
"$GM2" -c near.fcl --watch in --once -o out/n.h5 >log 2>&1 || { cat log; fail "--once again"; }
grep -q "0 of" out/calib/run00002.log || { cat out/calib/run00002.log; fail "not tried again"; }
"$GM2" cond log c.db | grep -c load >n_after
cmp -s n_before n_after || { "$GM2" cond log c.db; fail "constants were loaded twice"; }
grep -q "calibration of run 2" out/dqm/index.html || fail "the page does not tell"
exit 0
