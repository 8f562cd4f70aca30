"""Clusters of a simulated file against the positrons that made them: closure.py FILE

Bounds: what the chain should do and at least four standard errors of six fills (3,500 single positrons above 1.7 GeV well
inside): all 21 together raise a false alarm in less than 1 of 500 samples; with its fixed seed the test repeats.
A scale off by 1 %, times off by 40 ps, one cluster in 100 missing ... must be noticed: the test makes each fault.
"""
import sys
import h5py
import numpy as np

PITCH, HALF_X, HALF_Y = 25.1, 4.5 * 25.1, 3 * 25.1  # mm


def depth_mm(e):  # mean depth of a shower (sim/README.md)
    return 9.3 / 0.5 * (1 + 0.5 * np.maximum(0, np.log(e / 0.009) + 0.5))


def load(name):
    """Hits and clusters with rows counted over the whole file."""
    f = h5py.File(name)

    def table(t):
        return {k: f[t][k][...] for k in f[t] if isinstance(f[t][k], h5py.Dataset)}

    def fill_of(d):
        return d["subrun"].astype(np.int64) * 100000 + d["event"]

    def rows(d, column, t):
        index = f[t]["index"]
        fills = index["subrun"][...].astype(np.int64) * 100000 + index["event"][...]
        return d[column].astype(np.int64) + index["first"][...][np.searchsorted(fills, fill_of(d))]

    d = {"hit": table("calo_hit"), "cluster": table("cluster"), "light": table("crystal_hit"), "fill": table("fill")}
    truth = table("cluster_truth")
    d["of_cluster"], d["of_hit"] = rows(truth, "cluster", "cluster"), rows(truth, "calo_hit", "calo_hit")
    hit = d["hit"]
    d["light_row"] = rows(d["light"], "calo_hit", "calo_hit")
    # distance in time to the nearest other hit of the same calorimeter
    key = fill_of(hit) * 32 + hit["calo"]
    order = np.lexsort((hit["t_fill_ns"], key))
    gap = np.where(np.diff(key[order]) == 0, np.diff(hit["t_fill_ns"][order]), np.inf)
    alone = np.empty(len(order))
    alone[order] = np.minimum(np.append(np.inf, gap), np.append(gap, np.inf))
    depth = depth_mm(hit["energy_GeV"]) / np.sqrt(1 + hit["dxdz"] ** 2 + hit["dydz"] ** 2)
    hit["alone_ns"] = alone
    hit["x_in"], hit["y_in"] = hit["x_mm"] + depth * hit["dxdz"], hit["y_mm"] + depth * hit["dydz"]
    hit["inside"] = np.minimum(HALF_X - abs(hit["x_in"]), HALF_Y - abs(hit["y_in"])) > PITCH
    return d


def width(v):  # half of the central 68.3 %
    low, high = np.percentile(v, [15.87, 84.13])
    return 0.5 * (high - low)


def measure(d):
    """The figures that are judged: name -> value."""
    hit, cluster, c, h = d["hit"], d["cluster"], d["of_cluster"], d["of_hit"]
    true, found = hit["energy_GeV"][h], cluster["energy_GeV"][c]
    ratio, dt = found / true, 1e3 * (cluster["t_fill_ns"][c] - hit["t_fill_ns"][h])
    single = hit["alone_ns"][h] > 20
    inside = single & hit["inside"][h]
    high = inside & (true > 1.7)
    out = {}
    for e in (0.5, 1.0, 2.0, 2.8):
        here = inside & (abs(true / e - 1) < 0.15)
        out["energy ratio %.1f GeV" % e] = np.median(ratio[here])
        out["energy width %.1f GeV" % e] = width(ratio[here])
    out["energy ratio"] = np.median(ratio[high])
    out["energy ratio, late over early"] = np.median(ratio[high & (hit["t_fill_ns"][h] > 50e3)]) / np.median(
        ratio[high & (hit["t_fill_ns"][h] < 50e3)])
    out["time bias ps"] = np.median(dt[high])
    out["time width ps"] = width(dt[high])
    out["time bias 0.5 GeV ps"] = np.median(dt[inside & (abs(true / 0.5 - 1) < 0.3)])
    for axis in "xy":
        dx = cluster[axis + "_mm"][c] - hit[axis + "_in"][h]
        out[axis + " bias mm"], out[axis + " width mm"] = np.median(dx[high]), width(dx[high])
    # a single positron is found if the cluster matched to it has its time and energy
    good = np.zeros(len(hit["energy_GeV"]), bool)
    good[h[(abs(dt) < 500) & (abs(ratio - 1) < 0.15)]] = True
    wanted = (hit["alone_ns"] > 20) & (hit["energy_GeV"] > 1.7) & hit["inside"]
    out["found"] = good[wanted].mean()
    wanted = (hit["alone_ns"] > 20) & (hit["energy_GeV"] > 0.3)
    seen = np.zeros(len(good), bool)
    seen[h[abs(dt) < 500]] = True
    out["seen above 0.3 GeV"] = seen[wanted].mean()
    out["fakes"] = 1 - len(c) / len(cluster["energy_GeV"])
    twice = np.bincount(h[single], minlength=len(good)) > 1
    out["found twice"] = twice.sum() / len(c)
    return out


