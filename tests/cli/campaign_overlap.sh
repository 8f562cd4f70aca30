# Items of a list whose datasets share files: of one version each file is done once, and plan names them; items with settings of their own do
# all theirs; so do two campaigns.
# timeout: 100
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
"$GM2" -c mdc1.fcl -n 6 -o raw/x.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=-1 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail "raw files"; }
"$GM2" files init "$DB" && "$GM2" files declare "$DB" raw/*.mid >/dev/null || fail "the catalogue"
"$GM2" files define "$DB" low "run_number 1.0,1.1,1.2,1.3 and data_tier raw" >/dev/null && "$GM2" files define "$DB" high "run_number 1.2,1.3,1.4,1.5 and data_tier raw" >/dev/null || fail define
write() { # NAME SET
  cat >$1.fcl <<FCL
campaign: { name: $1 output: "$PWD/out_$1" }
stages: { reco: { config: "reco.fcl" split: list dataset: "low, high" set: [$2] } }
FCL
}
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
write a ""; write b ""
"$GM2" campaign plan "$DB" a.fcl >plan || fail plan
grep -q "^reco.low and reco.high: 2 files are in both datasets (gm2_run00001_00002.mid ...), and their version is the same" plan || { cat plan; fail "words"; }
"$GM2" campaign start "$DB" a.fcl >/dev/null && "$GM2" campaign start "$DB" b.fcl >/dev/null || fail start
"$GM2" campaign step "$DB" a --loop 0.2 >loop.a 2>&1 & one=$!
"$GM2" campaign step "$DB" b --loop 0.2 >loop.b 2>&1 || { cat loop.b; fail "the second campaign"; }
wait $one || { cat loop.a; fail "the first campaign"; }
grep -q "all is done" loop.a && grep -q "all is done" loop.b || { cat loop.a loop.b; fail "not all is done"; }
same "$(count "data_tier reco")" 6 "each file once, of four items in two campaigns"
same "$("$GM2" files coverage "$DB" "data_tier reco" --wanted "data_tier raw")" "6 subruns covered, 0 more than once, 0 missing" coverage
# settings of their own: versions of their own
write c '"process_name=%(item)s"'
"$GM2" campaign plan "$DB" c.fcl >plan && ! grep -q "in both datasets" plan || { cat plan; fail "they differ"; }
"$GM2" campaign start "$DB" c.fcl >/dev/null && "$GM2" campaign step "$DB" c --loop 0.2 >loop 2>&1 || { cat loop; fail "items that differ"; }
same "$(count "gm2.process_name low") $(count "gm2.process_name high")" "4 4" "each does all its files"
exit 0
