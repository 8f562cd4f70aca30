# Constants are replaced: which files are stale? Those of the subruns concerned, and no others.
# timeout: 60
set -u
fail() { echo "FAILED: $*"; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: wanted \"$2\", got \"$1\""; }
DB=${FILES_DB:-$PWD/c.db} COND=${COND_DB:-$PWD/cond.db}
"$GM2" files init "$DB" && "$GM2" cond init "$COND" || fail init
load() { # FROM UNTIL VALUE
  { echo "calonum,xtalnum,oofcorrection,oofcorrection_err"; echo "1,0,$3,0.01"; } >oof.csv
  "$GM2" cond load "$COND" oof_correction oof.csv --partial --from "$1" ${2:+--until $2} --author me --comment "test" >/dev/null || fail load
}
load 24337:0 "" 1.00 # interval 1
load 24337:3 "" 1.01 # interval 2
"$SOURCE/tests/make_products.py" box 6
/usr/bin/python3 - <<'PY' # what a job records: subruns 0 to 2 read interval 1, the others 2
import glob, json
for n in glob.glob("box/a_full*.json"):
    m = json.load(open(n))
    m["gm2.conditions"] = {"oof_correction": [1 if m["runs"][0][1] < 3 else 2]}
    json.dump(m, open(n, "w"))
PY
"$GM2" files ingest "$DB" box --to store >/dev/null || fail ingest
"$GM2" files stale "$DB" "data_tier reco" --conditions "$COND" >out || { cat out; fail "nothing has changed"; }
"$GM2" cond tag "$COND" pass1 --from head --author me --comment "as it is" >/dev/null || fail tag
load 24337:4 24337:5 1.02 # interval 3: of subrun 4 alone; subrun 5 has none any more
"$GM2" files stale "$DB" "data_tier reco" --conditions "$COND" >out; same $? 1 "exit status"
same "$(tr '\t' ' ' <out | tr '\n' ' ')" "a_full_00004.h5 oof_correction a_full_00005.h5 oof_correction " "the stale ones"
"$GM2" files stale "$DB" "data_tier reco" --conditions "$COND" --tag pass1 >out || { cat out; fail "the tag has what they were made with"; }
# the list as a dataset: what a stage has to make anew, beside the old
"$GM2" files stale "$DB" "data_tier reco" --conditions "$COND" --snapshot >out; same $? 1 "exit status"
same "$(tail -1 out)" "snapshot_id 1: 2 files" "the snapshot"
same "$("$GM2" files list "$DB" "data_tier raw and isparentof: (snapshot_id 1)" | tr '\n' ' ')" "gm2_run24337_00004.mid gm2_run24337_00005.mid " "its parents"
"$GM2" files stale "$DB" "data_tier reco" --conditions "$COND" --tag nothing 2>err; same $? 29 "no such tag"
exit 0
