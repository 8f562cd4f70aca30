# Constants are replaced: which files are stale? Those of the subruns concerned, what was made of them, and no others; what was made
# anew is replaced; from which tier they can be made anew.
# timeout: 60
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" c) COND=$("$SOURCE/tests/database" cond)
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
list() { "$GM2" files list "$DB" "$@" | tr '\n' ' '; }
same "$(list "snapshot_id 1")" "a_full_00004.h5 a_full_00005.h5 " "the snapshot's files"

# the same as a term of a query, answered anew each time
same "$(list "data_tier reco and stale: head@$COND")" "a_full_00004.h5 a_full_00005.h5 " "stale: TAG@DATABASE"
same "$(list "stale: pass1, head" --conditions "$COND")" "a_full_00004.h5 a_full_00005.h5 " "a tag alone, a list"
same "$(list "data_tier reco and stale: pass1@$COND")" "" "nothing is stale"
same "$(list "isparentof: (stale: head@$COND and subrun_number 5)")" "gm2_run24337_00005.mid " "in another term"
same "$(list "data_tier reco minus stale: head@$COND")" "a_full_00000.h5 a_full_00001.h5 a_full_00002.h5 a_full_00003.h5 " minus
same "$(list "not stale: head@$COND and subrun_number 0, 4 and data_tier reco")" "a_full_00000.h5 " not
same "$(list "stale: head@$COND with limit 1")" "a_full_00004.h5 " "limit"
same "$(list "sufficient: head@$COND (data_tier reco) and subrun_number 4")" "gm2_run24337_00004.mid " sufficient
"$GM2" files define "$DB" old "stale: head@$COND" && same "$(list "defname: old and data_tier reco")" "a_full_00004.h5 a_full_00005.h5 " "a definition"
"$GM2" files explain "$DB" "stale: head@$COND" | grep -q "'\[.*,.*\]'" || fail "explain shows the answer"
"$GM2" files list "$DB" "stale: head@$COND" --budget 1 2>err; same $? 28 "the budget"
bad() { # STATUS WORDS QUERY
  "$GM2" files list "$DB" "$3" >out 2>err
  same $? "$1" "$3"
  grep -q -- "$2" err && grep -q '^ *^' err || { cat err; fail "the message of $3"; }
}
bad 90 "is expected here" "data_tier reco and stale: "
bad 90 "TAG@DATABASE" "stale: ("
bad 90 '"("' "sufficient: head data_tier raw"
bad 29 "nothing" "data_tier reco and stale: nothing@$COND"
bad 29 "no campaign" "stale: campaign:none"
bad 88 "TAG, TAG@DATABASE or campaign:NAME" "stale: campain:none"
bad 20 "nowhere" "stale: head@nowhere.db"
"$GM2" files stale "$DB" "data_tier reco" 2>err; same $? 88 "against nothing"
"$GM2" files list "$DB" "stale: head@postgresql://me:geheim@h/d" >out 2>err; same $? 88 "a password in a query"
grep -q geheim out err && fail "a password was repeated"

# raw -> digit, made with oof_correction -> reco, made with energy_scale
make() { # VERSION OOF SCALE SUBRUNS: intervals that digits and what is made of them are made with; 0: they are not made
  /usr/bin/python3 - "$@" <<'PY'
import json, os, sys, zlib
version, oof, scale, subruns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
os.makedirs("chain", exist_ok=True)
def write(name, tier, subrun, parents, conditions, process):
    content = name.encode() * 9
    open("chain/" + name, "wb").write(content)
    json.dump({"file_name": name, "file_size": len(content), "checksum": ["adler32:%08x" % zlib.adler32(content)], "data_tier": tier,
               "data_stream": "full", "runs": [[24400, subrun, "physics"]], "event_count": 9, "gm2.process_name": process,
               "gm2.fcl_hash": "hash" + version, "gm2.conditions": conditions, "parents": [{"file_name": p} for p in parents]},
              open("chain/" + name + ".json", "w"))
for s in subruns:
    raw, digit = "chain_%d.mid" % s, "digit_%s_%d.h5" % ("v1" if version == "v2" else version, s)
    if version == "v1":
        write(raw, "raw", s, [], {}, "")
    if oof:
        write(digit, "digit", s, [raw], {"oof_correction": [oof]}, "digitise")
    if scale:
        write("reco_%s_%d.h5" % (version, s), "reco", s, [digit], {"energy_scale": [scale]}, "reco")
PY
  "$GM2" files ingest "$DB" chain --to store >/dev/null || fail "ingest $*"
}
scale() { # VALUE FROM UNTIL
  { echo "calonum,xtalnum,energy_per_count[MeV],energy_per_count_err[MeV]"; echo "1,0,$1,0.01"; } >scale.csv
  "$GM2" cond load "$COND" energy_scale scale.csv --partial --from "$2" --until "$3" --author me --comment test >/dev/null || fail scale
}
load 24400:0 24400:2 1.00 # interval 4
load 24400:2 24400:9 1.01 # interval 5
scale 0.8 24400:0 24400:9 # interval 1 of its own
make v1 4 1 "[0, 1]" && make v1 5 1 "[2]"
stale() { "$GM2" files stale "$DB" "run_number 24400" --conditions "$COND" "$@" 2>/dev/null | tr '\t\n' ' ;'; }
same "$(stale)" "" "all as it is"
scale 0.9 24400:2 24400:9 # interval 2: of subrun 2, of the second step alone
same "$(stale)" "reco_v1_2.h5 energy_scale;" "the second step"
same "$(stale --from)" "digit_v1_2.h5 digit reco_v1_2.h5;" "a digit suffices"
same "$(list "sufficient: head@$COND (data_tier reco) and data_tier digit")" "digit_v1_2.h5 " "a digit suffices, as a query"
make v2 0 2 "[2]"
same "$(stale)" "" "made anew"
same "$(stale --replaced)" "reco_v1_2.h5 replaced by reco_v2_2.h5;" "replaced"
same "$(list "run_number 24400 and data_tier reco minus (stale: head or replaced: head)" --conditions "$COND")" \
  "reco_v1_0.h5 reco_v1_1.h5 reco_v2_2.h5 " "one good file a subrun"
load 24400:1 24400:2 1.1 # interval 6: of subrun 1, of the first step
same "$(stale)" "digit_v1_1.h5 oof_correction;reco_v1_1.h5 made of digit_v1_1.h5;" "the first step, and what was made of it"
same "$(stale --from)" "chain_1.mid raw digit_v1_1.h5;chain_1.mid raw reco_v1_1.h5;" "raw is needed"
make v3 6 0 "[1]"
same "$(stale)" "reco_v1_1.h5 made of digit_v1_1.h5;" "the first step is made anew"
same "$(stale --from)" "digit_v3_1.h5 digit reco_v1_1.h5;" "now the new digit suffices"
"$GM2" files stale "$DB" "run_number 24400" --conditions "$COND" --from --snapshot >out; same $? 1 "a snapshot of what suffices"
same "$(list "snapshot_id 2")" "digit_v3_1.h5 " "the snapshot"
make v3 6 1 "[1]"
same "$(stale)" "" "all is made anew"
"$GM2" files retire "$DB" reco_v3_1.h5 --reason test
same "$(stale)" "reco_v1_1.h5 made of digit_v1_1.h5;" "what had replaced it is retired"
exit 0
