# gm2 fcl: dump, expand, get; what a mistake is told, and the exit codes.
set -eu
. "$SOURCE/tests/check.sh"
cat > base.fcl <<'F'
BEGIN_PROLOG
standard_gun: { module_type: GasGun muons: 5.0e3 }
END_PROLOG
F
cat > job.fcl <<'F'
#include "base.fcl"
process_name: test
physics: { producers: { gun: @local::standard_gun } path: [ gun ] }
physics.producers.gun.muons: 0x10
F
want='physics:{path:["gun"] producers:{gun:{module_type:"GasGun" muons:16}}} process_name:"test"'
[ "$("$GM2" fcl dump job.fcl --canonical)" = "$want" ] || fail "canonical"
[ "$("$GM2" fcl dump job.fcl --id)" = "$(printf %s "$want" | sha1sum | cut -d' ' -f1)" ] || fail "id"
"$GM2" fcl dump job.fcl > dumped.fcl
[ "$("$GM2" fcl dump dumped.fcl --canonical)" = "$want" ] || fail "the dump reads back"
"$GM2" fcl expand job.fcl > expanded.fcl
grep -q 'module_type: "GasGun" *# ./*base.fcl:2$\|module_type: "GasGun" *# base.fcl:2$' expanded.fcl || fail "origin of an included value"
grep -q 'muons: 16 *# job.fcl:4$' expanded.fcl || fail "origin of an override"
[ "$("$GM2" fcl get job.fcl physics.producers.gun.muons)" = 16 ] || fail "get number"
[ "$("$GM2" fcl get job.fcl 'physics.path[0]')" = gun ] || fail "get string"
printf 'process_name: other\n' > over.fcl
[ "$("$GM2" fcl get 'job.fcl;over.fcl' process_name)" = other ] || fail "chain"
mkdir -p lib && mv base.fcl lib && [ "$(FHICL_FILE_PATH=/nowhere:$PWD/lib "$GM2" fcl dump job.fcl --canonical)" = "$want" ] || fail "path"

expect() { # status, words, arguments...
    status=0 words=$2 want_status=$1
    shift 2
    "$GM2" "$@" > out 2> err || status=$?
    [ $status = "$want_status" ] || fail "gm2 $*: exit status $status, wanted $want_status: $(cat err)"
    grep -qF -- "$words" err || fail "gm2 $*: message lacks '$words': $(cat err)"
    [ ! -s out ] || fail "gm2 $*: wrote to stdout"
}
printf 'a: 1\n  b: [1, 2\n' > bad.fcl
expect 90 'line 2, character 6, of file "bad.fcl"' fcl dump bad.fcl
expect 90 '     ^' fcl dump bad.fcl
expect 20 '"base.fcl" is neither in FHICL_FILE_PATH' fcl dump job.fcl
expect 20 'none.fcl' fcl dump none.fcl
expect 29 'did you mean "process_name"' fcl get over.fcl proces_name
expect 88 'gm2 fcl dump' fcl dump
expect 88 'gm2 fcl dump' fcl undo over.fcl
"$GM2" fcl --help | grep -q expand || fail "help"

# a job's errors name the user's file and line, also for included text
printf 'BEGIN_PROLOG\ng: { module_type: GasGun\n  muon_per_fill: 3 }\nEND_PROLOG\n' > gun.fcl
cat > wrong.fcl <<'F'
#include "gun.fcl"
source: { module_type: EmptyFill }
physics: { producers: { gun: @local::g } simulate: [gun] trigger_paths: [simulate] }
F
expect 91 'gun.fcl:3: unknown key "muon_per_fill" in physics.producers.gun; did you mean "muons_per_fill"?' \
    -c wrong.fcl -n 1 --validate-config
