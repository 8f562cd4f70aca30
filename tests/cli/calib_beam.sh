# Calibrations from the beam and from pedestal fills at waveform level: time offsets, scales, noise, dead and hot channels are put
# in, and recovered from 18 fills; the same sums from raw files; into the database.
# timeout: 300
set -eu
export FHICL_FILE_PATH="$SOURCE/jobs/fcl:."
. "$SOURCE/tests/check.sh"
python=/usr/bin/python3
fills=18
[ -z "${TEST_IS_SLOW:-}" ] || fills=3
[ -x $python ] || python=python3
"$GM2" -c calib_beam_sim.fcl -n "$fills" -o beam.h5 >log 2>&1 || { cat log; fail "simulation"; }
"$GM2" cond init c.db --author test >/dev/null
"$GM2" calib beam_shard00000.h5 -o page --db c.db --author test --comment "beam" >out || { cat out; fail "gm2 calib"; }
cat out
if [ $fills = 18 ]; then # what few fills cannot tell
# Pedestals and noise: 1,296 pulls, mean 0 +- 0.028, width 1 +- 0.02, limits of 4.5 standard errors. Times: crystals of a
# calorimeter share its error, as in tests/t_calib_beam.c; a few crystals at corners see too few showers. Energies: 16 fills give
# constants of some 20 crystals only, mean 0 +- 0.25 and the scale's own error. Channels: all that was put in, nothing else.
$python - <<'PY' || fail "constants"
import json
made = json.load(open("page/calib.json"))["calibrations"]
limits = {"beam_time": (0.9, 0.25, 1250), "pedestal": (0.13, 0.09, 1290), "noise": (0.13, 0.09, 1290), "energy": (1.2, 0.7, 10)}
for name, (mean, width, n) in limits.items():
    c = made[name]
    assert c["is_made"], (name, c)
    for column, p in c["pulls"].items():
        assert p["n"] >= n and abs(p["mean"]) < mean and abs(p["width"] - 1) < width, (name, column, p)
note = made["channels"]["note"]
assert "0 channels and subruns missed, 0 false" in note and "0 cannot be told" in note, note
PY
for table in time_alignment energy_scale pedestal noise channel_status; do
  [ "$("$GM2" cond get c.db $table --at 1:0 | grep -c '^[0-9]')" = 1296 ] || fail "table $table in the database"
done
[ "$("$GM2" cond get c.db channel_status --at 1:0 | grep -cE ',1,0$')" -ge 1 ] || fail "no dead channel in the database"
fi

# raw files give the same sums
cat >raw.fcl <<FCL
#include "calib_beam_sim.fcl"
source.cycle_muon: 2
source.fills_per_subrun: 4
outputs.raw: { module_type: MidasOutput max_subruns: -1 }
physics.write: [raw, out]
FCL
"$GM2" -c raw.fcl -n 4 -o direct.h5 >log 2>&1 || { cat log; fail "raw files"; }
"$GM2" -c calib_beam.fcl -s gm2_run00001_00000.mid --set physics.producers.triples.from_us=1 -o again.h5 >log 2>&1 ||
  { cat log; fail "from raw files"; }
for group in /mip_triple /channel_count /hist/calib; do
  h5diff direct*.h5 again*.h5 $group >diff 2>&1 || { grep -v "^$" diff | head; fail "$group differs"; }
done
"$GM2" -c calib_pedestal.fcl -s gm2_run00001_00000.mid -o pedestal.h5 >log 2>&1 || { cat log; fail "calib_pedestal.fcl"; }
"$GM2" calib pedestal*.h5 -o page2 --only pedestal,noise >out || { cat out; fail "pedestals alone"; }
