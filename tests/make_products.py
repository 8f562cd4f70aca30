#!/usr/bin/python3
"""Products with their metadata, for tests of the catalogue: make_products.py FOLDER N [BYTES]: raw subruns of run 24337 and a child of each."""
import json, os, sys, zlib

folder, n = sys.argv[1], int(sys.argv[2])
size = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
os.makedirs(folder, exist_ok=True)


def write(name, tier, subrun, content, parents):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(content)
    meta = {"file_name": name, "file_size": len(content), "checksum": ["adler32:%08x" % zlib.adler32(content)],
            "data_tier": tier, "data_stream": "full", "runs": [[24337, subrun, "physics"]], "event_count": 91,
            "parents": [{"file_name": p} for p in parents]}
    with open(path + ".json", "w") as f:
        json.dump(meta, f)


for s in range(n):
    raw = "gm2_run24337_%05d.mid" % s
    write("a_full_%05d.h5" % s, "reco", s, (b"full %d " % s) * (size // 8), [raw])
    write(raw, "raw", s, (b"raw %d " % s) * (size // 8), [])
