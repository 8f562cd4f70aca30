# The same content on 1, 2, 3 and 16 ranks; the same bytes on a repeat.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=1 small_fcl 60 2 4
"$GM2" -c small.fcl -n 22 -o r1/x.h5 >log1 2>&1 || { cat log1; fail "one rank"; }
for n in 2 3 16; do
  "${mpirun_cmd[@]}" -n $n "$GM2" -c small.fcl -n 22 -o r$n/x.h5 >log$n 2>&1 || { cat log$n; fail "$n ranks"; }
  same_shards r1 r$n
  cmp r1/gm2_run00001_00000.mid r$n/gm2_run00001_00000.mid || fail "raw bytes differ on $n ranks"
done
[ "$(ls r1/*_shard*.h5 | wc -l)" = 3 ] || fail "11 units in shards of 4 are 3 shards"
for n in 1 2; do
  if [ $n = 1 ]; then "$GM2" -c small.fcl -n 22 -o again1/x.h5; else "${mpirun_cmd[@]}" -n 2 "$GM2" -c small.fcl -n 22 -o again2/x.h5; fi >log 2>&1 || { cat log; fail "repeat"; }
  for f in r$n/*_shard*.h5; do cmp "$f" again$n/"$(basename "$f")" || fail "a repeat on $n ranks gives other bytes"; done
done
# another seed is another sample: the comparison can fail
"$GM2" -c small.fcl --set services.RandomNumberGenerator.seed=2 -n 22 -o other/x.h5 >log 2>&1 || { cat log; fail "seed 2"; }
h5diff -q r1/x_shard00000.h5 other/x_shard00000.h5 && fail "another seed gave the same shard"
exit 0
