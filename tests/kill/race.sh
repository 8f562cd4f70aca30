# Two jobs race for the same products: both end well, everything is made once, what one lost is said.
# timeout: 180
# ranks: 2
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=-1 small_fcl 60 1 5
"$GM2" -c small.fcl -n 30 -o ref/x.h5 >log 2>&1 || { cat log; fail "undisturbed run"; }
for attempt in 1 2 3; do
  rm -rf race
  "$GM2" -c small.fcl -n 30 -o race/x.h5 >log1 2>&1 &
  first=$!
  "$GM2" -c small.fcl -n 30 -o race/x.h5 >log2 2>&1 &
  second=$!
  wait $first || { cat log1; fail "the first of two"; }
  wait $second || { cat log2; fail "the second of two"; }
  same_shards ref race
  for f in ref/*.mid; do cmp "$f" race/"$(basename "$f")" || fail "raw files differ"; done
done
# what a killed process leaves is tidied up by the next life, what a living one writes is not
mkdir -p tidy
sleep 60 & alive=$!
touch "tidy/x_r000001_s00000.h5.$(hostname | tr ./ __)-$alive.part" "tidy/x_r000001_s00001.h5.$(hostname | tr ./ __)-999999999.part" 2>/dev/null
"$GM2" -c small.fcl -n 2 -o tidy/x.h5 >log 2>&1 || { cat log; fail "beside leavings"; }
kill $alive
[ "$(ls tidy | grep -c '\.part$')" = 1 ] || { ls tidy; fail "the .part of a dead process goes, that of a living one stays"; }
exit 0
