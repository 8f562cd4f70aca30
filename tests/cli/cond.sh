# gm2 cond: load, look up, tags, frozen tags, differences, snapshots, four writers at once, bad input; the query of the
# production talk. On SQLite, and on PostgreSQL by tests/server/cond.sh.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" gm2_conditions_dev)
sql() { "$SOURCE/tests/sql" "$DB" "$1"; }
cond() { local verb=$1; shift; "$GM2" cond "$verb" "$DB" "$@"; }
good() { "$@" >log 2>&1 || { cat log; fail "$*"; }; }
# bad STATUS WORDS COMMAND...: this exit status, one message with all the words, nothing on stdout
bad() {
  local code=$1 words=$2 rc
  shift 2
  "$@" >out 2>err
  rc=$?
  [ $rc = "$code" ] || { cat out err; fail "exit $rc, $code expected: $*"; }
  for w in $words; do grep -qF -- "$w" err || { cat err; fail "\"$w\" is not in the message of: $*"; }; done
  [ ! -s out ] || { cat out; fail "something on stdout: $*"; }
}
# oof RUN SUBRUN...: one interval a subrun with 1296 rows, 0.9 + subrun/10000 + calorimeter/100000 + crystal/10000000
oof() {
  local run=$1
  shift
  echo "run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err"
  for s; do
    awk -v r="$run" -v s="$s" 'BEGIN { for (c = 1; c <= 24; c++) for (x = 0; x < 54; x++)
      printf "%d,%d,%d,%d,%.9g,0.001\n", r, s, c, x, 0.9 + s / 1e4 + c / 1e5 + x / 1e7 }'
  done
}

good cond init
good cond init # once more: nothing happens
good cond tables
grep -q '^oof_correction ' log || fail "standard tables"

# 25 intervals; the tenth begins with run 24337, subrun 196
oof 24337 $(seq 187 211) >oof.csv
good cond load oof_correction oof.csv --comment "laser, pass 1"
grep -q '25 intervals, iov_id 1 to 25, 32400 rows' log || { cat log; fail "load"; }
sql 'select calonum, xtalnum, oofcorrection from oof_correction_data, oof_correction_iovs where begin_time = 243370196 and calonum = 1 and iov_id = 10 limit 10' >talk
awk 'BEGIN { for (x = 0; x < 10; x++) printf "1|%d|%.9g\n", x, 0.9 + 0.0196 + 1e-5 + x / 1e7 }' | cmp - talk || { cat talk; fail "the talk's query"; }
good cond load oof_correction oof.csv --comment again
grep -q 'nothing to do' log || fail "a load that is repeated"

# look-up; a subrun after the last interval has its constants; none before the first
good cond get oof_correction --at 24337:196
[ "$(grep -c '^10,24337,196,0,' log)" = 1296 ] || fail "get --at"
good cond get oof_correction --at 24337:196:40
[ "$(grep -c '^10,' log)" = 1296 ] || fail "an event of a table by subrun"
good cond get oof_correction --range 24337:190..24337:199
[ "$(sed 1,2d log | cut -d, -f1 | sort -un | tr '\n' ' ')" = "4 5 6 7 8 9 10 11 12 13 " ] || fail "get --range"
good cond get oof_correction --at 30000
[ "$(grep -c '^25,' log)" = 1296 ] || fail "the last interval is open"
bad 29 "oof_correction 24337:186 head" "$GM2" cond get "$DB" oof_correction --at 24337:186

# a new interval supersedes, the old one stays; the query still finds each row once
good cond tag before --from head --comment "before pass 2"
good cond tag before --freeze --comment "used in production"
oof 24337 196 | sed 's/,0.001$/,0.002/; s/,0\.9/,0.8/' >again.csv
good cond load oof_correction again.csv --comment "pass 2 of one subrun"
good cond get oof_correction --at 24337:196
[ "$(grep -c '^26,' log)" = 1296 ] || fail "superseded"
good cond get oof_correction --at 24337:197
[ "$(grep -c '^11,' log)" = 1296 ] || fail "only until the next begins"
good cond get oof_correction --at 24337:196 --tag before
[ "$(grep -c '^10,' log)" = 1296 ] || fail "the tag still has the old one"
sql 'select calonum, xtalnum, oofcorrection from oof_correction_data, oof_correction_iovs where begin_time = 243370196 and calonum = 1 and iov_id = 10 limit 10' | cmp - talk || fail "the talk's query afterwards"
"$GM2" cond diff "$DB" oof_correction before head >log
[ $? = 1 ] && grep -q '^24337:196 to 24337:197: iov_id 10 and 26, 1296 rows differ, oofcorrection by up to 0.1' log || { cat log; fail "diff"; }
good cond diff oof_correction head head
[ ! -s log ] || fail "diff of the same"

