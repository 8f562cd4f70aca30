# A campaign from the command line: what keeps a stage waiting. Rolling simulation, canary, approval, holds with reason and end,
# schedules, test launches; what would be typed (show, cron).
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
campaign() { "$GM2" campaign "$1" "$DB" small "${@:2}"; }
write() { # FURTHER KEYS OF: generate, reco
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
keywords: { note: "a b" }
logins: { here: { host: "farm01" account: "prod" setup: ["export GM2_TEST_NOTE='%(note)s of %(campaign)s'", "export GM2_TEST_TWO=2"] } }
job_types: {
  sim:  { config: "mdc1.fcl" set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20",
          "outputs.raw.max_subruns=-1", "services.scheduler.units_per_shard=1"] }
  reco: { config: "reco.fcl" }
}
defaults: { login: here }
stages: {
  generate: { job_type: sim stage_type: generator fills: 4 launches: 3 $1 }
  reco: { job_type: reco needs: [generate] dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)" canary: 1 $2 }
  checked: { stage_type: approval needs: [reco] }
  again: { job_type: reco set: ["process_name=again"] needs: [checked] dataset: "%(stage.generate)s and data_tier raw"
    split: "nfiles(6)" }
}
FCL
}
"$GM2" files init "$DB" || fail "files init"

# rolling: one launch each hour; the next is not due
write 'every: "1h"' ""
"$GM2" campaign show "$DB" c.fcl generate >shown || fail show
has shown " -n 4 .*--set source.fills_per_subrun=2" "the command"
has shown "setup.sh" "the login"
"$GM2" campaign plan "$DB" c.fcl >shown || fail "plan of launches"
grep -q "^generate  *3  *12 fills" shown || { cat shown; fail "plan of launches"; }
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
for i in 1 2 3; do campaign step >pass 2>err || { cat err; fail "pass $i"; }; sleep 1; done
has pass "generate: not before" "why nothing starts"
campaign status >out.status && has out.status "^generate: not before" "why nothing starts, in status"
same "$(campaign status --submissions | grep -c launch)" 1 "launches in an hour"
# the clock is set back: one starts, then one an hour again
"$SOURCE/tests/sql" "$DB" "update submissions set create_s = create_s + 86400" || fail sql
for i in 1 2 3; do campaign step >pass 2>err || { cat err; fail "pass $i"; }; sleep 1; done
same "$(campaign status --submissions | grep -c launch)" 2 "launches when the clock was set back"
# by hand, before its time
campaign launch generate >out.launch || fail launch
has out.launch started "launched by hand"
write "" 'memory_mb: 1'
campaign step --loop 0.3 >pass 2>err && fail "the canary takes more than 1 MB, yet all is done"
has pass "reco: canary .* MB, the limit is 1 MB" "a canary that is too large"
has pass "^next: mend what the canary found, .*retry $DB small reco" "what to type"
campaign status >out.status && has out.status "^! reco: canary .* MB, the limit is 1 MB" "the same in status"
same "$("$GM2" files count "$DB" "data_tier raw" | cut -d, -f1)" "6 files" "three launches of two subruns"
same "$("$GM2" files coverage "$DB" "data_tier raw")" "6 subruns covered, 0 more than once" "each subrun once"
same "$("$GM2" files count "$DB" "gm2.process_name reco" | cut -d, -f1)" "1 files" "the canary alone ran"
grep -q "GM2_TEST_NOTE='a b of small'" out/reco_*/*_canary/setup.sh || fail "the login's lines"

# the limit raised: the rest goes, asking for what was measured; holds with reason and end; then approval
write "" 'memory_mb: 1900'
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start again"
campaign hold reco 2>err && fail "a hold without a reason"
has err "--why" "the reason is wanted"
campaign hold rceo --why x 2>err && fail "a hold of no stage"
has err "did you mean reco" "its words"
campaign hold reco --why "pool is full" --until 2020-01-01 2>err && fail "a hold until the past"
campaign hold reco --why "pool is full" --until 6h --user ann || fail hold
campaign step >pass 2>err || fail "a pass with a hold"
has pass "reco: held by ann until .* UTC: pool is full" "who holds it and why"
campaign status >out.status || fail status
has out.status "^reco .* held" "the state"
has out.status "^reco: held by ann until .* UTC: pool is full" "the status says who holds it and why"
has out.status "gm2 campaign release $DB small reco$" "what lets it go"
campaign launch reco 2>err && fail "a launch of what is held"
campaign release reco || fail release
sed 's/executor//' c.fcl >/dev/null
sed 's/job_type: reco needs: \[generate\]/executor: slurm &/' c.fcl >slurm.fcl
campaign step --loop 0.3 >pass 2>err
has pass "checked: awaits approval" "an approval is asked for"
has pass "^next: gm2 campaign approve .* checked" "and what to type is said"
same "$("$GM2" files count "$DB" "gm2.process_name again" | cut -d, -f1)" "0 files" "nothing before the approval"
campaign approve reco 2>err && fail "an approval of no approval"
has err "is no approval" "its words"
campaign approve checked --comment "plots look good" --user ann || fail approve
campaign approve checked 2>err && fail "approved twice"
has err "approved by ann: plots look good" "who approved"
campaign step --loop 0.3 >pass 2>err || { cat pass err; fail "not all is done"; }
has pass "all is done" "the end"
for name in reco again; do
  same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name $name" --wanted "data_tier raw")" \
    "6 subruns covered, 0 more than once, 0 missing" "$name"
done

# what would be typed
campaign show again >shown || fail "show of what is done"
has shown "nothing to do" "nothing is left"
campaign show again --test >shown || fail "show --test"
campaign show checked 2>err && fail "show of an approval"
campaign cron >cron || fail cron
has cron "^# small: on farm01 as prod" "the host"
has cron "^\*/5 \* \* \* \* .*flock -n .*campaign step '$DB' 'small' >>'$PWD/out/small.log'" "the line"
"$GM2" campaign cron "$DB" >cron2 && cmp cron cron2 || fail "all campaigns are this one"
line=$(grep -v '^#' cron); env -u FHICL_FILE_PATH bash -c "${line#\*/5 \* \* \* \* }" || fail "the line does not run"
[ -s out/small.log ] || fail "the line's log"

