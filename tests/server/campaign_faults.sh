# Faults on a real Slurm, of sixteen kinds: jobs cancelled, killed, requeued, stopped, out of time, held; the node and the
# controller killed, hung and back; an answer of sbatch that is lost, a list of jobs that is empty for once, a job submitted twice, a
# job that comes when its submission is over, a full disk, managers killed at any moment. At the end every file is done once.
# Jobs wait for a word, so that each fault meets a job that really runs.
# GM2_ROUNDS: how often all of it (1; 5 make 80 faults).
# timeout: 600
# ranks: 2
. "$SOURCE/tests/slurm.sh"
show() { squeue; sinfo; tail -5 log; [ -z "${GM2_KEEP:-}" ] || cp -r "$lab" "$PWD" "$GM2_KEEP"; }
operator= full= # who brings back what is out of service (node, controller; not while there is `away`); a file system that is mounted
runs() { grep -q '^State:.[^Z]' "/proc/$1/status" 2>/dev/null; }
clean_up() {
  [ -z "$operator" ] || kill $operator
  [ -z "$full" ] || umount -l "$full"
  rm -f slow && find out -name taken -delete
  kill -CONT "$(cat "$lab/s/run/slurmctld.pid")" 2>/dev/null
}
DB=$PWD/prod.db ROUNDS=${GM2_ROUNDS:-1} real=$PATH node=$(hostname -s)
n_files=$((6 + 3 * ROUNDS))
RANDOM=5
cat >wait.sh <<SH
trap '[ -e taken ] || exit 75' TERM
trap '' USR1
echo \$\$ >waits
until [ -e go ] || [ ! -e $PWD/slow -a ! -e taken ]; do sleep 0.2; done
rm -f waits
trap - TERM USR1
SH
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
    setup: [". $PWD/wait.sh"]
    max_submissions: 3 max_attempts: 100 executor: slurm sbatch: ["-t", "20"]
  }
}
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
step() { timeout 150 "$GM2" campaign step "$DB" small >>log 2>&1 || fail "a pass ends with $?"; }
query() { sqlite3 -cmd '.timeout 60000' "$DB" "$1"; }
wait_for() { # WHAT COMMAND...
  local what=$1 end=$((SECONDS + 90))
  shift
  while [ $SECONDS -lt $end ]; do "$@" >/dev/null 2>&1 && return 0; sleep 0.3; done
  fail "waited in vain: $what"
}
until step && "$GM2" campaign status "$DB" small | grep -q "^generate .*complete"; do sleep 0.3; done
touch slow
while sleep 1; do # slurmctld 22.05 may fall when a node comes back whose jobs run twice
  [ ! -e away ] || continue
  runs "$(cat "$lab/s/run/slurmctld.pid")" || /usr/sbin/slurmctld
  squeue -h -t running -o '%A %o' | while read -r listed script; do # what has ended and is listed still
    [ -z "$(find "${script%/job.sh}" -name exit -mmin +1)" ] || scancel "$listed"
  done
  squeue -h -t pending -o '%A %r' | sed -n 's/ launch failed.*//p' | xargs -r -n 1 scontrol release # while an earlier life is there
  ! sinfo -h -o %t | grep -q "down\|drain\|drng\|unk" || scontrol update nodename="$node" state=resume
done >/dev/null 2>&1 &
operator=$!

# a job that runs, whose processes live and wait for a word: its number in $job, its folder in $folder
pick() {
  local script end=$((SECONDS + 120))
  while [ $SECONDS -lt $end ]; do
    step
    while read -r job script; do
      folder=${script%/job.sh}
      [ "$(cat "$folder/begun")" = "${job}_" ] && [ ! -e "$folder/taken" ] && kill -0 "$(cat "$folder/waits")" && return 0
    done 2>/dev/null < <(squeue -h -t running -o '%A %o')
    sleep 0.3
  done
  fail "no job runs"
}
pids() { scontrol listpids "$job" 2>/dev/null | awk 'NR > 1 && $1 > 1 { print $1 }'; }
kill_stepd() { # the parents of its processes that are slurmstepd
  local p n=0
  for p in $(pids | xargs -r -n 1 ps -o ppid= -p | sort -u); do
    [ "$(ps -o comm= -p "$p")" = slurmstepd ] && kill -9 "$p" && n=1
  done
  [ $n = 1 ]
}
is() { squeue -h -j "$job" -t "$1" -o %A | grep -q .; }
is_held() { [ "$(query "select count(*) from submissions where state = 5000 and batch_id = '$job' and reason <> ''")" = 1 ]; }
is_over() { ! is running,completing,pending; }
node_is_up() { sinfo -h -o %t | grep -qx 'idle\|mix\|alloc'; } # no star: it answers
injected=0
declare -A kind
met() { kind[$1]=1 injected=$((injected + 1)); echo "$SECONDS s, met: $1"; step; }

