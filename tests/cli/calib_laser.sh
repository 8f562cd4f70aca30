# Laser calibration at waveform level: fills with all gain effects, offsets and drifting lasers; recovered constants against
# the injected ones; the same from raw files; into the database, once; bad input.
# timeout: 400
set -eu
export FHICL_FILE_PATH="$SOURCE/jobs/fcl:."
. "$SOURCE/tests/check.sh"
# Without photo-statistics noise alone spreads the shots, 0.3 %: so few fills are enough for errors of 5 %.
SIM="--set physics.producers.digitise.pe_per_MeV=0"
"$GM2" -c calib_laser_sim.fcl -n 200 $SIM -o laser.h5 >log 2>&1 || { cat log; fail "simulation"; }
"$GM2" calib laser_shard00000.h5 -o page >out || fail "gm2 calib"
cat out
# 1,296 channels: mean of pulls 0 +- 0.028, width 1 +- 0.02 where channels are independent. The noise of a laser's monitor
# (0.2 of a channel's) is common to its 216 channels and counts six times: 0.09; the fits' own bias is below 0.1. Limits:
# five standard errors.
/usr/bin/python3 - <<'PY' || fail "pulls"
import json, sys
made = json.load(open("page/calib.json"))["calibrations"]
limits = {"oof": (0.5, 0.1), "ifg": (0.6, 0.1), "stdp": (0.6, 0.1), "sync": (0.15, 0.1)}
for name, (mean, width) in limits.items():
    c = made[name]
    assert c["is_made"] and c["not_measured"] == 0, (name, c)
    assert c["pulls"], name
    for column, p in c["pulls"].items():
        assert p["n"] >= 1296 and abs(p["mean"]) < mean and abs(p["width"] - 1) < width, (name, column, p)
assert made["oof"]["intervals"] == 2 and made["ifg"]["intervals"] == 1
PY
[ -s page/index.html ] || fail "no page"
grep -q 'src="http\|href="http' page/index.html && fail "the page loads from elsewhere"

# into the database: once; CSV is what gm2 cond load reads
"$GM2" cond init c.db --author test >/dev/null
"$GM2" calib laser_shard00000.h5 -o page --db c.db --author test --comment "laser" >out || fail "loading"
grep -q '2 of 2 intervals loaded' out || { cat out; fail "not loaded"; }
"$GM2" calib laser_shard00000.h5 -o page --db c.db --author test --comment "laser" >out || fail "loading twice"
grep -q '0 of 2 intervals loaded' out || { cat out; fail "loaded twice"; }
[ "$("$GM2" cond get c.db ifg_correction --at 1:1 | grep -c '^[0-9]')" = 1296 ] || fail "constants in the database"
"$GM2" cond tag c.db again --comment "from CSV" --author test
"$GM2" cond load c.db oof_correction page/oof_correction.oof.csv --tag again --author test --comment "CSV" >/dev/null || fail "CSV"
"$GM2" cond diff c.db oof_correction head again || fail "CSV differs from what was loaded"

# raw files give the same sums, bit by bit
cat >raw.fcl <<FCL
#include "calib_laser_sim.fcl"
source.fills_per_subrun: 10
outputs.raw: { module_type: MidasOutput max_subruns: -1 }
physics.write: [raw, out]
FCL
"$GM2" -c raw.fcl -n 10 $SIM -o direct.h5 >log 2>&1 || { cat log; fail "raw files"; }
"$GM2" -c calib_laser.fcl -s gm2_run00001_00000.mid --set physics.analyzers.laser_calib.ifg_bin_us=2.5 -o again.h5 >log 2>&1 || { cat log; fail "from raw files"; }
for group in /laser_sum /hist/laser; do
  h5diff direct*.h5 again*.h5 $group >diff 2>&1 || { grep -v "^$" diff | head; fail "$group differs"; }
done

# the recovered constants cure other subruns of the run: in-fill shots are flat in time, crystals are in time
cat >cure.fcl <<FCL
#include "calib_laser_sim.fcl"
process_name: cure
source.fills: muon
source.first_subrun: 10
source.fills_per_subrun: 40
services.conditions: { database: "c.db" }
physics.producers.fit: { module_type: PulseFit shape: laser }
physics.producers.gain: { module_type: Gain energy_scale: false oof: false channel_status: off }
physics.producers.digitise.laser_step_us: 5
physics.producers.digitise.monitor_is_on: false
physics.producers.digitise.laser_fluctuation: 0
physics.producers.digitise.laser_drift: 0
physics.producers.digitise.gain_oof: false
physics.reconstruct: [unpack, fit, gain]
physics.analyse: []
outputs.out.keep: [pulse]
FCL
"$GM2" -c cure.fcl -n 40 $SIM -o cure.h5 >log 2>&1 || { cat log; fail "other subruns"; }
/usr/bin/python3 - <<'PY' || fail "constants do not cure"
import h5py, numpy
f = h5py.File("cure_shard00000.h5")
names = [g for g in f if "table" in f[g].attrs and f[g].attrs["table"].decode() == "pulse"]
assert len(names) == 2, list(f)
for name in names:
    g = f[name]
    t, e, c = g["t_fill_ns"][:], g["energy_GeV"][:], g["calo"][:].astype(int) * 54 + g["crystal"][:]
    nominal = 5000.0 * numpy.round(t / 5000.0)
    early, late = e[nominal == 5000.0].mean(), e[nominal > 60000.0].mean()
    offsets = numpy.array([(t - nominal)[c == k].mean() for k in numpy.unique(c)])
    print(name, "gain at 5 us", early / late, "rms of crystals' times", offsets.std())
    is_raw = early / late < 0.99
    # put in: 1 - 0.03 exp(-5/8) = 0.984; 2 shots at 5 us of 1,296 crystals: 0.00005; common error of the constants 0.0002
    assert abs(early / late - (0.98394 if is_raw else 1.0)) < 0.001, early / late
    assert abs(offsets.std() - 0.5) < 0.1 if is_raw else offsets.std() < 0.004
PY

# bad input
status() { set +e; "$@" >out 2>err; local rc=$?; set -e; echo $rc; }
[ "$(status "$GM2" calib laser_shard00000.h5 -o p2 --only offs)" != 0 ] && grep -q 'did you mean "oof"' err || fail "misspelt calibration"
[ "$(status "$GM2" calib laser_shard00000.h5 -o p2 --only oof --reference 1:7)" != 0 ] && grep -q 'run 1 subrun 7' err || fail "no such reference"
[ "$(status "$GM2" calib missing.h5 -o p2)" != 0 ] || fail "missing file"
[ "$(status "$GM2" calib laser_shard00000.h5 laser_shard00000.h5 -o p2)" != 0 ] && grep -q 'was in a file before' err || fail "file twice"
[ ! -e p2 ] || fail "a folder for nothing"
echo "calib_laser: ok"
