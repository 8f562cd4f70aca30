# kill -9 of a random rank (0 too) at random moments, resume until done: nothing lost, nothing doubled, nothing half.
# timeout: 1800
# ranks: 2
. "$SOURCE/tests/job.sh"
WATCHDOG_S=20 small_fcl 60 2 3
kills_wanted=${KILLS:-50}
ranks=3
RANDOM=2718 # the moments; the seed is fixed, the machine's speed is not
"${mpirun_cmd[@]}" -n $ranks "$GM2" -c small.fcl -n 24 -o ref/x.h5 >log 2>&1 || { cat log; fail "undisturbed run"; }

# whole FOLDER: every file under a final name can be read from end to end
whole() {
  /usr/bin/python3 - "$1" <<'PY' || fail "a file under a final name is not whole"
import glob, h5py, sys
for name in glob.glob(sys.argv[1] + "/*.h5"):
    with h5py.File(name, "r") as f:
        f.visititems(lambda _, d: d[()] if isinstance(d, h5py.Dataset) else None)
PY
}

kills=0 hangs=0 campaigns=0 lives=0
while [ $kills -lt "$kills_wanted" ]; do
  rm -rf out
  campaigns=$((campaigns + 1))
  for ((life = 0; ; life++)); do
    [ $life -lt 60 ] || fail "no end after $life lives"
    setsid "${mpirun_cmd[@]}" -n $ranks "$GM2" -c small.fcl -n 24 -o out/x.h5 >log 2>&1 &
    launcher=$!
    lives=$((lives + 1))
    sleep "$(printf '0.%03d' $((RANDOM % 900)))"
    [ $((RANDOM % 2)) = 0 ] && sleep "$(printf '0.%03d' $((RANDOM % 900)))"
    victims=($(pgrep -P $launcher -x gm2))
    [ ${#victims[@]} -gt 0 ] || victims=($(pgrep -s $launcher -x gm2))
    hit=0
    if [ $life -lt 12 ] && [ ${#victims[@]} -gt 0 ]; then
      kill -9 "${victims[$((RANDOM % ${#victims[@]}))]}" 2>/dev/null && { kills=$((kills + 1)); hit=1; }
    fi
    # the launcher itself is known to hang after a rank's death: our own clock
    for ((t = 0; t < 600; t++)); do kill -0 $launcher 2>/dev/null || break; sleep 0.1; done
    if kill -0 $launcher 2>/dev/null; then hangs=$((hangs + 1)); kill -9 -- -$launcher 2>/dev/null; fi
    wait $launcher
    rc=$?
    pkill -9 -s $launcher 2>/dev/null
    [ -d out ] && whole out
    [ $rc = 0 ] && break
    [ $hit = 1 ] || { cat log; fail "exit $rc without a kill"; }
  done
  same_shards ref out
done
echo "kills $kills, lives $lives, campaigns $campaigns, launcher hangs $hangs, seed 2718"
exit 0
