# A production of beam histograms alone, and its page: C_e and C_p of the default beam by formula and by tracked spin.
# timeout: 120
. "$SOURCE/tests/job.sh"
"$GM2" -c beam.fcl -n 2 -o out/beam.h5 --set source.fills_per_subrun=1 --set physics.producers.gun.muons_per_fill=1500 \
  >log 2>&1 || { cat log; fail "the job"; }
"$GM2" report out/beam_shard00000.h5 -o out/report >log 2>&1 || { cat log; fail "the report"; }
# About 1,900 stored muons. C_e = 345 +- 10 ppb and C_p = 177 +- 4 ppb of the sample: 4 errors; spin against formula: the same
# muons, 0.2 ppb of noise and 1 ppb of what the formulas leave out; CBO of the lattice at n = 0.1077: 0.3686 MHz.
/usr/bin/python3 - <<'PY' || fail "numbers of the beam"
import json
r = json.load(open('out/report/report.json'))
b = r['beam']
def near(name, got, want, within):
    assert abs(got - want) <= within, f'{name}: {got}, want {want} +- {within}'
near('C_e', b['C_e_formula_ppb']['value'], 345, 42)
near('C_p', b['C_p_formula_ppb']['value'], 177, 16)
near('spin - formula', b['spin_minus_formula_ppb']['value'], 0, 2)
near('C_e by spin', b['C_e_spin_ppb']['value'] / b['C_e_formula_weighted_ppb'], 0.993, 0.006)
near('C_p by spin', b['C_p_spin_ppb']['value'] / b['C_p_formula_weighted_ppb'], 1.012, 0.006)
near('phase slope', r['pictures']['phase_entry']['slope_mrad_per_percent'], -10.1, 0.5)
assert 'wiggle' not in r['pictures'] and 'fits' in r
PY
grep -q 'by formula and by spin' out/report/index.html || fail "the page has no table"
grep -q 'No fit' out/report/index.html && fail "the page speaks of fits"
exit 0
