# Raw files as the DAQ leaves them, without metadata: they speak for themselves once they are closed; what is still being written
# waits. Plain and compressed; a damaged name.
# timeout: 200
. "$SOURCE/tests/job.sh"
is() { [ "$1" = "$2" ] || fail "$3: wanted \"$2\", got \"$1\""; }
DB=$("$SOURCE/tests/database" c)
RAW_SUBRUNS=-1 small_fcl 20 2 1
"$GM2" -c small.fcl -n 8 -o sim/x.h5 >log 2>&1 || { cat log; fail simulation; }
mkdir box
cp sim/*.mid box
gzip box/gm2_run00001_00001.mid
truncate -s -3000 box/gm2_run00001_00002.mid # its end of run has not come yet
cp box/gm2_run00001_00003.mid box/gm2_run00007_00003.mid # its begin of run says run 1
"$GM2" files init "$DB" || fail init
"$GM2" files ingest "$DB" box --to store >out 2>err; is $? 1 "exit status"
is "$(head -1 out)" "2 raw files are still being written: they wait" "what is not closed"
is "$(tail -1 out)" "2 ingested, 0 known before, 0 in conflict, 1 refused" "what is"
grep -q "gm2_run00007_00003.mid stays: .*begin-of-run event says run 1, its name 7" err || { cat err; fail "the wrong run"; }
is "$(ls box | tr '\n' ' ')" "gm2_run00001_00001.mid.gz gm2_run00001_00002.mid gm2_run00007_00003.mid " "the box"
[ -s store/raw/000001/gm2_run00001_00000.mid.json ] || fail "no metadata in the store"
"$GM2" files get "$DB" gm2_run00001_00000.mid >got
/usr/bin/python3 - <<'PYTHON' || fail "what the file says"
import json
got, sim = json.load(open("got")), json.load(open("sim/gm2_run00001_00000.mid.json"))
for key in ["file_size", "event_count", "first_event", "last_event", "runs", "data_tier", "data_stream", "file_type", "file_format",
            "application", "gm2.fcl_hash", "gm2.git_commit", "gm2.fcl_name", "gm2.seed", "gm2.particle"]:
    assert got[key] == sim[key], (key, got[key], sim[key])
assert got["start_time"] >= "2017", got["start_time"]
PYTHON
# the run ends, the compressed one is a minute old: nothing of it changes any more
cp sim/gm2_run00001_00002.mid box
rm box/gm2_run00007_00003.mid
"$GM2" files ingest "$DB" box --to store >out 2>err || { cat err; fail "the next time"; }
is "$(tail -1 out)" "1 ingested, 0 known before, 0 in conflict, 0 refused" "the run has ended"
is "$("$GM2" files coverage "$DB" "data_tier raw")" "3 subruns covered, 0 more than once" coverage
cp sim/gm2_run00001_00000.mid box
is "$("$GM2" files ingest "$DB" box --to store | tail -1)" "0 ingested, 1 known before, 0 in conflict, 0 refused" "once more"
exit 0
