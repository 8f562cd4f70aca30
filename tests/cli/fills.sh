# The DAQ's cadence: muon, laser and pedestal fills with every injected effect, on one rank and two; the raw files read back.
# timeout: 120
# ranks: 2
. "$SOURCE/tests/job.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat >fills.fcl <<'FCL'
#include "mdc1.fcl"
source: { module_type: EmptyFill run: 1 fills_per_subrun: 18 fills: daq }
services.scheduler.units_per_shard: 1
physics.producers.gun.muons_per_fill: 20
physics.producers.digitise: {
  module_type: Digitise monitor_is_on: true laser_every: 4 laser_fluctuation: 0.01 laser_drift: 0.01
  gain_ifg: true gain_stdp: true gain_oof: true time_offset_ns: 0.5 calo_offset_ns: 1 energy_spread: 0.05 noise_spread: 0.1
  dead_channels: [317] hot_channels: [1203] ibms_is_on: true
}
outputs.raw.max_subruns: -1
outputs.out.keep: [sim, digit, reco, hist]
outputs.out.drop: [trace, sample, pulse]
FCL
cat >read.fcl <<'FCL'
#include "reco.fcl"
services.scheduler.units_per_shard: 1
outputs.out.keep: [digit, reco]
outputs.out.drop: [trace, sample, pulse]
FCL
"$GM2" -c fills.fcl -n 36 -o one/x.h5 >log 2>&1 || { cat log; fail "gm2 -c fills.fcl"; }
"${mpirun_cmd[@]}" -n 2 --oversubscribe "$GM2" -c fills.fcl -n 36 -o two/x.h5 >log 2>&1 || { cat log; fail "2 ranks"; }
for s in 0 1; do
  h5diff -q one/x_r000001_s0000$s.h5 two/x_r000001_s0000$s.h5 || fail "1 and 2 ranks differ"
  cmp -s one/gm2_run00001_0000$s.mid two/gm2_run00001_0000$s.mid || fail "raw files of 1 and 2 ranks differ"
done
rm -r two
"$GM2" raw check one/gm2_run00001_00000.mid --checks all >log 2>&1 || { cat log; fail "gm2 raw check"; }
grep -q "18 fills, 0 with damage" log || { cat log; fail "gm2 raw check counts"; }
"$GM2" -c read.fcl -s one/gm2_run00001_00001.mid -o back/x.h5 >log 2>&1 || { cat log; fail "gm2 -c read.fcl"; }
/usr/bin/python3 - <<'PY' || fail "tables"
import glob, h5py, numpy as np
for s in range(2):
    f = h5py.File(f"one/x_r000001_s{s:05d}.h5")
    types = f["fill/fill_type"][:]
    assert list(types) == [1] * 8 + [2] + [1] * 8 + [3], types
    assert not (f["fill/status"][:] & 6).any()
    t, n = f["gain_truth"], 24 * 54
    assert len(t["calo"]) == n and (t["event"][:] == 0).all() and (t["subrun"][:] == s).all()
    assert list(np.flatnonzero(t["is_dead"][:])) == [2 * 54 + 17] and list(np.flatnonzero(t["is_hot"][:])) == [11 * 54 + 3]
    calo, event, first, length = (f["island/" + c][:] for c in ("calo", "event", "first_sample", "n_samples"))
    for e, kind in zip(range(1, 19), types):
        here = event == e
        monitors = np.unique(calo[here & (calo > 100)])
        assert list(monitors) == ([] if kind == 3 else [101, 105, 109, 113, 117, 121]), (e, monitors)
        crates = here & (calo <= 24)
        if kind == 2: assert (np.bincount(calo[crates])[1:] == 4).all() and set(first[crates]) == {0, 1200, 2400, 3600}
        if kind == 3: assert (np.bincount(calo[crates])[1:] == 1).all() and set(first[crates]) == {0}
        if kind > 1: assert (length[crates] == 800).all()
        assert (kind == 1) == bool((calo[here] == 26).any())
        # muon fills 3, 7, 11, ... of the run have a second laser pulse
        nth = 16 * s + (e - 1 if e < 9 else e - 2)
        if kind == 1: assert (calo[here] == 101).sum() == (2 if nth % 4 == 3 else 1), (s, e)
a, b = (h5py.File(p) for p in ("one/x_r000001_s00001.h5", glob.glob("back/x*.h5")[0]))
for c in ("calo", "event", "first_sample", "n_samples", "n_crystals"):
    assert (a["island/" + c][:] == b["island/" + c][:]).all(), c
PY
exit 0
