# A dataset that grew or shrank: told by plan and status, what came is done, what is gone is no trouble; nothing twice, nothing lost.
# A dataset wider than meant is refused. What a split type leaves out is not wanted; a window is waited for.
# timeout: 100
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
"$GM2" -c mdc1.fcl -n 12 -o raw/x.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=-1 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail "raw files"; }
raw() { for i in "$@"; do printf 'raw/gm2_run00001_%05d.mid ' "$i"; done; }
name() { printf 'gm2_run00001_%05d.mid' "$1"; }
declare_raw() { "$GM2" files declare "$DB" $(raw "$@") >/dev/null || fail "declare $*"; }
write() { # KEYS
  cat >c.fcl <<FCL
campaign: { name: d output: "$PWD/out" }
stages: { reco: { config: "reco.fcl" dataset: "defname: all_raw" split: "nfiles(2)" max_attempts: 1 $1 } }
FCL
}
row() { "$GM2" campaign status "$DB" d >status || fail status; awk '$1 == "reco" && NF == 8 { print $2, $3, $4, $7; exit }' status; }
step() { "$GM2" campaign step "$DB" d --loop 0.2 >loop 2>err; }
products() { "$GM2" files count "$DB" "data_tier reco" | cut -d' ' -f1; }
"$GM2" files init "$DB" && declare_raw 0 1 2 3 && "$GM2" files define "$DB" all_raw "data_tier raw" >/dev/null || fail "the catalogue"
"$GM2" files snapshot "$DB" "defname: all_raw" >/dev/null || fail snapshot
write ""; "$GM2" campaign start "$DB" c.fcl >/dev/null && step || { cat err; fail "the first pass"; }
same "$(row)" "complete 4 4 0" "all is done"
grep -q "dataset:" status && { cat status; fail "nothing has changed, and it says so"; }
# one is gone, another has come: as many as before, and yet not all is done
"$GM2" files retire "$DB" "$(name 1)" --reason bad >/dev/null && declare_raw 4 || fail retire
same "$(row)" "due 4 3 0" "one came for one that went"
grep -q "dataset: 4 files; 1 that were processed are not in it any more" status || { cat status; fail "words: gone"; }
declare_raw 5 6 7
row >/dev/null; grep -q "dataset: 7 files, 3 more than at the last pass; snapshot 1 has 4; 1 that were processed" status || { cat status; fail "words: more"; }
"$GM2" campaign report "$DB" -o site >/dev/null && grep -q "<th>its change</th><td class=c>dataset: 7 files, 3 more than at the last pass" site/*/reco.html || fail "the page: more"
"$GM2" campaign plan "$DB" c.fcl >plan || fail plan
grep -q "^reco: dataset: 7 files, 3 more than at the last pass; snapshot 1 has 4" plan || { cat plan; fail "the plan's words"; }
step || { cat loop err; fail "the others"; }
same "$(row) $(products)" "complete 7 7 0 8" "each once"
# fewer; a definition that has changed
for i in 5 6; do "$GM2" files retire "$DB" "$(name $i)" --reason bad >/dev/null; done
row >/dev/null; grep -q "dataset: 5 files, 2 fewer than at the last pass; snapshot 1 has 4; 3 that were processed" status || { cat status; fail "words: fewer"; }
step; same "$(row) $(products)" "complete 5 5 0 8" "nothing is made again"
# files that failed and are gone stand in nobody's way
declare_raw 9; size=$(stat -c %s raw/gm2_run00001_00009.mid); head -c "$size" /dev/zero >raw/gm2_run00001_00009.mid
step; same "$(row)" "parked 6 5 1" "a file that no job can read"
"$GM2" files retire "$DB" "$(name 9)" --reason lost >/dev/null && declare_raw 10 || fail "another one"
same "$(row)" "due 6 5 0" "the parked one is not in it any more"
step || { cat loop err; fail "the one that came"; }
same "$(row) $(products)" "complete 6 6 0 9" "it was done"
# products that are gone from the disk: without their place they are made once more; a retired one is not, and the reason says so
place() { "$GM2" files get "$DB" "$1" | grep -o 'file:[^"]*\.h5' | head -1; }
one=$("$GM2" files list "$DB" "data_tier reco and ischildof: (defname: all_raw)" | head -1)
lies=$(place "$one"); rm "${lies#file:}" && "$GM2" files locate "$DB" "$one" "$lies" --remove || fail locate
same "$(row)" "due 6 5 0" "one product has no place"
step || { cat loop err; fail "made once more"; }
same "$(row) $(products)" "complete 6 6 0 9" "by the same name"
# a runaway query
declare_raw 11; write "max_files: 3"; "$GM2" campaign start "$DB" c.fcl >out.txt || fail "start with a budget"
grep -q "refused: the dataset selects 7 files, max_files is 3: ask for less, or raise stages.reco.max_files" out.txt || { cat out.txt; fail "words: budget"; }
"$GM2" campaign step "$DB" d >out.txt 2>err; same "$(row) $(products)" "refused 7 6 0 9" "nothing is started"
"$GM2" campaign launch "$DB" d reco >out.txt 2>err && fail "launched by hand all the same"
grep -q "max_files is 3" err || { cat err; fail "words: launch"; }
timeout 20 "$GM2" campaign step "$DB" d --loop 0.2 >loop 2>err; same $? 1 "the loop ends: somebody is needed"
# what a split type leaves out is not wanted; a window that is not over is waited for, and the page says until when
split() { write ""; sed -i "s/nfiles(2)/$1/" c.fcl; "$GM2" campaign start "$DB" c.fcl >out.txt || fail "start of $1"; }
split "byrun(low=2,high=9)"; grep -q "^reco *no input *0" out.txt || { cat out.txt; fail "no such run"; }
split "byrun(low=1,high=2)"; same "$(row)" "due 7 6 0" "of these runs"
split "new(window=1d)"; same "$(row)" "later 7 6 0" "the day is not over"
grep -q "^reco: not before ....-..-.. 00:30 UTC: files that end until then" status || { cat status; fail "words: window"; }
split "new(window=1d,lasttime=1000000000)"; grep -q "^reco *no input *0" out.txt || { cat out.txt; fail "nothing ended by then"; }
split "new(window=1s,fts=0)"; step || { cat loop err; fail "the window"; }
same "$(row) $(products)" "complete 7 7 0 10" "the last one"
"$GM2" files retire "$DB" "$one" --reason "wrong" >/dev/null && write "" && "$GM2" campaign start "$DB" c.fcl >/dev/null && step
same "$(row)" "parked 7 6 1" "a retired product is not made again"
"$GM2" campaign status "$DB" d --submissions | grep -q "1 of 1 files have no product; this file was retired; names are not used again" || fail "words: retired"
exit 0
