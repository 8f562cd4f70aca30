# Constants of some subruns were wrong: a stage makes just these anew, as another version beside the old, from the raw files; nothing
# else runs, a second pass starts nothing, and nothing is stale any more. Constants that change later make it due again.
# timeout: 300
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod) COND=$("$SOURCE/tests/database" cond)
"$GM2" files init "$DB" && "$GM2" cond init "$COND" || fail init
load() { # TAG VALUE SUBRUN ...
  local tag=$1 value=$2
  shift 2
  for s in "$@"; do awk -v OFS=, -v s="$s" -v v="$value" 'BEGIN { for (c = 1; c <= 24; c++) for (x = 0; x < 54; x++) print 1, s, c, x, v, 0.001 }'; done |
    sed '1i run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err' >oof.csv
  "$GM2" cond load "$COND" oof_correction oof.csv --tag "$tag" --author me --comment test >log 2>&1 || { cat log; fail load; }
}
tag() { "$GM2" cond tag "$COND" "$1" --from head --author me --comment "$1" >/dev/null || fail "tag $1"; }
load head 1.0 0 1 2 3
tag v1
sed 's/process_name: reco/process_name: calibrated/
  s/{ @table::standard_reconstruction }/{ @table::standard_reconstruction gain: { module_type: Gain energy_scale: false stdp: false ifg: false time_alignment: false channel_status: off } }/
  s/fit, cluster/fit, gain, cluster/' "$SOURCE/jobs/fcl/reco.fcl" >calibrated.fcl
write() { # TAG
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/made" configs: "$PWD" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 4
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "calibrated.fcl" set: ["services.conditions={ database: \"$COND\" tag: $1 }"]
    dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)"
  }
}
FCL
}
run() { "$GM2" campaign step "$DB" "$1" --loop 0.3 >loop 2>err && grep -q "all is done" loop || { cat loop err; fail "$1 does not end"; }; }
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
write v1
"$GM2" campaign start "$DB" c.fcl >/dev/null && run small
same "$(count "data_tier reco and gm2.process_name calibrated and gm2.conditions_tag v1")" 4 "with v1"

# the constants of subruns 1 and 3 were wrong
load head 1.1 1 3
tag v2
stale() { "$GM2" files stale "$DB" "gm2.process_name calibrated" --conditions "$COND" --tag v2 "$@" 2>/dev/null; }
same "$(stale | cut -f2 | tr '\n' ' ')" "oof_correction oof_correction " "two are stale"
cat >r.fcl <<FCL
campaign: { name: rerun output: "$PWD/rerun" configs: "$PWD" }
stages: {
  redo: {
    config: "calibrated.fcl" set: ["services.conditions={ database: \"$COND\" tag: v2 }"]
    dataset: "sufficient: v2@$COND (gm2.process_name calibrated) and data_tier raw" split: "nfiles(1)"
  }
  after: {
    needs: [redo] config: "merge.fcl"
    dataset: "data_tier reco and gm2.process_name calibrated and not gm2.merged_by like '%' minus (stale: v2@$COND or replaced: v2@$COND)"
    set: ["source.accept_gaps=[all]", "source.may_differ=[conditions_tag, \"services.conditions.tag\"]"]
  }
}
FCL
sed '/^  after/,/^  }/d' r.fcl >redo.fcl
"$GM2" campaign start "$DB" redo.fcl >/dev/null && run rerun
new="gm2.process_name calibrated and data_tier reco and gm2.conditions_tag v2"
same "$("$GM2" files list "$DB" "isparentof: ($new)" | sed 's/.*_0*\([0-9]*\)_[0-9a-f]*.mid/\1/' | tr '\n' ' ')" "1 3 " "made anew"
same "$(count "$new")" 2 "the new version"
same "$(count "gm2.process_name calibrated and data_tier reco and gm2.conditions_tag v1")" 4 "the old beside it"
same "$(stale)" "" "nothing is stale"
same "$(stale --replaced | wc -l)" 2 "replaced"
same "$("$GM2" files coverage "$DB" "$new")" "2 subruns covered, 0 more than once" "no duplicates in the version"
same "$("$GM2" files coverage "$DB" "gm2.process_name calibrated minus (stale: v2@$COND or replaced: v2@$COND)" --wanted "data_tier raw")" \
  "4 subruns covered, 0 more than once, 0 missing" "one good file a subrun"
"$GM2" files audit "$DB" --checksums >out || { cat out; fail audit; }
"$GM2" campaign status "$DB" rerun --submissions >before
same "$(grep -c Located before)" 2 "one submission a file"
"$GM2" campaign step "$DB" rerun >out && "$GM2" campaign status "$DB" rerun --submissions >after || fail "a pass when all is done"
diff before after >/dev/null || { diff before after; fail "a second pass starts something"; }
grep -q "^redo .*complete" out || { cat out; fail "complete"; }

# constants change while the catalogue stands still: due again, of one subrun
load v2 1.2 0
"$GM2" campaign status "$DB" rerun >out; grep -q "^redo .*due" out || { cat out; fail "due again"; }
run rerun
same "$(count "$new")" 3 "one more"
same "$(stale)" "" "nothing is stale again"

# what is good of both, each subrun once, into one file
"$GM2" campaign start "$DB" r.fcl >/dev/null && run rerun
same "$("$GM2" files coverage "$DB" "gm2.merged_by like '%'" --wanted "data_tier raw")" "4 subruns covered, 0 more than once, 0 missing" "merged"

# a stage that has never had anything to do is complete; one whose question is about nothing has no input
sed 's/name: rerun/name: idle/; s/tag: v2/tag: v1/; s/v2@/v1@/' redo.fcl >idle.fcl
"$GM2" campaign start "$DB" idle.fcl >/dev/null && run idle
sed 's/name: rerun/name: none/; s/name calibrated/name calibrate/' redo.fcl >none.fcl
"$GM2" campaign start "$DB" none.fcl >/dev/null && "$GM2" campaign step "$DB" none >out
grep -q "no file is selected" out || { cat out; fail "a misspelt question"; }

# the campaign itself goes to v2: by version all of v1 is stale, but what was made anew
same "$("$GM2" files stale "$DB" "gm2.process_name calibrated and not gm2.merged_by like '%'" --campaign small)" "" "the version as it is"
write v2
"$GM2" campaign start "$DB" c.fcl >/dev/null && "$GM2" campaign hold "$DB" small >/dev/null && "$GM2" campaign step "$DB" small >out || { cat out; fail "the new version"; }
"$GM2" files stale "$DB" "gm2.process_name calibrated" --campaign small >out 2>err; same $? 1 "stale by version"
same "$(cut -f2 out | sed 's/ [0-9a-f]\{10\}//g; s/reconstruct.*_s/SUBRUN /; s/\.h5//')" "configuration, now; tag v1, now v2
made of SUBRUN 00002" "the subrun that was not made with v2, and the merged file that has it"
"$GM2" campaign release "$DB" small >/dev/null && run small
same "$(count "$new and not gm2.merged_by like '%'")" 4 "only that one was made"
"$GM2" files stale "$DB" "gm2.process_name calibrated and not gm2.merged_by like '%'" --campaign small --conditions "$COND" --tag v2 >out 2>err ||
  { cat out; fail "stale at the end"; }
exit 0
