# From waveforms: energies and times with all gain effects put in, far larger than real ones, and taken out by module Gain
# with the constants that were put in, are those without the effects.
# timeout: 300
. "$SOURCE/tests/job.sh"
small_fcl 600 2 2
cat >>small.fcl <<FCL
outputs.out.keep: [reco, hist, gain_truth]
physics.producers.gain: { module_type: Gain energy_scale: true }
FCL
effects="gain_ifg: true ifg_amplitude: 0.2 ifg_tau_us: 20 gain_stdp: true stdp_per_GeV: 0.2 stdp_tau_ns: 40 gain_oof: true \
oof_per_hour: 0 oof_walk: 0.05 time_offset_ns: 0.5 energy_spread: 0.1"
{ cat small.fcl; echo "physics.producers.digitise: { @table::standard_simulation.digitise $effects }"; } >effects.fcl
{ cat effects.fcl; echo 'physics.reconstruct: [unpack, fit, gain, cluster, truth] services.conditions.database: "cond.db"'; } >corrected.fcl
run() { "$GM2" -c "$1.fcl" -n 4 -o "$1/x.h5" >log 2>&1 || { cat log; fail "$1"; }; }
run small
run effects
"$GM2" cond init cond.db >log 2>&1 || { cat log; fail init; }
/usr/bin/python3 - <<'PYTHON' || fail "truth to constants"
import h5py, numpy
t = h5py.File("effects/x_shard00000.h5")["gain_truth"]
c = {k: t[k][:] for k in t if k != "index"}
one = 0 * c["oof"]
for name, columns in {
        "oof_correction": {"oofcorrection": c["oof"]},
        "ifg_correction": {"amplitude": c["ifg_amplitude"], "tau[us]": c["ifg_tau_us"]},
        "stdp_correction": {"amplitude": c["stdp_amplitude"], "tau[ns]": c["stdp_tau_ns"]},
        "time_alignment": {"time_offset[ns]": c["time_offset_ns"]},
        "energy_scale": {"energy_per_count[MeV]": 1.6 / c["energy_factor"]},
        "channel_status": {"is_dead": c["is_dead"], "is_hot": c["is_hot"]}}.items():
    with open(name + ".csv", "w") as f:
        heads = []
        for k in columns:
            base, _, unit = k.partition("[")
            heads += [k] if name == "channel_status" else [k, base + "_err" + ("[" + unit if unit else "")]
        f.write(",".join(["run", "subrun", "calonum", "xtalnum"] + heads) + "\n")
        for i in range(len(one)):
            row = [c["run"][i], c["subrun"][i], c["calo"][i], c["crystal"][i]]
            for v in columns.values():
                row += [v[i]] if name == "channel_status" else ["%.17g" % v[i], 0.001]
            f.write(",".join(str(v) for v in row) + "\n")
PYTHON
for t in oof_correction ifg_correction stdp_correction time_alignment energy_scale channel_status; do
  "$GM2" cond load cond.db $t $t.csv --comment truth >log 2>&1 || { cat log; fail "load $t"; }
done
run corrected
/usr/bin/python3 - <<'PYTHON' || fail "the effects are not taken out"
import h5py, numpy
def read(name):
    f = h5py.File(name + "/x_shard00000.h5")
    k, first = f["cluster_truth"], {}
    i = f["cluster/index"]
    start = {(s, e): n for s, e, n in zip(i["subrun"][:], i["event"][:], i["first"][:])}
    row = numpy.array([start[s, e] + c for s, e, c in zip(k["subrun"][:], k["event"][:], k["cluster"][:])])
    alone = (k["n_hits"][:] == 1) & (k["particle"][:] == 0) & (k["true_energy_GeV"][:] > 1)
    row, dt, true = row[alone], k["dt_ns"][:][alone], k["true_energy_GeV"][:][alone]
    t, e = f["cluster/t_fill_ns"][:][row], f["cluster/energy_GeV"][:][row]
    key = [(s, v, x) for s, v, x in zip(k["subrun"][:][alone], k["event"][:][alone], true)]
    return dict(zip(key, zip(t, e, dt)))
plain, effects, corrected = read("small"), read("effects"), read("corrected")
both = [k for k in plain if k in corrected and k in effects]
print(len(plain), len(both))
assert len(both) > 0.95 * len(plain) and len(both) > 100
p, e, c = (numpy.array([d[k] for k in both]) for d in (plain, effects, corrected))
early = p[:, 0] < 20000
for what, other in (("with the effects", e), ("corrected", c)):
    r = other[:, 1] / p[:, 1]
    print(what, "energy: early %.4f, late %.4f, width %.4f; time: width %.4f ns" %
          (numpy.median(r[early]), numpy.median(r[~early]), numpy.percentile(abs(r - numpy.median(r)), 68), numpy.percentile(abs(other[:, 0] - p[:, 0]), 68)))
r, s = e[:, 1] / p[:, 1], c[:, 1] / p[:, 1]
assert numpy.median(r[early]) < 0.92 and numpy.percentile(abs(r - numpy.median(r)), 68) > 0.05
# light near the thresholds of islands and pulses is seen or not seen with other gains: that is what remains
assert abs(numpy.median(s[early]) - 1) < 0.004 and abs(numpy.median(s[~early]) - 1) < 0.002
assert numpy.percentile(abs(s - 1), 68) < 0.01
assert numpy.percentile(abs(c[:, 0] - p[:, 0]), 68) < 0.02 < 0.2 < numpy.percentile(abs(e[:, 0] - p[:, 0]), 68)
PYTHON
exit 0
