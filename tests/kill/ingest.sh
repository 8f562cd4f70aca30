# The drop box killed at 60 random moments, two at a time: at the end every file is in the store, whole, declared once, and gone
# from the box.
# timeout: 200
. "$SOURCE/tests/check.sh"
DB=$PWD/c.db
RANDOM=3
"$GM2" files init "$DB" || fail init
"$SOURCE/tests/make_products.py" box 150 200000
for n in $(seq 60); do
  "$GM2" files ingest "$DB" box --to store >>log 2>&1 & a=$!
  "$GM2" files ingest "$DB" box --to store >>log 2>&1 & b=$!
  sleep 0.0$((RANDOM % 10))
  kill -9 $a $b 2>/dev/null
  wait $a $b 2>/dev/null
done
"$GM2" files ingest "$DB" box --to store >>log 2>err || { tail log; tail err; fail "the last pass"; }
[ -z "$(ls box)" ] || fail "left in the box: $(ls box | head -3)"
/usr/bin/python3 - <<'PY' || fail "the store"
import glob, json, zlib
names = sorted(n for n in glob.glob("store/*/*/*") if not n.endswith(".json") and ".part" not in n)
assert len(names) == 300, len(names)
for n in names:
    m = json.load(open(n + ".json"))
    b = open(n, "rb").read()
    assert len(b) == m["file_size"] and "adler32:%08x" % zlib.adler32(b) in m["checksum"], n
PY
[ "$("$GM2" files count "$DB" "data_tier raw, reco" | cut -d, -f1)" = "300 files" ] || fail "not all are declared"
exit 0