# a test launch has settings of its own and holds nothing of the stage
write "" 'memory_mb: 1900 test: { set: ["process_name=trial"] split: "nfiles(3)" }'
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start with a test"
campaign show reco --test >shown || fail "show --test"
has shown "3 files" "the test's split"
campaign launch reco --test >out.launch || fail "launch --test"
for i in $(seq 400); do
  campaign step >pass 2>err || fail "pass with a test"
  [ "$("$GM2" files count "$DB" "gm2.process_name trial" | cut -d, -f1)" = "3 files" ] && break
  sleep 0.3
done
same "$("$GM2" files count "$DB" "gm2.process_name trial" | cut -d, -f1)" "3 files" "the test ran"
has pass "^reco .*complete" "the stage is as it was"
# killing one submission and one stage
campaign kill 000099_x 2>err && fail "a submission that is not there"
campaign kill again >out.kill || fail "kill of a stage"
has out.kill "0 submissions were asked to stop; the stage is held" "its words"
campaign step >pass 2>err; has pass "again: held by .*: killed" "held"

# bad words
for bad in 'every: "6x"|no interval' 'at: "tomorrow"|no time' 'at: "2026-02-30"|no time' 'completion_pct: 0|completion_pct' \
  'completion_pct: 101|completion_pct' 'completion_pct: nan|completion_pct' 'completion_type: "most"|completion_type' \
  'canary: -1|canary' 'launches: 2|give fills' 'stage_type: "generator"|needs fills' 'stage_type: "approval"|neither dataset' \
  'max_in_flight: -1|max_in_flight'; do
  write "" "${bad%|*}"
  "$GM2" campaign plan "$DB" c.fcl >out.bad 2>&1; rc=$?
  [ $rc = 91 ] || { cat out.bad; fail "${bad%|*} ends with $rc"; }
  has out.bad "${bad#*|}" "words of ${bad%|*}"
done
sed 's|output: "|&/tmp/it'"'"'s|' c.fcl >quote.fcl; "$GM2" campaign plan "$DB" quote.fcl 2>err; same $? 91 "a quote in the name of a folder"
has err "a single quote" "its words"
mkdir 'a;b' && cp c.fcl 'a;b'; "$GM2" campaign plan "$DB" 'a;b/c.fcl' 2>err; same $? 91 "a semicolon in the path"
has err "several files" "its words"
exit 0