# name: lowest, highest. Widths: the model's (sim/README.md, Calorimeter) +- 10 %.
BOUNDS = {
    "energy ratio": (0.995, 1.005),  # 0.07 % statistics, 0.2 % from the growth of the leakage
    "energy ratio 0.5 GeV": (0.990, 1.012),  # 0.2 %, and the leakage is 0.4 % smaller
    "energy ratio 1.0 GeV": (0.993, 1.008),
    "energy ratio 2.0 GeV": (0.995, 1.005),
    "energy ratio 2.8 GeV": (0.990, 1.006),
    "energy ratio, late over early": (0.995, 1.005),  # 0.1 %: nothing in the simulation changes with time
    "energy width 0.5 GeV": (0.050, 0.068),
    "energy width 1.0 GeV": (0.033, 0.043),
    "energy width 2.0 GeV": (0.023, 0.030),
    "energy width 2.8 GeV": (0.019, 0.028),
    "time bias ps": (-20, 20),  # T0: 11 ps a fill
    "time bias 0.5 GeV ps": (-20, 20),
    "time width ps": (5, 25),
    "x bias mm": (-0.5, 0.5),
    "y bias mm": (-0.2, 0.2),
    "x width mm": (0.5, 2.2),
    "y width mm": (0.3, 1.5),
    "found": (0.995, 1),
    "seen above 0.3 GeV": (0.97, 1),
    "fakes": (0, 0.001),
    "found twice": (0, 0.002),
}


def failures(d):
    values = measure(d)
    return values, [n for n, (low, high) in BOUNDS.items() if not low <= values[n] <= high]


def with_fault(d, table, column, change):
    changed = {**d, table: dict(d[table])}
    changed[table][column] = change(d[table][column])
    return changed


def main():
    d = load(sys.argv[1])
    values, bad = failures(d)
    for name, value in values.items():
        print("%-32s %9.4f  bounds %g .. %g%s" % (name, value, *BOUNDS[name], "  FAILED" if name in bad else ""))
    faults = {
        "scale 1 % high": with_fault(d, "cluster", "energy_GeV", lambda v: 1.01 * v),
        "scale 1 % low": with_fault(d, "cluster", "energy_GeV", lambda v: 0.99 * v),
        "40 ps late": with_fault(d, "cluster", "t_fill_ns", lambda v: v + 0.04),
        "1 mm outward": with_fault(d, "cluster", "x_mm", lambda v: v + 1),
        "1 % missing": {**d, "of_cluster": d["of_cluster"][np.arange(len(d["of_cluster"])) % 100 > 0],
                        "of_hit": d["of_hit"][np.arange(len(d["of_hit"])) % 100 > 0]},
        "gain falls by 1 % in time": with_fault(
            d, "cluster", "energy_GeV", lambda v: v * (1 + 0.005 * np.sign(d["cluster"]["t_fill_ns"] - 50e3))),
    }
    missed = [name for name, changed in faults.items() if not failures(changed)[1]]
    for name in missed:
        print("not noticed:", name)
    sys.exit(1 if bad or missed else 0)


main()
