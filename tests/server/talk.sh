# The production talk's graph with its catalogue on a PostgreSQL of our own, jobs on this host (daq_campaign.sh has them on Slurm): managers
# killed at random moments, jobs killed with their supervisors, the database gone for a moment; at the end all
# is covered and nothing is there twice.
# timeout: 400
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
unset FHICL_FILE_PATH
RANDOM=17
small=(--set fills=12 --set per_subrun=6 --set muons=40 --set per_job=2 --set 'defaults.max_attempts=50')
storm() { # NAME N: N managers are killed, and every fourth time the jobs
  local name=$1 n pid lock
  local run=("$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --db "$URL/$name" "${small[@]}")
  database "$name"
  for n in $(seq "$2"); do
    "${run[@]}" --loop 0.1 >>"$name.log" 2>&1 &
    pid=$!
    sleep 0.$(printf %02d $((RANDOM % 90)))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $n != 6 ] || { "$SOURCE/tests/pgsql-here" stop "$lab/p" && "$SOURCE/tests/pgsql-here" start "$lab/p" || fail "the server"; }
    [ $((n % 4)) = 0 ] || continue
    for lock in "$name"/*/*/lock; do
      [ -s "$lock" ] && [ ! -e "${lock%lock}exit" ] && kill -9 -- -"$(cat "$lock")" 2>/dev/null
    done
  done
  timeout 250 "${run[@]}" --loop 0.3 >>"$name.log" 2>&1 || { tail -n 30 "$name.log"; fail "$name ends with $?"; }
  grep "in conflict" "$name.log" && fail "$name: a conflict"
  DB=$URL/$name
  "$GM2" files audit "$DB" --checksums >audit.log || { cat audit.log; fail "$name: audit"; }
  same "$(answer "$name" "select count(*) from (select 1 from submission_files f join submissions s on s.id = f.submission_id where s.state = 8000 group by s.stage_id, f.file_id having count(*) > 1) q")" 0 "$name: files done twice"
}
covered() { # QUERY SUBRUNS FILES
  "$GM2" files coverage "$DB" "$1" --wanted "data_tier raw" >coverage.log
  grep -q "^$2 subruns covered, 0 more than once, 0 missing" coverage.log || { cat coverage.log; fail "coverage of $1"; }
  same "$("$GM2" files count "$DB" "$1" | cut -d' ' -f1)" "$3" "files of $1"
}
storm talk 14
for x in oof ifg qdb dqc; do
  covered "file_name like '${x}_%'" 2 2
  covered "file_name like 'hadd_${x}_%'" 2 1
done
same "$(answer talk "select count(*) from stages where name <> 'mock'")" 9 "the talk's nine stages"
same "$(answer talk "select count(*) from stage_files where is_parked = 1")" 0 "nothing is parked"
exit 0
