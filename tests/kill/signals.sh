# SIGUSR1 through mpirun and SIGTERM to a single rank: units in hand are finished or dropped, 75, nothing lost.
# timeout: 180
# ranks: 2
. "$SOURCE/tests/job.sh"
DRAIN_S=5 small_fcl 200 2 4
"$GM2" -c small.fcl -n 40 -o ref/x.h5 >log 2>&1 || { cat log; fail "undisturbed run"; }
wait_for_unit() { for ((t = 0; t < 3000; t++)); do ls out/*_r*.h5 >/dev/null 2>&1 && return; sleep 0.02; done; fail "no unit in a minute"; }
for how in mpirun-USR1 single-TERM single-INT; do
  rm -rf out
  case $how in
    mpirun*) "${mpirun_cmd[@]}" -n 2 "$GM2" -c small.fcl -n 40 -o out/x.h5 >log 2>&1 & ;;
    *) "$GM2" -c small.fcl -n 40 -o out/x.h5 >log 2>&1 & ;;
  esac
  pid=$!
  wait_for_unit
  kill -s "${how#*-}" $pid
  start=$SECONDS
  wait $pid
  rc=$?
  [ $rc = 75 ] || { cat log; fail "$how: exit $rc, 75 expected"; }
  [ $((SECONDS - start)) -le 30 ] || fail "$how: the drain took $((SECONDS - start)) s"
  grep -q "submit the same command again" log || { cat log; fail "$how: no advice"; }
  ls out | grep -q '\.part$' && fail "$how: a .part is left"
  "$GM2" -c small.fcl -n 40 -o out/x.h5 >log 2>&1 || { cat log; fail "$how: resume"; }
  same_shards ref out
done
# a time so short that units in hand are dropped
DRAIN_S=0 small_fcl 3000 5 4
rm -rf out
"$GM2" -c small.fcl -n 20 -o out/x.h5 >log 2>&1 &
pid=$!
until ((0x0$(sed -n 's/^SigCgt:\t//p' /proc/$pid/status 2>/dev/null) & 0x4000)); do sleep 0.02; done # it catches SIGTERM
sleep 1
kill -TERM $pid
wait $pid
rc=$?
[ $rc = 75 ] || { cat log; fail "drain_s 0: exit $rc, 75 expected"; }
ls out 2>/dev/null | grep -q '\.part$' && fail "drain_s 0: a .part is left"
exit 0
