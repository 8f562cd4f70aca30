# The catalogue as its users see it: products declared, found, traced; wrong questions; nothing lost.
# timeout: 120
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" catalogue)
mkdir -p store
product() { # NAME TIER SUBRUN PARENT BYTES
  printf '%s' "$5" >"store/$1"
  sum=$(/usr/bin/python3 -c 'import sys, zlib; print("%08x" % zlib.adler32(open(sys.argv[1], "rb").read()))' "store/$1")
  cat >"store/$1.json" <<JSON
{"file_name": "$1", "file_size": $(stat -c %s "store/$1"), "checksum": ["adler32:$sum"], "file_type": "importedDetector",
 "file_format": "midas", "data_tier": "$2", "data_stream": "full", "application": {"family": "gm2", "name": "x", "version": "v1"},
 "runs": [[24337, $3, "physics"]], "event_count": 91, "first_event": 1, "last_event": 91,
 "start_time": "2022-03-01T12:00:00+00:00", "end_time": "2022-03-01T12:00:08+00:00",
 "parents": [${4:+{\"file_name\": \"$4\"\}}], "gm2.cpu_s": 3.5,
 "gm2.conditions": {"oof_correction": [4, 5]}}
JSON
}
for s in 0 1 2 3; do product gm2_run24337_0000$s.mid raw $s "" "raw $s"; done
for s in 0 1; do product full_0000$s.h5 reco $s gm2_run24337_0000$s.mid "full $s"; done

"$GM2" files list "$DB" "data_tier raw" 2>err && fail "a catalogue that is not there"
grep -q "gm2 files init\|unable to open\|no such file\|cannot be opened" err || { cat err; fail "no word of init"; }
"$GM2" files init "$DB" || fail init
"$GM2" files init "$DB" || fail "init again"
same "$("$GM2" files declare "$DB" store/full_0000?.h5 store/*.mid)" "6 declared, 0 known, 0 in conflict, 0 refused" "children first"
same "$("$GM2" files declare "$DB" store/*.mid.json)" "0 declared, 4 known, 0 in conflict, 0 refused" "again"
same "$("$GM2" files list "$DB" "data_tier raw minus isparentof: (data_tier reco)" | tr '\n' ' ')" \
  "gm2_run24337_00002.mid gm2_run24337_00003.mid " "pending"
same "$("$GM2" files count "$DB" "data_tier raw")" "4 files, 20 bytes, 364 events" count
"$GM2" files get "$DB" full_00001.h5 | /usr/bin/python3 -c '
import json, sys
m = json.load(sys.stdin)
assert m["parents"] == [{"file_name": "gm2_run24337_00001.mid"}] and m["runs"] == [[24337, 1, "physics"]], m
assert m["gm2.conditions"] == {"oof_correction": [4, 5]}, m
assert m["locations"][0].startswith("file:/") and m["gm2.cpu_s"] == 3.5 and m["start_time"] == "2022-03-01T12:00:00+00:00", m
' || fail get
same "$("$GM2" files lineage "$DB" full_00000.h5 | tr -d ' ' | tr '\n' ' ')" \
  "full_00000.h5 ancestors gm2_run24337_00000.mid descendants " lineage
"$GM2" files coverage "$DB" "data_tier reco" --wanted "data_tier raw" >out && fail "coverage is whole"
grep -q "missing 24337:3" out && grep -q "2 subruns covered, 0 more than once, 2 missing" out || { cat out; fail coverage; }

# 600 children before their parents: more than a batch
many=$PWD/many.db
"$GM2" files init "$many" && "$SOURCE/tests/make_products.py" many 600 || fail "many files"
same "$("$GM2" files declare "$many" many/a_full_*.h5 many/*.mid)" "1200 declared, 0 known, 0 in conflict, 0 refused" "in any order"
# fourteen generations
previous=a_full_00000.h5
for g in 01 02 03 04 05 06 07 08 09 10 11 12; do
  sed "s/gm2_run24337_00000.mid/$previous/; s/\"file_name\": \"a_full_00000.h5\"/\"file_name\": \"g$g.h5\"/" many/a_full_00000.h5.json >many/g$g.h5.json
  sed -i "s/{\"file_name\": \"g$g.h5\"}/{\"file_name\": \"$previous\"}/" many/g$g.h5.json
  previous=g$g.h5
done
same "$("$GM2" files declare "$many" many/g??.h5.json --location file:/store/g)" "12 declared, 0 known, 0 in conflict, 0 refused" generations
same "$("$GM2" files lineage "$many" g12.h5 --depth 20 | grep -c .)" 16 "lineage over fourteen generations"
same "$("$GM2" files lineage "$many" g12.h5 --depth 20 | tail -2 | head -1 | tr -d ' ')" gm2_run24337_00000.mid "the first of them"

# other bytes under a known name: both kept, the first stands
product full_00000.h5 reco 0 gm2_run24337_00000.mid "other bytes"
"$GM2" files declare "$DB" store/full_00000.h5 >out 2>err && fail "a conflict is no success"
grep -q "1 in conflict" out && grep -q "in conflict: declared with 6 bytes" err || { cat out err; fail conflict; }
# one bad file among good ones
product full_00002.h5 reco 2 gm2_run24337_00002.mid "full 2"
echo '{"file_name": "../x"}' >store/bad.json
printf 'x' >>store/gm2_run24337_00003.mid
"$GM2" files declare "$DB" store/bad.json store/full_00002.h5 store/gm2_run24337_00003.mid >out 2>err && fail "refused, yet success"
grep -q "1 declared, 0 known, 0 in conflict, 2 refused" out && grep -q "has 6 bytes, its metadata say 5" err || { cat out err; fail "bad files"; }

"$GM2" files define "$DB" run24337_raw "data_tier raw and run_number 24337" || fail define
same "$("$GM2" files snapshot "$DB" "defname: run24337_raw")" "snapshot_id 1: 4 files" snapshot
"$GM2" files retire "$DB" gm2_run24337_00003.mid --reason "beam was off" || fail retire
same "$("$GM2" files count "$DB" "defname: run24337_raw")" "3 files, 15 bytes, 273 events" "after retirement"
same "$("$GM2" files count "$DB" "snapshot_id 1 with availability any")" "4 files, 20 bytes, 364 events" "snapshot stands"
"$GM2" files explain "$DB" "data_tier raw" | grep -q "plan:" || fail explain
"$GM2" files explain "$DB" "data_tier raw" | grep -q "^selects: 3 files, 15 bytes; counted in" || fail "the cost"
"$GM2" files list "$DB" "data_tier raw" --budget 2 2>err && fail "over the budget"
grep -q "selects 3 files, the budget is 2: ask for less, or raise it (--budget N)" err || fail "budget's words"
"$GM2" files list "$DB" "data_tier raw and run_nubmer 5" 2>err; same $? 90 "exit status of a bad query"
grep -q "did you mean run_number" err && grep -q '\^' err || { cat err; fail "caret"; }
# the dataset then and now
same "$("$GM2" files diff "$DB" 1 | tr '\n' ' ')" "since snapshot 1 retired gm2_run24337_00003.mid: beam was off 0 added, 0 gone, 1 retired " "a snapshot's query now"
product gm2_run24337_00004.mid raw 4 "" "raw 4"
"$GM2" files declare "$DB" store/gm2_run24337_00004.mid >/dev/null || fail "one more"
"$GM2" files locate "$DB" gm2_run24337_00000.mid "file:$PWD/store/gm2_run24337_00000.mid" --remove || fail "locate --remove"
"$GM2" files diff "$DB" run24337_raw >out; same $? 1 "exit status of a difference"
same "$(tr '\n' ' ' <out)" "since snapshot 1 added gm2_run24337_00004.mid gone gm2_run24337_00000.mid: it has no place retired gm2_run24337_00003.mid: beam was off 1 added, 1 gone, 1 retired " "a definition now"
same "$("$GM2" files snapshot "$DB" "defname: run24337_raw")" "snapshot_id 2: 3 files" "another snapshot"
same "$("$GM2" files diff "$DB" run24337_raw)" "$(printf 'since snapshot 2\n0 added, 0 gone, 0 retired')" "nothing since"
same "$("$GM2" files diff "$DB" 1 2 | head -2 | tail -1)" "added gm2_run24337_00004.mid" "between snapshots"
"$GM2" files diff "$DB" 7 2>err; same $? 29 "no such snapshot"
"$GM2" files diff "$DB" run24337_rwa 2>err; grep -q "did you mean run24337_raw" err || { cat err; fail "a definition that is near"; }
"$GM2" files lst "$DB" 2>err; same $? 88 "exit status of a bad verb"
grep -q 'did you mean "list"' err || fail "near verb"
"$GM2" files list "$DB" "data_tier raw" --reason x 2>err; same $? 88 "option of another verb"
"$GM2" files get "$DB" nothing.mid 2>err; same $? 29 "a file that is not there"
# the log; roles are advice in a file, and it says so; a server's are tested by tests/server/roles.sh
"$GM2" files retire "$DB" gm2_run24337_00002.mid --reason "beam was off" --user mia || fail "retire by mia"
same "$("$GM2" files log "$DB" --what retire --by mia | cut -f3-)" "$(printf 'mia\tretire\tgm2_run24337_00002.mid: beam was off')" "who retired"
for action in init declare define snapshot retire; do "$GM2" files log "$DB" | cut -f4 | grep -qx $action || fail "the log has no $action"; done
"$GM2" files log "$DB" --since yesterday 2>err; same $? 88 "a bad time"
advice=$PWD/advice.db
"$GM2" files init "$advice" && "$GM2" files declare "$advice" store/gm2_run24337_00000.mid >/dev/null || fail "another catalogue"
"$GM2" files roles "$advice" grant sam shifter 2>err || fail "a role in a file"
grep -q "roles in it are advice only" err || { cat err; fail "it does not say what a role in a file is worth"; }
same "$("$GM2" files roles "$advice" 2>/dev/null)" "$(printf 'sam\tshifter')" "list of roles"
"$GM2" files locate "$advice" gm2_run24337_00000.mid root://door.example/x --user sam 2>err || fail "advice refuses"
grep -q "sam has the role shifter, files locate wants the role manager; in a SQLite file this is advice only, it is done" err || { cat err; fail "words of advice"; }
"$GM2" files roles "$advice" revoke sam shifter 2>/dev/null && same "$("$GM2" files roles "$advice" 2>/dev/null)" "" "taken away"
for url in postgresql://me:geheim@127.0.0.1/x "postgresql://127.0.0.1/x?passwd=geheim"; do
  "$GM2" files list "$url" "data_tier raw" >out 2>&1; same $? 88 "a password in a URL"
  grep -q geheim out && fail "the password is repeated"
done
"$GM2" files locate "$DB" full_00000.h5 root://me:geheim@door.example/x 2>err; same $? 88 "a password in a location"
grep -q geheim err && fail "the password is repeated"
"$GM2" files list "$DB" "data_tier raw" --columns "file_name; drop table files" 2>err; same $? 88 "columns are checked"
exit 0
