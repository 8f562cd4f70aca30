# A merging job killed at any moment leaves nothing under the final name but the whole file, and the next one tidies up.
# timeout: 200
. "$SOURCE/tests/job.sh"
small_fcl 60 2 1
"$GM2" -c small.fcl -n 8 -o a/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
ls a/*.h5 >a.txt
"$GM2" -c merge.fcl -S a.txt -o whole/y.h5 >log 2>&1 || { cat log; fail "merging"; }
killed=0
for ms in 10 30 60 100 150 200 250 300 400 500 700 1000; do
  "$GM2" -c merge.fcl -S a.txt -o m/y.h5 >log 2>&1 &
  sleep "$(printf '0.%03d' "$ms" | sed 's/0\.1000/1/')"
  kill -9 $! 2>/dev/null && killed=$((killed + 1))
  wait $! 2>/dev/null
  if [ -e m/y.h5 ]; then
    h5diff whole/y.h5 m/y.h5 || fail "after $ms ms another file"
    rm -f m/y.h5 m/y.h5.json
  fi
done
[ $killed -gt 3 ] || fail "only $killed jobs were killed: the test shows nothing"
"$GM2" -c merge.fcl -S a.txt -o m/y.h5 >log 2>&1 || { cat log; fail "the last one"; }
h5diff whole/y.h5 m/y.h5 || fail "the last one differs"
[ "$(ls m | wc -l)" = 2 ] || { ls m; fail "leavings"; }
exit 0
