# Grid mode: no launcher, empty environment; one raw file in, one file and its JSON out. In a Slurm step of several tasks
# without a launcher it refuses.
# timeout: 120
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=1 small_fcl 60 3 1
"$GM2" -c small.fcl --config-out whole.fcl --validate-config -n 3 >log 2>&1 || { cat log; fail "--config-out"; }
env -i "$GM2" -c whole.fcl -n 3 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation in an empty environment"; }
raw=sim/gm2_run00001_00000.mid
[ -s $raw ] || fail "no raw file"
"$GM2" -c "$FHICL_FILE_PATH/reco.fcl" --config-out reco.fcl --validate-config -s $raw >log 2>&1 || { cat log; fail "reco --config-out"; }
mkdir job && cp "$raw" job/ && cd job || exit 1
env -i "$GM2" -c ../reco.fcl -s gm2_run00001_00000.mid -o out/y.h5 >log 2>&1 || { cat log; fail "raw file in an empty environment"; }
[ "$(ls out | wc -l)" = 2 ] || { ls out; fail "one file and its JSON are expected"; }
[ -s out/y_r000001_s00000.h5 ] && [ -s out/y_r000001_s00000.h5.json ] || { ls out; fail "names"; }
# the file read from disk gives the clusters that the same bytes gave in memory
for column in calo t_fill_ns energy_GeV x_mm n_crystals; do
  h5diff -q ../sim/x_r000001_s00000.h5 out/y_r000001_s00000.h5 /cluster/$column || fail "cluster/$column differs between disk and memory"
done
env -i SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=0 "$GM2" -c ../whole.fcl -n 3 -o z/z.h5 >log 2>&1
rc=$?
[ $rc = 88 ] || { cat log; fail "a step of 4 tasks without a launcher: exit $rc, 88 expected"; }
grep -q "launcher" log || { cat log; fail "no reason given"; }
[ ! -e z ] || fail "it began to work"
exit 0
