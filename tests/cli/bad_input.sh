# What a user does wrong gets one clear message, the right exit code, and leaves nothing half-written.
# timeout: 120
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=1 small_fcl 20 2 1
# expect CODE WORDS COMMAND...: this exit status, and a message that has all the words
expect() {
  local code=$1 words=$2 rc
  shift 2
  "$@" >log 2>&1
  rc=$?
  [ $rc = "$code" ] || { cat log; fail "exit $rc, $code expected: $*"; }
  for w in $words; do grep -qF -- "$w" log || { cat log; fail "\"$w\" is not in the message of: $*"; }; done
  [ "$(grep -c '^gm2[ a-z]*: ' log)" = 1 ] || { cat log; fail "one message is expected: $*"; }
  [ -z "$(find . -name '*.part' -o -path './bad/*' -name '*.h5')" ] || fail "something is left: $*"
}
run() { expect "$1" "$2" "$GM2" -c small.fcl -n 4 -o bad/x.h5 "${@:3}"; }

expect 88 "-c" "$GM2" -n 4
expect 88 "-n many" "$GM2" -c small.fcl -n many -o bad/x.h5
expect 88 "--nonsense" "$GM2" -c small.fcl --nonsense
expect 88 "DIR/STEM.h5" "$GM2" -c small.fcl -n 4 -o bad/x.root
expect 88 "-n" "$GM2" -c small.fcl -o bad/x.h5
expect 88 "--isa" "$GM2" -c small.fcl -n 4 --isa z80
expect 20 "nowhere.fcl" "$GM2" -c nowhere.fcl -n 4
run 91 "muons_per_fil muons_per_fill" --set physics.producers.gun.muons_per_fil=3
run 91 "muons_per_fill" --set physics.producers.gun.muons_per_fill=many
run 91 "polarisation 1" --set physics.producers.gun.polarisation=1.5
run 91 "GasGum" --set physics.producers.gun.module_type=GasGum
run 91 "unknown service" --set services.sheduler.units_per_shard=3
run 91 "nobody" --set 'physics.simulate=[gun, nobody]'
run 91 "reads table" --set 'physics.simulate=[ring]'
run 91 "n_index gun ring" --set physics.producers.ring.n_index=0.12
run 91 "collimator 20" --set physics.producers.ring.collimators_deg=[20.0]
run 91 "kicker_table" --set physics.producers.ring.kicker=table
run 91 "soft" --set physics.producers.ring.esq_edge_steps=2 --set physics.producers.ring.esq_edge_mm=300
printf '#include "missing.fcl"\na: 1\n' >i.fcl
expect 20 "missing.fcl line" "$GM2" -c i.fcl -n 4
printf 'physics: {\n  a: [1, 2,]\n}\n' >p.fcl
expect 90 "line p.fcl ^" "$GM2" -c p.fcl -n 4

# raw files: empty, not MIDAS, missing, wrong name, cut off
reco() { expect "$1" "$2" "$GM2" -c reco.fcl -o bad/x.h5 -s "$3"; }
: >gm2_run00001_00001.mid
reco 16 "gm2_run00001_00001.mid" gm2_run00001_00001.mid
head -c 5000 /dev/urandom >gm2_run00001_00002.mid
reco 16 "gm2_run00001_00002.mid" gm2_run00001_00002.mid
reco 20 "gm2_run00001_00003.mid" gm2_run00001_00003.mid
echo x >data.mid
reco 88 "data.mid gm2_runRRRRR_SSSSS.mid" data.mid
expect 88 "simulates" "$GM2" -c small.fcl -s gm2_run00001_00001.mid -o bad/x.h5
"$GM2" -c small.fcl -n 4 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
raw=sim/gm2_run00001_00000.mid
head -c $(($(stat -c %s $raw) * 7 / 10)) $raw >gm2_run00001_00000.mid
"$GM2" -c reco.fcl -s gm2_run00001_00000.mid -o cut/x.h5 >log 2>&1 || { cat log; fail "a cut file keeps what is whole"; }
grep -qiE "truncat|cut" log || { cat log; fail "no word about the truncation"; }

# one missing file of a list costs that file only
mkdir -p list && cp $raw list/ && printf 'list/gm2_run00001_00009.mid\nlist/gm2_run00001_00000.mid\n' >list.txt
"$GM2" -c reco.fcl -S list.txt -o listed/x.h5 >log 2>&1
rc=$?
[ $rc = 20 ] || { cat log; fail "a list with a missing file: exit $rc, 20 expected"; }
[ -e listed/x_r000001_s00000.h5 ] || { cat log; fail "a missing file kept the others from being done"; }

# products of another configuration, folders that cannot be written
expect 23 "another configuration" "$GM2" -c small.fcl -n 4 -o sim/x.h5 --set physics.producers.gun.muons_per_fill=21
expect 23 "fills" "$GM2" -c small.fcl -n 3 -o sim/x.h5
: >afile
expect 66 "afile" "$GM2" -c small.fcl -n 4 -o afile/x.h5

# an HDF5 file of another version is refused by readers
cp sim/x_r000001_s00000.h5 v.h5
/usr/bin/python3 -c "import h5py; f=h5py.File('v.h5','r+'); f.attrs['format_version']=99" || fail "h5py"
expect 16 "v.h5 version" "$GM2" fit v.h5
head -c 3000 sim/x_r000001_s00000.h5 >t.h5
"$GM2" fit t.h5 >log 2>&1 && fail "a truncated HDF5 file was read"
exit 0