# frozen, never rewritten
bad 23 "frozen before" "$GM2" cond load "$DB" oof_correction again.csv --tag before --comment x
bad 23 "frozen" "$GM2" cond tag "$DB" before --freeze --comment x
bad 23 "exists before" "$GM2" cond tag "$DB" before --comment x
for change in "update oof_correction_data set oofcorrection = 1" "delete from oof_correction_intervals" "delete from cond_freezes" "update cond_log set author = 'x'" "delete from oof_correction_tag_iovs"; do
  sql "$change" >log 2>&1 && fail "accepted: $change"
  grep -q 'never rewritten' log || { cat log; fail "$change"; }
done

# out and in again: the same constants, CSV and JSON
good cond dump oof_correction --tag before -o a.csv
good cond dump oof_correction --tag before --json -o a.json
for form in csv json; do
  good cond tag copy_$form --comment "read back"
  good cond load oof_correction a.$form --tag copy_$form --comment "read back"
  good cond diff oof_correction before copy_$form
  [ ! -s log ] || { head -3 log; fail "$form read back differs"; }
done
/usr/bin/python3 -c 'import json; d = json.load(open("a.json")); assert len(d["intervals"]) == 25 and d["units"]["xtalnum"] == "1"' || fail "JSON"
bad 66 "a.csv" "$GM2" cond dump "$DB" oof_correction -o a.csv

# without a database: a snapshot
good cond snapshot before -o snap.db
good "$GM2" cond dump snap.db oof_correction --tag before -o snap.csv
cmp a.csv snap.csv || fail "snapshot"
bad 23 "snapshot" "$GM2" cond load snap.db oof_correction again.csv --comment x --tag before
bad 66 "snap.db exists" "$GM2" cond snapshot "$DB" before -o snap.db
chmod 444 snap.db
good "$GM2" cond get snap.db oof_correction --at 24337:200 --tag before
good "$GM2" cond log snap.db
grep -q 'laser, pass 1' log || fail "the snapshot's log"
ls | grep -q part && fail "leavings"

# a table of one's own, by event, with units and an end
cat >trolley.json <<'J'
{"name": "quad_voltage", "doc": "ESQ voltage", "subrun_digits": 4, "event_digits": 3,
 "columns": [{"name": "quad", "key": true, "min": 1, "max": 4}, {"name": "voltage", "unit": "kV", "min": 0, "max": 40}]}
J
good cond init --table trolley.json
good cond init --table trolley.json
printf 'quad,voltage [V]\n1,18200\n2,18200\n3,18200\n4,18200.5\n' >quad.csv
good cond load quad_voltage quad.csv --from 7:3:10 --until 7:4 --comment "ends"
good cond get quad_voltage --at 7:3:999
grep -q '^iov_id,run,subrun,event,end_run,end_subrun,end_event,quad,voltage \[kV\]$' log || { cat log; fail "header"; }
grep -q '^1,7,3,10,7,4,0,4,18.2005$' log || { cat log; fail "kV"; }
bad 29 "quad_voltage 7:3:9" "$GM2" cond get "$DB" quad_voltage --at 7:3:9
bad 29 "quad_voltage 7:4:0" "$GM2" cond get "$DB" quad_voltage --at 7:4
"$GM2" cond get "$DB" quad_voltage --range 7:3:10..7:9 >out 2>log || fail "range with a hole"
grep -q 'no constants from 7:4:0 on' log || { cat log; fail "a hole is said"; }
good cond log
grep -q ' load quad_voltage tag head 1 intervals, 4 rows: ends' log || { cat log; fail "log"; }

