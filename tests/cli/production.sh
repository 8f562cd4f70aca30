# The data chain: raw subruns -> pre-production -> constants -> production -> one file. Bad fills stay in tables and are not in
# histograms; quality of subruns, thresholds from the database, what is missing.
# timeout: 300
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=-1 small_fcl 1200 6 1
cat >>small.fcl <<FCL
source.fills: daq
source.cycle_muon: 2
source.cycle_laser: 2
source.cycle_pedestal: 2
physics.producers.digitise: { module_type: Digitise gain_oof: true monitor_is_on: true pe_per_MeV: 0 }
FCL
"$GM2" -c small.fcl -n 6 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
"$GM2" -c small.fcl -n 6 --nskip 6 -o sim/x.h5 --set physics.producers.gun.muons_per_fill=60 >log 2>&1 || { cat log; fail "simulation of few muons"; }
ls sim/*.mid >list.txt
[ "$(wc -l <list.txt)" = 2 ] || fail "two raw files are expected"

value() { # FILE DATASET: its numbers, one after the other
  h5dump -d "$2" -y "$1" 2>/dev/null | sed -n '/DATA {/,/}/p' | sed '/}/q' | grep -v '[{}]' | tr -d ' ,\n'
}
is() { # FILE DATASET NUMBERS
  local got
  got=$(value "$1" "$2")
  [ "$got" = "$3" ] || fail "$1 $2 is $got, $3 expected"
}

# ---- pre-production: in the second subrun the CTAG cut fails, and no other
cut="--set physics.producers.dqc.ctag_low=20"
"$GM2" -c preproduction.fcl -S list.txt -o pre/p.h5 $cut >log 2>&1 || { cat log; fail "preproduction"; }
a=pre/p_r000001_s00000.h5 b=pre/p_r000001_s00001.h5
is $a dqc/fill_type "$(value $b dqc/fill_type)"
is $a dqc/flags 000000
[ "$(value $b dqc/flags | grep -o 32 | wc -l)" = 2 ] || fail "two muon fills fail CTAG alone: $(value $b dqc/flags)"
is $a dqc_subrun/is_good 1
is $b dqc_subrun/is_good 0
is $a dqc_subrun/event 0
is $a dqc_subrun/oof_channels 1296
h5ls $a | grep -qE '^(cluster|pulse) ' && fail "pre-production is to be light"
# quality is asked for like any other metadata; a raw file's by its children
DB=$("$SOURCE/tests/database" q)
"$GM2" files init "$DB" && "$GM2" files declare "$DB" sim/*.mid pre/p_r*.h5 >/dev/null || fail "declare"
asks() { # QUERY FILES
  got=$("$GM2" files list "$DB" "$1" | tr '\n' ' ')
  [ "$got" = "$2" ] || fail "\"$1\" selects \"$got\", \"$2\" expected"
}
asks "data_tier dqc and dqc.status good" "${a#pre/} "
asks "data_tier dqc and dqc.good_fraction < 0.9" "${b#pre/} "
asks "data_tier raw and isparentof: (dqc.good_fraction > 0.9 and dqc.n_good >= 2)" "gm2_run00001_00000.mid "
asks "data_tier raw and isparentof: (dqc.failed like %good_fraction%)" "gm2_run00001_00001.mid "
grep -q '"data_tier":.*"dqc"' $a.json && grep -q '"data_stream":.*"fastdaq"' $a.json || fail "metadata"

# every fill that was damaged on purpose is flagged, and no other
"$GM2" -c small.fcl -n 6 -o damage/x.h5 --set outputs.raw.damage='["drop_crate","fill_number"]' --set outputs.raw.damage_rate=0.4 >log 2>&1 || { cat log; fail "damage"; }
"$GM2" -c preproduction.fcl -s damage/gm2_run00001_00000.mid -o damaged/p.h5 $cut >log 2>&1 || { cat log; fail "preproduction of damaged fills"; }
/usr/bin/python3 - <<'PYTHON' || fail "damaged fills"
import csv, h5py
done = {int(r["event"]): r["kind"] for r in csv.DictReader(open("damage/gm2_run00001_00000.mid.damage.csv"))}
d = h5py.File("damaged/p_r000001_s00000.h5")["dqc"]
found = {int(e): int(f) & 3 for e, f in zip(d["event"][:], d["flags"][:])}
assert 0 < len(done) < 6, done
assert found == {e: {"drop_crate": 2, "fill_number": 3}.get(done.get(e), 0) for e in found}, (done, found)
PYTHON

# ---- constants
"$GM2" cond init c.db --author test >log 2>&1 || { cat log; fail "cond init"; }
"$GM2" calib $a $b -o calib --only oof,pedestal,noise --db c.db --author test --comment "pass 1" >log 2>&1 || { cat log; fail "gm2 calib"; }
db=(--set 'services.conditions.database="c.db"')

# ---- production
"$GM2" -c production.fcl -S list.txt -o none/f.h5 >log 2>&1
[ $? = 91 ] && grep -q 'services.conditions' log || { cat log; fail "without a database"; }
"$GM2" -c production.fcl -S list.txt -o none/f.h5 "${db[@]}" --set physics.producers.gain.stdp=false >log 2>&1
[ $? = 29 ] && grep -q 'missing\|no constants' log || { cat log; fail "without constants"; }
cat >full.fcl <<FCL
#include "production.fcl"
services.conditions.database: "c.db"
physics.producers.dqc.ctag_low: 20
physics.producers.dqc.needs_constants: [oof_correction, ifg_correction]
physics.producers.gain: { module_type: Gain ifg: false stdp: false energy_scale: false time_alignment: false channel_status: "off" }
FCL
"$GM2" -c full.fcl -S list.txt -o full/f.h5 >log 2>&1 || { cat log; fail "production"; }
a=full/f_r000001_s00000.h5 b=full/f_r000001_s00001.h5
is $a hist/wiggle/fills 2
is $b hist/wiggle/fills 0
[ "$(value $b cluster/index/event)" = "123456" ] || fail "bad fills stay in tables"
is $a hist/dqc/fills 622
is $b hist/dqc/fills 620
is $a dqc_subrun/no_constants 1
is $a dqc_subrun/is_good 0
[ "$(h5dump -a conditions_tag $a | grep -c head)" = 1 ] || fail "the tag of the constants"
"$GM2" -c full.fcl -S list.txt -o all/f.h5 --set 'physics.producers.dqc.ignore=[ctag]' >log 2>&1 || { cat log; fail "ignore"; }
is all/f_r000001_s00001.h5 hist/wiggle/fills 2

# ---- thresholds from the database: all of them, or none
{ echo run,cut,low,high; for cut in 0 1 2 3 4 5 6 7 8 100 101 102 103 104; do echo 1,$cut,-1e9,1e9; done; } >thresholds.csv
"$GM2" cond load c.db dqc_thresholds thresholds.csv --partial --author test --comment "open" >log 2>&1 || { cat log; fail "thresholds"; }
"$GM2" -c full.fcl -S list.txt -o open/f.h5 --set physics.producers.dqc.thresholds=conditions >log 2>&1 || { cat log; fail "thresholds of the database"; }
is open/f_r000001_s00001.h5 hist/wiggle/fills 2
"$GM2" cond tag c.db few --author test --comment few >log 2>&1
grep -v ',5,' thresholds.csv >few.csv
"$GM2" cond load c.db dqc_thresholds few.csv --tag few --author test --comment few --partial >log 2>&1 || { cat log; fail "few thresholds"; }
"$GM2" cond load c.db oof_correction calib/oof_correction.oof.csv --tag few --author test --comment few >log 2>&1 || { cat log; fail "gains"; }
"$GM2" -c full.fcl -S list.txt -o few/f.h5 --set physics.producers.dqc.thresholds=conditions --set services.conditions.tag=few >log 2>&1
[ $? = 29 ] && grep -q 'ctag' log || { cat log; fail "a threshold that is not there"; }

# ---- what cuts cost, as a page; streams
"$GM2" report pre/*.h5 -o report >log 2>&1 || { cat log; fail "report"; }
tr '\n' ' ' <report/index.html | grep -q '<td>ctag<td class=u>[^<]*<td>2<td>50.00<td>2<td>50.00' || fail "the table of cuts"
"$GM2" -c preproduction.fcl -s "$(head -1 list.txt)" -n 1 -o stream/p.h5 --set services.FileCatalogMetadata.particle=proton --set services.FileCatalogMetadata.streamName=mine >log 2>&1 || { cat log; fail "another stream"; }
grep -q '"gm2.particle":.*"proton"' stream/*.json && grep -q '"data_stream":.*"mine"' stream/*.json || fail "the words of another stream"
[ "$(h5dump -a config_id stream/p_r000001_s00000.h5 | grep '(0)')" != "" ] || fail "config_id"

# ---- one file
ls full/*.h5 >full.txt
"$GM2" -c merge.fcl -S full.txt -o merged/run1.h5 >log 2>&1 || { cat log; fail "merge"; }
is merged/run1.h5 hist/dqc/fills 1242
is merged/run1.h5 dqc_subrun/n_good 20
grep -q '"oof_correction":' merged/run1.h5.json && grep -q '"data_stream":.*"fastdaq"' merged/run1.h5.json || { cat merged/run1.h5.json; fail "metadata of the merged file"; }

"$GM2" -c full.fcl -S list.txt -o bad/f.h5 --set physics.analyzers.wiggle.SelectEvents='[nobody]' >log 2>&1
[ $? = 91 ] && grep -q nobody log || { cat log; fail "an unknown path in SelectEvents"; }
exit 0
