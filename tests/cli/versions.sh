# A new version recomputes beside the old, never over it: two releases, two tags of constants, a dirty build; names differ,
# each version is done once, and going back to an old one finds everything done.
# timeout: 120
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod) A=$BUILD/tests/gm2_v7_03_00 B=$BUILD/tests/gm2_v7_03_01
"$GM2" -c mdc1.fcl -n 2 -o raw/x.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=-1 --set services.scheduler.units_per_shard=1 >log 2>&1 || { cat log; fail "raw files"; }
"$GM2" files init "$DB" && "$GM2" files declare "$DB" raw/*.mid >/dev/null || fail "the catalogue"
"$GM2" cond init cond.db || fail "the constants"
for t in pass1 pass2; do
  "$GM2" cond tag cond.db $t --from head --author me --comment test >/dev/null || fail "tag $t"
done
write() { # PROGRAM TAG
  cat >c.fcl <<FCL
campaign: { name: v output: "$PWD/out" gm2: "$1" }
stages: { reco: {
  config: "reco.fcl" dataset: "data_tier raw"
  set: ["services.conditions.database=\"$PWD/cond.db\"", "services.conditions.tag=$2"]
} }
FCL
}
do_all() { # PROGRAM TAG
  write "$1" "$2"
  "$GM2" campaign start "$DB" c.fcl >/dev/null && "$GM2" campaign step "$DB" v --loop 0.2 >loop 2>err || { cat loop err out/*/*/log; fail "$1 $2"; }
  grep -q "all is done" loop || { cat loop err; fail "$1 $2"; }
}
count() { "$GM2" files count "$DB" "data_tier reco" | cut -d' ' -f1; }
do_all "$A" pass1; same "$(count)" 2 "the first version"
do_all "$B" pass1; same "$(count)" 4 "another release"
do_all "$B" pass2; same "$(count)" 6 "other constants"
do_all "" pass2;   same "$(count)" 8 "a build that is no release"
do_all "$A" pass1; same "$(count)" 8 "back to the first: all is done"
same "$("$GM2" files count "$DB" "data_tier reco and version v7_03_01" | cut -d' ' -f1)" 4 "of one release"
same "$(ls out | wc -l)" 4 "a folder a version"
same "$(find out -name '*.h5' -printf '%f\n' | sort | uniq -d | wc -l)" 0 "names that come twice"
same "$("$GM2" campaign status "$DB" v --submissions | grep -c Located)" 1 "submissions of this version"
# the identity that the program itself would give its products, by the program that runs the jobs
id=$("$A" fcl id reco.fcl --set services.conditions.database="\"$PWD/cond.db\"" --set services.conditions.tag=pass1 --out flat.fcl)
same "$id" "$("$A" fcl id flat.fcl)" "a flattened configuration is the same"
same "${id#* }" pass1 "the tag"
same "$("$GM2" files count "$DB" "gm2.fcl_hash ${id% *}" | cut -d' ' -f1)" 4 "by identity: two releases"
# %(version)s is the release of the program that runs the jobs
write "$A" pass2; sed -i 's/config: "reco.fcl"/config: "reco.fcl" setup: ["echo release %(version)s"]/' c.fcl
"$GM2" campaign show "$DB" c.fcl reco >shown && grep -q "release v7_03_00" shown || { cat shown; fail "%(version)s"; }
# a program that is none, and one that does not say its version
write "$PWD/nothing" pass1; "$GM2" campaign start "$DB" c.fcl 2>err; same $? 29 "no such program"
write /bin/true pass1; "$GM2" campaign start "$DB" c.fcl 2>err && fail "true is no gm2"
grep -q "does not say\|--version says" err || { cat err; fail "words"; }
exit 0
