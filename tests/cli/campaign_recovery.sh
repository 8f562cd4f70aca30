# Recoveries by POMS's kinds: tried in order, with their overrides; what has a product is not run again; what no kind selects
# is parked for a human.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
sed 's/source: { module_type: RawInput }/source: { module_type: RawInput truncated: "error" }/' "$SOURCE/jobs/fcl/reco.fcl" >strict.fcl
write() { # NAME OF THE PROCESS, RECOVERIES
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
job_types: { strict: { config: "$PWD/strict.fcl" max_attempts: 3 recoveries: $2 } }
defaults: { job_type: strict }
stages: {
  generate: { config: "mdc1.fcl" fills: 8 recoveries: []
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"] }
  reco: { needs: [generate] dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(4)" set: ["process_name=$1"] }
}
FCL
  "$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start $1"
}
names() { "$GM2" campaign status "$DB" small --submissions | awk '$1 == "reco" && $2 ~ /^0/ { sub(/^[0-9]*_/, "", $2); printf "%s ", $2 }'; }
"$GM2" files init "$DB" || fail "files init"
write first '[[pending_files, ["memory_mb=1500"]], [process_status, ["max_submissions=2"]]]'
"$GM2" campaign step "$DB" small >/dev/null 2>&1
for i in $(seq 450); do [ -e out/generate_*/*/exit ] && break; sleep 0.2; done
"$GM2" campaign hold "$DB" small reco --why test && "$GM2" campaign step "$DB" small >/dev/null 2>&1
truncate -s 3000 "$(find out -name '*00001_00001*.mid' | head -1)"
"$GM2" campaign release "$DB" small reco
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err && fail "a damaged file, yet all is done"
grep -q "^reco .*parked" loop || { cat loop err; fail "parked at max_attempts"; }
id=$("$GM2" campaign status "$DB" small --submissions | grep -o '[0-9]*_slice0' | cut -d_ -f1)
same "$(names)" "slice0 recover$((10#$id))_0 recover$((10#$id + 1))_1 " "the order of recoveries"
same "$("$GM2" campaign status "$DB" small --submissions | awk '$2 ~ /recover/ { print $4 }' | sort -u)" 1 "only what has no product"
same "$("$GM2" files count "$DB" "gm2.process_name first" | cut -d, -f1)" "3 files" "the others are done once"

# a kind that selects nothing of it: added_files; parked at once, and tried again by hand
write second '[[added_files]]'
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err && fail "a damaged file, yet all is done"
grep -q "no recovery selects the 1 files" err || { cat loop err; fail "words of what no recovery selects"; }
case $(names) in *recover*) fail "added_files selects what was tried: $(names)" ;; esac
"$GM2" campaign retry "$DB" small reco || fail retry
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err
same "$(names)" "slice0 slice1 " "tried again by hand"
same "$("$GM2" files count "$DB" "gm2.process_name second" | cut -d, -f1)" "3 files" "the others are done once"
exit 0
