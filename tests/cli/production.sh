# The data chain: raw subruns -> pre-production -> production. Bad fills stay in tables and are not in histograms.
# timeout: 120
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=-1 small_fcl 1200 3 1
"$GM2" -c small.fcl -n 3 -o sim/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
"$GM2" -c small.fcl -n 3 --nskip 3 -o sim/x.h5 --set physics.producers.gun.muons_per_fill=60 >log 2>&1 || { cat log; fail "simulation of few muons"; }
ls sim/*.mid >list.txt
[ "$(wc -l <list.txt)" = 2 ] || fail "two raw files are expected"

value() { # FILE DATASET: its numbers, one after the other
  h5dump -d "$2" -y "$1" 2>/dev/null | sed -n '/DATA {/,/}/p' | sed '/}/q' | grep -v '[{}]' | tr -d ' ,\n'
}
# a hundredth part of the muons: the CTAG cut fails and no other
cut="--set physics.producers.dqc.ctag_low=20"
"$GM2" -c preproduction.fcl -S list.txt -o pre/p.h5 $cut >log 2>&1 || { cat log; fail "preproduction"; }
a=pre/p_r000001_s00000.h5 b=pre/p_r000001_s00001.h5
[ "$(value $a dqc/flags)" = "000" ] || fail "first subrun: flags $(value $a dqc/flags)"
[ "$(value $b dqc/flags)" = "323232" ] || fail "second subrun: flags $(value $b dqc/flags), CTAG alone is expected"
[ "$(value $a dqc_subrun/is_good)$(value $b dqc_subrun/is_good)" = "10" ] || fail "verdicts"
[ "$(value $a dqc_subrun/event)" = 0 ] || fail "a table of the subrun has event 0"
h5ls $a | grep -qE '^(cluster|pulse) ' && fail "pre-production is to be light"
grep -q '"data_tier":.*"dqc"' $a.json && grep -q '"data_stream":.*"fastdaq"' $a.json || fail "metadata"

"$GM2" -c production.fcl -S list.txt -o full/f.h5 $cut >log 2>&1 || { cat log; fail "production"; }
a=full/f_r000001_s00000.h5 b=full/f_r000001_s00001.h5
[ "$(value $a hist/wiggle/fills)$(value $b hist/wiggle/fills)" = "30" ] || fail "bad fills in histograms"
[ "$(value $b dqc/is_good)" = "000" ] || fail "bad fills"
[ "$(value $b cluster/index/event)" = "123" ] || fail "bad fills stay in tables"
[ "$(value $a hist/dqc/fills)" = "333" ] && [ "$(value $b hist/dqc/fills)" = "330" ] || fail "dqc/fills"
"$GM2" -c production.fcl -S list.txt -o all/f.h5 $cut --set 'physics.producers.dqc.ignore=[ctag]' >log 2>&1 || { cat log; fail "ignore"; }
[ "$(value all/f_r000001_s00001.h5 hist/wiggle/fills)" = 3 ] || fail "an ignored cut drops fills"

"$GM2" -c production.fcl -S list.txt -o bad/f.h5 --set physics.analyzers.wiggle.SelectEvents='[nobody]' >log 2>&1
[ $? = 91 ] && grep -q nobody log || { cat log; fail "an unknown path in SelectEvents"; }
exit 0
