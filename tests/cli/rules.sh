# rules: production: what is refused, each by its name, with nothing started; accepted in a clean clone of what was pushed. The
# commit of the configurations is in the ledger and in the products.
# timeout: 120
. "$SOURCE/tests/check.sh"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_GLOBAL=/dev/null
unset GIT_DIR GIT_WORK_TREE
DB=$("$SOURCE/tests/database" prod) RELEASED=$BUILD/tests/gm2_v7_03_00 OTHER=$BUILD/tests/gm2_v7_03_01
"$GM2" files init "$DB" || fail init
git init -q --bare remote.git && git init -q -b main work && git -C work remote add origin ../remote.git || fail git
cp "$SOURCE"/jobs/fcl/*.fcl work/
export FHICL_FILE_PATH=$PWD/work
write() { # PROGRAM RULES
  cat >work/c.fcl <<FCL
campaign: { name: prod output: "$PWD/out" gm2: "$1" rules: $2 }
stages: { generate: {
  config: "mine.fcl" fills: 2
  set: ["source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=20", "services.scheduler.units_per_shard=1"]
} }
FCL
}
printf '#include "mdc1.fcl"\n' >work/mine.fcl
commit() { git -C work add -A && git -C work commit -qm x; }
refused() { # WORDS WHAT
  "$GM2" campaign start "$DB" work/c.fcl >out.txt 2>err; same $? 91 "$2"
  grep -q "nothing is started" err && grep -q "$1" err || { cat err; fail "words of $2: $1"; }
}
write "$RELEASED" production
refused "mine.fcl is in no git repository with a commit\|is in no git repository" "no commit at all"
commit
refused "is on no remote branch: git push" "not pushed"
git -C work push -q origin main || fail push
"$GM2" campaign start "$DB" work/c.fcl >out.txt 2>err || { cat err; fail "all is as it should be"; }
grep -q "no production" out.txt && fail "it is one"
"$GM2" campaign plan "$DB" work/c.fcl >out.txt 2>err && ! grep -q "nothing is started" err || fail "plan"

# a campaign that was started: each pass looks again
stepped() { # WORDS WHAT
  "$GM2" campaign step "$DB" prod >out.txt 2>err; same $? 91 "$2"
  grep -q "$1" err || { cat err; fail "words of $2: $1"; }
  [ ! -e out ] || fail "$2: something was started"
}
echo "# changed" >>work/standard_modules.fcl
stepped "standard_modules.fcl is not as committed" "an included file is changed"
"$GM2" campaign launch "$DB" prod generate >out.txt 2>err; same $? 91 "a launch by hand"
grep -q "standard_modules.fcl is not as committed" err && [ ! -e out ] || { cat err; fail "a launch by hand against the rules"; }
git -C work update-index --assume-unchanged standard_modules.fcl
stepped "standard_modules.fcl is not as committed" "a change that git overlooks"
git -C work update-index --no-assume-unchanged standard_modules.fcl && git -C work checkout -q standard_modules.fcl
printf '#include "mdc1.fcl"\nphysics.producers.gun.polarisation: 0.9\n' >work/new.fcl
sed -i 's/mine.fcl/new.fcl/' work/c.fcl && git -C work commit -qam x && git -C work push -q origin main
stepped "new.fcl is not committed" "a configuration that git does not know"
commit
stepped "is on no remote branch" "committed, not pushed"
git -C work push -q origin main
write "$GM2" production && commit && git -C work push -q origin main
if "$GM2" --version | grep -q "development$"; then stepped "is no release" "a program that is no release"; fi
mkdir alone && cp work/*.fcl alone/ && sed -i "s|gm2: \"[^\"]*\"|gm2: \"$RELEASED\"|" alone/c.fcl
FHICL_FILE_PATH=$PWD/alone "$GM2" campaign start "$DB" alone/c.fcl >out.txt 2>err; same $? 91 "no repository"
grep -q "alone/c.fcl is in no git repository" err || { cat err; fail "words: no repository"; }
"$GM2" campaign plan "$DB" alone/c.fcl >out.txt 2>err && grep -q "nothing is started" err || fail "a plan says what start would refuse"
# a password, a shell word or another program's name in campaign.gm2 is no program
write "$RELEASED; true" production; "$GM2" campaign start "$DB" work/c.fcl 2>err; same $? 29 "no such program"

# accepted: a clean clone of what was pushed
write "$RELEASED" production && commit && git -C work push -q origin main && git clone -q -b main remote.git clean || fail clone
export FHICL_FILE_PATH=$PWD/clean
commit=$(git -C clean rev-parse HEAD)
"$GM2" campaign start "$DB" clean/c.fcl >out.txt 2>err || { cat err; fail "a clean clone"; }
"$GM2" campaign step "$DB" prod --loop 0.2 >out.txt 2>err || { cat out.txt err out/*/*/log; fail "the campaign"; }
grep -q "all is done" out.txt || fail "not all is done"
for f in out/*/products/*.h5; do
  grep -q "\"gm2.fcl_commit\":	\"$commit\"" "$f.json" && grep -q '"version":	"v7_03_00"' "$f.json" || { cat "$f.json"; fail "metadata"; }
done
same "$("$GM2" files count "$DB" "gm2.fcl_commit $commit and gm2.campaign prod and gm2.stage generate and file_format hdf5" | cut -d' ' -f1)" 2 "found by the commit"
same "$(/usr/bin/python3 -c 'import glob, h5py; print(h5py.File(sorted(glob.glob("out/*/products/*.h5"))[0]).attrs["fcl_commit"].decode())')" "$commit" "in the file itself"
same "$("$SOURCE/tests/sql" "$DB" "select release || ' ' || fcl_commit || ' ' || rules from submission_versions" | head -1)" \
  "v7_03_00 $commit production" "in the ledger"
# it ran from the copy that went with it, which is the same configuration
sent=$(ls out/*/*/fcl/mine.fcl) || fail "no copy of the configuration"
id=$("$RELEASED" fcl id "$sent") && grep -q "\"$id\"" "$f.json" || fail "the copy has another identity"
# a production and a development of the same: the commit is told, the version is the same, nothing is due
sed 's/name: prod/name: dev/; s/production/development/' clean/c.fcl >dev.fcl
"$GM2" campaign start "$DB" dev.fcl >out.txt 2>err || { cat err; fail development; }
grep -q "the products of dev are no production" out.txt || { cat out.txt; fail "the line of a development"; }
# send_config in a development; another commit is told, and does not change the identity
sed -i 's/rules: development/rules: development send_config: true/; s/mine.fcl/new.fcl/' dev.fcl
"$GM2" campaign start "$DB" dev.fcl >out.txt 2>err && "$GM2" campaign step "$DB" dev --loop 0.2 >out.txt 2>err || { cat out.txt err; fail "send_config"; }
ls out/*/*/fcl/new.fcl >/dev/null || fail "the configuration was not sent"
same "$("$GM2" files count "$DB" "gm2.campaign dev and file_format hdf5 and gm2.fcl_commit '$commit,unknown'" | cut -d' ' -f1)" 2 "a description in no repository"
"$GM2" files count "$DB" "gm2.campaign dev and file_format hdf5" | grep -q "^2 files" || fail "products of the development"
# from one command: a production where the products go elsewhere; what is on the command line is no production's
"$GM2" campaign run clean/c.fcl -o made --set rate=1 >out.txt 2>err; same $? 91 "a production with --set"
grep -q -- "--set rate=1 is in no git repository: nothing is started" err && [ ! -e made ] || { cat err; fail "words of --set"; }
"$GM2" campaign run clean/c.fcl -o made --loop 0.2 >out.txt 2>err || { cat out.txt err; fail "a production by one command"; }
grep -q "no production" out.txt && fail "by one command it is none"
for f in made/*/products/*.h5; do grep -q "\"gm2.fcl_commit\":	\"$commit\"" "$f.json" || { cat "$f.json"; fail "the commit, by one command"; }; done
echo 'campaign.experiment: "other"' >>made/campaign.fcl
"$GM2" campaign step made/campaign.db prod 2>err; same $? 91 "what was written is changed"
grep -q "made/campaign.fcl is in no git repository" err || { cat err; fail "words: what was written is changed"; }
cp -r clean unpushed && git -C unpushed commit -q --allow-empty -m y && echo "# y" >>unpushed/new.fcl && git -C unpushed commit -qam y
sed -i 's/mine.fcl/new.fcl/' unpushed/c.fcl
FHICL_FILE_PATH=$PWD/unpushed "$GM2" campaign run unpushed/c.fcl -o made2 >out.txt 2>err; same $? 91 "by one command, not pushed"
grep -q "is on no remote branch: git push" err && grep -q "c.fcl is not as committed" err || { cat err; fail "words: not pushed"; }
"$GM2" campaign status made2/campaign.db prod 2>err && fail "it was noted all the same"
"$OTHER" --version | grep -q "v7_03_01 .* released$" || fail "the other release"
exit 0
