# Roles on a PostgreSQL of our own: an owner, a manager, a shifter, an analyser and a stranger try every verb, and plain SQL on
# every table. The refusals are the server's. The log says who did what, by the name that the server knows.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
database prod
HOST=${URL#*@}
for who in olga mia sam ann eve newbie; do # each logs in as himself, the passwords lie in the file of passwords
  word=$(head -c 12 /dev/urandom | base64 | tr -d '/+=')
  psql -X -q -d postgres -c "create role $who login password '$word'" || fail "create role $who"
  echo "${HOST%:*}:${HOST#*:}:*:$who:$word" >>"$PGPASSFILE"
done
psql -X -q -d prod -c "grant create on schema public to olga" || fail "grant"
db() { echo "postgresql://$1@$HOST/prod"; }
as() { # WHO COMMAND...: DB stands for the database
  local who=$1 args=() a
  shift
  for a in "$@"; do [ "$a" = DB ] && args+=("$(db "$who")") || args+=("$a"); done
  "$GM2" "${args[@]}"
}
sql() { psql -X -q -t -A -v ON_ERROR_STOP=1 -U "$1" -d prod -c "$2"; }

# the owner may not make groups: the catalogue is there, and it is said what is missing; with the right it is set up
as olga files init DB 2>err || { cat err; fail "init by an owner without the right to make groups"; }
grep -q "no roles were set up (gm2 files roles DB setup).*alter role olga createrole" err || { cat err; fail "words of init"; }
as eve files list DB "data_tier raw" 2>err; same $? 77 "a stranger before there are roles"
psql -X -q -d prod -c "alter role olga createrole" || fail "createrole"
as olga files roles DB setup || fail setup
as olga files roles DB setup || fail "setup again"
as olga files init DB 2>err || fail "init again"
[ -s err ] && { cat err; fail "init again is not silent"; }
as olga files roles DB grant mia manager && as mia files roles DB grant sam shifter && as mia files roles DB grant ann analyser || fail grant
same "$(as ann files roles DB | tr '\t\n' '  ')" "ann analyser mia manager sam shifter " "list of roles"
as mia files roles DB grant nobody shifter 2>err; same $? 29 "no such user"
grep -q 'the server knows no user "nobody".*create role nobody login' err || { cat err; fail "words of no such user"; }
as mia files roles DB grant ann boss 2>err; same $? 88 "no such role"
as mia files roles DB grant 'x" superuser; --' shifter 2>err; same $? 16 "a hostile name"

# something to work on
"$SOURCE/tests/make_products.py" box 4
"$SOURCE/tests/make_products.py" box2 2 2000
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/products" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 2
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1"]
  }
}
FCL
n=10 # stages that each may try to launch and to approve
{
  echo "campaign: { name: gated output: \"$PWD/gated\" } stages: {"
  echo "base: { config: \"mdc1.fcl\" fills: 1 set: [\"source.fills_per_subrun=1\", \"source.run=10\", \"physics.producers.gun.muons_per_fill=20\"] }"
  for who in eve ann sam mia olga; do
    n=$((n + 1))
    echo "ok_$who: { stage_type: approval needs: [base] }"
    echo "sim_$who: { config: \"mdc1.fcl\" fills: 2 at: \"2099-01-01\""
    echo "  set: [\"source.fills_per_subrun=2\", \"source.run=$n\", \"physics.producers.gun.muons_per_fill=20\", \"outputs.raw.max_subruns=-1\"] }"
  done
  echo "}"
} >gated.fcl

