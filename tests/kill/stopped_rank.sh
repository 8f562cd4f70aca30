# A stopped rank (SIGSTOP), rank 0 or another, is noticed: the job ends with 75 in bounded time, and can be resumed.
# timeout: 180
# ranks: 2
. "$SOURCE/tests/job.sh"
WATCHDOG_S=3 DRAIN_S=2 small_fcl 400 2 5
for which in 0 1; do
  rm -rf out
  setsid "${mpirun_cmd[@]}" -n 3 "$GM2" -c small.fcl -n 60 -o out/x.h5 >log 2>&1 &
  launcher=$!
  for ((t = 0; t < 1200; t++)); do ls out/*_r*.h5 >/dev/null 2>&1 && break; sleep 0.05; done
  victim=
  for pid in $(pgrep -s $launcher -x gm2) $(pgrep -P $launcher -x gm2); do
    grep -qz "^OMPI_COMM_WORLD_RANK=$which$" /proc/$pid/environ 2>/dev/null && victim=$pid
  done
  [ -n "$victim" ] || { kill -9 -- -$launcher; cat log; fail "rank $which not found"; }
  kill -STOP "$victim"
  for ((t = 0; t < 450; t++)); do kill -0 $launcher 2>/dev/null || break; sleep 0.1; done
  if kill -0 $launcher 2>/dev/null; then kill -9 -- -$launcher; pkill -9 -s $launcher; cat log; fail "rank $which stopped: no end after 45 s"; fi
  wait $launcher
  rc=$?
  pkill -9 -s $launcher 2>/dev/null
  [ $rc = 75 ] || { cat log; fail "rank $which stopped: exit $rc, 75 expected"; }
  grep -q "silent" log || { cat log; fail "no word about the silent rank"; }
  "${mpirun_cmd[@]}" -n 2 "$GM2" -c small.fcl -n 60 -o out/x.h5 >log 2>&1 || { cat log; fail "resume after rank $which"; }
done
exit 0
