# Raw fills with Q histograms, IBMS and fibre harps through qmethod.fcl, t0_ibms.fcl and fibre_harp.fcl: energies against truth, a
# fit, the beam's frequencies from the harps, pictures; noise alone; bins that do not fit are refused.
# timeout: 240
. "$SOURCE/tests/job.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import h5py' 2>/dev/null || { echo "no h5py: skipped"; exit 0; }
run() { "$GM2" "$@" >log 2>&1 || { cat log; fail "gm2 $*"; }; }
cat >sim.fcl <<FCL2
#include "mdc1.fcl"
source.fills_per_subrun: 4
physics.producers.gun.muons_per_fill: 2000
physics.producers.digitise: { @table::physics.producers.digitise q_flush_fills: 2 q_decimation: 120 q_sag_adc: 2
  ibms_is_on: true harp_is_on: true }
physics.reconstruct: []
physics.trigger_paths: [simulate]
physics.analyse: []
outputs.out.keep: [crystal_hit]
FCL2
export FHICL_FILE_PATH=$FHICL_FILE_PATH:.
run -c sim.fcl -n 4 -o raw/x.h5
raw=raw/gm2_run00001_00000.mid
"$GM2" raw check $raw >log 2>&1 || { cat log; fail "raw check"; }
run -c qmethod.fcl -s $raw -o q/q.h5 --set outputs.out.keep='[hist, q_hist]'
run -c t0_ibms.fcl -s $raw -o aux/t0.h5
run -c fibre_harp.fcl -s $raw -o aux/harp.h5
$python - <<'PY' || fail "Q histograms"
import glob, h5py, numpy as np
q, sim = h5py.File(glob.glob("q/*.h5")[0]), h5py.File(glob.glob("raw/*.h5")[0])
assert len(q["q_hist/calo"]) == 2 * 24 * 54 and set(q["q_hist/n_fills"][:]) == {2} and set(q["q_hist/event"][:]) == {2, 4}
t, e = sim["crystal_hit/t_fill_ns"][:] * 1e-3, sim["crystal_hit/energy_GeV"][:]
true = e[(t > 15) & (t < 200)].sum()
def late(name):
    h = q["hist/qmethod/" + name]
    at = h.attrs["y_low"] + (np.arange(h.shape[1]) + 0.5) * 0.15
    return (h[:] * h.attrs["quantum"])[:, (at > 15) & (at < 200)].sum()
# light in crystals below 60 MeV is a tenth; a fixed pedestal follows no sag
assert 0.85 < late("energy_0") / true < 1.0, late("energy_0") / true
assert abs(late("energy_1") / true - 1) < 0.25 and late("energy_2") < late("energy_0"), late("energy_1") / true
assert late("fixed") < -true
assert abs(q["hist/qmethod/noise"][:].mean() * q["hist/qmethod/noise"].attrs["quantum"] / 2 - 1.53) < 0.05
assert (q["hist/qmethod/fills"][:] == 4).all()
a = h5py.File(glob.glob("aux/t0_*.h5")[0])["aux_pulse"]
t0 = a["t_fill_ns"][:][(a["detector"][:] == 4) & (a["channel"][:] == 0)]
assert len(t0) == 4 and (abs(t0) < 0.1).all(), t0
ibms = a["detector"][:] == 3
assert ibms.sum() > 60 and (abs(a["t_fill_ns"][:][ibms & (a["amplitude_adc"][:] > 300)]) < 2).all()
PY
run fit q/q_r*.h5 --method q --to 200 --json fit.json
grep -q '"method":.*"q"' fit.json || fail "the fit's JSON"
"$GM2" fit q/q_r*.h5 --method q5 >log 2>&1 && fail "a threshold that is not there"
grep -q QMethod log || { cat log; fail "which module books it"; }
run report q/q_r*.h5 -o report_q
run report aux/harp_r*.h5 -o report_harp
$python - <<'PY' || fail "the report"
import json
q, harp = (json.load(open(f"report_{n}/report.json"))["pictures"] for n in ("q", "harp"))
assert {"q_wiggle", "q_thresholds", "q_drift", "q_noise"} <= set(q)
s = harp["harp_spectrum"]
assert abs(s["line_x_MHz"] - (1 - 0.9449) / 0.1492) < 0.003, s["line_x_MHz"]
assert abs(s["line_y_MHz"] - 0.3296 / 0.1492) < 0.005, s["line_y_MHz"]
PY

# noise alone: nothing above a threshold
run -c sim.fcl -n 4 -o quiet/x.h5 --set physics.producers.gun.muons_per_fill=1 --set physics.producers.digitise.q_sag_adc=0
run -c qmethod.fcl -s quiet/gm2_run00001_00000.mid -o quiet/q.h5 --set physics.analyzers.qmethod.thresholds_MeV='[120, 0]'
$python - <<'PY' || fail "noise alone"
import glob, h5py, numpy as np
g = h5py.File(glob.glob("quiet/q_r*.h5")[0])["hist/qmethod"]
h = g["energy_0"][:, 400:]
assert (h != 0).sum() < 20, (h != 0).sum()
flat = (g["energy_1"][:, 400:] * g["energy_1"].attrs["quantum"]).sum(0)[:4200].reshape(10, 420).mean(1)
one = np.sqrt((g["energy_1_squares"][:, 400:] * g["energy_1"].attrs["quantum"]).sum(0).mean() / 420)
assert (abs(flat) < 5 * one).all(), (flat, one)
PY

"$GM2" -c qmethod.fcl -s $raw -o bad/q.h5 --set physics.analyzers.qmethod.bin_samples=100 >log 2>&1
[ $? = 91 ] && grep -q "bin_samples 100" log || { cat log; fail "bins that do not fit were accepted"; }
[ -z "$(find bad -name '*.h5*' 2>/dev/null)" ] || fail "something is left"
exit 0