# verbs: who may, in the order olga mia sam ann eve (n: refused with 77); what is refused changes nothing, and the refusal says which
# role is wanted and who can give it. WHO stands for the name of the one who tries.
state() { sql olga "select (select count(*) from files), (select count(*) from file_locations), (select count(*) from files where retired_s is not null), (select count(*) from definitions), (select count(*) from snapshots), (select count(*) from campaigns), (select string_agg(is_held::text, ',' order by id) from campaigns), (select count(*) from submissions), (select count(*) from catalogue_log)"; }
verb() { # WANTED COMMAND...
  local wanted=$1 got="" before after rc
  shift
  for who in eve ann sam mia olga; do
    before=$(state)
    as $who "${@//WHO/$who}" >out 2>err
    rc=$?
    if [ $rc = 77 ]; then
      got=n$got
      after=$(state)
      same "$after" "$before" "$who, refused: $*: something changed"
      [ "$(grep -vc '^$' err)" = 1 ] || { cat err; fail "$who: $*: not one line"; }
      grep -qiE "select |insert |update |SQLSTATE" err && { cat err; fail "$who: $*: raw SQL"; }
      grep -q "$who" err && grep -qE "manager|shifter|analyser|owner" err && grep -q "ask \(mia\|olga\)" err || { cat err; fail "$who: $*: who, and what is wanted?"; }
    else
      got=y$got
      [ $rc -le 1 ] || { cat out err; fail "$who: $*: ends with $rc"; }
    fi
  done
  same "$got" "$wanted" "olga mia sam ann eve: $*"
  if [ "$2" = roles ]; then echo "roles $4 $wanted"; else echo "$1 $2 $wanted"; fi >>tried
}
verb yyynn files ingest DB box --to store
verb yynnn files rebuild DB store
verb yynnn files declare DB box2/gm2_run24337_00000.mid
verb yyyyn files list DB "data_tier raw"
verb yyyyn files count DB "data_tier raw"
verb yyyyn files explain DB "data_tier raw"
verb yyyyn files get DB a_full_00001.h5
verb yyyyn files lineage DB a_full_00001.h5
verb yyyyn files coverage DB "data_tier reco" --wanted "data_tier raw"
verb yyyyn files audit DB --store store
"$GM2" cond init cond.db || fail "cond init"
verb yyyyn files stale DB "data_tier reco" --conditions cond.db
verb yyyyn files definitions DB
verb yyyyn files log DB
verb yyyyn files roles DB list
verb yyyyn files snapshot DB "data_tier raw"
verb yynnn files locate DB a_full_00001.h5 root://door.example/x
verb yynnn files locate DB a_full_00001.h5 root://door.example/x --remove
verb yyyyn files define DB WHO.mine "data_tier raw"
as ann files define DB ann.raw "data_tier raw" || fail "an analyser's own definition"
as ann files define DB mia.raw "data_tier raw" 2>err; same $? 77 "an analyser in another's name"
grep -q "ann may only make definitions of his own, named ann.NAME" err || { cat err; fail "words of a foreign definition"; }
same "$(as eve files list DB "defname: ann.raw" 2>&1 >/dev/null | grep -c 'gm2 files roles DB grant eve')" 1 "what a stranger is told"
verb yyyyn files diff DB 1
verb yynnn files retire DB gm2_run24337_00003.mid --reason "beam was off"
verb yynnn files roles DB grant newbie analyser
verb yynnn files roles DB revoke newbie analyser
verb ynnnn files roles DB setup
verb yyyyn campaign plan DB c.fcl
verb yynnn campaign start DB c.fcl
verb yyyyn campaign status DB small
verb yyynn campaign hold DB small
verb yyynn campaign release DB small
verb yyynn campaign step DB small
verb yyyyn campaign report DB small -o pages
verb yyynn campaign retry DB small
verb yyynn campaign kill DB small
verb yyyyn campaign status DB small --submissions

verb yyyyn campaign show DB small generate
verb yyyyn campaign cron DB
verb yyyyn files roles DB verbs
as mia campaign start DB gated.fcl >/dev/null || fail "start with gates"
for i in $(seq 100); do # until the approvals are due
  as mia campaign step DB gated >pass 2>&1 || { cat pass; fail "a pass"; }
  grep -q "ok_olga: awaits approval" pass && break
  sleep 0.3
done
verb yyynn campaign launch DB gated sim_WHO
verb yyynn campaign approve DB gated ok_WHO --comment "looks good"
sed 's/small/whole/' c.fcl >e.fcl
verb yynnn campaign run e.fcl --db DB -o whole --loop 0.5

# every verb that opens a catalogue has been tried (one that roles.c does not know is refused to all), and is let or refused as
# `roles verbs` says
as ann files roles DB verbs | while IFS=$'\t' read -r noun v role; do
  case $role in analyser) may=yyyyn ;; shifter) may=yyynn ;; manager) may=yynnn ;; owner) may=ynnnn ;; esac
  [ "$noun $v" = "files roles" ] || grep -qx "$noun $v $may" tried || echo "$noun $v, $role: $(grep "^$noun $v " tried || echo not tried)"
done >untried
[ -s untried ] && { cat untried; fail "verbs that are not tried here, or not as roles.c says"; }
for noun in files campaign; do
  "$GM2" $noun --help | sed -n "s/^gm2 $noun \([a-z|]*\).*/\1/p" | tr '|' '\n' | grep -vxE "init|convert|run|roles" | while read -r v; do
    grep -q "^$noun $v " tried || echo "$noun $v"
  done
done >untried
[ -s untried ] && { cat untried; fail "verbs that are not tried here"; }
as ann campaign hold DB small 2>err
same "$(sed 's/^[^:]*: //' err)" "hold may not: ann has the role analyser, campaign hold wants the role shifter: ask mia (gm2 files roles DB grant ann shifter)" "words of a refusal"
as mia files roles DB setup 2>err
same "$(sed 's/^[^:]*: //' err)" "setup may not: mia has the role manager, files roles setup wants the catalogue's owner: ask olga" "words of the owner's"

# plain SQL: what each may on each table beyond reading (i insert, u update, d delete, t truncate), for every table there is
changes() { sql olga "select string_agg(x, ' ' order by x) from (select relname || ':' || concat(
  case when has_table_privilege('$1', oid, 'insert') then 'i' end, case when has_any_column_privilege('$1', oid, 'update') then 'u' end,
  case when has_table_privilege('$1', oid, 'delete') then 'd' end, case when has_table_privilege('$1', oid, 'truncate') then 't' end) as x
  from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace) q where x not like '%:'"; }
