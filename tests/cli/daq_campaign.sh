# The shipped campaigns from one command each, to 100 % coverage without a duplicate: the chain of real data, with subruns that
# come through the drop box while it runs, stopped and typed again; simulation; the production talk's graph.
# timeout: 240
. "$SOURCE/tests/check.sh"
unset FHICL_FILE_PATH
run() { # NAME OPTIONS: into folder NAME
  local name=$1
  shift
  timeout 200 "$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --loop 0.3 "$@" >"$name.log" 2>&1
}
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
covered() { # QUERY N [TIER]: N subruns are covered, none twice, none missing
  "$GM2" files coverage "$DB" "$1" --wanted "data_tier ${3:-raw}" >coverage.log
  grep -q "^$2 subruns covered, 0 more than once, 0 missing" coverage.log || { cat coverage.log; fail "coverage of $1"; }
}
audit() { "$GM2" files audit "$DB" --checksums | grep -q ": 0 missing, 0 damaged" || fail "audit of $DB"; }

# ---- the chain of real data: stopped, and typed again
small=(--set fills=12 --set per_subrun=6 --set muons=40 --set per_job=1)
"$GM2" campaign run "$SOURCE/jobs/campaigns/daq.fcl" -o daq --loop 0.3 "${small[@]}" >daq.log 2>&1 & pid=$!
for _ in $(seq 900); do ls -d daq/pre_*/0* >/dev/null 2>&1 && break; sleep 0.1; done
kill -TERM $pid
wait $pid
same $? 75 "stopped"
run daq "${small[@]}" || { cat daq.log; fail "daq ends with $?"; }
grep -q "all is done" daq.log || fail "words at the end"
DB=daq/campaign.db
covered "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'" 2
covered "file_name like 'merge_%'" 2
covered "file_name like 'dqc_%'" 2
covered "data_tier constants and file_name like '%.oof.csv'" 2
same "$(count "data_tier constants")" 3 "three calibrations"
same "$("$GM2" files count "$DB" "isdescendantof: (data_tier raw) and data_tier constants" | cut -d' ' -f1)" 3 "raw -> pre -> constants"
audit
same "$("$GM2" cond tag daq/conditions.db | grep -c pass1)" 1 "the tag is there once"
before=$("$GM2" files list "$DB" "availability: any" | sort)
run daq "${small[@]}" || fail "typed again when all is done"
same "$("$GM2" files list "$DB" "availability: any" | sort)" "$before" "nothing is made again"

# ---- a subrun more comes through the drop box: constants, quality and the merged file are made anew, the old ones retired
FHICL_FILE_PATH=$SOURCE/jobs/fcl "$GM2" -c mockdaq.fcl -n 6 -o more/more.h5 --set source.run=2 --set source.fills_per_subrun=6 --set source.cycle_muon=2 \
  --set source.cycle_laser=2 --set source.cycle_pedestal=2 --set physics.producers.gun.muons_per_fill=40 \
  --set physics.producers.digitise.gain_oof=true --set physics.producers.digitise.raw_every=0 --set physics.producers.digitise.q_flush_fills=0 >more.log 2>&1 || { cat more.log; fail "another subrun"; }
mkdir -p daq/drop_box && mv more/*.mid more/*.mid.json daq/drop_box || fail "the drop box"
run daq "${small[@]}" || { cat daq.log; fail "a dataset that grew ends with $?"; }
same "$(ls daq/drop_box | wc -l)" 0 "the drop box is empty"
covered "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'" 3
covered "file_name like 'merge_%'" 3
same "$(count "file_name like 'merge_%'")" 1 "one merged file"
same "$(count "file_name like 'merge_%' with availability retired")" 1 "the old one stays known"
audit

# ---- simulation
run simulation --set fills=3 --set per_subrun=1 --set muons=20 --set per_job=1 || { cat simulation.log; fail "simulation ends with $?"; }
DB=simulation/campaign.db
covered "data_tier reco and gm2.process_name digireco" 3 sim
same "$(count "gm2.process_name digireco")" 3 "a file a subrun"
same "$(count "isdescendantof: (data_tier sim and file_name like '%_s00001.h5') and data_tier reco")" 1 "truth -> reconstruction"
audit

# ---- the talk's graph
run talk --set fills=12 --set per_subrun=6 --set muons=40 --set per_job=2 || { cat talk.log; fail "talk ends with $?"; }
DB=talk/campaign.db
for x in oof ifg qdb dqc; do
  covered "file_name like 'hadd_${x}_%'" 2
  covered "file_name like '${x}_%'" 2
  same "$(count "file_name like '${x}_%'")" 2 "$x: a file a subrun"
done
audit
out=$(find talk/hadd_oof_* -name '*.h5') && "$GM2" calib "$out" -o calib --only oof >calib.log 2>&1 || { cat calib.log; fail "constants of Hadd-OOF"; }
"$GM2" report "$(find talk/hadd_dqc_* -name '*.h5')" -o report >report.log 2>&1 || { cat report.log; fail "report of Hadd-DQC"; }

# ---- what is not understood is said before anything is written
"$GM2" campaign run "$SOURCE/jobs/campaigns/daq.fcl" -o never --set fills 2>err && fail "a setting without a value"
"$GM2" campaign run "$SOURCE/jobs/campaigns/daq.fcl" -o never --set 'fills=[' 2>err && fail "a value that is none"
"$GM2" campaign run "$SOURCE/jobs/campaigns/simulation.fcl" -o never --set fils=3 2>err && fail "a keyword that the file has not"
grep -q 'no keyword "fils"; it has fills, per_subrun' err || { cat err; fail "words of a keyword"; }
[ ! -e never ] || fail "something was written"
"$GM2" campaign run nothing.fcl 2>err && fail "a file that is not there"
grep -q "nothing.fcl cannot be opened" err || { cat err; fail "words"; }
exit 0
