# Injected fills: the whole chain of mdc2.fcl, points of kicker_scan.fcl and quad_scan.fcl with their table, and fields that
# are refused.
# timeout: 60
. "$SOURCE/tests/job.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import h5py' 2>/dev/null || { echo "no h5py: skipped"; exit 0; }
gun=physics.producers.gun ring=physics.producers.ring
run() { "$GM2" "$@" >log 2>&1 || { cat log; fail "gm2 $*"; }; }

run -c mdc2.fcl -n 1 -o all/x.h5 --set $gun.muons_per_fill=8000 --set outputs.out.keep='[reco, hist, mip_hit, vertex]'
$python - <<'PY' || fail "the fill of mdc2.fcl"
import h5py, numpy as np
f = h5py.File("all/x_shard00000.h5")
fate, t = f["vertex/fate"][:], f["vertex/t_fill_ns"][:]
assert len(fate) == 8000 and set(fate) <= {0, 1, 2, 3}
for c in ("x_mm", "y_mm", "phi_rad", "p_phi_GeV", "s_phi", "t_fill_ns", "turns"):
    assert np.isfinite(f["vertex/" + c][:]).all(), c
stored = (t > 30e3).sum() / 8000 / np.exp(-30 / 64.4)
assert abs(stored - 0.049) < 5 * np.sqrt(0.049 / 0.63 / 8000), stored
assert f["hist/beam/monitor05/n"][:].sum() > 100 * 8000 * stored   # turns
assert len(f["cluster/energy_GeV"]) > 10
assert (f["mip_hit/t_fill_ns"][:] > 1e3).all()
PY

for G in 0 290; do run -c kicker_scan.fcl -n 1 -o scan/G$G.h5 --set $gun.muons_per_fill=6000 --set $ring.kicker_G="[$G]"; done
$python "$SOURCE/jobs/scan_table" scan --plot scan.svg >table || fail "scan_table"
awk 'NR==2 && ($1!=0 || $2!=0) { exit 1 } NR==3 && ($1!=290 || $2<3 || $2>7) { exit 1 } END { exit NR!=3 }' table ||
  { cat table; fail "the table of the scan"; }
grep -q '<svg' scan.svg || fail "no picture"
run -c quad_scan.fcl -n 1 -o quad/kV20.4.h5 --set $gun.muons_per_fill=6000 --set $ring.kicker_G='[210]' --set $ring.esq_high_voltage_kV=20.4 \
  --set physics.analyzers.beam.esq_high_voltage_kV=20.4
$python "$SOURCE/jobs/scan_table" quad >table || fail "scan_table"
# the first monitor's CBO: 0.413 MHz at n = 0.120 against 0.369 at 0.108
awk 'NR==2 && ($11<0.40 || $11>0.43) { exit 1 }' table || { cat table; fail "f_CBO at 20.4 kV"; }

# refuse WORDS ARGUMENTS...: a configuration error, one message with all the words, nothing written
refuse() {
  local words=$1 rc w
  shift
  "$GM2" -c kicker_scan.fcl -n 1 -o bad/x.h5 --set $gun.muons_per_fill=16 "$@" >log 2>&1
  rc=$?
  [ $rc = 91 ] || [ $rc = 16 ] || { cat log; fail "exit $rc: $*"; }
  for w in $words; do grep -qF -- "$w" log || { cat log; fail "\"$w\" is not in the message of: $*"; }; done
  [ -z "$(find bad -name '*.h5*' 2>/dev/null)" ] || fail "something is left: $*"
}
# both KEY=VALUE ...: the same for the ring and for the beam's histograms
both() { for a in "$@"; do echo --set $ring.$a --set physics.analyzers.beam.$a; done; }
refuse "ring esq_high_voltage_kV store" $(both esq_high_voltage_kV=0)
refuse "ring esq_normal_V store" --set $ring.esq_scraping=none $(both esq_field=custom 'esq_normal_V=[0,20000]')
refuse "esq_high_voltage_kV beam same" --set $ring.esq_high_voltage_kV=18
refuse "ring esq_plates_kV store" --set $ring.esq_plates_kV='[-18, -18, 18, 18]'
printf 't_ns,value_1\n' >pulse.csv
for t in $(seq -100 10 300); do echo "$t,$((t > -60 && t < 60 ? 60 - (t < 0 ? -t : t) : 0))"; done >>pulse.csv
refuse "pulse.csv 300" --set $ring.kicker=table --set $ring.kicker_table='"pulse.csv"' --set $ring.kicker_begin_ns=-90
run -c kicker_scan.fcl -n 1 -o covered/x.h5 --set $gun.muons_per_fill=16 --set $ring.kicker=table \
  --set $ring.kicker_table='"pulse.csv"' --set $ring.kicker_begin_ns=-90 --set $ring.kicker_end_ns=250
exit 0
