# Campaigns by HTCondor: submit files and DAGs are read by a strict parser of its own (tests/condor-here), which runs them as
# processes; answers are lost, commands refused, the manager is killed; at the end every file is done once.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl CONDOR_HERE=$PWD/condor
"$SOURCE/tests/condor-here" condor || fail "condor-here"
export PATH=$CONDOR_HERE/bin:$PATH
DB=$PWD/prod.db

# the parser refuses what HTCondor would not take as meant
bad() { printf '%b' "$2" >"$1"; "$SOURCE/tests/condor-here" check "$1" 2>/dev/null && { cat "$1"; fail "taken: $3"; }; }
ok() { printf '%b' "$2" >"$1"; "$SOURCE/tests/condor-here" check "$1" || { cat "$1"; fail "refused: $3"; }; }
head="universe = vanilla\nexecutable = /bin/true\ninitialdir = $PWD\n"
ok a.sub "${head}arguments = \"a 'b c' d''e \"\"f\"\"\"\nqueue 1\n" "quotes"
bad a.sub "${head}arguments = a 'b c'\nqueue\n" "the old syntax"
bad a.sub "${head}arguments = \"a 'b\"\nqueue\n" "an open quote"
bad a.sub "${head}arguments = \"a \" b\"\nqueue\n" "a lone double quote"
bad a.sub "${head}argumnts = \"a\"\nqueue\n" "an unknown command"
bad a.sub "${head}queue\nlog = x\n" "behind queue"
bad a.sub "${head}arguments = \"\$(Process)\"\nqueue\n" "a macro"
ok a.sub "${head}queue\n" "a small file"
bad a.dag "JOB a $PWD/a.sub\nJOB b $PWD/a.sub\nPARENT a CHILD b\nPARENT b CHILD a\n" "a circle"
bad a.dag "JOB PARENT $PWD/a.sub\n" "a reserved name"
bad a.dag "JOB a.b $PWD/a.sub\n" "a dot in a name"
bad a.dag "JOB a $PWD/a.sub\nRETRY b 3\n" "an unknown node"
bad a.dag "JOB a $PWD/a.sub\nMAXJOBS units 3\n" "a limit of nothing"
ok a.dag "JOB a $PWD/a.sub\nJOB b $PWD/a.sub\nPARENT a CHILD b\nRETRY b 3\nCATEGORY a x\nMAXJOBS x 1\n" "a small DAG"

write() { # NAME ARRAY SETUP MORE
  cat >$1.fcl <<FCL
campaign: { name: $1 output: "$PWD/$1" $4 }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 6
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1", "source.run=$2"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(1)"
    max_submissions: 6 max_attempts: 50 executor: condor array: $2 array_running: 2 setup: [$3]
    condor: ["request_memory = 1990MB", "request_disk = 20GB", "+JOB_EXPECTED_MAX_LIFETIME = 28800"]
  }
}
FCL
}
query() { sqlite3 "$DB" "$1"; }
"$GM2" files init "$DB" || fail init
write bad 1 "" ""
for line in 'queue 5' 'executable = x' 'a = b\nqueue 5' 'request_memory' '= 5'; do
  sed "s/request_disk = 20GB/$line/" bad.fcl >b.fcl
  "$GM2" campaign plan "$DB" b.fcl 2>err; same $? 91 "a bad line: $line"
done

whole() { # NAME MIN_ATTEMPTS
  "$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >cover || { cat cover; fail "coverage of $1"; }
  grep -q "0 more than once, 0 missing" cover || { cat cover; fail "coverage of $1"; }
  for f in $1/*/*/job.sub; do "$SOURCE/tests/condor-here" check "$f" || fail "the parser does not take $f"; done
  for f in $1/*/*/jobsub.sh; do bash -n "$f" && grep -q -- "--memory=1990MB --disk=20GB --expected-lifetime=28800s" "$f" || fail "$f"; done
  same "$(query "select count(*) from submissions where state = 8000 and name not like '%simulation%' and (exit_code <> 0 or
    cpu_s is null or wall_s is null or max_rss_kb is null or batch_state <> 'COMPLETED')")" 0 "what was used is known"
}

