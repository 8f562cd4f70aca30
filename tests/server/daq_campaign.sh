# The chain of real data and simulation on a real Slurm, the catalogue on a real PostgreSQL: managers killed, jobs cancelled and
# requeued; at the end all is covered and nothing is there twice.
# timeout: 400
# ranks: 2
. "$SOURCE/tests/slurm.sh"
. "$SOURCE/tests/pgsql.sh"
unset FHICL_FILE_PATH
RANDOM=3
small=(--set fills=12 --set per_subrun=6 --set muons=40 --set per_job=1 --set executor=slurm --set 'defaults.sbatch=["-t", "5"]' --set 'defaults.max_attempts=50')
storm() { # NAME N
  local name=$1 n pid
  database "$name"
  for n in $(seq "$2"); do
    "$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --db "$URL/$name" --loop 0.3 "${small[@]}" >>"$name.log" 2>&1 &
    pid=$!
    sleep 1.$(printf %02d $((RANDOM % 90)))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $((n % 3)) = 0 ] && squeue -h -o %i | head -1 | xargs -r scancel
    [ $((n % 4)) = 0 ] && squeue -h -t running -o %i | head -1 | xargs -r scontrol requeue
  done
  timeout 250 "$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --db "$URL/$name" --loop 0.5 "${small[@]}" >>"$name.log" 2>&1 ||
    { tail -30 "$name.log"; squeue; fail "$name ends with $?"; }
}
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
covered() { # QUERY N [TIER]
  "$GM2" files coverage "$DB" "$1" --wanted "data_tier ${3:-raw}" >coverage.log
  grep -q "^$2 subruns covered, 0 more than once, 0 missing" coverage.log || { cat coverage.log; fail "coverage of $1"; }
}
storm daq 8
DB=$URL/daq
covered "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'" 2
covered "file_name like 'merge_%'" 2
covered "file_name like 'dqc_%'" 2
covered "file_name like '%.oof.csv'" 2
same "$(count "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'")" 2 "a file a subrun"
same "$(count "data_tier constants")" 3 "three calibrations"
"$GM2" files audit "$DB" --checksums >audit.log || { cat audit.log; fail audit; }
grep "in conflict" daq.log && fail "a conflict"
small=(--set fills=4 --set per_subrun=1 --set muons=20 --set per_job=1 --set executor=slurm --set 'defaults.sbatch=["-t", "5"]' --set 'defaults.max_attempts=50')
storm simulation 4
DB=$URL/simulation
covered "data_tier reco and gm2.process_name digireco" 4 sim
same "$(count "gm2.process_name digireco")" 4 "a file a subrun"
"$GM2" files audit "$DB" --checksums >audit.log || { cat audit.log; fail audit; }
exit 0
