# A simulation as one job of two ranks that takes longer than its time limit: Slurm's signal stops it (exit status 75), what is done
# stays, another submission does the rest. Nothing is done twice, and a stopped job that made something is no attempt.
# timeout: 400
# ranks: 2
. "$SOURCE/tests/slurm.sh"
DB=$PWD/prod.db
sed -i /^RequeueExit/d "$SLURM_CONF" && scontrol reconfigure || fail "reconfigure" # else the site's Slurm puts it back itself
# as many fills as two ranks of this machine need some 50 s for: the signal comes 20 s after the start
settings='"source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=150", "outputs.raw.max_subruns=0"'
begin=$(date +%s%N)
"$GM2" -c mdc1.fcl -n 60 -o try/x.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=150 \
  --set outputs.raw.max_subruns=0 >log 2>&1 || { cat log; fail "a job of 60 fills"; }
n_fills=$((60 * 50 * 2 * 1000000000 / ($(date +%s%N) - begin)))
cat >c.fcl <<FCL
campaign: { name: long output: "$PWD/out" }
stages: { generate: {
  config: "mdc1.fcl" fills: $n_fills ranks: 2 executor: slurm max_attempts: 2 sbatch: ["-t", "1", "--signal=USR1@40", "--no-requeue"]
  set: [$settings,
        "services.scheduler.drain_s=5", "services.scheduler.units_per_shard=1"]
} }
FCL
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
"$GM2" campaign step "$DB" long --loop 1 >loop 2>err || { cat loop err; fail "not all is done"; }
n=$("$GM2" files count "$DB" "data_tier reco" | cut -d' ' -f1)
[ "$n" = "$n_fills" ] || { tail -5 err; fail "$n products of $n_fills fills"; }
grep -q "in conflict" err && fail "a conflict"
query() { sqlite3 "$DB" "$1"; }
# 1500: Cancelled
[ "$(query "select count(*) from submissions where state = 1500 and exit_code = 75 and batch_state = 'FAILED'")" -ge 1 ] ||
  { query "select * from submissions"; fail "no submission was stopped by its time limit"; }
[ "$(query "select count(*) from submissions where state not in (1500, 8000)")" = 0 ] || fail "a submission failed"
exit 0