# one by one: a lost answer, a refusal, no answer of the queue
write single 1 '"export GM2_TEST_SETUP=1", "sleep 3", "# it'"'"'s said"' "" # long enough for one to be killed
"$GM2" campaign start "$DB" single.fcl >/dev/null || fail start
for _ in $(seq 200); do
  printf 'ok\nok\nlost\nok\nok\nok\nrefuse\n' >condor/plan
  "$GM2" campaign step "$DB" single >log 2>&1 || { cat log; fail "a pass whose answer is lost"; }
  grep -q "^generate .*complete" log && break
  sleep 0.2
done
grep -q "not accepted now" log || { cat log; fail "nobody says that there is no answer"; }
"$GM2" campaign step "$DB" single >log 2>&1 || { cat log; fail "a pass that is refused"; }
same "$(query "select count(*) from submissions where batch_reason like '%schedd%'")" 1 "the words of a refusal are kept"
printf 'refuse\nrefuse\nrefuse\nrefuse\nrefuse\nrefuse\nrefuse\n' >condor/plan
query "select name, state from submissions order by id" >before
"$GM2" campaign step "$DB" single >log 2>&1 || { cat log; fail "a pass without answers"; }
rm -f condor/plan
condor_rm -constraint 'Gm2Name == "nothing"' || fail condor_rm
for _ in $(seq 600); do # a worker dies, with all that it had
  "$GM2" campaign step "$DB" single >>log 2>&1
  pid=$(/usr/bin/python3 -c 'import json; print(next((j["pid"] for j in json.load(open("condor/jobs.json")).values() if j["pid"]), ""))')
  [ -n "$pid" ] && kill -9 -- -"$pid" 2>/dev/null && break
done
[ -n "$pid" ] || fail "no worker was killed"
"$GM2" campaign step "$DB" single --loop 0.5 >loop 2>err || { cat loop err; fail "single: not all is done"; }
whole single
grep -q GM2_TEST_SETUP single/*/*/setup.sh && grep -q -- "--setup setup.sh" single/*/*/job.sub || fail "setup"

# DAGs: the answer of condor_submit_dag is lost, the manager is killed
write many 4 "" "send_config: true"
"$GM2" campaign start "$DB" many.fcl >/dev/null || fail start
for _ in $(seq 200); do
  printf 'ok\nok\nok\nok\nok\nok\nok\nlost\n' >condor/plan
  "$GM2" campaign step "$DB" many >log 2>&1
  grep -q "^generate .*complete" log && break
  sleep 0.2
done
ls many/*/*/array.dag >/dev/null 2>&1 || { cat log; fail "there is no DAG"; }
for f in many/*/*/array.dag; do "$SOURCE/tests/condor-here" check "$f" || fail "the parser does not take $f"; done
for n in 1 2 3 4; do
  "$GM2" campaign step "$DB" many >>log 2>&1 &
  sleep 0.3; kill -9 $! 2>/dev/null; wait $! 2>/dev/null
done
"$GM2" campaign step "$DB" many --loop 0.5 >loop 2>err || { cat loop err; fail "many: not all is done"; }
whole many
grep -q "^transfer_input_files = fcl/reco.fcl,grid.list" many/*/*/job.sub && grep -q -- "-- .* -c reco.fcl " many/*/*/job.sub || fail "the configuration travels"
/usr/bin/python3 - <<'PY' || fail "a job was submitted twice"
import collections, json
names = collections.Counter(j["Gm2Name"] for j in json.load(open("condor/jobs.json")).values())
assert len(names) >= 14 and max(names.values()) == 1, names
PY
same "$(query "select count(*) from (select file_id from submission_files group by file_id having count(*) > 3)")" 0 "attempts"
exit 0
