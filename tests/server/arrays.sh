# Arrays on a real Slurm: several submissions by one sbatch; answers of sbatch are lost, jobs are refused and submitted twice,
# an element is cancelled; at the end every file is done once, and the ledger has Slurm's words and what was used.
# timeout: 200
# ranks: 2
. "$SOURCE/tests/slurm.sh"
DB=$PWD/prod.db real=$(command -v sbatch)
write() { # OPTIONS OF SBATCH
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 8
    set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(1)"
    max_submissions: 8 max_attempts: 50 array: 5 array_running: 2 executor: slurm sbatch: [$1]
  }
}
FCL
}
query() { sqlite3 "$DB" "$1"; }
"$GM2" files init "$DB" || fail init
write '"-t", "5", "--qos=debug"'
"$GM2" campaign start "$DB" c.fcl >log 2>&1 && fail "a production in the QOS debug"
grep -q "QOS debug" log || { cat log; fail "words about the QOS debug"; }
write '"-t", "5"'
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
# sbatch refuses: nothing is lost, nothing fails, the words are kept
mkdir fake
printf '#!/bin/sh\necho "sbatch: error: AssocMaxSubmitJobLimit" >&2\necho "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy" >&2\nexit 1\n' >fake/sbatch
chmod 755 fake/sbatch
for _ in $(seq 300); do
  PATH=$PWD/fake:$PATH "$GM2" campaign step "$DB" small >log 2>&1 || { cat log; fail "a pass whose jobs are refused"; }
  grep -q "not accepted" log && break
  sleep 0.2
done
grep -q "not accepted" log || { cat log; fail "nobody says that Slurm refuses"; }
query "select batch_reason from submissions where batch_state = 'NOT_ACCEPTED'" | grep -q AssocMaxSubmit || fail "the reason is not kept"
"$GM2" campaign status "$DB" small --submissions 2>/dev/null | grep -q "NOT_ACCEPTED: .*AssocMaxSubmit" || fail "status does not tell the reason"
# sbatch works, but its answer does not arrive; the one after says nothing and exits well
printf '#!/bin/sh\n%s "$@" >/dev/null\nexit 1\n' "$real" >fake/sbatch
PATH=$PWD/fake:$PATH "$GM2" campaign step "$DB" small >log 2>&1 || { cat log; fail "a pass whose answers are lost"; }
# a twin of a job that waits or runs: it does nothing
for f in out/*/*/job.sh; do [ -e "${f%job.sh}begun" ] || { "$real" --parsable -o /dev/null "$f" >/dev/null; break; }; done
"$GM2" campaign step "$DB" small >/dev/null 2>&1
squeue -r -h -o %i | head -1 | xargs -r scancel # one element of it
"$GM2" campaign step "$DB" small --loop 0.5 >loop 2>err || { cat loop err; fail "not all is done"; }
"$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" >cover || { cat cover; fail coverage; }
grep -q "8 subruns covered, 0 more than once, 0 missing" cover || { cat cover; fail coverage; }
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d' ' -f1)" 8 "products"
[ "$(query "select count(*) from submissions where batch_id like '%\_%' escape '\'")" -ge 2 ] || { query "select id, state, batch_id from submissions"; fail "there was no array"; }
same "$(query "select count(*) from submissions where state = 8000 and (cpu_s is null or wall_s is null or max_rss_kb is null or
  begin_s is null or end_s is null or exit_code <> 0 or batch_state <> 'COMPLETED')")" 0 "what good submissions used is known"
# of two jobs with one folder the second does nothing, nor one that comes when the submission is over
f=$(ls "$PWD"/out/reconstruct*/*/job.sh | head -1) folder=$(dirname "$f")
before=$(cat "$folder/exit")
"$real" --wait -o /dev/null "$f" >/dev/null || fail "a twin fails"
grep -q "is at it already" "$folder/log" || { cat "$folder/log"; fail "a twin runs"; }
rm "$folder/begun"
"$real" --wait -o /dev/null "$f" >/dev/null || fail "a late job fails"
grep -q "comes late" "$folder/log" || { cat "$folder/log"; fail "a late job runs"; }
same "$(cat "$folder/exit")" "$before" "what the first left"
exit 0
