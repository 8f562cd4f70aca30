# The whole chain, gun to clusters through waveforms, agrees with its own truth: six fills with a fixed seed.
# timeout: 600
set -eu
fills=6
[ -z "${TEST_IS_SLOW:-}" ] || fills=1
cat > closure.fcl <<FCL
#include "$SOURCE/jobs/fcl/mdc1.fcl"
services.RandomNumberGenerator.seed: 4711
physics.analyse: []
physics.write: [out]
outputs: { out: { module_type: Hdf5Output keep: [sim, reco] } }
FCL
FHICL_FILE_PATH="$SOURCE/jobs/fcl:." "$GM2" -c closure.fcl -n "$fills" -o closure.h5 >log 2>&1 || { cat log; exit 1; }
[ $fills = 1 ] || /usr/bin/python3 "$SOURCE/tests/closure.py" closure_shard00000.h5
