# Mock DAQ: all banks of all types of fills, in order to the last bit; damaged on purpose, the fills that were not hit are
# reconstructed as from the undamaged file; noise alone.
# timeout: 60
. "$SOURCE/tests/job.sh"
d=physics.producers.digitise
run() { "$GM2" "$@" >log 2>&1 || { cat log; fail "gm2 $*"; }; }
small=(-n 36 --set source.fills_per_subrun=36 --set physics.producers.gun.muons_per_fill=20 --set $d.n_samples=40000
  --set $d.raw_every=8 --set $d.q_flush_fills=16 --set $d.q_decimation=500)

run -c mockdaq.fcl "${small[@]}" -o good/x.h5
raw=gm2_run00001_00000.mid
run raw check good/$raw --checks all
grep -q "36 fills, 0 with damage" log || { cat log; fail "the undamaged file"; }
[ ! -e good/$raw.damage.csv ] || fail "a list of damage without damage"
run raw ls good/$raw
run raw banks good/$raw
for bank in TTCA TTCB TTCZ CA01 CB24 CC12 CZ25 CT25 CP24 CS24 CF01 CQ24 CR01 CR03 LR24 LA01 PR12 sT21; do
  grep -q "$bank" log || fail "no bank $bank"
done

for k in 1 2; do
  run -c mockdaq.fcl "${small[@]}" -o bad$k/x.h5 --set outputs.raw.damage='["all"]' --set outputs.raw.damage_rate=0.5
done
cmp bad1/$raw bad2/$raw && cmp bad1/$raw.damage.csv bad2/$raw.damage.csv || fail "damage does not repeat"
[ "$(wc -l <bad1/$raw.damage.csv)" -gt 12 ] || fail "too few strokes"
"$GM2" raw check bad1/$raw >log 2>&1 && fail "check accepts a damaged file"
run raw check bad1/$raw --lenient
run -c mockdaq.fcl "${small[@]}" -o cut/x.h5 --set outputs.raw.damage='["truncate"]' --set outputs.raw.damage_rate=0.1
grep -q '^truncate,.*rest$' cut/$raw.damage.csv || fail "no cut in the list"

for k in good bad1 cut; do
  run -c reco.fcl -s $k/$raw -o reco_$k/x.h5 --set physics.analyse='[]' --set outputs.out.keep='[reco]'
done
python=/usr/bin/python3
[ -x $python ] || python=python3
if $python -c 'import h5py' 2>/dev/null; then
  $python - $raw <<'PY' || fail "fills that were not hit differ"
import csv, glob, sys, h5py, numpy as np
raw = sys.argv[1]
def read(folder):
    f = h5py.File(glob.glob(folder + "/*.h5")[0])
    return {t: {c: f[t][c][:] for c in f[t] if isinstance(f[t][c], h5py.Dataset)} for t in ("fill", "pulse", "cluster")}
good = read("reco_good")
for name in ("bad1", "cut"):
    strokes = list(csv.DictReader(open(f"{name}/{raw}.damage.csv")))
    hit = {int(s["event"]) for s in strokes if s["costs"] != "nothing"}
    end = min([int(s["event"]) for s in strokes if s["costs"] == "rest"] + [37])
    found = read("reco_" + name)
    whole = [e for e in range(1, 37) if e not in hit and e < end]
    assert whole and set(whole) <= set(found["fill"]["event"]), (name, whole)
    assert len(set(found["fill"]["event"])) == len(found["fill"]["event"]), "a fill is there twice"
    for t in good:
        a, b = (np.isin(x[t]["event"], whole) for x in (good, found))
        for c in good[t]:
            assert (good[t][c][a] == found[t][c][b]).all(), (name, t, c)
    print(name, len(hit), "hit,", len(whole), "fills the same")
PY
fi

run -c mockfastdaq.fcl -n 18 --set $d.n_samples=40000 --set $d.q_decimation=500 -o fast/x.h5
run raw check fast/$raw --checks all
run raw banks fast/$raw
for bank in TTCA CQ24 CR01 LR01; do grep -q "$bank" log || fail "mockfastdaq: no bank $bank"; done
"$GM2" -c mockdaq.fcl -n 1 -o no/x.h5 --set outputs.raw.damage='["sledge"]' >log 2>&1 && fail "an unknown kind is accepted"
grep -q 'no kind of damage "sledge"; there are flip, burst' log || { cat log; fail "kinds are not told"; }
exit 0
