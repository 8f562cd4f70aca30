# A database that goes away: PostgreSQL is stopped as by a crash and started again, several times, while a campaign steps in a loop
# and files are ingested. The loop waits; ingest waits or ends with 75; at the end all is there once. A SQLite file locked by
# another process is waited for too.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
database prod
DB=$URL/prod
"$SOURCE/tests/small_campaign" "$PWD/products" 6 2 2 >c.fcl
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
"$SOURCE/tests/make_products.py" box 150
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>loop.err &
loop=$!
n_again=0
ingest() { # from cron: again and again
  while [ -n "$(ls box)" ]; do
    "$GM2" files ingest "$DB" box --to store >>ingest.out 2>>ingest.err
    rc=$?
    [ $rc = 75 ] && n_again=$((n_again + 1))
    [ $rc = 0 ] || [ $rc = 75 ] || { echo "ingest ends with $rc" >ingest.bad; return; }
    sleep 0.2
  done
}
ingest &
feeder=$!
for i in 1 2 3; do
  sleep 0.7
  "$SOURCE/tests/pgsql-here" stop "$lab/p" || fail "stop"
  [ $i = 2 ] && "$GM2" files list "$DB" "data_tier raw" 2>err && fail "a list without a database"
  [ $i = 2 ] && { "$GM2" files list "$DB" "data_tier raw" 2>err; same $? 75 "no server: exit status"; }
  sleep $((i == 1 ? 3 : 1))
  "$SOURCE/tests/pgsql-here" start "$lab/p" || fail "start again"
done
wait $feeder
[ -e ingest.bad ] && { cat ingest.bad ingest.err; fail "ingest"; }
wait $loop || { tail -20 loop.err; cat loop; fail "the loop ends with $?"; }
grep -q "all is done" loop || { cat loop loop.err; fail "not all is done"; }
grep -q "the database is away, waiting" loop.err && grep -q "the database answers again after" loop.err || { cat loop.err; fail "the loop says nothing of it"; }
same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw and not run_number 24337")" \
  "6 subruns covered, 0 more than once, 0 missing" coverage
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d, -f1)" "6 files" "a file an input"
same "$("$GM2" files count "$DB" "run_number 24337" | cut -d, -f1)" "300 files" "ingested"
"$GM2" files audit "$DB" --checksums >out || { cat out; fail audit; }
same "$(psql -X -q -t -A -d prod -c "select count(*) from file_conflicts")" 0 "conflicts"
find store products -name '*.part*' | grep . && fail "leavings"

# a SQLite file that another process has locked for a while: passes and readers wait, and go on
FILE=$PWD/prod.db
"$GM2" files init "$FILE" && "$GM2" campaign start "$FILE" c.fcl >/dev/null || fail "start on a file"
/usr/bin/python3 - "$FILE" <<'PY' &
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("begin exclusive")
open("locked", "w").close()
time.sleep(20)
db.execute("rollback")
PY
until [ -e locked ]; do sleep 0.1; done
"$GM2" campaign step "$FILE" small --loop 0.3 >loop 2>loop.err || { cat loop loop.err; fail "a locked file"; }
grep -q "all is done" loop && grep -q "another process has locked it; waiting" loop.err || { cat loop loop.err; fail "words of a locked file"; }
wait
exit 0
