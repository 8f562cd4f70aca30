# Constants as products: metadata for the catalogue, a tag that is made once, nothing loaded twice, a frozen tag that other constants
# are refused; all of --only or nothing.
# timeout: 120
. "$SOURCE/tests/job.sh"
"$GM2" -c mockdaq.fcl -n 12 -o raw/x.h5 --set source.fills_per_subrun=6 --set source.cycle_muon=2 --set source.cycle_laser=2 --set source.cycle_pedestal=2 \
  --set physics.producers.gun.muons_per_fill=40 --set physics.producers.digitise.gain_oof=true --set physics.producers.digitise.raw_every=0 \
  --set physics.producers.digitise.q_flush_fills=0 >log 2>&1 || { cat log; fail "mock data"; }
ls raw/*.mid >list.txt
"$GM2" -c preproduction.fcl -S list.txt -o pre/p.h5 >log 2>&1 || { cat log; fail "pre-production"; }
ls "$PWD"/pre/*.h5 >inputs.txt
make() { "$GM2" calib -S inputs.txt -o page --only oof,noise --process-name constants --db c.db "$@" >log 2>&1; }
make --product out/k --tag pass1 --author test --freeze || { cat log; fail "constants"; }
same "$(ls out | sort | tr '\n' ' ')" "k.noise.noise.csv k.noise.noise.csv.json k.oof_correction.oof.csv k.oof_correction.oof.csv.json " "products"
/usr/bin/python3 - <<'PY' || fail "metadata"
import json
m = json.load(open("out/k.oof_correction.oof.csv.json"))
assert m["data_tier"] == "constants" and m["file_format"] == "csv" and m["gm2.conditions_tag"] == "pass1", m
assert [r[:2] for r in m["runs"]] == [[1, 0], [1, 1]] and m["event_count"] == 12
assert sorted(p["file_name"] for p in m["parents"]) == ["p_r000001_s00000.h5", "p_r000001_s00001.h5"]
assert m["data_stream"] == "fastdaq" and m["file_type"] == json.load(open("pre/p_r000001_s00000.h5.json"))["file_type"]
PY
"$GM2" cond dump c.db oof_correction --tag pass1 -o before.csv || fail dump
n=$("$GM2" cond log c.db | wc -l)
# again, elsewhere: as after a kill between loading and publishing
make --product again/k --tag pass1 --author test --freeze || { cat log; fail "again"; }
cmp out/k.oof_correction.oof.csv again/k.oof_correction.oof.csv || fail "other bytes"
same "$("$GM2" cond log c.db | wc -l)" "$n" "nothing is done in the database"
make --product out/k --tag pass1 --author test || { cat log; fail "in place"; }
# other constants are refused by a frozen tag, and leave no product
head -1 inputs.txt >one.txt
"$GM2" calib -S one.txt -o page --only noise --process-name constants --db c.db --product frozen/k --tag pass1 --author test >log 2>&1 && fail "a frozen tag took constants"
grep -q "frozen" log || { cat log; fail "words of a frozen tag"; }
[ -z "$(ls frozen 2>/dev/null)" ] || fail "a product of what was not loaded"
"$GM2" cond dump c.db oof_correction --tag pass1 -o after.csv && cmp before.csv after.csv || fail "the frozen tag changed"
# a new tag begins with what another has; all of --only or nothing
make --product second/k --tag pass2 --from-tag pass1 --author test || { cat log; fail "from a tag"; }
"$GM2" cond diff c.db oof_correction pass1 pass2 >log || { cat log; fail "pass2 differs"; }
"$GM2" calib -S inputs.txt -o page --only noise,ifg --process-name constants --db c.db --product half/k --tag pass3 >log 2>&1 && fail "half of what was asked for"
[ -z "$(ls half 2>/dev/null)" ] || fail "a product of half"
"$GM2" cond tag c.db | grep -q pass3 && fail "a tag of half"
"$GM2" calib -S inputs.txt -o page --product out/k --db c.db >log 2>&1; same $? 88 "without --only"
"$GM2" files init f.db && "$GM2" files declare f.db raw/*.json pre/*.json out/*.json >log || { cat log; fail "the catalogue refuses them"; }
same "$("$GM2" files count f.db "isdescendantof: (data_tier raw) and data_tier constants" | cut -d' ' -f1)" 2 "raw -> pre -> constants"
exit 0
