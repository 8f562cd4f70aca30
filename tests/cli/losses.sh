# Lost muons through the whole chain: followed to the calorimeters, digitised, reconstructed, found as triple coincidences.
# The report draws them. Without lost muons every table is as before, and truth names no muon.
# timeout: 240
. "$SOURCE/tests/job.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import h5py' 2>/dev/null || { echo "no h5py: skipped"; exit 0; }
cat >losses_test.fcl <<FCL
#include "losses.fcl"
physics.producers.gun.muons_per_fill: 60
physics.producers.gun.aperture_mm: 55
outputs: { out: { module_type: Hdf5Output keep: [sim, reco, hist] } }
physics.write: [out]
FCL
fills=130
[ -z "${TEST_IS_SLOW:-}" ] || fills=30
"$GM2" -c losses_test.fcl -n $fills -o all/x.h5 >log 2>&1 || { cat log; fail "losses.fcl"; }
[ $fills = 30 ] || $python "$SOURCE/tests/losses.py" all/x_shard00000.h5 || fail "triples"
"$GM2" report -o report all/x_shard00000.h5 >log 2>&1 || { cat log; fail "report"; }
for picture in loss_rate loss_energy loss_flight; do
  grep -q "\"$picture\"" report/report.json || fail "no picture $picture"
done

# the same job without the module: what positrons leave is untouched
cat >without.fcl <<FCL
#include "losses_test.fcl"
physics.simulate: [gun, ring, decay, positron, shower, digitise]
physics.reconstruct: []
physics.analyse: []
FCL
export FHICL_FILE_PATH=$FHICL_FILE_PATH:.
"$GM2" -c without.fcl -n 10 -o without/x.h5 >log 2>&1 || { cat log; fail "without lost muons"; }
$python - <<PY || fail "light of positrons differs"
import h5py, numpy as np
a, b = (h5py.File(n)["crystal_hit"] for n in ("all/x_shard00000.h5", "without/x_shard00000.h5"))
of_positrons = (a["particle"][...] == 0) & (a["subrun"][...] == 0)
assert not of_positrons.all() and b["particle"][...].max() == 0 and len(b["n_pe"]) > 1000
for c in ("calo_hit", "calo", "crystal", "t_fill_ns", "n_pe"):
    assert np.array_equal(a[c][...][of_positrons], b[c][...])
PY

# a collimator where a calorimeter begins is refused
cat >bad.fcl <<FCL
#include "losses_test.fcl"
physics.producers.lost.collimators_deg: [238.0]
FCL
"$GM2" -c bad.fcl -n 1 -o bad/x.h5 >log 2>&1
[ $? = 91 ] && grep -q "stands within" log || { cat log; fail "a collimator at a face was accepted"; }
