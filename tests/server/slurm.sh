# Under a real Slurm: srun starts all ranks; SIGTERM and SIGUSR1 drain and give 75; a step without MPI launcher is refused;
# the batch script is put back into the queue by itself and the job ends with everything made once.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/slurm.sh"
. "$SOURCE/tests/job.sh"
DRAIN_S=5 small_fcl 200 2 4
"$GM2" -c small.fcl -n 40 -o ref/x.h5 >log 2>&1 || { cat log; fail "undisturbed run"; }

srun -n 2 "$GM2" -c small.fcl -n 40 -o srun/x.h5 >log 2>&1 || { cat log; fail "srun"; }
grep -q "2 ranks" log || { cat log; fail "srun did not make 2 ranks"; }
same_shards ref srun

srun --mpi=none -n 3 "$GM2" -c small.fcl -n 40 -o none/x.h5 >log 2>&1
rc=$?
[ $rc = 88 ] || { cat log; fail "a step of 3 tasks without launcher: exit $rc, 88 expected"; }
[ ! -e none ] || fail "it began to work"

for signal in TERM USR1; do
  rm -rf out
  srun -n 2 "$GM2" -c small.fcl -n 80 -o out/x.h5 >log 2>&1 &
  pid=$!
  for ((t = 0; t < 3000; t++)); do ls out/*_r*.h5 >/dev/null 2>&1 && break; sleep 0.02; done
  step=$(squeue -h -s -o %i | grep -v -E 'extern|batch' | head -1)
  scancel -s $signal "$step"
  wait $pid
  rc=$?
  [ $rc = 75 ] || { cat log; fail "$signal to the step: exit $rc, 75 expected"; }
  srun -n 2 "$GM2" -c small.fcl -n 80 -o out/x.h5 >log 2>&1 || { cat log; fail "resume after $signal"; }
  ls out | grep -qE '_r[0-9]+_s|\.part$' && fail "leavings after $signal"
done

# the batch script: stopped once by a signal, requeued, done; a job that depends on it begins when it is done, not when it was stopped
rm -rf out
export GM2
job=$(sbatch --parsable -n 2 -o "$PWD/batch.log" "$SOURCE/slurm/gm2.sbatch" -c "$PWD/small.fcl" -n 40 -o "$PWD/out/x.h5") || fail "sbatch"
next=$(sbatch --parsable -n 1 -t 5 --dependency=afterok:"$job" -o "$PWD/next.log" "$SOURCE/slurm/gm2.sbatch" -c "$PWD/small.fcl" -n 4 -o "$PWD/next/x.h5") || fail "sbatch of the next"
for ((t = 0; t < 600; t++)); do ls out/*_r*.h5 >/dev/null 2>&1 && break; sleep 0.05; done
scancel -s USR1 "$job"
for ((t = 0; t < 900; t++)); do
  state=$(scontrol show job "$job" -o | grep -o 'JobState=[A-Z]*')
  [ "$state" = JobState=COMPLETED ] && break
  [ ! -e next.log ] || { cat batch.log next.log; fail "the next job began while the first was $state"; }
  case $state in *FAILED | *CANCELLED | *TIMEOUT) cat batch.log; fail "the batch job ended as $state" ;; esac
  sleep 0.1
done
[ "$state" = JobState=COMPLETED ] || { cat batch.log; squeue; fail "the batch job did not complete: $state"; }
scontrol show job "$job" -o | grep -q 'Restarts=1' || { cat batch.log; fail "the batch job was not requeued"; }
same_shards ref out
for ((t = 0; t < 900; t++)); do
  state=$(scontrol show job "$next" -o | grep -o 'JobState=[A-Z]*')
  [ "$state" = JobState=COMPLETED ] && break
  sleep 0.1
done
[ "$state" = JobState=COMPLETED ] && ls next/*.h5 >/dev/null || { cat next.log; squeue; fail "the next job did not complete: $state"; }
exit 0
