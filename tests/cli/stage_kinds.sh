# Kinds of stages: keywords, several datasets, file patterns, outputs; merging of a whole dataset and by run, complete when all
# subruns are covered; a dataset that grows is merged anew beside the old or in its place; nothing is merged twice.
# timeout: 120
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
write() { # FILLS SUPERSEDE [STAGES]
  cat >c.fcl <<FCL
campaign: { name: kinds output: "$PWD/out" }
keywords: { fills: $1 run: 1 muons: 20 supersede: "$2" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: "%(fills)s"
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=%(muons)s", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1", "source.run=%(run)s"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" file_patterns: ["gm2_run%.mid"] max_submissions: 2 split: "nfiles(3)"
    outputs: ["%(stage)s%_r%_s%.h5"]
  }
  merge: {
    needs: [reconstruct] config: "merge.fcl" dataset: "%(stage.reconstruct)s" supersede: "%(supersede)s"
    set: ["source.drop=[reco]"]
  }
  alone: { needs: [reconstruct] config: "merge.fcl" dataset: "%(stage.reconstruct)s" split: "nfiles(1)" max_submissions: 2 }
  ${3:-}
}
FCL
}
loop() { "$GM2" campaign step "$DB" kinds --loop 0.2 >loop 2>err; }
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
write 3 keep
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
loop || { cat loop err; fail "the loop ends with $?"; }
same "$(count "gm2.merged_by like '%' and gm2.process_name reco")" 4 "one file of all, one of each"
merged=$("$GM2" files list "$DB" "file_name like 'merge_%'")
same "$(echo "$merged" | wc -l)" 1 "one merged file"
"$GM2" files coverage "$DB" "file_name $merged" --wanted "data_tier raw" | grep -q "3 subruns covered, 0 more than once, 0 missing" || fail coverage
"$GM2" campaign step "$DB" kinds >/dev/null || fail "a pass when all is done"
same "$(count "gm2.merged_by like '%'")" 4 "nothing is merged again"

# the dataset grows by another simulation: merged anew, under another name, beside the old
sed -e 's/run: 1 muons/run: 2 muons/' c.fcl >more.fcl
sed -i 's/name: kinds/name: more/' more.fcl
"$GM2" campaign start "$DB" more.fcl >/dev/null && "$GM2" campaign step "$DB" more --loop 0.2 >loop 2>err || { cat loop err; fail "another run"; }
same "$(count "file_name like 'merge_%'")" 2 "beside the old"
big=$("$GM2" files list "$DB" "file_name like 'merge_%' and run_number 2")
"$GM2" files coverage "$DB" "file_name $big" --wanted "data_tier raw" | grep -q "6 subruns covered, 0 more than once, 0 missing" || fail "coverage of the larger file"
loop || { cat loop err; fail "the first campaign sees the same products"; }
same "$(count "file_name like 'merge_%'")" 2 "the first campaign has nothing to do"
same "$("$GM2" campaign status "$DB" kinds --submissions | grep -c '^merge .*_slice')" 1 "its one merging job"

# a rule says that the new replaces the old
write 3 retire 'by_run: { needs: [reconstruct] config: "merge.fcl" dataset: "%(stage.reconstruct)s" split: "byexistingruns" max_submissions: 4 supersede: "%(supersede)s" }'
"$GM2" campaign start "$DB" c.fcl >/dev/null && loop || { cat loop err; fail "with a rule, by run"; }
same "$(count "file_name like 'by_run_%'")" 2 "a file a run"
sed -e 's/run: 1 muons/run: 3 muons/' -e 's/name: kinds/name: third/' c.fcl >third.fcl
"$GM2" campaign start "$DB" third.fcl >/dev/null && "$GM2" campaign step "$DB" third --loop 0.2 >loop 2>err || { cat loop err; fail "a third run"; }
same "$(count "file_name like 'merge_%'")" 1 "the old ones are retired"
same "$(count "file_name like 'merge_%' with availability retired")" 2 "and stay known"
same "$(count "file_name like 'by_run_%'")" 3 "other runs' files stand"

# what selects nothing is told, and nothing is started
write 3 keep 'both: { needs: [reconstruct, merge] config: "merge.fcl" datasets: ["%(stage.reconstruct)s", "data_tier raw and data_stream nothing"] }
  typo: { needs: [generate] config: "reco.fcl" file_patterns: ["gm3_run%.mid"] }'
"$GM2" campaign start "$DB" c.fcl >/dev/null && "$GM2" campaign step "$DB" kinds --loop 0.2 >loop 2>err && fail "a stage without input, yet all is done"
grep -q "^both .*no input" loop && grep -q "both: no file is selected by: .*data_stream nothing" loop || { cat loop; fail "an empty part of a dataset"; }
grep -q "typo: no file is selected by: .*gm3_run%.mid" loop || { cat loop; fail "a pattern that matches nothing"; }
grep -q "^next: gm2 campaign status .* # mend what it says, or wait for files" loop || { cat loop; fail "what to type next"; }
same "$("$GM2" campaign status "$DB" kinds --submissions | grep -c '^both.*_slice\|^typo.*_slice')" 0 "nothing is started"
"$GM2" files audit "$DB" | grep -q ": 0 missing, 0 damaged" || fail audit

# an output that nobody makes: parked, and said
write 3 keep 'hollow: { needs: [generate] config: "reco.fcl" file_patterns: ["gm2_run00001%.mid"] outputs: ["%.root"] max_attempts: 1 }'
"$GM2" campaign start "$DB" c.fcl >/dev/null && "$GM2" campaign step "$DB" kinds --loop 0.2 >loop 2>err && fail "no product, yet all is done"
"$GM2" campaign status "$DB" kinds --submissions | grep -q "hollow .*Failed .*exit status 0; 3 of 3 files have no product like %.root" || fail "the missing output is not told"
"$GM2" campaign status "$DB" kinds | sed -n "/^subruns/,/^$/p" | grep -q "^hollow  *0  *3  *0.0" || fail "subruns without that output count as done"

# bad descriptions
bad() { write 3 keep "$1"; "$GM2" campaign plan "$DB" c.fcl >/dev/null 2>err; same $? 91 "$1"; grep -q "$2" err || { cat err; fail "words of $1"; }; }
bad 'x: { needs: [merge] config: "%(nobody)s" file_patterns: ["%"] }' "keyword %(nobody)s"
bad 'x: { needs: [merge, alone] config: "reco.fcl" file_patterns: ["%"] }' "1 file_patterns for 2 stages"
bad 'x: { config: "merge.fcl" dataset: "data_tier reco" split: "nfiles(2)" }' "takes the whole dataset"
bad 'x: { config: "reco.fcl" dataset: "data_tier raw" to_store: true }' "campaign.store"
bad 'x: { run: "calib" dataset: "data_tier reco" conditions: "x.db" tag: "t" }' "only is empty"
exit 0
