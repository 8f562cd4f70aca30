# Beams from files: CSV and a file of an earlier job, on one rank and two; what is refused, with which exit code.
# timeout: 120
# ranks: 2
. "$SOURCE/tests/job.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
/usr/bin/python3 "$SOURCE/tests/make_beam.py" 600 >beam.csv || fail "make_beam.py"
cat >guns.fcl <<'FCL'
#include "standard_modules.fcl"
process_name: guns
source: { module_type: EmptyFill fills_per_subrun: 2 }
services: { scheduler: { units_per_shard: 1 } }
physics: { producers: { @table::standard_simulation } p: [gun, ring] trigger_paths: [p] e: [out] end_paths: [e] }
physics.producers.gun: { module_type: FileGun path: "beam.csv" muons_per_fill: 100 }
physics.producers.ring.record_end_us: 5
outputs: { out: { module_type: Hdf5Output keep: [sim, hist] } }
FCL
gun=physics.producers.gun
run() { "$GM2" -c guns.fcl "$@" >log 2>&1 || { cat log; fail "gm2 -c guns.fcl $*"; }; }
# refuse CODE WORDS ARGUMENTS...: this exit status, one message with all the words, nothing written
refuse() {
  local code=$1 words=$2 rc
  shift 2
  "$GM2" -c guns.fcl -n 4 -o bad/x.h5 "$@" >log 2>&1
  rc=$?
  [ $rc = "$code" ] || { cat log; fail "exit $rc, $code expected: $*"; }
  for w in $words; do grep -qF -- "$w" log || { cat log; fail "\"$w\" is not in the message of: $*"; }; done
  [ "$(grep -c '^gm2[ a-z]*: ' log)" = 1 ] || { cat log; fail "one message is expected: $*"; }
  [ -z "$(find bad -name '*.h5*' 2>/dev/null)" ] || fail "something is left: $*"
}

# rows of the CSV in the table muon, fill after fill; 1 and 2 ranks agree
run -n 6 -o one/x.h5
grep -q "600 muons, SHA-1 $(sha1sum <beam.csv | cut -c1-40)" log || { cat log; fail "rows and SHA-1 are not logged"; }
"${mpirun_cmd[@]}" -n 2 --oversubscribe "$GM2" -c guns.fcl -n 6 -o two/x.h5 >log 2>&1 || { cat log; fail "2 ranks"; }
for s in 0 1 2; do h5diff -q one/x_r000001_s0000$s.h5 two/x_r000001_s0000$s.h5 || fail "1 and 2 ranks differ"; done
/usr/bin/python3 - <<'PY' || fail "rows of the file and of the table differ"
import csv, h5py
rows = list(csv.reader(l for l in open("beam.csv") if l[0] != "#"))[1:]
for s in range(3):
    f = h5py.File(f"one/x_r000001_s{s:05d}.h5")
    x, t = f["muon/x_mm"][:], f["muon/t_fill_ns"][:]
    assert len(x) == 200 and len(f["vertex/fate"]) == 200
    assert all(x[i] == float(rows[200 * s + i][0]) and t[i] == float(rows[200 * s + i][5]) for i in range(200))
    assert f.attrs["parents"].decode().split() == ["beam.csv"]
PY
grep -q '"beam.csv"' one/x_r000001_s00000.h5.json || fail "the metadata do not name the file"

# the content counts, not the name
mv beam.csv moved.csv
run -n 6 -o one/x.h5 --set $gun.path='"moved.csv"'
cp moved.csv beam.csv && echo "1,1,0,0,3.09,0" >>beam.csv
"$GM2" -c guns.fcl -n 6 -o one/x.h5 >log 2>&1
[ $? = 23 ] && grep -q "another configuration" log || { cat log; fail "another content under the same name"; }
cp moved.csv beam.csv

# muons of an earlier job, with their times of decay, end as they did
run -n 2 -o again/x.h5 --set $gun.path='"one/x_r000001_s00000.h5"' --set $gun.decay=file
h5diff -q one/x_r000001_s00000.h5 again/x_r000001_s00000.h5 /vertex || fail "the same muons ended otherwise"

# any order, any number of times
run -n 20 -o many/x.h5 --set $gun.order=shuffle --set $gun.reuse=wrap
run -n 20 -o many2/x.h5 --set $gun.order=resample

# refused: too few rows, NaN, wrong units, other content, no file, no such group, an unknown unit
refuse 91 "600 1200 reuse" --set $gun.muons_per_fill=300
awk -F, 'NR==5 { $3="nan" } { OFS=","; print }' moved.csv >beam.csv
refuse 16 "beam.csv line 5 xp NaN"
awk -F, '/^[-0-9]/ { $1/=1000; $2/=1000 } { OFS=","; print }' moved.csv >beam.csv
refuse 16 "beam.csv x metres 0.1 1000"
sed 's/x_mm,y_mm/x_m,y_m/' moved.csv >beam.csv
refuse 16 "beam.csv line 3 x mm -200 200 unit"
sed 's/GeV/MeV/' moved.csv >beam.csv
refuse 16 "beam.csv momentum GeV unit"
sed 's/x_mm/x_furlong/' moved.csv >beam.csv
refuse 16 "beam.csv x [mm] x_furlong"
sed 's/x_mm/x/' moved.csv >beam.csv
refuse 16 "beam.csv line 2 x unit"
sed '5s/,[^,]*$//' moved.csv >beam.csv
refuse 16 "beam.csv line 5 values columns"
refuse 23 "SHA-1 path_sha1" --set $gun.path_sha1='"da39a3ee5e6b4b0d3255bfef95601890afd80709"'
refuse 20 "nowhere.csv" --set $gun.path='"nowhere.csv"'
refuse 91 "path" --set $gun.path='""'
refuse 16 "group nothing" --set $gun.path='"one/x_r000001_s00000.h5"' --set $gun.group=nothing

# the inflector's exit into the ring: every muon has an end, and the losses in the channel are in the file
run -n 2 -o inflector/x.h5 --set $gun="{ module_type: InflectorGun muons_per_fill: 2000 }"
/usr/bin/python3 - <<'PY' || fail "inflector gun"
import h5py
f = h5py.File("inflector/x_r000001_s00000.h5")
assert len(f["muon/x_mm"]) == len(f["vertex/fate"]) == 4000
fate = f["hist/inflector/fate"][:]
assert fate[0] == 4000 and 3500 < fate[1] < 5000
PY
exit 0
