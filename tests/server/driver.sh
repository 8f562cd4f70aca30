# A campaign without a manager outside: a job of Slurm makes the passes, is stopped by its time limit's signal, and goes on.
# timeout: 200
# ranks: 2
. "$SOURCE/tests/slurm.sh"
export GM2
DB=$PWD/prod.db
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 4 executor: slurm sbatch: ["-t", "5"]
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)"
    max_submissions: 2 array: 2 executor: slurm sbatch: ["-t", "5"] max_attempts: 20
  }
}
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
job=$(sbatch --parsable -t 10 -o "$PWD/driver.log" "$SOURCE/slurm/campaign.sbatch" "$DB" small 0.5) || fail sbatch
for ((t = 0; t < 900; t++)); do ls out/*/*/job.sh >/dev/null 2>&1 && break; sleep 0.1; done
scancel -b -s TERM "$job"
for ((t = 0; t < 600; t++)); do
  state=$(scontrol show job "$job" -o | grep -o 'JobState=[A-Z]*' | cut -d= -f2)
  [ "$state" = COMPLETED ] && break
  case $state in FAILED | CANCELLED | TIMEOUT) break ;; esac
  sleep 0.2
done
[ "$state" = COMPLETED ] || { cat driver.log; squeue; fail "the driver ends as $state"; }
grep -q "back to the queue" driver.log && scontrol show job "$job" -o | grep -q 'Restarts=1' || { cat driver.log; fail "it was not put back"; }
grep -q "all is done" driver.log || { cat driver.log; fail "not all is done"; }
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >cover || { cat cover; fail coverage; }
grep -q "4 subruns covered, 0 more than once, 0 missing" cover || { cat cover; fail coverage; }
exit 0