for round in $(seq "$ROUNDS"); do
  pick; touch "$folder/taken"; scontrol update jobid="$job" timelimit=1 || fail "no other time limit"; met "a job's time is over"
  timed=$job
  pick; scancel "$job"; met "a job is cancelled"
  pick; pids | xargs -r kill -9; wait_for "a killed job is over" is_over; met "a job is killed"
  pick; scontrol requeue "$job" || fail requeue; met "a job is requeued"
  pick; scancel -s TERM "$job"; met "a job is stopped, ends with 75, and Slurm runs it again"
  pick; scontrol requeuehold "$job" || fail requeuehold
  wait_for "a held job waits" is pending; met "a job is held"; is_held || fail "a held job is not Held"; scontrol release "$job"

  # Slurm goes on to list the job as running; its processes have nobody, live, and publish when the submission is over
  pick; kill_stepd || fail "no slurmstepd of job $job"; touch "$folder/taken"; met "slurmstepd is killed"
  scancel "$job"; wait_for "a job without slurmstepd is over" is_over; step; touch "$folder/go"

  pick; twin=$(sbatch --parsable -J "$(squeue -h -j "$job" -o %j)" -o "$folder/log" --open-mode=append "$folder/job.sh")
  wait_for "a second job of a submission" grep -q "^job ${twin}_: ${job}_ is at it already" "$folder/log"; met "a job is submitted twice"

  # sbatch does its work and says it has not; the next pass must find the job
  mkdir -p fake && rm -f fake/*
  printf '#!/bin/sh\nPATH=%s sbatch "$@" >>%s/submitted\necho "Socket timed out" >&2\nexit 1\n' "$real" "$PWD/fake" >fake/sbatch
  chmod 755 fake/sbatch
  pick; touch "$folder/go"; wait_for "a job ends" is_over
  PATH=$PWD/fake:$PATH step; rm fake/sbatch; [ -s fake/submitted ] || fail "nothing was submitted"; met "sbatch's answer is lost"

  pick; printf '#!/bin/sh\nexit 0\n' >fake/squeue && chmod 755 fake/squeue
  n=$(query "select count(*) from submissions where state in (1000, 3000, 4000, 5000)")
  PATH=$PWD/fake:$PATH step; rm fake/squeue
  [ "$(query "select count(*) from submissions where state in (1000, 3000, 4000, 5000)")" = "$n" ] || fail "a list of jobs that is empty once gives up jobs"
  met "squeue lists nothing for once"

  # the folder of a job's products is a file system without room
  pick; mkdir -p "$folder/products" && mount -t tmpfs -o size=16k none "$folder/products" || fail "no file system can be mounted"
  full=$folder/products; touch "$folder/go"; wait_for "a job on a full disk ends" test -e "$folder/exit"
  umount -l "$full"; full=
  [ "$(head -1 "$folder/exit")" != 0 ] || fail "a job on a full disk ends well"
  met "the disk is full"

  pick; scancel "$job"; wait_for "a cancelled job is over" is_over; step
  late=$(sbatch --parsable -o "$folder/log" --open-mode=append "$folder/job.sh")
  wait_for "a late job" grep -q "^job ${late}_: ${job}_ is at it already\|^job ${late}_ comes late" "$folder/log"
  met "a job comes when its submission is over"

  for k in 1 2 3; do
    "$GM2" campaign step "$DB" small >>log 2>&1 & pass=$!
    sleep 0.$((RANDOM % 4)); kill -9 $pass 2>/dev/null; wait $pass 2>/dev/null
  done
  met "managers are killed"

  wait_for "a job is out of time" sh -c "squeue -h -j $timed -t timeout | grep -q ."; step
  pick; touch away; kill -9 "$(cat "$lab/s/run/slurmd.pid")"; scontrol update nodename="$node" state=down reason=test
  step; sleep 0.5; step
  /usr/sbin/slurmd; rm away; wait_for "the node is back" node_is_up; met "slurmd is killed, its node is down, and back"

  pick; touch "$folder/go"; wait_for "a job ends" is_over # room for a new one
  touch away; step & pass=$!
  sleep 0.0$((RANDOM % 10)); kill -9 "$(cat "$lab/s/run/slurmctld.pid")"; wait $pass || fail "a pass while the controller is killed"
  step # nobody answers
  tail -20 log | grep -q "Slurm does not answer: .*connect" || fail "a pass does not say that Slurm does not answer"
  rm away; wait_for "the controller is back" scontrol ping; wait_for "the node is known" node_is_up
  met "slurmctld is killed while a pass submits, and is back"

  pick; touch away; kill -STOP "$(cat "$lab/s/run/slurmctld.pid")"; step; kill -CONT "$(cat "$lab/s/run/slurmctld.pid")"; rm away
  met "slurmctld hangs, and goes on"
done
rm slow
timeout 300 "$GM2" campaign step "$DB" small --loop 1 >>log 2>&1 || fail "not all is done: $?"
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >out.txt || { cat out.txt; fail coverage; }
grep -q "$n_files subruns covered, 0 more than once, 0 missing" out.txt || { cat out.txt; fail coverage; }
n=$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d' ' -f1)
[ "$n" = "$n_files" ] || fail "$n products of $n_files files"
grep "in conflict" log && fail "a conflict"
[ ${#kind[@]} = 16 ] || fail "${#kind[@]} kinds of faults"
[ "$(query "select count(*) from submissions where batch_state = 'TIMEOUT'")" -ge "$ROUNDS" ] || fail "fewer jobs were out of time than there should be"
echo "$injected faults of ${#kind[@]} kinds; $(query "select count(*) from submissions") submissions for $n_files files, $SECONDS s"
exit 0
