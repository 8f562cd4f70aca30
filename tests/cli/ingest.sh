# A drop box: files go to the store and the catalogue; damaged, lost and conflicting ones stay and are named.
# timeout: 120
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" c)
"$GM2" files init "$DB" || fail init
"$SOURCE/tests/make_products.py" box 5
same "$("$GM2" files ingest "$DB" box --to store)" "10 ingested, 0 known before, 0 in conflict, 0 refused" ingest
same "$(ls box)" "" "the box is empty"
same "$("$GM2" files ingest "$DB" box --to store)" "0 ingested, 0 known before, 0 in conflict, 0 refused" "an empty box"
[ -s store/raw/024337/gm2_run24337_00003.mid ] && [ -s store/raw/024337/gm2_run24337_00003.mid.json ] || fail "not in the store"
same "$("$GM2" files list "$DB" "data_tier raw minus isparentof: (data_tier reco)")" "" "lineage"
same "$("$GM2" files get "$DB" a_full_00002.h5 | grep -c "file:$PWD/store/reco/024337/a_full_00002.h5")" 1 location
# the same bytes once more: known, and the box is emptied
"$SOURCE/tests/make_products.py" box 2
same "$("$GM2" files ingest "$DB" box --to store)" "0 ingested, 4 known before, 0 in conflict, 0 refused" again
same "$(ls box)" "" "the box is empty again"
# other bytes; a damaged file; a child whose parent is nowhere; metadata without a file
"$SOURCE/tests/make_products.py" box 8 2000
printf 'x' >>box/gm2_run24337_00006.mid
rm box/gm2_run24337_00007.mid
cp store/raw/024337/gm2_run24337_00001.mid before
"$GM2" files ingest "$DB" box --to store >out 2>err; same $? 1 "exit status"
same "$(cat out)" "2 ingested, 0 known before, 10 in conflict, 4 refused" "a mixed box"
cmp before store/raw/024337/gm2_run24337_00001.mid || fail "the store's file was touched"
grep -q "gm2_run24337_00006.mid.json stays: .*its metadata say" err && grep -q "a_full_00007.h5 stays: its parent" err && \
  grep -q "there is no file box/gm2_run24337_00007.mid" err || { cat err; fail "words"; }
[ -s box/gm2_run24337_00001.mid ] && [ -s box/gm2_run24337_00006.mid ] || fail "something was lost"
find store -name '*.part*' | grep . && fail "leavings"
# what goes must be what the store has; a pipe is not waited for
rm -rf box; "$SOURCE/tests/make_products.py" box 2
echo "other bytes" >box/gm2_run24337_00000.mid
mkfifo box/b.json box/c.h5
sed 's/a_full_00000/c/' box/a_full_00000.h5.json >box/c.h5.json
"$GM2" files ingest "$DB" box --to store >out 2>err; same $? 1 "exit status"
same "$(cat out)" "0 ingested, 3 known before, 0 in conflict, 3 refused" "a box with pipes"
same "$(cat box/gm2_run24337_00000.mid)" "other bytes" "a source that is not what the store has"
grep -q "box/c.h5 is no file" err && grep -q "b.json is no file of metadata" err || { cat err; fail "words on pipes"; }
"$GM2" files ingest "$DB" nothing --to store >out 2>err || fail "no box"
exit 0
