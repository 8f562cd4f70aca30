#!/usr/bin/python3
"""Opens every table and histogram of gm2 HDF5 files with h5py, as src/FORMAT.md describes them, and checks what it says.

Usage: read_outside.py FILE...   Prints one line a table; exit status 1 and a message at the first thing that is wrong."""
import sys

import h5py
import numpy

ROOT_TEXTS = ["format", "process_name", "release", "git_commit", "configuration", "config_id", "isa", "constants_set",
              "conditions_tag", "parents", "fcl_commit", "metadata", "libraries"]
TYPES = {"<f8", "<f4", "<i8", "<i4", "<u4", "<i2", "<u2", "|u1"}


def fail(where, what):
    sys.exit("%s: %s" % (where, what))


def check_dataset(d):
    if not (d.shuffle and d.compression == "gzip" and d.fletcher32):
        fail(d.name, "filters are not shuffle, deflate, fletcher32")
    if d.dtype.str not in TYPES:
        fail(d.name, "type " + d.dtype.str)
    for name in ["units", "long_name"]:
        if name not in d.attrs or not isinstance(d.attrs[name], bytes):
            fail(d.name, "attribute %s is missing" % name)
    if d.attrs["units"] == b"":
        fail(d.name, "units are empty")
    return d[...]  # every checksum is met


def check_columns(group):
    columns = {name: check_dataset(d) for name, d in group.items() if isinstance(d, h5py.Dataset)}
    for name, values in columns.items():
        if len(values) != group.attrs["n_rows"]:
            fail(group.name, "column %s has %d rows" % (name, len(values)))
        if group[name].maxshape[0] is not None:
            fail(group.name, "column %s is not extendible" % name)
    return columns


def check_table(group):
    columns = check_columns(group)
    has_ids = {"run", "subrun", "event"} <= set(columns)
    if not has_ids and len(columns) > 1:
        fail(group.name, "run, subrun, event are missing")
    if "index" in group:
        index = check_columns(group["index"])
        first, count = index["first"], index["count"]
        if not numpy.array_equal(first, numpy.cumsum(count) - count) or count.sum() != group.attrs["n_rows"]:
            fail(group.name, "the index does not cover the table")
        for name in ["run", "subrun", "event"] if has_ids else []:
            if not numpy.array_equal(numpy.repeat(index[name], count), columns[name]):
                fail(group.name, "column %s disagrees with the index" % name)
    elif group.name != "/units":
        fail(group.name, "index is missing")
    units = ", ".join("%s [%s]" % (n, group[n].attrs["units"].decode()) for n in columns)
    print("%s: %d rows; %s" % (group.name, group.attrs["n_rows"], units))


def check_hist(name, d):
    if not isinstance(d, h5py.Dataset):
        return
    values = check_dataset(d)
    a = d.attrs
    if "squares_of" in a:
        return
    shape = (a["x_n"],) if a["y_n"] == 1 else (a["x_n"], a["y_n"])
    if values.shape != shape or d.dtype != numpy.int64 or not a["x_high"] > a["x_low"]:
        fail(d.name, "shape or axes are wrong")
    if a["quantum"] == 1 and values.sum() + a["n_outside"] != a["n_entries"]:
        fail(d.name, "contents and outside do not add up to the entries")
    print("%s: %d entries, x %s [%s]" % (d.name, a["n_entries"], a["x_label"].decode(), a["x_unit"].decode()))


def check_file(path):
    with h5py.File(path, "r") as f:
        for name in ROOT_TEXTS:
            if not isinstance(f.attrs.get(name), bytes):
                fail(path, "root attribute %s is missing" % name)
        if f.attrs["format"] != b"gm2" or f.attrs["format_version"] != 1 or f.attrs["is_complete"] != 1:
            fail(path, "not a complete gm2 file of version 1")
        for name, group in f.items():
            if name == "hist":
                group.visititems(check_hist)
            elif "table" in group.attrs:
                check_table(group)
            else:
                fail(path, "unknown group " + name)


if len(sys.argv) < 2:
    sys.exit(__doc__)
for path in sys.argv[1:]:
    check_file(path)
