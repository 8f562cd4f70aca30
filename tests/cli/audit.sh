# The audit: a store as it should be; then a file gone, one cut, one with a flipped bit, one that nobody declared, one unfinished.
# timeout: 60
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" c)
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
same "$(tail -1 out)" "10 files at 11 places, 1 of them elsewhere, where nothing could be asked: 1 missing, 1 damaged; in store 1 unknown, 1 unfinished" sizes
"$GM2" files audit "$DB" "data_tier raw" --checksums >out; same $? 1 "exit status"
grep -q "^damaged .*00002.mid: it has adler32:.*, declared is adler32:" out && grep -q "^missing .*00000.mid" out || { cat out; fail words; }
same "$(tail -1 out)" "5 files at 6 places, 1 of them elsewhere, where nothing could be asked: 1 missing, 2 damaged" checksums
[ -e $raw/stray.mid ] && [ -e $raw/gm2_run24337_00009.mid.part.123 ] || fail "the audit deleted something"
# a store elsewhere, played by a stand-in: asked, not "elsewhere"
mkdir bin far; cat >bin/xrdfs <<'SH'
#!/bin/bash
f=$(dirname "$(dirname "$0")")/far/$(basename "${!#}")
[ -e "$f" ] || { echo "[ERROR] Server responded with an error: [3011] No such file or directory" >&2; exit 54; }
case $2 in stat) echo "Size:   $(stat -c %s "$f")"; [ ! -e "$f.tape" ] || echo "Flags:  80 (Offline)" ;; query) "$GM2" checksum "$f" | sed 's/.* adler32:\([0-9a-f]*\).*/adler32 \1/' ;; esac
SH
chmod +x bin/xrdfs; export PATH=$PWD/bin:$PATH GM2
for i in 0 3 4; do "$GM2" files locate "$DB" gm2_run24337_0000$i.mid root://door.example//s/gm2_run24337_0000$i.mid || fail locate; done
"$GM2" files locate "$DB" gm2_run24337_00004.mid root://door.example/x.mid --remove || fail "locate --remove"
cp $raw/gm2_run24337_0000[34].mid far; printf 'X' | dd of=far/gm2_run24337_00004.mid bs=1 seek=100 conv=notrunc 2>/dev/null
touch far/gm2_run24337_00003.mid.tape
"$GM2" files audit "$DB" "file_name gm2_run24337_00000.mid, gm2_run24337_00003.mid, gm2_run24337_00004.mid" --checksums >out; same $? 1 "exit status"
same "$(tail -1 out)" "3 files at 6 places, 1 on tape: 2 missing, 1 damaged" "places elsewhere"
grep -q "^missing root://door.example//s/gm2_run24337_00000.mid" out && grep -q "^damaged root://.*00004.mid: it has adler32" out || { cat out; fail "words of places elsewhere"; }
"$GM2" files locate "$DB" gm2_run24337_00003.mid fiel:/x 2>err; same $? 16 "unknown scheme"
grep -q "the schemes file, root, xroot, gsiftp, https, s3" err || { cat err; fail "schemes known"; }
"$GM2" files audit "$DB" --store nowhere 2>err; same $? 20 "no such store"
exit 0
