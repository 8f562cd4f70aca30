# The description changes while jobs run: another release, another folder, a stage that is gone. The jobs are asked after, what they
# make is declared under their own version, they are shown, they can be killed; nothing is doubled, nothing is lost.
# timeout: 120
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod) A=$BUILD/tests/gm2_v7_03_00 B=$BUILD/tests/gm2_v7_03_01
"$GM2" -c mdc1.fcl -n 4 -o raw/x.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=-1 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail "raw files"; }
"$GM2" files init "$DB" && "$GM2" files declare "$DB" raw/*.mid >/dev/null || fail "the catalogue"
write() { # PROGRAM STAGE FOLDER MARK: jobs wait for the file MARK
  cat >c.fcl <<FCL
campaign: { name: v output: "$PWD/$3" gm2: "$1" }
stages: { $2: {
  config: "reco.fcl" dataset: "data_tier raw" split: "nfiles(1)" max_submissions: 2
  setup: ["while [ ! -e $PWD/$4 ]; do sleep 0.1; done"]
} }
FCL
  "$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start $*"
}
step() { "$GM2" campaign step "$DB" v "$@" >loop 2>err || { cat loop err; fail "a pass: $*"; }; }
finish() { step --loop 0.2; grep -q "all is done" loop || { cat loop err; fail "not all is done: $1"; }; }
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
state() { "$GM2" campaign status "$DB" v --submissions | grep -c "$1"; }
: >now
write "$A" reco out go; step; step
# another release while two run: it does all anew, and the two are not forgotten
write "$B" reco out now; step
"$GM2" campaign status "$DB" v >status || fail status
grep -q "^2 submissions of earlier versions" status && grep -q "000001_.*Running .* reco of version v7_03_00 " status || { cat status; fail "they are not shown"; }
"$GM2" campaign report "$DB" v -o site >/dev/null || fail report
grep -q "id=older" site/v/index.html && same "$(grep -c "<td class=c>v7_03_00 " site/v/index.html)" 2 "they are not on the page"
grep -q "<td class=c>v7_03_00 .*</td><td>2</td><td>0</td>" site/v/reco.html || fail "the other version is not on the stage's page"
"$GM2" campaign status "$DB" v reco | grep -q "^other version *v7_03_00 .*: 2 submissions, 0 of them done" || fail "nor on its card"
"$GM2" campaign status "$DB" v --json | grep -q '"version":	"v7_03_00 ' || fail "they are not in the JSON"
for i in $(seq 100); do sleep 0.3; step; grep -q "^reco .* complete" loop && break; done
grep -q "2 submissions of earlier versions" loop && ! grep -q "all is done" loop || { cat loop; fail "done too early"; }
same "$(count "data_tier reco and version v7_03_01")" 4 "the new version, while the old ones run"
: >go; finish "after the change"
same "$(count "data_tier reco and version v7_03_00")" 2 "products of the old version"
same "$(count "data_tier reco and version v7_03_01")" 4 "products of the new version"
"$GM2" campaign status "$DB" v >status && ! grep -q "earlier versions" status || { cat status; fail "still shown"; }
# back to the old one: the two files that are left, no more
write "$A" reco out now; finish "back"
same "$(count "data_tier reco and version v7_03_00")" 4 "the old version is complete"
same "$(state Located)" 4 "submissions of the old version"

# a job of a version that was given up is killed; and one of a stage that is gone
write "" reco out never; step; step
write "$B" other out now; finish_all() { step --loop 0.2; }
"$GM2" campaign status "$DB" v >status; grep -q "^2 submissions of earlier" status || { cat status; fail "of a stage that is gone"; }
one=$(grep -o "^  0[0-9]*_slice[0-9]*" status | head -1 | tr -d ' ') two=$(grep -o "^  0[0-9]*_slice[0-9]*" status | tail -1 | tr -d ' ')
[ "$one" != "$two" ] || fail "two are shown"
"$GM2" campaign kill "$DB" v "$one" >out.txt || fail "kill $one"
"$GM2" campaign kill "$DB" v >out.txt || fail "kill all"
"$GM2" campaign release "$DB" v || fail release
finish "after the kill"
"$GM2" campaign kill "$DB" v "$one" 2>err && fail "$one is over"
grep -q "no submission $one runs" err || { cat err; fail words; }

# the folder of the products is another one: not started twice
write "$A" reco2 out wait; sed -i 's/reco.fcl/mine.fcl/' c.fcl
printf '#include "reco.fcl"\nprocess_name: mine\n' >mine.fcl; export FHICL_FILE_PATH=$PWD:$FHICL_FILE_PATH
step; step
sed -i "s|$PWD/out\"|$PWD/out2\"|; s/$PWD\/wait/$PWD\/now/" c.fcl 2>/dev/null || sed -i "s|$PWD/out\"|$PWD/out2\"|; s|$PWD/wait|$PWD/now|" c.fcl
step
"$GM2" campaign status "$DB" v >status; grep -q "^2 submissions of earlier .*folders" status || { cat status; fail "moved ones are not shown"; }
: >wait; finish "another folder"
same "$(count "gm2.process_name mine")" 4 "products after the folder has changed"
same "$(find out out2 -name '*.h5' -path '*reco2*' | wc -l)" 4 "nothing was made twice"
exit 0
