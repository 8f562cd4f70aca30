# Raw files from a list, in a chain of configurations, on several ranks; --nskip and -n on one file.
# timeout: 120
# ranks: 2
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=-1 small_fcl 60 3 1
"$GM2" -c small.fcl -n 12 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
printf '# four subruns\n' >list.txt
ls sim/gm2_run*.mid >>list.txt
[ "$(grep -c mid list.txt)" = 4 ] || fail "four raw files are expected"
echo 'physics.analyzers.wiggle.threshold_GeV: 1.8' >harder.fcl
"$GM2" -c 'reco.fcl;harder.fcl' -S list.txt -o one/y.h5 --config-out used.fcl >log 2>&1 || { cat log; fail "a list on one rank"; }
[ "$("$GM2" fcl get used.fcl physics.analyzers.wiggle.threshold_GeV)" = 1.8 ] || fail "the second document of the chain is not in force"
"${mpirun_cmd[@]}" -n 2 "$GM2" -c 'reco.fcl;harder.fcl' -S list.txt -o two/y.h5 >log 2>&1 || { cat log; fail "a list on two ranks"; }
for f in one/*.h5; do h5diff -q "$f" two/"$(basename "$f")" || fail "$f differs between one and two ranks"; done
[ "$(ls one/*.h5 | wc -l)" = 4 ] && [ "$(ls one/*.json | wc -l)" = 4 ] || fail "a file and its JSON each"
raw=sim/gm2_run00001_00001.mid
"$GM2" -c reco.fcl -s $raw --nskip 1 -n 1 -o part/y.h5 >log 2>&1 || { cat log; fail "-n and --nskip"; }
/usr/bin/python3 - <<'PY' || fail "-n 1 --nskip 1 is the second event"
import h5py
with h5py.File("part/y_r000001_s00001.h5") as f:
    assert list(f["fill/event"][()]) == [2] and list(f["fill/subrun"][()]) == [1]
PY
for kind in gz lz4; do
  "$GM2" -c small.fcl --set outputs.raw.compression=$kind -n 3 -o $kind/x.h5 >log 2>&1 || { cat log; fail "$kind"; }
  "$GM2" -c reco.fcl -s $kind/gm2_run00001_00000.mid.$kind -o $kind/reco/y.h5 >log 2>&1 || { cat log; fail "reading $kind"; }
  h5diff -q one/y_r000001_s00000.h5 $kind/reco/y_r000001_s00000.h5 /cluster || fail "$kind gives other clusters"
done
exit 0
