# Truth written by one job, digitised and reconstructed by another: the bits of one pass, on 1, 2 and 3 ranks, from unit files,
# shards and merged ones; what is refused. Every type of fill, laser shots and whole waveforms, which count fills of the run.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/job.sh"
few="--set source.fills_per_subrun=3 --set source.cycle_muon=3 --set source.fills=daq --set physics.producers.gun.muons_per_fill=60"
dig="--set physics.producers.digitise.laser_every=2 --set physics.producers.digitise.monitor_is_on=true --set physics.producers.digitise.gain_oof=true --set physics.producers.digitise.gain_ifg=true"
one="--set services.scheduler.units_per_shard=1"
keep="--set outputs.out.keep=[reco,digit,hist,gain_truth,raw] --set outputs.out.drop=[odb]"
run() { "$GM2" "$@" >log 2>&1 || { cat log; fail "gm2 $*"; }; }

run -c mdc1.fcl -n 10 -o pass/x.h5 $few $dig $keep $one --set outputs.raw.max_subruns=-1
run -c generate.fcl -n 10 -o sim/s.h5 $few
[ "$(ls sim/*.h5 | wc -l)" = 4 ] || fail "10 fills in subruns of 3 are 4 files"
ls sim/*.h5 >list

# alike A B: all but what files say of the job that made them
alike() {
  local a b
  for a in "$1"/x_r*.h5; do
    b=$2/$(basename "$a")
    [ -e "$b" ] || fail "$b is missing"
    h5diff -c "$a" "$b" | grep -iE '^(attribute|dataset|group)|comparable' | grep -v 'is an empty dataset' |
      grep -vE '^attribute: <(config_id|configuration|git_commit|metadata|parents|process_name) of </>>' && fail "$a and $b differ"
    # hist/positron is filled where positrons are made
    [ "$(h5ls -r "$a" | grep -v "^/hist/positron")" = "$(h5ls -r "$b")" ] || fail "$a and $b have other objects"
  done
  [ "$(ls "$1"/x_r*.h5 | wc -l)" = "$(ls "$2"/x_r*.h5 | wc -l)" ] || fail "other files in $2"
}
run -c digireco.fcl -S list -o r1/x.h5 $dig $keep --set outputs.raw.max_subruns=-1
alike pass r1
for n in 2 3; do
  "${mpirun_cmd[@]}" -n $n --oversubscribe "$GM2" -c digireco.fcl -S list -o r$n/x.h5 $dig $keep >log 2>&1 || { cat log; fail "$n ranks"; }
  alike pass r$n
done
# other noise is another file: the comparison can fail
run -c digireco.fcl -s sim/s_r000001_s00001.h5 -o other/x.h5 $dig $keep --set services.RandomNumberGenerator.seed=2 --set source.may_differ='[seed]'
h5diff -q r1/x_r000001_s00001.h5 other/x_r000001_s00001.h5 && fail "another seed gave the same"

# shards and merged files hold many subruns; whatever the order, each file is made once
run -c generate.fcl -n 10 -o shard/s.h5 $few --set services.scheduler.units_per_shard=3
run -c digireco.fcl -s shard/s_shard00001.h5 -s shard/s_shard00000.h5 -o fromshard/x.h5 $dig $keep
alike r1 fromshard
run -c merge.fcl -S list -o merged/m.h5
run -c digireco.fcl -s merged/m.h5 -o frommerged/x.h5 $dig $keep --set services.scheduler.units_per_shard=4
run -c digireco.fcl -S list -o inshard/x.h5 $dig $keep --set services.scheduler.units_per_shard=4
h5diff inshard/x_shard00000.h5 frommerged/x_shard00000.h5 | grep -E '^(attribute|dataset)' | grep -v '<parents of' && fail "from a merged file"
grep -q '"file_name":.*"m.h5"' frommerged/x_shard00000.h5.json || fail "parents"
[ "$(grep -c '"m.h5"' frommerged/x_shard00000.h5.json)" = 1 ] || fail "a parent is named once"
grep -q '"file_type":.*importedSimulated' frommerged/x_shard00000.h5.json || fail "it is simulated"
grep -q '"data_tier":.*"sim"' sim/s_r000001_s00000.h5.json || fail "tier of truth"
grep -q 's_r000001_s00002.h5' r1/gm2_run00001_00002.mid.json || fail "the parent of a raw file"

# part of a subrun
run -c digireco.fcl -s sim/s_r000001_s00001.h5 -o part/x.h5 --nskip 1 -n 2
grep -q '"first_event":.*2' part/x_*.json || fail "first event"
grep -q '"last_event":.*3' part/x_*.json || fail "last event"

# refuse EXIT WORDS ARGUMENTS...
refuse() {
  local code=$1 words=$2 rc w
  shift 2
  "$GM2" -c digireco.fcl -o bad/x.h5 "$@" >log 2>&1
  rc=$?
  [ $rc = "$code" ] || { cat log; fail "exit $rc instead of $code: $*"; }
  for w in $words; do grep -qF -- "$w" log || { cat log; fail "\"$w\" is not in the message of: $*"; }; done
  [ -z "$(find bad -name '*.h5*' 2>/dev/null)" ] || fail "something is left: $*"
}
truth=sim/s_r000001_s00001.h5
refuse 88 "-s FILE"
refuse 20 "sim/none.h5" -s sim/none.h5
head -c 9000 $truth >cut.h5
refuse 16 "cut.h5 truncated" -s cut.h5
echo text >text.h5
refuse 16 "text.h5" -s text.h5
refuse 16 "x_r000001_s00001.h5 fill_truth generate.fcl" -s pass/x_r000001_s00001.h5
refuse 23 "seed 2 services.RandomNumberGenerator.seed=1" -s $truth --set services.RandomNumberGenerator.seed=2
refuse 88 "subrun 1 twice" -s $truth -s shard/s_shard00000.h5
refuse 88 "one subrun" -S list -n 2
run -c generate.fcl -n 3 -o far/s.h5 $few --set source.first_subrun=9 --set physics.producers.gun.muons_per_fill=61
run -c generate.fcl -n 3 -o more/s.h5 $few --set source.run=2 --set source.first_subrun=9
run -c digireco.fcl -s more/s_r000002_s00009.h5 -s $truth -o runs/x.h5
refuse 23 "gun.muons_per_fill 61 60 source.may_differ" -s $truth -s far/s_r000001_s00009.h5
run -c digireco.fcl -s $truth -s far/s_r000001_s00009.h5 -o accepted/x.h5 --set source.may_differ='["physics.producers.gun.muons_per_fill"]'
run -c generate.fcl -n 3 -o less/s.h5 $few --set outputs.out.drop='[calo_hit]'
refuse 16 "less/s_r000001_s00000.h5 calo_hit outputs.out.keep" -s less/s_r000001_s00000.h5
# muons and their ends are read for histograms of the beam alone: who wants none does not need them
run -c generate.fcl -n 3 -o light/s.h5 $few --set outputs.out.drop='[muon, vertex]'
run -c digireco.fcl -s light/s_r000001_s00000.h5 -o fromlight/x.h5 $dig --set physics.analyse='[wiggle]'
"$GM2" -c mdc1.fcl -s $truth -o bad/x.h5 >log 2>&1; [ $? = 88 ] || fail "files for EmptyFill"
grep -q "TruthInput" log || fail "the message for EmptyFill"
exit 0
