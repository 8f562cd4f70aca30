# How jobs end on a real Slurm: killed for their memory, PREEMPTED, put back by a preemption, NODE_FAIL. What `campaign status` shows, what
# counts as an attempt and what the next pass does. (OUT_OF_MEMORY itself is said only by a Slurm with cgroups.)
# timeout: 300
# ranks: 2
node=$(hostname -s)
part() { echo "PartitionName=$1 Nodes=$node MaxTime=30 DefaultTime=5 State=UP PriorityTier=$2 PreemptMode=$3"; }
. "$SOURCE/tests/slurm.sh" SelectTypeParameters=CR_CPU_Memory DefMemPerCPU=500 JobAcctGatherType=jobacct_gather/linux \
  JobAcctGatherFrequency=task=1 JobAcctGatherParams=OverMemoryKill PreemptType=preempt/partition_prio PreemptMode=REQUEUE \
  "$(part debug 1 REQUEUE) Default=YES" "$(part cheap 1 CANCEL)" "$(part urgent 10 OFF)"
show() { squeue; sinfo; tail -5 log; query "select * from submissions"; }
DB=$PWD/prod.db
echo "touch waits; until [ -e $PWD/go.\$1 ]; do sleep 0.2; done" >wait.sh
stage() { # NAME NEEDS SBATCH SETUP FURTHER
  echo "  $1: { needs: [generate, $2] config: \"reco.fcl\" dataset: \"%(stage.generate)s and data_tier raw\" split: \"draining\" max_attempts: 2"
  echo "    set: [\"process_name=$1\"] executor: slurm sbatch: [$3] setup: [\"$4\"] $5 }"
}
{
  "$SOURCE/tests/small_campaign" "$PWD/out" 2 2 2 | sed '/reconstruct:/,$d'
  stage hungry generate '' "/usr/bin/python3 -c 'import time; x = bytearray(300 << 20); time.sleep(4)'" \
    'memory_mb: 150 recoveries: [[pending_files, ["memory_mb=1000"]]]'
  stage cheap hungry '"-p", "cheap"' ". $PWD/wait.sh cheap" ''
  stage back cheap '' ". $PWD/wait.sh back" ''
  stage lost back '"--no-requeue"' ". $PWD/wait.sh lost" ''
  echo "}"
} >c.fcl
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
query() { sqlite3 -cmd '.timeout 60000' "$DB" "$1"; }
step() { timeout 100 "$GM2" campaign step "$DB" small >>log 2>&1 || fail "a pass ends with $?"; }
# submissions of a stage in their order: state in the ledger, Slurm's word
ends() { query "select group_concat(u.state || ' ' || coalesce(u.batch_state, '-'), ', ') from (select u.* from submissions u join stages s on s.id = u.stage_id where s.name = '$1' order by u.id) u"; }
in_state() { # STAGE WHAT IT MAY BE...
  local now word
  now=$(ends "$1")
  shift
  for word; do [ "$now" != "$word" ] || return 0; done
  return 1
}
waits() { ls out/"$1"_*/*/waits; }
card() { # STAGE LINE
  "$GM2" campaign status "$DB" small "$1" >card.txt || fail "status of $1"
  grep -q -- "^$2" card.txt || { cat card.txt; fail "the card of $1 does not say: $2"; }
}

# killed for its memory, which a Slurm without cgroups calls failed: an attempt; the recovery asks for more
step_until "a step without memory, and a recovery" in_state hungry "6000 FAILED, 8000 COMPLETED"
card hungry "failed           1 with exit status 137 FAILED"

# preempted and cancelled: no attempt; the next pass starts it again
step_until "a job runs" waits cheap
urgent=$(sbatch --parsable -p urgent -n 4 -o /dev/null --wrap "until [ -e $PWD/go.urgent ]; do sleep 0.2; done")
step_until "a job is preempted" in_state cheap "1500 PREEMPTED, 3000 PENDING"
touch go.urgent go.cheap
step_until "it is done then" in_state cheap "1500 PREEMPTED, 8000 COMPLETED"
card cheap "cheap  *1 .* 1 *50.0" # cancelled, done

# preempted and put back by Slurm: the same submission
rm go.urgent
step_until "a job runs" waits back
urgent=$(sbatch --parsable -p urgent -n 4 -o /dev/null --wrap "until [ -e $PWD/go.urgent ]; do sleep 0.2; done")
step_until "a job is put back" in_state back "3000 PENDING"
touch go.urgent go.back
step_until "it is done then" in_state back "8000 COMPLETED"

# its node fails: an attempt, and another
step_until "a job runs" waits lost
scontrol update nodename="$node" state=down reason=test
step_until "a job is lost with its node" in_state lost "6000 NODE_FAIL, 3000 PENDING" "6000 NODE_FAIL, 4000 RUNNING" # the node may come back by itself
touch go.lost; scontrol update nodename="$node" state=resume
step_until "it is done then" in_state lost "6000 NODE_FAIL, 8000 COMPLETED"
card lost "failed           1 with.* NODE_FAIL" # srun may say 0 of what was taken from it
timeout 60 "$GM2" campaign step "$DB" small --loop 1 >>log 2>&1 || fail "not all is done"
attempts() { query "select group_concat(distinct attempts) from stage_files f join stages s on s.id = f.stage_id where s.name = '$1'"; }
for name in hungry cheap back lost; do
  same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name $name" --wanted "data_tier raw")" \
    "2 subruns covered, 0 more than once, 0 missing" "$name"
  case $name in hungry | lost) n=1 ;; *) n=0 ;; esac
  same "$(attempts $name)" $n "attempts at the files of $name"
done
exit 0