same "$(changes eve)" "" "a stranger"
same "$(changes ann)" "catalogue_log:i definition_lock:u definitions:i snapshot_files:i snapshots:iu" "an analyser"
same "$(changes sam | tr ' ' '\n' | grep -v :i$ | tr '\n' ' ')" \
  "campaigns:u catalogue_lock:u definition_lock:u files:iu snapshots:iu stage_counts:iu stage_files:iu stage_holds:id stage_places:id submission_versions:iu submissions:iu " "a shifter changes"
same "$(changes mia | tr ' ' '\n' | grep :iud$ | tr '\n' ' ')" "definitions:iud " "tables that roles.c says nothing of: only managers change them"
sql olga "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and has_table_privilege('mia', oid, 'truncate')" | grep . && fail "a manager truncates"
for who in ann sam mia; do
  for statement in "update catalogue_log set what = 'x'" "delete from catalogue_log" "truncate catalogue_log" "drop table catalogue_log" \
    "delete from files" "update files set checksum = 'x' where false; delete from files" "delete from submissions" "drop table files" \
    "update catalogue_layout set version = 9" "delete from submission_history" "alter table files disable trigger all" \
    "create table public.x (i int)" "update snapshots set query = 'x'" "update snapshots set n_files = 9" "delete from snapshot_files" \
    "insert into snapshot_files values (1, 4711)" "insert into snapshots values (9223372036854775807, '', 0, 0, '')" \
    "drop trigger gm2_log_row on catalogue_log" "alter table catalogue_log owner to $who" "set role olga" "set session authorization olga" \
    "create or replace function gm2_rank() returns bigint language sql as 'select 4::bigint'"; do
    sql $who "$statement" >out 2>&1 && fail "$who: $statement"
  done
done
for statement in "insert into files (id) values (1)" "update files set retired_s = null" "insert into submissions (id) values (1)" \
  "update campaigns set is_held = 1" "update stage_files set is_parked = 0" "insert into definitions values ('mia.x', '', 0, '')" \
  "lock table catalogue_lock in share row exclusive mode" "insert into file_locations values (1, 'file:/x', 0)" \
  "insert into campaigns values (9, 'x', '/x', 0, 0, '')" "update definitions set query = 'x'"; do
  sql ann "begin; $statement; commit" >out 2>&1 && fail "ann: $statement"
done
for statement in "update files set retired_s = 1" "update files set checksum = 'x'" "delete from file_locations" "update campaigns set path = '/tmp/mine.fcl'" "update stages set name = 'x'" \
  "insert into campaigns values (9, 'x', '/x', 0, 0, '')" "insert into campaign_texts values (1, 9, '', 0, '')" "grant gm2_manager to sam" \
  "insert into catalogue_log values (1, 0, 'mia', 'mia', 'declare', 'x')"; do
  sql sam "$statement" >out 2>&1 && fail "sam: $statement"
done
# a forged row of the log: the server puts in its own name, number and time
sql ann "insert into catalogue_log values (1, 0, 'mia', 'mia', 'define', 'forged')" || fail "a row of the log"
same "$(sql olga "select db_user || ' ' || create_user || ' ' || (create_s > 1000000000) || ' ' || (id > 1) from catalogue_log where what = 'forged'")" \
  "ann mia true true" "a forged row"

# the log: each change by the one who made it, whatever --user says
as sam campaign hold DB small --user mia || fail hold
same "$(as ann files log DB --what "hold campaign" | tail -1 | cut -f2-)" "$(printf 'sam\tmia\thold campaign\tsmall')" "who held it"
same "$(as ann files log DB --what retire | cut -f2 | sort -u | tr '\n' ' ')" "mia olga " "who retired"
same "$(as ann files log DB --by ann | cut -f4 | sort -u | tr '\n' ' ')" "define snapshot " "what an analyser did"
same "$(as ann files log DB --since 2099-01-01)" "" "nothing from the future"
for action in init "set up roles" "grant role" "revoke role" ingest declare snapshot define "add location" "remove location" retire \
  "describe campaign" "start campaign" "hold campaign" "release campaign" submit "kill campaign" "try parked files again"; do
  as ann files log DB | cut -f4 | grep -qx "$action" || fail "the log does not tell of: $action"
done
# a role taken away is gone at once
as mia files roles DB revoke sam shifter || fail revoke
as sam files list DB "data_tier raw" 2>err; same $? 77 "after the role was taken"
for i in $(seq 100); do # let the jobs of the campaign end before the server goes
  as olga campaign step DB small >out 2>&1
  as olga campaign status DB small --submissions | grep -qE " (New|Idle|Running) " || break
  sleep 0.3
done
exit 0
