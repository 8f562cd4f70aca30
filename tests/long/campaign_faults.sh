# Faults on a real Slurm, of fourteen kinds: jobs cancelled, killed, requeued, stopped, out of time, held; the node and the controller
# killed and back; an answer of sbatch that is lost, a list of jobs that is empty for once, a job submitted twice, a job that
# comes when its submission is over, a full disk, managers killed at any moment. At the end every file is done once.
# GM2_ROUNDS: how often all of it (1; 5 make 75 faults).
# timeout: 1800
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
[ "$(id -u)" = 0 ] || fail "this test needs root to start Slurm"
lab=$(mktemp -d /tmp/gm2-slurm.XXXX) && chmod 755 "$lab"
"$SOURCE/tests/slurm-here" up "$lab/s" || { cat "$lab"/s/log/*.log | tail -20; fail "Slurm does not start"; }
operator= # who brings back a node that Slurm took out of service; away while a fault is made on purpose
trap '[ -z "$operator" ] || kill $operator; "$SOURCE/tests/slurm-here" down "$lab/s"; rm -rf "$lab"' EXIT
export SLURM_CONF=$lab/s/slurm.conf FHICL_FILE_PATH=$SOURCE/jobs/fcl
chmod 755 "$PWD"
DB=$PWD/prod.db ROUNDS=${GM2_ROUNDS:-1} real=$PATH
n_files=$((14 + 12 * ROUNDS))
RANDOM=5
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: $n_files
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(1)"
    setup: ["[ ! -e $PWD/slow ] || sleep 4"]
    max_submissions: 3 max_attempts: 100 executor: slurm sbatch: ["-t", "5"]
  }
}
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
step() { "$GM2" campaign step "$DB" small >>log 2>&1; }
until step && "$GM2" campaign status "$DB" small | grep -q "^generate .*complete"; do sleep 0.3; done
touch slow
node=$(hostname -s)
while :; do
  [ -e away ] || ! sinfo -h -o %t | grep -q "down\|drain\|drng\|unk" || scontrol update nodename="$node" state=resume
  sleep 1
done >/dev/null 2>&1 &
operator=$!

# a job that runs (or, with -p, waits): its number in $job, its folder in $folder
running() {
  local k
  for k in $(seq 200); do
    step
    job=$(squeue -h -t "${1:-running}" -o %A | head -1)
    [ -n "$job" ] && folder=$(scontrol show job "$job" | sed -n 's/^ *Command=//p') && folder=${folder%/job.sh} && [ -d "$folder" ] &&
      { [ "${1:-running}" != running ] || [ -e "$folder/begun" ]; } && return 0
    sleep 0.2
  done
  squeue; tail -5 log; fail "no job is ${1:-running}"
}
wait_for() { local k; for k in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; squeue; sinfo; tail -3 log; fail "timeout: $*"; }
pids() { scontrol listpids "$job" 2>/dev/null | awk 'NR > 1 && $1 > 1 { print $1 }'; }
kill_job() { pids | xargs -r kill -9 2>/dev/null; }
kill_stepd() { # the parents of its processes that are slurmstepd
  local p
  for p in $(pids | xargs -r -n 1 ps -o ppid= -p | sort -u); do
    [ "$(ps -o comm= -p "$p")" = slurmstepd ] && kill -9 "$p"
  done
}
node_is_up() { [ "$(sinfo -h -o %T | grep -c 'idle\|mixed\|allocated')" -gt 0 ]; }
kinds=0 injected=0
met() { kinds=$((kinds + 1)); injected=$((injected + 1)); echo "met: $*"; step; }

for round in $(seq "$ROUNDS"); do
  kinds=0
  running; scancel "$job"; met "a job is cancelled"
  running; kill_job; met "a job is killed"
  running; scontrol requeue "$job"; met "a job is requeued"
  running; scancel -s TERM "$job"; met "a job is stopped, ends with 75, and Slurm runs it again"
  running; scontrol update jobid="$job" timelimit=0:01; met "a job's time is over"
  running; kill_stepd; met "slurmstepd is killed"
  running
  sbatch -J "$(squeue -h -j "$job" -o %j)" -o "$folder/log" --open-mode=append "$folder/job.sh" >/dev/null; met "a job is submitted twice"
  running; scontrol requeuehold "$job"; met "a job is held"; sleep 1; step; scontrol release "$job"

  running; touch away; kill -9 "$(cat "$lab/s/run/slurmd.pid")"; scontrol update nodename="$(hostname -s)" state=down reason=test
  step; sleep 0.5; step
  rm away; /usr/sbin/slurmd; wait_for node_is_up; met "slurmd is killed, its node is down, and back"

  running; step & pid=$!
  sleep 0.0$((RANDOM % 10)); kill -9 "$(cat "$lab/s/run/slurmctld.pid")"; wait $pid
  step # nobody answers
  /usr/sbin/slurmctld; wait_for scontrol ping
  wait_for sh -c 'sinfo -h -o %t | grep -q "^idle$\|^mix$\|^alloc$"' # no star: it answers
  met "slurmctld is killed while a pass submits, and is back"

  # sbatch does its work and says it has not; the next pass must find the job
  mkdir -p fake && rm -f fake/*
  printf '#!/bin/sh\nPATH=%s sbatch "$@" >/dev/null\necho "Socket timed out" >&2\nexit 1\n' "$real" >fake/sbatch && chmod 755 fake/sbatch
  wait_for sh -c 'squeue -h -t pending -o %A | xargs -r -n 1 scontrol release; [ "$(squeue -h | wc -l)" -lt 3 ]'
  PATH=$PWD/fake:$PATH "$GM2" campaign step "$DB" small >>log 2>&1; rm fake/sbatch; met "sbatch's answer is lost"

  running; printf '#!/bin/sh\nexit 0\n' >fake/squeue && chmod 755 fake/squeue
  n=$("$GM2" campaign status "$DB" small --submissions | grep -c "lost: no exit")
  PATH=$PWD/fake:$PATH "$GM2" campaign step "$DB" small >>log 2>&1; rm fake/squeue
  m=$("$GM2" campaign status "$DB" small --submissions | grep -c "lost: no exit")
  [ "$m" = "$n" ] || fail "a list of jobs that was empty once gave up $((m - n)) jobs"
  met "squeue lists nothing for once"

  # a full disk: the products' folder of the next job is a file system that has no room
  running; mkdir -p "$folder/products" && mount -t tmpfs -o size=16k none "$folder/products" 2>/dev/null && full=$folder/products && {
    wait_for test -e "$folder/exit"; umount -l "$full"; met "the disk is full"
  }

  # a job that waits is given up, and comes late
  running; scancel "$job"; wait_for sh -c "! squeue -h -j $job -t running | grep -q ."; step
  sbatch -o "$folder/late" "$folder/job.sh" >/dev/null; wait_for test -s "$folder/late" -o -s "$folder/log"; met "a job comes when its submission is over"

  for k in 1 2 3; do
    step & pid=$!
    sleep 0.$((RANDOM % 4)); kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
  done
  met "managers are killed"
done
rm slow
timeout 400 "$GM2" campaign step "$DB" small --loop 1 >>log 2>&1 || { tail -30 log; squeue; fail "not all is done"; }
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >out.txt || { cat out.txt; fail coverage; }
grep -q "$n_files subruns covered, 0 more than once, 0 missing" out.txt || { cat out.txt; fail coverage; }
n=$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d' ' -f1)
[ "$n" = "$n_files" ] || fail "$n products of $n_files files"
grep "in conflict" log && fail "a conflict"
[ "$kinds" -ge 10 ] || fail "only $kinds kinds of faults"
"$GM2" files audit "$DB" out >audit.txt 2>&1
echo "$injected faults of $kinds kinds; $("$GM2" campaign status "$DB" small --submissions | grep -c '_') submissions for $n_files files"
exit 0
