# A campaign whose manager is killed at 40 random moments, and whose jobs are killed too, their supervisors with them: at the end
# every file is done once.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$PWD/prod.db
RANDOM=7
"$SOURCE/tests/small_campaign" "$PWD/out" 12 3 3 >c.fcl
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
for n in $(seq 40); do
  "$GM2" campaign step "$DB" small >>log 2>&1 &
  pid=$!
  sleep 0.$(printf %02d $((RANDOM % 30)))
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  if [ $((n % 5)) = 0 ]; then # a job and its supervisor die, as with their host
    for lock in out/*/*/lock; do
      [ -s "$lock" ] && [ ! -e "${lock%lock}exit" ] && kill -9 -- -"$(cat "$lock")" 2>/dev/null
    done
  fi
done
"$GM2" campaign step "$DB" small --loop 0.3 >>log 2>&1 || { tail -20 log; fail "not all is done"; }
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >out.txt || { cat out.txt; fail coverage; }
grep -q "12 subruns covered, 0 more than once, 0 missing" out.txt || { cat out.txt; fail coverage; }
n=$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d' ' -f1)
[ "$n" = 12 ] || fail "$n products of 12 files"
grep -q "in conflict" log && { grep "in conflict" log; fail "a conflict"; }
exit 0
