# The JSON beside a product satisfies the schema, as judged by an outside validator, and describes the bytes on disk.
set -eu
"$BUILD/tests/t_meta" sample product.h5
/usr/bin/python3 - "$SOURCE/src/metadata.schema.json" <<'PYTHON'
import copy, json, sys, zlib
import jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
good = json.load(open("product.h5.json"))
errors = list(validator.iter_errors(good))
assert not errors, errors
data = open("product.h5", "rb").read()
assert good["file_size"] == len(data)
assert good["checksum"] == ["adler32:%08x" % zlib.adler32(data)]
# the schema refuses what is wrong
for key in good:
    bad = copy.deepcopy(good)
    del bad[key]
    assert not validator.is_valid(bad), "accepted without " + key
for key, value in [("file_size", "12"), ("checksum", []), ("checksum", ["md5:00"]), ("runs", [[1, "mc"]]),
                   ("gm2.seed", 1), ("start_time", "yesterday"), ("file_name", "a/b"), ("data_tier", "art")]:
    assert not validator.is_valid({**good, key: value}), "accepted %s = %r" % (key, value)
PYTHON
