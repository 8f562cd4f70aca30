# What keeps stages waiting, with jobs on a real Slurm: a hold, a schedule and a launch by hand, a canary whose memory the rest asks
# for, an approval, a test launch, a stage that is killed and released. At the end every file is done once.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/slurm.sh"
show() { squeue -t all; sinfo; tail -5 log; sqlite3 "$DB" "select * from submissions"; }
DB=$PWD/prod.db
campaign() { "$GM2" campaign "$1" "$DB" small "${@:2}"; }
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
job_types: { reco: { config: "reco.fcl" } }
defaults: { executor: slurm sbatch: ["-t", "5"] }
stages: {
  generate: { stage_type: generator config: "mdc1.fcl" fills: 2 launches: 2 every: "1h"
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"] }
  reco: { job_type: reco needs: [generate] dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)" canary: 1 memory_mb: 1900
    test: { set: ["process_name=trial"] split: "nfiles(3)" } }
  checked: { stage_type: approval needs: [reco] }
  again: { job_type: reco set: ["process_name=again"] needs: [checked] dataset: "%(stage.generate)s and data_tier raw"
    split: "nfiles(2)" max_submissions: 2 setup: ["touch waits; until [ -e $PWD/go ]; do sleep 0.2; done"] }
}
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
step() { timeout 100 "$GM2" campaign step "$DB" small >pass 2>>log || fail "a pass ends with $?"; }
jobs_of() { squeue -h -t all -o "%o" | grep -c "/$1_"; }
files() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
n_files() { [ "$(files "$1")" = "$2" ]; }

# a hold before anything, a schedule, and a launch by hand before its time
campaign hold --why "pool is full" --user ann >/dev/null || fail hold
step; step
same "$(squeue -h -t all | wc -l)" 0 "jobs of what is held"
campaign release >/dev/null || fail release
campaign hold reco --why "pool is full" --user ann || fail "hold of a stage"
step_until "the first launch" n_files "data_tier raw" 2
step
same "$(jobs_of generate)" 1 "launches in an hour"
has pass "generate: not before" "why nothing starts"
campaign launch generate >shown || fail launch
has shown started "launched by hand"
step_until "the launch by hand" n_files "data_tier raw" 4
step_until "all launches" grep -q "^generate .*complete" pass
has pass "reco: held by ann: pool is full" "who holds it and why"
same "$(jobs_of reco)" 0 "jobs of a stage that is held"

# a test launch of what is held, then the canary alone, and the rest with what it measured
campaign release reco || fail release
campaign launch reco --test >shown || fail "launch --test"
step_until "the test" n_files "gm2.process_name trial" 3
step
same "$(squeue -h -t all -o %o | grep -c "/reco_.*canary")" 1 "canaries"
step_until "the canary's end" n_files "gm2.process_name reco" 1
step_until "the rest" n_files "gm2.process_name reco" 4
memory() { # of the jobs whose folder is like this
  scontrol show job -o | grep "Command=[^ ]*/reco_[^ ]*/$1" | grep -o 'MinMemoryCPU=[0-9.]*[MG]' | sort -u | sed 's/.*=//'
}
same "$(memory '[0-9]*_canary')" 1900M "memory of the canary"
case $(memory '[0-9]*_slice') in [1-9]M | [1-9][0-9]M | [1-9][0-9][0-9]M) ;; *) fail "memory of the rest: $(memory '[0-9]*_slice')" ;; esac

# an approval
step_until "an approval is asked for" grep -q "checked: awaits approval" pass
same "$(jobs_of again)" 0 "jobs before the approval"
campaign approve checked --comment "plots look good" --user ann || fail approve

# killed while its jobs run, and released
step_until "two jobs run" sh -c '[ $(ls out/again_*/*/waits | wc -l) = 2 ]'
campaign kill again >shown || fail kill
has shown "2 submissions were asked to stop; the stage is held" "words of a kill"
step_until "the jobs are cancelled" sh -c '[ -z "$(squeue -h -t running,completing,pending)" ]'
step; step
same "$(sqlite3 "$DB" "select group_concat(state || ' ' || batch_state, ', ') from (select * from submissions order by id desc limit 2)")" \
  "1500 CANCELLED, 1500 CANCELLED" "killed submissions"
has pass "again: held by .*: killed" "held"
touch go
campaign release again || fail release
timeout 100 "$GM2" campaign step "$DB" small --loop 0.5 >pass 2>>log || fail "not all is done"
has pass "all is done" "the end"
for name in reco again; do
  same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name $name" --wanted "data_tier raw")" \
    "4 subruns covered, 0 more than once, 0 missing" "$name"
done
same "$(files "gm2.process_name again")" 4 "a file an input"
exit 0
