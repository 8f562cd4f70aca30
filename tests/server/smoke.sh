# The smoke test of a new site, on a Slurm of our own; the site file; arrays and lives without progress of the batch script. It finds
# fault where there is some.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/slurm.sh"
. "$SOURCE/tests/job.sh"
"$SOURCE/slurm/smoke-test" --site "$SOURCE/slurm/site.example" --gm2 "$GM2" --scratch "$PWD/scratch" >table 2>err ||
  { cat table err scratch/*/batch.log; fail "the smoke test fails where all is well"; }
for what in gm2 "no file is replaced" fsync sbatch launcher "1 and 2 ranks alike" memory "HDF5 by several" "killed and resumed" signal requeue; do
  grep -q "^$what.* pass" table || { cat table; fail "no word of: $what"; }
done
[ -z "$(ls scratch)" ] || fail "leavings in scratch"
# a launcher that starts two jobs of one rank each is found
sed 's/^export GM2_SRUN=.*/export GM2_SRUN="srun --mpi=none"/' "$SOURCE/slurm/site.example" >site.bad
"$SOURCE/slurm/smoke-test" --site site.bad --gm2 "$GM2" --scratch "$PWD/scratch" >table 2>err && { cat table; fail "a bad launcher is not found"; }
grep -q "^launcher .*FAIL .*--mpi" table || { cat table; fail "words about the launcher"; }

# an array of the batch script: every file of a list once, among the elements
export GM2
RAW_SUBRUNS=-1 small_fcl 20 1 100
"$GM2" -c small.fcl -n 5 -o sim/x.h5 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail simulation; }
ls "$PWD"/sim/*.mid >raw.txt
"$GM2" -c reco.fcl -S raw.txt -o whole/y.h5 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail reco; }
job=$(sbatch --parsable -a 3-5%2 -n 1 -o "$PWD/a_%a.log" "$SOURCE/slurm/gm2.sbatch" -c reco.fcl -S raw.txt -o "$PWD/parts/y.h5" \
  --set services.scheduler.units_per_shard=1) || fail "sbatch of an array"
for ((t = 0; t < 600; t++)); do [ -z "$(squeue -h -j "$job" 2>/dev/null)" ] && break; sleep 0.2; done
[ "$(cat parts/piece*/list.txt | sort)" = "$(sort raw.txt)" ] || { cat a_*.log; fail "the pieces are not the list"; }
[ "$(ls parts/piece*/*.h5 | wc -l)" = 5 ] || { ls parts/*; cat a_*.log; fail "products of the array"; }
for f in parts/piece*/*.h5; do h5diff -q "$f" whole/"$(basename "$f")" || fail "$f differs"; done

# lives that publish nothing: two, then it gives up
printf '#!/bin/sh\nexit 75\n' >idle && chmod 755 idle
job=$(GM2=$PWD/idle sbatch --parsable -n 1 -o "$PWD/idle.log" "$SOURCE/slurm/gm2.sbatch" -c x -o "$PWD/idle.out/x.h5") || fail sbatch
mkdir -p idle.out
for ((t = 0; t < 600; t++)); do
  state=$(scontrol show job "$job" -o | grep -o 'JobState=[A-Z]*')
  [ "$state" = JobState=FAILED ] && break
  sleep 0.2
done
grep -q "two lives in a row" idle.log || { cat idle.log; fail "a job without progress goes on: $state"; }
exit 0