# what is refused, and with which words; nothing of it gets in
cp log before.log
oof 24400 1 | sed 5d >missing.csv
bad 16 "calonum xtalnum 3 missing --partial" "$GM2" cond load "$DB" oof_correction missing.csv --comment x
oof 24400 1 | sed 's/^24400,1,1,3,/24400,1,1,2,/' >twice.csv
bad 16 "xtalnum 2 twice" "$GM2" cond load "$DB" oof_correction twice.csv --comment x
oof 24400 1 | sed 's/^24400,1,24,53,/24400,1,25,53,/' >channel.csv
bad 16 "calonum 25 24 line 1297" "$GM2" cond load "$DB" oof_correction channel.csv --comment x
oof 24400 1 | sed 's/,0.001$/,nan/' >nan.csv
bad 16 "oofcorrection_err line 2" "$GM2" cond load "$DB" oof_correction nan.csv --comment x
printf 'quad,voltage [A]\n1,2\n' >unit.csv
bad 16 "voltage kV" "$GM2" cond load "$DB" quad_voltage unit.csv --from 9 --comment x
printf 'run,end_run,quad,voltage [V]\n%s\n' "$(for r in 8 9; do for q in 1 2 3 4; do echo $r,10,$q,1; done; done)" >overlap.csv
bad 16 "overlaps 9:0" "$GM2" cond load "$DB" quad_voltage overlap.csv --comment x
(oof 24400 2; oof 24400 1 | sed 1d) >order.csv
bad 16 "24400:1 order" "$GM2" cond load "$DB" oof_correction order.csv --comment x
oof 24400 10000 >subrun.csv
bad 16 "10000 9999" "$GM2" cond load "$DB" oof_correction subrun.csv --comment x
printf '{"intervals": [{"begin": [5], "columns": {"quad": [1,2,3,4], "voltage": [1,1,1]}}], "units": {"voltage": "V"}}' >short.json
bad 16 "short.json voltage" "$GM2" cond load "$DB" quad_voltage short.json --comment x
printf '{"intervals": [\n' >cut.json
bad 16 "cut.json JSON" "$GM2" cond load "$DB" quad_voltage cut.json --comment x
bad 88 "--comment" "$GM2" cond load "$DB" oof_correction oof.csv
bad 88 "--from run" "$GM2" cond load "$DB" quad_voltage quad.csv --comment x
bad 29 "oof_corection oof_correction" "$GM2" cond load "$DB" oof_corection oof.csv --comment x
bad 29 "nobody" "$GM2" cond load "$DB" oof_correction oof.csv --tag nobody --comment x
bad 20 "nowhere.csv" "$GM2" cond load "$DB" oof_correction nowhere.csv --comment x
bad 88 "1:2:3:4" "$GM2" cond get "$DB" oof_correction --at 1:2:3:4
bad 88 "dumb dump" "$GM2" cond dumb "$DB"
bad 88 "--tagg --tag" "$GM2" cond get "$DB" oof_correction --tagg x --at 1
bad 88 "--partial load" "$GM2" cond get "$DB" oof_correction --partial --at 1
bad 88 "bad'tag" "$GM2" cond tag "$DB" "bad'tag" --comment x
bad 88 "PGPASSFILE" "$GM2" cond log postgresql://me:geheim@127.0.0.1/x
grep -q geheim err && fail "a password is repeated"
bad 20 "nowhere/x.db" "$GM2" cond log nowhere/x.db
sqlite3 other.db 'create table x (y)'
bad 29 "other.db init" "$GM2" cond log other.db
head -c 9999 /dev/urandom >noise.db
bad 16 "noise.db" "$GM2" cond log noise.db
sed 's/"min": 1, "max": 4/"min": 1, "max": 5/' trolley.json >changed.json
bad 23 "quad_voltage otherwise" "$GM2" cond init "$DB" --table changed.json
good cond log
cmp log before.log || fail "something of the bad input got in"

# four at once lose nothing and do not interleave: ids of a load follow one another
for w in 1 2 3 4; do
  (for i in 1 2 3; do oof $((25000 + w)) $((2 * i)) $((2 * i + 1)) >w$w.csv
    "$GM2" cond load "$DB" oof_correction w$w.csv --comment "writer $w" >>w$w.log 2>&1 || echo bad >>w$w.log; done) &
done
wait
cat w?.log | grep -v '2 intervals, iov_id .* 2592 rows' && fail "a writer failed"
good cond dump oof_correction --intervals
[ "$(grep -c '^[0-9]* 2500[1-4]:[2-7] ' log)" = 24 ] || { cat log; fail "intervals of four writers"; }
n=$(sql 'select count(*) from (select load_id from oof_correction_intervals group by load_id having max(id) - min(id) + 1 <> count(*)) x')
[ "$n" = 0 ] || fail "loads interleave"
n=$(sql 'select count(*) from (select iov_id from oof_correction_data group by iov_id having count(*) <> 1296) x')
[ "$n" = 0 ] || fail "intervals with too few or too many rows"
for w in 1 2 3 4; do
  good cond get oof_correction --at $((25000 + w)):7
  grep -q "^[0-9]*,2500$w,7,0,24,53,$(awk 'BEGIN { printf "%.9g", 0.9 + 7e-4 + 24e-5 + 53e-7 }'),0.001" log || fail "values of writer $w"
done
exit 0
