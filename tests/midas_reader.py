"""An independent reader of MIDAS files, written from the format's description alone: it shares nothing with gm2.

    midas_reader.py FILE.mid[.gz|.lz4]            walks the file strictly and decodes banks CT, CP, CS, CA, CB, CC, CZ
    midas_reader.py FILE --json                   the same, what was found as JSON on stdout
    midas_reader.py FILE --against UNIT.h5        compares with the tables that gm2 unpacked (h5py)

Exit status 0 when all is as the format wants it; otherwise 1 and one line that says what and where.
"""
import argparse
import gzip
import hashlib
import json
import re
import struct
import subprocess
import sys
import zlib
import xml.etree.ElementTree as ElementTree

BOR, EOR, MESSAGE, MAGIC = 0x8000, 0x8001, 0x8002, 0x494D
ELEMENT = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 4, 9: 4, 10: 8, 11: 4, 17: 8, 18: 8}
CODE = {4: "H", 5: "h", 6: "I", 7: "i", 9: "f", 10: "d", 17: "q", 18: "Q"}


class Bad(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Bad(text)


def read_bytes(path):
    if path.endswith(".gz"):
        with gzip.open(path, "rb") as file:
            return file.read()
    if path.endswith(".lz4"):
        return subprocess.run(["lz4", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    with open(path, "rb") as file:
        return file.read()


def split_events(data):
    """(offset, order, id, mask, serial, time, body) of each event."""
    need(len(data) >= 16, "no event")
    order = "<" if data[0:2] == b"\x00\x80" else ">"
    at = 0
    while at < len(data):
        need(len(data) - at >= 16, "event header cut at byte %d" % at)
        event_id, mask, serial, time, size = struct.unpack_from(order + "HHIII", data, at)
        need(len(data) - at - 16 >= size, "event cut at byte %d" % at)
        yield at, order, event_id, mask, serial, time, data[at + 16 : at + 16 + size]
        at += 16 + size


def inflate(data):
    """What a compressed bank holds: MD5 of it, then a zlib stream without its end."""
    plain = zlib.decompressobj(15).decompress(data[16:])
    need(hashlib.md5(plain).digest() == data[:16], "MD5 of a compressed bank")
    return plain


def split_banks(body):
    """(name, type, order, data) of each bank, compressed ones opened."""
    for name, kind, order, data in split_body(body):
        if kind == 1 and re.fullmatch("FZ[0-9][0-9]", name):
            yield from split_banks(inflate(data))
        elif kind == 1 and re.fullmatch("[a-z].[0-9][0-9]", name):
            plain = inflate(data)
            size = len(plain) - 12
            padded = plain + bytes((8 - size % 8) % 8)
            inner = list(split_body(struct.pack("<II", len(padded), 17) + padded))
            need(len(inner) == 1 and inner[0][0] == name[0].upper() + name[1:], "another bank in %s" % name)
            yield inner[0]
        else:
            yield name, kind, order, data


def split_body(body):
    """(name, type, order, data) of each bank as it stands."""
    order = "<" if struct.unpack_from("<I", body, 4)[0] in (1, 17, 49) else ">"
    size, flags = struct.unpack_from(order + "II", body, 0)
    need(flags in (1, 17, 49), "flags %d" % flags)
    need(size + 8 == len(body), "banks of %d bytes in a body of %d" % (size, len(body)))
    form = {1: "HH", 17: "II", 49: "III"}[flags]
    head = 4 + struct.calcsize("<" + form)
    at = 8
    while at < len(body):
        name = body[at : at + 4].decode("ascii")
        kind, length = struct.unpack_from(order + form, body, at + 4)[0:2]
        step = head + (length + 7) // 8 * 8
        need(at + step <= len(body), "bank %s reaches beyond its event" % name)
        need(kind in ELEMENT and length % ELEMENT[kind] == 0, "bank %s: type %d, %d bytes" % (name, kind, length))
        yield name, kind, order, body[at + head : at + head + length]
        at += step


def host(kind, order, data):
    """The bank's bytes in little-endian order, turned round by its type."""
    if order == "<" or ELEMENT[kind] == 1:
        return data
    count = len(data) // ELEMENT[kind]
    return struct.pack("<%d%s" % (count, CODE[kind]), *struct.unpack(">%d%s" % (count, CODE[kind]), data))


def decode_ct(data):
    """Islands: (ctag, segments, [(first sample, length, {segment: samples})])."""
    need(len(data) % 4 == 0, "islands not padded to 32 bits")
    truncated = data[0:4] == b"\xad\xde\xbe\xba"
    at = 4 if truncated else 0
    words, n_islands, n_segments, ctag = struct.unpack_from("<IHHI", data, at)
    at += 12
    start = at
    islands = []
    for _ in range(n_islands):
        first, length = struct.unpack_from("<II", data, at)
        at += 8
        kept = n_segments
        if truncated:
            (kept,) = struct.unpack_from("<I", data, at)
            at += 4
        traces = {}
        for k in range(kept):
            segment = k
            if truncated:
                (segment,) = struct.unpack_from("<I", data, at)
                at += 4
            need(segment < n_segments, "segment %d of %d" % (segment, n_segments))
            traces[segment] = struct.unpack_from("<%dh" % length, data, at)
            at += 2 * length
        islands.append((first, length, traces))
    need(at - start == 2 * words, "islands of %d words, the header says %d" % ((at - start) // 2, words))
    need(len(data) - at in (0, 2), "%d bytes after the islands" % (len(data) - at))
    return ctag, n_segments, islands


def decode_cp(data):
    values = struct.unpack("<%df" % (len(data) // 4), data)
    need(values and values[0] == len(values) - 1, "pedestals of %g segments, %d there" % (values[0], len(values) - 1))
    return values[1:]


def decode_cs(data):
    (count,) = struct.unpack_from("<I", data, 0)
    need(4 * (count + 1) == len(data), "sums of %d elements in %d bytes" % (count, len(data)))
    return struct.unpack_from("<%di" % count, data, 4)


def words64(data):
    return struct.unpack(">%dQ" % (len(data) // 8), data)


def bits(word, high, low):
    return word >> low & ((1 << (high - low + 1)) - 1)


def decode_ca(data):
    """Trigger number and the sum of what the boards sent [64-bit words]."""
    w = words64(data)
    need(bits(w[0], 63, 60) == 5, "no CDF header")
    n_boards = bits(w[1], 55, 52)
    need(len(w) == 2 + n_boards + 1, "AMC13 block of %d boards in %d words" % (n_boards, len(w)))
    sizes = [bits(v, 55, 32) for v in w[2:-1]]
    need(all(bits(v, 58, 58) for v in w[2:-1]), "a board that is not present")
    return bits(w[0], 55, 32), 2 + n_boards + 2 + sum(sizes)


def decode_cb(data):
    """(trigger, channels, samples) of the boards, checked against each other."""
    w = words64(data)
    at, found = 0, None
    channels = 0
    while at < len(w):
        mask = bits(w[at + 1], 63, 59)
        n = bin(mask).count("1")
        trigger, length = bits(w[at], 55, 32), bits(w[at], 19, 0)
        need(bits(w[at + 1], 15, 13) == 1, "board is no WFD5")
        bursts = [bits(w[at + 3 + 7 * k + 1], 49, 27) for k in range(n)]
        triggers = [bits(w[at + 3 + 7 * k + 1], 23, 0) for k in range(n)]
        need(all(t == trigger for t in triggers), "channel of another trigger")
        need(length == 3 + sum(2 + 2 + 2 * b + 3 for b in bursts) + 1, "board's length")
        trailer = w[at + 3 + 7 * n]
        need(bits(trailer, 31, 24) == trigger & 0xFF and bits(trailer, 19, 0) == length, "board's trailer")
        need(found in (None, (trigger, 8 * bursts[0])), "boards disagree")
        found = (trigger, 8 * bursts[0])
        channels += n
        at += 3 + 7 * n + 1
    return found[0], channels, found[1]


def check_fill(banks, summary):
    """All crates of one fill: decoded, and compared with each other."""
    triggers = set()
    for name, (kind, order, data) in banks.items():
        crate, letter = name[2:4], name[1]
        data = host(kind, order, data)
        if re.fullmatch("CT[0-9][0-9]", name):
            need(kind == 5, "%s is of type %d" % (name, kind))
            ctag, n_segments, islands = decode_ct(data)
            need("CP" + crate in banks, "%s without pedestals" % name)
            need(len(decode_cp(host(*banks["CP" + crate]))) == n_segments, "pedestals of crate " + crate)
            summary["n_islands"] += len(islands)
            summary["ctag"] += ctag if int(crate) <= 24 else 0
            for first, length, traces in islands:
                summary["n_traces"] += len(traces)
                summary["n_samples"] += length * len(traces)
                summary["sum_of_samples"] += sum(sum(t) for t in traces.values())
                summary["sum_of_times"] += first
        elif letter == "S" and name[0] == "C":
            summary["n_sums"] += len(decode_cs(data))
        elif letter == "A" and name[0] == "C":
            trigger, total = decode_ca(data)
            triggers.add(trigger)
            cz = words64(host(*banks["CZ" + crate]))
            need(len(cz) == 1 and bits(cz[0], 63, 60) == 10 and bits(cz[0], 55, 32) == total, "CDF trailer of " + crate)
        elif letter == "B" and name[0] == "C":
            trigger, channels, samples = decode_cb(data)
            triggers.add(trigger)
            summary["samples_a_channel"] = samples
        elif letter == "C" and name[0] == "C":
            need(len(words64(data)) == 22, "%s of %d words" % (name, len(data) // 8))
    need(len(triggers) <= 1, "crates of different triggers %s" % sorted(triggers))


def check_odb(text, run):
    need(text.endswith(b"\0"), "ODB dump without a NUL at its end")
    root = ElementTree.fromstring(text[:-1])
    keys = {}

    def walk(node, path):
        for child in node:
            here = path + "/" + child.attrib["name"]
            if child.tag == "dir":
                walk(child, here)
            elif child.tag == "keyarray":
                need(len(child) == int(child.attrib["num_values"]), here)
                keys[here] = [v.text for v in child]
            else:
                keys[here] = child.text
                need(child.tag == "key" and child.attrib["type"], here)

    walk(root, "")
    need(int(keys["/Experiment/Run number"]) == run, "run number in the ODB")
    return keys


def check_file(path):
    summary = dict.fromkeys(
        "n_islands n_traces n_samples sum_of_samples sum_of_times n_sums ctag samples_a_channel".split(), 0
    )
    fills, run, ended, keys, names = 0, None, False, {}, set()
    for at, _order, event_id, mask, serial, _time, body in split_events(read_bytes(path)):
        try:
            need(not ended, "an event after the end of run")
            need((run is None) == (event_id == BOR), "begin of run is not the first event, or not alone")
            if event_id in (BOR, EOR):
                need(mask == MAGIC, "mask 0x%04X" % mask)
                need(run in (None, serial), "end of run %d in run %s" % (serial, run))
                run, ended = serial, event_id == EOR
                keys = check_odb(body, run)
            elif event_id == 1:
                banks = {}
                for name, kind, order, data in split_banks(body):
                    need(name not in banks, "two banks %s" % name)
                    banks[name] = (kind, order, data)
                names |= set(banks)
                check_fill(banks, summary)
                fills += 1
        except (Bad, struct.error, KeyError, ValueError, ElementTree.ParseError) as error:
            raise Bad("event id 0x%04X, serial %d at byte %d: %s" % (event_id, serial, at, error)) from error
    need(ended, "no end of run")
    summary.update(run=run, n_fills=fills, n_odb_keys=len(keys), banks=sorted(names))
    summary["injection"] = keys.get("/Equipment/AMC1325/Settings/injection sample")
    summary["threshold"] = keys.get("/Equipment/AMC1301/Settings/threshold")
    return summary


def compare(summary, path):
    """What gm2 unpacked into HDF5 holds the same islands, traces and samples."""
    import h5py

    with h5py.File(path) as file:
        found = {
            "n_islands": len(file["island/calo"]),
            "n_traces": len(file["trace/crystal"]),
            "n_samples": len(file["sample/adc"]),
            "sum_of_samples": int(file["sample/adc"][()].astype("i8").sum()),
            "sum_of_times": int(file["island/first_sample"][()].astype("i8").sum()),
            "n_fills": len(file["fill/ctag"]),
            "ctag": int(file["fill/ctag"][()].sum()),
        }
        need((file["fill/status"][()] == 0).all(), "fill.status is not 0 in %s" % path)
        late = abs(file["fill/t0_ns"][()] - 1.25 * float(summary["injection"])).max()
        need(late < 0.05, "T0 is %.3f ns off in %s" % (late, path))
    for name, value in found.items():
        need(summary[name] == value, "%s: %d in the raw file, %d in %s" % (name, summary[name], value, path))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--against", metavar="UNIT.h5")
    args = parser.parse_args()
    try:
        summary = check_file(args.file)
        if args.against:
            compare(summary, args.against)
    except (Bad, struct.error, OSError, EOFError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
        print("%s: %s" % (args.file, error), file=sys.stderr)
        return 1
    print(json.dumps(summary) if args.json else "\n".join("%s %s" % item for item in summary.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
