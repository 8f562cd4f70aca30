# A merged file has the same content for any number of ranks, also when all of them write.
# timeout: 200
# ranks: 3
. "$SOURCE/tests/job.sh"
small_fcl 60 2 1
"$GM2" -c small.fcl -n 10 -o a/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
ls a/*.h5 >a.txt
for n in 1 2 3; do
  "${mpirun_cmd[@]}" -n $n "$GM2" -c merge.fcl -S a.txt -o m/n$n.h5 --set source.alone_below_MB=0 >log 2>&1 || { cat log; fail "$n ranks"; }
  h5diff m/n1.h5 m/n$n.h5 || fail "$n ranks give other content"
done
# another configuration: which job merged is in an attribute
"${mpirun_cmd[@]}" -n 3 "$GM2" -c merge.fcl -S a.txt -o m/few.h5 >log 2>&1 || { cat log; fail "one rank for the others"; }
h5diff --exclude-attribute / m/n1.h5 m/few.h5 || fail "one rank for the others: other content"
"${mpirun_cmd[@]}" -n 2 "$GM2" -c merge.fcl -s a/x_r000001_s00000.h5 -s a/x_r000001_s00002.h5 -o m/bad.h5 >log 2>&1 && fail "a gap on two ranks"
grep -q 'run 1 subrun 1: missing' log || { cat log; fail "the reason"; }
[ "$(ls m | wc -l)" = 8 ] || { ls m; fail "four files and their JSON are expected"; }
exit 0
