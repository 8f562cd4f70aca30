# The audit: a store as it should be; then a file gone, one cut, one with a flipped bit, one that nobody declared, one unfinished.
# timeout: 60
set -u
fail() { echo "FAILED: $*"; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: wanted \"$2\", got \"$1\""; }
DB=${FILES_DB:-$PWD/c.db}
"$GM2" files init "$DB" || fail init
"$SOURCE/tests/make_products.py" box 5
"$GM2" files ingest "$DB" box --to store >/dev/null || fail ingest
same "$("$GM2" files audit "$DB" --store store --checksums)" \
  "10 files at 10 places: 0 missing, 0 damaged; in store 0 unknown, 0 unfinished" "a good store"
raw=store/raw/024337
rm $raw/gm2_run24337_00000.mid
truncate -s 10 $raw/gm2_run24337_00001.mid
printf 'X' | dd of=$raw/gm2_run24337_00002.mid bs=1 seek=100 conv=notrunc 2>/dev/null
echo stray >$raw/stray.mid
echo half >$raw/gm2_run24337_00009.mid.part.123
"$GM2" files locate "$DB" gm2_run24337_00004.mid root://door.example/x.mid || fail locate
"$GM2" files audit "$DB" --store store >out; same $? 1 "exit status"
same "$(tail -1 out)" "10 files at 11 places, 1 of them not on this host and not looked at: 1 missing, 1 damaged; in store 1 unknown, 1 unfinished" sizes
"$GM2" files audit "$DB" "data_tier raw" --checksums >out; same $? 1 "exit status"
grep -q "^damaged .*00002.mid: it has adler32:.*, declared is adler32:" out && grep -q "^missing .*00000.mid" out || { cat out; fail words; }
same "$(tail -1 out)" "5 files at 6 places, 1 of them not on this host and not looked at: 1 missing, 2 damaged" checksums
[ -e $raw/stray.mid ] && [ -e $raw/gm2_run24337_00009.mid.part.123 ] || fail "the audit deleted something"
"$GM2" files audit "$DB" --store nowhere 2>err; same $? 20 "no such store"
exit 0
