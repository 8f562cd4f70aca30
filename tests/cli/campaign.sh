# A campaign from the command line: simulate, then reconstruct what was simulated; passes at the same time and after a kill; a
# job that fails; nothing twice, nothing lost.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
write() { # CONFIG OF RECO
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 8
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "$1" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)" max_submissions: 2
    max_attempts: 2
  }
}
FCL
}
write reco.fcl
"$GM2" campaign init >example.fcl && "$GM2" campaign init named.fcl && cmp example.fcl named.fcl || fail init
echo mine >mine.fcl
"$GM2" campaign init mine.fcl 2>words && fail "init over a file"
grep -q "mine.fcl exists already" words && [ "$(cat mine.fcl)" = mine ] || { cat words; fail "a file that is there"; }
grep -q "max_attempts" example.fcl || fail "the example says little"
"$GM2" files init "$DB" || fail "files init"
"$GM2" campaign plan "$DB" c.fcl >plan || fail plan
grep -q "^generate .*due" plan && grep -q "^reconstruct .*waits" plan || { cat plan; fail "the plan's words"; }
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start again"
# many passes at the same time, one of them killed at once
for i in 1 2 3 4; do "$GM2" campaign step "$DB" small >step.$i 2>&1 & done
"$GM2" campaign step "$DB" small >/dev/null 2>&1 & kill -9 $!
wait
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err || { cat loop err; fail "the loop ends with $?"; }
grep -q "all is done" loop || { cat loop err; fail "not all is done"; }
same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw")" \
  "4 subruns covered, 0 more than once, 0 missing" coverage
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d, -f1)" "4 files" "a file an input"
"$GM2" campaign status "$DB" small --submissions >status || fail status
same "$(grep -c Located status)" 3 "submissions: one simulation, two of two files"
"$GM2" campaign step "$DB" small >again || fail "a pass when all is done"
same "$("$GM2" campaign status "$DB" small --submissions)" "$(cat status)" "nothing new is started"

# another configuration is another version: done beside the old; one raw file is damaged and ends parked
sed 's/process_name: reco/process_name: reco2/' "$SOURCE/jobs/fcl/reco.fcl" >reco2.fcl
raw=$(find out -name 'gm2_run00001_00001_*.mid')
truncate -s 3000 "$raw"
sed -i 's/source: { module_type: RawInput }/source: { module_type: RawInput truncated: "error" }/' reco2.fcl
write "$PWD/reco2.fcl"
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start with another configuration"
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err && fail "a damaged file, yet all is done"
grep -q "^reconstruct .*parked" loop && grep -q "gm2 campaign retry" loop || { cat loop err; fail "parked"; }
same "$("$GM2" files count "$DB" "gm2.process_name reco2" | cut -d, -f1)" "3 files" "the others are done"
"$GM2" campaign status "$DB" small --submissions | grep -q "Failed .*exit status 16; 1 of . files have no product; .*input is damaged" || fail "the reason"
grep -q "^reconstruct: 1 files are parked: no product in 2 attempts" loop || { cat loop; fail "what is parked"; }
"$GM2" campaign status "$DB" small >status || fail status
grep -A 1 "^! reconstruct: 1 files are parked.*input is damaged" status | sed -n 's/^  //p' >typed; [ -s typed ] || { cat status; fail "what to type"; }
sed 's/^less/grep -q ./; s/#.*then:/\&\&/; s/gm2 campaign/"$GM2" campaign/' typed >typed.sh # as it stands, and then what it says to type then
. ./typed.sh || { cat typed.sh; fail "what was typed"; }
"$GM2" campaign status "$DB" small | grep -q "^reconstruct .* due " || fail "tried again"

# bad descriptions
sed 's/needs: \[generate\]/needs: [reconstruct]/' c.fcl >bad.fcl; "$GM2" campaign plan "$DB" bad.fcl 2>err; same $? 91 "needs itself"
sed 's/data_tier raw"/data_teir raw"/' c.fcl >bad.fcl; "$GM2" campaign plan "$DB" bad.fcl 2>err; same $? 90 "bad dataset"
grep -q "did you mean data_tier" err || { cat err; fail "words of a bad dataset"; }
sed 's/nfiles(2)/nfile(2)/' c.fcl >bad.fcl; "$GM2" campaign plan "$DB" bad.fcl 2>err; same $? 91 "bad split"
sed 's/max_attempts/max_atempts/' c.fcl >bad.fcl; "$GM2" campaign plan "$DB" bad.fcl 2>err; same $? 91 "bad key"
sed 's/muons_per_fill/muon_per_fill/' c.fcl >bad.fcl; "$GM2" campaign plan "$DB" bad.fcl 2>err; same $? 91 "bad parameter of a module"
"$GM2" campaign step "$DB" smal 2>err; same $? 29 "no such campaign"
exit 0
