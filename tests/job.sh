# Sourced by test scripts: a small but whole MDC1 job, and how to look at what it made.
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
mpirun_cmd=("${MPIEXEC:-mpirun}")

# small.fcl MUONS FILLS_PER_SUBRUN UNITS_PER_SHARD: every layer of mdc1.fcl, few muons
small_fcl() {
  cat >small.fcl <<FCL
#include "mdc1.fcl"
source.fills_per_subrun: $2
services.scheduler.units_per_shard: $3
services.scheduler.watchdog_s: ${WATCHDOG_S:-60}
services.scheduler.drain_s: ${DRAIN_S:-20}
physics.producers.gun.muons_per_fill: $1
outputs.raw.max_subruns: ${RAW_SUBRUNS:-0}
outputs.out.keep: [reco, hist, vertex]
FCL
}

# same_shards A B: the shards of two folders hold the same, dataset by dataset, and there are no other products
same_shards() {
  local a b n=0
  for a in "$1"/*_shard*.h5; do
    b=$2/$(basename "$a")
    [ -e "$b" ] || fail "$b is missing"
    h5diff -q "$a" "$b" || { h5diff -r "$a" "$b" | head -5; fail "$a and $b differ"; }
    n=$((n + 1))
  done
  [ "$n" = "$(ls "$2"/*_shard*.h5 | wc -l)" ] || fail "$2 has other shards than $1"
  ls "$2" | grep -qE '_r[0-9]+_s[0-9]+\.h5$|\.part$|\.damaged$' && { ls "$2"; fail "$2 holds leavings"; }
  return 0
}
