# A campaign on a real Slurm: the manager is killed at random moments, jobs are cancelled, the controller is away for a while; at the
# end every file is done once.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/slurm.sh"
DB=$PWD/prod.db
RANDOM=11
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 6 max_attempts: 50 executor: slurm sbatch: ["-t", "5"] ranks: 2
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)"
    max_submissions: 3 max_attempts: 50 executor: slurm sbatch: ["-t", "5"]
  }
}
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
for n in $(seq 16); do
  "$GM2" campaign step "$DB" small >>log 2>&1 &
  pid=$!
  sleep 0.$(printf %02d $((RANDOM % 60)))
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  [ $((n % 4)) = 0 ] && squeue -h -o %i | head -1 | xargs -r scancel
done
# nobody answers: nothing is started, nothing is given up
mkdir fake
for tool in squeue sbatch; do printf '#!/bin/sh\necho "Unable to contact slurm controller" >&2\nexit 1\n' >fake/$tool && chmod 755 fake/$tool; done
"$GM2" campaign status "$DB" small --submissions >before
PATH=$PWD/fake:$PATH "$GM2" campaign step "$DB" small >away 2>&1
"$GM2" campaign status "$DB" small --submissions >after
[ "$(grep -c ' Located ' after)" = "$(grep -c ' Located ' before)" ] || fail "something ended that nobody could ask after"
grep -q "no answer from slurm\|squeue ends" away || { cat away; fail "the silence is not told"; }
timeout 200 "$GM2" campaign step "$DB" small --loop 1 >>log 2>&1 || { tail -30 log; squeue; fail "not all is done"; }
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >out.txt || { cat out.txt; fail coverage; }
grep -q "6 subruns covered, 0 more than once, 0 missing" out.txt || { cat out.txt; fail coverage; }
n=$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d' ' -f1)
[ "$n" = 6 ] || fail "$n products of 6 files"
grep "in conflict" log && fail "a conflict"
exit 0
