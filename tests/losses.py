"""Lost muons of a simulated file as triple coincidences of its clusters, against truth: losses.py FILE

Finds the triples anew, by the rule of the literature, and compares with LostMuonCount's histogram (equal) and with what
the light of each muon in the crystals predicts. Bounds: 10 % of the prediction for noise, thresholds and light of others,
which a binomial error of 2 % (200 triples or more) does not blur.
"""
import sys
import h5py
import numpy as np


def main():
    f = h5py.File(sys.argv[1])

    def table(t):
        d = {k: f[t][k][...] for k in f[t] if isinstance(f[t][k], h5py.Dataset)}
        d["fill"] = d["subrun"].astype(np.int64) * 100000 + d["event"]
        return d

    def rows(d, column, t, pick=None):
        index = f[t]["index"]
        fills = index["subrun"][...].astype(np.int64) * 100000 + index["event"][...]
        fill, row = (d["fill"], d[column]) if pick is None else (d["fill"][pick], d[column][pick])
        return row.astype(np.int64) + index["first"][...][np.searchsorted(fills, fill)]

    mip, light, cluster, truth = (table(t) for t in ("mip_hit", "crystal_hit", "cluster", "cluster_truth"))
    muon = light["particle"] == 1
    seen, largest, n = np.zeros(len(mip["calo"])), np.zeros(len(mip["calo"])), np.zeros(len(mip["calo"]), int)
    row = rows(light, "calo_hit", "mip_hit", muon)
    np.add.at(seen, row, light["energy_GeV"][muon])
    np.maximum.at(largest, row, light["energy_GeV"][muon])
    np.add.at(n, row, 1)
    with np.errstate(invalid="ignore"):
        good = (seen > 0.1) & (seen < 0.25) & (largest / seen >= 0.8) & (n <= 3) & (largest > 0.096)

    # a muon's rows follow each other in the table
    def chain(i, length):
        j = np.arange(i, i + length)
        if j[-1] >= len(good) or np.any(mip["fill"][j] != mip["fill"][i]) or np.any(mip["vertex"][j] != mip["vertex"][i]):
            return False
        return bool(np.all(good[j])) and bool(np.all(np.diff(mip["calo"][j].astype(int)) % 24 == 1))

    predicted = sum(chain(i, 3) for i in range(len(good)))

    # what made each cluster: rows in mip_hit, -1 otherwise
    made_by = np.full(len(cluster["calo"]), -1)
    of_muon = truth["particle"] == 1
    made_by[rows(truth, "cluster", "cluster", of_muon)] = rows(truth, "calo_hit", "mip_hit", of_muon)
    mips = np.flatnonzero((cluster["energy_GeV"] > 0.1) & (cluster["energy_GeV"] < 0.25) & (cluster["n_crystals"] <= 3)
                          & (cluster["max_fraction"] >= 0.8))
    place = {}
    for i in mips:
        place.setdefault((cluster["fill"][i], int(cluster["calo"][i])), []).append(i)
    t = cluster["t_fill_ns"]

    def after(i):
        return [j for j in place.get((cluster["fill"][i], int(cluster["calo"][i]) % 24 + 1), []) if 5 <= t[j] - t[i] <= 7.5]

    triples = [(i, j, k) for i in mips for j in after(i) for k in after(j) if t[k] - t[i] <= 14.4]
    true = 0
    for triple in triples:
        hits = made_by[list(triple)]
        true += bool(np.all(hits >= 0) and len(set(mip["vertex"][hits])) == 1)
    histogram = f["hist/losses/triples"]
    counted = (histogram["content"] if isinstance(histogram, h5py.Group) else histogram)[...].sum()
    muons = light["n_pe"][muon].sum() / max(1, mip["energy_GeV"].sum() * 800)
    print("lost muons' hits %d; triples predicted %d, found %d, of one muon %d, counted %d; light/deposit %.3f"
          % (len(good), predicted, len(triples), true, counted, muons))
    bad = []
    if predicted < 200: bad.append("too few triples to judge")
    if counted != len(triples): bad.append("LostMuonCount differs")
    if abs(true - predicted) > 0.1 * predicted: bad.append("triples of one muon differ from the prediction by more than 10 %")
    if true < 0.9 * len(triples): bad.append("more than 10 % of the triples are no single muon's")
    if abs(muons - 1) > 0.02: bad.append("light is not that of the deposits")
    for words in bad:
        print("FAILED:", words)
    sys.exit(1 if bad else 0)


main()
